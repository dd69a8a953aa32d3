"""`quake watch` as users run it: a process, while another one appends real records."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from obspy import read

from quake.output.windows import read_windows
from quake.store.journal import Journal

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"
PIECE_S = 10


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(archive, tmp_path):
    """Start the program; it is killed at the end of the test if it still runs."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "quake_cli", "watch", *map(str, arguments)),
                *("--output", str(tmp_path / "store"), "--print"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "QUAKE_MODEL_DIR": os.devnull},
        )
        running.append(process)
        assert "watching" in process.stderr.readline()
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


class Station:
    """Writes the example record into an SDS archive, piece by piece."""

    def __init__(self, root):
        self.root = root
        self.traces = read(RECORD)
        self.start = self.traces[0].stats.starttime
        self.at_s = 0

    def record(self, until_s, channels="ZNE"):
        """Append what was recorded since the last call, each channel's records at a time."""
        for trace in self.traces:
            if trace.stats.channel[-1] in channels:
                self._append(trace, self.start + self.at_s, self.start + until_s)
        self.at_s = until_s

    def _append(self, trace, since, until):
        stats = trace.stats
        day = f"{since.year}.{since.julday:03d}"
        name = f"{stats.network}.{stats.station}.{stats.location}.{stats.channel}.D.{day}"
        folder = self.root / str(since.year) / stats.network / stats.station
        path = folder / f"{stats.channel}.D" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        piece = trace.slice(since, until - stats.delta / 2)
        buffer = io.BytesIO()
        piece.write(buffer, format="MSEED", reclen=512)
        with path.open("ab") as file:
            file.write(buffer.getvalue())


def lines_of(process, number):
    """The next lines that a process prints; none is awaited for more than a minute."""
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        return [json.loads(process.stdout.readline()) for _ in range(number)]
    finally:
        timer.cancel()


def stored(tmp_path):
    (path,) = (tmp_path / "store").rglob("windows.parquet")
    return read_windows(path)


def golden():
    text = (ROOT / "tests" / "golden" / "BK.MHC.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def assert_same(found, expected):
    assert [record["start"] for record in found] == [record["start"] for record in expected]
    for a, b in zip(found, expected, strict=True):
        assert a["label"] == b["label"]
        assert a["probabilities"] == pytest.approx(b["probabilities"], abs=2e-4)


def test_windows_are_scored_while_the_archive_is_written(watch, archive, tmp_path):
    station = Station(archive)
    process = watch("--sds", archive, "--end-after", 2, "--stop-after", 5)
    found = []
    for until_s in range(PIECE_S, 101, PIECE_S):
        station.record(until_s)
        if until_s in (70, 80):  # the windows from 38:45.67 and from 39:00 are complete
            found += lines_of(process, 1)
    out, err = process.communicate()
    assert process.returncode == 0, err
    found += [json.loads(line) for line in out.splitlines()]
    expected = golden()
    assert_same(found, expected)
    assert [record.to_dict()["start"] for record in stored(tmp_path)] == [
        record["start"] for record in expected
    ]


def test_a_component_that_comes_late_is_waited_for(watch, archive):
    station = Station(archive)
    process = watch("--sds", archive, "--stop-after", 6)
    station.record(70, "Z")
    station.at_s = 0
    station.record(70, "NE")
    (found,) = lines_of(process, 1)
    assert found["components"] == "ZNE"


@pytest.mark.parametrize(
    "how",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_after_a_restart_no_window_is_scored_again(watch, archive, tmp_path, how):
    station = Station(archive)
    first = watch("--sds", archive)
    station.record(70)
    found = lines_of(first, 1)
    first.send_signal(how)
    assert first.wait() == (130 if how != signal.SIGKILL else -signal.SIGKILL)
    station.record(100)
    second = watch("--sds", archive, "--end-after", 1, "--stop-after", 4)
    out, err = second.communicate()
    assert second.returncode == 0, err
    found += [json.loads(line) for line in out.splitlines()]
    assert_same(found, golden())
    third = watch("--sds", archive, "--end-after", 1, "--stop-after", 2)
    assert third.communicate()[0] == ""


def test_predict_does_the_day_again_and_watch_leaves_it_alone(watch, archive, tmp_path):
    station = Station(archive)
    first = watch("--sds", archive, "--stop-after", 3)
    station.record(70)
    lines_of(first, 1)
    first.communicate()
    station.record(100)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "quake_cli", "predict"),
            *("--sds", archive, "--output", tmp_path / "store"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "QUAKE_MODEL_DIR": os.devnull},
    )
    assert "1 station-day: 1 done, 0 done before" in run.stderr
    assert_same([record.to_dict() for record in stored(tmp_path)], golden())
    again = watch("--sds", archive, "--end-after", 1, "--stop-after", 2)
    assert again.communicate()[0] == ""


def test_plain_folders_are_watched_by_content(watch, archive, tmp_path):
    process = watch(archive, "--end-after", 1, "--stop-after", 4)
    (archive / "notes").write_text("no waveforms")
    (archive / "some_record").write_bytes(RECORD.read_bytes())
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert_same([json.loads(line) for line in out.splitlines()], golden())
    with Journal(tmp_path / "store" / "_quake") as journal:
        assert len(journal.days) == 1


def test_a_change_is_seen_by_looking_as_well(watch, archive):
    process = watch("--sds", archive, "--poll", 0.2)
    time.sleep(0.1)
    Station(archive).record(70)
    assert len(lines_of(process, 1)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to watch"),
        (("/no/such/folder",), "is no folder"),
        (("seedlink://a/b", "seedlink://c/d"), "watched alone"),
        ((".", "--format", "mseed"), "could not be read back"),
        ((".", "--format", "table"), "a store takes parquet"),
        ((".", "--wait", "-1"), "must not be negative"),
    ],
)
def test_what_cannot_be_watched_is_wrong_usage(arguments, message):
    run = subprocess.run(
        [sys.executable, "-m", "quake_cli", "watch", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert message in run.stderr
