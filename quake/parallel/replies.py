"""What a process says of a job: an answer, or in words why there will be none from it.

Errors travel as text: those of other libraries may be sent and yet not be read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quake import errors
from quake.errors import QuakeError
from quake.parallel.logs import LogLine, repeat


@dataclass(frozen=True)
class Reply:
    """An answer, or why there will be none from this process.

    Attributes
    ----------
    answer : object
    error, kind : str
        Message and class of what the opener raised; empty if it did not.
    logs : list of LogLine
    """

    answer: Any = None
    error: str = ""
    kind: str = ""
    logs: tuple[LogLine, ...] = ()

    @classmethod
    def not_opened(cls, error: Exception) -> Reply:
        """There is nothing to work with."""
        return cls(error=str(error) or repr(error), kind=type(error).__name__)

    def read(self) -> Any:
        """Give the answer, and log here what was logged there.

        Raises
        ------
        QuakeError
            What the opener raised.
        """
        repeat(self.logs)
        if not self.kind:
            return self.answer
        own = getattr(errors, self.kind, None)
        if isinstance(own, type) and issubclass(own, QuakeError):
            raise own(self.error)
        raise QuakeError(f"{self.kind}: {self.error}")
