"""The program as users run it, a process, on files of kinds that people in the field report."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Run:
    """How a run of the program ended."""

    status: int
    out: str
    err: str

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self):
        return [line for line in self.err.splitlines() if line.startswith("quake: error: ")]

    @property
    def warnings(self):
        return [line for line in self.err.splitlines() if line.startswith("quake: warning: ")]

    @property
    def summary(self):
        (line,) = [line for line in self.err.splitlines() if " s of input = " in line]
        return line


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
