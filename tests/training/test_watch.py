"""What is watched in the course of a run: learning rate, speed, and a loss that is no number."""

import csv

import pytest
import torch

from quake.data.preprocessing import Preprocessing
from quake.errors import TrainingError
from quake.training import TrainConfig, train
from quake.training.progress import Progress
from quake.training.watch import Watch, _epoch_seed

TINY = Preprocessing(
    window_s=10.0, sampling_rate_hz=20.0, nperseg=32, hop_samples=8, band_hz=(0.7, 9.0)
)


def config(**changes):
    return TrainConfig(
        **{
            "weights": None,
            "preprocessing": TINY,
            "epochs": 2,
            "batch_size": 8,
            "accelerator": "cpu",
            "workers": 0,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def rows(tiny_table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(config(), tiny_table, run=folder)
    with (folder / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_the_learning_rate_of_an_epoch_is_its_largest_one(rows):
    assert rows[0]["learning_rate"] == pytest.approx(2e-3, rel=0.3)
    assert 0 < rows[1]["learning_rate"] < rows[0]["learning_rate"]


def test_windows_a_second_are_told_for_each_epoch(rows):
    assert all(row["windows_per_s"] > 0 for row in rows)


def test_a_loss_that_is_no_number_is_an_error_that_says_what_to_do(tiny_table, tmp_path):
    with pytest.raises(TrainingError, match=r"never a number; lower --learning-rate"):
        train(config(learning_rate=1e30), tiny_table, tmp_path / "model.safetensors")
    assert not (tmp_path / "model.safetensors").exists()


def test_what_a_watch_knows_survives_a_checkpoint():
    watch = Watch(Progress(), 3, None)
    watch.best_loss, watch.best_epoch = 0.25, 4
    watch.best_state = {"weight": torch.ones(2)}
    watch.history = [{"epoch": 0, "validation_loss": 0.25}]
    other = Watch(Progress(), 3, None)
    other.load_state_dict(watch.state_dict())
    assert other.state_dict() == watch.state_dict()


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_epochs_and_processes_have_seeds_of_their_own(seed):
    seeds = {_epoch_seed(seed, epoch, rank) for epoch in range(50) for rank in range(4)}
    assert len(seeds) == 200
    torch.manual_seed(max(seeds))  # refuses what does not fit into 64 bits
