"""`quake watch --events` as users run it: lines, a command for each, metrics, a store."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from obspy import Stream, read
from prometheus_client.parser import text_string_to_metric_families
from seedlink_server import SeedLinkServer

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "QUAKE_MODEL_DIR": os.devnull}
QUAKE = (sys.executable, "-m", "quake_cli")
SERVED = ("--start", "2008-02-05", "--end-after", "3", "--stop-after", "6")


def quake(*arguments):
    return subprocess.run(
        [*QUAKE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        cwd=ROOT,
    )


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """The store that `quake predict --events` makes of the same record."""
    store = tmp_path_factory.mktemp("predicted") / "store"
    done = quake("predict", RECORD, "--events", "--format", "jsonl", "--output", f"{store}/")
    assert done.returncode == 0, done.stderr
    return store


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A run over a server that has the record, with all that can be asked for."""
    folder = tmp_path_factory.mktemp("watched")
    script = folder / "script.py"
    script.write_text(
        "import sys\n"
        f"open({str(folder / 'given')!r}, 'a').write(sys.stdin.read())\n"
        "sys.exit('no mail today')\n"
    )
    with SeedLinkServer(read(RECORD)) as server:
        done = quake(
            *("watch", server.url("BK.MHC..BH?"), *SERVED, "--events", "--print"),
            *("--exec", f"{sys.executable} {script}", "--metrics-file", folder / "quake.prom"),
            *("--output", folder / "store", "--format", "jsonl", "--format", "quakeml"),
        )
    assert done.returncode == 0, done.stderr
    return folder, done


def stored(store, pattern):
    paths = sorted(store.glob(pattern))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_lines_of_an_event_have_one_id_and_follow_each_other(watched):
    _, done = watched
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["label"] for line in lines} == {"earthquake"}
    assert len({line["id"] for line in lines}) == 1
    assert [line["revision"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["state"] == "complete"


def test_the_store_is_that_of_predict(watched, predicted):
    folder, _ = watched
    for pattern in ("events/*/events.jsonl", "onsets/**/onsets.jsonl"):
        found, expected = (stored(s, pattern) for s in (folder / "store", predicted))
        assert found == expected
        assert expected
    assert next((folder / "store").glob("events/*/events.quakeml")).stat().st_size > 0


def test_the_store_has_the_lines(watched):
    folder, done = watched
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert stored(folder / "store", "live/*/events.jsonl") == lines


def test_the_command_gets_each_line_and_its_failure_is_a_warning(watched):
    folder, done = watched
    assert (folder / "given").read_text() == done.stdout
    warnings = [line for line in done.stderr.splitlines() if "--exec: ended with status 1" in line]
    assert len(warnings) == len(done.stdout.splitlines())
    assert "no mail today" in warnings[0]


def test_metrics_say_what_was_done(watched):
    folder, _ = watched
    families = text_string_to_metric_families((folder / "quake.prom").read_text())
    values = {s.name: s for family in families for s in family.samples}
    assert values["quake_windows_total"].value == 3
    assert values["quake_windows_total"].labels["station"] == "MHC"
    assert values["quake_events_total"].value == 1
    assert values["quake_commands_total"].labels["result"] in (
        "failed",
        "ok",
        "timed_out",
        "left_out",
    )
    assert values["quake_reconnections_total"].value == 0
    assert values["quake_station_gaps_total"].value == 0
    assert values["quake_station_latency_seconds"].value > 3e8  # it is a record of 2008


def test_a_second_run_tells_nothing_again(watched):
    folder, _ = watched
    with SeedLinkServer(read(RECORD)) as server:
        again = quake(
            *("watch", server.url("BK.MHC..BH?"), *SERVED, "--events", "--print"),
            *("--output", folder / "store"),
        )
    assert again.returncode == 0, again.stderr
    assert again.stdout == ""


def test_folders_are_watched_for_events_too(tmp_path, predicted):
    archive = tmp_path / "archive"
    archive.mkdir()
    whole = read(RECORD)
    middle = whole[0].stats.starttime + 50
    Stream([t.slice(endtime=middle) for t in whole]).write(str(archive / "one"), format="MSEED")
    process = subprocess.Popen(
        [
            *(*QUAKE, "watch", archive, "--events", "--print", "--output", tmp_path / "store"),
            *("--end-after", "3", "--stop-after", "6", "--format", "jsonl"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        cwd=ROOT,
    )
    assert "watching" in process.stderr.readline()
    rest = Stream([t.slice(middle + t.stats.delta) for t in whole])
    rest.write(str(archive / "two"), format="MSEED")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert {json.loads(line)["label"] for line in out.splitlines()} == {"earthquake"}
    pattern = "events/*/events.jsonl"
    assert stored(tmp_path / "store", pattern) == stored(predicted, pattern)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--exec", "true"), "--exec: is about events; add --events"),
        (("--min-stations", "2"), "--min-stations: is about events"),
        (("--events", "--exec", "no-such-program"), "is no program that can be run"),
        (("--events", "--exec-limit", "2"), "are about --exec"),
        (("--events", "--exec", "true", "--exec-timeout", "0"), "must be more than 0"),
        (("--events", "--format", "geojson"), "with --inventory"),
        (("--format", "quakeml"), "a store takes"),
        (("--events", "--event-threshold", "quake=0.5"), "--event-threshold"),
        (("--metrics-file", "/no/such/folder/quake.prom"), "--metrics-file"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(arguments, message, tmp_path):
    done = quake("watch", tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
