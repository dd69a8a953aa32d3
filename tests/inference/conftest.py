"""A model of random weights whose answers depend on its input, and a quick stand-in for it."""

import numpy as np
import pytest
import torch
from strategies import noise

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.data.transforms import build_transform
from quake.inference import Classifier
from quake.model_file.card import Calibration, ModelCard
from quake.model_file.safetensors_file import save_model
from quake.models import EfficientNet

CLASSES = ("earthquake", "surface_event", "noise")


@pytest.fixture(scope="session")
def random_model(tmp_path_factory):
    """Path of a B0 with three classes, thresholds 0, random weights."""
    torch.manual_seed(0)
    network = EfficientNet("b0", num_classes=3, weights=None, dropout=0.0)
    preprocessing = Preprocessing()
    # With untrained statistics of its batch norms a deep network answers all inputs alike: take
    # them from one batch, without the layers that stochastic depth leaves out.
    windows = noise(16 * 3000).reshape(3, 16, 3000).swapaxes(0, 1)
    network.eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.train()
            module.momentum = 1.0
    with torch.no_grad():
        network(build_transform(preprocessing)(windows))
        network.classifier[1].weight *= 10
    card = ModelCard(
        network=network.config.to_dict(),
        labels=LabelSet(CLASSES),
        preprocessing=preprocessing,
        calibration=Calibration(1.0, (0.0, 0.0, 0.0)),
    )
    path = tmp_path_factory.mktemp("models") / "random.safetensors"
    save_model(path, card, network.eval().state_dict())
    return path


@pytest.fixture(scope="session")
def classifier(random_model):
    return Classifier(random_model, device="cpu")


@pytest.fixture(scope="session")
def quick(random_model):
    """A classifier whose network is a random projection: any change of a window changes it."""
    classifier = Classifier(random_model, device="cpu")
    weights = np.random.default_rng(0).standard_normal((3 * 3000, len(CLASSES))) / 95

    def probabilities(windows):
        flat = windows.astype(np.float64).reshape(len(windows), -1)
        flat /= np.maximum(flat.std(axis=1, keepdims=True), 1e-300)
        # One window at a time: a product of matrices rounds differently for each batch size.
        logits = np.stack([row @ weights for row in flat])
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    classifier.engine.probabilities = probabilities
    return classifier
