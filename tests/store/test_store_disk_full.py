"""No room on the disk: one line says so, nothing half-written counts, the next run completes it."""

import resource
import shutil
import signal
import subprocess

import pytest
from stores import ALL_FORMATS, FOLDERS, assert_same_tree, finished, results

PAGE = 4096


@pytest.fixture
def run(launch, archive):
    """Run over the archive into a store, as the undisturbed run."""

    def go(store, **options):
        arguments = ("--sds", archive, "--output", store, *ALL_FORMATS, "--events")
        # Python 3.11 leaves half a file of byte code where a file may not grow, and trips over it.
        return finished(launch(*arguments, env={"PYTHONDONTWRITEBYTECODE": "1"}, **options))

    return go


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def limit_size(n_bytes):
    """Let no file become longer, as a full disk or a quota does."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return limit


def assert_ends_with_one_line(run, store):
    assert run.status == 1, run.err
    assert len(run.errors) == 1, run.err
    assert str(store) in run.errors[0]


def assert_windows_complete(store, undisturbed):
    """What is there is as it should be."""
    complete = results(undisturbed)
    for name, content in results(store).items():
        if name.startswith("windows/") and content is not None:
            assert content == complete[name], name


# Shares of the journal: what files hold is the first part of it, what is done the second.
@pytest.mark.parametrize("share", [pytest.param(0.25, marks=pytest.mark.slow), 0.7])
def test_files_that_may_not_grow_end_the_run_and_the_next_one_completes_it(
    run, undisturbed, tmp_path, share
):
    store = tmp_path / "store"
    n_bytes = (undisturbed / "_quake" / "journal.jsonl").stat().st_size
    ended = run(store, preexec_fn=limit_size(round(share * n_bytes)))
    assert_ends_with_one_line(ended, store)
    assert_windows_complete(store, undisturbed)
    ended = run(store)
    assert ended.status == 0, ended.err
    assert_same_tree(store, undisturbed)


def test_where_nothing_can_be_written_one_line_says_so(run, undisturbed, tmp_path):
    store = tmp_path / "store"
    ended = run(store, preexec_fn=limit_size(10))
    assert ended.status in (1, 2)
    assert len(ended.errors) == 1
    assert run(store).status == 0
    assert_same_tree(store, undisturbed)


@pytest.mark.parametrize("n_pages", [pytest.param(8, marks=pytest.mark.slow), 16, 30])
def test_a_full_disk_ends_the_run_and_the_next_one_completes_it(
    run, undisturbed, small_disk, n_pages
):
    store, ballast = small_disk / "store", small_disk / "ballast"
    _, _, free = shutil.disk_usage(small_disk)
    ballast.write_bytes(bytes(free - n_pages * PAGE))
    ended = run(store)
    assert_ends_with_one_line(ended, store)
    assert_windows_complete(store, undisturbed)
    ballast.unlink()
    ended = run(store)
    assert ended.status == 0, ended.err
    assert_same_tree(store, undisturbed)


def test_a_disk_that_is_full_to_the_last_byte_says_one_line(run, undisturbed, small_disk):
    store, ballast = small_disk / "store", small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))
    ended = run(store)
    assert ended.status in (1, 2)
    assert len(ended.errors) == 1, ended.err
    ballast.unlink()
    assert run(store).status == 0
    assert_same_tree(store, undisturbed)


def test_a_store_that_was_complete_survives_a_full_disk(run, undisturbed, small_disk):
    store, ballast = small_disk / "store", small_disk / "ballast"
    shutil.copytree(undisturbed, store)
    lost = store / FOLDERS[2] / "windows.parquet"
    lost.unlink()
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))
    ended = run(store)
    assert ended.status in (1, 2)
    assert_windows_complete(store, undisturbed)
    ballast.unlink()
    assert run(store).status == 0
    assert_same_tree(store, undisturbed)
