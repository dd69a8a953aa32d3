"""Drawn windows: any seed gives a usable one, at the ratio that it tells."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quake.errors import ParameterError
from quake.synth import LABELS, add_to, draw, loudest_span, measure_snr_db
from quake.synth import draws as module
from quake.synth.mixing import upper_edge_hz

RATE_HZ = 50.0
SIZE = {"window_s": 60.0, "sampling_rate_hz": RATE_HZ}
TIMES_S = np.arange(3000) / RATE_HZ


def background(seed=0):
    return 100 * np.random.default_rng(seed).standard_normal((3, 3000))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    label=st.sampled_from(LABELS),
    window_s=st.sampled_from([10.0, 30.0, 60.0]),
    sampling_rate_hz=st.sampled_from([10.0, 20.0, 50.0, 62.5, 100.0]),
    onset_s=st.none() | st.floats(0, 10),
    real=st.booleans(),
)
def test_every_draw_is_finite_and_alive(seed, label, window_s, sampling_rate_hz, onset_s, real):
    n_samples = round(window_s * sampling_rate_hz)
    made = draw(
        np.random.default_rng(seed),
        label,
        window_s=window_s,
        sampling_rate_hz=sampling_rate_hz,
        onset_s=onset_s,
        background=background()[:, :n_samples] if real and n_samples <= 3000 else None,
    )
    assert made.samples.shape == (3, n_samples)
    assert made.samples.dtype == np.float64
    assert np.isfinite(made.samples).all()
    assert made.samples.std(axis=1).min() > 0
    assert made.label == label
    if label == "noise":
        assert made.onset_s is None
    else:
        assert 0 <= made.onset_index <= made.samples.shape[1]
        assert made.truth["snr_db"] >= 3
        assert made.onset_s == (onset_s if onset_s is not None else made.onset_s)


@pytest.mark.parametrize("label", LABELS)
def test_the_same_seed_gives_the_same_window(label):
    first, second = (draw(np.random.default_rng(3), label, **SIZE) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)
    assert first.truth == second.truth
    third = draw(np.random.default_rng(4), label, **SIZE)
    assert not np.array_equal(first.samples, third.samples)


def test_all_labels_are_drawn():
    rng = np.random.default_rng(0)
    assert {draw(rng, **SIZE).label for _ in range(30)} == set(LABELS)


@pytest.fixture
def undisturbed(monkeypatch):
    monkeypatch.setattr(module, "DISTURBED", dict.fromkeys(LABELS, 0.0))
    monkeypatch.setattr(module, "FAULTY", dict.fromkeys(LABELS, 0.0))


@pytest.mark.usefixtures("undisturbed")
@pytest.mark.parametrize("label", ["earthquake", "surface_event"])
def test_events_stand_on_a_real_background_at_the_ratio_that_is_told(label):
    for seed in range(10):
        made = draw(np.random.default_rng(seed), label, **SIZE, background=background())
        alone = made.samples - background()
        measured = measure_snr_db(alone, background(), RATE_HZ)
        assert measured == pytest.approx(made.truth["snr_db"], abs=0.01)
        # Nothing before P but what the anti-alias filter, which has no phase, spreads.
        before = max(made.onset_index - 25, 0)
        if label == "earthquake":
            assert np.abs(alone[:, :before]).max(initial=0) < 0.01 * np.abs(alone).max()


@pytest.mark.usefixtures("undisturbed")
def test_noise_on_a_real_background_is_that_background():
    made = draw(np.random.default_rng(0), "noise", **SIZE, background=background())
    assert np.array_equal(made.samples, background())


@pytest.mark.parametrize("label", LABELS)
def test_missing_components_stay_missing(label):
    vertical = background() * np.array([[1.0], [0.0], [0.0]])
    for seed in range(5):
        made = draw(np.random.default_rng(seed), label, **SIZE, background=vertical)
        assert not made.samples[1:].any()
        assert made.samples[0].any()


def test_a_background_is_not_changed():
    given_one = background()
    for label in LABELS:
        draw(np.random.default_rng(1), label, **SIZE, background=given_one)
    assert np.array_equal(given_one, background())


@pytest.mark.usefixtures("undisturbed")
def test_events_fill_no_band_that_the_background_leaves_empty():
    spectrum = np.fft.rfft(background(), axis=1)
    frequency_hz = np.fft.rfftfreq(3000, 1 / RATE_HZ)
    low = np.fft.irfft(spectrum * (frequency_hz < 12), axis=1)
    assert upper_edge_hz(low, RATE_HZ) == pytest.approx(12, abs=0.8)
    assert upper_edge_hz(background(), RATE_HZ) == np.inf
    for seed in range(5):
        made = draw(np.random.default_rng(seed), "earthquake", **SIZE, background=low)
        power = np.abs(np.fft.rfft(made.samples - low, axis=1)) ** 2
        assert power[:, frequency_hz > 16].sum() < 0.01 * power.sum()


def test_ratio_of_a_ten_times_larger_sine_is_20_db():
    sine = np.sin(2 * np.pi * 5 * TIMES_S) * np.ones((3, 1))
    assert measure_snr_db(10 * sine, sine, RATE_HZ) == pytest.approx(20, abs=0.01)


def test_frequencies_outside_of_the_band_do_not_count():
    in_band, below = (np.sin(2 * np.pi * f * TIMES_S) * np.ones((3, 1)) for f in (5.0, 0.2))
    assert measure_snr_db(in_band, in_band + 5 * below, RATE_HZ) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 30.0])
def test_a_signal_is_added_at_the_ratio_asked_for(snr_db):
    burst = np.sin(2 * np.pi * 5 * TIMES_S) * (abs(TIMES_S - 30) < 5) * np.ones((3, 1))
    total = add_to(background(), burst, snr_db, sampling_rate_hz=RATE_HZ)
    alone = total - background()
    assert measure_snr_db(alone, background(), RATE_HZ) == pytest.approx(snr_db, abs=1e-6)
    assert not alone[:, :1000].any()


def test_the_loudest_stretch_is_found():
    samples = np.zeros((3, 3000))
    samples[1, 1000:1250] = 1.0
    assert loudest_span(samples, RATE_HZ) == (1000, 1250)


def test_a_span_says_what_counts():
    burst = np.zeros((3, 3000))
    burst[:, 500:750] = np.sin(2 * np.pi * 5 * TIMES_S[500:750])
    burst[:, 2000:2250] = 10 * np.sin(2 * np.pi * 5 * TIMES_S[2000:2250])
    loud, weak = (measure_snr_db(burst, background(), RATE_HZ, s) for s in (None, (500, 750)))
    assert loud - weak == pytest.approx(20, abs=0.1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (np.zeros((3, 2999)), r"shape \(3, 2999\), expected \(3, 3000\)"),
        (np.full((3, 3000), np.nan), "NaN"),
        (np.zeros((3, 3000)), "no component has both signal and noise"),
    ],
    ids=["short", "nan", "silent"],
)
def test_a_background_that_cannot_be_used_is_refused(changed, message):
    with pytest.raises(ParameterError, match=message):
        draw(np.random.default_rng(0), "earthquake", **SIZE, background=changed)


def test_unknown_labels_and_tiny_windows_are_refused():
    with pytest.raises(ParameterError, match=r"no synthetic 'explosion'; there are earthquake, "):
        draw(np.random.default_rng(0), "explosion", **SIZE)
    with pytest.raises(ParameterError, match="64"):
        draw(np.random.default_rng(0), "noise", window_s=1.0, sampling_rate_hz=50.0)


def test_it_needs_numpy_alone():
    program = "import sys, quake.synth; print({'torch', 'scipy', 'obspy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
