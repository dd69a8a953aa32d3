"""Hold one check: its status, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """What one look at the installation gave.

    Attributes
    ----------
    name : str
        What was looked at.
    status : Status
        "ok"; "warning" if something is worse than it could be; "failed" if something that belongs
        to quake does not work; "skipped" if it is not there and need not be, or was not looked at.
    found : str
    advice : str
        What to do; empty where there is nothing to do.
    """

    name: str
    status: Status
    found: str
    advice: str = ""

    def to_dict(self) -> dict[str, str]:
        """As plain JSON types, in the order of the attributes."""
        return {
            "name": self.name,
            "status": self.status.value,
            "found": self.found,
            "advice": self.advice,
        }


def guarded(name: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """Yield the checks that `look` gives; if it raises, a failed check of that name that says what.

    Examples
    --------
    >>> [check.found for check in guarded("sum", lambda: [1 / 0])]
    ['the check itself failed: ZeroDivisionError: division by zero']
    """
    try:
        yield from look()
    except Exception as error:  # whatever is broken, the other checks go on
        yield Check(
            name,
            Status.FAILED,
            f"the check itself failed: {said(error)}",
            "reinstall quake; if it stays, please report it",
        )


def said(error: BaseException) -> str:
    """Kind and first line of an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
