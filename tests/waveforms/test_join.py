"""Joining: pieces of one component become disjoint segments, and only what is disputed is lost."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import any_pieces, covering_pieces, segment

from quake.waveforms.joining import join_segments, true_runs
from quake.waveforms.times import NS_PER_S

STEP_NS = NS_PER_S // 100


def at(index, values, jitter_ns=0, rate_hz=100.0):
    return segment(values, index * STEP_NS + jitter_ns, rate_hz)


def described(segments):
    return [(s.start_ns, s.sampling_rate_hz, s.samples.tolist()) for s in segments]


def test_pieces_that_touch_are_joined():
    assert described(join_segments([at(0, [1, 2]), at(2, [3, 4])])) == [(0, 100.0, [1, 2, 3, 4])]


def test_overlaps_that_agree_are_joined():
    joined = join_segments([at(0, [1, 2, 3]), at(1, [2, 3, 4])])
    assert described(joined) == [(0, 100.0, [1, 2, 3, 4])]


def test_a_piece_inside_another_that_agrees_changes_nothing():
    joined = join_segments([at(0, [1, 2, 3, 4]), at(1, [2, 3])])
    assert described(joined) == [(0, 100.0, [1, 2, 3, 4])]


def test_of_overlaps_that_disagree_only_the_disputed_samples_are_lost():
    joined = join_segments([at(0, [1, 2, 3, 4]), at(2, [3, 9, 5, 6])])
    assert described(joined) == [(0, 100.0, [1, 2, 3]), (4 * STEP_NS, 100.0, [5, 6])]


def test_what_two_say_does_not_outvote_a_third():
    joined = join_segments([at(0, [1, 2, 3]), at(0, [1, 2, 3]), at(1, [7])])
    assert described(joined) == [(0, 100.0, [1]), (2 * STEP_NS, 100.0, [3])]


def test_a_dispute_of_two_is_not_settled_by_a_later_piece_that_agrees_with_one():
    joined = join_segments([at(0, [1, 2]), at(1, [9]), at(1, [2, 5])])
    assert described(joined) == [(0, 100.0, [1]), (2 * STEP_NS, 100.0, [5])]


def test_nan_agrees_with_nan():
    joined = join_segments([at(0, [1.0, np.nan]), at(1, [np.nan, 3.0])])
    assert len(joined) == 1
    np.testing.assert_array_equal(joined[0].samples, [1.0, np.nan, 3.0])


def test_nan_disagrees_with_a_number():
    joined = join_segments([at(0, [1.0, np.nan]), at(1, [2.0, 3.0])])
    assert described(joined) == [(0, 100.0, [1.0]), (2 * STEP_NS, 100.0, [3.0])]


def test_integers_and_floats_that_are_equal_agree():
    joined = join_segments([at(0, np.array([1, 2], "i4")), at(1, np.array([2.0, 3.5], "f4"))])
    assert described(joined) == [(0, 100.0, [1.0, 2.0, 3.5])]


@pytest.mark.parametrize("jitter_ns", [-4_900_000, -1, 1, 4_900_000, 5_000_000])
def test_a_clock_that_jitters_by_up_to_half_a_sample_makes_no_gap(jitter_ns):
    joined = join_segments([at(0, [1, 2]), at(2, [3, 4], jitter_ns)])
    assert described(joined) == [(0, 100.0, [1, 2, 3, 4])]


@pytest.mark.parametrize("late_ns", [5_100_000, STEP_NS, 100 * NS_PER_S])
def test_a_real_gap_is_kept_at_its_place(late_ns):
    joined = join_segments([at(0, [1, 2]), at(2, [3, 4], late_ns)])
    assert described(joined) == [(0, 100.0, [1, 2]), (2 * STEP_NS + late_ns, 100.0, [3, 4])]


def test_different_rates_are_not_joined():
    joined = join_segments([at(0, [1, 2]), at(2, [3, 4], rate_hz=50.0)])
    assert described(joined) == [(0, 100.0, [1, 2]), (2 * STEP_NS, 50.0, [3, 4])]


def test_where_two_rates_overlap_the_higher_one_stands():
    slow = at(0, [1, 2, 3, 4, 5], rate_hz=50.0)  # 0 to 100 ms
    fast = at(4, [7, 8])  # 40 to 60 ms
    assert described(join_segments([slow, fast])) == [
        (0, 50.0, [1, 2]),
        (4 * STEP_NS, 100.0, [7, 8]),
        (6 * STEP_NS, 50.0, [4, 5]),
    ]


def test_no_samples_are_no_segment():
    assert join_segments([at(0, [])]) == []


def test_the_pieces_are_not_changed():
    first, second = at(0, [1, 2, 3]), at(1, [9, 3, 4])
    join_segments([first, second])
    assert first.samples.tolist() == [1, 2, 3]
    assert second.samples.tolist() == [9, 3, 4]


@given(covering_pieces())
def test_pieces_of_one_record_give_the_record_back(drawn):
    pieces, values = drawn
    assert described(join_segments(pieces)) == [(0, 100.0, values.tolist())]


@given(any_pieces(), st.randoms())
def test_the_order_of_the_pieces_does_not_matter(pieces, rng: random.Random):
    shuffled = rng.sample(pieces, len(pieces))
    assert described(join_segments(shuffled)) == described(join_segments(pieces))


@given(any_pieces())
def test_a_sample_is_kept_just_where_all_pieces_that_have_it_agree(pieces):
    said = {}
    for piece in pieces:
        for i, value in enumerate(piece.samples.tolist()):
            said.setdefault(piece.start_ns // STEP_NS + i, set()).add(value)
    kept = {
        s.start_ns // STEP_NS + i: {value}
        for s in join_segments(pieces)
        for i, value in enumerate(s.samples.tolist())
    }
    assert kept == {index: values for index, values in said.items() if len(values) == 1}


@given(any_pieces(), any_pieces())
def test_segments_of_two_rates_never_overlap(fast, slow):
    slow = [segment(s.samples, s.start_ns, 40.0) for s in slow]
    joined = join_segments(fast + slow)
    for before, after in pairwise(joined):
        assert after.start_ns >= before.end_ns - 25_001  # a thousandth of a sample at 40 Hz


@pytest.mark.parametrize(
    ("mask", "runs"),
    [
        ([], []),
        ([False, False], []),
        ([True], [(0, 1)]),
        ([True, False, True, True], [(0, 1), (2, 4)]),
        ([False, True, False], [(1, 2)]),
    ],
)
def test_runs_of_true_by_hand(mask, runs):
    assert true_runs(np.array(mask, bool)) == runs
