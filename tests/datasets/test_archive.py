"""Archives: an SDS tree whose samples tell their own time, and catalogues made for it."""

import csv
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime
from obspy.core.event import Catalog, Event, Pick, WaveformStreamID
from obspy.core.inventory import Inventory, Network, Station

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets.decoding import decode
from quake.datasets.labelled_archive import ArchiveOptions, read_archive
from quake.errors import LabelError, ParameterError, WaveformError
from quake.stations.travel_times import KM_PER_DEGREE
from quake.waveforms.times import NS_PER_S, format_time, parse_time

SDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "sds"

RATE_HZ = 20
START, END = "2021-03-04T22:00:00Z", "2021-03-05T02:00:00Z"
MIDNIGHT = "2021-03-05T00:00:00Z"
START_NS = parse_time(START)
COMPONENTS = {"Z": 1, "N": 2, "E": 3}


def at(text):
    """A time of the night of the archive, ns since the epoch."""
    return parse_time(f"2021-03-{'04' if text > '12' else '05'}T{text}Z")


def counts(code, start, end):
    """Samples that grow by 4 each, so that they tell their time and component, and fit STEIM2."""
    first = (parse_time(start) - START_NS) * RATE_HZ // NS_PER_S
    stop = (parse_time(end) - START_NS) * RATE_HZ // NS_PER_S
    return (4 * np.arange(first, stop) + COMPONENTS.get(code, 0)).astype(np.int32)


