"""Find the smallest and the largest sample of each column of pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.segments import Segment
from quake.waveforms.times import NS_PER_S
from quake.windows.timeline import ABSURD_AMPLITUDE

Floats = NDArray[np.float64]

# A hundred thousandth of a sample: times of samples are rounded to nanoseconds.
_ROUNDING = 1e-5


class Envelope:
    """Smallest and largest sample of equal parts of a time.

    Parameters
    ----------
    start_ns, end_ns : int
        ns since the epoch; the end is exclusive.
    n_columns : int

    Attributes
    ----------
    low, high : array of shape (n_columns,)
        NaN where there is no sample. NaN, infinite and absurd values count as none.
    bad : array of shape (n_columns,)
        Whether there was such a value.
    """

    def __init__(self, start_ns: int, end_ns: int, n_columns: int) -> None:
        self.start_ns, self.end_ns = start_ns, end_ns
        self.low = np.full(n_columns, np.nan)
        self.high = np.full(n_columns, np.nan)
        self.bad = np.zeros(n_columns, np.bool_)

    @property
    def is_empty(self) -> bool:
        """Whether there is no sample at all."""
        return bool(np.isnan(self.low).all())

    def add(self, segment: Segment) -> None:
        """Take in samples; what lies outside of the time is left out."""
        first, edges = first_samples(segment, self.start_ns, self.end_ns, len(self.low))
        filled = np.flatnonzero(edges[1:] > edges[:-1])
        if not len(filled):
            return
        starts = edges[filled]
        samples = segment.samples[: edges[-1]]
        possible = is_possible(samples)
        if not possible.all():
            samples = np.where(possible, samples, np.nan)
            self.bad[first : first + len(edges) - 1] |= bad_columns(segment, edges)
        low = np.fmin.reduceat(samples, starts).astype(np.float64)
        high = np.fmax.reduceat(samples, starts).astype(np.float64)
        columns = first + filled
        self.low[columns] = np.fmin(self.low[columns], low)
        self.high[columns] = np.fmax(self.high[columns], high)


def first_samples(
    segment: Segment, start_ns: int, end_ns: int, n_columns: int
) -> tuple[int, NDArray[np.int64]]:
    """Find the first sample of each column near a segment.

    Parameters
    ----------
    segment : Segment
    start_ns, end_ns : int
        Of all columns together.
    n_columns : int

    Returns
    -------
    first : int
        Column from which on there may be samples of the segment.
    edges : array of shape (n + 1,)
        Not decreasing; column `first + i` holds the samples from ``edges[i]`` up to
        ``edges[i + 1]``, and the columns before and after these n hold none.
    """
    column_ns = (end_ns - start_ns) / n_columns
    first = max(math.floor((segment.start_ns - start_ns) / column_ns) - 1, 0)
    stop = min(math.ceil((segment.end_ns - start_ns) / column_ns) + 1, n_columns)
    # Differences first: nanoseconds since the epoch have more digits than a double.
    bounds_ns = np.arange(first, max(stop, first) + 1) * column_ns + (start_ns - segment.start_ns)
    index = np.ceil(bounds_ns * (segment.sampling_rate_hz / NS_PER_S) - _ROUNDING)
    return first, np.clip(index, 0, len(segment.samples)).astype(np.int64)


def bad_columns(segment: Segment, edges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether columns hold a NaN, an infinite or an absurd value.

    Parameters
    ----------
    segment : Segment
    edges : array of shape (n + 1,)
        Of `first_samples`.
    """
    n_bad = np.append(0, np.cumsum(~is_possible(segment.samples)))
    return np.asarray(n_bad[edges[1:]] > n_bad[edges[:-1]])


def is_possible(samples: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether samples can be amplitudes."""
    if samples.dtype.kind != "f":
        return np.ones(len(samples), np.bool_)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(samples) <= ABSURD_AMPLITUDE)
