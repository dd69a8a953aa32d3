"""`annotate` and `classify`: called and used as those of SeisBench's models are."""

import ast
import inspect
import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import obspy
import pytest
from obspy import UTCDateTime
from strategies import noise, stream

import quake
from quake.errors import ParameterError, WaveformError
from quake.inference.records import WindowRecord
from quake.results.classification import Detection, DetectionList, Pick, PickList
from quake.results.probability_stream import probability_stream
from quake.waveforms.times import NS_PER_S, format_time, parse_time

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"
CLASSES = ("earthquake", "surface_event", "noise")
DAY_NS = parse_time("2020-01-01T00:00:00Z")


@pytest.fixture(scope="module")
def model():
    return quake.Classifier.from_pretrained("b0", threads=1)


@pytest.fixture(scope="module")
def found(model):
    return model.classify(obspy.read(str(RECORD)))


def window(start_s, p=0.5, key="XX.STA.00.HH?"):
    start_ns = DAY_NS + round(start_s * NS_PER_S)
    rest = {"surface_event": 0.0, "noise": 1 - p}
    return WindowRecord(
        id=key,
        start=format_time(start_ns),
        end=format_time(start_ns + 60 * NS_PER_S),
        label="earthquake",
        status="ok",
        probabilities={"earthquake": p, **rest},
        coverage=1.0,
        components="ZNE",
        sampling_rate_hz=100.0,
        flags=(),
        model="589a6ed490a9",
    )


def traces_of(records, hop_s=30, name="earthquake"):
    whole = probability_stream(records, CLASSES, hop_s * NS_PER_S)
    return [trace for trace in whole if trace.stats.channel.endswith(name)]


def test_a_sample_is_at_the_middle_of_its_window():
    (trace,) = traces_of([window(0, 0.25), window(30, 0.5), window(60, 0.75)])
    assert trace.stats.starttime == UTCDateTime("2020-01-01T00:00:30Z")
    assert trace.stats.delta == 30.0
    assert trace.stats.endtime == UTCDateTime("2020-01-01T00:01:30Z")
    assert trace.data.tolist() == [0.25, 0.5, 0.75]
    assert trace.data.dtype == np.float32


def test_traces_have_the_codes_of_the_data_and_the_class():
    whole = probability_stream([window(0)], CLASSES, 30 * NS_PER_S)
    assert [trace.id for trace in whole] == [f"XX.STA.00.HH_{name}" for name in CLASSES]
    assert len(whole.select(channel="*_noise")) == 1


def test_windows_without_probabilities_are_gaps():
    records = [window(0), _no_data(30), window(60), window(90)]
    first, second = traces_of(records)
    assert (first.stats.npts, second.stats.npts) == (1, 2)
    assert second.stats.starttime == UTCDateTime("2020-01-01T00:01:30Z")


def _no_data(start_s):
    return replace(window(start_s), probabilities={}, label=None, status="no_data")


def test_a_window_off_the_grid_is_a_trace_of_its_own():
    first, second = traces_of([window(0), window(30), window(34.5)])
    assert (first.stats.npts, second.stats.npts) == (2, 1)
    assert second.stats.starttime == UTCDateTime("2020-01-01T00:01:04.5Z")


def test_a_month_of_steps_ends_when_it_should():
    n_windows = 31 * 2880
    trace = traces_of([window(0), window(30)])[0]
    trace.data = np.zeros(n_windows, np.float32)
    assert trace.stats.endtime - trace.stats.starttime == pytest.approx((n_windows - 1) * 30)


def test_annotate_says_what_the_windows_say(model):
    whole = obspy.read(str(RECORD))
    before = whole.copy()
    annotations = model.annotate(whole, overlap=0.9)
    assert whole == before
    records = model.records(RECORD, overlap=0.9)
    sampled = {
        str(trace.stats.starttime + i * trace.stats.delta): value
        for trace in annotations.select(channel="BH_earthquake")
        for i, value in enumerate(trace.data)
    }
    assert len(sampled) == len(records)
    for record in records:
        middle = UTCDateTime(record.start) + 30
        assert sampled[str(middle)] == pytest.approx(record.probabilities["earthquake"])
    (grid,) = [t for t in annotations.select(channel="BH_earthquake") if t.stats.npts > 1]
    assert grid.stats.sampling_rate == pytest.approx(1 / 6)


def test_classify_finds_the_event_with_its_p_and_s(found, model):
    (event,) = found.events
    assert event.label == "earthquake"
    p_of_the_analyst = UTCDateTime("2008-02-05T06:39:15.67Z")
    first, second = found.picks
    assert (first.phase, second.phase) == ("P", "S")
    assert abs(first.peak_time - p_of_the_analyst) < 1.0
    assert first.start_time <= first.peak_time <= first.end_time
    assert first.trace_id == "BK.MHC."
    assert second.peak_time > first.peak_time
    (detection,) = found.detections
    assert (detection.label, detection.trace_id) == ("earthquake", "BK.MHC.")
    assert detection.start_time == first.peak_time
    assert detection.peak_value == event.probability > 0.9
    assert found.creator == f"quake {model.hash}"
    assert len(found.records) == 3


def test_events_are_those_of_the_program(found, tmp_path):
    from quake_cli.app import main

    path = tmp_path / "events.jsonl"
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(RECORD), "--events", "--output", str(path), "--quiet"])
    assert ended.value.code == 0
    assert [event.to_dict() for event in found.events] == [
        json.loads(line) for line in path.read_text().splitlines()
    ]


def test_event_options_are_those_of_the_program(model):
    assert len(model.classify(RECORD, event_thresholds={"earthquake": 1.0}).events) == 0
    assert len(model.classify(RECORD, min_stations=2).events) == 0
    with pytest.raises(ParameterError, match="min_stations must be 1 or more"):
        model.classify(RECORD, min_stations=0)


