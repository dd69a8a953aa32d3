"""Make synthetic training windows of a class, on real noise if there is any."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quake import synth
from quake.data.preprocessing import Preprocessing
from quake.windows.filtering import high_pass

Samples = NDArray[np.float32]


def can_synthesise(label: str) -> bool:
    """Whether `quake.synth` knows how a class looks."""
    return label in synth.LABELS


def synthetic_window(
    label: str,
    preprocessing: Preprocessing,
    background: Samples | None,
    rng: np.random.Generator,
) -> Samples:
    """Draw a window of a class.

    Parameters
    ----------
    label : str
        One of `quake.synth.LABELS`.
    preprocessing : Preprocessing
    background : (3, N) or None
        Real, prepared noise; None draws synthetic noise.
    rng : numpy.random.Generator

    Returns
    -------
    float32 array of shape (3, N)
        High-passed as windows of records are.
    """
    record = synth.draw(
        rng,
        label,
        window_s=preprocessing.window_s,
        sampling_rate_hz=preprocessing.sampling_rate_hz,
        background=None if background is None else background.astype(np.float64),
    )
    return _prepared(record.samples, preprocessing)


def _prepared(samples: NDArray[np.float64], preprocessing: Preprocessing) -> Samples:
    prepared = np.zeros(samples.shape, np.float32)
    for component, values in enumerate(samples):
        if values.any():
            prepared[component] = high_pass(
                values - values.mean(), preprocessing.sampling_rate_hz, preprocessing.band_hz[0]
            )
    return prepared
