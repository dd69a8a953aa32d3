"""Compute characteristic functions: where energy rises, and when exactly it begins to.

NumPy alone is used, because importing ``scipy.signal`` takes longer than a whole short run. All of
them look a bounded time back and ahead, so that an onset depends on what is near it alone; the
recursive STA/LTA (Allen, 1978, Bulletin of the Seismological Society of America 68, 1521-1532)
never quite forgets where a record began.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Counts = NDArray[np.int64]

NOTHING_DB = -99.0
"""Ratio where there is nothing to compare: at the ends of a record, and where it is silent."""

# The AIC is about as good as at its minimum where it has risen by no more than that. Samples of a
# band that is narrower than the Nyquist frequency depend on each other, three components too: what
# would be 4 for independent ones is this much.
_AIC_RISE = 20.0

# Samples that a variance needs at either end.
_AIC_EDGE = 4


class Pick(NamedTuple):
    """An onset, and how far it may be from the truth; both in samples."""

    sample: int
    uncertainty: float


def high_pass(samples: Samples, corner_hz: float, sampling_rate_hz: float) -> Samples:
    """High-pass a record without a delay.

    The amplitude response is that of a Butterworth filter of order 4,
    ``1 / sqrt(1 + (fc / f)^8)``.

    Parameters
    ----------
    samples : array of shape (..., N)
        Without a mean that matters, as `quake.windows.filtering` leaves it.
    corner_hz, sampling_rate_hz : float
    """
    n = samples.shape[-1]
    frequency_hz = np.fft.rfftfreq(n, 1 / sampling_rate_hz)
    frequency_hz[0] = frequency_hz[1] * 1e-3 if n > 1 else 1.0
    response = 1 / np.sqrt(1 + (corner_hz / frequency_hz) ** 8)
    filtered: Samples = np.fft.irfft(np.fft.rfft(samples) * response, n)
    return filtered


def energy_ratio(energy: Samples, n_ahead: int, n_behind: int) -> Samples:
    """Short-term average ahead of each sample over the long-term average behind it, dB.

    The STA/LTA of Allen (1978) with windows that do not overlap: it peaks at an onset, and not
    after it.

    Parameters
    ----------
    energy : array of shape (N,)
        Squared samples.
    n_ahead, n_behind : int
        Samples of either average.

    Returns
    -------
    array of shape (N,)
        `NOTHING_DB` where an average would reach beyond an end, or is zero.

    Examples
    --------
    >>> energy_ratio(np.array([1.0, 1.0, 10.0, 10.0]), 2, 2).tolist()
    [-99.0, -99.0, 10.0, -99.0]
    """
    n = len(energy)
    found = np.full(n, NOTHING_DB)
    if n < n_ahead + n_behind:
        return found
    sums = np.concatenate(([0.0], np.cumsum(energy)))
    at = np.arange(n_behind, n - n_ahead + 1)
    ahead = (sums[at + n_ahead] - sums[at]) / n_ahead
    behind = (sums[at] - sums[at - n_behind]) / n_behind
    # What rounding leaves of the sums where a record is silent.
    least = sums[-1] / n * 1e-12
    loud = (ahead > least) & (behind > least)
    found[at[loud]] = 10 * np.log10(ahead[loud] / behind[loud])
    return found


def peaks(values: Samples, threshold: float, n_apart: int) -> Counts:
    """Indices of values above a threshold that are the largest within `n_apart` samples.

    Examples
    --------
    >>> peaks(np.array([0.0, 5.0, 6.0, 1.0, 0.0, 5.0]), 4.0, 2).tolist()
    [2, 5]
    """
    padded = np.pad(values, n_apart, constant_values=-np.inf)
    largest = sliding_window_view(padded, 2 * n_apart + 1).max(axis=-1)
    return np.flatnonzero((values == largest) & (values > threshold))


def aic_pick(samples: Samples) -> Pick | None:
    """Onset in a piece of a record by the AIC of Maeda (1985), summed over components.

    ``AIC(k) = k log(var(x[:k])) + (N - k - 1) log(var(x[k:]))`` is smallest where the piece is
    best told in two (Maeda, 1985, Zisin 38, 365-379).

    Parameters
    ----------
    samples : array of shape (C, N)
        A piece with one onset; components without any variance are left out.

    Returns
    -------
    Pick or None
        None if the piece is too short or silent. The uncertainty is half of the time around the
        minimum in which the AIC is no more than 20 above it: the difference of two AICs is twice
        a logarithm of likelihoods (Akaike, 1974, IEEE Transactions on Automatic Control 19).
    """
    n = samples.shape[-1]
    moving = samples[samples.std(axis=-1) > 0]
    if n < 4 * _AIC_EDGE or not len(moving):
        return None
    x = moving / moving.std(axis=-1, keepdims=True)
    k = np.arange(_AIC_EDGE, n - _AIC_EDGE)
    sums, squares = np.cumsum(x, axis=-1), np.cumsum(x * x, axis=-1)
    before = _variance(sums[:, k - 1], squares[:, k - 1], k)
    after = _variance(sums[:, -1:] - sums[:, k - 1], squares[:, -1:] - squares[:, k - 1], n - k)
    aic = (k * np.log(before) + (n - k - 1) * np.log(after)).sum(axis=0)
    lowest = int(aic.argmin())
    low = aic <= aic[lowest] + _AIC_RISE
    left, right = lowest, lowest
    while left > 0 and low[left - 1]:
        left -= 1
    while right < len(low) - 1 and low[right + 1]:
        right += 1
    return Pick(int(k[lowest]), (right - left + 1) / 2)


def _variance(sums: Samples, squares: Samples, n: Counts) -> Samples:
    """Variance of n samples from their sum and that of their squares; never zero."""
    variance: Samples = squares / n - (sums / n) ** 2
    return np.maximum(variance, 1e-12)
