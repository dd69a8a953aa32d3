"""Formats of a store: they agree with each other, with the documentation and with other readers."""

import csv
import re
from pathlib import Path

import duckdb
import obspy
import pytest
from pyarrow import parquet
from stores import ALL_FORMATS, DATES, FOLDERS, assert_status, read_json_lines, records, tree

from quake.waveforms.times import NS_PER_S, parse_time

CLASSES = ("earthquake", "surface_event", "noise")
OUTPUT_PAGE = Path(__file__).resolve().parents[2] / "docs" / "output.md"


@pytest.fixture(scope="module")
def store(predict, archive, tmp_path_factory):
    """Store of the archive in all formats of windows."""
    folder = tmp_path_factory.mktemp("formats") / "store"
    assert_status(predict("--sds", archive, "--output", folder, *ALL_FORMATS, "-f", "mseed"), 0)
    return folder


def table_of(folder):
    """A Parquet file as a list of rows like the JSON lines: times as text, classes together."""
    rows = parquet.ParquetFile(folder / "windows.parquet").read().to_pylist()
    for row in rows:
        for name in ("start", "end"):
            row[name] = row[name].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        row["probabilities"] = {name: row.pop(f"p_{name}") for name in CLASSES}
    return rows


@pytest.mark.parametrize("folder", FOLDERS)
def test_parquet_says_what_json_lines_say(store, folder):
    rows = read_json_lines(store / folder / "windows.jsonl")
    assert table_of(store / folder) == rows


