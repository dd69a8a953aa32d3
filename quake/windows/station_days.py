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
from quake.windows.grid import Recording, WindowGrid, recordings

DAY_NS = 86_400 * NS_PER_S


@dataclass(frozen=True)
class StationDay:
    """A channel set, a UTC day, and the spans that its windows and their recordings can touch.

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

    def recordings(self, window_ns: int) -> list[Recording]:
        """Stretches without a gap as long as a window; they may reach beyond the day."""
        return recordings(self.spans, window_ns)

    def input(self, window_ns: int) -> list[Interval]:
        """What of the day belongs to a recording, ns since the epoch."""
        found = union((r.start_ns, r.end_ns) for r in self.recordings(window_ns))
        return clip(found, self.day_ns, self.day_ns + DAY_NS)

    def windows(self, grid: WindowGrid) -> Iterator[tuple[Recording, list[int]]]:
        """Recordings with windows that start in this day, and these starts."""
        for recording in self.recordings(grid.window_ns):
            starts = grid.starts(
                recording.start_ns,
                recording.end_ns,
                recording.tolerance_ns,
                since_ns=self.day_ns,
                until_ns=self.day_ns + DAY_NS,
            )
            if starts:
                yield recording, starts


def station_days(
    found: Mapping[ChannelSetId, Iterable[Span]], grid: WindowGrid
) -> Iterator[StationDay]:
    """Divide channel sets into days, in the order of their names and of time.

    Parameters
    ----------
    found : mapping of channel set to spans
    grid : WindowGrid
        Its windows say which spans belong to a day, see `days_near`.
    """
    window_ns = grid.window_ns
    for key in sorted(found):
        spans = sorted(found[key], key=_order)
        near: dict[int, list[Span]] = defaultdict(list)
        for span in spans:
            for day in days_near(span, window_ns):
                near[day].append(span)
        for day in sorted(near):
            station_day = StationDay(key, day * DAY_NS, tuple(near[day]))
            if _is_worth_it(station_day, grid):
                yield station_day


def days_near(span: Span, window_ns: int) -> range:
    """Say to which days a span belongs: to those that it is in, or near.

    It belongs to a day too if it ends up to a window before it, or starts up to two behind it.

    Returns
    -------
    range
        Numbers of days, from the epoch.
    """
    # A window that starts in the last instant of a day reaches a window into the next day, and a
    # recording goes on over any gap shorter than a window: so whether it ends there is seen from
    # what begins up to two windows after midnight. Whether a recording begins at midnight, or went
    # on over it, is seen from what ended up to a window before.
    first = (span.start_ns - 2 * window_ns) // DAY_NS
    return range(first, (span.end_ns + window_ns) // DAY_NS + 1)


def reach_of_day(day_ns: int, window_ns: int) -> Interval:
    """Times, ns since the epoch, between which spans belong to a day: `days_near` turned round."""
    return day_ns - window_ns, day_ns + DAY_NS + 2 * window_ns


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
