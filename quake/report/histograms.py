"""Count probabilities of windows by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quake.report.day_windows import DayWindows

N_BINS = 20
"""Of equal width, from 0 to 1."""


class Histograms:
    """Counts the scored windows by the probability of each class.

    Parameters
    ----------
    classes : names

    Attributes
    ----------
    counts : array of shape (C, `N_BINS`)
        A bin holds its lower edge; the last one also 1.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.counts: NDArray[np.int64] = np.zeros((len(self.classes), N_BINS), dtype=np.int64)

    def add(self, windows: DayWindows) -> None:
        """Count the windows of a day."""
        scored = np.clip(windows.probabilities[windows.is_scored], 0.0, 1.0)
        # In float64 0.15 * 20 is 3 and 0.35 * 20 is 7 exactly, as every other edge.
        bins = np.minimum((scored * N_BINS).astype(np.int64), N_BINS - 1)
        for number in range(len(self.classes)):
            self.counts[number] += np.bincount(bins[:, number], minlength=N_BINS)