@pytest.mark.parametrize("folder", FOLDERS)
def test_csv_says_what_json_lines_say(store, folder):
    rows = read_json_lines(store / folder / "windows.jsonl")
    with (store / folder / "windows.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    for row, cell in zip(rows, cells, strict=True):
        assert {name: float(cell[f"p_{name}"]) for name in CLASSES} == row["probabilities"]
        assert cell["flags"] == ";".join(row["flags"])
        for name in ("id", "start", "end", "label", "status", "components", "model"):
            assert cell[name] == row[name]
        for name in ("coverage", "sampling_rate_hz"):
            assert float(cell[name]) == row[name]


@pytest.mark.parametrize("folder", FOLDERS)
def test_traces_say_what_json_lines_say(store, folder):
    rows = read_json_lines(store / folder / "windows.jsonl")
    found = {}
    for trace in obspy.read(str(store / folder / "windows.mseed")):
        assert trace.stats.delta == 30
        for number, value in enumerate(trace.data):
            time_ns = trace.stats.starttime.ns + number * 30 * NS_PER_S
            found[trace.stats.channel, time_ns] = float(value)
    # A sample lies in the middle of its window.
    wanted = {
        (f"HH{code}", parse_time(row["start"]) + 30 * NS_PER_S): row["probabilities"][name]
        for row in rows
        for name, code in zip(CLASSES, "HSO", strict=True)
    }
    assert found == pytest.approx(wanted, abs=1e-7)


def test_traces_have_the_codes_of_the_data(store):
    names = {
        (trace.stats.network, trace.stats.station, trace.stats.location, trace.stats.channel[:2])
        for trace in obspy.read(str(store / FOLDERS[3] / "windows.mseed"))
    }
    assert names == {("XX", "BETA", "00", "HH")}


def test_asking_for_one_format_writes_that_one_alone(predict, archive, store, tmp_path):
    other = tmp_path / "one"
    assert_status(predict("--sds", archive, "--output", other, "--format", "csv"), 0)
    whole = tree(store)
    found = {n: c for n, c in tree(other).items() if n.startswith("windows/") and c is not None}
    assert {name.rpartition("/")[2] for name in found} == {"windows.csv"}
    assert all(whole[name] == content for name, content in found.items())


def test_parquet_is_what_a_store_takes_by_default(predict, archive, tmp_path):
    other = tmp_path / "default"
    assert_status(predict("--sds", archive, "--output", other, "--station", "ALFA"), 0)
    assert {path.name for path in other.rglob("windows.*")} == {"windows.parquet"}


def test_a_table_is_not_for_stores(predict, archive, tmp_path):
    other = tmp_path / "table"
    assert_status(predict("--sds", archive, "--output", f"{other}/", "--format", "table"), 2)
    assert not other.exists()


@pytest.mark.parametrize("name", ["folder", "folder.d/", "a.b/c"])
def test_what_is_a_folder_by_its_name_becomes_a_store(predict, archive, tmp_path, name):
    (tmp_path / "a.b").mkdir()
    run = predict("--sds", archive, "--station", "ALFA", "--output", f"{tmp_path}/{name}")
    assert_status(run, 0)
    assert (tmp_path / name / FOLDERS[0] / "windows.parquet").exists()


def test_a_suffix_makes_it_a_file(predict, archive, tmp_path, expected):
    path = tmp_path / "all.jsonl"
    assert_status(predict("--sds", archive, "--output", path), 0)
    assert path.read_text().splitlines() == expected


# --- Parquet ------------------------------------------------------------------------------


def documented_columns():
    """Columns of the page on output: name, type and whether it may be null, in its order."""
    section = OUTPUT_PAGE.read_text().split("### Parquet")[1].split("### ")[0]
    for row in re.findall(r"^\| (`.*) \| (.*) \| (.*) \|$", section, re.MULTILINE):
        for name in re.findall(r"`([^`]*)`", row[0]):
            names = [f"p_{c}" for c in CLASSES] if name == "p_<class>" else [name]
            yield from ((n, row[1], row[2] != "no") for n in names)


def test_the_schema_is_the_documented_one(store):
    types = {
        "string": "string",
        "timestamp[us, tz=UTC]": "timestamp, microseconds, UTC",
        "double": "double",
        "list<element: string>": "list of string",
    }
    schema = parquet.read_schema(store / FOLDERS[0] / "windows.parquet")
    found = [(field.name, types[str(field.type)], field.nullable) for field in schema]
    assert found == list(documented_columns())
    assert schema.metadata[b"quake_schema"] == b"1"


def test_all_files_have_the_same_schema(store):
    schemas = {str(parquet.read_schema(path)) for path in store.rglob("*.parquet")}
    assert len(schemas) == 1


def test_duckdb_finds_columns_in_the_names_of_the_folders(store):
    query = (
        "SELECT network, station, channels, date, count(*) FROM "
        f"read_parquet('{store}/windows/**/*.parquet', hive_partitioning = true) "
        "GROUP BY ALL ORDER BY ALL"
    )
    with duckdb.connect() as connection:
        rows = connection.execute(query).fetchall()
    stations = (("ALFA", ".HH"), ("BETA", "00.HH"))
    assert [(n, s, c, str(d), k) for n, s, c, d, k in rows] == [
        ("XX", station, channels, date, n_windows)
        for station, channels in stations
        for date, n_windows in zip(DATES, (8, 15, 7), strict=True)
    ]


def test_duckdb_reads_the_rows_of_the_json_lines(store):
    query = (
        "SELECT id, epoch_us(start), label, p_noise, len(flags) FROM "
        f"read_parquet('{store}/windows/**/*.parquet', hive_partitioning = true) "
        "WHERE date >= '2021-03-04' ORDER BY id, start"
    )
    with duckdb.connect() as connection:
        rows = connection.execute(query).fetchall()
    assert rows == [
        (
            r["id"],
            parse_time(r["start"]) // 1000,
            r["label"],
            r["probabilities"]["noise"],
            len(r["flags"]),
        )
        for r in records(store)
        if r["start"] >= "2021-03-04"
    ]


def test_pandas_reads_the_folder_of_a_store_with_parquet_alone(predict, archive, tmp_path):
    import pandas

    other = tmp_path / "parquet"
    assert_status(predict("--sds", archive, "--output", other), 0)
    table = pandas.read_parquet(other / "windows")
    assert len(table) == 60
    assert set(table["station"]) == {"ALFA", "BETA"}
