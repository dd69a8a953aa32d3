"""Worker processes that die: their work is done by others, or told as failed and tried again."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from stores import (
    ALL_FORMATS,
    PATIENCE_S,
    assert_same_tree,
    assert_status,
    finished,
    results,
    tree,
    wait_until,
)

PROJECT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def start(launch, archive, store):
    """Start a run with two workers, otherwise as the undisturbed one."""
    return lambda *options, env=None: launch(
        *("--sds", archive, "--output", store, *ALL_FORMATS, "--workers", "2", *options), env=env
    )


def workers(process):
    """Process ids of the workers of a run."""
    with contextlib.suppress(OSError):
        path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [int(pid) for pid in path.read_text().split() if _is_worker(pid)]
    return []


def _is_worker(pid):
    with contextlib.suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_workers_to_the_end(process):
    """Kill each worker of a run as soon as it is there."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None:
        kill(workers(process))
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return finished(process)


def test_a_worker_that_dies_is_made_good_by_another(start, store, undisturbed):
    process = start("--events")
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    kill(workers(process)[:1])
    assert_status(finished(process), 0)
    assert_same_tree(store, undisturbed)


def test_all_workers_that_die_at_once_are_made_good(start, store, undisturbed):
    process = start("--events")
    wait_until(lambda: len(workers(process)) == 2, process)
    kill(workers(process))
    assert_status(finished(process), 0)
    assert_same_tree(store, undisturbed)


def test_no_worker_outlives_a_run(start):
    process = start()
    wait_until(lambda: len(workers(process)) == 2, process)
    pids = workers(process)
    assert_status(finished(process), 0)
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


POISON = """
import os, signal
from quake.store.station_work import StationDayWork
StationDayWork.__call__ = lambda self, job: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def poison(tmp_path):
    """Environment in which each station-day is the death of the worker that does it."""
    folder = tmp_path / "poison"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(POISON)
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(PROJECT)])}


def test_what_workers_die_of_is_failed_told_and_tried_again_when_asked(
    start, store, undisturbed, poison
):
    ended = finished(start("--events", env=poison))
    assert ended.status in (1, 3)
    # The six station-days, each with a reason.
    assert len([line for line in ended.errors if "died" in line]) == 6
    assert ended.seconds == {
        "input": 1920,
        "scored": 0,
        "no_data": 0,
        "rejected": 0,
        "failed": 1920,
    }
    assert not [name for name in results(store) if "windows." in name]
    before = tree(store)
    again = finished(start("--events"))
    assert (again.status, sorted(again.errors)) == (ended.status, sorted(ended.errors))
    assert tree(store) == before
    assert_status(finished(start("--events", "--retry-failed")), 0)
    assert_same_tree(store, undisturbed)


def test_workers_that_cannot_start_end_the_run_and_no_station_day_has_failed(
    start, store, undisturbed
):
    ended = kill_workers_to_the_end(start("--events"))
    assert_status(ended, 1)
    assert [line for line in ended.errors if "ended before they could work" in line]
    assert_status(finished(start("--events")), 0)
    assert_same_tree(store, undisturbed)
