"""One run at a time writes to a store; the lock of a dead one is taken over."""

import os
import signal
import socket

import pytest
from stores import ALL_FORMATS, assert_same_tree, finished, kill_group, tree, wait_until


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def start(launch, archive, store):
    """Start a run into the store, as the undisturbed one."""
    return lambda *options: launch(
        "--sds", archive, "--output", store, *ALL_FORMATS, "--events", *options
    )


@pytest.fixture
def stopped(start, store):
    """A run that stands still in the middle of its work."""
    process = start()
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    process.send_signal(signal.SIGSTOP)
    yield process
    if process.poll() is None:
        kill_group(process)


def test_a_second_run_ends_at_once_and_says_who_holds_the_store(stopped, start, store):
    before = tree(store)
    run = finished(start())
    assert run.status == 2
    (message,) = run.errors
    assert f"{stopped.pid}" in message
    assert socket.gethostname() in message
    assert str(store) in message
    assert tree(store) == before


def test_a_run_that_stood_still_goes_on_as_if_nothing_had_been(stopped, start, store, undisturbed):
    assert finished(start()).status == 2
    stopped.send_signal(signal.SIGCONT)
    assert finished(stopped).status == 0
    assert_same_tree(store, undisturbed)


@pytest.mark.parametrize("option", ["--no-resume", "--retry-failed", "--scan-only"])
def test_no_option_gets_round_the_lock(stopped, start, option):
    run = finished(start(option))
    assert run.status == 2
    assert f"{stopped.pid}" in run.errors[0]


@pytest.mark.slow  # for half a minute: a run that is about to end lets it in
def test_a_shard_does_not_get_round_the_lock(stopped, launch, archive, store):
    run = finished(launch("--sds", archive, "--output", store, "--shard", "1/2"))
    assert run.status == 2
    assert f"{stopped.pid}" in run.errors[0]


def test_the_lock_of_a_killed_run_is_taken_over(stopped, start, store, undisturbed):
    stopped.kill()
    stopped.wait()
    run = finished(start())
    assert run.status == 0, run.err
    assert_same_tree(store, undisturbed)


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": 1, "host": "elsewhere"}', b"\xff" * 9])
def test_a_lock_file_that_nobody_holds_means_nothing(start, store, undisturbed, content):
    (store / "_quake").mkdir(parents=True)
    (store / "_quake" / "lock").write_bytes(content)
    assert finished(start()).status == 0
    assert_same_tree(store, undisturbed)


def test_of_runs_that_begin_at_the_same_time_one_goes_on(start, store, undisturbed):
    runs = [finished(process) for process in [start() for _ in range(4)]]
    # One that begins when another has ended finds nothing to do.
    assert {run.status for run in runs} <= {0, 2}
    assert any(run.status == 0 for run in runs)
    assert_same_tree(store, undisturbed)


def test_a_run_into_another_store_is_free(stopped, launch, archive, tmp_path):
    run = finished(launch("--sds", archive, "--output", tmp_path / "other", "--station", "ALFA"))
    assert run.status == 0


def test_a_store_that_cannot_be_written_to_is_wrong_usage(launch, archive, tmp_path):
    target = tmp_path / "file"
    target.write_text("mine")
    run = finished(launch("--sds", archive, "--output", f"{target}/"))
    assert (run.status, len(run.errors)) == (2, 1)
    assert target.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_without_permission_is_wrong_usage(launch, archive, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    run = finished(launch("--sds", archive, "--output", folder / "store"))
    assert (run.status, len(run.errors)) == (2, 1)
