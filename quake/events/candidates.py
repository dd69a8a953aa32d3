"""Find times at which something may have arrived."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quake.events.characteristic import aic_pick, energy_ratio, high_pass, peaks

Samples = NDArray[np.float64]

# Measured at PB.B916, an aftershock sequence: docs/decisions. A shorter average behind sees more
# arrivals in the coda of others, and more that are none.
_AHEAD_S, _BEHIND_S = 1.0, 3.0
_LEAST_RISE_DB = 4.0
_APART_S = 0.7

_HIGH_HZ = 4.0
"""Local earthquakes stand out of noise and of the coda of others above this frequency most."""

# Where the onset is looked for by AIC, and the corner of the high-pass before it: the first
# motion has less low frequencies than what precedes it.
_PICK_BEFORE_S, _PICK_AFTER_S, _PICK_HZ = 2.0, 1.0, 2.0

# A sample of the model's rate, and what filters without a delay smear.
_LEAST_UNCERTAINTY_S = 0.05


@dataclass(frozen=True)
class Candidate:
    """Something that may be an arrival.

    Attributes
    ----------
    index : int
        Sample of the onset.
    uncertainty_s : float
    rise_db : float
        Energy of the second after it over that of the three seconds before it, on vertical or
        horizontal components, in the whole band or above 4 Hz; the largest of these.
    """

    index: int
    uncertainty_s: float
    rise_db: float


def find_candidates(samples: Samples, sampling_rate_hz: float) -> list[Candidate]:
    """Find where the energy of a record rises.

    Parameters
    ----------
    samples : array of shape (3, N)
        Z, N, E, high-passed; zero where there is no data.
    sampling_rate_hz : float

    Returns
    -------
    list of Candidate
        In the order of time; no two at one sample.
    """
    rise_db = _rise_db(samples, sampling_rate_hz)
    found = peaks(rise_db, _LEAST_RISE_DB, round(_APART_S * sampling_rate_hz))
    sharp = high_pass(samples, _PICK_HZ, sampling_rate_hz)
    candidates: dict[int, Candidate] = {}
    for peak in found:
        candidate = _picked(sharp, int(peak), float(rise_db[peak]), sampling_rate_hz)
        candidates.setdefault(candidate.index, candidate)
    return [candidates[index] for index in sorted(candidates)]


def _rise_db(samples: Samples, sampling_rate_hz: float) -> Samples:
    """The largest rise of energy, shape (N,)."""
    ahead, behind = (round(s * sampling_rate_hz) for s in (_AHEAD_S, _BEHIND_S))
    ratios = [
        energy_ratio(energy, ahead, behind)
        for band in (samples, high_pass(samples, _HIGH_HZ, sampling_rate_hz))
        for energy in energies(band)
    ]
    largest: Samples = np.max(ratios, axis=0)
    return largest


def energies(samples: Samples) -> tuple[Samples, Samples]:
    """Energy of the vertical and of a horizontal component, each of shape (N,)."""
    squares = samples**2
    return squares[0], (squares[1] + squares[2]) / 2


def _picked(sharp: Samples, peak: int, rise_db: float, sampling_rate_hz: float) -> Candidate:
    """The onset near a peak of the ratio."""
    first = max(peak - round(_PICK_BEFORE_S * sampling_rate_hz), 0)
    stop = peak + round(_PICK_AFTER_S * sampling_rate_hz)
    pick = aic_pick(sharp[:, first:stop])
    if pick is None:
        return Candidate(peak, _AHEAD_S / 2, rise_db)
    uncertainty_s = max(pick.uncertainty / sampling_rate_hz, _LEAST_UNCERTAINTY_S)
    return Candidate(first + pick.sample, uncertainty_s, rise_db)
