"""`quake.predict`: what it takes, the sequence it returns, and its tables."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import obspy
import pytest
from strategies import noise, stream, write

import quake
from quake.errors import ModelError, ParameterError, WaveformError
from quake.inference.records import WindowRecord
from quake.results import Records
from quake.waveforms.times import parse_time

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"
STARTS = [
    "2008-02-05T06:38:45.670000Z",
    "2008-02-05T06:39:00.000000Z",
    "2008-02-05T06:39:15.680000Z",
]


@pytest.fixture(scope="module")
def records():
    return quake.predict(RECORD)


def window(**changes):
    values = {
        "id": "XX.STA..HH?",
        "start": "2020-01-01T00:00:00.000000Z",
        "end": "2020-01-01T00:01:00.000000Z",
        "label": None,
        "status": "no_data",
        "probabilities": {},
        "coverage": 0.25,
        "components": "Z",
        "sampling_rate_hz": 100.0,
        "flags": ("gap:Z",),
        "model": "589a6ed490a9",
    }
    return WindowRecord(**{**values, **changes})


def test_records_are_a_sequence(records):
    assert len(records) == 3
    assert [record.start for record in records] == STARTS
    assert records[0].label == records[-1].label == "earthquake"
    assert [record.start for record in records[1:]] == STARTS[1:]
    assert records[1] in records


def test_what_a_stream_a_path_and_a_folder_give_is_the_same(records, tmp_path):
    whole = obspy.read(str(RECORD))
    (tmp_path / "archive").mkdir()
    whole.write(str(tmp_path / "archive" / "a.mseed"), format="MSEED")
    for waveforms in (
        whole,
        str(RECORD),
        [RECORD],
        tmp_path / "archive",
        str(tmp_path / "archive" / "*.mseed"),
    ):
        assert quake.predict(waveforms) == records


def test_a_stream_is_not_changed():
    whole = obspy.read(str(RECORD))
    before = whole.copy()
    quake.predict(whole)
    assert whole == before
    assert all(a.data.dtype == b.data.dtype for a, b in zip(whole, before, strict=True))


def test_a_trace_alone_is_taken():
    (vertical,) = obspy.read(str(RECORD)).select(component="Z")
    assert {record.components for record in quake.predict(vertical)} == {"Z"}


def test_options_reach_the_windows():
    starts = [record.start for record in quake.predict(RECORD, overlap=0.75)]
    assert starts == [STARTS[0], STARTS[1], "2008-02-05T06:39:15.000000Z", STARTS[2]]
    assert {r.status for r in quake.predict(RECORD, thresholds={"": 1.0})} == {"uncertain"}
    with pytest.raises(ParameterError, match="overlap must be at least 0 and below 1"):
        quake.predict(RECORD, overlap=1)


def test_the_summary_adds_up(records):
    summary = records.summary
    assert (summary.windows, summary.labels) == ({"ok": 3}, {"earthquake": 3})
    assert summary.input_s == pytest.approx(90.01, abs=0.01)
    assert summary.scored_s == pytest.approx(summary.input_s)


def test_the_arrow_table_has_the_columns_of_parquet_files(records):
    table = records.to_arrow()
    assert table.schema.names == [
        *("id", "start", "end", "label", "status"),
        *("p_earthquake", "p_surface_event", "p_noise"),
        *("coverage", "components", "sampling_rate_hz", "flags", "model"),
    ]
    starts = table["start"].cast("int64").to_pylist()
    assert starts == [parse_time(text) // 1000 for text in STARTS]
    assert table["p_noise"].to_pylist() == [r.probabilities["noise"] for r in records]


def test_what_is_missing_is_null_in_tables():
    (row,) = Records([window()], ("earthquake", "noise")).to_arrow().to_pylist()
    assert (row["label"], row["p_earthquake"], row["p_noise"]) == (None, None, None)
    assert row["flags"] == ["gap:Z"]


def test_no_records_are_a_table_too():
    table = Records([], ("earthquake", "noise")).to_arrow()
    assert table.num_rows == 0
    assert "p_earthquake" in table.schema.names


def test_pandas_and_polars_have_what_arrow_has(records):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame, other = records.to_pandas(), records.to_polars()
    assert isinstance(frame, pandas.DataFrame)
    assert isinstance(other, polars.DataFrame)
    assert list(frame.columns) == other.columns == records.to_arrow().schema.names
    assert str(frame.start[0]) == "2008-02-05 06:38:45.670000+00:00"
    assert frame.p_earthquake.to_list() == other["p_earthquake"].to_list()


def test_without_pandas_the_error_says_what_to_install(records, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ParameterError, match="pip install pandas"):
        records.to_pandas()


def test_the_text_of_records_says_what_is_in_them(records):
    assert repr(records) == "<3 windows of 1 channel set: 3 earthquake>"
    assert repr(Records([], ("a", "b"))) == "<0 windows of 0 channel sets>"


def test_nothing_usable_is_an_error_that_names_the_inputs(tmp_path):
    (tmp_path / "text.mseed").write_text("no waveform")
    with pytest.raises(WaveformError, match=r"nothing of the input can be used: .*text\.mseed"):
        quake.predict(tmp_path / "text.mseed")
    with pytest.raises(WaveformError, match="no such file"):
        quake.predict("nowhere.mseed")
    with pytest.raises(WaveformError, match="no trace can be used"):
        quake.predict(obspy.Stream())


def test_a_part_that_cannot_be_used_is_told(tmp_path, caplog):
    (tmp_path / "text.mseed").write_text("no waveform")
    found = quake.predict([RECORD, tmp_path / "text.mseed"])
    assert len(found) == 3
    (problem,) = found.problems
    assert "text.mseed" in problem.source
    assert "text.mseed" in caplog.text


def test_a_record_without_enough_data_is_no_data_and_no_error(tmp_path):
    rows = np.zeros((3, 6000), np.int32)
    (found,) = quake.predict(write(tmp_path / "dead.mseed", stream(rows)))
    assert (found.status, found.label) == ("no_data", None)


def test_a_model_that_changes_is_read_again(tmp_path, model_path):
    path = tmp_path / "mine.safetensors"
    bundled = ROOT / "quake" / "bundled" / "b0.safetensors"
    quiet = stream(noise(6000).astype(np.int32))
    hashes = []
    for source in (model_path, bundled):
        path.write_bytes(source.read_bytes())
        hashes.append(quake.predict(quiet, model=path)[0].model)
    assert hashes[0] != hashes[1]


def test_a_model_that_is_not_there_is_an_error():
    with pytest.raises(ModelError, match="neither a file nor the name of a model"):
        quake.predict(RECORD, model="nobody")


def test_import_quake_loads_none_of_it():
    program = (
        "import sys, quake; print([m for m in ('numpy', 'pyarrow', 'obspy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("waveforms", [5, None, b"a.mseed", [5]])
def test_what_is_no_waveforms_is_refused_with_what_was_expected(waveforms):
    with pytest.raises(ParameterError, match=r"an ObsPy stream or trace, a path, .* was expected"):
        quake.predict(waveforms)


def test_an_empty_list_of_waveforms_is_refused():
    with pytest.raises(ParameterError, match="no waveforms were given"):
        quake.predict([])
