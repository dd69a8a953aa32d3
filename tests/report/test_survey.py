"""What a report tells of a store, against numbers computed by hand."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_stores import CLASSES, ONE, TWO, event, hours, window

from quake.errors import ParameterError, WaveformError
from quake.inference.coverage import Coverage
from quake.report.day_windows import read_day
from quake.report.run_facts import read_run_facts
from quake.report.survey import ReportOptions
from quake.report.totals import Failure
from quake.store.journal import Journal, JournalReader
from quake.store.layout import windows_file


def test_windows_and_labels_are_counted(small_store, survey):
    totals = survey(small_store).totals
    assert totals.windows == {"ok": 6, "uncertain": 1, "no_data": 1, "rejected": 1}
    assert totals.labels == {"earthquake": 4, "surface_event": 1, "noise": 2}
    assert totals.station_days == {"done": 3}
    assert (totals.first_date, totals.last_date) == ("2020-05-01", "2020-05-02")
    assert (totals.channel_sets, totals.files, totals.files_with_problems) == (2, 3, 1)


def test_parts_of_the_input_are_those_computed_by_hand_and_add_up(small_store, survey):
    seconds = survey(small_store).seconds
    assert seconds.input_s == 42 * 3600
    assert seconds.scored_s == 37 * 3600
    assert seconds.rejected_s == 2 * 3600
    assert seconds.failed_s == 3600
    assert seconds.no_data_s == 2 * 3600


def test_a_second_that_two_days_tell_of_counts_once(make_store, survey):
    first, second = "2020-05-01", "2020-05-02"
    over_midnight = hours(first, (23, 25))
    make_store.day(ONE, first, coverage=Coverage(input=over_midnight, scored=over_midnight))
    make_store.day(ONE, second, coverage=Coverage(input=hours(second, (0, 2))))
    seconds = survey(make_store).seconds
    assert (seconds.input_s, seconds.scored_s) == (3 * 3600, 2 * 3600)


def test_failures_come_with_their_reasons(small_store, survey):
    assert survey(small_store).totals.failures == {
        Failure("/archive/bad.mseed", "/archive/bad.mseed: is no waveform file"),
        Failure("/archive/two.mseed", "/archive/two.mseed: cut off after 23 h"),
    }


def test_a_station_day_without_a_result_is_a_failure(make_store, survey):
    make_store.day(ONE, "2020-05-01", failed="the worker died")
    found = survey(make_store)
    assert found.totals.station_days == {"failed": 1}
    assert found.totals.failures == {Failure("AA.ONE..HH? on 2020-05-01", "the worker died")}
    ((row,),) = [found.map.rows]
    assert row.cells[0].n_failed == 1


def test_histograms_hold_each_scored_window_once(small_store, survey):
    counts = survey(small_store).histograms.counts
    expected = np.zeros((3, 20), dtype=int)
    for row, values in enumerate(
        (
            (0.90, 0.95, 0.40, 0.01, 0.15, 0.97, 0.46),
            (0.05, 0.03, 0.35, 0.01, 0.80, 0.01, 0.02),
            (0.05, 0.02, 0.25, 0.98, 0.05, 0.02, 0.52),
        )
    ):
        for value in values:
            expected[row, int(100 * value + 1e-9) // 5] += 1
    assert counts.tolist() == expected.tolist()
    assert counts[0].tolist()[15:] == [0, 0, 0, 1, 2]  # 0.90 opens a bin, 0.95 the next
    assert counts.sum(axis=1).tolist() == [7, 7, 7]


def starts(exhibits):
    return [(e.choice.record.id, e.choice.record.start[8:19]) for e in exhibits]


def test_the_strongest_windows_come_first_and_overlapping_ones_are_one(small_store, survey):
    strongest = survey(small_store).strongest
    assert list(strongest) == ["earthquake", "surface_event"]
    assert starts(strongest["earthquake"]) == [
        (str(TWO), "02T12:00:00"),  # 0.97
        (str(ONE), "01T00:00:30"),  # 0.95, and with it 0.90 half a minute before
        (str(TWO), "02T12:02:00"),  # 0.46
        (str(ONE), "01T00:02:00"),  # 0.40
        (str(ONE), "02T00:00:00"),  # 0.15
        (str(ONE), "01T00:03:00"),  # 0.01
    ]
    assert starts(strongest["surface_event"])[:2] == [
        (str(ONE), "02T00:00:00"),  # 0.80
        (str(ONE), "01T00:02:00"),  # 0.35
    ]


def test_the_least_certain_windows_have_the_smallest_margins(small_store, survey):
    found = survey(small_store, ReportOptions(top=3)).least_certain
    assert starts(found) == [
        (str(ONE), "01T00:02:00"),  # 0.40 - 0.35
        (str(TWO), "02T12:02:00"),  # 0.52 - 0.46
        (str(ONE), "02T00:00:00"),  # 0.80 - 0.15
    ]
    assert [round(e.choice.score, 9) for e in found] == [0.05, 0.06, 0.65]


def test_no_windows_are_shown_if_none_are_asked_for(small_store, survey):
    found = survey(small_store, ReportOptions(top=0))
    assert found.strongest == {"earthquake": [], "surface_event": []}
    assert found.least_certain == []


@pytest.mark.parametrize("top", [-1, 101])
def test_lists_of_a_senseless_length_are_refused(top):
    with pytest.raises(ParameterError, match="from 0 to 100"):
        ReportOptions(top=top)


def test_windows_that_overlap_across_midnight_are_one(make_store, survey):
    late = window(ONE, "2020-05-01T23:59:30", (0.9, 0.1, 0.0))
    early = window(ONE, "2020-05-02T00:00:00", (0.8, 0.2, 0.0))
    other = window(ONE, "2020-05-02T00:05:00", (0.7, 0.3, 0.0))
    make_store.day(ONE, "2020-05-01", [late])
    make_store.day(ONE, "2020-05-02", [early, other])
    found = survey(make_store, ReportOptions(top=2)).strongest["earthquake"]
    assert starts(found) == [(str(ONE), "01T23:59:30"), (str(ONE), "02T00:05:00")]


def test_windows_of_two_stations_at_one_time_are_two(make_store, survey):
    for key in (ONE, TWO):
        make_store.day(key, "2020-05-01", [window(key, "2020-05-01T06:00:00", (0.9, 0.1, 0.0))])
    found = survey(make_store).strongest["earthquake"]
    assert [e.choice.record.id for e in found] == [str(ONE), str(TWO)]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 4))
def test_a_ranking_over_days_is_that_of_all_windows_together(values, size):
    from quake.report.shortlist import Shortlist, strength_scores

    times = [f"2020-05-0{1 + n // 20}T{(n % 20) // 10 + 11:02}:{n % 10:02}:00" for n in range(40)]
    records = [
        window(ONE, time, (value / 10, 0, 0)) for time, value in zip(times, values, strict=False)
    ]
    ranking = Shortlist(size)
    for date in ("2020-05-01", "2020-05-02"):
        of_day = [record for record in records if record.start.startswith(date)]
        if of_day:
            windows = day_windows(of_day)
            ranking.add((ONE, date), windows, strength_scores(windows, 0))
    expected = sorted(records, key=lambda r: (-r.probabilities["earthquake"], r.start))[:size]
    assert [choice.record for choice in ranking.choices()] == expected


def day_windows(records):
    from quake.report.day_windows import _of_records

    return _of_records(records, CLASSES)


def cells(found):
    return {
        (".".join(row.station), number): cell
        for row in found.map.rows
        for number, cell in row.cells.items()
    }


def test_the_map_counts_events_by_station_and_day(with_events, survey):
    found = survey(with_events)
    assert {place: cell.detections for place, cell in cells(found).items()} == {
        ("AA.ONE", 0): 1,
        ("AA.ONE", 1): 1,
        ("BB.TWO", 1): 1,
    }
    assert found.events.total == 2
    assert found.events.by_label == {"earthquake": 2}


def test_without_events_the_map_counts_windows_above_their_threshold(small_store, survey):
    found = survey(small_store)
    assert not found.events.are_there
    assert {place: cell.detections for place, cell in cells(found).items()} == {
        ("AA.ONE", 0): 2,  # 0.90 and 0.95; 0.40 is uncertain, 0.98 is noise
        ("AA.ONE", 1): 1,
        ("BB.TWO", 1): 1,
    }


def test_cells_know_what_share_was_recorded_and_what_was_no_data(small_store, survey):
    found = cells(survey(small_store))
    assert {place: (cell.coverage, cell.no_data_share) for place, cell in found.items()} == {
        ("AA.ONE", 0): (6 / 24, 1 / 5),
        ("AA.ONE", 1): (12 / 24, 0),
        ("BB.TWO", 1): (1, 0),
    }


def test_what_two_channel_sets_of_a_station_recorded_counts_once(make_store, survey):
    other = type(ONE)("AA", "ONE", "10", "HH")
    date = "2020-05-01"
    make_store.day(ONE, date, coverage=Coverage(input=hours(date, (0, 8))))
    make_store.day(other, date, coverage=Coverage(input=hours(date, (6, 12), (20, 22))))
    found = survey(make_store)
    (row,) = found.map.rows
    assert row.cells[0].coverage == 14 / 24
    assert row.channel_sets == (str(ONE), str(other))
    assert found.seconds.input_s == 16 * 3600


def test_events_of_a_station_without_windows_have_a_row(make_store, survey):
    make_store.events("2020-05-03", [event("earthquake", "2020-05-03T01:00:00", str(TWO))], "jsonl")
    found = survey(make_store)
    assert {place: cell.detections for place, cell in cells(found).items()} == {("BB.TWO", 0): 1}


def test_events_as_quakeml_alone_are_none(small_store, survey):
    shown = event("earthquake", "2020-05-01T00:00:30", str(ONE))
    small_store.events("2020-05-01", [shown], "quakeml")
    assert not survey(small_store).events.are_there


@pytest.mark.parametrize("name", ["parquet", "jsonl", "csv"])
def test_all_formats_of_windows_say_the_same(make_store, name):
    records = [
        window(ONE, "2020-05-01T00:00:00", (0.5, 0.25, 0.25)),
        window(ONE, "2020-05-01T00:00:30", status="no_data"),
    ]
    path = make_store.day(ONE, "2020-05-01", records, name)
    windows = read_day(path, CLASSES)
    assert windows.is_scored.tolist() == [True, False]
    assert windows.probabilities[0].tolist() == [0.5, 0.25, 0.25]
    assert windows.ends_ns.tolist() == [t + 60 * 10**9 for t in windows.starts_ns.tolist()]
    assert [windows.record(number) for number in (0, 1)] == records


def test_windows_without_finite_probabilities_are_left_out(make_store, survey):
    records = [window(ONE, "2020-05-01T00:00:00", (0.75, 0.0, 0.25))]
    path = make_store.day(ONE, "2020-05-01", records, "csv")
    text = path.read_text()
    path.write_text(text.replace("0.75", "nan"))
    assert path.read_text() != text
    found = survey(make_store)
    assert found.histograms.counts.sum() == 0
    assert found.strongest["earthquake"] == []


def test_windows_that_somebody_removed_are_told(small_store, survey):
    windows_file(small_store.root, TWO, hours("2020-05-02", (0, 1))[0][0], "jsonl").unlink()
    found = survey(small_store)
    assert found.missing.texts == ["BB.TWO.00.BH? on 2020-05-02: its windows are gone"]
    assert found.damaged.count == 0
    assert found.totals.windows.total() == 9  # the journal knows


def test_windows_as_traces_alone_are_told(make_store, survey):
    records = [window(ONE, "2020-05-01T00:00:00", (1.0, 0.0, 0.0))]
    make_store.day(ONE, "2020-05-01", records, "mseed")
    (text,) = survey(make_store).missing.texts
    assert text.endswith("its windows are there as mseed alone, which tells too little")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\x00" * 100])
def test_a_damaged_file_of_the_store_is_told_and_the_others_go_on(small_store, survey, content):
    path = windows_file(small_store.root, ONE, hours("2020-05-01", (0, 1))[0][0], "parquet")
    path.write_bytes(content)
    small_store.events("2020-05-01", [])
    (small_store.root / "events/date=2020-05-01/events.parquet").write_bytes(content)
    found = survey(small_store)
    assert found.damaged.count == 2
    assert all("remove the file" in text for text in found.damaged.texts)
    assert found.histograms.counts.sum() == 3 * 3
    with pytest.raises(WaveformError, match="holds no windows"):
        read_day(path, CLASSES)


def test_the_last_line_about_a_station_day_counts(small_store, survey):
    small_store.day(TWO, "2020-05-03", failed="no memory")
    small_store.day(TWO, "2020-05-03", coverage=Coverage(input=hours("2020-05-03", (0, 1))))
    found = survey(small_store)
    assert found.totals.station_days == {"done": 3, "without windows": 1}
    assert found.seconds.input_s == 43 * 3600


def test_what_is_being_written_to_the_journal_is_no_line_yet(small_store, survey):
    with small_store.journal.path.open("ab") as file:
        file.write(b'{"kind":"station_day","id":["AA"')
    found = survey(small_store)
    assert found.totals.station_days.total() == 3
    assert found.n_unreadable_lines == 0


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"kind":"station_day"}',
        b"[" * 100_000,
        b'{"kind":"file","path":"a","size":Infinity,"mtime_ns":1,"heads":[],"spans":[],'
        b'"problems":[]}',
    ],
)
def test_lines_that_say_nothing_are_counted(small_store, survey, line):
    with small_store.journal.path.open("ab") as file:
        file.write(line + b"\n")
    found = survey(small_store)
    assert found.n_unreadable_lines == 1
    assert found.totals.station_days.total() == 3


@pytest.mark.parametrize("date", ["20200501", "2020-W18-5", "9999-12-31", "0001-01-01", "x"])
def test_a_station_day_of_no_usable_date_is_a_line_that_says_nothing(make_store, survey, date):
    make_store.day(ONE, "2020-05-01")
    text = make_store.journal.path.read_text().replace("2020-05-01", date)
    make_store.journal.path.write_text(text)
    assert survey(make_store).n_unreadable_lines == 1


def test_station_days_on_which_shards_disagree_are_left_out(make_store, survey):
    for name, inputs in (("journal-1-of-2", "a"), ("journal-2-of-2", "b")):
        make_store.journal.__exit__()
        make_store.journal = Journal(make_store.folder, name).__enter__()
        make_store.day(ONE, "2020-05-01")
        text = make_store.journal.path.read_text().replace(
            '"inputs":"inputs"', f'"inputs":"{inputs}"'
        )
        make_store.journal.path.write_text(text)
    found = survey(make_store)
    assert (found.n_contradicting, found.totals.station_days.total()) == (1, 0)


def test_reading_sees_what_the_store_itself_sees(small_store):
    with Journal(small_store.folder, "journal-other") as store, JournalReader(store.folder) as ours:
        assert {entry.key: entry for entry in ours.days.entries()} == store.days
        assert {entry.state.path: entry for entry in ours.files.entries()} == store.files


def test_a_journal_that_is_written_anew_meanwhile_does_not_disturb(small_store):
    with JournalReader(small_store.folder) as reader:
        small_store.journal.path.rename(small_store.folder / "old")
        small_store.journal.path.write_text("nothing like before\n")
        assert len(list(reader.days.entries())) == 3
        assert len(list(reader.files.entries())) == 3


def test_a_store_is_not_changed(with_events, survey):
    def state():
        paths = sorted(with_events.root.rglob("*"))
        return [(p, p.stat().st_mtime_ns, p.is_file() and p.read_bytes()) for p in paths]

    before = state()
    survey(with_events)
    assert state() == before


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"classes": []}, "distinct ones were expected"),
        ({"classes": ["a", "a"]}, "distinct ones were expected"),
        ({"window_s": -1}, "positive length"),
        ({"thresholds": {}}, "KeyError"),
        ({"thresholds": None}, "TypeError"),
        ({"model": None, "classes": 3}, "TypeError"),
    ],
)
def test_a_store_that_does_not_say_what_it_holds_is_refused(make_store, change, what):
    make_store.run |= change
    make_store.sign()
    with pytest.raises(ParameterError, match=what):
        read_run_facts(make_store.root)


def test_other_things_than_stores_are_refused(tmp_path):
    (tmp_path / "file").touch()
    for path, what in (
        (tmp_path, "is no result store"),
        (tmp_path / "file", "is a file"),
        (tmp_path / "none", "there is no such folder"),
    ):
        with pytest.raises(ParameterError, match=what):
            read_run_facts(path)


def test_what_identifies_a_store_is_read(make_store):
    facts = read_run_facts(make_store.root)
    assert (facts.model, facts.window_s, facts.is_rotated) == ("0123456789ab", 60, False)
    assert facts.event_classes == ("earthquake", "surface_event")
    assert json.loads(json.dumps(facts.values)) == make_store.run
