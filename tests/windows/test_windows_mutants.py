"""Boundaries of the grid, by hand: what no other test would notice if it moved by one."""

import pytest

from quake.errors import ParameterError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.windows.grid import Recording, WindowGrid, recordings

GRID = WindowGrid(window_ns=60, hop_ns=30)


@pytest.mark.parametrize("overlap", [1, 1.5, -0.1])
def test_an_overlap_that_is_no_share_is_refused_with_its_bounds(overlap):
    with pytest.raises(ParameterError) as error:
        WindowGrid.from_overlap(60, overlap)
    assert str(error.value) == f"overlap must be at least 0 and below 1, got {overlap:g}"


def test_long_steps_are_whole_milliseconds_too():
    assert WindowGrid.from_overlap(3600, 0) == WindowGrid(3600 * 10**9, 3600 * 10**9)


def test_without_a_tolerance_no_window_stands_out():
    assert GRID.starts(1, 121) == [1, 30, 60, 61]


def test_a_record_that_lacks_just_the_tolerance_has_its_window_on_the_grid():
    assert GRID.starts(1, 60, tolerance_ns=1) == [0]
    assert GRID.starts(2, 60, tolerance_ns=1) == [2]


def test_a_record_longer_than_a_window_by_less_than_the_tolerance_has_its_window_on_the_grid():
    assert GRID.starts(29, 90, tolerance_ns=2) == [30]


def test_a_record_of_one_window_on_the_grid_has_that_window_once():
    assert GRID.starts(30, 90) == [30]


@pytest.mark.parametrize(
    ("since_ns", "until_ns", "expected"),
    [(10, 20, [10]), (11, 20, []), (0, 10, []), (0, 11, [10])],
)
def test_the_window_of_a_short_record_is_left_out_like_others(since_ns, until_ns, expected):
    assert GRID.starts(10, 40, since_ns=since_ns, until_ns=until_ns) == expected


@pytest.mark.parametrize(
    ("until_ns", "expected"),
    [(30, [1]), (31, [1, 30]), (61, [1, 30, 60]), (62, [1, 30, 60, 61])],
)
def test_windows_that_start_at_the_bound_are_behind_it(until_ns, expected):
    assert GRID.starts(1, 121, until_ns=until_ns) == expected


def test_the_tolerance_of_a_record_is_half_a_sampling_interval():
    span = Span(ChannelSetId("XX", "STA", "", "HH"), "Z", 0, 10**9, 100.0, "a")
    assert recordings([span], 60 * 10**9) == [Recording(0, 10**9, 5_000_000)]
