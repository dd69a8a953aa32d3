"""Ambient noise of a station: Gaussian, coloured between Peterson's models, slowly changing."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from quake.synth.peterson import high_noise_db, low_noise_db, velocity_power
from quake.synth.records import NOISE, Array, SyntheticRecord, count_samples
from quake.synth.spectra import (
    Spectrum,
    frequencies,
    log_uniform,
    padded_length,
    smooth_curve,
)
from quake.synth.stations import Instrument, SiteResponse

LOWEST_HZ, HIGHEST_HZ = 0.005, 100.0
# Below, ocean waves shake the three components together and steadily; above, the neighbourhood
# does, and it comes and goes.
NEIGHBOURHOOD_HZ = 1.0


@dataclass(frozen=True)
class NoiseModel:
    """What ambient noise is drawn from.

    Attributes
    ----------
    level : float
        Mean place between Peterson's low (0) and high (1) noise model, in dB.
    tilt : float
        Change of that place from 0.005 to 100 Hz.
    waviness : float
        Standard deviation of a smooth random curve over frequency added to the place.
    n_lines : int
        Machine hum: lines between 1 and 0.9 of Nyquist.
    line_db : float
        Height of the highest of them above the noise.
    horizontal : float
        How much higher in that place the horizontal components are.
    change : float
        Standard deviation of the logarithm of the amplitude over tens of seconds.
    coherence : float
        Share of the energy below 1 Hz that all components have in common.
    """

    level: float = 0.5
    tilt: float = 0.0
    waviness: float = 0.1
    n_lines: int = 0
    line_db: float = 15.0
    horizontal: float = 0.03
    change: float = 0.1
    coherence: float = 0.4


def noise(
    model: NoiseModel,
    rng: np.random.Generator,
    *,
    window_s: float,
    sampling_rate_hz: float,
    site: SiteResponse | None = None,
    instrument: Instrument | None = None,
) -> SyntheticRecord:
    """Ground velocity of ambient noise in m/s.

    Without lines, change, site and instrument its power lies between the noise models at every
    frequency.

    Parameters
    ----------
    model : NoiseModel
    rng : numpy.random.Generator
    window_s, sampling_rate_hz : float
    site : SiteResponse or None
        Ground that resonates; None is rock.
    instrument : Instrument or None
        Sensor that the noise has passed since long before the window; None records the ground.

    Returns
    -------
    SyntheticRecord
        `truth` has the parameters.

    Raises
    ------
    ParameterError
        If the window is too short.
    """
    n_samples = count_samples(window_s, sampling_rate_hz)
    n_fft = padded_length(n_samples)
    frequency_hz = frequencies(n_fft, sampling_rate_hz)
    amplitude = np.sqrt(0.5 * n_fft * sampling_rate_hz * _power(model, rng, frequency_hz))
    spectrum = amplitude * _deviates(model, rng, frequency_hz)
    spectrum[:, 0] = 0
    if site is not None:
        spectrum *= site.reverberation(frequency_hz)
    if instrument is not None:
        spectrum *= instrument.response(frequency_hz)
    samples = _in_time(model, rng, spectrum, frequency_hz, n_samples)
    return SyntheticRecord(samples, sampling_rate_hz, NOISE, truth=asdict(model))


def _power(model: NoiseModel, rng: np.random.Generator, frequency_hz: Array) -> Array:
    """Power density of velocity (3, F)."""
    position = np.log(frequency_hz / LOWEST_HZ) / np.log(HIGHEST_HZ / LOWEST_HZ)
    place = model.level + model.tilt * (position - 0.7)
    place = place + model.waviness * smooth_curve(rng, position, 12)
    own = 0.02 * np.stack([smooth_curve(rng, position, 20) for _ in range(3)])
    place = np.clip(place + own + model.horizontal * np.array([[0.0], [1], [1]]), 0.02, 0.98)
    low_db, high_db = low_noise_db(frequency_hz), high_noise_db(frequency_hz)
    power = velocity_power(low_db + place * (high_db - low_db), frequency_hz)
    return power * (1 + _lines(model, rng, frequency_hz))


def _lines(model: NoiseModel, rng: np.random.Generator, frequency_hz: Array) -> Array:
    """Power of machine hum over that of the noise, (3, F).

    Lorentzian lines, some of them harmonics of the same machine.
    """
    total = np.zeros((3, frequency_hz.size))
    fundamental_hz = log_uniform(rng, 1.0, 12.0)
    for index in range(model.n_lines):
        centre_hz = log_uniform(rng, 1.0, 0.9 * frequency_hz[-1])
        if index and rng.random() < 0.5:
            centre_hz = fundamental_hz * rng.integers(1, 6)
        width_hz = log_uniform(rng, 0.02, 0.5)
        peak = 10 ** ((model.line_db - rng.exponential(6.0) * index) / 10)
        shape = 1 / (1 + ((frequency_hz - centre_hz) / width_hz) ** 2)
        total += peak * rng.uniform(0.1, 1, (3, 1)) * shape
    return total


def _deviates(model: NoiseModel, rng: np.random.Generator, frequency_hz: Array) -> Spectrum:
    """Complex normal deviates of mean square 1, (3, F), in part the same for all components."""
    parts = rng.standard_normal((2, 4, frequency_hz.size))
    deviates = (parts[0] + 1j * parts[1]) / np.sqrt(2)
    share = model.coherence / (1 + (frequency_hz / NEIGHBOURHOOD_HZ) ** 2)
    lag = np.exp(2j * np.pi * rng.uniform(0, 1, (3, 1)))
    mixed: Spectrum = np.sqrt(share) * lag * deviates[3] + np.sqrt(1 - share) * deviates[:3]
    return mixed


def _in_time(
    model: NoiseModel,
    rng: np.random.Generator,
    spectrum: Spectrum,
    frequency_hz: Array,
    n_samples: int,
) -> Array:
    """Samples (3, N), those above `NEIGHBOURHOOD_HZ` with an amplitude that wanders."""
    n_fft = padded_length(n_samples)
    if model.change == 0:
        return np.fft.irfft(spectrum, n_fft, axis=1)[:, :n_samples]
    near = 1 / (1 + (NEIGHBOURHOOD_HZ / frequency_hz) ** 8)
    samples = np.fft.irfft(spectrum * near, n_fft, axis=1)[:, :n_samples]
    samples *= _wandering(rng, n_samples, model.change)
    return samples + np.fft.irfft(spectrum * (1 - near), n_fft, axis=1)[:, :n_samples]


def _wandering(rng: np.random.Generator, n_samples: int, change: float) -> Array:
    position = np.linspace(0, 1, n_samples)
    n_nodes = int(log_uniform(rng, 3.0, 40.0))
    factor = np.exp(change * smooth_curve(rng, position, n_nodes))
    factor /= np.sqrt(np.mean(factor**2))
    return factor


def draw_noise_model(rng: np.random.Generator) -> NoiseModel:
    """From deserted to urban."""
    return NoiseModel(
        level=float(rng.uniform(0.1, 0.9)),
        tilt=float(rng.normal(0, 0.35)),
        waviness=float(rng.uniform(0.02, 0.25)),
        n_lines=int(rng.integers(1, 9)) if rng.random() < 0.35 else 0,
        line_db=float(rng.uniform(3, 30)),
        horizontal=float(rng.uniform(-0.03, 0.1)),
        change=float(rng.uniform(0, 0.5)) if rng.random() < 0.6 else 0.0,
        coherence=float(rng.uniform(0, 0.8)),
    )
