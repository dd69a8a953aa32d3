"""Intervals against sets of the times that they contain."""

from hypothesis import given
from hypothesis import strategies as st

from quake.waveforms import intervals

DRAWN = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def times(spans):
    return {time for start, end in spans for time in range(start, end)}


def tidy(spans):
    """Whether spans are in order, apart and not empty."""
    ends = [end for span in spans for end in span]
    return ends == sorted(set(ends))


@given(DRAWN)
def test_a_union_has_the_same_times(drawn):
    found = intervals.union(drawn)
    assert times(found) == times(drawn)
    assert tidy(found)


@given(DRAWN, DRAWN)
def test_common_and_without_divide_a_union_in_two(first, second):
    first, second = intervals.union(first), intervals.union(second)
    both, rest = intervals.common(first, second), intervals.without(first, second)
    assert times(both) == times(first) & times(second)
    assert times(rest) == times(first) - times(second)
    assert tidy(rest)


@given(DRAWN, st.integers(0, 60), st.integers(0, 60))
def test_clip_and_contains_agree_with_the_times(drawn, start, end):
    joined = intervals.union(drawn)
    assert times(intervals.clip(joined, start, end)) == times(joined) & set(range(start, end))
    assert intervals.contains(joined, start) == (start in times(joined))


def test_pieces_that_nearly_touch_may_be_joined():
    assert intervals.union([(0, 10), (12, 20), (23, 30)], touch=2) == [(0, 20), (23, 30)]
