"""Say how probably each candidate is a P, an S or neither.

A perceptron with one hidden layer on logarithms of energies, vertical and horizontal, before and
after the candidate. Its weights are in ``phase_head.json``, written by
``benchmarks/fit_phase_head.py``, which says what they were fitted to.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quake.events.candidates import energies
from quake.events.characteristic import high_pass

Samples = NDArray[np.float64]

PHASES = ("P", "S", "neither")
"""In the order of the probabilities."""

_WINDOWS_S = (
    *((-10.0, -5.0), (-5.0, -2.0), (-2.0, -0.3)),
    *((0.0, 0.5), (0.5, 1.5), (1.5, 3.0), (3.0, 6.0), (6.0, 12.0)),
)
"""Seconds after a candidate over which energies are averaged."""

_HIGH_HZ = 4.0

# Logarithms beyond a factor of a thousand tell nothing more.
_LARGEST = 3.0


class _Weights(NamedTuple):
    mean: Samples
    scale: Samples
    hidden: Samples
    hidden_bias: Samples
    out: Samples
    out_bias: Samples


def phase_probabilities(
    samples: Samples, indices: Sequence[int], sampling_rate_hz: float
) -> Samples:
    """Probabilities of `PHASES` of candidates.

    Parameters
    ----------
    samples : array of shape (3, N)
        Z, N, E, high-passed.
    indices : samples of the candidates
    sampling_rate_hz : float

    Returns
    -------
    array of shape (candidates, 3)
    """
    if not len(indices):
        return np.zeros((0, len(PHASES)))
    w = _weights()
    x = (phase_features(samples, indices, sampling_rate_hz) - w.mean) / w.scale
    scores = np.tanh(x @ w.hidden + w.hidden_bias) @ w.out + w.out_bias
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Samples = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def phase_features(samples: Samples, indices: Sequence[int], sampling_rate_hz: float) -> Samples:
    """What the head looks at, shape (candidates, 32).

    Four energies (vertical and horizontal, of the whole band and above 4 Hz) in eight windows
    around a candidate, as decimal logarithms, less the mean of them all: the gain drops out.
    """
    levels = _levels(samples, np.asarray(indices, np.int64), sampling_rate_hz)
    columns = levels.reshape(-1, levels.shape[-1]).T
    features: Samples = columns - columns.mean(axis=1, keepdims=True)
    return np.clip(features, -_LARGEST, _LARGEST)


def _levels(samples: Samples, indices: NDArray[np.int64], sampling_rate_hz: float) -> Samples:
    """Logarithms of mean energies, shape (4, windows, candidates)."""
    bands = (samples, high_pass(samples, _HIGH_HZ, sampling_rate_hz))
    sums = np.array(
        [np.concatenate(([0.0], np.cumsum(energy))) for band in bands for energy in energies(band)]
    )
    n = samples.shape[-1]
    edges = [
        [np.clip(indices + int(s * sampling_rate_hz), 0, n) for s in window]
        for window in _WINDOWS_S
    ]
    means = np.array([(sums[:, b] - sums[:, a]) / np.maximum(b - a, 1) for a, b in edges]).swapaxes(
        0, 1
    )
    # Silence is as quiet as it can be, whatever the units are.
    least = np.maximum(sums[:, -1:, None] / max(n, 1) * 1e-9, 1e-300)
    levels: Samples = np.log10(np.maximum(means, least))
    return levels


@lru_cache(maxsize=1)
def _weights() -> _Weights:
    text = (Path(__file__).parent / "phase_head.json").read_text(encoding="utf-8")
    values = json.loads(text)
    return _Weights(*(np.array(values[name]) for name in _Weights._fields))
