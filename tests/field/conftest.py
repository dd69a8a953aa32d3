"""The program as users run it, a process, on files of kinds that people in the field report."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from field_run import Run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def quake(tmp_path):
    """Run the program; standard input may be given as bytes."""

    def run(*arguments, stdin=b"", **environment):
        done = subprocess.run(
            [sys.executable, "-m", "quake_cli", *map(str, arguments)],
            input=stdin,
            cwd=tmp_path,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": str(ROOT),
                "QUAKE_MODEL_DIR": str(tmp_path / "installed"),
                **environment,
            },
            capture_output=True,
            timeout=250,
            check=False,
        )
        ended = Run(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in ended.err
        assert "unexpected" not in ended.err
        return ended

    return run


@pytest.fixture
def predict(quake):
    return lambda *arguments, **options: quake(
        "predict", *arguments, "--format", "jsonl", "--threads", 1, **options
    )
