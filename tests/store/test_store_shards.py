"""Shards of one run: together they leave the store of the whole, in any order and at once."""

import json
import shutil
import signal

import pytest
from stores import (
    ALL_FORMATS,
    FOLDERS,
    assert_same_tree,
    assert_status,
    finished,
    identities,
    redone,
    results,
    tree,
    wait_until,
)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def start(launch, archive, store):
    """Start a shard, or with --events the run that comes after them."""
    return lambda *options: launch("--sds", archive, "--output", store, *ALL_FORMATS, *options)


@pytest.fixture
def run(predict, archive, store):
    """The same, to its end."""
    return lambda *options: predict("--sds", archive, "--output", store, *ALL_FORMATS, *options)


@pytest.fixture
def shards(run):
    """Run the shards of a division one after the other, in the order given."""
    return lambda *numbers, count: [run("--shard", f"{number}/{count}") for number in numbers]


def test_shards_one_after_the_other_leave_the_store_of_one_run(run, shards, store, undisturbed):
    assert [ended.status for ended in shards(2, 3, 1, count=3)] == [0, 0, 0]
    before = identities(store)
    assert_status(run("--events"), 0)
    assert identities(store) == before
    assert_same_tree(store, undisturbed)


def test_shards_keep_onsets_so_that_the_run_after_them_does_no_station_day_again(
    run, store, undisturbed, tmp_path
):
    for number in (1, 2):
        assert_status(run("--shard", f"{number}/2", "--events"), 0)
    assert not (store / "events").exists()
    before = {path: path.stat().st_mtime_ns for path in store.glob("onsets/**/*.jsonl")}
    assert len(before) == len(FOLDERS)
    summary = tmp_path / "summary.json"
    assert_status(run("--events", "--summary-json", summary), 0)
    assert json.loads(summary.read_text())["station_days"]["done"] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert_same_tree(store, undisturbed)


@pytest.mark.parametrize("begin", [[], ["--scan-only"]], ids=["at once", "after a scan"])
def test_shards_at_the_same_time_leave_the_store_of_one_run(start, run, store, undisturbed, begin):
    if begin:
        assert_status(run(*begin), 0)
    for process in [start("--shard", f"{number}/3") for number in (1, 2, 3)]:
        assert_status(finished(process), 0)
    before = identities(store)
    assert_status(run("--events"), 0)
    assert identities(store) == before
    assert_same_tree(store, undisturbed)


def test_each_station_day_is_in_one_shard(shards, store):
    seen = {}
    for number in (1, 2, 3):
        before = identities(store)
        shards(number, count=3)
        seen[number] = redone(before, store)
    assert sorted(folder for folders in seen.values() for folder in folders) == FOLDERS


def test_more_shards_than_station_days_leave_some_without_work(shards, store, undisturbed):
    runs = shards(*range(1, 10), count=9)
    assert [ended.status for ended in runs] == [0] * 9
    assert any(" 0 windows" in ended.summary for ended in runs)
    everything = results(undisturbed).items()
    assert results(store) == {name: c for name, c in everything if name.startswith("windows")}


def test_the_last_shard_leaves_one_journal_and_no_lock_of_a_shard(shards, store):
    shards(1, 2, count=2)
    names = {path.name for path in (store / "_quake").iterdir()}
    assert names == {"run.json", "journal.jsonl", "lock"}


def test_summaries_of_shards_add_up(run, tmp_path):
    parts = []
    for number in (1, 2, 3):
        path = tmp_path / f"{number}.json"
        assert_status(run("--shard", f"{number}/3", "--summary-json", path), 0)
        parts.append(json.loads(path.read_text()))
    assert sum(part["seconds"]["input"] for part in parts) == pytest.approx(1920)
    assert sum(sum(part["windows"].values()) for part in parts) == 60


def test_a_shard_that_was_killed_is_made_good_by_the_run_after_it(
    start, run, shards, store, undisturbed
):
    process = start("--shard", "1/2")
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    process.kill()
    process.wait()
    shards(2, count=2)
    assert_status(run("--events"), 0)
    assert_same_tree(store, undisturbed)


def test_two_divisions_at_the_same_time_are_refused(start, run, store):
    process = start("--shard", "1/2")
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    process.send_signal(signal.SIGSTOP)
    ended = run("--shard", "2/3")
    assert_status(ended, 2)
    assert str(process.pid) in ended.errors[0]
    assert_status(run("--shard", "2/2"), 0)
    process.send_signal(signal.SIGCONT)
    assert_status(finished(process), 0)


def test_a_whole_run_beside_a_shard_is_refused_and_says_who_holds_the_store(start, run, store):
    process = start("--shard", "1/2")
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    process.send_signal(signal.SIGSTOP)
    ended = run()
    assert_status(ended, 2)
    assert str(process.pid) in ended.errors[0]
    process.send_signal(signal.SIGCONT)
    assert_status(finished(process), 0)


def test_a_scan_for_shards_makes_no_results(run, store):
    assert_status(run("--scan-only", "--shard", "1/2"), 0)
    assert redone({}, store) == []


def test_a_shard_of_another_overlap_is_refused(run, undisturbed, store):
    shutil.copytree(undisturbed, store)
    assert_status(run("--shard", "1/2", "--overlap", "0"), 2)
    assert tree(store) == tree(undisturbed)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "-1/3", "a/b"])
def test_a_shard_that_is_none_is_wrong_usage(run, store, text):
    ended = run(f"--shard={text}")
    assert_status(ended, 2)
    assert "--shard" in ended.errors[0]
    assert not store.exists()
