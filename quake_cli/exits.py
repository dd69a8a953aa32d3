"""Exit statuses of the program: what a script that calls it may rely on."""

from enum import IntEnum


class Exit(IntEnum):
    """How a run ended, see docs/output.md."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NOTHING_USABLE = 3
    MODEL = 4
    INTERRUPTED = 130  # by SIGINT or SIGTERM
    # What a shell shows of a tool whose reader went away, as `head` does.
    BROKEN_PIPE = 141
