"""Events in a store: what makes them, what they leave alone, and when they are made again."""

import json
import shutil

import pytest
from archives import around_midnight, write_sds
from stores import (
    ALL_FORMATS,
    FOLDERS,
    assert_same_tree,
    assert_status,
    finished,
    identities,
    read_json_lines,
    results,
    tree,
    wait_until,
)

# Onsets of the shocks of the archive, 20 and 18 s before midnight, to ten seconds.
SHOCK_START = "2021-03-03T23:59:4"

TOO_FEW = "warning: only 2 stations have onsets; --min-stations 3 needs 3"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def run(predict, archive, store):
    def go(*options, status=0):
        ended = predict("--sds", archive, "--output", store, *options)
        assert_status(ended, status)
        return ended

    return go


@pytest.fixture
def copied(undisturbed, store):
    """The undisturbed store, for a test to change."""
    shutil.copytree(undisturbed, store)
    return store


def events(store):
    """All events of a store, by date."""
    files = sorted(store.glob("events/*/events.jsonl"))
    return [event for path in files for event in read_json_lines(path)]


def event_files(store):
    return {name: content for name, content in results(store).items() if name.startswith("events")}


def window_files(store):
    return {name: content for name, content in results(store).items() if name.startswith("windows")}


def test_a_shock_at_midnight_is_one_event_of_each_station(undisturbed):
    found = [(e["channel_sets"], e["label"], e["onset"][:18]) for e in events(undisturbed)]
    assert found == [
        (["XX.ALFA..HH?"], "earthquake", SHOCK_START),
        (["XX.BETA.00.HH?"], "earthquake", SHOCK_START),
    ]


def test_an_event_that_reaches_over_midnight_lies_in_the_day_in_which_it_begins(undisturbed):
    files = {path.parent.name: path for path in undisturbed.glob("events/*/events.jsonl")}
    assert {name for name, path in files.items() if path.stat().st_size} == {"date=2021-03-03"}
    assert all(event["end"] >= "2021-03-04T00:00:00" for event in events(undisturbed))


def test_events_are_those_of_one_file_on_standard_output(predict, one_file, undisturbed):
    run = predict(one_file, "--events", "--format", "jsonl")
    assert_status(run, 0)
    assert [json.loads(line) for line in run.out.splitlines()] == events(undisturbed)


def test_events_can_be_asked_for_later(run, store, undisturbed):
    run(*ALL_FORMATS)
    assert not (store / "events").exists()
    before = identities(store)
    run(*ALL_FORMATS, "--events")
    assert identities(store) == before
    assert_same_tree(store, undisturbed)


def test_a_run_without_events_deletes_none(run, copied, undisturbed):
    run()
    assert event_files(copied) == event_files(undisturbed)


def test_other_thresholds_of_events_leave_the_windows_alone(run, copied, undisturbed):
    before = identities(copied)
    run("--events", "--format", "jsonl", "--event-threshold", "0.848")
    assert identities(copied) == before
    assert window_files(copied) == window_files(undisturbed)
    assert len(events(copied)) <= len(events(undisturbed))


def test_thresholds_there_and_back_give_the_same_events(run, copied, undisturbed):
    run(*ALL_FORMATS, "--events", "--event-threshold", "earthquake=0.83")
    run(*ALL_FORMATS, "--events", "--event-threshold", "1")
    assert events(copied) == []
    run(*ALL_FORMATS, "--events")
    assert_same_tree(copied, undisturbed)


def test_stations_that_agree_make_one_event(run, store):
    run("--events", "--min-stations", "2", "--format", "jsonl")
    (event,) = events(store)
    assert event["channel_sets"] == ["XX.ALFA..HH?", "XX.BETA.00.HH?"]
    assert event["onset"][:18] == SHOCK_START


def test_more_stations_than_there_are_make_none(run, store):
    ended = run("--events", "--min-stations", "3", "--format", "jsonl")
    assert events(store) == []
    assert TOO_FEW in ended.err


def test_more_stations_than_there_are_are_told_without_waveforms(quake, copied):
    ended = quake("events", copied, "--min-stations", "3")
    assert TOO_FEW in ended.err
    assert ended.err.splitlines()[-1].endswith(": 0 events")
    assert "--min-stations" not in quake("events", copied, "--min-stations", "2").err


def test_more_stations_than_one_file_has_are_told(predict, one_file):
    ended = predict(one_file, "--events", "--format", "jsonl", "--min-stations", "4")
    assert_status(ended, 0)
    assert ended.out == ""
    assert "only 2 stations have onsets; --min-stations 4 needs 4" in ended.err


@pytest.mark.parametrize(
    ("name", "why"),
    [("table", "a store keeps no tables"), ("mseed", "holds probabilities, not events")],
)
def test_formats_without_events_are_refused_with_the_reason(quake, copied, name, why):
    ended = quake("events", copied, "--format", name)
    assert_status(ended, 2)
    assert f"--format {name}: {why}; known formats are parquet, csv, jsonl" in ended.err


def test_one_event_is_told_as_one(quake, copied, tmp_path):
    ended = quake("events", copied, "--min-stations", "2")
    assert ended.err.splitlines()[-1].endswith(": 1 event")
    assert ", 1 event; " in quake("report", copied, "--output", tmp_path / "page.html").err


