"""Tasks: station-days in, the windows that are to be cut of each recording out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.windows.grid import Record, WindowGrid
from quake.windows.station_days import StationDay


@dataclass(frozen=True)
class Task:
    """Windows of one record: their starts, ns since the epoch, and the spans near them."""

    id: ChannelSetId
    spans: Sequence[Span]
    record: Record
    starts_ns: Sequence[int]


def tasks_of(days: Iterable[StationDay], grid: WindowGrid) -> Iterator[Task]:
    """All windows of station-days, one task a record and day, in their order."""
    for day in days:
        for record, starts in day.windows(grid):
            yield Task(day.id, day.spans, record, starts)
