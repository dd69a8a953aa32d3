"""Points of curves, cells of strips, and the ticks below them."""

import numpy as np
import pytest
from strategies import START_NS

from quake.pictures.curves import cells, points_of
from quake.pictures.time_axis import ticks
from quake.waveforms.times import NS_PER_S, parse_time


def test_a_point_lies_at_the_middle_of_its_window(record):
    seconds, values, alone = points_of(
        [record(0, 0.25), record(30, 0.5), record(60, 0.75)], "earthquake", START_NS
    )
    assert seconds.tolist() == [30, 60, 90]
    assert values.tolist() == [0.25, 0.5, 0.75]
    assert alone == []


def test_a_curve_breaks_at_windows_without_probabilities_and_between_records(record, unscored):
    windows = [record(0, 0.1), unscored(30), record(60, 0.2), record(90, 0.3), record(500, 0.4)]
    seconds, values, alone = points_of(windows, "earthquake", START_NS)
    np.testing.assert_array_equal(values, [0.1, np.nan, 0.2, 0.3, np.nan, 0.4])
    assert seconds[[0, 2, 3, 5]].tolist() == [30, 90, 120, 530]
    assert alone == [0, 5]


def test_a_class_that_a_window_does_not_know_is_a_break(record):
    _, values, _ = points_of([record(), record(30)], "explosion", START_NS)
    assert np.isnan(values).all()


def test_no_window_has_no_points():
    seconds, values, alone = points_of([], "earthquake", START_NS)
    assert len(seconds) == len(values) == len(alone) == 0


def test_cells_reach_half_way_to_the_next_middle(record, unscored):
    windows = [record(0), unscored(30), record(60)]
    found = cells(windows, START_NS, START_NS + 120 * NS_PER_S)
    assert found == [(0, 45, "ok"), (45, 75, "no_data"), (75, 120, "ok")]


def test_neighbours_of_one_status_are_one_cell_and_gaps_have_none(record):
    windows = [record(0), record(30), record(600)]
    found = cells(windows, START_NS, START_NS + 630 * NS_PER_S)
    assert found == [(0, 90, "ok"), (600, 630, "ok")]


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        ("2020-05-02T00:00:00Z", "2020-05-03T00:00:00Z", ["00:00", "06:00", "12:00", "18:00"]),
        ("2020-05-02T20:23:37Z", "2020-05-02T22:23:37Z", ["20:30", "21:00", "21:30", "22:00"]),
        ("2020-05-02T20:23:37Z", "2020-05-02T20:24:37Z", ["20:23:45", "20:24:00", "20:24:15"]),
        ("2020-05-02T20:23:37.3Z", "2020-05-02T20:23:38.1Z", ["20:23:37.4", "20:23:37.6"]),
        ("1969-12-31T23:59:00Z", "1970-01-01T00:01:00Z", ["23:59:00", "23:59:30", "00:00:00"]),
    ],
)
def test_ticks_are_round_times(start, end, labels):
    seconds, found = ticks(parse_time(start), parse_time(end), 5)
    assert found[: len(labels)] == labels
    assert len(found) <= 6
    assert seconds == sorted(seconds)
    assert seconds[0] >= 0
    assert seconds[-1] <= (parse_time(end) - parse_time(start)) / NS_PER_S
