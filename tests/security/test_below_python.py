"""What native code does beside Python: sockets it opens, and files it leaves in the home folder."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hostile_files import mseed
from strategies import START_NS, noise, stream, write

from quake.waveforms.times import NS_PER_S

ROOT = Path(__file__).resolve().parents[2]

# A socket of the machine itself or of the kernel's own lists; an address beyond it is not.
INTERNET = re.compile(r"\bAF_INET6?\b")
LOOPBACK = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "::1"')
CONNECTING = re.compile(r"\b(connect|sendto|sendmsg|sendmmsg)\(")

# What the page docs/security.md names of the home folder.
NAMED = (".cache/quake/", ".cache/matplotlib/", ".config/matplotlib/", ".cache/torch/")


def can_trace():
    tracer = shutil.which("strace")
    if tracer is None:
        return False
    tried = subprocess.run(
        [tracer, "-qq", "-e", "trace=socket", "true"], capture_output=True, check=False
    )
    return tried.returncode == 0


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(home, tmp_path):
    """A user with an empty home folder, and none of the variables that move things out of it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("XDG_", "ORT_", "MPL"))
    }
    return {
        **kept,
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "QUAKE_MODEL_DIR": str(tmp_path / "installed"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def start(environment, tmp_path):
    """Start the program, watched by strace; returns the process and the file of its calls."""

    def run(*arguments):
        if not can_trace():
            pytest.skip("strace is missing or may not trace: what native code does goes unseen")
        calls = tmp_path / "calls"
        command = [
            *("strace", "-f", "-qq", "-e", "trace=socket,connect,sendto,sendmsg,sendmmsg"),
            *("-o", str(calls), sys.executable, "-m", "quake_cli", *map(str, arguments)),
        ]
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return process, calls

    return run


def beyond(calls):
    """Calls that leave this machine."""
    return [
        line
        for line in calls.read_text(errors="replace").splitlines()
        if CONNECTING.search(line) and INTERNET.search(line) and not LOOPBACK.search(line)
    ]


def left_in(home):
    return sorted(
        path.relative_to(home).as_posix() for path in home.rglob("*") if not path.is_dir()
    )


def assert_is_private(calls, home):
    assert beyond(calls) == []
    assert [path for path in left_in(home) if not path.startswith(NAMED)] == []


def test_strace_would_see_a_connection(tmp_path):
    if not can_trace():
        pytest.skip("strace is missing or may not trace: what native code does goes unseen")
    calls = tmp_path / "calls"
    code = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "try: s.connect(('192.0.2.1', 53))\n"
        "except OSError: pass\n"
    )
    subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=connect", "-o", calls, sys.executable, "-c", code],
        check=False,
    )
    assert len(beyond(calls)) == 1


def commands(record, folder):
    yield ["predict", record, "--format", "jsonl"]
    yield ["predict", record, "--output", f"{folder}/store/", "--workers", "2", "--plot", folder]
    yield ["report", f"{folder}/store", "--output", f"{folder}/report.html"]


def test_predict_and_report_leave_nothing_at_home_and_open_no_socket(start, home, tmp_path):
    record = mseed(tmp_path / "a.mseed")
    for arguments in commands(record, tmp_path):
        process, calls = start(*arguments)
        _, err = process.communicate(timeout=250)
        assert process.returncode == 0, err
        assert_is_private(calls, home)


def test_the_home_folder_stays_empty_where_nothing_is_drawn(environment, home, tmp_path):
    """Without strace, too."""
    record = mseed(tmp_path / "a.mseed")
    done = subprocess.run(
        [sys.executable, "-m", "quake_cli", "predict", record],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert left_in(home) == []


@pytest.mark.parametrize("module", ["quake", "quake.inference", "quake.store.station_work"])
def test_the_library_switches_telemetry_off_when_it_is_imported(environment, home, module):
    """Workers of a pool or of Dask import a module, not the program."""
    code = f"import {module}, onnxruntime; onnxruntime.InferenceSession({model()!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert left_in(home) == []


def test_the_exported_example_switches_telemetry_off_by_itself(environment, home):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "export_onnx.py"), model()],
        env={**environment, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert left_in(home) == []


def model():
    return str(ROOT / "quake" / "bundled" / "b0.onnx")


@pytest.mark.slow
def test_watch_opens_no_socket_in_a_minute(start, home, tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    mseed(archive / "a.mseed")
    process, calls = start("watch", archive, "--output", f"{tmp_path}/store", "--wait", "1")
    try:
        process.communicate(timeout=65)
    except subprocess.TimeoutExpired:
        pass
    else:
        pytest.fail("watch ended by itself")
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert_is_private(calls, home)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["onnx", "torchscript"])
def test_export_opens_no_socket(start, home, tmp_path, form):
    suffix = {"onnx": "onnx", "torchscript": "pt"}[form]
    process, calls = start("export", "--format", form, "--output", f"{tmp_path}/m.{suffix}")
    _, err = process.communicate(timeout=290)
    assert process.returncode == 0, err
    assert_is_private(calls, home)


@pytest.mark.slow
def test_train_opens_no_socket(start, home, tmp_path):
    process, calls = start(
        *("train", two_classes(tmp_path / "classes"), "--weights", "none", "--epochs", "1"),
        *("--window", "20", "--workers", "1", "--run", f"{tmp_path}/run"),
    )
    _, err = process.communicate(timeout=290)
    assert process.returncode == 0, err
    assert_is_private(calls, home)


def two_classes(folder):
    """A folder per class, twelve records in each."""
    for label in ("earthquake", "noise"):
        (folder / label).mkdir(parents=True)
        for number in range(12):
            rows = noise(3000, seed=number).astype(np.int32)
            start_ns = START_NS + (number + 100 * (label == "noise")) * 3600 * NS_PER_S
            write(folder / label / f"{number}.mseed", stream(rows, start_ns=start_ns))
    return folder
