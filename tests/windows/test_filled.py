"""Stretches that no instrument recorded: what is found of them, and what is left alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import Stream
from strategies import channel_set, noise, segment, trace

from quake.data.preprocessing import Preprocessing
from quake.waveforms.readers.waveform_file import read_segments, scan
from quake.waveforms.times import NS_PER_S
from quake.windows.cutting import cut
from quake.windows.filled import least_samples, repeated, straight, wild
from quake.windows.timeline import timelines

RECORD = Path(__file__).resolve().parents[2] / "examples" / "BK.MHC.mseed"
RATE_HZ = 100.0
N = 4000
FIRST = 1000


def made_up(samples, rate_hz=RATE_HZ):
    """The timeline of a record that begins at 0."""
    end_ns = round(len(samples) * NS_PER_S / rate_hz)
    (line,) = timelines([segment(samples, 0, rate_hz)], 0, end_ns, {rate_hz: 10})
    return line


def indices(mask):
    return np.flatnonzero(mask).tolist()


def counts(seed=0, n=N, scale=1.0):
    return np.round(scale * noise(n, seed, 1)[0]).astype(np.int32)


def linspace(samples, first, stop):
    """What fills a gap on a straight line from the sample before to the one after."""
    return np.linspace(float(samples[first - 1]), float(samples[stop]), stop - first + 2)[1:-1]


# --- repeated values ----------------------------------------------------------------------


@pytest.mark.parametrize(("rate_hz", "n_least"), [(100, 100), (200, 200), (20, 20), (1, 20)])
def test_a_stretch_counts_from_a_second_and_twenty_samples_on(rate_hz, n_least):
    assert least_samples(rate_hz) == n_least


def test_zeros_are_found_sample_by_sample():
    samples = counts()
    samples[FIRST : FIRST + 100] = 0
    line = made_up(samples)
    assert indices(line.flat) == list(range(FIRST, FIRST + 100))
    assert not (line.line | line.wild).any()
    assert indices(~line.valid) == list(range(FIRST, FIRST + 100))
    assert line.recorded.all()
    assert not line.bad.any()


def test_the_last_value_is_found_with_the_sample_that_it_is_taken_from():
    samples = counts()
    samples[FIRST : FIRST + 99] = samples[FIRST - 1]
    assert indices(made_up(samples).flat) == list(range(FIRST - 1, FIRST + 99))


@given(st.integers(0, N - 100), st.integers(100, 900), st.sampled_from(["zero", "last"]))
def test_a_repeated_value_is_found_wherever_it_lies_and_however_long_it_is(first, length, value):
    samples = counts()
    samples[first : first + length] = 0 if value == "zero" else samples[first]
    found = made_up(samples).flat
    assert found[first : first + length].all()
    # By chance a sample beside it may have the same value.
    assert found.sum() <= min(length, N - first) + 2


def test_of_a_repeated_value_gaps_are_no_part():
    there = np.ones(300, np.bool_)
    there[100:110] = False
    assert indices(repeated(np.zeros(300), there, 150)) == list(range(110, 300))


# --- straight lines -----------------------------------------------------------------------


@pytest.mark.parametrize("rise", [37.0, 500.0, -2500.0, 123_456.0])
@pytest.mark.parametrize("rounding", [np.round, np.floor, np.trunc])
def test_a_line_of_integers_is_found_although_it_is_a_staircase(rise, rounding):
    samples = counts()
    samples[FIRST - 1], samples[FIRST + 300] = -17, -17 + rise
    samples[FIRST : FIRST + 300] = rounding(linspace(samples, FIRST, FIRST + 300))
    line = made_up(samples)
    assert line.line[FIRST : FIRST + 300].all()
    assert (line.line | line.flat).sum() <= 300 + 2 + 2
    assert not line.valid[FIRST : FIRST + 300].any()


@given(st.integers(200, 10**6), st.floats(0.6, 1.6), st.integers(400, 2500))
def test_a_truncated_line_is_found_on_both_sides_of_zero(amplitude, ratio, length):
    """Truncation bends it at zero, where a sample or a few are left."""
    samples = counts()
    samples[FIRST - 1], samples[FIRST + length] = -amplitude, round(amplitude * ratio)
    samples[FIRST : FIRST + length] = linspace(samples, FIRST, FIRST + length).astype(np.int32)
    line = made_up(samples)
    assert (~(line.line | line.flat))[FIRST : FIRST + length].sum() <= 4


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_line_of_floats_is_found_however_they_are_rounded(dtype, scale, offset):
    samples = ((noise(N, 3, 1)[0] + offset) * scale).astype(dtype)
    samples[FIRST : FIRST + 250] = linspace(samples, FIRST, FIRST + 250)
    line = made_up(samples)
    assert line.line[FIRST - 1 : FIRST + 251].all()
    assert line.line.sum() <= 252 + 2


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
@pytest.mark.parametrize("gap_s", [1.5, 10.0])
def test_what_obspy_interpolates_is_a_line(dtype, gap_s):
    samples = counts(1).astype(dtype)
    stop = FIRST + round(gap_s * RATE_HZ)
    pieces = [trace(samples[:FIRST]), trace(samples[stop:])]
    pieces[1].stats.starttime = pieces[0].stats.starttime + stop / RATE_HZ
    (merged,) = Stream(pieces).merge(fill_value="interpolate")
    assert len(merged.data) == N
    line = made_up(merged.data)
    assert line.line[FIRST:stop].all()
    assert line.line.sum() <= stop - FIRST + 4


@pytest.mark.parametrize("fill_value", [0, "latest", "interpolate", 12345])
def test_a_window_of_a_record_that_obspy_filled_is_that_of_one_with_a_gap(fill_value):
    """But for a sample at either side, which is on the line or has the value."""
    rows = counts(4, 6000)
    pieces = [trace(rows[:2000]), trace(rows[3000:])]
    pieces[1].stats.starttime = pieces[0].stats.starttime + 3000 / RATE_HZ
    gap = channel_set(Z=[segment(rows[:2000]), segment(rows[3000:], 30 * NS_PER_S)])
    (merged,) = Stream(pieces).merge(fill_value=fill_value)
    expected = cut(gap, 0, Preprocessing(), 0.25)
    found = cut(channel_set(Z=merged.data), 0, Preprocessing(), 0.25)
    assert found.coverage == pytest.approx(expected.coverage, abs=4 / 6000)
    shown = (found.samples[0] != 0) & (expected.samples[0] != 0)
    assert shown.sum() >= 2500 - 4
    if fill_value in (0, 12345):
        np.testing.assert_array_equal(found.samples, expected.samples)
    far = np.abs(np.arange(3000) - 1250) > 600
    np.testing.assert_allclose(
        found.samples[0, far], expected.samples[0, far], atol=0.01 * expected.samples.std()
    )


@pytest.mark.parametrize("dtype", [np.int32, np.float64])
@pytest.mark.parametrize("length", [2, 50, 90])
def test_a_line_shorter_than_a_second_is_left_alone(dtype, length):
    samples = counts(2).astype(dtype)
    samples[FIRST : FIRST + length] = linspace(samples, FIRST, FIRST + length)
    line = made_up(samples)
    assert not (line.line | line.flat).any()
    assert line.valid.all()


def test_a_trend_under_noise_is_no_line():
    ramp = 500.0 * np.arange(N)
    assert not made_up((ramp + noise(N, 5, 1)[0]).astype(np.float64)).line.any()
    assert not made_up(np.round(ramp + noise(N, 5, 1)[0]).astype(np.int32)).line.any()


def test_a_slow_wave_is_no_line():
    slow = np.round(1e5 * np.sin(2 * np.pi * 0.05 * np.arange(N) / RATE_HZ)).astype(np.int32)
    rough = slow + np.random.default_rng(0).integers(-3, 4, N)
    assert not made_up(rough).line.any()


def test_a_quiet_digitiser_of_few_counts_has_no_lines():
    quiet = np.random.default_rng(0).integers(-2, 3, 60_000).astype(np.int32)
    line = made_up(quiet)
    assert not (line.line | line.flat | line.wild).any()


@given(st.integers(0, 10_000))
def test_noise_has_nothing_that_is_made_up(seed):
    for samples in (counts(seed), noise(N, seed, 1)[0], noise(N, seed, 1)[0].astype(np.float32)):
        line = made_up(samples)
        assert line.valid.all()


def test_a_line_does_not_go_on_across_a_gap():
    there = np.ones(300, np.bool_)
    there[150] = False
    assert not straight(3.0 * np.arange(300), there, 151, 1.0).any()
    assert straight(3.0 * np.arange(300), there, 149, 1.0).sum() == 299


# --- wild samples -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e5, -1e5, 2**30, -(2**30)])
@pytest.mark.parametrize("at", [60, 1000, 2047, 2048, 3900])
def test_a_wild_sample_among_noise_is_found_alone(size, at):
    samples = counts()
    samples[at] = size
    line = made_up(samples)
    assert indices(line.wild) == [at]
    assert indices(~line.valid) == [at]


def test_wild_samples_are_found_one_by_one():
    samples = counts()
    at = [300, 800, 1300, 2600, 3500]
    samples[at] = 10**6
    assert indices(made_up(samples).wild) == at


@pytest.mark.parametrize("at", [0, N - 1])
def test_of_the_first_and_the_last_sample_nobody_knows_what_is_beside_them(at):
    samples = counts()
    samples[at] = 10**6
    assert not made_up(samples).wild.any()


def test_a_sample_a_little_above_the_others_is_not_wild():
    samples = counts()
    samples[FIRST] = 6 * 1000
    assert not made_up(samples).wild.any()


@pytest.mark.parametrize("frequency_hz", [1.0, 8.0, 20.0, 40.0])
@pytest.mark.parametrize("decay_s", [0.5, 3.0])
def test_the_first_motion_of_a_sharp_onset_is_not_wild(frequency_hz, decay_s):
    """A tremendous earthquake on quiet noise, from one sample to the next."""
    samples = counts(scale=0.01)
    t = np.arange(N - FIRST) / RATE_HZ
    wave = 10**7 * np.exp(-t / decay_s) * np.cos(2 * np.pi * frequency_hz * t)
    samples[FIRST:] += wave.astype(np.int32)
    assert not made_up(samples).wild.any()


def test_a_step_and_a_pulse_of_three_samples_are_not_wild():
    samples = counts()
    samples[FIRST:] += 10**6
    samples[3000:3003] += 10**6
    assert not made_up(samples).wild.any()


def test_what_stands_out_by_less_than_a_hundred_counts_is_not_wild():
    """Of a digitiser that shows nothing but zeros and ones a pulse of a few counts."""
    samples = np.random.default_rng(0).integers(0, 2, N).astype(np.int32)
    samples[FIRST] = 90
    assert not made_up(samples).wild.any()
    samples[FIRST] = 200
    assert indices(made_up(samples).wild) == [FIRST]


@given(st.integers(3, 200), st.data())
def test_short_records_are_searched_without_a_fault(n, data):
    values = data.draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n))
    samples, there = np.array(values, np.float64), np.ones(n, np.bool_)
    for found in (
        repeated(samples, there, 20),
        straight(samples, there, 20, 1.0),
        wild(samples, there, 50.0, 1.0),
    ):
        assert found.shape == (n,)


# --- windows ------------------------------------------------------------------------------


def test_each_kind_has_its_flag_and_counts_against_the_coverage():
    z, n, e = counts(0, 6000), counts(1, 6000), counts(2, 6000)
    z[1000:2500] = 0
    n[FIRST - 1], n[FIRST + 600] = -500, 900
    n[FIRST : FIRST + 600] = np.round(linspace(n, FIRST, FIRST + 600))
    e[3000] = 10**6
    found = cut(channel_set(Z=z, N=n, E=e), 0, Preprocessing(), 0.25)
    assert {"flat:Z", "line:N", "spike:E", "gap"} <= set(found.flags)
    assert not {"flat:N", "line:Z", "spike:Z", "spike:N", "flat:E", "line:E"} & set(found.flags)
    assert found.coverage == 0.75  # of the worst component
    alone = cut(channel_set(E=e), 0, Preprocessing(), 0.25)
    assert alone.coverage == pytest.approx(1 - 1 / 6000, abs=1e-6)


def test_a_wild_sample_leaves_the_window_as_it_would_have_been():
    samples = counts(3, 6000)
    whole = cut(channel_set(Z=samples), 0, Preprocessing(), 0.25).samples[0]
    spiked = samples.copy()
    spiked[3001] = 10**6
    found = cut(channel_set(Z=spiked), 0, Preprocessing(), 0.25).samples[0]
    assert found.all()
    far = np.abs(np.arange(3000) - 1500) > 20
    np.testing.assert_allclose(found[far], whole[far], atol=0.1 * whole.std())
    assert np.abs(found).max() < 1.2 * np.abs(whole).max()


@pytest.mark.parametrize(("n_lost", "is_shown"), [(1, True), (10, True), (11, False), (99, False)])
def test_a_gap_of_a_tenth_of_a_second_is_bridged_and_a_longer_one_is_not(n_lost, is_shown):
    samples = counts(3, 6000)
    later = segment(samples[3000 + n_lost :], (3000 + n_lost) * NS_PER_S // 100)
    found = cut(channel_set(Z=[segment(samples[:3000]), later]), 0, Preprocessing(), 0.25)
    assert bool(found.samples[0].all()) == is_shown
    assert found.coverage == pytest.approx(1 - n_lost / 6000, abs=1e-6)
    assert "gap" in found.flags


@pytest.mark.parametrize("first", [0, 5990])
def test_a_short_gap_at_the_edge_of_a_window_is_not_bridged(first):
    samples = counts(3, 6000)
    samples = samples.astype(np.float64)
    samples[first : first + 10] = np.nan
    found = cut(channel_set(Z=samples), 0, Preprocessing(), 0.25)
    assert not found.samples[0, first // 2 : first // 2 + 5].any()


# --- real records -------------------------------------------------------------------------


def test_a_real_record_has_nothing_that_is_made_up():
    headers, _ = scan(RECORD)
    segments, _ = read_segments(RECORD, headers[0].id)
    assert len(segments) >= 3
    for one in segments:
        line = made_up(one.samples, one.sampling_rate_hz)
        assert line.valid.all()
