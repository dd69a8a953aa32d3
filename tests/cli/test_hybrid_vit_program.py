"""A HybridViT goes wherever an EfficientNet does: models, info, predict, --backbone."""

import csv
import json

import numpy as np
import pytest
from strategies import START_NS, noise, sine, stream, write

from quake.inference import Classifier
from quake.model_file.registry import find_model
from quake.model_file.safetensors_file import load_card
from quake.waveforms.times import format_time


@pytest.fixture(scope="module")
def vit_path(tmp_path_factory):
    """A model file with random weights: one layer of the smallest transformer, three classes."""
    import torch

    from quake.classes import LabelSet
    from quake.data.preprocessing import Preprocessing
    from quake.model_file.card import Calibration, ModelCard
    from quake.model_file.identity import versions
    from quake.model_file.safetensors_file import save_model
    from quake.models import HybridViT

    torch.manual_seed(0)
    network = HybridViT("tiny", num_classes=3, depth=1)
    card = ModelCard(
        network=network.config.to_dict(),
        labels=LabelSet(("earthquake", "surface_event", "noise")),
        preprocessing=Preprocessing(),
        calibration=Calibration(1.0, (0.5, 0.5, 0.5)),
        versions=versions(),
    )
    path = tmp_path_factory.mktemp("model") / "vit.safetensors"
    save_model(path, card, network.state_dict())
    return path


def test_models_shows_the_sizes_of_the_transformers(quake):
    run = quake("models")
    (line,) = [line.split() for line in run.out.splitlines() if "hybrid-vit-tiny" in line]
    assert line == ["hybrid-vit-tiny", "1,489,304", "128", "6", "4"]
    assert sum("hybrid-vit-" in line for line in run.out.splitlines()) == 4


def test_models_as_json_has_all_architectures(quake):
    found = json.loads(quake("models", "--json").out)["backbones"]
    (tiny,) = [backbone for backbone in found if backbone["name"] == "hybrid-vit-tiny"]
    assert (tiny["parameters"], tiny["layers"]) == (1_489_304, 6)


def test_info_shows_architecture_and_depth(quake, vit_path):
    run = quake("info", vit_path)
    assert run.status == 0
    assert "architecture hybrid_vit, backbone hybrid-vit-tiny" in run.out
    assert "depth 1" in run.out


def test_predict_scores_windows_with_it(quake, good_file, vit_path):
    run = quake("predict", good_file, "--model", vit_path, "--device", "cpu")
    assert run.status == 0
    assert len(run.records) == 4
    for record in run.records:
        assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["hybrid-vit-tiny", "HybridViT_Tiny"])
def test_an_installed_one_is_found_by_its_backbone(
    quake, good_file, vit_path, no_installed_models, name
):
    installed = no_installed_models / "mine.safetensors"
    installed.write_bytes(vit_path.read_bytes())
    assert find_model(backbone=name) == installed
    assert quake("predict", good_file, "--backbone", name, "--device", "cpu").status == 0


def test_without_one_the_error_says_how_to_train_it(quake, good_file):
    run = quake("predict", good_file, "--backbone", "hybrid-vit-small")
    assert run.status == 4
    assert "quake train LABELS.csv --backbone hybrid-vit-small" in run.errors[-1]


def test_a_misspelt_one_is_answered_with_the_nearest(quake, good_file):
    run = quake("predict", good_file, "--backbone", "hybrid-vit-tny")
    assert run.status == 2
    assert "did you mean hybrid-vit-tiny?" in run.errors[-1]


def test_a_batch_of_windows_gives_what_each_gives_alone(vit_path):
    classifier = Classifier(vit_path, device="cpu")
    windows = np.random.default_rng(0).standard_normal((5, 3, 3000)).astype(np.float32)
    together = classifier.probabilities(windows)
    alone = np.concatenate([classifier.probabilities(window[None]) for window in windows])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.fixture
def label_table(tmp_path):
    """Twelve records an hour apart; every second one has a tone from its middle on."""
    rows = []
    for number in range(12):
        label = ("noise", "earthquake")[number % 2]
        samples = noise(1200, seed=number)
        if label == "earthquake":
            samples[:, 600:900] += 8000 * sine(3, 300, 20)
        start_ns = START_NS + number * 3600 * 10**9
        path = tmp_path / f"{number}.mseed"
        write(path, stream(samples.astype(np.int32), rate_hz=20.0, start_ns=start_ns))
        times = (format_time(start_ns + s * 10**9) for s in (0, 59, 30))
        start, end, onset = times
        rows.append(
            {"path": path.name, "start": start, "end": end, "label": label, "p_time": onset}
        )
    table = tmp_path / "labels.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return table


def test_train_makes_a_model_of_it_that_predicts(quake, label_table, tmp_path, good_file):
    model = tmp_path / "model.safetensors"
    options = (
        "--backbone hybrid-vit-tiny --depth 2 --weights none --window 20 --rate 20 --band 1,9 "
        "--epochs 1 --batch-size 4 --workers 0 --validation 0.25 --test 0.25 --device cpu"
    )
    run = quake("train", label_table, "--output", model, *options.split())
    assert run.status == 0, run.err
    network = load_card(model).network
    assert (network["backbone"], network["depth"]) == ("hybrid-vit-tiny", 2)
    assert quake("predict", good_file, "--model", model, "--device", "cpu").status == 0


def test_imagenet_weights_asked_for_are_refused_as_there_are_none(quake, label_table, tmp_path):
    model = tmp_path / "model.safetensors"
    options = ("--backbone", "hybrid-vit-tiny", "--weights", "imagenet")
    run = quake("train", label_table, "--output", model, *options)
    assert run.status == 4
    assert "--weights none" in run.errors[-1]
    assert not model.exists()
