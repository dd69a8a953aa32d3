"""Divide channel sets into station-days, the unit of work.

The windows that start in a day are worked on together. What they are follows from the spans near
that day alone, so that a day has the same answer by itself, in a file of a month, or in an archive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval, clip, union
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S
from quake.windows.grid import Record, WindowGrid, records

DAY_NS = 86_400 * NS_PER_S


@dataclass(frozen=True)
class StationDay:
    """A channel set, a UTC day, and the spans that its windows and their records can touch.

    Attributes
    ----------
    id : ChannelSetId
    day_ns : int
        Midnight at which the day begins, ns since the epoch.
    spans : tuple of Span
    """

    id: ChannelSetId
    day_ns: int
    spans: tuple[Span, ...]

    def records(self, window_ns: int) -> list[Record]:
        """Stretches without a gap as long as a window; they may reach beyond the day."""
        return records(self.spans, window_ns)

    def input(self, window_ns: int) -> list[Interval]:
        """What of the day belongs to a record, ns since the epoch."""
        found = union((r.start_ns, r.end_ns) for r in self.records(window_ns))
        return clip(found, self.day_ns, self.day_ns + DAY_NS)

    def windows(self, grid: WindowGrid) -> Iterator[tuple[Record, list[int]]]:
        """Records with windows that start in this day, and these starts."""
        for record in self.records(grid.window_ns):
            starts = grid.starts(
                record.start_ns,
                record.end_ns,
                record.tolerance_ns,
                since_ns=self.day_ns,
                until_ns=self.day_ns + DAY_NS,
            )
            if starts:
                yield record, starts


def station_days(
    found: Mapping[ChannelSetId, Iterable[Span]], grid: WindowGrid
) -> Iterator[StationDay]:
    """Divide channel sets into days, in the order of their names and of time.

    Parameters
    ----------
    found : mapping of channel set to spans
    grid : WindowGrid
        Spans belong to a day if they are in it, up to a window before it, or up to two behind it.
    """
    window_ns = grid.window_ns
    for key in sorted(found):
        spans = sorted(found[key], key=_order)
        near: dict[int, list[Span]] = defaultdict(list)
        for span in spans:
            first = (span.start_ns - 2 * window_ns) // DAY_NS
            for day in range(first, (span.end_ns + window_ns) // DAY_NS + 1):
                near[day].append(span)
        for day in sorted(near):
            station_day = StationDay(key, day * DAY_NS, tuple(near[day]))
            if _is_worth_it(station_day, grid):
                yield station_day


def day_of(time_ns: int) -> int:
    """Midnight before a time, ns since the epoch."""
    return time_ns // DAY_NS * DAY_NS


def _is_worth_it(day: StationDay, grid: WindowGrid) -> bool:
    """Whether there are samples in the day, or a window that starts a moment before them."""
    end_ns = day.day_ns + DAY_NS
    if any(span.start_ns < end_ns and span.end_ns > day.day_ns for span in day.spans):
        return True
    return next(day.windows(grid), None) is not None


def _order(span: Span) -> tuple[int, str, int, str]:
    return span.start_ns, span.code, span.end_ns, span.source
