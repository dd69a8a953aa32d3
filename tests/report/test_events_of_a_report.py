"""What a report shows of events: which ones, how often, where, and what is beside each."""

import base64
import gzip
import json
import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_stores import CLASSES, ONE, TWO, event, span, window

from quake.errors import ParameterError
from quake.events import EventOptions, Onset, find_events
from quake.events.onset import onsets_as_bytes
from quake.pictures.event_view import EventView, ViewLine
from quake.report import ReportOptions
from quake.report.calendar import make_calendar
from quake.report.doubts import Doubts, margin
from quake.report.downloads import packed_files
from quake.report.event_card import SPECTROGRAM_PX, make_event_cards, path_of, shrunk
from quake.report.event_files import read_last_events
from quake.report.event_gallery import ArrivalTime, EventExhibit, StationView
from quake.report.gallery import SpanFinder
from quake.report.picture_links import PictureLinks
from quake.report.rates import MAX_HOURS, rates_by_day, rates_by_hour
from quake.report.site_map import make_site_map
from quake.report.totals import FirstOf
from quake.stations.travel_times import KM_PER_DEGREE, Site
from quake.store.entries import FileEntry, FileState
from quake.store.layout import day_of_date, windows_file
from quake.waveforms.segments import NS_PER_S
from quake.waveforms.times import format_time

DAY = "2020-05-01"


def onset(second, earthquake, noise, key=ONE, p=0.9):
    time_ns = day_of_date(DAY) + round(second * NS_PER_S)
    return Onset(
        id=str(key),
        time=format_time(time_ns),
        uncertainty_s=0.1,
        p=p,
        s=0.0,
        s_after=0.0,
        probabilities={
            "earthquake": earthquake,
            "surface_event": round(1 - earthquake - noise, 6),
            "noise": noise,
        },
        snr_db=12.0,
        peak_amplitude=100.0,
        peak_component="Z",
        dominant_frequency_hz=5.0,
        duration_s=10.0,
        is_cut=False,
        components="ZNE",
        flags=(),
        windows=(),
        model="0123456789ab",
        network="ba9876543210",
        is_emergent=True,  # what the model says counts alone
    )


def at(clock, label="earthquake"):
    return event(label, f"{DAY}T{clock}", str(ONE))


@pytest.mark.parametrize("name", ["parquet", "jsonl", "csv"])
def test_events_are_read_back_as_they_were(make_store, name):
    onsets = [onset(60, 0.9, 0.05), onset(200, 0.8, 0.1, TWO)]
    events = find_events(onsets, EventOptions({"earthquake": 0.5}))
    make_store.events(DAY, events, name)
    unreadable = FirstOf()
    assert read_last_events(make_store.root, 10, unreadable) == events
    assert unreadable.count == 0


def test_the_last_events_are_read_and_no_more_files_than_that_takes(make_store):
    make_store.events("2020-05-02", [event("earthquake", "2020-05-02T01:00:00", str(ONE))])
    make_store.events(DAY, [at("01:00:00"), at("02:00:00")])
    folder = make_store.root / "events/date=2020-04-30"
    folder.mkdir()
    (folder / "events.parquet").write_bytes(b"no such thing")
    unreadable = FirstOf()
    found = read_last_events(make_store.root, 2, unreadable)
    assert [e.onset[:16] for e in found] == ["2020-05-01T02:00", "2020-05-02T01:00"]
    assert unreadable.count == 0
    assert len(read_last_events(make_store.root, 9, unreadable)) == 3
    assert unreadable.count == 1
    assert read_last_events(make_store.root, 0, unreadable) == []


def test_doubts_are_the_onsets_with_the_smallest_margins_that_are_no_events():
    shares = [(0, 0.9, 0.05), (10, 0.5, 0.45), (20, 0.3, 0.6), (30, 0.48, 0.47), (40, 0.1, 0.85)]
    doubts = Doubts(2, [], ("earthquake", "surface_event"))
    doubts.add([onset(*row) for row in shares])
    assert [e.onset[17:19] for e in doubts.events()] == ["10", "30"]
    assert {e.label for e in doubts.events()} == {"earthquake"}


def test_what_is_near_an_event_or_a_nearer_doubt_is_no_doubt():
    known = [at("00:01:00")]
    doubts = Doubts(9, known, ("earthquake", "surface_event"))
    onsets = [onset(s, 0.5, 0.45) for s in (57.1, 62.9, 56.9, 63.1, 70.0)]
    onsets += [onset(71.0, 0.5, 0.48), onset(60.0, 0.5, 0.45, TWO)]
    doubts.add(onsets)
    assert [(e.channel_sets[0], e.onset[17:21]) for e in doubts.events()] == [
        (str(ONE), "56.9"),
        (str(TWO), "00.0"),
        (str(ONE), "03.1"),
        (str(ONE), "11.0"),
    ]


