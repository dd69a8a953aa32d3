"""Events as CSV, JSON lines and Parquet: read back by others, they are the same."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_builders import event

from quake.errors import ParameterError
from quake.output.events import FORMATS, event_schema, write_events

EVENTS = [
    event(0, 90, p=0.989324, n_windows=2, keys=("BK.MHC..BH?", "IU.ANMO.00.BH?")),
    event(30, label='quarry "blast", séisme', p=1.0),
]


def written(name, events, **options):
    file = io.BytesIO()
    write_events(file, name, events, **options)
    return file.getvalue()


def test_csv_has_a_header_and_a_row_an_event():
    data = written("csv", EVENTS[:1])
    assert data.decode("utf-8") == (
        "id,label,start,end,peak_time,peak_probability,n_windows,channel_sets,model\n"
        f"{EVENTS[0].id},earthquake,2020-05-02T20:00:00.000000Z,2020-05-02T20:01:30.000000Z,"
        "2020-05-02T20:00:30.000000Z,0.989324,2,BK.MHC..BH?;IU.ANMO.00.BH?,589a6ed490a9\n"
    )


def test_csv_of_any_class_is_read_back():
    rows = list(csv.DictReader(io.StringIO(written("csv", EVENTS).decode("utf-8"))))
    assert [row["label"] for row in rows] == [e.label for e in EVENTS]
    assert [tuple(row["channel_sets"].split(";")) for row in rows] == [
        e.channel_sets for e in EVENTS
    ]


def test_json_lines_are_the_rows():
    lines = written("jsonl", EVENTS).splitlines()
    assert [json.loads(line) for line in lines] == [e.to_dict() for e in EVENTS]


def test_json_has_no_number_that_is_none():
    with pytest.raises(ValueError, match="JSON"):
        written("jsonl", [event(0, p=float("nan"))])


def test_parquet_has_the_documented_types():
    table = pq.read_table(io.BytesIO(written("parquet", EVENTS)))
    assert table.schema.equals(
        pa.schema(
            [
                ("id", pa.string()),
                ("label", pa.string()),
                ("start", pa.timestamp("us", tz="UTC")),
                ("end", pa.timestamp("us", tz="UTC")),
                ("peak_time", pa.timestamp("us", tz="UTC")),
                ("peak_probability", pa.float64()),
                ("n_windows", pa.int64()),
                ("channel_sets", pa.list_(pa.string())),
                ("model", pa.string()),
            ]
        )
    )
    assert not table.schema.metadata


def test_parquet_holds_what_was_written():
    rows = pq.read_table(io.BytesIO(written("parquet", EVENTS))).to_pylist()
    for row in rows:
        for name in ("start", "end", "peak_time"):
            row[name] = row[name].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert rows == [e.to_dict() for e in EVENTS]


def test_no_events_are_a_table_without_rows():
    assert written("csv", []).decode().count("\n") == 1
    assert written("jsonl", []) == b""
    table = pq.read_table(io.BytesIO(written("parquet", [])))
    assert table.num_rows == 0
    assert table.schema.equals(event_schema())


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_events_give_the_same_bytes(name):
    assert written(name, EVENTS, dated=False) == written(name, list(EVENTS), dated=False)


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_stays_open(name):
    file = io.BytesIO()
    write_events(file, name, EVENTS)
    assert not file.closed


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(ParameterError, match="'xlsx'; known formats are csv, jsonl, parquet"):
        written("xlsx", EVENTS)
