"""What is measured of a signal that was put in is what was put in."""

import numpy as np
import pytest

from quake.events.emergent import envelope_pick
from quake.events.measure import measure

RATE_HZ = 50.0


def noise(seconds, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((3, round(seconds * RATE_HZ)))


def test_an_envelope_that_rises_slowly_is_found_to_some_seconds():
    samples = noise(120)
    ramp = np.clip((np.arange(6000) / RATE_HZ - 60) / 10, 0, 1) * 5 + 1
    found = envelope_pick(samples * ramp, 45 * 50, 105 * 50, RATE_HZ)
    assert found / RATE_HZ == pytest.approx(64, abs=6)
    assert envelope_pick(samples, 45 * 50, 105 * 50, RATE_HZ) is None


def test_what_is_measured_of_a_burst_is_what_was_put_in():
    samples = noise(90)
    samples[0, 1500:2000] += 40 * np.sin(2 * np.pi * 5.0 * np.arange(500) / RATE_HZ)
    found = measure(samples, 1500, RATE_HZ)
    assert found.peak_component == "Z"
    assert found.peak_amplitude == pytest.approx(40, abs=5)
    assert found.dominant_frequency_hz == pytest.approx(5.0, abs=0.2)
    # 40^2 / 2 over 1: 29 dB.
    assert found.snr_db == pytest.approx(29.0, abs=1.0)
    assert found.duration_s == pytest.approx(10.0, abs=0.5)
    assert not found.is_cut


def test_an_event_that_does_not_end_is_cut_after_a_minute():
    samples = noise(120)
    samples[:, 1500:] *= 30
    found = measure(samples, 1500, RATE_HZ)
    assert (found.duration_s, found.is_cut) == (60.0, True)
