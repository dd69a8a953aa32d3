"""Run commands for events: revisions in, processes with their JSON on standard input out.

The stream of data waits for none of them: they are run in threads, so many at a time, for so long
at most, and what cannot be waited for is left out with an error in the log.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from quake.errors import ParameterError
from quake.live.revisions import Revision

logger = logging.getLogger(__name__)

# Revisions that wait for a process: minutes of the worst swarm.
_MOST_WAITING = 1000

# Of what a command that failed has said.
_SAID_BYTES = 500

# At the end of the run, commands that have begun may take so long.
_END_S = 10.0


@dataclass(frozen=True)
class CommandOptions:
    """How commands are run.

    Attributes
    ----------
    command : str
        Program and arguments, as a shell would divide them; no shell is asked.
    at_a_time : int
    timeout_s : float

    Raises
    ------
    ParameterError
        If there is no such program, or a number makes no sense.
    """

    command: str
    at_a_time: int = 4
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        arguments = self.arguments
        if not arguments:
            raise ParameterError("--exec: is empty; name a program")
        if shutil.which(arguments[0]) is None:
            raise ParameterError(
                f"--exec {arguments[0]}: is no program that can be run; give its path, and see "
                "that it is executable"
            )
        if self.at_a_time < 1:
            raise ParameterError(f"--exec-limit must be 1 or more, got {self.at_a_time}")
        if not self.timeout_s > 0:
            raise ParameterError(f"--exec-timeout must be more than 0, got {self.timeout_s:g}")

    @property
    def arguments(self) -> list[str]:
        """The command, divided.

        Raises
        ------
        ParameterError
            If a quotation mark is missing.
        """
        try:
            return shlex.split(self.command)
        except ValueError as error:
            raise ParameterError(f"--exec {self.command}: {error}") from error


class Commands:
    """Runs a command for each revision, as a context.

    Revisions of one event are run one after the other, in their order.

    Parameters
    ----------
    options : CommandOptions

    Attributes
    ----------
    counts : mapping of str to int
        Commands by how they ended: "ok", "failed", "timed_out"; and "left_out".
    """

    def __init__(self, options: CommandOptions) -> None:
        self.options = options
        self.counts: Counter[str] = Counter(ok=0, failed=0, timed_out=0, left_out=0)
        self._waiting: deque[Revision] = deque()
        self._running: dict[str, subprocess.Popen[bytes] | None] = {}
        self._changed = threading.Condition()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"quake-exec-{number}", daemon=True)
            for number in range(options.at_a_time)
        ]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Give what has begun and what waits a moment; end what takes longer."""
        until_s = time.monotonic() + _END_S
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._running), _END_S)
            self._is_closed = True
            self._leave_out(len(self._waiting), "the run has ended")
            self._waiting.clear()
            self._changed.notify_all()
            for process in self._running.values():
                if process is not None:
                    _kill(process)
        for thread in self._threads:
            thread.join(max(until_s - time.monotonic(), 1.0))

    def run(self, revision: Revision) -> None:
        """Have the command run; returns at once."""
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.popleft()
                self._leave_out(1, f"{_MOST_WAITING} others wait")
            self._waiting.append(revision)
            self._changed.notify()

    def _leave_out(self, n: int, reason: str) -> None:
        if n:
            self.counts["left_out"] += n
            logger.error("--exec: was not run for %d revisions of events: %s", n, reason)

    # --- in the threads

    def _work(self) -> None:
        while (revision := self._next()) is not None:
            try:
                self._run(revision)
            finally:
                with self._changed:
                    del self._running[revision.id]
                    self._changed.notify_all()

    def _next(self) -> Revision | None:
        """The first that waits of an event for which none is running; None at the end."""
        with self._changed:
            while not self._is_closed:
                for number, revision in enumerate(self._waiting):
                    if revision.id not in self._running:
                        del self._waiting[number]
                        self._running[revision.id] = None
                        return revision
                self._changed.wait()
        return None

    def _run(self, revision: Revision) -> None:
        try:
            process = subprocess.Popen(
                self.options.arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, **_variables(revision)},
                start_new_session=True,
            )
        except OSError as error:
            self._failed(revision, f"cannot be run ({error.strerror or error})")
            return
        with self._changed:
            self._running[revision.id] = process
            if self._is_closed:  # meanwhile
                _kill(process)
        content = json.dumps(revision.to_dict(), allow_nan=False).encode() + b"\n"
        try:
            _, said = process.communicate(content, timeout=self.options.timeout_s)
        except subprocess.TimeoutExpired:
            self._end(revision, process)
        else:
            self._judge(revision, process.returncode, said)

    def _end(self, revision: Revision, process: subprocess.Popen[bytes]) -> None:
        """End a command that takes too long, and all that it has started."""
        _kill(process)
        with suppress(subprocess.TimeoutExpired):  # somebody else may hold the pipe open
            process.communicate(timeout=1.0)
        self.counts["timed_out"] += 1
        logger.warning(
            "--exec: took more than %g s for %s, revision %d, and was ended",
            self.options.timeout_s,
            revision.id,
            revision.number,
        )

    def _judge(self, revision: Revision, status: int, said: bytes) -> None:
        if status == 0:
            self.counts["ok"] += 1
            return
        text = said[-_SAID_BYTES:].decode(errors="replace").strip().replace("\n", "; ")
        self._failed(revision, f"ended with status {status}" + (f" ({text})" if text else ""))

    def _failed(self, revision: Revision, reason: str) -> None:
        self.counts["failed"] += 1
        logger.warning("--exec: %s for %s, revision %d", reason, revision.id, revision.number)


def _variables(revision: Revision) -> Mapping[str, str]:
    """What shell scripts choose by, without reading JSON."""
    return {
        "QUAKE_EVENT_ID": revision.id,
        "QUAKE_EVENT_REVISION": str(revision.number),
        "QUAKE_EVENT_STATE": revision.state,
        "QUAKE_EVENT_LABEL": revision.event.label,
    }


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
