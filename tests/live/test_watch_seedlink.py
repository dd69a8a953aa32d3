"""`quake watch seedlink://...` against a server that speaks the protocol, with a real record."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from obspy import Stream, read
from seedlink_server import SeedLinkServer

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"

# Without it, a server sends what arrives from the connection on.
SINCE = ("--start", "2008-02-05")


def golden():
    text = (ROOT / "tests" / "golden" / "BK.MHC.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def part(since_s, until_s):
    """What the station recorded between two times."""
    stream = read(RECORD)
    start = stream[0].stats.starttime
    pieces = [t.slice(start + since_s, start + until_s - t.stats.delta / 2) for t in stream]
    return Stream([piece for piece in pieces if piece])


@pytest.fixture
def watch(tmp_path):
    running = []

    def start(url, *arguments):
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "quake_cli", "watch", url, *map(str, arguments)),
                *("--output", str(tmp_path / "store"), "--print"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "QUAKE_MODEL_DIR": os.devnull},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def line_of(process):
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        return json.loads(process.stdout.readline())
    finally:
        timer.cancel()


def assert_same(found, expected):
    assert [record["start"] for record in found] == [record["start"] for record in expected]
    for a, b in zip(found, expected, strict=True):
        assert a["label"] == b["label"]
        assert a["probabilities"] == pytest.approx(b["probabilities"], abs=2e-4)


def test_records_of_a_server_are_scored_as_they_arrive(watch):
    with SeedLinkServer(part(0, 30)) as server:
        process = watch(server.url("BK.MHC..BH?"), *SINCE, "--end-after", 2, "--stop-after", 5)
        server.append(part(30, 70))
        found = [line_of(process)]
        server.append(part(70, 100))
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert_same([*found, *map(json.loads, out.splitlines())], golden())


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_after_a_restart_the_server_is_asked_for_what_is_missing(watch, how):
    with SeedLinkServer(part(0, 70)) as server:
        first = watch(server.url("BK.MHC..BH?"), *SINCE)
        found = [line_of(first)]
        first.send_signal(how)
        first.wait()
        server.append(part(70, 100))
        second = watch(server.url("BK.MHC..BH?"), "--end-after", 2, "--stop-after", 4)
        out, err = second.communicate()
    assert second.returncode == 0, err
    assert_same([*found, *map(json.loads, out.splitlines())], golden())


def test_a_connection_that_breaks_loses_no_window(watch):
    with SeedLinkServer(part(0, 30)) as server:
        process = watch(server.url("BK.MHC..BH?"), *SINCE, "--end-after", 12, "--stop-after", 14)
        server.wait_until(lambda: sum(server.n_sent) > 0)
        server.drop_connections()
        server.append(part(30, 100))
        out, err = process.communicate()
    assert process.returncode == 0, err
    assert_same(list(map(json.loads, out.splitlines())), golden())
    assert "warning" in err


def test_a_server_that_is_not_there_is_said_in_one_line(watch):
    with SeedLinkServer() as server:
        url = server.url("BK.MHC..BH?")
    process = watch(url)
    _, err = process.communicate()
    assert process.returncode == 3
    assert err.startswith("quake: error: ")
    assert "127.0.0.1" in err
    assert len(err.splitlines()) == 1
