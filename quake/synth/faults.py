"""Faults of recorder and telemetry: they change the samples that are there.

All take (3, N) samples and return changed ones; where they strike is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quake.synth.records import Array
from quake.synth.spectra import log_uniform, smooth_curve

Rng = np.random.Generator


def clip(samples: Array, rng: Rng) -> Array:
    """Cut off what is above 30 to 95 % of the largest amplitude."""
    limit = rng.uniform(0.3, 0.95) * np.abs(samples).max()
    return np.clip(samples, -limit, limit)


def dropout(samples: Array, rng: Rng) -> Array:
    """Lose up to a fifth of the window in one to three pieces: zeros, or the last value held."""
    changed = samples.copy()
    for start, stop in _pieces(rng, samples.shape[1], int(rng.integers(1, 4))):
        changed[:, start:stop] = changed[:, [max(start - 1, 0)]] * (rng.random() < 0.5)
    return changed


def repeat_packet(samples: Array, rng: Rng) -> Array:
    """Send a packet again in place of those that follow it, one to four times."""
    n_samples = samples.shape[1]
    length = max(int(n_samples * log_uniform(rng, 0.005, 0.05)), 2)
    copies = int(rng.integers(1, 5))
    start = int(rng.integers(0, max(n_samples - length * (copies + 1), 1)))
    changed = samples.copy()
    packet = samples[:, start : start + length]
    for copy in range(1, copies + 1):
        place = changed[:, start + copy * length : start + (copy + 1) * length]
        place[:] = packet[:, : place.shape[1]]
    return changed


def swell(samples: Array, rng: Rng) -> Array:
    """Amplify by up to 10 dB for a while, all frequencies alike: the noise comes and goes."""
    curve = smooth_curve(rng, np.linspace(0, 1, samples.shape[1]), int(rng.integers(3, 9)))
    curve = np.clip(curve / 2, -1, 1)
    return samples * 10 ** (rng.uniform(2, 10) / 20 * curve)


def _pieces(rng: Rng, n_samples: int, count: int) -> list[tuple[int, int]]:
    pieces = []
    for _ in range(count):
        length = max(int(n_samples * log_uniform(rng, 0.002, 0.07)), 1)
        start = int(rng.integers(0, n_samples - length + 1))
        pieces.append((start, start + length))
    return pieces


FAULTS: dict[str, Callable[[Array, Rng], Array]] = {
    function.__name__: function for function in (clip, dropout, repeat_packet, swell)
}
