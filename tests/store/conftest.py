"""Small archives, and the program that runs over them as a process."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from archives import write_one_file, write_sds

pytest.register_assert_rewrite("stores")

from stores import ALFA, ALL_FORMATS, STRETCHES, Run, checked, finished, kill_group  # noqa: E402

from quake_cli.app import main  # noqa: E402

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Environment of the program: no installed models, one thread, modules compiled once."""
    settings = {
        "OMP_NUM_THREADS": "1",
        "QUAKE_MODEL_DIR": str(tmp_path_factory.mktemp("installed")),
        "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled")),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    return {**os.environ, **settings}


@pytest.fixture(scope="session")
def launch(environment):
    """Start `quake predict` with the bundled model, in a process group of its own."""
    running = []

    def start(*arguments, env=None, **options):
        process = subprocess.Popen(
            [sys.executable, "-m", "quake_cli", "predict", *map(str, arguments)],
            **{
                "cwd": PROJECT,
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "env": {**environment, **(env or {})},
                "start_new_session": True,
                **options,
            },
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            kill_group(process)
        process.communicate()


@pytest.fixture(scope="session")
def predict_apart(launch):
    """Run `quake predict` with the bundled model to its end, in a process of its own."""
    return lambda *arguments, **options: finished(launch(*arguments, **options))


@pytest.fixture(scope="session")
def predict(environment):
    """Run `quake predict` in this process, which has all modules loaded: four runs in a second."""

    def run(*arguments):
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = _status_of_main(("predict", *arguments), environment["QUAKE_MODEL_DIR"])
        return checked(Run(status, _text_of(out), _text_of(err)))

    return run


@pytest.fixture(scope="session")
def quake(environment):
    """Run any command in this process."""

    def run(*arguments):
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = _status_of_main(arguments, environment["QUAKE_MODEL_DIR"])
        return checked(Run(status, _text_of(out), _text_of(err)))

    return run


def _status_of_main(arguments, installed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUAKE_MODEL_DIR", installed)
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
    return ended.value.code


def _text_of(stream):
    stream.flush()
    return stream.buffer.getvalue().decode()


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """Two stations, eight minutes around each of two midnights, a small shock at the first one."""
    root = tmp_path_factory.mktemp("archive")
    write_sds(root, STRETCHES)
    return root


@pytest.fixture(scope="session")
def one_file(tmp_path_factory):
    """The same in one file."""
    return write_one_file(tmp_path_factory.mktemp("file") / "all.mseed", STRETCHES)


@pytest.fixture(scope="session")
def expected(predict, one_file):
    """JSON lines of that one file, on standard output."""
    run = predict(one_file, "--format", "jsonl")
    assert run.status == 0, run.err
    return run.out.splitlines()


@pytest.fixture
def small(tmp_path):
    """An archive of one station, three days, that a test may change."""
    root = tmp_path / "small"
    write_sds(root, ALFA)
    return root


@pytest.fixture(scope="session")
def undisturbed(predict_apart, archive, tmp_path_factory):
    """Store of a run over the archive with which nothing interfered, with events."""
    store = tmp_path_factory.mktemp("undisturbed") / "store"
    run = predict_apart("--sds", archive, "--output", store, *ALL_FORMATS, "--events")
    assert run.status == 0, run.err
    return store
