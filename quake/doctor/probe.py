"""Start a probe that may crash or hang, in a process, and hear what it says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

_PATIENCE_S = 5.0

# The parent's path, whatever the folder that the program was started in has in it.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from quake.doctor.probes import main; main(sys.argv[2:])"
)


@dataclass(frozen=True)
class Answer:
    """What a probe said.

    Attributes
    ----------
    facts : mapping of step to what was found in it
    doing : str
        The step that the process was at when it ended; empty if it came to its end.
    ending : str
        How it ended before that.
    """

    facts: Mapping[str, Mapping[str, Any]]
    doing: str = ""
    ending: str = ""

    def of(self, step: str) -> Mapping[str, Any]:
        """What was found; ``{"error": ...}`` if it failed; empty if it was not come to."""
        if step in self.facts:
            return self.facts[step]
        has_not_begun = not self.facts and not self.doing
        return {"error": self.ending} if step == self.doing or has_not_begun else {}


class Probe:
    """A process that looks at something.

    It begins at once, and does not outlive the ``with`` block.

    Parameters
    ----------
    name : str
        Of a probe in `quake.doctor.probes`.
    arguments : str
    limit_s : float
        Seconds that it may take.
    """

    def __init__(self, name: str, *arguments: str, limit_s: float) -> None:
        self._limit_s = limit_s
        self._end_s = time.monotonic() + limit_s
        # Files and no pipes: who waits for the end of a pipe waits for all that inherited it.
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the probe
        self._err = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-W", "ignore", "-c", _PROGRAM),
                *(json.dumps(sys.path), name, *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
        )

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *exception: object) -> None:
        self._kill()
        self._out.close()
        self._err.close()

    def answer(self) -> Answer:
        """Wait for the end of the process, or of its time."""
        try:
            status = self._process.wait(max(self._end_s - time.monotonic(), 0))
            ending = _ending(status, _text(self._err))
        except subprocess.TimeoutExpired:
            self._kill()
            ending = f"no answer within {self._limit_s:g} s"
        facts: dict[str, Mapping[str, Any]] = {}
        doing = ""
        for line in _text(self._out).splitlines():
            try:
                values = json.loads(line)
            except ValueError:  # the process ended in the middle of it
                continue
            doing = values.pop("doing", "")
            facts.update(values)
        return Answer(facts, doing, ending)

    def _kill(self) -> None:
        """End the process; one that waits for a driver that hangs ends when that lets it."""
        if self._process.poll() is None:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE_S)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _ending(status: int, messages: str) -> str:
    """How a process ended that did not come to its end; empty for one that did."""
    if status == 0:
        return ""
    if status < 0:
        return f"the process was ended by signal {-status} ({_signal_name(-status)})"
    last = messages.strip().splitlines()[-1:]
    return f"the process ended with status {status}{': ' + last[0] if last else ''}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
