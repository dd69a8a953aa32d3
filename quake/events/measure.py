"""Measure an onset: how strong it is, how long it lasts, and its dominant frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.ids import COMPONENTS

Samples = NDArray[np.float64]

LONGEST_S = 60.0
"""So far after an onset its end is looked for."""

# What an onset is measured against, seconds before it; the last half second may be smeared by it.
_BEFORE_S = (5.5, 0.5)

# Energies are averaged over that, before the largest is taken and before the end is looked for.
_SMOOTH_S, _END_SMOOTH_S = 1.0, 2.0

# Seconds in which the largest energy is that of this event, S of local events included.
_PEAK_WITHIN_S = 15.0

# Back at the noise: no more than twice its energy, 3 dB.
_END_RATIO = 2.0

_SPECTRUM_S = 5.0

_LARGEST_DB = 120.0


@dataclass(frozen=True)
class Measurement:
    """What is measured of an event at one channel set.

    Attributes
    ----------
    snr_db : float
        Largest energy of a second within 15 s after the onset over the mean energy of 5 s before
        it, of the component on which this is largest.
    peak_amplitude : float
        Largest absolute value up to the end, or up to the next P if that is before it, in the
        units of the file, high-passed.
    peak_component : str
        The component on which it is.
    dominant_frequency_hz : float
        At which the spectrum of the five seconds after the onset, on that component, is largest.
    duration_s : float
        From the onset to the return to the noise: the first time after the peak at which the mean
        energy of two seconds is no more than twice that of the five seconds before the onset.
    is_cut : bool
        There was no return within a minute, or before the samples end; `duration_s` is a lower
        bound.
    """

    snr_db: float
    peak_amplitude: float
    peak_component: str
    dominant_frequency_hz: float
    duration_s: float
    is_cut: bool


def measure(
    samples: Samples, index: int, sampling_rate_hz: float, next_index: int | None = None
) -> Measurement:
    """Measure the event that begins at a sample.

    Parameters
    ----------
    samples : array of shape (3, N)
        Z, N, E, high-passed.
    index : int
    sampling_rate_hz : float
    next_index : int, optional
        Sample at which the next event may begin: its amplitudes are not of this one.
    """

    def n(seconds: float) -> int:
        return round(seconds * sampling_rate_hz)

    before = samples[:, max(index - n(_BEFORE_S[0]), 0) : max(index - n(_BEFORE_S[1]), 1)]
    noise = (before**2).mean(axis=1)
    after = samples[:, index : index + n(LONGEST_S)]
    energy = after**2
    length, is_cut = _length(energy, noise, n(_END_SMOOTH_S), n(_PEAK_WITHIN_S))
    own = length if next_index is None else min(length, next_index - index)
    inside = np.abs(after[:, : max(own, 1)])
    component = int(inside.max(axis=1).argmax())
    return Measurement(
        snr_db=_snr_db(energy[:, : n(_PEAK_WITHIN_S)], noise, n(_SMOOTH_S)),
        peak_amplitude=float(inside[component].max()),
        peak_component=COMPONENTS[component],
        dominant_frequency_hz=_dominant(after[component, : n(_SPECTRUM_S)], sampling_rate_hz),
        duration_s=length / sampling_rate_hz,
        is_cut=is_cut,
    )


def _snr_db(energy: Samples, noise: Samples, n_smooth: int) -> float:
    largest = _smoothed(energy, n_smooth).max(axis=1)
    there = (noise > 0) & (largest > 0)
    if not there.any():
        return _LARGEST_DB if (largest > 0).any() else 0.0
    ratio = float((largest[there] / noise[there]).max())
    return min(10 * float(np.log10(ratio)), _LARGEST_DB)


def _length(energy: Samples, noise: Samples, n_smooth: int, n_peak: int) -> tuple[int, bool]:
    """Samples until the energy of all components is back at the noise; whether it never was."""
    total, least = energy.sum(axis=0), noise.sum() * _END_RATIO
    smooth = _smoothed(total[None], n_smooth)[0]
    peak = int(smooth[:n_peak].argmax())
    quiet = np.flatnonzero(smooth[peak:] <= least)
    if not len(quiet):
        return len(total), True
    return max(peak + int(quiet[0]), 1), False


def _smoothed(energy: Samples, n: int) -> Samples:
    """Mean of n samples from each one on, shape (C, N - n + 1)."""
    n = max(min(n, energy.shape[-1]), 1)
    sums = np.concatenate((np.zeros((len(energy), 1)), np.cumsum(energy, axis=-1)), axis=-1)
    means: Samples = np.maximum(sums[:, n:] - sums[:, :-n], 0) / n
    return means


def _dominant(samples: Samples, sampling_rate_hz: float) -> float:
    n = len(samples)
    if n < 4:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(n)))
    return float(np.fft.rfftfreq(n, 1 / sampling_rate_hz)[spectrum.argmax()])
