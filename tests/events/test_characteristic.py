"""Onsets of known time in noise are found where they are, and numbers are those of the formulas."""

import numpy as np
import pytest

from quake.events.candidates import find_candidates
from quake.events.characteristic import NOTHING_DB, aic_pick, energy_ratio, high_pass, peaks
from quake.events.emergent import envelope_pick
from quake.events.measure import measure

RATE_HZ = 50.0


def noise(seconds, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((3, round(seconds * RATE_HZ)))


def with_burst(samples, at_s, length_s, gain, hz=6.0, decay_s=4.0):
    """Add an oscillation that begins suddenly, the same on all components."""
    first, n = round(at_s * RATE_HZ), round(length_s * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    burst = gain * np.sin(2 * np.pi * hz * t + 0.7) * np.exp(-t / decay_s)
    samples = samples.copy()
    samples[:, first : first + n] += burst[: samples.shape[1] - first]
    return samples


def test_the_ratio_at_a_step_is_that_of_the_levels():
    energy = np.concatenate((np.full(300, 2.0), np.full(300, 200.0)))
    found = energy_ratio(energy, 50, 150)
    assert found.argmax() == 300
    assert found[300] == pytest.approx(20.0)  # a factor of 100
    assert found[200] == pytest.approx(0.0)


def test_the_ratio_is_nothing_at_the_ends_and_where_it_is_silent():
    energy = np.ones(400)
    found = energy_ratio(energy, 50, 150)
    assert (found[:150] == NOTHING_DB).all()
    assert (found[351:] == NOTHING_DB).all()
    assert (energy_ratio(np.zeros(400), 50, 150) == NOTHING_DB).all()
    assert (energy_ratio(np.ones(10), 50, 150) == NOTHING_DB).all()


def test_the_ratio_does_not_depend_on_the_units():
    energy = np.random.default_rng(1).random(600)
    np.testing.assert_allclose(energy_ratio(energy, 50, 150), energy_ratio(energy * 1e-18, 50, 150))


def test_a_peak_is_the_largest_of_its_neighbourhood():
    values = np.array([0.0, 5.0, 0.0, 0.0, 7.0, 6.0, 0.0, 3.0])
    assert peaks(values, 4.0, 1).tolist() == [1, 4]


def test_the_high_pass_halves_the_power_at_its_corner():
    t = np.arange(1000) / RATE_HZ
    sine = np.sin(2 * np.pi * 4.0 * t)
    power = (high_pass(sine, 4.0, RATE_HZ) ** 2).mean() / (sine**2).mean()
    assert power == pytest.approx(0.5, abs=0.01)
    assert np.abs(high_pass(np.sin(2 * np.pi * 1.0 * t), 4.0, RATE_HZ)).max() < 0.01


@pytest.mark.parametrize("gain", [5.0, 50.0])
def test_the_aic_is_smallest_at_the_onset(gain):
    samples = noise(3)
    samples[:, 90:] *= gain
    pick = aic_pick(samples)
    assert abs(pick.sample - 90) <= 3
    assert pick.uncertainty < 10


def test_a_weaker_onset_is_less_certain():
    clear, weak = noise(3), noise(3)
    clear[:, 90:] *= 50
    weak[:, 90:] *= 1.5
    assert aic_pick(weak).uncertainty > aic_pick(clear).uncertainty


def test_silence_and_a_piece_of_nothing_have_no_onset():
    assert aic_pick(np.zeros((3, 100))) is None
    assert aic_pick(noise(0.2)) is None


def test_a_burst_in_noise_is_a_candidate_at_its_onset():
    found = find_candidates(with_burst(noise(60), 30.0, 20, 20.0), RATE_HZ)
    nearest = min(found, key=lambda c: abs(c.index / RATE_HZ - 30.0))
    assert nearest.index / RATE_HZ == pytest.approx(30.0, abs=0.1)
    assert nearest.uncertainty_s >= 0.05
    assert nearest.rise_db > 15


def test_two_overlapping_bursts_are_two_candidates():
    samples = with_burst(with_burst(noise(60), 30.0, 20, 20.0), 36.0, 20, 60.0, hz=9.0)
    times_s = np.array([c.index / RATE_HZ for c in find_candidates(samples, RATE_HZ)])
    assert np.abs(times_s - 30.0).min() < 0.2
    assert np.abs(times_s - 36.0).min() < 0.2


def test_candidates_do_not_depend_on_the_units():
    samples = with_burst(noise(60), 30.0, 20, 20.0)
    one, other = find_candidates(samples, RATE_HZ), find_candidates(samples * 1e-9, RATE_HZ)
    assert [c.index for c in one] == [c.index for c in other]


def test_silence_has_no_candidates():
    assert find_candidates(np.zeros((3, 3000)), RATE_HZ) == []


def test_an_envelope_that_rises_slowly_is_found_to_some_seconds():
    samples = noise(120)
    ramp = np.clip((np.arange(6000) / RATE_HZ - 60) / 10, 0, 1) * 5 + 1
    found = envelope_pick(samples * ramp, 45 * 50, 105 * 50, RATE_HZ)
    assert found.index / RATE_HZ == pytest.approx(64, abs=6)
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
