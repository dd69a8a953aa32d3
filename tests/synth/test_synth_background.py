"""Ambient noise: Peterson's tables, and power between them."""

import numpy as np
import pytest
from obspy.signal.spectral_estimation import get_nhnm, get_nlnm
from scipy.signal import welch

from quake.synth import Instrument, NoiseModel, noise
from quake.synth.peterson import high_noise_db, low_noise_db, velocity_power

RATE_HZ = 50.0


def record(model, window_s=1200.0, seed=0, **kwargs):
    return noise(
        model, np.random.default_rng(seed), window_s=window_s, sampling_rate_hz=RATE_HZ, **kwargs
    )


@pytest.mark.parametrize(
    ("ours", "obspys"), [(low_noise_db, get_nlnm), (high_noise_db, get_nhnm)], ids=["low", "high"]
)
def test_noise_models_are_those_of_obspy(ours, obspys):
    periods_s, power_db = obspys()
    assert ours(1 / periods_s) == pytest.approx(power_db, abs=0.05)


def test_velocity_is_acceleration_over_angular_frequency():
    frequency_hz = np.array([1 / (2 * np.pi), 10 / (2 * np.pi)])
    assert velocity_power(np.array([-120.0, -120.0]), frequency_hz) == pytest.approx([1e-12, 1e-14])


def acceleration_db(samples):
    frequency_hz, power = welch(samples, RATE_HZ, nperseg=5000, axis=-1)
    band = (frequency_hz > 0.05) & (frequency_hz < 20)
    frequency_hz, power = frequency_hz[band], power[:, band]
    return frequency_hz, 10 * np.log10(power * (2 * np.pi * frequency_hz) ** 2)


@pytest.mark.parametrize("seed", range(4))
def test_power_lies_between_the_models(seed):
    rng = np.random.default_rng(seed)
    model = NoiseModel(level=rng.uniform(0, 1), tilt=rng.normal(0, 0.5), change=0.0)
    frequency_hz, power_db = acceleration_db(record(model, seed=seed).samples)
    # Twenty-three averages scatter by 1 dB; the largest of thousands by four times that.
    assert (power_db > low_noise_db(frequency_hz) - 4.5).all()
    assert (power_db < high_noise_db(frequency_hz) + 4.5).all()


def test_level_is_the_place_between_the_models_in_decibels():
    model = NoiseModel(level=0.3, waviness=0.0, horizontal=0.0, change=0.0)
    frequency_hz, power_db = acceleration_db(record(model).samples)
    low_db, high_db = low_noise_db(frequency_hz), high_noise_db(frequency_hz)
    place = (power_db - low_db) / (high_db - low_db)
    assert np.median(place) == pytest.approx(0.3, abs=0.03)


def test_change_moves_amplitudes_but_not_their_mean_square():
    quiet = NoiseModel(waviness=0.0, tilt=1.0, change=0.0, coherence=0.0)
    still = record(quiet, 60.0).samples
    restless = record(NoiseModel(**{**vars(quiet), "change": 0.5}), 60.0).samples
    high = [np.diff(x) for x in (still, restless)]  # high frequencies alone change
    minute = [np.std(x.reshape(3, -1)[:, :2990].reshape(3, 10, -1), axis=2) for x in high]
    spread = [float((m / m.mean(axis=1, keepdims=True)).std()) for m in minute]
    assert spread[1] > 2 * spread[0]
    assert np.mean(high[1] ** 2) == pytest.approx(np.mean(high[0] ** 2), rel=0.2)


def test_lines_stand_out():
    model = NoiseModel(waviness=0.0, change=0.0, line_db=25.0)
    plain, hum = (
        acceleration_db(record(NoiseModel(**{**vars(model), "n_lines": n})).samples)[1]
        for n in (0, 1)
    )
    excess_db = (hum - plain).max(axis=0)
    assert excess_db.max() > 10
    assert np.median(excess_db) < 3


def test_components_move_together_at_low_frequency_only():
    model = NoiseModel(coherence=0.9, change=0.0, waviness=0.0)
    z, n, _ = np.fft.rfft(record(model).samples, axis=1)
    frequency_hz = np.fft.rfftfreq(z.size * 2 - 2, 1 / RATE_HZ)

    def coherence(low, high):
        band = (frequency_hz > low) & (frequency_hz < high)
        a, b = z[band] / np.abs(z[band]), n[band] / np.abs(n[band])
        return abs(np.mean(a * np.conj(b)))

    assert coherence(0.05, 0.3) > 0.5
    assert coherence(10, 20) < 0.1


def test_a_geophone_hears_little_below_its_corner():
    ground, heard = (
        record(NoiseModel(change=0.0), instrument=sensor).samples
        for sensor in (None, Instrument(corner_hz=4.5))
    )
    below = [acceleration_db(x)[1][0, :20].mean() for x in (ground, heard)]
    assert below[1] < below[0] - 40
