"""Exit statuses of the program: what a script that calls it may rely on."""

from __future__ import annotations

from enum import IntEnum

from quake.errors import LabelError, ModelError, ParameterError, QuakeError, WaveformError


class Exit(IntEnum):
    """How a run ended, see docs/output.md."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NOTHING_USABLE = 3
    MODEL = 4
    # 128 and the number of the signal, as a shell says it of a program that the signal killed.
    HUNG_UP = 129  # SIGHUP
    INTERRUPTED = 130  # SIGINT
    # What a shell shows of a tool whose reader went away, as `head` does.
    BROKEN_PIPE = 141
    TERMINATED = 143  # SIGTERM


_STATUSES: tuple[tuple[type[QuakeError], Exit], ...] = (
    (ParameterError, Exit.USAGE),
    (ModelError, Exit.MODEL),
    (WaveformError, Exit.NOTHING_USABLE),
    (LabelError, Exit.NOTHING_USABLE),
)


def status_of(error: BaseException) -> int:
    """Exit status of a run that an error ended."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else Exit.SOME_FAILED
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return Exit.SOME_FAILED
