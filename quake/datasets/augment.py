"""Augmentations of waveforms: pure functions of an array and a random generator.

All take and return float32 arrays of shape (3, N), Z, N, E, at the model's rate; used by training
only. A function draws what it needs from the generator and never changes its input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def crossfade(first: Samples, second: Samples, n_fade: int) -> Samples:
    """Join two pieces; over `n_fade` samples one gives way to the other at constant power.

    (3, N1), (3, N2) -> (3, N1 + N2 - n_fade).
    """
    n_fade = min(n_fade, first.shape[1], second.shape[1])
    angle = (np.arange(n_fade, dtype=np.float32) + 0.5) / max(n_fade, 1) * np.float32(np.pi / 2)
    split = first.shape[1] - n_fade
    overlap = first[:, split:] * np.cos(angle) + second[:, :n_fade] * np.sin(angle)
    return np.concatenate([first[:, :split], overlap, second[:, n_fade:]], axis=1)


def level(samples: Samples) -> Samples:
    """Amplitude of each component that a short strong signal does not change, shape (3, 1).

    The median of the absolute values, scaled so that it is the standard deviation of Gaussian
    noise.
    """
    median = np.median(np.abs(samples), axis=1, keepdims=True)
    return (median * 1.4826).astype(np.float32)


def surrogate(piece: Samples, n_samples: int, rng: np.random.Generator) -> Samples:
    """Gaussian noise with the spectrum, the level and the coherence between components of a piece.

    One white noise is convolved with all components of the piece. It sounds like it, for as long
    as wanted, without repeating it (Theiler et al., 1992, Testing for nonlinearity in time
    series: the method of surrogate data).

    (3, N) -> (3, n_samples).
    """
    from scipy.fft import next_fast_len  # lengths with large prime factors take ten times longer

    n_piece = piece.shape[1]
    n_total = next_fast_len(n_samples + n_piece, real=True)
    white = np.fft.rfft(rng.standard_normal(n_total))
    tapered = (piece - piece.mean(axis=1, keepdims=True)) * np.hanning(n_piece)
    made = np.fft.irfft(np.fft.rfft(tapered, n_total, axis=1) * white, n_total, axis=1)
    noise: Samples = made[:, :n_samples].astype(np.float32)
    own = level(noise)
    gain: Samples = np.divide(level(piece), own, out=np.zeros_like(own), where=own > 0)
    return noise * gain


def scale_to(filler: Samples, reference: Samples) -> Samples:
    """Give each component of `filler` the root-mean-square amplitude of `reference`'s."""
    target, own = rms(reference), rms(filler)
    gain = np.divide(target, own, out=np.zeros_like(own), where=own > 0)
    return filler * gain


def rms(samples: Samples) -> Samples:
    """Root of the mean square of each component about its mean, shape (3, 1)."""
    deviation: Samples = samples.std(axis=1, keepdims=True)
    return deviation


def mix_noise(samples: Samples, noise: Samples, snr_db: float) -> Samples:
    """Add noise at a ratio of root-mean-square amplitudes; missing components stay missing.

    Parameters
    ----------
    samples, noise : (3, N)
    snr_db : float
        20 log10 of the ratio of the window's amplitude to that of the noise added.
    """
    return samples + scale_to(noise, samples) * np.float32(10 ** (-snr_db / 20))


def rotate_horizontals(samples: Samples, rng: np.random.Generator) -> Samples:
    """Turn N and E by a random angle: waves come from any side.

    Needs both; other windows come back as they are.
    """
    if not (samples[1].any() and samples[2].any()):
        return samples
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return np.stack(
        [samples[0], cos * samples[1] - sin * samples[2], sin * samples[1] + cos * samples[2]]
    )


def drop_components(samples: Samples, rng: np.random.Generator) -> Samples:
    """Leave the vertical alone, two times in three, or lose one horizontal."""
    keep = np.ones((3, 1), np.float32)
    if not samples[0].any():
        return samples
    if rng.random() < 2 / 3:
        keep[1:] = 0
    else:
        keep[rng.integers(1, 3)] = 0
    return samples * keep


def band_limit(samples: Samples, sampling_rate_hz: float, corner_hz: float) -> Samples:
    """Low-pass as a recorder of a lower rate would; a cosine roll-off of 15 % of the corner."""
    spectrum = np.fft.rfft(samples, axis=1)
    frequency = np.fft.rfftfreq(samples.shape[1], 1 / sampling_rate_hz)
    position = np.clip((frequency - corner_hz) / (0.15 * corner_hz), 0, 1)
    response = 0.5 * (1 + np.cos(np.pi * position))
    limited: NDArray[np.float64] = np.fft.irfft(spectrum * response, samples.shape[1], axis=1)
    return limited.astype(np.float32)


def stretch(samples: Samples, factor: float) -> Samples:
    """Play slower (factor above 1) or faster: a larger and farther, or smaller and nearer event.

    (3, N) -> (3, about N * factor); frequencies are divided by the factor. Up to a few per cent
    of the end are lost, to a length that is quickly transformed. Ends are joined as the Fourier
    transform does, so that some samples there are those of the other end.
    """
    from scipy.fft import prev_fast_len

    samples = samples[:, : prev_fast_len(samples.shape[1], real=True)]
    n = samples.shape[1]
    n_new = prev_fast_len(max(round(n * factor), 2), real=True)
    spectrum = np.fft.rfft(samples, axis=1)
    n_rows = n_new // 2 + 1
    rows = spectrum[:, :n_rows]
    if rows.shape[1] < n_rows:
        rows = np.pad(rows, ((0, 0), (0, n_rows - rows.shape[1])))
    played: NDArray[np.float64] = np.fft.irfft(rows, n_new, axis=1) * (n_new / n)
    return played.astype(np.float32)


def swell(samples: Samples, sampling_rate_hz: float, rng: np.random.Generator) -> Samples:
    """Let a band of the noise itself swell and fade, once to four times.

    What passes a station, traffic, wind, machines, shakes the same ground more for a while. Rise
    and fall take 0.3 to 12 s, the band is 0.3 to 3 octaves wide, the gain goes up to 22 dB.
    """
    n = samples.shape[1]
    time_s = np.arange(n) / sampling_rate_hz
    octave = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / sampling_rate_hz), 0.1))
    spectrum = np.fft.rfft(samples, axis=1)
    swollen = samples.astype(np.float64)
    for _ in range(rng.integers(1, 5)):
        centre = rng.uniform(0, np.log2(0.45 * sampling_rate_hz))
        weight = np.exp(-0.5 * ((octave - centre) / rng.uniform(0.3, 3.0)) ** 2)
        band = np.fft.irfft(spectrum * weight, n, axis=1)
        if rng.random() < 0.5:
            band = np.roll(band, rng.integers(n), axis=1)
        shape = _spindle(time_s, rng.uniform(-0.1, 1.1) * time_s[-1], rng)
        swollen += band * shape * np.exp(rng.uniform(np.log(0.5), np.log(12)))
    return swollen.astype(np.float32)


def _spindle(
    time_s: NDArray[np.float64], peak_s: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    rise_s, fall_s = np.exp(rng.uniform(np.log(0.3), np.log(12), 2))
    if rng.random() < 0.6:  # mostly about as slow in going as in coming
        fall_s = rise_s * rng.uniform(0.7, 1.5)
    width_s = np.where(time_s < peak_s, rise_s, fall_s)
    shape: NDArray[np.float64] = np.exp(-0.5 * ((time_s - peak_s) / width_s) ** 2)
    return shape