def test_the_margin_is_that_of_the_decision_with_the_p_in_it():
    sharp = replace(onset(10, 0.6, 0.38, p=0.5), is_emergent=False)
    sure = replace(onset(20, 0.5, 0.48, p=0.99), is_emergent=False)
    doubts = Doubts(1, [], ("earthquake", "surface_event"))
    doubts.add([sharp, sure])
    (found,) = doubts.events()
    assert found.onset[17:19] == "10"
    odds = 0.62 / 0.38 * math.exp(-0.5)
    assert found.probabilities["noise"] == pytest.approx(1 / (1 + odds), abs=1e-5)


def test_onsets_that_the_model_was_not_asked_about_are_no_doubts():
    silent = Onset(**{**vars(onset(5, 0.5, 0.5)), "probabilities": {}})
    doubts = Doubts(9, [], ("earthquake", "surface_event"))
    doubts.add([silent])
    assert doubts.events() == []


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.floats(0, 0.5)), max_size=30),
    st.integers(0, 6),
    st.integers(1, 4),
)
def test_doubts_do_not_depend_on_how_station_days_come(rows, size, n_parts):
    onsets = [onset(10 * second, share, 0.5) for second, share in dict(rows).items()]
    whole, parts = (Doubts(size, [], ("earthquake", "surface_event")) for _ in range(2))
    whole.add(onsets)
    for first in range(n_parts):
        parts.add(onsets[first::n_parts])
    assert [e.id for e in whole.events()] == [e.id for e in parts.events()]
    assert len(whole.events()) == min(size, len(onsets))


def test_the_margin_of_one_class_is_that_of_certainty():
    assert margin({"earthquake": 0.5, "noise": 0.3, "surface_event": 0.2}) == pytest.approx(0.2)
    assert margin({"earthquake": 0.5}) == 1.0


def store_with_onsets(make_store, onsets):
    make_store.file("/archive/one.mseed", [span(ONE, DAY)])
    path = windows_file(make_store.root, ONE, day_of_date(DAY), "onsets")
    path.parent.mkdir(parents=True)
    path.write_bytes(onsets_as_bytes(onsets))
    records = [window(ONE, f"{DAY}T00:00:00", (0.9, 0.05, 0.05))]
    make_store.day(ONE, DAY, records, outputs={"parquet": 1, "onsets": 1})
    return path


def test_a_report_has_events_and_doubts_in_the_order_of_time(make_store, survey):
    store_with_onsets(make_store, [onset(60, 0.9, 0.05), onset(120, 0.5, 0.45)])
    make_store.events(DAY, [at("00:01:00"), at("00:05:00")])
    found = survey(make_store).event_exhibits
    assert [(e.event.onset[14:16], e.is_doubt) for e in found] == [
        ("01", False),
        ("02", True),
        ("05", False),
    ]
    assert [e.missing for e in found] == ["/archive/one.mseed: is not there any more"] * 3


def test_of_days_whose_events_are_not_shown_there_are_no_doubts(make_store, survey):
    store_with_onsets(make_store, [onset(120, 0.5, 0.45)])
    make_store.events(DAY, [at("00:01:00")])
    make_store.events("2020-05-02", [event("earthquake", "2020-05-02T01:00:00", str(ONE))])
    doubts = [e for e in survey(make_store, ReportOptions(events=1)).event_exhibits if e.is_doubt]
    assert doubts == []
    found = survey(make_store, ReportOptions(events=2, doubts=0)).event_exhibits
    assert [e.is_doubt for e in found] == [False, False]


@pytest.mark.parametrize("content", [b"{", b"[]\n", b'{"id": 1}\n', b"\xff\n"])
def test_damaged_onsets_are_told(make_store, survey, content):
    store_with_onsets(make_store, []).write_bytes(content)
    make_store.events(DAY, [at("00:01:00")])
    (text,) = survey(make_store).damaged.texts
    assert "holds no onsets that quake wrote" in text


@pytest.mark.parametrize("values", [{"events": -1}, {"events": 2001}, {"doubts": 501}])
def test_more_than_a_page_can_hold_is_refused(values):
    with pytest.raises(ParameterError, match="from 0 to"):
        ReportOptions(**values)


