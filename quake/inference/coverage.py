"""Account for the seconds of the input: which were scored, and which were not.

Kept as intervals, because windows overlap and days meet: a second that several windows cover counts
once, as scored if one of them was, whichever day, file or process that window belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from quake.waveforms.intervals import Interval, common, union
from quake.waveforms.times import NS_PER_S
from quake.windows.grid import Recording

SCORED = ("ok", "uncertain")


@dataclass(frozen=True)
class Seconds:
    """Parts of the input, each second once; `input_s` is the sum of the others."""

    input_s: float = 0.0
    scored_s: float = 0.0
    rejected_s: float = 0.0
    no_data_s: float = 0.0
    failed_s: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        """Add up two channel sets."""
        return Seconds(
            self.input_s + other.input_s,
            self.scored_s + other.scored_s,
            self.rejected_s + other.rejected_s,
            self.no_data_s + other.no_data_s,
            self.failed_s + other.failed_s,
        )


@dataclass
class Coverage:
    """What a channel set has recorded, and what became of it; ns since the epoch.

    Attributes
    ----------
    input : intervals of recordings
    scored : intervals of windows that were scored
    judged : intervals of windows that were scored, or rejected with a reason
    failed : intervals of recordings whose windows could not be made, because a worker died of them
    """

    input: list[Interval] = field(default_factory=list)
    scored: list[Interval] = field(default_factory=list)
    judged: list[Interval] = field(default_factory=list)
    failed: list[Interval] = field(default_factory=list)

    def add_window(self, recording: Recording, start_ns: int, end_ns: int, status: str) -> None:
        """Count one window of a recording; they come in the order of their starts.

        What a window covers beyond its recording does not count. Windows that come as near to its
        ends as its tolerance reach them: sampling instants need not lie on the grid of the windows.
        """
        if status not in (*SCORED, "rejected"):
            return
        near_start = start_ns <= recording.start_ns + recording.tolerance_ns
        near_end = end_ns >= recording.end_ns - recording.tolerance_ns
        part = (
            recording.start_ns if near_start else start_ns,
            recording.end_ns if near_end else end_ns,
        )
        _append(self.judged, part)
        if status in SCORED:
            _append(self.scored, part)

    def merge(self, other: Coverage) -> None:
        """Take in another day of the same channel set, in any order."""
        self.input = _merged(self.input, other.input)
        self.scored = _merged(self.scored, other.scored)
        self.judged = _merged(self.judged, other.judged)
        self.failed = _merged(self.failed, other.failed)

    def seconds(self) -> Seconds:
        """Length of each part; they add up to the input."""
        total = _length_s(self.input)
        scored = _length_s(common(self.input, union(self.scored)))
        judged = _length_s(common(self.input, union(self.judged)))
        reached = union([*self.judged, *self.failed])
        failed = _length_s(common(self.input, reached)) - judged
        return Seconds(total, scored, judged - scored, total - judged - failed, failed)


def total(coverages: Iterable[Coverage]) -> Seconds:
    """Sum over channel sets."""
    return sum((coverage.seconds() for coverage in coverages), Seconds())


def _append(intervals: list[Interval], part: Interval) -> None:
    if intervals and intervals[-1][0] <= part[0] <= intervals[-1][1]:
        intervals[-1] = (intervals[-1][0], max(intervals[-1][1], part[1]))
    else:
        intervals.append(part)


def _merged(first: list[Interval], second: list[Interval]) -> list[Interval]:
    """Union; in place and cheap where the second follows on the first, as days mostly do."""
    if not (first and second) or second[0][0] < first[-1][0]:
        return union([*first, *second])
    first[-1:] = union([first[-1], *second])
    return first


def _length_s(intervals: list[Interval]) -> float:
    return sum(end - start for start, end in intervals) / NS_PER_S
