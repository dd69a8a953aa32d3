"""Station-days: every window of an archive lies in one, whatever is known beside it."""

from hypothesis import given
from hypothesis import strategies as st

from quake.inference.coverage import Coverage
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S
from quake.windows.grid import WindowGrid, recordings
from quake.windows.station_days import DAY_NS, station_days

ID = ChannelSetId("XX", "STA", "", "HH")
MINUTE = 60 * NS_PER_S
GRID = WindowGrid.from_overlap(60, 0.5)


def span(start_ns, end_ns, code="Z", rate_hz=100.0):
    return Span(ID, code, start_ns, end_ns, rate_hz, "file")


def starts_of(days, grid=GRID):
    return [start for day in days for _, starts in day.windows(grid) for start in starts]


def test_a_record_over_midnight_is_two_days_and_no_window_is_lost_or_double():
    found = {ID: [span(DAY_NS - 2 * MINUTE, DAY_NS + 2 * MINUTE)]}
    first, second = station_days(found, GRID)
    assert (first.day_ns, second.day_ns) == (0, DAY_NS)
    half = 30 * NS_PER_S
    assert starts_of([first]) == [DAY_NS - 2 * MINUTE + k * half for k in range(4)]
    assert starts_of([second]) == [DAY_NS, DAY_NS + half, DAY_NS + MINUTE]


def test_the_window_flush_with_the_end_belongs_to_the_day_that_it_starts_in():
    found = {ID: [span(DAY_NS - 3 * MINUTE, DAY_NS + 20 * NS_PER_S)]}
    days = list(station_days(found, GRID))
    assert starts_of(days[:1])[-1] == DAY_NS - 40 * NS_PER_S
    assert starts_of(days[1:]) == []
    assert days[1].input(GRID.window_ns) == [(DAY_NS, DAY_NS + 20 * NS_PER_S)]


def test_day_files_that_meet_at_midnight_are_one_record():
    whole = {ID: [span(0, 2 * DAY_NS)]}
    halves = {ID: [span(0, DAY_NS), span(DAY_NS, 2 * DAY_NS)]}
    assert starts_of(station_days(whole, GRID)) == starts_of(station_days(halves, GRID))


def test_a_day_knows_only_the_spans_near_it():
    found = {ID: [span(k * DAY_NS, (k + 1) * DAY_NS) for k in range(5)]}
    days = list(station_days(found, GRID))
    assert [len(day.spans) for day in days] == [2, 3, 3, 3, 2]


def test_a_day_that_begins_with_the_file_of_the_next_one_is_no_day():
    assert [day.day_ns for day in station_days({ID: [span(DAY_NS, 2 * DAY_NS)]}, GRID)] == [DAY_NS]


pieces = st.lists(
    st.tuples(st.integers(-3 * DAY_NS, 3 * DAY_NS), st.integers(1, 2 * DAY_NS)), min_size=1
).map(lambda drawn: [span(start, start + length) for start, length in drawn])


@given(pieces, st.sampled_from([0, 0.25, 0.33, 0.5, 0.9]))
def test_days_together_have_the_windows_of_the_whole(spans, overlap):
    grid = WindowGrid.from_overlap(60, overlap)
    whole = [
        start
        for record in recordings(spans, grid.window_ns)
        for start in grid.starts(record.start_ns, record.end_ns, record.tolerance_ns)
    ]
    assert starts_of(station_days({ID: spans}, grid), grid) == whole


@given(pieces)
def test_the_input_of_all_days_is_that_of_the_records(spans):
    coverage = Coverage()
    for day in reversed(list(station_days({ID: spans}, GRID))):
        coverage.merge(Coverage(input=day.input(GRID.window_ns)))
    expected = [(r.start_ns, r.end_ns) for r in recordings(spans, GRID.window_ns)]
    assert sum(b - a for a, b in coverage.input) == sum(b - a for a, b in expected)


def test_seconds_add_up_where_days_meet_and_workers_die():
    coverage = Coverage()
    record = recordings([span(0, DAY_NS)], GRID.window_ns)[0]
    today = Coverage(input=[(DAY_NS - 2 * MINUTE, DAY_NS)])
    today.add_window(record, DAY_NS - 2 * MINUTE, DAY_NS - MINUTE, "ok")
    today.add_window(record, DAY_NS - MINUTE, DAY_NS, "rejected")
    lost = (DAY_NS, DAY_NS + MINUTE)
    coverage.merge(Coverage(input=[lost], failed=[lost]))
    coverage.merge(today)
    seconds = coverage.seconds()
    assert (seconds.input_s, seconds.scored_s) == (180, 60)
    assert (seconds.rejected_s, seconds.failed_s, seconds.no_data_s) == (60, 60, 0)
