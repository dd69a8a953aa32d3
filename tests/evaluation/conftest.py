"""Labelled records, and a network that hears bursts."""

import pytest
import torch
from bursts import write_labelled

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.model_file.card import Calibration, ModelCard


class BurstDetector(torch.nn.Module):
    """Logits (B, 2), earthquake first: how far the loudest column rises above the others."""

    def forward(self, spectrograms):
        loudness = spectrograms.mean(dim=1).amax(dim=1)  # of the loudest frequency
        contrast = loudness.amax(dim=1) - loudness.median(dim=1).values
        return torch.stack([contrast - 0.6, torch.zeros_like(contrast)], dim=1) * 20


@pytest.fixture(scope="session")
def labelled(tmp_path_factory):
    """Path of a table of eight rows: four earthquakes, four of noise."""
    return write_labelled(tmp_path_factory.mktemp("labelled"))


@pytest.fixture
def card():
    return ModelCard(
        network={},
        labels=LabelSet(("earthquake", "noise")),
        preprocessing=Preprocessing(window_s=30.0),
        calibration=Calibration(1.0, (0.5, 0.5)),
    )


@pytest.fixture
def detector(card, monkeypatch):
    """Makes `evaluate` load the detector of bursts, whatever the model file."""
    monkeypatch.setattr(
        "quake.evaluation.evaluation.load_model", lambda path: (card, BurstDetector())
    )
    return "detector.safetensors"
