"""A run that is killed and given again ends as one that nobody disturbed, to the last bit."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quake.data.preprocessing import Preprocessing
from quake.errors import ParameterError, TrainingError
from quake.training import TrainConfig, train
from quake.training.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
TINY = Preprocessing(
    window_s=10.0, sampling_rate_hz=20.0, nperseg=32, hop_samples=8, band_hz=(0.7, 9.0)
)
N_BATCHES = 3  # an epoch
EVERYTHING = {
    "average": 0.9,
    "mixup": 0.4,
    "spec_augment": 2,
    "progressive": 2,
    "freeze_epochs": 1,
    "loss": "focal",
}


class KilledError(Exception):
    """Stands for the power cut."""


def config(**changes):
    return TrainConfig(
        **{
            "weights": None,
            "preprocessing": TINY,
            "epochs": 3,
            "draws_per_epoch": 8 * N_BATCHES + 1,
            "batch_size": 8,
            "accelerator": "cpu",
            "workers": 0,
            **changes,
        }
    )


def killed_after(n_batches):
    seen = []

    def batch(done, total):
        seen.append(done)
        if len(seen) == n_batches:
            raise KilledError

    return Progress(batch=batch)


def models(folder):
    return {name: (folder / f"{name}.safetensors").read_bytes() for name in ("model", "last")}


def metrics(folder):
    """Rows of metrics.csv without the one column that a clock gave."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [
            {name: value for name, value in row.items() if name != "windows_per_s"}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("changes", [{"workers": 1}, EVERYTHING], ids=["workers", "all"])
def test_a_run_killed_in_mid_epoch_ends_as_if_it_had_not_been(tiny_table, tmp_path, changes):
    chosen = config(**changes)
    train(chosen, tiny_table, run=tmp_path / "whole")
    with pytest.raises(KilledError):
        train(
            chosen,
            tiny_table,
            run=tmp_path / "parts",
            progress=killed_after(N_BATCHES + 2),
        )
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    went_on_from = []
    train(
        chosen,
        tiny_table,
        run=tmp_path / "parts",
        progress=Progress(resumed=went_on_from.append),
    )
    assert went_on_from == [1]
    assert models(tmp_path / "parts") == models(tmp_path / "whole")
    assert metrics(tmp_path / "parts") == metrics(tmp_path / "whole")


@pytest.fixture(scope="module")
def begun(tiny_table, tmp_path_factory):
    """A run of two epochs, killed in its second one."""
    folder = tmp_path_factory.mktemp("begun")
    with pytest.raises(KilledError):
        train(config(epochs=2), tiny_table, run=folder, progress=killed_after(N_BATCHES + 1))
    return folder


def test_a_run_is_not_resumed_with_another_configuration(begun, tiny_table):
    with pytest.raises(ParameterError, match="learning_rate differ"):
        train(config(epochs=2, learning_rate=1e-4), tiny_table, run=begun)


def test_a_damaged_checkpoint_is_named(begun, tiny_table):
    checkpoint = begun / "resume.ckpt"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match=r"resume\.ckpt: cannot be read"):
        train(config(epochs=2), tiny_table, run=begun)
    checkpoint.write_bytes(whole)


def command(table, folder):
    options = (
        "--weights none --window 10 --rate 20 --nperseg 32 --hop 8 --band 0.7,9 --epochs 4 "
        "--draws-per-epoch 97 --batch-size 8 --accelerator cpu --workers 1 --cache none"
    )
    return [sys.executable, "-m", "quake_cli", "train", table, "--run", folder, *options.split()]


def start(table, folder):
    return subprocess.Popen(
        list(map(str, command(table, folder))),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def wait_for_epochs(process, folder, n_epochs):
    file = folder / "metrics.csv"
    while not file.exists() or len(file.read_text().splitlines()) <= n_epochs:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.fixture(scope="module")
def undisturbed(tiny_table, tmp_path_factory):
    """A run that nothing interrupts, of the same command."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert start(tiny_table, folder).communicate()[0]
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_changes_nothing_but_the_time(tiny_table, tmp_path, undisturbed):
    killed = start(tiny_table, tmp_path / "parts")
    wait_for_epochs(killed, tmp_path / "parts", 2)
    time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    resumed = start(tiny_table, tmp_path / "parts")
    _, said = resumed.communicate()
    assert resumed.returncode == 0, said
    assert models(tmp_path / "parts") == models(undisturbed)
    assert metrics(tmp_path / "parts") == metrics(undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("to_all", [False, True], ids=["process", "group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_an_interrupted_run_says_so_in_its_status_and_resumes_to_the_same_model(
    tiny_table, tmp_path, undisturbed, number, to_all
):
    process = start(tiny_table, tmp_path / "run")
    wait_for_epochs(process, tmp_path / "run", 1)
    (os.killpg if to_all else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "unexpected" not in said
    assert said.splitlines()[-1] == "quake: error: interrupted"
    resumed = start(tiny_table, tmp_path / "run")
    _, said = resumed.communicate()
    assert resumed.returncode == 0, said
    assert models(tmp_path / "run") == models(undisturbed)
    assert metrics(tmp_path / "run") == metrics(undisturbed)
