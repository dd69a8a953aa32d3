"""Formats of windows: written, read back, the same; a documented Parquet schema."""

import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quake.errors import WaveformError
from quake.inference.records import WindowRecord
from quake.output.parquet import schema
from quake.output.windows import READABLE, SUFFIXES, read_windows, windows_as_bytes
from quake.waveforms.times import format_time

CLASSES = ("earthquake", "noise")
HOP_NS = 30 * 10**9


def record(start_ns=0, status="ok", **changes):
    scored = status in ("ok", "uncertain")
    found = WindowRecord(
        id="XX.STA..HH?",
        start=format_time(start_ns),
        end=format_time(start_ns + 2 * HOP_NS),
        label="noise" if scored else None,
        status=status,
        probabilities={"earthquake": 0.25, "noise": 0.75} if scored else {},
        coverage=0.5,
        components="ZN",
        sampling_rate_hz=100.0,
        flags=("gap", "clipped:Z"),
        model="0123456789ab",
    )
    return replace(found, **changes)


EXAMPLES = [record(), record(HOP_NS, "no_data", flags=()), record(2 * HOP_NS, "rejected")]

texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0;"), max_size=8)
records = st.builds(
    record,
    st.integers(-(10**18), 4 * 10**18).map(lambda ns: ns // 1000 * 1000),
    st.sampled_from(["ok", "uncertain", "no_data", "rejected"]),
    id=texts,
    coverage=st.floats(0, 1),
    sampling_rate_hz=st.floats(0.001, 1e5),
    flags=st.lists(texts.filter(bool), max_size=3).map(tuple),
)


@pytest.mark.parametrize("name", READABLE)
@settings(deadline=None)
@given(drawn=st.lists(records, max_size=5))
def test_windows_are_read_back_as_they_were_written(tmp_path_factory, name, drawn):
    path = tmp_path_factory.mktemp("windows") / f"windows{SUFFIXES[name]}"
    path.write_bytes(windows_as_bytes(name, drawn, CLASSES, HOP_NS))
    assert read_windows(path) == drawn


@pytest.mark.parametrize("name", SUFFIXES)
def test_the_same_windows_are_the_same_bytes(name):
    assert windows_as_bytes(name, EXAMPLES, CLASSES, HOP_NS) == windows_as_bytes(
        name, EXAMPLES, CLASSES, HOP_NS
    )


def test_the_schema_of_parquet_is_the_documented_one():
    file = io.BytesIO(windows_as_bytes("parquet", EXAMPLES, CLASSES, HOP_NS))
    found = pq.read_schema(file)
    assert found.equals(schema(CLASSES))
    assert found.names == [
        *("id", "start", "end", "label", "status", "p_earthquake", "p_noise", "coverage"),
        *("components", "sampling_rate_hz", "flags", "model"),
    ]
    assert found.field("start").type == pa.timestamp("us", tz="UTC")
    assert found.metadata[b"quake_schema"] == b"1"


def test_probabilities_that_are_not_there_are_null():
    file = io.BytesIO(windows_as_bytes("parquet", EXAMPLES, CLASSES, HOP_NS))
    assert pq.read_table(file)["p_noise"].to_pylist() == [0.75, None, None]


def test_a_file_of_more_rows_than_a_group_is_whole(tmp_path):
    many = [record(k * HOP_NS) for k in range(8200)]
    path = tmp_path / "windows.parquet"
    path.write_bytes(windows_as_bytes("parquet", many, CLASSES, HOP_NS))
    assert read_windows(path) == many


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("content", [b"nonsense", b"\xff\xfe\x00", b'{"a": 1}\n'])
def test_what_quake_did_not_write_is_an_error_that_names_the_file(tmp_path, name, content):
    path = tmp_path / f"windows{SUFFIXES[name]}"
    path.write_bytes(content)
    with pytest.raises(WaveformError, match=f"{path.name}: holds no windows"):
        read_windows(path)
