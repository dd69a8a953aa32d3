"""Stores of what an FDSN server has: the same as of the archive, politely, and resumable."""

import json

import pytest
from fdsn_server import serving
from stores import ALFA, STRETCHES, assert_status, differences, records, results

TIMES = ("--start", "2021-03-03", "--end", "2021-03-06")
LINES = ("--format", "jsonl")


@pytest.fixture
def server():
    with serving(trace for stretch in STRETCHES for trace in stretch.traces()) as running:
        yield running


@pytest.fixture
def alfa():
    with serving(trace for stretch in ALFA for trace in stretch.traces()) as running:
        yield running


def days_of(server):
    """Days that were asked for, in order."""
    return [str(request.times[0])[:10] for request in server.asked()]


def journal(store, kind):
    lines = (store / "_quake" / "journal.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry["kind"] == kind]


def test_a_store_of_a_server_is_that_of_the_archive(predict, server, archive, tmp_path):
    """The server's StationXML says what the archive's codes say."""
    assert_status(predict(archive, "--output", tmp_path / "archive", "--events", *LINES), 0)
    uri = server.uri("XX.*.*.HH?")
    run = predict(uri, *TIMES, "--output", tmp_path / "server", "--events", *LINES)
    assert_status(run, 0)
    assert results(tmp_path / "archive").keys() == results(tmp_path / "server").keys()
    assert records(tmp_path / "archive") == records(tmp_path / "server")
    assert records(tmp_path / "server")
    assert "2 of them without data" in run.summary  # the day after the last one


def test_a_server_is_asked_once_and_for_one_thing_at_a_time(predict, server, tmp_path):
    uri = server.uri("XX.*.*.HH?")
    assert_status(predict(uri, *TIMES, "--output", tmp_path / "s", "--workers", "2"), 0)
    asked = [(r.query["station"], r.query["starttime"]) for r in server.asked()]
    assert len(asked) == len(set(asked)) == 2 * 4  # of two stations, three days and the one after
    assert server.most_at_once == 1


def test_the_same_command_asks_for_no_day_again(predict, alfa, tmp_path):
    command = (alfa.uri("XX.ALFA..HH?"), *TIMES, "--output", tmp_path / "s")
    first = predict(*command)
    n_asked = len(alfa.asked())
    before = results(tmp_path / "s")
    again = predict(*command)
    assert_status(again, 0)
    assert len(alfa.asked()) == n_asked == 4
    assert "3 station-days: 0 done, 3 done before" in again.summary
    assert results(tmp_path / "s") == before
    assert first.seconds == again.seconds


def test_an_interrupted_run_goes_on_with_the_days_that_are_missing(predict, alfa, tmp_path):
    command = (alfa.uri("XX.ALFA..HH?"), *LINES, "--output", tmp_path / "s")
    assert_status(predict(*command, "--start", "2021-03-03", "--end", "2021-03-04"), 0)
    assert days_of(alfa) == ["2021-03-03", "2021-03-04"]
    assert_status(predict(*command, *TIMES), 0)
    # One was not classified, and its copy went with the run.
    assert days_of(alfa)[2:] == ["2021-03-05", "2021-03-06", "2021-03-03", "2021-03-04"]
    assert_status(predict(*command[:-1], tmp_path / "whole", *TIMES), 0)
    assert records(tmp_path / "s") == records(tmp_path / "whole")


def test_days_of_other_stations_are_other_days(predict, server, tmp_path):
    """What the journal knows beside what is named now is taken along, station by station."""
    uri, whole = server.uri("XX.*.*.HH?"), tmp_path / "whole"
    assert_status(predict(uri, *TIMES, *LINES, "--output", whole), 0)
    store = ("--output", tmp_path / "s", *LINES)
    first = ("--start", "2021-03-03", "--end", "2021-03-04")
    assert_status(predict(uri, *first, *store), 0)
    assert_status(predict(server.uri("XX.ALFA..HH?"), *TIMES, *store), 0)
    assert_status(predict(server.uri("XX.BETA.00.HH?"), *TIMES, *store), 0)
    assert records(tmp_path / "s") == records(whole)


def test_a_day_that_could_not_be_had_is_asked_for_again(predict, alfa, tmp_path, monkeypatch):
    monkeypatch.setattr("quake.inputs.transfer.Patience.pause_s", 0.0)
    command = (alfa.uri("XX.ALFA..HH?"), *TIMES, "--output", tmp_path / "s")
    alfa.faults += [None, 403]
    failed = predict(*command)
    assert_status(failed, 1)
    (error,) = failed.errors
    assert "2021-03-04" in error
    assert "403" in error
    n_asked = len(alfa.asked())
    mended = predict(*command)
    assert_status(mended, 0)
    assert days_of(alfa)[n_asked] == "2021-03-04"
    assert_status(predict(*command[:-1], tmp_path / "whole"), 0)
    assert differences(results(tmp_path / "s"), results(tmp_path / "whole")) == []


def test_journal_and_spans_name_uris_with_tags(predict, alfa, tmp_path):
    uri = alfa.uri("XX.ALFA..HH?")
    assert_status(predict(uri, *TIMES, "--output", tmp_path / "s"), 0)
    by_path = {entry["path"]: entry for entry in journal(tmp_path / "s", "file")}
    day = by_path[f"fdsn://{alfa.node}/XX.ALFA..HH?/2021-03-04"]
    assert day["size"] > 0
    assert day["etag"] == day["content"]
    empty = by_path[f"fdsn://{alfa.node}/XX.ALFA..HH?/2021-03-06"]
    assert (empty["size"], empty["spans"], empty["problems"]) == (0, [], [])
    assert [kind for kind, *_ in empty["remarks"]] == ["no_data"]


def test_a_server_without_any_data_is_told(predict, alfa, tmp_path):
    times = ("--start", "2021-03-10", "--end", "2021-03-11")
    alfa.has_stations = False
    run = predict(alfa.uri("XX.ALFA..HH?"), *times, "--output", tmp_path / "s")
    assert run.status == 2
    assert "a store is not begun without them" in run.err
    with serving(alfa.traces) as other:
        other.channels = lambda query: {trace.id: [trace] for trace in alfa.traces}
        run = predict(other.uri("XX.ALFA..HH?"), *times, "--output", tmp_path / "other")
    assert run.status == 3
    assert "the server has no data of these channels and times" in run.err


def test_sensors_are_turned_as_the_server_says(predict, alfa, tmp_path):
    alfa.azimuth_deg = 30.0
    times = ("--start", "2021-03-04", "--end", "2021-03-05")
    uri = alfa.uri("XX.ALFA..HH?")
    assert_status(predict(uri, *times, *LINES, "--output", tmp_path / "turned"), 0)
    alfa.azimuth_deg = 0.0
    assert_status(predict(uri, *times, *LINES, "--output", tmp_path / "as_named"), 0)
    turned, as_named = records(tmp_path / "turned"), records(tmp_path / "as_named")
    assert [record["start"] for record in turned] == [record["start"] for record in as_named]
    assert turned != as_named


def test_a_store_with_what_servers_say_goes_on_when_they_say_more(predict, server, tmp_path):
    times = ("--start", "2021-03-04", "--end", "2021-03-05")
    for channels in ("XX.ALFA..HH?", "XX.*.*.HH?"):
        run = predict(server.uri(channels), *times, "--output", tmp_path / "s")
        assert_status(run, 0)
    run = predict(server.uri("XX.*.*.HH?"), *times, "--output", tmp_path / "s")
    assert "0 done, 2 done before" in run.summary


def test_onto_standard_output_no_more_is_asked_for_than_is_wanted(predict, alfa):
    times = ("--start", "2021-03-03T23:58", "--end", "2021-03-04T00:02")
    run = predict(alfa.uri("XX.ALFA..HH?"), *times, "--format", "jsonl")
    assert_status(run, 0)
    found = [json.loads(line) for line in run.out.splitlines()]
    assert found[0]["start"] == "2021-03-03T23:58:00.000000Z"
    assert found[-1]["end"] == "2021-03-04T00:02:00.000000Z"
    assert [str(t) for r in alfa.asked() for t in r.times] == [
        "2021-03-03T23:58:00.000000Z",
        "2021-03-04T00:00:00.000000Z",
        "2021-03-04T00:00:00.000000Z",
        "2021-03-04T00:02:00.000000Z",
    ]


def test_stations_that_cannot_be_had_cost_a_warning_on_standard_output(predict, alfa):
    times = ("--start", "2021-03-04", "--end", "2021-03-04T00:02")
    alfa.has_stations = False
    run = predict(alfa.uri("XX.ALFA..HH?"), *times, "--format", "jsonl")
    assert_status(run, 0)
    assert "components are taken to be what they are named" in run.err
