"""`quake.models` lists weights with the facts about them, and the facts are those of the files."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quake.errors import ModelError
from quake.model_file.registry import ModelEntry
from quake.model_file.safetensors_file import load_card
from quake.model_file.weights import meta_of
from quake.models import Weights, get_weights, list_weights

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = ROOT / "quake" / "bundled"


@pytest.fixture(autouse=True)
def only_bundled(tmp_path, monkeypatch):
    monkeypatch.setenv("QUAKE_MODEL_DIR", str(tmp_path / "installed"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_every_bundled_model_is_a_member():
    files = {path.stem for path in BUNDLED.glob("*.safetensors")}
    assert {member.value for member in Weights} == files
    assert all(member.path.is_file() for member in Weights)
    assert Weights.DEFAULT is Weights.B0
    assert Weights["B0"] is Weights("b0")


@pytest.mark.parametrize("weights", Weights)
def test_facts_are_of_the_file(weights):
    content = weights.path.read_bytes()
    meta = weights.meta
    assert meta.sha256 == hashlib.sha256(content).hexdigest()
    assert meta.size_bytes == len(content)
    assert meta.classes == weights.card.labels.names
    assert meta.backbone == weights.card.network["backbone"] == weights.value
    assert meta.licence == "MIT"
    assert "MIT License" in (ROOT / "LICENSE").read_text()
    assert meta.metrics["held out"]["macro_f1"] == weights.card.metrics["held out"]["macro_f1"]
    assert set(meta.sources) == set(weights.card.training["rows"]["train"])


def test_weights_their_network_and_their_transform_belong_together():
    import torch

    from quake import Classifier

    windows = np.random.default_rng(0).standard_normal((2, 3, 3000)).astype(np.float32)
    weights = Weights.B0
    with torch.no_grad():
        logits = weights.load()(weights.transforms()(torch.from_numpy(windows)))
    expected = (logits / weights.card.calibration.temperature).softmax(-1).numpy()
    found = Classifier(weights.path, device="cpu", threads=1).probabilities(windows)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_lists_have_bundled_and_installed_models(tmp_path, model_path):
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "mine.safetensors").write_bytes(model_path.read_bytes())
    assert [(m.name, m.origin) for m in list_weights()] == [
        ("mine", "installed"),
        ("b0", "bundled"),
    ]
    mine = get_weights("mine")
    assert (mine.licence, mine.sources) == (None, ("one",))
    assert mine.metrics == {
        "test": {"rows": 2, "events": 2, "accuracy": [0.75, 0.5, 0.9], "macro_f1": [0.7, 0.4, None]}
    }
    assert get_weights(model_path).origin == "file"
    with pytest.raises(ModelError, match="neither a file nor the name"):
        get_weights("nobody")


def test_a_licence_in_the_card_is_the_one_shown(model_path):
    card = load_card(model_path)
    said = replace(card, training={**card.training, "licence": "CC-BY-4.0"})
    assert meta_of(ModelEntry("x", model_path, "file", said)).licence == "CC-BY-4.0"


@pytest.mark.parametrize(
    "metrics",
    [
        {"test": 3},
        {"test": {"accuracy": "high"}},
        {"test": {"accuracy": [1]}},
        {"test": {"accuracy": [0.5, "a", None]}},
        {"test": {"accuracy": {"0": 1}}},
    ],
)
def test_figures_that_are_none_are_left_out(model_path, metrics):
    card = replace(load_card(model_path), metrics=metrics, training={"rows": {"train": 7}})
    meta = meta_of(ModelEntry("x", model_path, "file", card))
    assert (meta.metrics, meta.sources) == ({}, ())


def test_facts_are_plain_json():
    values = Weights.B0.meta.to_dict()
    assert json.loads(json.dumps(values)) == values


def test_the_program_shows_the_same_facts():
    done = subprocess.run(
        [sys.executable, "-m", "quake_cli", "models", "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    (shown,) = json.loads(done.stdout)["models"]
    facts = Weights.B0.meta.to_dict()
    assert shown == {**facts, "hash": facts["sha256"][:12], "path": shown["path"]}


def test_facts_are_listed_without_torch():
    program = (
        "import sys; from quake.models import Weights; Weights.B0.meta;"
        "print([m for m in ('torch', 'scipy', 'obspy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
