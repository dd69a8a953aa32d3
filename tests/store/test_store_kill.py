"""Runs that are killed or interrupted: what they leave, and that the next run completes it."""

import random
import signal
import subprocess
import sys
import time

import pytest
from stores import (
    ALL_FORMATS,
    assert_same_tree,
    finished,
    kill_group,
    results,
    tree,
    wait_until,
)


@pytest.fixture
def start(launch, archive, tmp_path):
    """Start a run over the archive, the same as the undisturbed one; and its store."""
    store = tmp_path / "store"

    def go(*options):
        return launch("--sds", archive, "--output", store, *ALL_FORMATS, "--events", *options)

    return go, store


@pytest.fixture(scope="session")
def duration_s(launch, archive, tmp_path_factory):
    """How long the undisturbed run takes on this machine."""
    store = tmp_path_factory.mktemp("timed") / "store"
    begin_s = time.monotonic()
    run = finished(launch("--sds", archive, "--output", store, *ALL_FORMATS, "--events"))
    assert run.status == 0, run.err
    return time.monotonic() - begin_s


@pytest.fixture
def go_on(predict, archive, tmp_path):
    """Run the same to its end, in this process."""
    store = tmp_path / "store"

    def go():
        run = predict("--sds", archive, "--output", store, *ALL_FORMATS, "--events")
        assert run.status == 0, run.err

    return go


def assert_nothing_half_written(store, undisturbed):
    """What is there of results is complete, whatever the moment was."""
    complete = results(undisturbed)
    found = {name: content for name, content in results(store).items() if content is not None}
    events = {name for name in found if name.startswith("events/")}
    assert found.keys() <= complete.keys()
    # Events follow from the windows that there were.
    assert [name for name in found.keys() - events if found[name] != complete[name]] == []


def kill_at(process, moment_s):
    """Kill a run at a moment, unless it ends before."""
    try:
        process.wait(moment_s)
    except subprocess.TimeoutExpired:
        process.kill()
    kill_group(process)
    process.wait()


def kill_and_go_on(start, undisturbed, moments_s, *options):
    go, store = start
    for moment_s in moments_s:
        kill_at(go(*options), moment_s)
        if store.exists():
            assert_nothing_half_written(store, undisturbed)
    run = finished(go(*options))
    assert run.status == 0, run.err
    assert_same_tree(store, undisturbed)


# Of each seed: four moments, the first ones early; the run after them has to complete the work.
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_kills_at_any_moment_leave_no_trace(start, undisturbed, duration_s, seed):
    draw = random.Random(seed).uniform
    moments_s = [draw(0.2, 0.6), draw(0.3, 1), draw(0.5, 1), draw(0.7, 1.1)]
    kill_and_go_on(start, undisturbed, [duration_s * moment for moment in moments_s])


@pytest.mark.parametrize("n_files", [1, 7, 19])
def test_a_kill_while_files_are_written_leaves_no_trace(start, go_on, undisturbed, n_files):
    go, store = start
    process = go()
    wait_until(lambda: sum(p.is_file() for p in store.rglob("*")) >= n_files, process)
    process.kill()
    process.wait()
    assert_nothing_half_written(store, undisturbed)
    go_on()
    assert_same_tree(store, undisturbed)


# Runs the program, and kills it before it opens, renames or removes a file or folder of the store
# for the n-th time: each state that the folder can be left in, and none by chance.
_KILLED_AT = """
import os, signal, sys

store, left = sys.argv[1], int(sys.argv[2])

def count(event, arguments):
    global left
    changes = event in {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
    if changes or event == "open" and isinstance(arguments[1], str) and arguments[1] != "r":
        if store in str(arguments[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)

from quake_cli.app import main

main(["predict", *sys.argv[3:]])
"""


