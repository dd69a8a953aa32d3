"""Unite, intersect and subtract intervals of time.

Times are integers, ends exclusive. Every result is in the order of time, without overlaps.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

Interval = tuple[int, int]


def union(intervals: Iterable[Interval], touch: int = 0) -> list[Interval]:
    """Join intervals that overlap, or are no further apart than `touch`; drop empty ones.

    Examples
    --------
    >>> union([(5, 9), (0, 2), (2, 3), (8, 12)])
    [(0, 3), (5, 12)]
    """
    joined: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if joined and start - joined[-1][1] <= touch:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def common(first: Sequence[Interval], second: Sequence[Interval]) -> list[Interval]:
    """What lies in both of two unions.

    Examples
    --------
    >>> common([(0, 10), (20, 30)], [(5, 25)])
    [(5, 10), (20, 25)]
    """
    found: list[Interval] = []
    i = j = 0
    while i < len(first) and j < len(second):
        start, end = max(first[i][0], second[j][0]), min(first[i][1], second[j][1])
        if start < end:
            found.append((start, end))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return found


def clip(intervals: Sequence[Interval], start: int, end: int) -> list[Interval]:
    """What of a union lies between two times.

    Examples
    --------
    >>> clip([(0, 2), (3, 5), (6, 9)], 1, 7)
    [(1, 2), (3, 5), (6, 7)]
    """
    low = max(bisect_right(intervals, start, key=lambda interval: interval[0]) - 1, 0)
    high = bisect_right(intervals, end, key=lambda interval: interval[0])
    return common(intervals[low:high], [(start, end)])


def without(intervals: Sequence[Interval], removed: Sequence[Interval]) -> list[Interval]:
    """What lies in the first union and not in the second.

    Examples
    --------
    >>> without([(0, 10)], [(2, 3), (9, 20)])
    [(0, 2), (3, 9)]
    """
    if not intervals:
        return []
    start, end = intervals[0][0], intervals[-1][1]
    rest: list[Interval] = []
    for removed_start, removed_end in removed:
        if start < removed_start:
            rest.append((start, removed_start))
        start = max(start, removed_end)
    rest.append((start, end))
    return common(intervals, [(a, b) for a, b in rest if a < b])


def contains(intervals: Sequence[Interval], time: int) -> bool:
    """Whether a time lies in a union.

    Examples
    --------
    >>> contains([(0, 2)], 1), contains([(0, 2)], 2)
    (True, False)
    """
    i = bisect_right(intervals, time, key=lambda interval: interval[0]) - 1
    return i >= 0 and time < intervals[i][1]
