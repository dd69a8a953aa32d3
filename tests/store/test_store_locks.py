"""Locks of a store: one run, or the shards of one division."""

import subprocess
import sys

import pytest

from quake.errors import ParameterError
from quake.store.lock import Shard, StoreLock

HOLDER = """
import sys
from pathlib import Path
from quake.store.lock import Shard, StoreLock
shard = Shard.parse(sys.argv[2]) if sys.argv[2] else None
with StoreLock(Path(sys.argv[1]), shard):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock, of a shard if one is named."""
    running = []

    def start(shard=""):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, tmp_path, shard],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_a_second_run_is_refused_with_the_process_that_holds_the_lock(holder, tmp_path):
    other = holder()
    with (
        pytest.raises(ParameterError, match=f"in use by process {other.pid} on "),
        StoreLock(tmp_path),
    ):
        pass


def test_the_lock_of_a_process_that_was_killed_is_taken_over(holder, tmp_path):
    other = holder()
    other.kill()
    other.wait()
    with StoreLock(tmp_path):
        assert str(other.pid) not in (tmp_path / "lock").read_text()


def test_shards_of_one_division_run_side_by_side(holder, tmp_path):
    holder("1/3")
    holder("2/3")
    with StoreLock(tmp_path, Shard(3, 3)) as lock:
        assert not lock.is_last()


def test_the_last_shard_knows_that_it_is(holder, tmp_path):
    other = holder("1/2")
    with StoreLock(tmp_path, Shard(2, 2)) as lock:
        other.communicate()
        assert lock.is_last()


@pytest.mark.parametrize("shard", [None, Shard(1, 3), Shard(1, 2)])
def test_a_shard_excludes_whole_runs_other_divisions_and_itself(
    holder, tmp_path, shard, monkeypatch
):
    monkeypatch.setattr("quake.store.lock._PATIENCE_S", 0.0)
    holder("1/2")
    with pytest.raises(ParameterError, match="in use by"), StoreLock(tmp_path, shard):
        pass


def test_a_whole_run_excludes_shards(holder, tmp_path, monkeypatch):
    monkeypatch.setattr("quake.store.lock._PATIENCE_S", 0.0)
    holder()
    with pytest.raises(ParameterError, match="in use by"), StoreLock(tmp_path, Shard(1, 2)):
        pass


def test_a_whole_run_removes_what_shards_have_left(holder, tmp_path):
    holder("1/2").communicate()
    with StoreLock(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]


@pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "a/b", "1/2/3", "-1/2"])
def test_a_shard_is_one_of_some(text):
    with pytest.raises(ParameterError, match="--shard"):
        Shard.parse(text)
