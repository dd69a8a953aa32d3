"""Station-days on a Dask cluster of real processes: the same store, whatever becomes of workers."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from archives import around_midnight, write_sds
from dask_programs import Cluster
from stores import assert_status, finished, kill_group, wait_until

pytest.importorskip("distributed")

STATIONS = [
    around_midnight(name, "2021-03-04", minutes=20) for name in ("AAA", "BBB", "CCC", "DDD")
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    write_sds(root, STATIONS)
    return root


@pytest.fixture(scope="module")
def expected(archive, launch, tmp_path_factory):
    store = tmp_path_factory.mktemp("expected") / "store"
    assert_status(finished(launch("--sds", archive, "--output", store)), 0)
    return tree(store)


@pytest.fixture
def cluster(environment):
    """A scheduler and two workers, with the environment of the program."""
    started = Cluster(environment)
    started.add_workers(2)
    yield started
    started.close()


def tree(store):
    """Contents of all files of a store, by path."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def workers_of(cluster):
    """Processes that the nannies of the workers have started, to do the work."""
    found = []
    for nanny in cluster.programs[1:]:
        done = subprocess.run(
            ["pgrep", "-P", str(nanny.pid)], capture_output=True, text=True, check=False
        )
        found += [int(pid) for pid in done.stdout.split() if _is_worker(int(pid))]
    return found


def _is_worker(pid):
    try:
        # With setproctitle installed, Dask gives its workers names of their own.
        return b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_cluster_makes_the_store_that_one_process_makes(
    cluster, launch, archive, tmp_path, expected
):
    run = finished(
        launch("--sds", archive, "--output", tmp_path / "store", "--scheduler", cluster.address)
    )
    assert_status(run, 0)
    assert "8 station-days: 8 done" in run.summary
    assert tree(tmp_path / "store") == expected


def test_workers_that_are_killed_cost_a_retry_and_nothing_else(
    cluster, launch, archive, tmp_path, expected
):
    store = tmp_path / "store"
    process = launch("--sds", archive, "--output", store, "--scheduler", cluster.address)
    wait_until(lambda: list(store.glob("windows/**/*.parquet")), process)
    victims = workers_of(cluster)
    assert len(victims) == 2
    os.kill(victims[0], signal.SIGKILL)
    run = finished(process)
    assert_status(run, 0)
    assert tree(store) == expected


@pytest.mark.slow
def test_a_killed_run_is_gone_on_with_by_another_on_the_same_cluster(
    cluster, launch, archive, tmp_path, expected
):
    store = tmp_path / "store"
    arguments = ("--sds", archive, "--output", store, "--scheduler", cluster.address)
    process = launch(*arguments)
    wait_until(lambda: list(store.glob("windows/**/*.parquet")), process)
    kill_group(process)
    process.communicate()
    assert_status(finished(launch(*arguments)), 0)
    assert tree(store) == expected


def test_without_a_scheduler_there_is_one_line_and_status_2(launch, archive, tmp_path):
    run = finished(
        launch("--sds", archive, "--output", tmp_path / "s", "--scheduler", "tcp://127.0.0.1:9")
    )
    assert_status(run, 2)
    assert "no Dask scheduler can be reached" in run.errors[0]


@pytest.mark.slow
def test_a_local_cluster_makes_the_same_store(launch, archive, tmp_path, expected):
    store = tmp_path / "store"
    run = finished(launch("--sds", archive, "--output", store, "--dask-local", 2))
    assert_status(run, 0)
    assert run.err.splitlines() == [run.summary]
    assert tree(store) == expected


def test_dask_that_is_not_installed_is_named(archive, tmp_path, environment):
    program = (
        "import sys; sys.modules['distributed'] = None\n"
        "from quake_cli.app import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", program, "predict", "--sds", archive),
            *("--output", tmp_path / "store", "--dask-local", "2"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 2
    assert 'pip install "quake[dask]"' in done.stderr