def write_day(root, station, channel, start, end, location="", samples=None):
    begin = UTCDateTime(start)
    header = {
        "network": "XX",
        "station": station,
        "location": location,
        "channel": channel,
        "starttime": begin,
        "sampling_rate": RATE_HZ,
    }
    folder = root / str(begin.year) / "XX" / station / f"{channel}.D"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"XX.{station}.{location}.{channel}.D.{begin.year}.{begin.julday:03d}"
    samples = counts(channel[-1], start, end) if samples is None else samples
    Stream([Trace(samples, header)]).write(folder / name, "MSEED", encoding="STEIM2")
    return folder / name


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Two stations, three components, four hours, cut at midnight."""
    root = tmp_path_factory.mktemp("archive") / "sds"
    for station in ("AAA", "BBB"):
        for code in COMPONENTS:
            write_day(root, station, f"HH{code}", START, MIDNIGHT)
            write_day(root, station, f"HH{code}", MIDNIGHT, END)
    return root


@pytest.fixture
def archive(stored, tmp_path):
    """A copy to be damaged."""
    return Path(shutil.copytree(stored, tmp_path / "sds"))


@pytest.fixture
def catalogue(tmp_path):
    """Write a table of picks: (time, phase, station[, event_id[, type]])."""

    def write(*rows):
        path = tmp_path / "picks.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["time", "phase", "network", "station", "event_id", "event_type"])
            for time, phase, station, *rest in rows:
                event_id, kind = [*rest, *("one", "")[len(rest) :]][:2]
                writer.writerow([format_time(at(time)), phase, "XX", station, event_id, kind])
        return path

    return write


def events(collection):
    return [span for span in collection.spans if span.label != "noise"]


def noises(collection):
    return [span for span in collection.spans if span.label == "noise"]


def reasons(collection):
    return [exclusion.reason for exclusion in collection.excluded]


def assert_true(span, margin_s=0):
    """Every sample of a span tells the time and the component at which it is read."""
    stretch = span.reader.read(span, margin_s * NS_PER_S)
    assert stretch.start_ns == max(span.start_ns - margin_s * NS_PER_S, START_NS)
    assert stretch.end_ns == min(span.end_ns + margin_s * NS_PER_S, parse_time(END))
    for component, number in COMPONENTS.items():
        (segment,) = stretch.channel_set.segments[component]
        first = 4 * ((segment.start_ns - START_NS) * RATE_HZ // NS_PER_S) + number
        np.testing.assert_array_equal(
            segment.samples, first + 4 * np.arange(len(segment.samples), dtype=np.int32)
        )
        assert segment.start_ns <= stretch.start_ns
        assert segment.end_ns >= stretch.end_ns


def test_an_event_is_cut_around_its_p_at_each_station(stored, catalogue):
    picks = catalogue(
        ("23:10:00", "P", "AAA"), ("23:10:03.25", "P", "BBB"), ("23:10:04", "S", "AAA")
    )
    first, second = events(read_archive(stored, picks))
    assert (first.start_ns, first.end_ns) == (at("23:09:45"), at("23:10:45"))
    assert (first.p_ns, second.p_ns) == (at("23:10:00"), at("23:10:03.25"))
    assert (first.station, second.station) == ("XX.AAA", "XX.BBB")
    assert first.group == second.group == "one"
    assert first.record != second.record
    assert (first.label, first.source, first.row) == ("earthquake", "sds", 2)
    assert_true(first)
    assert_true(first, margin_s=60)


def test_lengths_are_options(stored, catalogue):
    options = ArchiveOptions(
        before_p_s=5, after_p_s=20, noise_length_s=90, noise_per_event=3, quiet_s=30
    )
    collection = read_archive(stored, catalogue(("23:10:00", "P", "AAA")), options)
    (event,) = events(collection)
    assert (event.start_ns, event.end_ns) == (at("23:09:55"), at("23:10:20"))
    assert [s.end_ns - s.start_ns for s in noises(collection)] == [90 * NS_PER_S] * 3


def test_spans_are_joined_across_midnight(stored, catalogue):
    (event,) = events(read_archive(stored, catalogue(("23:59:58", "P", "AAA"))))
    assert len(event.reader.files) == 6
    assert_true(event, margin_s=120)


def test_where_the_record_ends_so_does_what_is_read(stored, catalogue):
    (event,) = events(read_archive(stored, catalogue(("22:00:05", "P", "AAA"))))
    assert event.start_ns == START_NS - 10 * NS_PER_S
    stretch = event.reader.read(event, 60 * NS_PER_S)
    assert stretch.start_ns == START_NS


def test_noise_is_away_from_every_pick_of_the_catalogue_and_from_the_events(stored, catalogue):
    minutes = range(5, 60, 10)
    picks = [(f"22:{m:02d}:00", "P", "AAA", f"a{m}") for m in minutes]
    picks += [(f"01:{m:02d}:00", "S", "CCC", f"c{m}") for m in minutes]  # of another station
    options = ArchiveOptions(noise_per_event=3, quiet_s=100)
    found = noises(read_archive(stored, catalogue(*picks), options))
    assert len(found) == 18
    quiet_ns = 100 * NS_PER_S
    for span in found:
        assert span.station == "XX.AAA"
        assert START_NS <= span.start_ns < span.end_ns <= parse_time(END)
        for minute in minutes:
            first, last = at(f"22:{minute - 1:02d}:45"), at(f"22:{minute:02d}:45")
            assert span.end_ns <= first - quiet_ns or span.start_ns >= last + quiet_ns
            pick = at(f"01:{minute:02d}:00")
            assert span.end_ns <= pick - quiet_ns or span.start_ns > pick + quiet_ns
        assert_true(span)
    starts = [span.start_ns for span in found]
    assert min(np.diff(starts)) >= 180 * NS_PER_S  # none overlaps another
    assert starts[-1] - starts[0] > 2 * 3600 * NS_PER_S  # spread over the four hours


def test_the_draw_of_noise_depends_on_the_seed_and_not_on_other_stations(stored, catalogue):
    def drawn(station, *rows, **options):
        collection = read_archive(stored, catalogue(*rows), ArchiveOptions(**options))
        return [s.start_ns for s in noises(collection) if s.station == station]

    alone = drawn("XX.AAA", ("23:10:00", "P", "AAA"), noise_per_event=5)
    assert drawn("XX.AAA", ("23:10:00", "P", "AAA"), noise_per_event=5) == alone
    both = [("23:10:00", "P", "AAA"), ("23:10:00", "P", "BBB")]
    assert drawn("XX.AAA", *both, noise_per_event=5) == alone
    assert drawn("XX.BBB", *both, noise_per_event=5) != alone
    assert drawn("XX.AAA", ("23:10:00", "P", "AAA"), noise_per_event=5, seed=1) != alone


def test_noise_that_does_not_fit_is_counted(stored, catalogue):
    options = ArchiveOptions(noise_length_s=7200, noise_per_event=2)
    collection = read_archive(stored, catalogue(("23:59:00", "P", "AAA")), options)
    assert noises(collection) == []
    assert collection.excluded[0].what == "2 of 2 noise spans at XX.AAA..HH?"
    assert collection.excluded[0].reason == "not enough quiet time"


def test_all_that_is_not_used_has_a_reason(archive, catalogue):
    (archive / "notes.txt").write_text("of the field trip")
    damaged = archive / "2021" / "XX" / "BBB" / "HHZ.D" / "XX.BBB..HHZ.D.2021.063"
    damaged.write_bytes(damaged.read_bytes()[:600])
    write_day(archive, "BBB", "LOG", START, "2021-03-04T22:10:00Z")
    picks = catalogue(
        ("23:10:00", "P", "AAA"),
        ("23:10:00", "P", "ZZZ"),
        ("23:10:00", "S", "BBB"),
        ("09:00:00", "P", "AAA", "two"),
    )
    collection = read_archive(archive, picks)
    assert len(events(collection)) == len(noises(collection)) == 1
    by_reason = {e.reason: e.what for e in collection.excluded}
    assert len(by_reason) == len(collection.excluded) == 7
    assert by_reason["neither miniSEED nor SAC"].endswith("notes.txt")
    assert by_reason["component G is none of Z, N, E, 1, 2, 3"].endswith("XX.BBB..LO?")
    assert by_reason["the archive has nothing of this station"].endswith("event one at XX.ZZZ")
    assert by_reason["no P pick, so the onset is unknown"].endswith("event one at XX.BBB")
    assert by_reason["nothing was recorded at the time of its P"].endswith("event two at XX.AAA")
    assert by_reason["no event was cut from it, and so no noise"] == "XX.BBB..HH?"
    assert str(damaged) in by_reason.values()


def test_a_pick_in_a_gap_is_left_out_and_noise_does_not_reach_into_the_gap(archive, catalogue):
    for code in COMPONENTS:
        folder = archive / "2021" / "XX" / "AAA" / f"HH{code}.D"
        shutil.rmtree(folder)
        write_day(archive, "AAA", f"HH{code}", START, "2021-03-04T23:00:00Z")
        write_day(archive, "AAA", f"HH{code}", "2021-03-05T01:00:00Z", END)
    picks = catalogue(("23:30:00", "P", "AAA", "gap"), ("22:30:00", "P", "AAA", "good"))
    collection = read_archive(archive, picks, ArchiveOptions(noise_per_event=20))
    assert [span.group for span in events(collection)] == ["good"]
    assert "nothing was recorded at the time of its P" in reasons(collection)
    gap = at("23:00:00"), at("01:00:00")
    assert all(s.end_ns <= gap[0] or s.start_ns >= gap[1] for s in noises(collection))
    assert len(noises(collection)) > 10


def test_of_several_channel_sets_the_one_with_more_components_is_cut(archive, catalogue):
    write_day(archive, "AAA", "EHZ", START, MIDNIGHT)
    write_day(archive, "AAA", "EHZ", START, MIDNIGHT, location="10")
    write_day(archive, "CCC", "EHZ", START, MIDNIGHT)
    picks = catalogue(("23:10:00", "P", "AAA"), ("23:10:00", "P", "CCC"))
    found = events(read_archive(archive, picks))
    assert [str(s.reader.channel_set) for s in found] == ["XX.AAA..HH?", "XX.CCC..EH?"]


def test_two_kinds_of_events_in_one_window_are_left_out_and_two_of_one_kind_stay(stored, catalogue):
    collection = read_archive(
        stored,
        catalogue(
            ("23:10:00", "P", "AAA", "one"),
            ("23:10:50", "P", "AAA", "two", "px"),
            ("23:11:51", "P", "AAA", "three"),
            ("23:12:00", "P", "AAA", "four"),
            ("23:10:00", "P", "BBB", "one"),
        ),
    )
    found = [(s.group, s.station) for s in events(collection)]
    assert found == [("three", "XX.AAA"), ("four", "XX.AAA"), ("one", "XX.BBB")]
    assert reasons(collection) == ["an event of another class is in the same window"] * 2


def test_events_that_are_called_noise_are_noise_without_an_onset(stored, catalogue):
    picks = catalogue(("23:10:00", "P", "AAA", "one"), ("23:20:00", "P", "AAA", "two", "no"))
    collection = read_archive(stored, picks, ArchiveOptions(noise_per_event=0))
    assert [(s.label, s.p_ns is None) for s in collection.spans] == [
        ("earthquake", False),
        ("noise", True),
    ]


def test_quakeml_without_networks_finds_its_stations(stored, tmp_path):
    times = [UTCDateTime("2021-03-04T23:10:00Z"), UTCDateTime("2021-03-04T23:10:02Z")]
    picks = [
        Pick(time=time, phase_hint="Pg", waveform_id=WaveformStreamID("", station))
        for time, station in zip(times, ("AAA", "BBB"), strict=True)
    ]
    path = tmp_path / "events.xml"
    Catalog([Event(event_type="landslide", picks=picks)]).write(path, "QUAKEML")
    found = events(read_archive(stored, path))
    assert [s.station for s in found] == ["XX.AAA", "XX.BBB"]
    assert [s.p_ns for s in found] == [time.ns for time in times]
    assert {s.label for s in found} == {"surface_event"}


@pytest.fixture
def origins(tmp_path):
    """Write a table of origins on the equator: (time, longitude)."""

    def write(*rows):
        path = tmp_path / "origins.csv"
        lines = [f"{format_time(at(time))},0,{longitude},0" for time, longitude in rows]
        path.write_text("\n".join(["time,latitude,longitude,depth_km", *lines, ""]))
        return path

    return write


@pytest.fixture
def inventory(tmp_path):
    """Both stations on the equator, at longitudes 0 and 1."""
    path = tmp_path / "stations.xml"
    stations = [Station("AAA", 0.0, 0.0, 0.0), Station("BBB", 0.0, 1.0, 0.0)]
    Inventory([Network("XX", stations)], source="test").write(path, "STATIONXML")
    return path


def test_from_origins_p_is_predicted_where_the_stations_are_known(stored, origins, inventory):
    options = ArchiveOptions(inventory=inventory, max_distance_km=100)
    collection = read_archive(stored, origins(("23:10:00", 0.5), ("23:30:00", 0.1)), options)
    found = [(s.station, (s.p_ns - at("23:10:00")) / NS_PER_S) for s in events(collection)]
    near_s, far_s = (d * KM_PER_DEGREE / 5.8 for d in (0.5, 0.9))  # iasp91's upper crust
    assert [station for station, _ in found] == ["XX.AAA", "XX.AAA", "XX.BBB"]
    assert found[0][1] == pytest.approx(near_s, abs=0.1)
    assert found[1][1] == pytest.approx(1200 + 0.1 * KM_PER_DEGREE / 5.8, abs=0.1)
    assert found[2][1] == pytest.approx(near_s, abs=0.1)
    assert far_s * 5.8 > 100
    assert collection.excluded[0].what.endswith("event line 3 at 1 stations")
    assert collection.excluded[0].reason == "further away than 100 km"


def test_noise_keeps_away_from_predicted_arrivals_too(stored, origins, inventory):
    # 20 degrees away: P after 4.5 minutes, S after 8.
    rows = [(f"{h}:{m:02d}:00", 20.0) for h in ("22", "01") for m in range(0, 60, 20)]
    path = origins(("00:30:00", 0.1), *rows)
    options = ArchiveOptions(inventory=inventory, noise_per_event=100, quiet_s=60)
    found = [s for s in noises(read_archive(stored, path, options)) if s.station == "XX.AAA"]
    assert found
    for time, _ in rows:
        for span in found:
            p_ns, s_ns = at(time) + 274 * NS_PER_S, at(time) + 470 * NS_PER_S
            quiet = span.end_ns <= p_ns - 60 * NS_PER_S or span.start_ns >= s_ns + 60 * NS_PER_S
            assert quiet, format_time(span.start_ns)


def test_origins_without_an_inventory_are_refused_with_advice(stored, origins):
    with pytest.raises(LabelError, match=r"1 origins and no picks; .* \(--inventory FILE\)"):
        read_archive(stored, origins(("23:10:00", 0.5)))


def test_a_catalogue_of_another_year_is_refused_with_the_reasons(stored, catalogue):
    picks = catalogue(("23:10:00", "P", "AAA"))
    picks.write_text(picks.read_text().replace("2021", "1921"))
    with pytest.raises(LabelError, match=r"none of its 1 events .* nothing was recorded at the"):
        read_archive(stored, picks)


def test_a_folder_without_waveforms_is_refused(tmp_path, catalogue):
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing")
    picks = catalogue(("23:10:00", "P", "AAA"))
    with pytest.raises(WaveformError, match=r"no miniSEED or SAC file.*notes\.txt: neither"):
        read_archive(folder, picks)
    with pytest.raises(WaveformError, match="no such folder"):
        read_archive(tmp_path / "absent", picks)


def test_catalogue_and_inventory_may_lie_in_the_archive(archive, catalogue, inventory):
    picks = catalogue(("23:10:00", "P", "AAA")).rename(archive / "picks.csv")
    inside = inventory.rename(archive / "stations.xml")
    collection = read_archive(archive, picks, ArchiveOptions(inventory=inside))
    assert reasons(collection) == ["no event was cut from it, and so no noise"]  # XX.BBB


@pytest.mark.parametrize(
    ("name", "value"), [("after_p_s", 0), ("noise_length_s", -1), ("quiet_s", float("nan"))]
)
def test_options_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ParameterError, match=name):
        ArchiveOptions(**{name: value})


def test_a_reader_survives_being_sent_and_its_fingerprint_follows_the_files(archive, catalogue):
    (event,) = events(read_archive(archive, catalogue(("23:10:00", "P", "AAA"))))
    sent = pickle.loads(pickle.dumps(event))
    assert_true(sent)
    before = event.reader.fingerprint(event)
    assert sent.reader.fingerprint(sent) == before
    write_day(archive, "AAA", "HHZ", START, "2021-03-04T23:30:00Z")
    assert event.reader.fingerprint(event) != before


def test_a_file_that_is_gone_is_named_when_it_is_read(archive, catalogue):
    (event,) = events(read_archive(archive, catalogue(("23:10:00", "P", "AAA"))))
    event.reader.files[0].unlink()
    with pytest.raises(WaveformError, match=r"HHE\.D\.2021\.063: no such file"):
        event.reader.read(event, 0)


@pytest.mark.shared_data
@pytest.mark.skipif(
    not SDS.is_dir(), reason="archive not found: shared/data/sds beside the checkout"
)
def test_a_real_archive_gives_events_and_noise(tmp_path):
    path = tmp_path / "picks.csv"
    path.write_text(
        "time,phase,network,station\n"
        "2020-05-02T20:50:00Z,P,ML,ML02\n"
        "2020-05-02T21:40:00Z,P,ML,ML02\n"
        "2019-07-07T08:20:00Z,P,PB,B916\n"
    )
    collection = read_archive(SDS, path)
    assert [(s.station, s.label) for s in collection.spans] == [
        ("ML.ML02", "earthquake"),
        ("ML.ML02", "earthquake"),
        ("PB.B916", "earthquake"),
        ("ML.ML02", "noise"),
        ("ML.ML02", "noise"),
        ("PB.B916", "noise"),
    ]
    assert [e.what for e in collection.excluded] == ["UT.STN12..BH?"]
    for span in collection.spans:
        stretch = span.reader.read(span, 0)
        assert all(stretch.channel_set.segments[c] for c in "ZNE")
        assert (stretch.start_ns, stretch.end_ns) == (span.start_ns, span.end_ns)


def test_spans_of_an_archive_become_examples_with_margins_for_events_alone(tmp_path, catalogue):
    rng = np.random.default_rng(0)
    for code in COMPONENTS:
        for start, end in ((START, MIDNIGHT), (MIDNIGHT, END)):
            samples = rng.integers(-1000, 1000, 7200 * RATE_HZ).astype(np.int32)
            write_day(tmp_path / "sds", "AAA", f"HH{code}", start, end, samples=samples)
    collection = read_archive(tmp_path / "sds", catalogue(("23:59:58", "P", "AAA")))
    preprocessing = Preprocessing(sampling_rate_hz=10.0, window_s=60.0, band_hz=(0.7, 4.0))
    examples, excluded = decode(collection.spans, LabelSet(("earthquake", "noise")), preprocessing)
    assert not excluded
    assert [e.samples.shape for e in examples] == [(3, (60 + 60 + 60) * 10), (3, 180 * 10)]
    assert [e.onset for e in examples] == [(60 + 15) * 10, None]
