"""Say which windows of which recordings are to be cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.windows.grid import Recording, WindowGrid
from quake.windows.station_days import StationDay


@dataclass(frozen=True)
class Task:
    """Windows of one recording: their starts, ns since the epoch, and the spans near them."""

    id: ChannelSetId
    spans: Sequence[Span]
    recording: Recording
    starts_ns: Sequence[int]


def tasks_of(days: Iterable[StationDay], grid: WindowGrid) -> Iterator[Task]:
    """All windows of station-days, one task a recording and day, in their order."""
    for day in days:
        for recording, starts in day.windows(grid):
            yield Task(day.id, day.spans, recording, starts)
