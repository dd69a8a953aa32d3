"""What a station does to the ground's motion: layers under it, seismometer, digitiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quake.synth.path import site_kappa
from quake.synth.records import Array
from quake.synth.spectra import Spectrum, filtered, frequencies, log_uniform, padded_length


@dataclass(frozen=True)
class SiteResponse:
    """Loss and resonance of the ground under a station.

    Attributes
    ----------
    kappa_s : float
        Anderson and Hough (1984): exp(-pi kappa f).
    resonance_hz : float
        Fundamental frequency of S waves in the soft layer: v_s / (4 thickness).
    reflection : float
        Reflection coefficient at the layer's bottom; 0 is rock.
    vp_vs : float
        Of the layer: the vertical component resonates at this multiple of the frequency.
    """

    kappa_s: float = 0.03
    resonance_hz: float = 5.0
    reflection: float = 0.0
    vp_vs: float = 2.0

    def loss(self, frequency_hz: Array) -> Array:
        """Amplitude that kappa leaves."""
        return site_kappa(frequency_hz, self.kappa_s)

    def reverberation(self, frequency_hz: Array) -> Spectrum:
        """Response of a layer to waves from below, (3, F); for rock 1, (3, 1).

        The transfer function of one layer without loss, 1 / (1 + r exp(-2 i omega h / v)), scaled
        to 1 at frequency 0 (Haskell, 1960; Kramer, 1996, chapter 7). It peaks at 1, 3, 5 ... times
        the fundamental frequency.
        """
        if self.reflection == 0:
            return np.ones((3, 1), complex)
        fundamental_hz = self.resonance_hz * np.array([[self.vp_vs], [1.0]])
        loop = np.exp(-1j * np.pi * frequency_hz / fundamental_hz)
        response: Spectrum = (1 + self.reflection) / (1 + self.reflection * loop)
        return response[[0, 1, 1]]


@dataclass(frozen=True)
class Instrument:
    """Seismometer and digitiser.

    Attributes
    ----------
    corner_hz, damping : float
        Natural frequency and damping of a velocity sensor: 1/120 for broadband seismometers, 1
        for short-period ones, 4.5 for geophones.
    upper_hz : float
        Corner of the anti-alias filter.
    noise_counts : float
        Amplitude of quiet ground between 1 and 20 Hz in counts; below about 3 the digitiser's
        steps are seen.
    """

    corner_hz: float = 1 / 120
    damping: float = 0.707
    upper_hz: float = 40.0
    noise_counts: float = 300.0

    def response(self, frequency_hz: Array) -> Spectrum:
        """Output over ground velocity: a damped oscillator, and the anti-alias filter."""
        ratio = 1j * frequency_hz / self.corner_hz
        sensor = ratio**2 / (1 + 2 * self.damping * ratio + ratio**2)
        anti_alias = 1 / np.sqrt(1 + np.minimum(frequency_hz / self.upper_hz, 1e3) ** 24)
        response: Spectrum = sensor * anti_alias
        return response

    def record(self, velocity: Array, sampling_rate_hz: float) -> Array:
        """Pass ground velocity (..., N) in m/s through the sensor; unity in its pass band."""
        frequency_hz = frequencies(padded_length(velocity.shape[-1]), sampling_rate_hz)
        return filtered(velocity, self.response(frequency_hz))

    def digitise(self, samples: Array, quiet: float) -> Array:
        """Round to counts, of which the amplitude `quiet` has `noise_counts`."""
        step = quiet / self.noise_counts
        return np.round(samples / step) * step if step > 0 else samples


def draw_site(rng: np.random.Generator) -> SiteResponse:
    """Rock in half of the draws, else a layer that resonates between 0.7 and 15 Hz."""
    kappa_s = float(np.clip(0.025 * np.exp(0.6 * rng.standard_normal()), 0.002, 0.12))
    if rng.random() < 0.15:  # young volcanoes lose nearly all above a few hertz
        kappa_s = log_uniform(rng, 0.05, 0.2)
    return SiteResponse(
        kappa_s=kappa_s,
        resonance_hz=log_uniform(rng, 0.7, 15.0),
        reflection=float(rng.uniform(0.1, 0.75)) if rng.random() < 0.5 else 0.0,
        vp_vs=float(rng.uniform(1.7, 4.0)),
    )


def draw_instrument(rng: np.random.Generator, sampling_rate_hz: float) -> Instrument:
    """Broadband, short-period or geophone, at this rate or recorded at a lower one."""
    corner_hz = rng.choice(
        [1 / 120, 1 / 30, 0.2, 1.0, 2.0, 4.5], p=[0.4, 0.15, 0.1, 0.2, 0.05, 0.1]
    )
    low_rate = rng.random() < 0.2
    upper = rng.uniform(0.3, 0.8) if low_rate else rng.uniform(0.8, 0.95)
    return Instrument(
        corner_hz=float(corner_hz),
        damping=float(rng.uniform(0.55, 0.85)),
        upper_hz=float(upper * sampling_rate_hz / 2),
        noise_counts=log_uniform(rng, 2.0, 3e4) if rng.random() < 0.7 else 1e5,
    )
