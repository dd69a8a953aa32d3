"""The model file: what is saved comes back bitwise, and no file that is none is believed."""

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from quake import files
from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.errors import ModelError, ParameterError
from quake.model_file.card import FORMAT, Calibration, ModelCard
from quake.model_file.identity import model_hash, versions
from quake.model_file.safetensors_file import load_card, load_model, save_model
from quake.models import EfficientNet


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return EfficientNet("b0", num_classes=3, weights=None).eval()


@pytest.fixture(scope="module")
def card(network):
    return ModelCard(
        network=network.config.to_dict(),
        labels=LabelSet(("earthquake", "surface_event", "noise")),
        preprocessing=Preprocessing(window_s=30.0, band_hz=(1.0, 15.0)),
        calibration=Calibration(1.7, (0.5, 0.6, 0.7)),
        training={"epochs": 3, "sources": ["a", "b"]},
        metrics={"recall": {"noise": 0.25}},
        versions={"quake": "0.1.0"},
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory, card, network):
    path = tmp_path_factory.mktemp("models") / "model.safetensors"
    save_model(path, card, network.state_dict())
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def metadata_of(path):
    with safe_open(path, framework="np") as file:
        return file.metadata()


def rewritten(saved, path, tensors=None, **metadata):
    """Copy of a model file with other tensors or metadata; None removes a key."""
    both = {**metadata_of(saved), **metadata}
    both = {key: value for key, value in both.items() if value is not None}
    save_file(load_file(saved) if tensors is None else tensors, path, both)
    return path


def with_card(saved, path, **changes):
    """Copy of a model file whose card has other entries; None removes one."""
    values = {**json.loads(metadata_of(saved)["quake"]), **changes}
    values = {key: value for key, value in values.items() if value is not None}
    return rewritten(saved, path, quake=json.dumps(values))


def refused(path, load=load_card):
    """Text of the ModelError, which begins with the file."""
    with pytest.raises(ModelError) as error:
        load(path)
    text = str(error.value)
    assert text.startswith(str(path))
    return text


# --- what is saved comes back -------------------------------------------------------------


def test_the_weights_come_back_bitwise(saved, network):
    _, loaded = load_model(saved)
    state = loaded.state_dict()
    assert state.keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        assert tensor.dtype == state[name].dtype
        assert torch.equal(tensor, state[name]), name


def test_the_loaded_network_gives_bitwise_the_same_logits(saved, network):
    _, loaded = load_model(saved)
    x = torch.randn(2, 3, 20, 50)
    with torch.inference_mode():
        assert torch.equal(loaded(x), network(x))


def test_the_loaded_network_is_ready_for_inference(saved):
    _, loaded = load_model(saved)
    assert not any(module.training for module in loaded.modules())


