"""Picks: probabilities of P and S along a record in, times at which something arrives out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Phases = NDArray[np.float64]

P_FROM, S_FROM = 0.1, 0.3
"""Less probable ones are not looked at; these are not yet decisions."""

_APART_S = 0.5

# So far from a peak of one phase the other one is looked for.
_NEAR_S = 0.25


class PhasePick(NamedTuple):
    """Something that arrives.

    Attributes
    ----------
    sample : int
        Sample of the peak of its more probable phase.
    p, s : float
        How probably it is a P, and an S.
    """

    sample: int
    p: float
    s: float


def find_picks(phases: Phases, rate_hz: float) -> list[PhasePick]:
    """Find where a P or an S is most probable.

    Parameters
    ----------
    phases : array of shape (2, N)
        Probabilities of P and S.
    rate_hz : float

    Returns
    -------
    list of PhasePick
        In the order of time. Of a P and an S less than half a second apart, the more probable one.

    Examples
    --------
    >>> phases = np.zeros((2, 500))
    >>> phases[0, 99:102] = 0.4, 0.9, 0.4
    >>> find_picks(phases, 100.0)
    [PhasePick(sample=100, p=0.9, s=0.0)]
    """
    n_apart = round(_APART_S * rate_hz)
    found = sorted(
        (
            (float(phases[row, peak]), int(peak), row)
            for row, least in enumerate((P_FROM, S_FROM))
            for peak in peaks(phases[row], least, n_apart)
        ),
        key=lambda pick: (-pick[0], pick[1:]),
    )
    taken: list[tuple[int, int]] = []
    for _, peak, row in found:
        if all(abs(peak - other) >= n_apart for other, _ in taken):
            taken.append((peak, row))
    return list(_described(phases, sorted(taken), rate_hz))


def peaks(values: Phases, least: float, n_apart: int) -> NDArray[np.int64]:
    """Indices of values of at least `least` that are the largest within `n_apart` samples.

    Of equal ones the first counts.

    Examples
    --------
    >>> peaks(np.array([0.0, 5.0, 6.0, 1.0, 0.0, 5.0]), 4.0, 2).tolist()
    [2, 5]
    """
    high = np.flatnonzero(values >= least)
    padded = np.pad(values, n_apart, constant_values=-np.inf)
    around = sliding_window_view(padded, 2 * n_apart + 1)[high]
    highest: NDArray[np.int64] = high[around.argmax(axis=-1) == n_apart]
    return highest


def _described(phases: Phases, taken: list[tuple[int, int]], rate_hz: float) -> Iterator[PhasePick]:
    n_near = round(_NEAR_S * rate_hz)
    for peak, row in taken:
        near = phases[:, max(peak - n_near, 0) : peak + n_near + 1].max(axis=1)
        near[row] = phases[row, peak]
        yield PhasePick(peak, float(near[0]), float(near[1]))
