"""Disturbances and faults: each does what its name says."""

import numpy as np
import pytest

from quake.errors import ParameterError
from quake.synth import DISTURBANCES, FAULTS, disturbance, teleseism
from quake.synth.disturbances import spikes, vehicle
from quake.synth.faults import clip, dropout, repeat_packet, swell

SIZE = {"window_s": 60.0, "sampling_rate_hz": 100.0}


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", DISTURBANCES)
def test_each_disturbance_has_a_peak_and_a_time(kind):
    for seed in range(5):
        made = disturbance(generator(seed), kind, **SIZE)
        assert made.samples.shape == (3, 6000)
        assert np.isfinite(made.samples).all()
        assert np.abs(made.samples).max() == pytest.approx(1e-6)
        assert made.label == "noise"
        assert made.onset_s is None
        assert made.truth["kind"] == kind
        assert made.truth["start_s"] < made.truth["end_s"]


@pytest.mark.parametrize(
    "kind", ["vehicle", "helicopter", "footsteps", "gust", "thunder", "air_blast", "calibration"]
)
def test_most_energy_lies_between_start_and_end(kind):
    times_s = np.arange(6000) / 100.0
    shares = []
    for seed in range(20):
        made = disturbance(generator(seed), kind, **SIZE)
        inside = (times_s >= made.truth["start_s"]) & (times_s <= made.truth["end_s"])
        power = (made.samples**2).sum(axis=0)
        shares.append(power[inside].sum() / power.sum())
    assert np.median(shares) > 0.8


def test_the_same_seed_gives_the_same_disturbance():
    first, second = (disturbance(generator(7), **SIZE).samples for _ in range(2))
    assert np.array_equal(first, second)


def test_an_unknown_disturbance_lists_those_there_are():
    with pytest.raises(ParameterError, match=r"no disturbance 'ufo'; there are vehicle, "):
        disturbance(generator(), "ufo", **SIZE)


def test_spikes_are_few_samples():
    bare = [spikes(generator(seed), 6000, 100.0).samples for seed in range(20)]
    counts = [np.count_nonzero(s.any(axis=0)) for s in bare]
    assert min(counts) <= 5


def test_engine_lines_are_higher_before_the_vehicle_than_after():
    from quake.synth.disturbances import _doppler

    factor = _doppler(np.array([-1e6, 0.0, 1e6]), 0.0, 1.0, 0.034)
    assert factor == pytest.approx([1 / 0.9, 1.0, 1 / 1.1])


def test_vehicles_last_seconds():
    lengths = [b.end_s - b.start_s for b in (vehicle(generator(s), 6000, 100.0) for s in range(50))]
    assert 2 < min(lengths) < max(lengths) < 30


def noise(seed=0):
    return generator(seed).standard_normal((3, 6000))


def test_clipping_leaves_flat_tops():
    clipped = clip(noise(), generator())
    limit = np.abs(clipped).max()
    assert limit < np.abs(noise()).max()
    assert np.count_nonzero(np.abs(clipped) == limit) > 1
    inside = np.abs(clipped) < limit
    assert np.array_equal(clipped[inside], noise()[inside])


def test_dropouts_are_constant_and_the_rest_is_untouched():
    lost = dropout(noise(), generator(1))
    changed = (lost != noise()).any(axis=0)
    assert 0 < changed.sum() < 0.25 * 6000
    assert not np.diff(lost[:, changed], axis=1)[:, np.diff(np.flatnonzero(changed)) == 1].any()


def test_a_repeated_packet_is_there_twice():
    sent = repeat_packet(noise(), generator(2))
    changed = np.flatnonzero((sent != noise()).any(axis=0))
    matches = [
        lag for lag in range(20, 400) if np.array_equal(sent[:, changed], sent[:, changed - lag])
    ]
    assert matches


def test_swells_are_within_10_db():
    gain_db = 20 * np.log10(np.abs(swell(noise(), generator(3)) / noise()))
    assert np.abs(gain_db).max() <= 10
    assert np.ptp(gain_db) > 0.5


@pytest.mark.parametrize("fault", FAULTS.values())
def test_faults_do_not_change_their_input(fault):
    samples = noise()
    fault(samples, generator())
    assert np.array_equal(samples, noise())


def test_teleseisms_are_low_and_called_what_one_wants():
    made = teleseism(generator(), **SIZE)
    power = (np.abs(np.fft.rfft(made.samples)) ** 2).sum(axis=0)
    frequency_hz = np.fft.rfftfreq(6000, 0.01)
    assert power[frequency_hz < 3].sum() > 0.95 * power.sum()
    assert made.label == "noise"
    assert made.onset_s is None
    named = teleseism(generator(), **SIZE, label="earthquake")
    assert named.p_s == made.truth["start_s"]
