"""Surface events: shape, band and onset as asked."""

from dataclasses import replace

import numpy as np
import pytest

from quake.synth import Pulse, SurfaceEvent, draw_surface_event, surface_event

RATE_HZ = 100.0
STEADY = SurfaceEvent(
    pulses=(Pulse(rise_s=15.0, decay_s=30.0, sharpness=2.0),),
    impacts_per_s=500.0,
    impact_spread=0.3,
    roughness=0.0,
    ring_s=0.5,
    late_share=0.0,
)


def record(event, onset_s=20.0, seed=0):
    return surface_event(
        event,
        np.random.default_rng(seed),
        window_s=120.0,
        sampling_rate_hz=RATE_HZ,
        onset_s=onset_s,
    )


def test_envelope_is_a_tenth_of_the_peak_one_rise_before_and_one_decay_after():
    times_s = np.array([-15.0, 0.0, 30.0])
    assert STEADY.envelope(times_s) == pytest.approx([0.1, 1.0, 0.1])
    assert STEADY.onset_s() == pytest.approx(-15.0, abs=0.05)


def mean_envelope(event, n_seeds=10):
    """Root-mean-square over seeds, components and two seconds, over its largest."""
    power = np.mean([(record(event, seed=s).samples ** 2).mean(0) for s in range(n_seeds)], axis=0)
    envelope = np.sqrt(np.convolve(power, np.ones(200) / 200, "same"))
    return envelope / envelope.max()


def test_signal_rises_and_falls_as_its_envelope():
    envelope = mean_envelope(STEADY)
    # The peak is 15 s after the onset at 20 s; half the amplitude is left at
    # (log10 2)^(1/2) = 0.55 of rise and decay. Ringing delays it by about half a second.
    assert envelope[int((35 - 0.55 * 15) * RATE_HZ)] == pytest.approx(0.5, abs=0.12)
    assert envelope[int((35 + 0.55 * 30) * RATE_HZ)] == pytest.approx(0.5, abs=0.12)
    assert np.argmax(envelope) / RATE_HZ == pytest.approx(36, abs=4)
    assert envelope[: int(10 * RATE_HZ)].max() < 0.05


def test_what_rings_after_the_window_does_not_come_back_at_its_beginning():
    slow = Pulse(rise_s=8.0, decay_s=200.0, sharpness=4.0)
    event = replace(STEADY, pulses=(slow,), ring_s=10.0, late_share=0.8, late_s=10.0)
    samples = record(event, onset_s=60.0).samples
    assert np.abs(samples[:, :3000]).max() < 0.02 * np.abs(samples).max()


def test_energy_lies_between_1_and_10_hz_and_lower_when_farther():
    def centroid(event):
        power = (np.abs(np.fft.rfft(record(event).samples)) ** 2).sum(axis=0)
        return np.average(np.fft.rfftfreq(12000, 1 / RATE_HZ), weights=power)

    near, far = (centroid(replace(STEADY, distance_km=d)) for d in (1.0, 60.0))
    assert 1 < far < near < 10


def test_few_impacts_are_heard_one_by_one():
    def peakedness(impacts_per_s):
        event = replace(STEADY, impacts_per_s=impacts_per_s, ring_s=0.2)
        z = np.array([record(event, seed=seed).samples[0, 2500:5000] for seed in range(10)])
        return np.mean(np.mean(z**4, axis=1) / np.mean(z**2, axis=1) ** 2)

    assert peakedness(500.0) < 4.5  # 3 is Gaussian
    assert peakedness(0.5) > 1.5 * peakedness(500.0)


def test_long_period_push_lies_below_a_tenth_of_a_hertz():
    push = record(replace(STEADY, long_period=2.0)).samples - record(STEADY).samples
    power = (np.abs(np.fft.rfft(push)) ** 2).sum(axis=0)
    frequency_hz = np.fft.rfftfreq(12000, 1 / RATE_HZ)
    assert power[frequency_hz < 0.1].sum() > 0.95 * power.sum()


def test_there_is_an_onset_and_no_p_or_s():
    made = record(STEADY)
    assert (made.label, made.onset_s, made.onset_index) == ("surface_event", 20.0, 2000)
    assert made.p_s is made.s_s is made.p_index is made.s_index is None


def test_all_kinds_are_drawn():
    rng = np.random.default_rng(0)
    kinds = {draw_surface_event(rng).kind for _ in range(100)}
    assert kinds == {"rockfall", "landslide", "avalanche", "debris_flow", "ice_fall"}
