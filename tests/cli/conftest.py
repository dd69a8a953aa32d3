"""Run the program in this process or in one of its own, on small synthetic records."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from strategies import noise, stream, write

from quake_cli.app import main

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


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Small batches on several threads are slow where the machine is busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def no_installed_models(tmp_path_factory, monkeypatch):
    """Models that the tester has installed are out of sight."""
    folder = tmp_path_factory.mktemp("installed")
    monkeypatch.setenv("QUAKE_MODEL_DIR", str(folder))
    return folder


@pytest.fixture
def quake(capsys):
    """Run the program in this process."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Run(ended.value.code, out, err)

    return run


@pytest.fixture
def predict(quake, model_path):
    """Run `quake predict` with the random model on the CPU."""
    return lambda *arguments: quake("predict", "--model", model_path, "--device", "cpu", *arguments)


@pytest.fixture
def process():
    """Start the program as users do."""

    def start(*arguments, env=None, **options):
        return subprocess.Popen(
            [sys.executable, "-m", "quake_cli", *map(str, arguments)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
            **options,
        )

    return start


@pytest.fixture(scope="session")
def good_file(tmp_path_factory):
    """Three components at 100 Hz, 150 s."""
    path = tmp_path_factory.mktemp("good") / "good.mseed"
    return write(path, stream(noise(15_000).astype(np.int32)))
