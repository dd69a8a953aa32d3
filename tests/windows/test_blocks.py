"""Blocks and stretches: what is read and filtered at once, and that nothing is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.waveforms.times import NS_PER_S, parse_time
from quake.windows.blocks import blocks, stretches
from quake.windows.station_days import DAY_NS

MINUTE_NS = 60 * NS_PER_S
WINDOW_NS = 60 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S
MIDNIGHT_NS = parse_time("2021-03-04T00:00:00Z")


def starts_of_day(step_ns, since_ns=MIDNIGHT_NS, n_days=1):
    return list(range(since_ns, since_ns + n_days * DAY_NS, step_ns))


# --- blocks -------------------------------------------------------------------------------


def test_a_block_at_100_hz_is_three_hours():
    found = list(blocks(starts_of_day(HOUR_NS), 100.0, WINDOW_NS))
    assert [[(s - MIDNIGHT_NS) // HOUR_NS for s in block] for block in found] == [
        [first, first + 1, first + 2] for first in range(0, 24, 3)
    ]


def test_a_slow_day_is_one_block():
    assert len(list(blocks(starts_of_day(HOUR_NS), 1.0, WINDOW_NS))) == 1


def test_no_block_is_shorter_than_a_window():
    found = list(blocks(starts_of_day(MINUTE_NS // 2), 10_000.0, 30 * MINUTE_NS))
    assert all(block[-1] - block[0] < 30 * MINUTE_NS for block in found)
    assert len(found) == 48


def test_a_block_ends_at_midnight():
    around = [MIDNIGHT_NS - NS_PER_S, MIDNIGHT_NS]
    assert list(blocks(around, 100.0, WINDOW_NS)) == [[around[0]], [around[1]]]


@given(
    st.lists(st.integers(0, 3 * 86_400), min_size=1, max_size=40, unique=True),
    st.sampled_from([1.0, 40.0, 99.9987, 100.0, 500.0]),
    st.integers(0, 39),
)
def test_which_windows_share_a_block_does_not_depend_on_the_others(seconds, rate_hz, first):
    starts = [MIDNIGHT_NS + s * NS_PER_S for s in sorted(seconds)]
    rest = starts[first:] or starts[-1:]
    whole = list(blocks(starts, rate_hz, WINDOW_NS))
    kept = [[s for s in block if s in set(rest)] for block in whole]
    assert list(blocks(rest, rate_hz, WINDOW_NS)) == [block for block in kept if block]


# --- stretches ----------------------------------------------------------------------------


def test_windows_that_begin_with_samples_are_filtered_at_once_from_the_minute_on():
    starts = [MIDNIGHT_NS + s * NS_PER_S for s in (90, 120, 150)]
    assert list(stretches(starts, [100.0], 50.0)) == [(MIDNIGHT_NS + MINUTE_NS, starts)]


@pytest.mark.parametrize(
    ("rates_hz", "offset_ns"),
    [
        ([99.9987], 0),
        ([100.0], 5_000_000),
        ([100.0], 10_000_000),
        ([100.0, 40.0], 20_000_000),
    ],
    ids=["odd_rate", "between_samples", "between_those_of_the_model", "of_one_component"],
)
def test_other_windows_are_stretches_of_their_own(rates_hz, offset_ns):
    starts = [MIDNIGHT_NS + offset_ns + n * 30 * NS_PER_S for n in range(3)]
    assert list(stretches(starts, rates_hz, 50.0)) == [(start, [start]) for start in starts]


def test_one_window_off_the_samples_divides_those_around_it():
    starts = [MIDNIGHT_NS, MIDNIGHT_NS + 30 * NS_PER_S + 1_000_000, MIDNIGHT_NS + MINUTE_NS]
    assert list(stretches(starts, [100.0], 50.0)) == [
        (MIDNIGHT_NS, starts[:1]),
        (starts[1], starts[1:2]),
        (MIDNIGHT_NS + MINUTE_NS, starts[2:]),
    ]


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30, unique=True))
def test_every_window_is_in_one_stretch_that_begins_before_it(offsets):
    starts = [MIDNIGHT_NS + offset for offset in sorted(offsets)]
    found = list(stretches(starts, [100.0], 50.0))
    assert [start for _, some in found for start in some] == starts
    assert all(0 <= some[0] - origin < MINUTE_NS for origin, some in found)
    assert all(a[1][-1] < b[1][0] for a, b in pairwise(found))
