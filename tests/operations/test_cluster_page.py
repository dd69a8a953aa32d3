"""docs/clusters.md and examples/slurm: commands run, with a stand-in for Slurm."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from page_blocks import ROOT, blocks, shell_blocks, tree

PAGE = "clusters.md"
SLURM = ROOT / "examples" / "slurm"
SCRIPTS = ("scan.sh", "array.sh", "events.sh", "submit.sh")


@pytest.fixture
def slurm(tmp_path):
    """Variables with which `sbatch` and `scancel` are those of the stand-in; its folder."""
    folder, programs = tmp_path / "slurm", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    for name in ("sbatch", "scancel"):
        program = programs / name
        stand_in = Path(__file__).with_name("slurm_stand_in.py")
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" {name} "$@"\n')
        program.chmod(0o755)
    path = f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"SLURM_STAND_IN": str(folder), "PATH": path}


def calls(slurm):
    """What was submitted, by number."""
    folders = sorted(Path(slurm["SLURM_STAND_IN"]).iterdir())
    return {f.name: json.loads((f / "call.json").read_text()) for f in folders}


# The page ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "block", shell_blocks(PAGE, run=True, slow=("--dask-local", "--scheduler"))
)
def test_blocks_of_the_cluster_page_run(block, empty_place, finished, request):
    """Whatever does the work, the windows are those of one process."""
    place = empty_place
    if "tcp://node1:8786" in block.text:
        place.paths["tcp://node1:8786"] = request.getfixturevalue("scheduler")
    place.paths["examples/slurm"] = SLURM
    done = place.run(block.commands)
    assert done.returncode == 0, done.stderr
    if "/srv/quake/store" in block.text:
        store, whole = (Path(p.here("/srv/quake/store")) / "windows" for p in (place, finished))
        assert tree(store) == tree(whole)


@pytest.fixture
def scheduler(tmp_path, environment):
    """Address of a Dask scheduler with one worker, each a process as the page starts them."""
    address = tmp_path / "scheduler.json"
    where = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
    what = ["--nthreads", "1", "--no-dashboard", "--local-directory", tmp_path]
    with (
        _dask(environment, "scheduler", *where, "--scheduler-file", address),
        _dask(environment, "worker", *what, "--scheduler-file", address),
    ):
        yield _address(address)


@contextmanager
def _dask(environment, *arguments):
    """A process of Dask, which ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            yield
        finally:
            process.terminate()


def _address(file):
    """Address in a scheduler's file, as soon as there is one."""
    from distributed import Client

    with Client(scheduler_file=str(file), timeout="60s") as client:
        client.wait_for_workers(1, timeout=60)
        return client.scheduler.address


@pytest.mark.parametrize("block", shell_blocks(PAGE, run=False))
def test_blocks_of_the_cluster_page_that_do_not_run_are_shell(block):
    done = subprocess.run(
        ["bash", "-n"], input=block.commands, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# Array jobs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_are_bash(name):
    done = subprocess.run(["bash", "-n", SLURM / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
@pytest.mark.parametrize("name", SCRIPTS)
def test_shellcheck_has_nothing_to_say(name):
    done = subprocess.run(["shellcheck", SLURM / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_directives_come_before_the_first_command(name):
    """Slurm does not look for them behind it."""
    lines = (SLURM / name).read_text().splitlines()
    commands = [i for i, line in enumerate(lines) if line and not line.startswith("#")]
    assert not [line for line in lines[commands[0] :] if line.startswith("#SBATCH")]


def test_a_single_task_of_the_array_is_refused_when_it_is_submitted_alone(empty_place):
    """Slurm says then that there is one task in all."""
    done = empty_place.run(
        f"bash {SLURM / 'array.sh'}",
        ARCHIVE=empty_place.here("/srv/seedlink/archive"),
        STORE=empty_place.here("/srv/quake/store"),
        SLURM_ARRAY_TASK_ID="7",
        SLURM_ARRAY_TASK_COUNT="1",
    )
    assert done.returncode == 2
    assert "7/1" in done.stderr


def test_submitted_jobs_make_the_store_that_one_run_makes(empty_place, finished, slurm):
    place = empty_place
    variables = {
        **slurm,
        "ARCHIVE": place.here("/srv/seedlink/archive"),
        "STORE": place.here("/srv/quake/store"),
    }
    done = place.run(f"bash {SLURM / 'submit.sh'}", **variables)
    assert done.returncode == 0, done.stderr
    submitted = calls(slurm)
    assert [call["script"] for call in submitted.values()] == ["scan.sh", "array.sh", "events.sh"]
    assert "--dependency=afterany:101" in submitted["102"]["arguments"]
    assert "--dependency=afterany:102" in submitted["103"]["arguments"]
    folder = Path(slurm["SLURM_STAND_IN"])
    logs = {number: (folder / number / "output").read_text() for number in submitted}
    statuses = [json.loads((folder / n / "statuses.json").read_text()) for n in submitted]
    assert statuses == [[0], [0, 0, 0], [0]], logs
    # Windows and onsets are there: the last job does no station-day again.
    assert ": 0 done, 3 done before" in logs["103"]
    assert tree(Path(variables["STORE"])) == tree(Path(finished.here("/srv/quake/store")))


# dask-jobqueue ----------------------------------------------------------------------------------


def test_the_job_script_of_the_dask_example_asks_for_what_its_workers_take(empty_place):
    (block,) = (b for b in blocks(PAGE) if b.reason is None and "dask_cluster.py" in b.text)
    empty_place.paths["examples/slurm"] = SLURM
    done = empty_place.run(block.commands)
    assert done.returncode == 0, done.stderr
    script = done.stdout
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert re.findall(r"^#SBATCH (-[pt] \S+|--cpus-per-task=\S+|--mem=\S+)", script, re.M) == [
        "-p compute",
        "--cpus-per-task=4",
        "--mem=8G",
        "-t 08:00:00",
    ]
    worker = script.splitlines()[-1]
    assert f"{sys.executable} -m distributed.cli.dask_worker tcp://" in worker
    for option in ("--nthreads 1", "--nworkers 4", "--lifetime 470m", "--lifetime-stagger 4m"):
        assert f" {option}" in worker


@pytest.mark.slow
def test_the_dask_example_classifies_an_archive_in_jobs(empty_place, finished, slurm):
    """Jobs are processes of this machine."""
    done = empty_place.run(
        f"python {SLURM / 'dask_cluster.py'} --jobs 1 --processes 1 -- --sds /srv/seedlink/archive"
        " --output /srv/quake/store/ --events",
        **slurm,
    )
    assert done.returncode == 0, done.stderr
    assert calls(slurm)
    store = Path(empty_place.here("/srv/quake/store"))
    assert tree(store) == tree(Path(finished.here("/srv/quake/store")))