def test_loading_draws_no_random_numbers(saved):
    before = torch.get_rng_state()
    load_model(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_card_comes_back(saved, card):
    assert load_card(saved) == card
    assert load_model(saved)[0] == card


def test_the_card_goes_through_json_unchanged(card):
    assert ModelCard.from_json(card.to_json()) == card


def test_the_file_says_its_format(saved):
    assert metadata_of(saved)["quake_format"] == str(FORMAT)


def test_saving_makes_the_folder(card, network, tmp_path):
    save_model(tmp_path / "a" / "b" / "m.safetensors", card, network.state_dict())
    assert load_card(tmp_path / "a" / "b" / "m.safetensors") == card


def test_saving_replaces_a_file(card, network, path):
    path.write_text("something else")
    save_model(path, card, network.state_dict())
    assert load_card(path) == card


def test_others_may_read_the_file(saved):
    assert saved.stat().st_mode & 0o777 == 0o644


def test_the_same_model_is_the_same_file(card, network, saved, path):
    save_model(path, card, network.state_dict())
    assert path.read_bytes() == saved.read_bytes()


def test_the_hash_is_the_beginning_of_the_files_sha256(tmp_path):
    file = tmp_path / "abc"
    file.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert model_hash(file) == "ba7816bf8f01"


def test_the_hash_of_a_missing_file_is_an_error(tmp_path):
    assert "cannot be read" in refused(tmp_path / "none", model_hash)


def test_versions_are_of_quake_and_its_numbers():
    assert {"quake", "torch", "numpy"} <= versions().keys()


# --- a failed write -----------------------------------------------------------------------


def full_disk(_):
    raise OSError(28, "No space left on device")


def test_a_failed_write_is_an_error_and_leaves_nothing(card, network, path, monkeypatch):
    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(ModelError, match=r"cannot be written \(No space left"):
        save_model(path, card, network.state_dict())
    assert list(path.parent.iterdir()) == []


def test_a_failed_write_leaves_the_file_before_it(card, network, path, monkeypatch):
    save_model(path, card, network.state_dict())
    before = path.read_bytes()
    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(ModelError):
        save_model(path, replace(card, training={}), network.state_dict())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(card, network, path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_model(path, card, network.state_dict())
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_a_file_is_an_error(card, network, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be written"):
        save_model(tmp_path / "file" / "m.safetensors", card, network.state_dict())


# --- files that are no model --------------------------------------------------------------


@pytest.mark.parametrize("load", [load_card, load_model])
def test_a_missing_file(tmp_path, load):
    assert "no such model file" in refused(tmp_path / "none.safetensors", load)


@pytest.mark.parametrize("load", [load_card, load_model])
def test_a_folder(tmp_path, load):
    assert "is a folder" in refused(tmp_path, load)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, 5_000, 100_000, -1000, -1])
def test_a_truncated_file(saved, path, length):
    content = saved.read_bytes()
    path.write_bytes(content[:length])
    assert "truncated" in refused(path, load_model)


@pytest.mark.parametrize(
    "content", [b"text", b"\0" * 1000, b"\xff" * 1000, b"PK\x03\x04" + b"\0" * 100, b"{}" * 50]
)
def test_a_file_of_something_else(path, content):
    path.write_bytes(content)
    assert "no model file of quake" in refused(path)


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("load", [load_card, load_model])
@pytest.mark.parametrize("dump", [lambda o, p: p.write_bytes(pickle.dumps(o)), torch.save])
def test_a_pickle_is_refused_and_not_run(path, tmp_path, load, dump):
    dump(Malicious(tmp_path / "proof"), path)
    refused(path, load)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"quake_format": "1"}])
def test_a_foreign_safetensors_file(path, metadata):
    save_file({"a": torch.zeros(3)}, path, metadata)
    assert "not written by quake" in refused(path)


@pytest.mark.parametrize("number", [str(FORMAT + 1), "99", "two", "1.5", "-1", ""])
def test_a_format_that_this_version_does_not_know(saved, path, number):
    text = refused(rewritten(saved, path, quake_format=number))
    assert f"reads up to {FORMAT}; update quake" in text


# --- tensors that do not fit --------------------------------------------------------------


@pytest.fixture
def tensors(saved):
    return load_file(saved)


BIAS = "classifier.1.bias"


def test_a_missing_tensor_is_named(saved, path, tensors):
    del tensors[BIAS]
    assert f"1 tensors missing ({BIAS})" in refused(rewritten(saved, path, tensors), load_model)


def test_an_unknown_tensor_is_named(saved, path, tensors):
    tensors["extra"] = torch.zeros(2)
    assert "1 tensors unknown (extra)" in refused(rewritten(saved, path, tensors), load_model)


def test_a_misshapen_tensor_is_named_with_both_shapes(saved, path, tensors):
    tensors[BIAS] = torch.zeros(2)
    text = refused(rewritten(saved, path, tensors), load_model)
    assert f"1 tensors misshapen ({BIAS} (2,) instead of (3,))" in text


def test_a_tensor_of_another_type_is_an_error(saved, path, tensors):
    tensors[BIAS] = tensors[BIAS].to(torch.float16)
    assert BIAS in refused(rewritten(saved, path, tensors), load_model)


def test_of_many_missing_tensors_three_are_named(saved, path):
    text = refused(rewritten(saved, path, {"a": torch.zeros(1)}), load_model)
    assert ", ...)" in text


