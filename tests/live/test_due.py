"""Which windows are complete, by hand: windows of 60 s, on a grid of 30 s."""

import pytest

from quake.live.due import arrivals, due_windows
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S
from quake.windows.grid import WindowGrid
from quake.windows.station_days import DAY_NS, StationDay

ID = ChannelSetId("XX", "STA", "", "HH")
GRID = WindowGrid.from_overlap(60, 0.5)
WAIT_NS = 60 * NS_PER_S


def day(**until_s):
    """Components from 00:00:00 to the seconds given, on 1970-01-02."""
    spans = [span(code, 0, end_s) for code, end_s in until_s.items()]
    return StationDay(ID, DAY_NS, tuple(spans))


def span(code, start_s, end_s):
    start_ns, end_ns = (DAY_NS + round(s * NS_PER_S) for s in (start_s, end_s))
    return Span(ID, code, start_ns, end_ns, 100.0, "file")


def due(station_day, scored=(), *, has_ended=False):
    scored = {DAY_NS + round(s * NS_PER_S) for s in scored}
    arrived = arrivals(station_day, WAIT_NS, has_ended=has_ended)
    return [
        (start - DAY_NS) / NS_PER_S
        for _, starts in due_windows(station_day, GRID, arrived, scored)
        for start in starts
    ]


@pytest.mark.parametrize(("end_s", "expected"), [(59.9, []), (60, [0]), (119, [0, 30])])
def test_a_window_is_due_when_its_last_sample_is_there(end_s, expected):
    assert due(day(Z=end_s, N=end_s, E=end_s)) == expected


def test_a_window_is_scored_once():
    assert due(day(Z=120, N=120, E=120), scored=[0, 30]) == [60]


def test_the_slowest_component_decides():
    assert due(day(Z=120, N=120, E=70)) == [0]


def test_a_component_that_is_too_far_behind_is_not_waited_for():
    assert due(day(Z=149, N=149, E=20)) == [0]


def test_a_component_that_has_never_come_may_come_yet():
    assert due(day(Z=119)) == []
    assert due(day(Z=120)) == [0]


def test_the_window_flush_with_the_end_waits_for_the_end():
    growing = day(Z=100, N=100, E=100)
    assert due(growing) == [0, 30]
    assert due(growing, has_ended=True) == [0, 30, 40]


def test_another_record_ends_the_one_before_it():
    spans = [span(code, *times) for times in ((0, 100), (500, 520)) for code in "ZNE"]
    assert due(StationDay(ID, DAY_NS, tuple(spans))) == [0, 30, 40]


def test_a_record_shorter_than_a_window_is_due_when_it_has_ended():
    assert due(day(Z=20, N=20, E=20)) == []
    assert due(day(Z=20, N=20, E=20), has_ended=True) == [0]


def test_a_beginning_off_the_grid_has_a_window_of_its_own():
    spans = tuple(span(code, 10, 75) for code in "ZNE")
    assert due(StationDay(ID, DAY_NS, spans)) == [10]


def test_where_reading_began_again_there_is_no_beginning():
    spans = tuple(span(code, 10, 95) for code in "ZNE")
    assert due(StationDay(ID, DAY_NS, spans), scored=[-30, 0]) == [30]


def test_the_last_window_of_a_day_waits_for_the_next_one():
    late = DAY_NS + 86_400 * NS_PER_S
    spans = tuple(span(code, 86_000, 86_430) for code in "ZNE")
    starts = due(StationDay(ID, DAY_NS, spans))
    assert starts[-1] == 86_370
    assert all(DAY_NS + round(s * NS_PER_S) < late for s in starts)
