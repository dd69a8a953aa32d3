"""Find the time at which the envelope of a window rises, where nothing begins sharply."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

_STEP_S = 0.5
_CONTEXT_S = 30.0

_LEAST_STEPS = 6
_LEAST_RISE_DB = 3.0


def envelope_pick(samples: Samples, first: int, stop: int, sampling_rate_hz: float) -> int | None:
    """Onset of the envelope: the step that fits the logarithm of the energy best.

    Parameters
    ----------
    samples : array of shape (3, N)
    first, stop : int
        The window in which the event is; half a minute before it is looked at too.
    sampling_rate_hz : float

    Returns
    -------
    int or None
        Sample of the onset; None if the energy does not rise by 3 dB.
    """
    n_step = max(round(_STEP_S * sampling_rate_hz), 1)
    begin = max(first - round(_CONTEXT_S * sampling_rate_hz), 0)
    energy = (samples[:, begin:stop] ** 2).sum(axis=0)
    n = len(energy) // n_step
    if n < 2 * _LEAST_STEPS:
        return None
    steps = energy[: n * n_step].reshape(n, n_step).mean(axis=1)
    there = steps > 0
    if there.sum() < 2 * _LEAST_STEPS:
        return None
    level_db = 10 * np.log10(np.where(there, steps, steps[there].min()))
    k = np.arange(_LEAST_STEPS, n - _LEAST_STEPS + 1)
    sums = np.cumsum(level_db)
    before, after = sums[k - 1] / k, (sums[-1] - sums[k - 1]) / (n - k)
    # What a step explains of the variance.
    explained = k * (n - k) / n * np.where(after > before, after - before, 0.0) ** 2
    best = int(explained.argmax())
    rise_db = float(after[best] - before[best])
    if rise_db < _LEAST_RISE_DB:
        return None
    return begin + int(k[best]) * n_step
