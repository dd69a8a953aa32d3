"""The program as a process: streams, signals, and what its start costs."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from strategies import noise, stream, write

from quake import __version__

HEAVY = ("torch", "torchvision", "obspy", "scipy", "pytorch_lightning")


def test_help_of_all_commands_loads_nothing_heavy():
    program = f"""
import sys
from quake_cli.app import main
for arguments in [], ["models"], ["info"], ["predict"], ["train"]:
    try:
        main([*arguments, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
    if not arguments:
        assert "numpy" not in sys.modules
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert "--min-coverage" in done.stdout
    assert "--hold-out" in done.stdout


def test_models_and_info_load_no_torch(model_path):
    program = f"""
import sys
from quake_cli.app import main
for arguments in ["models"], ["info", {str(model_path)!r}]:
    try:
        main(arguments)
    except SystemExit as ended:
        assert ended.code == 0
print([name for name in {HEAVY} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_that_of_the_library(process):
    out, err = process("--version", text=True).communicate()
    assert (out, err) == (f"quake {__version__}\n", "")


def test_a_pipeline_through_standard_input_and_output(process, model_path, good_file, tmp_path):
    other = write(tmp_path / "other.mseed", stream(noise(6000).astype(np.int32), station="OTHER"))
    running = process("predict", "-", "--model", model_path, stdin=subprocess.PIPE)
    out, err = running.communicate(good_file.read_bytes() + other.read_bytes())
    assert running.returncode == 0, err
    ids = [json.loads(line)["id"] for line in out.splitlines()]
    assert ids == ["XX.OTHER..HH?"] + ["XX.STA..HH?"] * 4
    lines = [line for line in err.decode().splitlines() if "has no ONNX graph yet" not in line]
    assert len(lines) == 1  # the summary, and nothing else


def test_bad_files_beside_a_good_one_give_one_line_each(process, model_path, good_file, tmp_path):
    (tmp_path / "empty.mseed").write_bytes(b"")
    (tmp_path / "text.mseed").write_text("no waveforms")
    running = process("predict", tmp_path, good_file, "--model", model_path, text=True)
    out, err = running.communicate()
    assert running.returncode == 1, err
    assert len(out.splitlines()) == 4
    assert [line.split()[1] for line in err.splitlines()] == ["error:", "error:", "3"]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_an_interrupted_run_leaves_nothing_behind(process, model_path, tmp_path, number, status):
    output = tmp_path / "results.csv"
    spool = tmp_path / "spool"
    spool.mkdir()
    running = process(
        *("predict", "-", "--model", model_path, "--output", output),
        stdin=subprocess.PIPE,
        env={"TMPDIR": str(spool)},
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(spool.glob("*/*")) and time.monotonic() < deadline:
        time.sleep(0.05)  # until it waits for standard input
    running.send_signal(number)
    assert running.wait(timeout=60) == status
    err = running.stderr.read()
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["spool"]
    for file in (running.stdin, running.stdout, running.stderr):
        file.close()


def test_a_reader_that_goes_away_ends_the_run_quietly(process, model_path, tmp_path):
    hours = write(tmp_path / "hours.mseed", stream(noise(180_000), rate_hz=50.0))
    running = process("predict", hours, "--model", model_path, "--batch-size", "4", "--quiet")
    first = running.stdout.readline()
    running.stdout.close()
    err = running.stderr.read()
    running.stderr.close()
    assert json.loads(first)["id"] == "XX.STA..HH?"
    assert (running.wait(timeout=120), err) == (141, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_the_program_loads_is_one_line(number):
    program = (
        "import builtins, os, sys\n"
        "import quake_cli.entry\n"
        "load = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        f"    if name == 'typer': os.kill(os.getpid(), {int(number)})\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = interrupted\n"
        "quake_cli.entry.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (128 + number, "quake: error: interrupted\n")
