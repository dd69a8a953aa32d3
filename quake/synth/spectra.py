"""Filter by a gain over frequency.

All transforms are padded, so that what rings on at the end does not come back at the beginning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quake.synth.records import Array

Spectrum = NDArray[np.complex128]


def padded_length(n_samples: int) -> int:
    """Length of the transform of a window: a quarter longer at least, and of small factors."""
    power = 1 << int(np.ceil(np.log2(1.25 * n_samples)))
    shorter = [power * tenth // 16 for tenth in (9, 10, 12, 15)]
    return min(n for n in [*shorter, power] if n >= 1.25 * n_samples)


def frequencies(n_fft: int, sampling_rate_hz: float) -> Array:
    """Frequencies of `numpy.fft.rfft` in Hz; 0 is replaced by a tenth of the first one.

    Power laws and logarithms stay finite that way.
    """
    frequency_hz = np.fft.rfftfreq(n_fft, 1 / sampling_rate_hz).astype(np.float64)
    frequency_hz[0] = frequency_hz[1] / 10
    return frequency_hz


def filtered(samples: Array, gain: Array | Spectrum) -> Array:
    """Multiply the spectrum of (..., N) samples by a gain of `padded_length(N)`'s frequencies."""
    n_samples = samples.shape[-1]
    n_fft = padded_length(n_samples)
    spectrum = np.fft.rfft(samples, n_fft, axis=-1) * gain
    return np.fft.irfft(spectrum, n_fft, axis=-1)[..., :n_samples]


def minimum_phase(amplitude: Array) -> Spectrum:
    """Spectrum of the earliest causal signal that has an amplitude spectrum (F,).

    The phase is the Hilbert transform of the logarithm, by folding the cepstrum (Oppenheim and
    Schafer, Discrete-Time Signal Processing, chapter 13). Waves cannot arrive before the first
    wave; a filter without phase would let them.
    """
    floor = max(float(amplitude.max()), np.finfo(float).tiny) * 1e-9
    cepstrum = np.fft.irfft(np.log(np.maximum(amplitude, floor)))
    half = cepstrum.size // 2
    cepstrum[1:half] *= 2
    cepstrum[half + 1 :] = 0
    spectrum: Spectrum = np.exp(np.fft.rfft(cepstrum))
    return spectrum


def soft_band(frequency_hz: Array, low_hz: float, high_hz: float, order: int = 4) -> Array:
    """Amplitude response of a Butterworth band-pass, without its phase."""
    high_pass = (frequency_hz / low_hz) ** (2 * order)
    low_pass = (frequency_hz / high_hz) ** (2 * order)
    response: Array = np.sqrt(high_pass / (1 + high_pass) / (1 + low_pass))
    return response


def smooth_curve(rng: np.random.Generator, position: Array, n_nodes: int) -> Array:
    """A random curve through `n_nodes` normal deviates along positions from 0 to 1."""
    nodes = rng.standard_normal(n_nodes)
    place = np.clip(position, 0, 1) * (n_nodes - 1)
    left = np.minimum(place.astype(int), n_nodes - 2)
    weight = 0.5 - 0.5 * np.cos(np.pi * (place - left))
    curve: Array = nodes[left] * (1 - weight) + nodes[left + 1] * weight
    return curve


def band_noise(
    rng: np.random.Generator,
    n_samples: int,
    sampling_rate_hz: float,
    band_hz: tuple[float, float],
    n_rows: int = 3,
) -> Array:
    """Gaussian noise of one band, (n_rows, N), mean square 1."""
    n_fft = padded_length(n_samples)
    gain = soft_band(frequencies(n_fft, sampling_rate_hz), *band_hz)
    made = filtered(rng.standard_normal((n_rows, n_samples)), gain)
    scaled: Array = made / np.sqrt(np.mean(made**2) + 1e-300)
    return scaled


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