def test_a_label_row_has_the_files_of_all_components_and_ends_with_the_record(make_store, survey):
    for code in "ZNE":
        short = span(ONE, DAY, code, f"/archive/one.{code}", 1)
        make_store.file(f"/archive/one.{code}", [short])
    make_store.day(ONE, DAY)
    make_store.events(DAY, [at("00:00:10"), at("00:59:30")])
    rows = [exhibit.rows[0] for exhibit in survey(make_store).event_exhibits]
    assert {row.path for row in rows} == {"/archive/one.E;/archive/one.N;/archive/one.Z"}
    assert [(row.start[11:19], row.end[11:19]) for row in rows] == [
        ("00:00:00", "00:00:55"),
        ("00:59:15", "01:00:00"),
    ]
    assert (rows[0].network, rows[0].station, rows[0].onset[11:19]) == ("AA", "ONE", "00:00:10")


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 30)), min_size=1, max_size=8))
def test_files_are_kept_if_they_reach_into_a_stretch(times):
    key = (ONE, DAY)
    day_ns = day_of_date(DAY)
    wanted = [
        ArrivalTime(key, day_ns + a * NS_PER_S, day_ns + (a + b) * NS_PER_S) for a, b in times
    ]
    finder = SpanFinder(wanted)
    finder.add_file(FileEntry(FileState("/near", 1, 1), (span(ONE, DAY, source="/near"),), ()))
    far = span(ONE, "2021-05-01", source="/far")
    finder.add_file(FileEntry(FileState("/far", 1, 1), (far,), ()))
    for stretch in wanted:
        assert finder.files_of(stretch) == ("/near",)
        assert {s.source for s in finder.spans_near(stretch)} == {"/near"}


def hours_of(*counts):
    return {(f"2020-05-01T{hour:02}", "earthquake"): n for hour, n in enumerate(counts) if n}


def test_bars_of_an_hour_lie_on_each_other_and_reach_as_high_as_their_sum():
    counts = {("2020-05-01T03", "earthquake"): 6, ("2020-05-01T03", "surface_event"): 2}
    counts |= {("2020-05-01T05", "earthquake"): 4}
    figure = rates_by_hour(counts, ["earthquake", "surface_event"])
    first, second, third = figure.bars
    whole = first.height + second.height
    assert first.height == pytest.approx(0.75 * whole)
    assert third.height == pytest.approx(0.5 * whole)
    assert second.y + second.height == pytest.approx(first.y)
    assert (third.x - first.x) == pytest.approx(2 * first.width / 0.85)
    assert first.text == "2020-05-01 03 h: 6 earthquake"
    assert figure.y_ticks[-1][1] == "8"
    assert figure.title == "Events an hour"


def test_long_times_without_events_are_folded_and_the_last_hours_are_shown():
    counts = {("2020-05-01T03", "a"): 1, ("2021-05-01T03", "a"): 1}
    figure = rates_by_hour(counts, ["a"])
    assert len(figure.breaks) == 1
    many = {(f"2020-{m:02}-{d:02}T{h:02}", "a"): 1
            for m in (5, 6) for d in range(1, 29) for h in range(24)}  # fmt: skip
    figure = rates_by_hour(many, ["a"])
    assert len(figure.bars) == MAX_HOURS
    assert "the last 240 hours" in figure.title
    assert figure.bars[-1].text.startswith("2020-06-28 23 h")


def test_days_are_those_of_the_calendar():
    calendar = make_calendar(["2020-05-01", "2020-05-03"], 1, 100)
    counts = {("2020-05-01T03", "a"): 1, ("2020-05-01T07", "a"): 2, ("2020-05-03T00", "a"): 1}
    figure = rates_by_day(counts, calendar, ["a"])
    assert figure.title == "Events a day"
    assert [bar.text for bar in figure.bars] == ["2020-05-01: 3 a", "2020-05-03: 1 a"]


def test_stations_lie_where_they_are():
    sites = {"A.N": Site(48.0, 11.0), "A.S": Site(47.0, 11.0), "A.E": Site(47.5, 12.0)}
    found = make_site_map(sites, {"A.N": 9, "A.E": 1}, ["A.E", "A.N", "A.S", "A.X"])
    places = {place.name: place for place in found.places}
    assert places["A.N"].x == pytest.approx(places["A.S"].x)
    assert places["A.N"].y < places["A.E"].y < places["A.S"].y
    across, down = places["A.E"].x - places["A.N"].x, places["A.S"].y - places["A.N"].y
    assert across / down == pytest.approx(math.cos(math.radians(47.5)), rel=1e-6)
    assert places["A.N"].radius == pytest.approx(3 * places["A.E"].radius)
    assert (places["A.N"].text, places["A.S"].text) == ("A.N: 9 events", "A.S: 0 events")
    assert found.n_without == 1
    km = float(found.scale_text.removesuffix(" km"))
    assert found.scale_px == pytest.approx(down * km / KM_PER_DEGREE)
    inside = [found.left <= p.x <= found.right and found.top <= p.y <= found.bottom
              for p in found.places]  # fmt: skip
    assert all(inside)


def test_stations_on_both_sides_of_the_date_line_are_neighbours():
    sites = {"A.W": Site(-17.0, 179.0), "A.E": Site(-17.0, -179.0)}
    found = make_site_map(sites, {}, list(sites))
    west, east = (next(p for p in found.places if p.name == n) for n in ("A.W", "A.E"))
    assert west.x < east.x
    assert {text for _, text in found.meridians} & {"180°", "180°E", "180°W", "179°E", "179°W"}


