"""The filter of records: its response by formula, and windows that forget what lies around them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from strategies import sine

from quake.windows.filtering import RecordingFilter, high_pass, ratio, recording_filter
from quake.windows.timeline import bridge

RATES_HZ = [20.0, 40.0, 50.0, 62.5, 100.0, 200.0, 500.0]


def applied(samples, rate_hz, corner_hz=0.7):
    """Filter samples with nothing around them."""
    found = recording_filter(rate_hz, 50.0, corner_hz)
    padded = np.pad(samples, found.reach)
    there = np.pad(np.ones(len(samples), np.bool_), found.reach)
    bridge(padded, there, found.reach)
    return found.apply(padded)


def gain(frequency_hz, rate_hz):
    """Of a sine, measured away from the ends."""
    out = applied(sine(frequency_hz, round(120 * rate_hz), rate_hz), rate_hz)
    t = np.arange(len(out)) / 50
    inside = slice(1500, 4500)
    waves = np.stack([np.sin(2 * np.pi * frequency_hz * t), np.cos(2 * np.pi * frequency_hz * t)])
    return np.linalg.lstsq(waves[:, inside].T, out[inside], rcond=None)[0]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("frequency_hz", [0.35, 0.7, 1.4, 5.0])
def test_the_gain_is_that_of_the_formula_and_there_is_no_delay(rate_hz, frequency_hz):
    corner, here = (np.tan(np.pi * f / 50) for f in (0.7, frequency_hz))
    in_phase, in_quadrature = gain(frequency_hz, rate_hz)
    assert in_phase == pytest.approx(1 / (1 + (corner / here) ** 8), abs=1e-5)
    assert in_quadrature == pytest.approx(0, abs=1e-5)


def test_at_the_models_rate_it_is_scipys_filter_run_both_ways():
    samples = np.random.default_rng(0).standard_normal(6000).cumsum()
    sections = signal.butter(4, 0.7, "highpass", fs=50, output="sos")
    expected = signal.sosfiltfilt(sections, samples, padlen=2000)
    found = applied(samples, 50.0)
    np.testing.assert_allclose(found[500:-500], expected[500:-500], atol=1e-4)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_straight_line_gives_nothing(rate_hz):
    line = 1e6 + 50 * np.arange(round(90 * rate_hz))
    assert np.abs(applied(line, rate_hz)).max() < 1e-8 * line.max()


@pytest.mark.parametrize("rate_hz", [62.5, 100.0, 200.0])
@pytest.mark.parametrize("frequency_hz", [26.0, 31.0])
def test_above_the_models_nyquist_frequency_nothing_comes_back(rate_hz, frequency_hz):
    out = applied(sine(frequency_hz, round(120 * rate_hz), rate_hz), rate_hz)
    assert np.abs(out[500:-500]).max() < 1e-5


@pytest.mark.parametrize("rate_hz", [20.0, 40.0, 50.0, 62.5, 99.9987, 100.0, 200.0])
@pytest.mark.parametrize("first_s", [0, 30, 62])
def test_a_window_of_a_record_becomes_what_it_would_be_alone(rate_hz, first_s):
    """The filter over the whole, corrected at both ends, against the filter over the window."""
    found = recording_filter(rate_hz, 50.0, 0.7)
    samples = np.random.default_rng(1).standard_normal(round(200 * rate_hz)).cumsum()
    first, n = round(first_s * rate_hz), round(60 * rate_hz)
    padded = np.pad(samples, found.reach)
    bridge(padded, np.pad(np.ones(len(samples), np.bool_), found.reach), found.reach)
    window = found.apply(padded)[first_s * 50 : first_s * 50 + 3000].copy()
    left, right = first + found.reach, first + n - 1 + found.reach
    k = np.arange(1, found.reach + 1)
    before = 2 * padded[left] - padded[left + k] - padded[left - k]
    after = 2 * padded[right] - padded[right - k] - padded[right + k]
    effect = found.end_effects(before[None], 3000)[0]
    window[: len(effect)] += effect
    effect = found.end_effects(after[None], 3000, at_end=True)[0]
    window[3000 - len(effect) :] += effect[::-1]
    alone = applied(samples[first : first + n], rate_hz)[:3000]
    np.testing.assert_allclose(window, alone, atol=2e-5 * alone.std())


@given(st.integers(1, 4000))
@settings(deadline=None, max_examples=25)
def test_there_is_an_output_for_each_step_of_the_model(n):
    assert len(applied(np.ones(n), 100.0)) == -(-n // 2)
    assert len(applied(np.ones(n), 50.0)) == n


def test_blocks_of_the_fft_leave_no_seam():
    # One impulse near each end of the first block gives the same response as one in its middle.
    found = recording_filter(50.0, 50.0, 0.7)
    _, step = found._block
    responses = []
    for at in (step // 2, step - 1, step, step + 1):
        samples = np.zeros(2 * step)
        samples[at] = 1.0
        responses.append(applied(samples, 50.0)[at - found.reach : at + found.reach + 1])
    for response in responses[1:]:
        np.testing.assert_allclose(response, responses[0], atol=1e-15)


def test_the_response_to_an_impulse_ends_at_the_reach():
    found = recording_filter(50.0, 50.0, 0.7)
    samples = np.zeros(6000)
    samples[3000] = 1.0
    out = applied(samples, 50.0)
    assert found.reach_s == pytest.approx(8.0)
    assert np.abs(out[3000 + found.reach + 1 :]).max() < 1e-15
    assert np.abs(out[3000 + found.reach - 50 : 3000 + found.reach]).max() < 1e-5


def test_high_pass_filters_an_array():
    samples = np.random.default_rng(2).standard_normal(3000)
    np.testing.assert_array_equal(high_pass(samples, 50.0, 0.7), applied(samples, 50.0))


@pytest.mark.parametrize(
    ("rate_hz", "expected"),
    [(50, (1, 1)), (100, (1, 2)), (40, (5, 4)), (62.5, (4, 5)), (99.9987, (1, 2))],
)
def test_the_ratio_of_rates_is_a_simple_fraction(rate_hz, expected):
    assert ratio(rate_hz, 50.0) == expected


def test_filters_are_kept():
    assert recording_filter(100.0, 50.0, 0.7) is recording_filter(100.0, 50.0, 0.7)
    assert isinstance(recording_filter(100.0, 50.0, 0.7), RecordingFilter)
