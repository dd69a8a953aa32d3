"""The published interface: the lines of the manual run as they stand."""

import warnings
from urllib.error import URLError

import numpy as np
import pytest
import torch

from quake.models import weights
from quake.models.weights import PretrainedWeightsWarning

PUBLISHED = """
import torch.nn as nn
from quake.models import EfficientNetBackbone, EfficientNet
from quake.data.transforms import STFTTransform, ToTensor

model = EfficientNet(
    backbone=EfficientNetBackbone.B0,  # ImageNet-pretrained backbone from torchvision
    in_channels=3,                     # Z, N, E
    num_classes=2,
    dropout=0.2,                       # before the classifier
    freeze_backbone=False,             # True: feature extraction
)
transform = nn.Sequential(STFTTransform(nperseg=64, hop=32), ToTensor())
logits = model(transform(waveforms).unsqueeze(0))   # waveforms: (3, N) array -> (1, 2)
"""


@pytest.fixture(autouse=True)
def _without_network(tmp_path, monkeypatch):
    """Nothing cached and nothing to be fetched; no warning given yet."""

    def urlopen(request):
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", urlopen)
    monkeypatch.setattr(weights, "_warned", set())


def run(waveforms):
    names = {"waveforms": waveforms}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PretrainedWeightsWarning)
        exec(PUBLISHED, names)
    return names


@pytest.mark.parametrize("n_samples", [1000, 3000])
def test_the_published_lines_give_logits(n_samples):
    waveforms = np.random.default_rng(0).standard_normal((3, n_samples))
    logits = run(waveforms)["logits"]
    assert logits.shape == (1, 2)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


def test_the_published_lines_take_a_tensor_of_integers():
    counts = torch.randint(-1000, 1000, (3, 3000), dtype=torch.int32)
    assert run(counts)["logits"].shape == (1, 2)


def test_the_logits_can_be_trained_on():
    names = run(np.random.default_rng(0).standard_normal((3, 1000)))
    names["logits"].sum().backward()
    assert all(p.grad is not None for p in names["model"].parameters())


def test_the_public_names_of_the_package_can_be_imported():
    import quake

    for name in quake.__all__:
        assert getattr(quake, name) is not None


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    import quake

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = quake.nothing