# --- cards that make no sense -------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", '"card"', "{}", "[" * 100_000, '{"classes": 3}', "\x00"],
)
def test_a_card_that_is_no_card(saved, path, text):
    assert "its card cannot be used" in refused(rewritten(saved, path, quake=text))


@pytest.mark.parametrize(
    "entry", ["network", "classes", "preprocessing", "calibration", "training", "versions"]
)
def test_a_card_that_lacks_an_entry(saved, path, entry):
    text = refused(with_card(saved, path, **{entry: None}))
    assert "its card cannot be used" in text
    assert entry in text


THRESHOLDS = {"earthquake": 0.5, "surface_event": 0.5, "noise": 0.5}


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ["noise"]},
        {"classes": ["noise", "noise", "earthquake"]},
        {"calibration": {"temperature": 0, "thresholds": THRESHOLDS}},
        {"calibration": {"temperature": float("nan"), "thresholds": THRESHOLDS}},
        {"calibration": {"temperature": "hot", "thresholds": THRESHOLDS}},
        {"calibration": {"temperature": 1, "thresholds": {}}},
        {"preprocessing": {}},
        {"preprocessing": {**Preprocessing().to_dict(), "sampling_rate_hz": -5}},
        {"preprocessing": {**Preprocessing().to_dict(), "window_s": "long"}},
        {"preprocessing": {**Preprocessing().to_dict(), "band_hz": [3]}},
        {"preprocessing": {**Preprocessing().to_dict(), "detrend": "cubic"}},
        {"preprocessing": {**Preprocessing().to_dict(), "new_in_2": 1}},
        {"network": 3},
        {"training": "long"},
    ],
)
def test_a_card_with_values_that_make_no_sense(saved, path, changes):
    assert "its card cannot be used" in refused(with_card(saved, path, **changes))


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "transformer"},
        {"backbone": "b9"},
        {"dropout": 2},
        {"num_classes": 0},
        {"num_classes": "3"},
        {"in_channels": -1},
        {"extra": 1},
    ],
)
def test_a_network_that_cannot_be_built(saved, path, card, change):
    refused(with_card(saved, path, network={**card.network, **change}), load_model)


def test_a_network_with_more_outputs_than_classes(saved, path):
    text = refused(with_card(saved, path, classes=["earthquake", "noise"]), load_model)
    assert "2 classes (earthquake, noise), but a network of 3 outputs" in text


def test_a_number_that_json_has_not_is_not_written(card, network, path):
    with pytest.raises(ValueError, match="JSON"):
        save_model(path, replace(card, metrics={"loss": float("nan")}), network.state_dict())
    assert not path.exists()


# --- preprocessing ------------------------------------------------------------------------


def test_preprocessing_goes_through_a_dict_unchanged():
    preprocessing = Preprocessing(sampling_rate_hz=40.0, window_s=25.5, band_hz=(0.5, 19.0))
    assert Preprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict()))) == preprocessing


@pytest.mark.parametrize(
    "change",
    [
        {"sampling_rate_hz": 0},
        {"nperseg": 1},
        {"hop_samples": 0},
        {"hop_samples": 65},
        {"band_hz": (5.0, 5.0)},
        {"band_hz": (1.0, 26.0)},
        {"band_hz": (-1.0, 20.0)},
        {"window_s": 1.0},
        {"window_s": 60.01},
        {"components": "ENZ"},
    ],
)
def test_preprocessing_that_makes_no_sense_is_refused(change):
    with pytest.raises(ParameterError, match="preprocessing: "):
        Preprocessing(**change)


def test_numbers_of_a_window_by_hand():
    preprocessing = Preprocessing(sampling_rate_hz=40.0, window_s=25.5, band_hz=(1.0, 20.0))
    assert (preprocessing.n_samples, preprocessing.window_ns) == (1020, 25_500_000_000)
    assert np.isclose(preprocessing.n_samples / 40, preprocessing.window_s)


def test_a_torchvision_that_does_not_fit_is_blamed_and_not_the_model(model_path, monkeypatch):
    def build_model(network):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("quake.models.build_model", build_model)
    with pytest.raises(ModelError, match=r"does not fit torch.*install them together"):
        load_model(model_path)
