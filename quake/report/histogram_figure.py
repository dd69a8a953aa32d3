"""Lay out a histogram in pixels.

Heights are logarithmic: of thousands of windows of noise and three earthquakes, both are seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 360, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 10, 34


@dataclass(frozen=True)
class Bar:
    """A bin: its place, its edges and its count."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: place and text."""

    at: float
    text: str


@dataclass(frozen=True)
class HistogramFigure:
    """A histogram of one class.

    Attributes
    ----------
    name, colour : str
        Of the class.
    bars : sequence of Bar
        Those of empty bins have no height.
    x_ticks, y_ticks : sequence of Tick
    threshold_x : float
    threshold : float
    left, right, top, bottom : float
        Edges of the frame.
    total : int
        Windows.
    """

    name: str
    colour: str
    bars: Sequence[Bar]
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    threshold_x: float
    threshold: float
    total: int
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM


def make_figure(
    name: str, colour: str, counts: NDArray[np.int64], largest: int, threshold: float
) -> HistogramFigure:
    """Lay a histogram out.

    Parameters
    ----------
    name, colour : str
        Of the class.
    counts : array of shape (`N_BINS`,)
    largest : int
        Count that reaches the top: one for all classes, so that they can be compared.
    threshold : float
        Probability from which on a window is not uncertain.
    """
    n_bins = len(counts)
    width = (WIDTH - _LEFT - _RIGHT) / n_bins
    bars = []
    for number, count in enumerate(map(int, counts)):
        y = _y(count, largest)
        x = _LEFT + number * width
        height = HEIGHT - _BOTTOM - y
        bars.append(Bar(x, y, width - 1, height, number / n_bins, (number + 1) / n_bins, count))
    return HistogramFigure(
        name,
        colour,
        bars,
        [Tick(_x(value), f"{value:g}") for value in (0, 0.25, 0.5, 0.75, 1)],
        [Tick(_y(count, largest), f"{count:,}") for count in _powers(largest)],
        _x(min(max(threshold, 0.0), 1.0)),
        threshold,
        int(counts.sum()),
    )


def _x(probability: float) -> float:
    return _LEFT + probability * (WIDTH - _LEFT - _RIGHT)


def _y(count: int, largest: int) -> float:
    share = math.log1p(count) / math.log1p(max(largest, 1))
    return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _powers(largest: int) -> list[int]:
    """Counts beside the axis: 0 and powers of ten, not more than six."""
    n_digits = len(str(max(largest, 1)))
    step = math.ceil(n_digits / 5)
    return [0, *(10**power for power in range(0, n_digits, step))]