@pytest.fixture
def run_killed_at(archive, environment, predict, tmp_path, undisturbed):
    """Run into a new store until the n-th change, and go on; False if there are fewer."""

    def run(number, options=("--events",), before=None):
        store = tmp_path / f"{number}"
        arguments = ("--sds", archive, "--output", store, *ALL_FORMATS)
        if before is not None:
            predict(*arguments[:4], *before)
        command = [sys.executable, "-c", _KILLED_AT, store, number, *arguments, *options]
        process = subprocess.run(list(map(str, command)), env=environment, stderr=subprocess.PIPE)
        assert process.returncode in (0, -signal.SIGKILL), process.stderr.decode()
        if before is None and store.exists():
            assert_nothing_half_written(store, undisturbed)
        ended = predict(*arguments, "--events")
        assert ended.status == 0, ended.err
        assert_same_tree(store, undisturbed)
        return process.returncode != 0

    return run


@pytest.mark.parametrize("number", [3, 8, 14, 33, 62, 85, 101])
def test_a_kill_before_a_change_in_the_store_leaves_no_trace(run_killed_at, number):
    assert run_killed_at(number)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_kill_before_any_change_in_the_store_leaves_no_trace(run_killed_at):
    number = 1
    while run_killed_at(number):
        number += 1
    assert number > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("options", "before"),
    [
        (["--events"], ["--end", "2021-03-03T23:58:20Z"]),
        (["--events"], ["--format", "parquet"]),
        (["--events", "--no-resume"], [*ALL_FORMATS, "--events"]),
        (["--shard", "1/2"], None),
        (["--shard", "2/2"], [*ALL_FORMATS, "--shard", "1/2"]),
    ],
    ids=["other inputs before", "fewer formats before", "no resume", "shard", "last shard"],
)
def test_a_kill_while_a_store_changes_leaves_no_trace(run_killed_at, options, before):
    number = 1
    while run_killed_at(number, options, before):
        number += 4
    assert number > 20


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", range(50))
def test_a_hundred_kills_leave_no_trace(start, undisturbed, duration_s, seed, workers):
    moment = random.Random(1000 + seed).uniform(0, 1.1)
    options = ("--workers", workers) if workers > 1 else ()
    kill_and_go_on(start, undisturbed, [duration_s * moment * workers], *options)


def test_workers_end_with_a_run_that_was_killed_and_the_next_one_takes_over(start, undisturbed):
    go, store = start
    process = go("--workers", "2")
    wait_until(lambda: any(store.rglob("windows.*")), process)
    process.kill()  # it alone: nobody tells the workers
    process.wait()
    run = finished(go("--workers", "2"))
    assert run.status == 0, run.err
    assert_same_tree(store, undisturbed)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_an_interrupted_run_says_so_in_its_status_and_can_be_gone_on_with(
    start, go_on, undisturbed, number, workers
):
    go, store = start
    process = go("--workers", workers)
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    process.send_signal(number)
    run = finished(process)
    assert run.status == 128 + number, run.err
    assert_nothing_half_written(store, undisturbed)
    assert not [name for name in tree(store) if "tmp/" in name or name.endswith(".part")]
    go_on()
    assert_same_tree(store, undisturbed)


@pytest.mark.parametrize("workers", [1, 2])
def test_control_c_reaches_all_processes_of_a_terminal_and_says_one_line_at_most(start, workers):
    go, store = start
    process = go("--workers", workers)
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    kill_group(process, signal.SIGINT)
    run = finished(process)
    assert run.status == 130
    assert len(run.err.splitlines()) <= 1, run.err


def test_a_journal_whose_last_line_was_cut_off_is_read_up_to_there(go_on, undisturbed, tmp_path):
    store = tmp_path / "store"
    go_on()
    journal = store / "_quake" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[: len(whole) - 40])
    go_on()
    assert_same_tree(store, undisturbed)


def test_what_a_power_failure_leaves_of_a_journal_is_made_good(go_on, undisturbed, tmp_path):
    store = tmp_path / "store"
    go_on()
    journal = store / "_quake" / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-200] + bytes(200))  # a block that never reached the disk
    go_on()
    assert_same_tree(store, undisturbed)


def test_a_result_that_was_lost_or_cut_off_is_made_again(go_on, undisturbed, tmp_path):
    store = tmp_path / "store"
    go_on()
    first, second, *_ = sorted(store.glob("windows/**/windows.parquet"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    go_on()
    assert_same_tree(store, undisturbed)
