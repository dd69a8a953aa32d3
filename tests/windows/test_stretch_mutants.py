"""Stretches: limits of clipping, rotations and scales that no other test would notice."""

import numpy as np
import pytest
from strategies import channel_set, noise, segment

from quake.data.preprocessing import Preprocessing
from quake.waveforms.times import NS_PER_S
from quake.windows import cutting as stretch
from quake.windows.cutting import Stretch

PREPROCESSING = Preprocessing()
TOP = 10_000.0


def window(channels, start_ns=0, rotation=None):
    (found,) = Stretch(channels, 0, start_ns + 60 * NS_PER_S, PREPROCESSING).windows(
        [start_ns], 0.7, None if rotation is None else [rotation]
    )
    return found


# --- clipping: in all eight samples in plateaus of four or more, of a hundred values or more -----


def ramp(*plateaus, n_values=400):
    """Many values that rise, with plateaus of the largest one, each far from the others."""
    values = np.tile(np.arange(n_values - 1, dtype=np.float64), 3)
    for number, length in enumerate(plateaus):
        begin = 10 + 40 * number
        values[begin : begin + length] = TOP
    return values


@pytest.mark.parametrize(
    ("plateaus", "is_clipped"),
    [
        ((8,), True),
        ((4, 4), True),
        ((7,), False),
        ((4, 3), False),
        ((3, 3, 3), False),
        ((4, 1, 1, 1, 1), False),
        ((5, 3), False),
        ((4, 3, 4), True),
        ((), False),
    ],
)
def test_plateaus_count_from_four_samples_on_and_have_to_be_eight_in_all(plateaus, is_clipped):
    values = ramp(*plateaus)
    assert stretch._is_clipped(values) == is_clipped
    assert stretch._is_clipped(-values) == is_clipped


@pytest.mark.parametrize(("n_values", "is_clipped"), [(99, False), (100, True)])
def test_a_record_of_few_values_repeats_its_extremes_without_being_clipped(n_values, is_clipped):
    values = ramp(8, n_values=n_values)
    assert len(np.unique(values)) == n_values
    assert stretch._is_clipped(values) == is_clipped


@pytest.mark.parametrize("rate_hz", [100.0])
def test_each_window_is_clipped_by_its_own_samples(rate_hz):
    """The second of three minutes saturates; its value is not the extreme of the others."""
    samples = np.round(noise(18_000, n_rows=1)[0])
    samples[9000:9020] = TOP
    samples[3000:3020] = 17.0
    samples[15_000:15_020] = -23.0
    minutes = [k * 60 * NS_PER_S for k in range(3)]
    found = Stretch(channel_set(Z=samples), 0, 180 * NS_PER_S, PREPROCESSING).windows(minutes, 0.7)
    assert ["clipped:Z" in window.flags for window in found] == [False, True, False]


def test_a_plateau_of_seven_is_none_in_a_window():
    samples = np.round(noise(6000, n_rows=1)[0])
    samples[3000:3007] = TOP
    assert "clipped:Z" not in window(channel_set(Z=samples)).flags
    samples[3007] = TOP
    assert "clipped:Z" in window(channel_set(Z=samples)).flags


# --- the end of a record --------------------------------------------------------------------


@pytest.mark.parametrize("n_missing", [1, 2, 100, 1700])
def test_a_window_beyond_the_end_of_a_record_is_that_of_a_record_with_a_gap(n_missing):
    """What is cut off at the end, and what was never recorded there, are the same."""
    samples = noise(9000, n_rows=1)[0]
    n_there = 6000 - n_missing
    short = window(channel_set(Z=samples[:n_there]))
    later = segment(samples[8000:], start_ns=80 * NS_PER_S)
    gap = window(channel_set(Z=[segment(samples[:n_there]), later]))
    assert short.coverage == gap.coverage == round(n_there / 6000, 6)
    np.testing.assert_allclose(short.samples, gap.samples, atol=1e-3 * abs(gap.samples).max())


# --- rotation -------------------------------------------------------------------------------


def test_a_component_alone_is_not_turned_and_says_so():
    turn = np.diag([1.0, -1.0, -1.0])
    assert "not_rotated" in window(channel_set(Z=noise(6000)[0]), rotation=turn).flags


def test_without_any_component_there_is_nothing_to_say_of_a_rotation():
    dead = window(channel_set(Z=np.zeros(6000)), rotation=np.diag([1.0, -1.0, -1.0]))
    assert "not_rotated" not in dead.flags
    assert dead.status == "no_data"


@pytest.mark.parametrize(("error", "is_turned"), [(0.5e-6, False), (5e-6, True)])
def test_a_turn_by_less_than_a_thousandth_of_a_degree_is_none(error, is_turned):
    turn = np.eye(3)
    turn[1, 2], turn[2, 1] = -error, error
    rows = dict(zip("ZNE", noise(6000), strict=True))
    assert ("rotated" in window(channel_set(**rows), rotation=turn).flags) == is_turned


# --- the range of float32 -------------------------------------------------------------------


def test_large_and_small_rows_are_scaled_each_by_itself():
    rows = np.array([[[4e20, -1e20], [3.0, 1.0], [2e-20, 1e-20]], [[1.0, 2.0]] * 3])
    found = stretch._to_float32(rows)
    assert found.dtype == np.float32
    expected = np.array([[[1, -0.25], [3, 1], [1, 0.5]], [[1, 2]] * 3], np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_zeros_and_what_fits_are_left_as_they_are():
    rows = np.array([[[0.0, 0.0], [1e15, -1e15], [1e-15, 1e-16]]])
    found = stretch._to_float32(rows)
    np.testing.assert_array_equal(found, rows.astype(np.float32))