def test_noise_has_no_events(model):
    quiet = model.classify(stream(noise(12_000).astype(np.int32)))
    assert (len(quiet.events), len(quiet.picks), len(quiet.detections)) == (0, 0, 0)
    assert quiet.picks.to_dataframe().empty


def test_events_are_a_table_with_the_columns_of_parquet_files(found):
    from quake.output.events import columns

    table = found.events.to_arrow()
    assert table.schema.names == columns(CLASSES)
    assert table["label"].to_pylist() == ["earthquake"]


def test_an_inventory_gives_metres_per_second(model, tmp_path):
    from obspy.core.inventory import Channel as ObsPyChannel
    from obspy.core.inventory import Inventory, Network, Station
    from obspy.core.inventory.response import InstrumentSensitivity, Response

    channels = [
        ObsPyChannel(
            code=f"BH{c}",
            location_code="",
            latitude=37.34,
            longitude=-121.64,
            elevation=1250,
            depth=0,
            azimuth=azimuth,
            dip=dip,
            sample_rate=100,
            response=Response(
                instrument_sensitivity=InstrumentSensitivity(2e9, 1.0, "M/S", "COUNTS")
            ),
        )
        for c, azimuth, dip in (("Z", 0, -90), ("N", 0, 0), ("E", 90, 0))
    ]
    station = Station("MHC", 37.34, -121.64, 1250, channels=channels)
    path = tmp_path / "station.xml"
    Inventory([Network("BK", [station])], source="test").write(str(path), format="STATIONXML")
    (event,) = model.classify(RECORD, inventory=path).events
    assert event.peak_velocity_m_s == pytest.approx(event.peak_amplitude / 2e9, rel=1e-3)


def pick(seconds, value=0.5, phase="P", trace_id="XX.STA."):
    time = UTCDateTime(seconds)
    return Pick(trace_id, time, time, time, value, phase)


def test_picks_are_selected_as_in_seisbench():
    picks = PickList([pick(0), pick(1, 0.9), pick(2, None, "S"), pick(3, trace_id="YY.STB.")])
    assert len(picks.select(phase="P")) == 3
    assert [p.peak_value for p in picks.select(min_confidence=0.6)] == [0.9]
    assert len(picks.select(trace_id=r"XX\..*")) == 3
    detections = DetectionList([Detection("XX.STA.", UTCDateTime(0), UTCDateTime(1), 0.5, "noise")])
    assert len(detections.select(min_confidence=0.6)) == 0


def seisbench_lists():
    """The same picks and detections as SeisBench holds them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("seisbench.util", reason="SeisBench is not installed")


@pytest.fixture
def seisbench(monkeypatch, tmp_path):
    monkeypatch.setenv("SEISBENCH_CACHE_ROOT", str(tmp_path))
    return seisbench_lists()


def test_picks_can_be_used_where_those_of_seisbench_are(seisbench, found):
    theirs = seisbench.PickList(
        seisbench.Pick(p.trace_id, p.start_time, p.end_time, p.peak_time, p.peak_value, p.phase)
        for p in found.picks
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SeisBench uses parts of pandas that will go
        other = theirs.to_dataframe()
    ours = found.picks.to_dataframe()
    for column in ("station", "time", "start_time", "end_time", "phase"):
        assert ours[column].to_list() == other[column].to_list()
    assert set(ours.columns) <= set(other.columns)
    wanted = {name for name in vars(theirs[0]) if not name.startswith("polarity")}
    assert wanted <= set(Pick.__dataclass_fields__)


def test_methods_are_called_as_those_of_seisbench_are(seisbench):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from seisbench.models import WaveformModel

    for name in ("annotate", "classify"):
        theirs = list(inspect.signature(getattr(WaveformModel, name)).parameters)
        ours = list(inspect.signature(getattr(quake.Classifier, name)).parameters)
        assert theirs[:2] == ours[:2] == ["self", "stream"]
    assert callable(WaveformModel.from_pretrained)


def test_the_page_shows_programs_that_differ_in_the_line_of_the_model_and_its_import():
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    (theirs,) = [block for block in blocks if "seisbench.models" in block]
    (ours,) = [
        block for block in blocks if "Classifier.from_pretrained" in block and "annotate" in block
    ]
    differing = [
        (a, b) for a, b in zip(theirs.splitlines(), ours.splitlines(), strict=True) if a != b
    ]
    assert len(differing) == 2
    assert ast.parse(theirs)
    assert all("import" in a or "from_pretrained" in a for a, _ in differing)


@pytest.mark.parametrize("call", ["annotate", "classify"])
def test_a_file_that_is_not_there_is_refused_as_predict_refuses_it(model, call, tmp_path):
    missing = tmp_path / "nosuch"
    with pytest.raises(WaveformError) as of_predict:
        quake.predict(missing)
    with pytest.raises(WaveformError) as found:
        getattr(model, call)(missing)
    assert str(found.value) == str(of_predict.value)
    assert f"{missing}: no such file or folder" in str(found.value)


def test_a_missing_file_beside_a_good_one_is_told_in_the_log(model, caplog):
    assert model.annotate([RECORD, "nosuch"])
    assert "nosuch: no such file or folder" in caplog.text


def test_thresholds_of_events_of_an_unknown_class_are_refused(model):
    with pytest.raises(ParameterError, match="'foo'; its classes are earthquake, surface_event, n"):
        model.classify(RECORD, event_thresholds={"foo": 0.3})


def test_more_stations_than_have_onsets_are_warned_of(model, caplog):
    assert len(model.classify(RECORD, min_stations=3).events) == 0
    assert "only 1 station has onsets; --min-stations 3 needs 3" in caplog.text
