"""`quake models` and `quake info`."""

import json

import pytest

from quake.model_file.identity import model_hash
from quake.model_file.safetensors_file import load_card


@pytest.fixture
def installed(model_path, no_installed_models):
    """A model by the name of mine, and a broken one."""
    (no_installed_models / "mine.safetensors").write_bytes(model_path.read_bytes())
    (no_installed_models / "broken.safetensors").write_bytes(b"nothing")
    return no_installed_models


def test_models_shows_the_facts_of_the_backbones(quake):
    run = quake("models")
    assert run.status == 0
    (line,) = [line.split() for line in run.out.splitlines() if "efficientnet_b0" in line]
    assert line == ["b0", "5,288,548", "5.3", "M", "77.7", "77.1", line[-1]]
    assert sum("efficientnet_" in line for line in run.out.splitlines()) == 7


def test_models_lists_what_is_installed_and_warns_of_what_is_broken(quake, installed):
    run = quake("models")
    assert "mine (installed)" in run.out
    assert "earthquake, surface_event, noise" in run.out
    assert "60 s at 50 Hz" in run.out
    (warning,) = run.warnings
    assert "broken.safetensors" in warning


def test_models_as_json(quake, installed, model_path):
    found = json.loads(quake("models", "--json", "--quiet").out)
    assert [backbone["name"] for backbone in found["backbones"]][:2] == ["b0", "b1"]
    (mine,) = [model for model in found["models"] if model["name"] == "mine"]
    assert mine["hash"] == model_hash(model_path)
    assert len(found["problems"]) == 1


def test_info_shows_the_card(quake, model_path):
    run = quake("info", model_path)
    assert run.status == 0
    for text in (
        model_hash(model_path),
        "log10 magnitude",
        "0.750 (0.500 to 0.900)",
        "0.700 (0.400 to -)",
        "0.500 (0.250 to 0.875)",
        "Rows of training data",
    ):
        assert text in run.out


def test_info_as_json_is_the_card(quake, model_path):
    values = json.loads(quake("info", model_path, "--json").out)
    assert values.pop("file")["hash"] == model_hash(model_path)
    assert values == json.loads(load_card(model_path).to_json())


def test_info_of_an_installed_model_by_name(quake, installed):
    assert quake("info", "mine").status == 0


@pytest.mark.parametrize("name", ["broken", "missing", "missing.safetensors"])
def test_info_of_what_is_no_model_is_status_4(quake, installed, name):
    run = quake("info", name)
    assert run.status == 4
    assert name in run.errors[-1]