def test_one_station_and_none_have_a_map_or_not():
    assert make_site_map({"A.A": Site(0.0, 0.0)}, {}, ["A.A"]).places[0].radius > 0
    assert make_site_map({"A.B": Site(0.0, 0.0)}, {}, ["A.A"]) is None


def test_paths_break_where_nothing_was_recorded_and_shrink_without_losing_peaks():
    from quake.pictures.event_view import ViewLine

    line = ViewLine("BHZ", [50, 0, None, 50, 40, 50], [50, 60, None, 50, 50, 100], "1 counts")
    assert path_of(line.high, line.low) == "M0 50V50L1 0V60M3 50V50L4 40V50L5 50V100"
    assert shrunk(line, 3) == ([0, 50, 40], [60, 50, 100])
    assert shrunk(line, 2) == ([0, 40], [60, 100])


def drawing_of(start_s, length_s):
    """What a page draws of an event, between two times of the day and from 0.5 to 20 Hz."""
    start_ns = day_of_date(DAY) + round(start_s * NS_PER_S)
    end_ns = start_ns + round(length_s * NS_PER_S)
    line = ViewLine("HHZ", [0, 10], [90, 100], "1 counts")
    view = EventView(start_ns, end_ns, "1 to 20 Hz", [line], b"png", (0.5, 20.0))
    found = event("earthquake", format_time(start_ns + 10 * NS_PER_S), str(ONE))
    exhibit = EventExhibit(found, False, [StationView(found.arrivals[0], view)], "", [])
    (card,) = make_event_cards([exhibit], CLASSES)
    return card.drawing


def test_times_near_an_edge_are_left_out_of_a_drawing():
    # From 3 s to 65 s every 15 s; 03 s lies at 0 %, 60 s at 92 % less a bit.
    assert [text for _, text in drawing_of(3, 62).ticks] == [
        "00:00:15",
        "00:00:30",
        "00:00:45",
        "00:01:00",
    ]
    assert [text for _, text in drawing_of(15, 62).ticks] == ["00:00:30", "00:00:45", "00:01:00"]


@given(st.floats(0, 3600), st.floats(20, 75))
def test_times_of_a_drawing_have_room_on_a_telephone(start_s, length_s):
    # Eight letters of 11 px have 50 px, in a drawing of 335 px.
    places = [3.35 * x for x, _ in drawing_of(start_s, length_s).ticks]
    assert len(places) >= 2
    assert places[0] >= 25
    assert places[-1] <= 310
    assert all(b - a >= 55 for a, b in pairwise(places))


def test_frequencies_are_written_within_the_spectrogram():
    drawing = drawing_of(0, 60)
    places = {text: y - drawing.picture_y for y, text in drawing.frequencies}
    assert places["20"] == 5  # half a letter below the edge at which it lies
    assert places["10"] == pytest.approx(SPECTROGRAM_PX * math.log10(2) / math.log10(40))
    assert all(5 <= y <= SPECTROGRAM_PX - 5 for y in places.values())


def test_packed_files_are_those_that_predict_writes():
    events = [at("00:01:00"), at("00:05:00", "surface_event")]
    files = json.loads(gzip.decompress(base64.b64decode(packed_files(events, CLASSES))))
    assert files["head"].startswith("id,label,onset,")
    assert [row.split(",")[0] for row in files["rows"]] == [e.id for e in events]
    assert all(row.endswith("\n") for row in files["rows"])
    assert files["quakeml"].count("<pick ") == 2
    assert packed_files(events, CLASSES) == packed_files(events, CLASSES)


def test_links_name_pictures_that_are_there_as_seen_from_the_page(tmp_path):
    pictures, page = tmp_path / "my pictures", tmp_path / "pages"
    pictures.mkdir()
    links = PictureLinks(pictures, page)
    assert list(links.of(at("00:01:00"))) == []
    (pictures / "AA.ONE..HH.2020-05-01.png").touch()
    (pictures / "AA.ONE..HH.2020-05-01.helicorder.png").touch()
    assert list(links.of(at("00:01:00"))) == [
        ("day of AA.ONE..HH?", "../my%20pictures/AA.ONE..HH.2020-05-01.png"),
        ("helicorder of AA.ONE..HH?", "../my%20pictures/AA.ONE..HH.2020-05-01.helicorder.png"),
    ]


def test_events_without_files_stay_without_pictures_and_rows(make_store, survey):
    make_store.events(DAY, [at("00:01:00")])
    (exhibit,) = survey(make_store).event_exhibits
    assert exhibit.missing == "the journal knows of no file that holds it"
    assert list(exhibit.rows) == []
