"""Going on from a trained model: other classes, its preprocessing, and two phases."""

import csv

import pytest
import torch

from quake.data.preprocessing import Preprocessing
from quake.errors import ModelError
from quake.model_file.safetensors_file import load_card, load_model
from quake.training import TrainConfig, train

TINY = Preprocessing(
    window_s=10.0, sampling_rate_hz=20.0, nperseg=32, hop_samples=8, band_hz=(0.7, 9.0)
)
STILL = 1e-12  # a learning rate that moves no weight as far as single precision tells


def config(**changes):
    return TrainConfig(
        **{
            "weights": None,
            "epochs": 1,
            "batch_size": 8,
            "accelerator": "cpu",
            "workers": 0,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def first(tiny_table, tmp_path_factory):
    path = tmp_path_factory.mktemp("first") / "first.safetensors"
    train(config(preprocessing=TINY), tiny_table, path)
    return path


def state_of(path):
    return load_model(path)[1].state_dict()


def features_of(state):
    return {name: tensor for name, tensor in state.items() if name.startswith("features.")}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_classes_in_another_order_take_their_rows_along(first, tiny_table, tmp_path):
    output = tmp_path / "second.safetensors"
    changes = {"classes": ("noise", "earthquake"), "learning_rate": STILL}
    train(config(start_from=str(first), **changes), tiny_table, output)
    old, new = state_of(first), state_of(output)
    assert load_card(output).labels.names == ("noise", "earthquake")
    assert torch.allclose(new["classifier.1.weight"], old["classifier.1.weight"].flip(0), atol=1e-6)


def test_the_preprocessing_of_the_model_is_taken(first, tiny_table, tmp_path):
    output = tmp_path / "second.safetensors"
    result = train(config(start_from=str(first)), tiny_table, output)
    assert result.card.preprocessing == TINY


def test_a_frozen_backbone_stays_as_it_was(first, tiny_table, tmp_path):
    output = tmp_path / "second.safetensors"
    train(config(start_from=str(first), freeze_backbone=True), tiny_table, output)
    old, new = state_of(first), state_of(output)
    assert equal(features_of(old), features_of(new))
    assert not torch.equal(old["classifier.1.weight"], new["classifier.1.weight"])


def test_two_phases_are_one_run(first, tiny_table, tmp_path):
    chosen = config(start_from=str(first), freeze_epochs=1, epochs=3, learning_rate=1e-3)
    train(chosen, tiny_table, run=tmp_path)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["backbone_frozen"]) for row in rows] == [1, 0, 0]
    last = state_of(tmp_path / "last.safetensors")
    assert not equal(features_of(state_of(first)), features_of(last))


def test_a_model_that_is_not_there_is_named(tiny_table, tmp_path):
    with pytest.raises(ModelError, match=r"none\.safetensors: no such model file"):
        train(config(start_from=str(tmp_path / "none.safetensors")), tiny_table, tmp_path / "m")