def test_quakeml_can_be_read_back(run, copied):
    import obspy

    run("--events", "--format", "quakeml")
    files = [path for path in copied.rglob("*.quakeml") if b"<event " in path.read_bytes()]
    found = [event for path in files for event in obspy.read_events(str(path))]
    assert [event.event_type for event in found] == ["earthquake"] * 2


def test_quakeml_has_the_same_bytes_every_time(run, predict, archive, store, tmp_path):
    run("--events", "--format", "quakeml")
    before = tree(store)
    run("--events", "--format", "quakeml")
    assert tree(store) == before
    other = tmp_path / "other"
    assert_status(
        predict("--sds", archive, "--output", other, "--events", "--format", "quakeml"), 0
    )
    assert tree(other) == before


def test_events_that_were_removed_are_made_again(run, copied, undisturbed):
    shutil.rmtree(copied / "events" / "date=2021-03-03")
    run("--events", *ALL_FORMATS)
    assert_same_tree(copied, undisturbed)


def test_windows_that_somebody_removed_give_no_events_and_no_error(run, copied):
    shutil.rmtree(copied / "windows" / "network=XX" / "station=ALFA")
    run(*ALL_FORMATS, "--events", "--station", "BETA")
    shutil.rmtree(copied / "onsets" / "network=XX" / "station=ALFA")
    run(*ALL_FORMATS, "--events", "--station", "BETA")
    assert [event["channel_sets"] for event in events(copied)] == [["XX.BETA.00.HH?"]]


def test_events_follow_windows_that_have_changed(predict, store, tmp_path):
    root = tmp_path / "archive"
    write_sds(root, [around_midnight("ALFA", "2021-03-04")])
    arguments = ("--sds", root, "--output", store, "--events", "--format", "jsonl")
    assert_status(predict(*arguments), 0)
    assert events(store) == []
    write_sds(root, [around_midnight("ALFA", "2021-03-04", shock_s=-20)])
    assert_status(predict(*arguments), 0)
    assert [event["onset"][:18] for event in events(store)] == [SHOCK_START]


def test_a_selection_leaves_events_of_other_stations_in_the_store(run, copied, undisturbed):
    run(*ALL_FORMATS, "--events", "--station", "BETA")
    assert event_files(copied) == event_files(undisturbed)


def test_a_kill_before_events_are_written_is_made_good(launch, archive, store, undisturbed):
    arguments = ("--sds", archive, "--output", store, "--events")
    process = launch(*arguments, *ALL_FORMATS)
    last = store / FOLDERS[-1] / "windows.parquet"
    wait_until(last.exists, process)
    process.kill()
    process.wait()
    assert_status(finished(launch(*arguments, *ALL_FORMATS)), 0)
    assert_same_tree(store, undisturbed)


def test_options_of_events_without_events_are_wrong_usage(run):
    ended = run("--event-snr", "10", status=2)
    assert "--events" in ended.errors[0]


def test_events_are_made_again_without_the_archive(quake, copied, undisturbed):
    before = identities(copied)
    assert_status(quake("events", copied, "--event-threshold", "1"), 0)
    assert events(copied) == []
    assert_status(quake("events", copied), 0)
    assert identities(copied) == before
    assert_same_tree(copied, undisturbed)


def test_a_store_without_onsets_is_told_apart(run, quake, store):
    run("--format", "jsonl")
    ended = quake("events", store)
    assert_status(ended, 1)
    assert "6 station-days have windows and no onsets" in ended.err


def make_old(store):
    """Rewrite the onsets as a version without an onset network had them."""
    paths = sorted(store.glob("onsets/**/onsets.jsonl"))
    changed = [path for path in paths if path.stat().st_size]
    sizes = {}
    for path in changed:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        old = [{k: v for k, v in line.items() if k != "network"} | {"rise_db": 9} for line in lines]
        path.write_text("".join(json.dumps(line) + "\n" for line in old))
        sizes[path.parent] = path.stat().st_size
    journal = store / "_quake" / "journal.jsonl"
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    assert any("onsets" in entry.get("outputs", {}) for entry in entries)
    for entry in entries:
        for folder, size in sizes.items():
            if f"date={entry.get('date')}" in folder.parts and _is_of(folder, entry["id"]):
                entry["outputs"]["onsets"] = size
    compact = (",", ":")
    journal.write_text("".join(json.dumps(e, separators=compact) + "\n" for e in entries))
    return changed


def _is_of(folder, key):
    network, station, _, _ = key
    return f"network={network}" in folder.parts and f"station={station}" in folder.parts


def test_onsets_of_an_older_version_are_refused_with_what_to_do(quake, copied):
    old = make_old(copied)
    assert old
    ended = quake("events", copied)
    assert ended.status not in (0, 130)
    assert "without an onset network" in ended.err
    assert "run quake predict --events with the same inputs again" in ended.err


def test_onsets_of_an_older_version_are_found_anew_and_windows_stay(run, copied, undisturbed):
    make_old(copied)
    before = identities(copied)
    run(*ALL_FORMATS, "--events")
    assert identities(copied) == before
    assert_same_tree(copied, undisturbed)
