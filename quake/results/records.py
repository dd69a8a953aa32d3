"""Hold the window records and the events of one run in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from quake.events import Event
from quake.inference.records import WindowRecord
from quake.inference.summary import Summary
from quake.results.rows import Rows
from quake.waveforms.sources import Problem

if TYPE_CHECKING:
    import pyarrow


class Records(Rows[WindowRecord]):
    """Window records, by channel set and time.

    Parameters
    ----------
    records : iterable of WindowRecord
    classes : names, in the order of the model
    summary : Summary, optional
    problems : sequence of Problem

    Attributes
    ----------
    classes : tuple of str
        Each has a column ``p_<class>`` in tables.
    summary : Summary
        Windows by status, labels, and seconds that were scored or not.
    problems : tuple of Problem
        Inputs, or parts of them, that could not be used.
    """

    def __init__(
        self,
        records: Iterable[WindowRecord],
        classes: Sequence[str],
        summary: Summary | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(records)
        self.classes = tuple(classes)
        self.summary = summary or Summary()
        self.problems = tuple(problems)

    def to_arrow(self) -> pyarrow.Table:
        """Write an Arrow table with the columns of docs/output.md, as in Parquet files."""
        from quake.output.parquet import windows_table

        return windows_table(self._rows, self.classes)

    def __repr__(self) -> str:
        n_sets = len({record.id for record in self})
        labels = ", ".join(f"{n} {name}" for name, n in self.summary.labels.most_common())
        of = f"{_counted(len(self), 'window')} of {_counted(n_sets, 'channel set')}"
        return f"<{of}{': ' + labels if labels else ''}>"


class Events(Rows[Event]):
    """Events, by onset.

    Parameters
    ----------
    events : iterable of Event
    classes : names, in the order of the model

    Attributes
    ----------
    classes : tuple of str
        Each has a column ``p_<class>`` in tables.
    """

    def __init__(self, events: Iterable[Event], classes: Sequence[str]) -> None:
        super().__init__(events)
        self.classes = tuple(classes)

    def to_arrow(self) -> pyarrow.Table:
        """Write an Arrow table with the columns of docs/events.md, as in Parquet files."""
        from quake.output.events import events_table

        return events_table(self._rows, self.classes)

    def __repr__(self) -> str:
        shown = ", ".join(f"{event.label} {event.onset}" for event in self[:3])
        more = f", and {len(self) - 3} more" if len(self) > 3 else ""
        return f"<{_counted(len(self), 'event')}{': ' + shown if shown else ''}{more}>"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
