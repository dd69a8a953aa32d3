"""Timelines: where samples lie, what is counted of them, and how gaps are bridged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import noise, segment

from quake.waveforms.times import NS_PER_S
from quake.windows.filled import repeated
from quake.windows.timeline import bridge, index_at, timelines


def bridged(values, there, reach=100):
    samples = np.array(values, np.float64)
    bridge(samples, np.array(there, np.bool_), reach)
    return samples


def line_of(*segments, end_s=10, origin_ns=0):
    (line,) = timelines(segments, origin_ns, origin_ns + end_s * NS_PER_S, {100.0: 50})
    return line


# --- bridges ------------------------------------------------------------------------------


def test_a_gap_in_a_straight_line_is_bridged_by_the_line():
    there = np.ones(20, np.bool_)
    there[8:11] = False
    np.testing.assert_allclose(bridged(np.where(there, np.arange(20), -99), there), np.arange(20))


def test_before_the_first_and_after_the_last_sample_the_line_goes_on():
    there = np.zeros(20, np.bool_)
    there[5:15] = True
    np.testing.assert_allclose(bridged(np.where(there, np.arange(20), 0), there), np.arange(20))


def test_a_gap_beside_a_single_sample_holds_its_value():
    there = [False, False, True, False]
    assert bridged([0, 0, 7, 0], there).tolist() == [7, 7, 7, 7]


def test_between_two_pieces_one_is_faded_into_the_other():
    # 0 0 | ? ? ? | 4 4: constants reflect to themselves, and the weights are 1/4, 2/4, 3/4.
    there = [True, True, False, False, False, True, True]
    assert bridged([0, 0, 9, 9, 9, 4, 4], there).tolist() == [0, 0, 1, 2, 3, 4, 4]


def test_in_a_long_gap_each_side_stands_as_far_as_the_filter_reaches():
    there = np.zeros(50, np.bool_)
    there[:10] = there[40:] = True
    values = np.where(np.arange(50) < 10, 0.0, 4.0)
    found = bridged(values, there, reach=5)
    assert found[:15].tolist() == [0.0] * 15
    assert found[35:].tolist() == [4.0] * 15


def test_nothing_there_stays_as_it_is():
    assert bridged([0, 0, 0], [False] * 3).tolist() == [0, 0, 0]


def test_nothing_missing_stays_as_it_is():
    assert bridged([3, 1, 2], [True] * 3).tolist() == [3, 1, 2]


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 20))
def test_samples_that_are_there_are_not_changed_and_all_are_finite(there, reach):
    values = np.arange(len(there)) ** 2.0
    found = bridged(values, there, reach)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[there], values[there])


@given(st.lists(st.booleans(), min_size=2, max_size=60).filter(any))
def test_any_gaps_of_a_line_between_longer_pieces_are_the_line(there):
    # Pieces as long as their gaps are wide, or the reflection ends and a constant goes on.
    spread = np.repeat(there, 3)
    spread = np.concatenate([np.ones(200, np.bool_), spread[:6], np.ones(200, np.bool_)])
    line = 2.0 * np.arange(len(spread)) - 7
    np.testing.assert_allclose(bridged(np.where(spread, line, 1e9), spread), line)


# --- timelines ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time_ns", "expected"), [(0, 0), (4_999_999, 0), (5_000_000, 1), (10_000_000, 1), (-1, 0)]
)
def test_a_time_belongs_to_the_nearest_sample(time_ns, expected):
    assert index_at(time_ns, 0, 100.0) == expected


def test_segments_lie_where_their_times_say():
    line = line_of(segment([1, 2, 3], NS_PER_S), segment([4, 5], 2 * NS_PER_S))
    assert line.unpadded[100:103].tolist() == [1, 2, 3]
    assert line.unpadded[200:202].tolist() == [4, 5]
    assert np.flatnonzero(line.recorded).tolist() == [100, 101, 102, 200, 201]
    assert line.count("valid", np.array([0, 101]), np.array([150, 201])).tolist() == [3, 3]


def test_what_lies_outside_is_left_out():
    line = line_of(segment(np.arange(2000), -5 * NS_PER_S), end_s=10)
    assert line.unpadded[0] == 500
    assert line.unpadded[-1] == 1499
    assert line.recorded.all()


def test_rates_have_a_timeline_each():
    lines = timelines(
        [segment([1, 2], 0, 50.0), segment([3, 4], NS_PER_S, 100.0)],
        0,
        2 * NS_PER_S,
        {50.0: 5, 100.0: 5},
    )
    assert [line.sampling_rate_hz for line in lines] == [100.0, 50.0]
    assert [len(line.valid) for line in lines] == [200, 100]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e21])
def test_bad_values_are_counted_and_bridged(bad):
    samples = np.arange(1000.0) ** 2
    samples[500] = bad
    line = line_of(segment(samples))
    assert np.flatnonzero(line.bad).tolist() == [500]
    assert not line.valid[500]
    assert line.unpadded[500] == pytest.approx(500**2, rel=0.01)


def test_a_second_of_one_value_is_flat_and_less_is_not():
    samples = noise(1000, n_rows=1)[0]
    samples[100:200] = 5  # a second
    samples[600:699] = 7  # a sample less
    line = line_of(segment(samples))
    assert np.flatnonzero(line.flat).tolist() == list(range(100, 200))
    assert np.flatnonzero(line.plateau).tolist() == list(range(600, 699))


@pytest.mark.parametrize(("rate_hz", "n_least"), [(100.0, 100), (50.0, 50), (20.0, 20), (8.0, 20)])
def test_of_a_slow_recorder_twenty_samples_of_one_value_are_flat(rate_hz, n_least):
    samples = np.round(noise(400, n_rows=1)[0])
    samples[30 : 30 + n_least] = 5
    samples[200 : 200 + n_least - 1] = 7
    (line,) = timelines([segment(samples, 0, rate_hz)], 0, 10**10, {rate_hz: 5})
    assert np.flatnonzero(line.flat).tolist() == [
        i for i in range(30, 30 + n_least) if i < 10 * rate_hz
    ]


def test_a_flat_stretch_does_not_go_on_across_a_gap():
    line = line_of(segment(np.full(99, 3)), segment(np.full(99, 3), 3 * NS_PER_S))
    assert not line.flat.any()


@given(
    st.lists(st.integers(0, 1), min_size=1, max_size=80),
    st.lists(st.booleans(), min_size=80, max_size=80),
    st.integers(2, 9),
)
def test_repeated_values_are_those_found_one_by_one(values, there, n_least):
    there = np.array(there[: len(values)])
    expected = np.zeros(len(values), np.bool_)
    for first in range(len(values)):
        for stop in range(first + n_least, len(values) + 1):
            inside = slice(first, stop)
            if there[inside].all() and len(set(values[inside])) == 1:
                expected[inside] = True
    found = repeated(np.array(values, np.float64), there, n_least)
    np.testing.assert_array_equal(found, expected)


def moving(samples, first=0, stop=1000):
    line = line_of(segment(samples))
    return bool(line.is_moving(np.array([first]), np.array([stop]))[0])


def test_a_straight_line_does_not_move():
    assert not moving(np.arange(1000) * 3 + 7)
    assert not moving(np.linspace(0.1, 0.9, 1000))


@pytest.mark.parametrize("at", [1, 33, 50, 88])
def test_one_count_is_a_movement_wherever_it_is(at):
    line = 3 * np.arange(90) + 7  # too short to be a filled gap
    assert not moving(line, stop=90)
    line[at] += 1
    assert moving(line, stop=90)


def test_a_line_of_a_second_or_more_is_filled_in_and_does_not_move_whatever_its_steps():
    assert not moving(3 * np.arange(1000) + np.arange(1000) // 500)
