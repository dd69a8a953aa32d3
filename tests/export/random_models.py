"""Model files with random weights, of any network."""

import torch

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.model_file.card import Calibration, ModelCard
from quake.model_file.identity import versions
from quake.model_file.safetensors_file import save_model
from quake.models import build_model


def save_random(path, network, preprocessing=None, temperature=1.7, classes=("a", "b", "noise")):
    """Write a model with random weights, whose batch norms have learned something too."""
    torch.manual_seed(0)
    config = {"in_channels": 3, "num_classes": len(classes), "dropout": 0.2, **network}
    model = build_model(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(model.classifier[1].weight, std=0.3)  # answers that differ
    card = ModelCard(
        network=config,
        labels=LabelSet(classes),
        preprocessing=preprocessing or Preprocessing(),
        calibration=Calibration(temperature, (0.5,) * len(classes)),
        versions=versions(),
    )
    save_model(path, card, model.state_dict())
    return path
