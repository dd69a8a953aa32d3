"""Columns, levels and texts of the map of stations."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_stores import ONE, TWO, hours

from quake.inference.coverage import Coverage
from quake.report.calendar import MAX_COLUMNS, check_date, make_calendar
from quake.report.heat_table import detection_edges, level_of, make_heat_table
from quake.report.station_map import MAX_ROWS, MapMaker
from quake.store.entries import DayEntry

DAY = timedelta(days=1)


def dates(first, n_days):
    start = date.fromisoformat(first)
    return [(start + n * DAY).isoformat() for n in range(n_days)]


def calendar_of(found, n_rows=1, max_cells=16_000):
    return make_calendar(found, n_rows, max_cells)


@pytest.mark.parametrize(
    ("n_days", "n_rows", "unit"),
    [(400, 1, "day"), (401, 1, "week"), (100, 161, "week"), (3000, 1, "month"), (365, 300, "week")],
)
def test_the_unit_is_the_finest_of_which_there_are_not_too_many(n_days, n_rows, unit):
    calendar = calendar_of(dates("2001-01-01", n_days), n_rows)
    assert calendar.unit == unit
    assert len(calendar.columns) * n_rows <= 16_000


def test_weeks_begin_on_monday_and_end_with_the_dates_there_are():
    calendar = calendar_of(dates("2020-01-01", 500))  # a Wednesday
    first, second, last = calendar.columns[0], calendar.columns[1], calendar.columns[-1]
    assert (first.start, first.end) == (date(2020, 1, 1), date(2020, 1, 6))
    assert (second.start, second.end) == (date(2020, 1, 6), date(2020, 1, 13))
    assert (last.start, last.end) == (date(2021, 5, 10), date(2021, 5, 15))


def test_a_few_empty_days_are_shown_and_many_are_left_out():
    found = ["2020-05-01", "2020-05-09", "2020-05-18"]
    calendar = calendar_of(found)  # seven days between the first two, eight before the last
    assert [c.n_before for c in calendar.columns] == [0] * 9 + [8]
    assert calendar.columns[8].start == date(2020, 5, 9)
    assert [calendar.column_of(text) for text in found] == [0, 8, 9]


@settings(max_examples=50)
@given(
    st.sets(st.dates(date(1999, 11, 1), date(2015, 3, 1)), min_size=1, max_size=60),
    st.integers(1, 500),
)
def test_each_date_lies_in_the_column_that_says_so(found, max_cells):
    texts = [day.isoformat() for day in found]
    calendar = calendar_of(texts, max_cells=max_cells)
    columns = calendar.columns
    assert len(columns) <= min(MAX_COLUMNS, max_cells) or calendar.unit == "year"
    for text, day in zip(texts, found, strict=True):
        column = columns[calendar.column_of(text)]
        assert column.start <= day < column.end
    assert all(a.end <= b.start for a, b in pairwise(columns))
    assert (columns[0].start, columns[-1].end) == (min(found), max(found) + DAY)


@pytest.mark.parametrize("text", ["2020-5-1", "20200501", "2020-05-01T00", "1677-01-01", ""])
def test_what_is_no_date_of_a_station_day_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        check_date(text)


@given(st.integers(0, 10**7))
def test_levels_of_detections_grow_and_end_with_the_largest(largest):
    edges = detection_edges(largest)
    assert list(edges) == sorted(set(edges))
    assert len(edges) <= 6
    if largest:
        assert edges[-1] == largest
        assert level_of(largest, edges) == len(edges)
        assert level_of(1, edges) == 1
    assert level_of(0, edges) == 0


def entry(key, day, input_hours=(0, 24), **values):
    return DayEntry(key, day, "", coverage=Coverage(input=hours(day, input_hours)), **values)


def test_a_week_adds_its_days_up():
    days = dates("2020-01-06", 420)  # from a Monday, 60 weeks
    maker = MapMaker([("AA", "ONE")], days)
    for day in days[:3]:
        maker.add_day(entry(ONE, day, windows={"ok": 3, "no_data": 1}))
        maker.add_detections(("AA", "ONE"), day, 2)
    found = maker.finish()
    assert found.calendar.unit == "week"
    (row,) = found.rows
    assert list(row.cells) == [0]
    cell = row.cells[0]
    assert (cell.detections, cell.coverage, cell.no_data_share) == (6, 3 / 7, 0.25)


def test_of_very_many_stations_those_with_the_most_detections_are_shown():
    stations = [("XX", f"S{number:03}") for number in range(MAX_ROWS + 2)]
    maker = MapMaker(stations, ["2020-05-01"])
    for number, station in enumerate(stations):
        maker.add_detections(station, "2020-05-01", 0 if number in (5, 6) else 1 + number % 3)
    found = maker.finish()
    assert found.n_stations == MAX_ROWS + 2
    shown = [row.station for row in found.rows]
    assert shown == [s for n, s in enumerate(stations) if n not in (5, 6)]


def test_cells_have_a_level_of_each_measure_and_all_of_it_as_text():
    days = ["2020-05-01", "2020-05-02", "2020-06-01"]
    maker = MapMaker([("AA", "ONE"), ("BB", "TWO")], days)
    maker.add_day(entry(ONE, days[0], (0, 6), windows={"ok": 3, "no_data": 1}))
    maker.add_day(entry(ONE, days[2], failed="the worker died"))
    maker.add_day(entry(TWO, days[1], windows={"ok": 1234}))
    maker.add_detections(("BB", "TWO"), days[1], 1234)
    table = make_heat_table(maker.finish(), "events")
    one, two = table.rows
    assert (one.name, one.channel_sets) == ("AA.ONE", "AA.ONE..HH?")
    first, second, gap, third = one.cells
    assert first.classes == "e0 n4 c2"
    assert first.numbers == ("0", "25", "25")
    assert first.text == "2020-05-01: 0 events; 4 windows, 25 % no_data; 25 % recorded"
    assert (second.classes, second.text, second.is_break) == ("", "", False)
    assert gap.is_break
    assert third.classes == "e0 c6 x"
    assert third.text == "2020-06-01: 0 events; 0 windows; 100 % recorded; 1 failed"
    assert two.cells[1].classes == "e6 n0 c6"
    assert two.cells[1].numbers == ("1k", "0", "100")


def test_heads_are_as_wide_as_what_is_below_them():
    table = make_heat_table(
        MapMaker([], [*dates("2020-04-29", 4), "2021-01-01"]).finish(), "events"
    )
    assert [(head.text, head.width) for head in table.groups] == [
        ("2020-04", 2),
        ("2020-05", 2),
        ("", 1),
        ("2021-01", 1),
    ]
    assert [head.text for head in table.heads] == ["29", "30", "01", "02", "", "01"]
    assert table.heads[4].full == "243 days without anything are left out"


@pytest.mark.parametrize(("n_days", "unit"), [(10, "day"), (700, "week"), (5000, "month")])
def test_every_head_and_row_has_the_same_number_of_columns(n_days, unit):
    days = dates("2010-02-27", n_days)
    maker = MapMaker([("AA", "ONE")], days)
    maker.add_detections(("AA", "ONE"), days[0], 1)
    table = make_heat_table(maker.finish(), "events")
    (row,) = table.rows
    n_columns = len(row.cells)
    assert table.unit == unit
    assert sum(head.width for head in table.groups) == len(table.heads) == n_columns
