"""Events as CSV, JSON lines and Parquet: read back by others, they are the same."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from event_builders import event

from quake.errors import ParameterError
from quake.output.events import FORMATS, columns, event_schema, write_events
from quake.stations.travel_times import Site

EVENTS = [
    event(0, 90, p=0.989324, keys=("BK.MHC..BH?", "IU.ANMO.00.BH?"), flags=("gap", "resampled")),
    event(30, label='quarry "blast", séisme', p=1.0),
]
CLASSES = ("earthquake", "surface_event", "noise")


SITES = {"BK.MHC": Site(37.34, -121.64), "IU.ANMO": Site(34.95, -106.46)}


def written(name, events, **options):
    file = io.BytesIO()
    write_events(file, name, events, **{"sites": SITES, **options})
    return file.getvalue()


def test_csv_has_a_header_and_a_row_an_event():
    data = written("csv", [event(0, 12.5, p=0.98)], classes=CLASSES).decode("utf-8")
    header, row = csv.reader(io.StringIO(data))
    assert header == columns(CLASSES)
    found = dict(zip(header, row, strict=True))
    assert found["onset"] == "2020-05-02T20:00:00.000000Z"
    assert (found["p_earthquake"], found["p_noise"], found["duration_s"]) == (
        "0.98",
        "0.01",
        "12.5",
    )
    assert (found["s_onset"], found["distance_km"], found["peak_velocity_m_s"]) == ("", "", "")
    assert json.loads(found["arrivals"])[0]["channel_set"] == "XX.STA..HH?"


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


def test_parquet_holds_what_was_written():
    (row, _) = pq.read_table(io.BytesIO(written("parquet", EVENTS))).to_pylist()
    one = EVENTS[0].to_dict()
    assert row["onset"].strftime("%Y-%m-%dT%H:%M:%S.%fZ") == one["onset"]
    assert row["s_onset"] is None
    assert row["p_earthquake"] == one["probabilities"]["earthquake"]
    assert json.loads(row["arrivals"]) == one["arrivals"]
    same = ("id", "label", "snr_db", "duration_s", "flags", "windows", "channel_sets", "model")
    assert {name: row[name] for name in same} == {name: one[name] for name in same}


def test_no_events_are_a_table_without_rows():
    assert written("csv", []).decode().count("\n") == 1
    assert written("jsonl", []) == b""
    table = pq.read_table(io.BytesIO(written("parquet", [])))
    assert table.num_rows == 0
    assert table.schema.equals(event_schema(()))


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_events_give_the_same_bytes(name):
    assert written(name, EVENTS, dated=False) == written(name, list(EVENTS), dated=False)


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_stays_open(name):
    file = io.BytesIO()
    write_events(file, name, EVENTS, sites=SITES)
    assert not file.closed


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(ParameterError, match="'xlsx'; known formats are csv, jsonl, parquet"):
        written("xlsx", EVENTS)


def test_markers_of_snuffler_are_read_by_their_fields():
    one = event(0.25, keys=("BK.MHC..BH?",))
    (head, line) = written("snuffler", [one]).decode().splitlines()
    assert head == "# Snuffler Markers File Version 0.2"
    assert line == ("phase: 2020-05-02 20:00:00.2500 0 BK.MHC..BHZ None None None P None True")


def test_labels_of_audacity_are_seconds_of_the_day():
    (line,) = written("audacity", [event(0, 90)]).decode().splitlines()
    assert line == "72000.000000\t72090.000000\tearthquake 0.90 XX.STA"


def test_tags_of_swarm_name_station_channel_network_and_location():
    (line,) = written("swarm", [event(0, keys=("IU.ANMO.00.BH?",))]).decode().splitlines()
    assert line == "2020-05-02 20:00:00,ANMO BHZ IU 00,earthquake"


def test_a_class_cannot_break_out_of_its_field():
    odd = event(0, label="a,b\tc\nd")
    assert len(written("swarm", [odd]).decode().splitlines()) == 1
    assert written("audacity", [odd]).decode().count("\t") == 2
