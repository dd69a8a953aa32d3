"""Order, ties and messages of merging: what no other test would notice if it changed."""

import pytest
from event_builders import at, event, options, window

from quake.data.times import format_time
from quake.errors import ParameterError
from quake.events import merge_windows
from quake.events.vote import vote
from quake.inference.records import WindowRecord


def test_events_that_end_together_come_by_start_and_not_by_class():
    windows = [window(0, "surface_event"), window(60, "earthquake")]
    found = merge_windows(windows, options(gap_s=600))
    assert [event.label for event in found] == ["surface_event", "earthquake"]


def test_events_that_start_and_end_together_come_by_class():
    windows = [window(0, "surface_event"), window(0, "earthquake")]
    assert [event.label for event in merge_windows(windows, options())] == [
        "earthquake",
        "surface_event",
    ]


def test_a_window_before_1970_is_the_first_as_well_as_any():
    begin, end = format_time(-120 * 10**9), format_time(-60 * 10**9)
    early = WindowRecord(
        id="XX.STA..HH?",
        start=begin,
        end=end,
        label="earthquake",
        status="ok",
        probabilities={"earthquake": 0.9},
        coverage=1.0,
        components="Z",
        sampling_rate_hz=100.0,
        flags=(),
        model="",
    )
    (found,) = merge_windows([early], options())
    assert (found.start, found.end) == (
        "1969-12-31T23:58:00.000000Z",
        "1969-12-31T23:59:00.000000Z",
    )


def test_windows_out_of_order_are_named_with_what_to_do():
    with pytest.raises(ParameterError) as error:
        list(merge_windows([window(30), window(0)], options()))
    assert str(error.value) == (
        "XX.STA..HH?: the window at 2020-05-02T20:00:00.000000Z comes after the one at "
        "2020-05-02T20:00:30.000000Z; give the windows of a channel set in the order of time"
    )


def test_a_joined_event_names_the_model_of_its_peak():
    one = event(0, keys=["XX.A..HH?"], p=0.6, model="aaaaaaaaaaaa")
    two = event(1, keys=["XX.B..HH?"], p=0.9, model="bbbbbbbbbbbb")
    (joined,) = vote([one, two], options(min_stations=2))
    assert joined.model == "bbbbbbbbbbbb"


def test_the_end_of_a_joined_event_is_the_latest_time_and_not_the_last_text():
    # As texts, "...:00Z" comes after "...:00.5Z", which is half a second later.
    one = event(0, keys=["XX.A..HH?"], end_s=60, end="2020-05-02T20:01:00Z")
    two = event(1, keys=["XX.B..HH?"], end_s=61, end="2020-05-02T20:01:00.5Z")
    (joined,) = vote([one, two], options(min_stations=2))
    assert joined.end == "2020-05-02T20:01:00.5Z"
    assert joined.start == at(0)
