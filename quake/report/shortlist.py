"""Rank the windows of a store, and keep the first few.

Windows overlap, and one earthquake would fill a list with itself: of windows of one channel set
that overlap, the first in the order stands for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quake.inference.records import WindowRecord
from quake.report.day_windows import DayWindows
from quake.store.entries import DayKey


@dataclass(frozen=True, order=True)
class Choice:
    """A window in an order.

    Attributes
    ----------
    score : float
        Smallest first.
    start_ns : int
        Decides between equals, as the key does then.
    key : channel set and date
    """

    score: float
    start_ns: int
    key: DayKey
    end_ns: int = field(compare=False)
    record: WindowRecord = field(compare=False)

    def overlaps(self, other: Choice) -> bool:
        """Whether both are of one channel set, and share a moment."""
        is_near = self.start_ns < other.end_ns and other.start_ns < self.end_ns
        return is_near and self.key[0] == other.key[0]


class Shortlist:
    """Keeps the windows with the smallest scores.

    Parameters
    ----------
    size : how many are wanted
    """

    def __init__(self, size: int) -> None:
        self.size = size
        # Each one that is taken rules out one at most that lies across midnight, so that twice as
        # many as are wanted suffice.
        self._n_kept = 2 * size
        self._kept: list[Choice] = []

    def add(self, key: DayKey, windows: DayWindows, scores: NDArray[np.float64]) -> None:
        """Compare the windows of a station-day.

        Parameters
        ----------
        key : channel set and date
        windows : DayWindows
        scores : array of shape (N,)
            NaN for those that do not count.
        """
        is_full = len(self._kept) == self._n_kept
        worst = self._kept[-1].score if is_full and self._kept else np.inf
        numbers = np.flatnonzero(scores <= worst)  # NaN is not
        numbers = numbers[np.lexsort((windows.starts_ns[numbers], scores[numbers]))]
        found = [
            Choice(
                float(scores[number]),
                int(windows.starts_ns[number]),
                key,
                int(windows.ends_ns[number]),
                windows.record(number),
            )
            for number in _apart(numbers, windows, self.size)
        ]
        self._kept = sorted([*self._kept, *found])[: self._n_kept]

    def choices(self) -> list[Choice]:
        """Those that are wanted, in their order."""
        taken: list[Choice] = []
        for choice in self._kept:
            if len(taken) < self.size and not any(map(choice.overlaps, taken)):
                taken.append(choice)
        return taken


def strength_scores(windows: DayWindows, number: int) -> NDArray[np.float64]:
    """Order by the probability of a class, the largest first; shape (N,)."""
    return np.where(windows.is_scored, -windows.probabilities[:, number], np.nan)


def margin_scores(windows: DayWindows) -> NDArray[np.float64]:
    """Difference between the two highest probabilities, shape (N,): small where it is a guess."""
    if windows.probabilities.shape[1] < 2:
        return np.full(len(windows), np.nan)
    highest = np.sort(windows.probabilities, axis=1)[:, -2:]
    return np.where(windows.is_scored, highest[:, 1] - highest[:, 0], np.nan)


def _apart(numbers: Iterable[int], windows: DayWindows, size: int) -> Sequence[int]:
    """The first windows that do not overlap those before them."""
    taken: list[int] = []
    for number in map(int, numbers):
        if len(taken) == size:
            break
        starts, ends = windows.starts_ns[taken], windows.ends_ns[taken]
        is_near = (windows.starts_ns[number] < ends) & (starts < windows.ends_ns[number])
        if not is_near.any():
            taken.append(number)
    return taken
