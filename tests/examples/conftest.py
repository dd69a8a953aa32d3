"""Examples as users start them, and a small archive with its catalogue to train on."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from strategies import noise, stream, write

from quake.waveforms.times import format_time, parse_time

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

_FIRST_NS = parse_time("2021-03-04T00:00:00Z")
_HOUR_NS = 3600 * 10**9
_RATE_HZ, _LENGTH_S, _P_S = 50, 90, 30
_N_EVENTS = 20


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Small batches on several threads are slow where the machine is busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def example(monkeypatch, capsys):
    """Run an example in this process, where torch is loaded already; its output."""

    def run(name, *arguments):
        monkeypatch.setattr("sys.argv", [name, *map(str, arguments)])
        load_example(name).main()
        return capsys.readouterr().out

    return run


def load_example(name):
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, EXAMPLES / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def own():
    """The module of examples/own_transform.py."""
    return load_example("own_transform.py")


@pytest.fixture(scope="session")
def environment():
    """Variables of programs: one thread, this checkout, and no models of the tester."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "QUAKE_MODEL_DIR": os.devnull,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def start(environment):
    """Start an example in a folder; its output."""

    def run(name, *arguments, cwd):
        done = subprocess.run(
            [sys.executable, EXAMPLES / name, *map(str, arguments)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def triggered(tmp_path_factory):
    """A folder with ``records/``, 90 s of noise with a burst after 30 s, and ``picks.csv``."""
    folder = tmp_path_factory.mktemp("triggered")
    (folder / "records").mkdir()
    picks = ["event_id,time,network,station,phase"]
    for i in range(_N_EVENTS):
        start_ns = _FIRST_NS + i * _HOUR_NS
        rows = noise(_LENGTH_S * _RATE_HZ, seed=i)
        rows[:, _P_S * _RATE_HZ :] += _burst(rows.shape[1] - _P_S * _RATE_HZ)
        traces = stream(rows.astype(np.int32), start_ns=start_ns, rate_hz=_RATE_HZ)
        write(folder / "records" / f"{i}.mseed", traces)
        picks.append(f"{i},{format_time(start_ns + _P_S * 10**9)},XX,STA,P")
    (folder / "picks.csv").write_text("\n".join(picks) + "\n")
    return folder


def _burst(n_samples):
    seconds = np.arange(n_samples) / _RATE_HZ
    return 30_000 * np.exp(-seconds / 8) * np.sin(2 * np.pi * 6 * seconds)
