"""Networks small enough to be known by hand, and where the real record is."""

from pathlib import Path

import torch
from torch import nn

from quake.models.network import Network

RECORD = Path(__file__).resolve().parents[2] / "examples" / "BK.MHC.mseed"


class TinyNetwork(Network):
    """Layers that are given, the mean of each feature, a linear layer."""

    def __init__(self, layers, weights):
        nn.Module.__init__(self)
        self._frozen = False
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        weights = torch.as_tensor(weights, dtype=torch.float32)
        linear = nn.Linear(weights.shape[1], weights.shape[0], bias=False)
        linear.weight.data = weights
        self.classifier = nn.Sequential(nn.Dropout(), linear)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def convolution(weights, stride=1):
    """A convolution of 1 by 1 pixels; weights of shape (out, in)."""
    weights = torch.as_tensor(weights, dtype=torch.float32)
    layer = nn.Conv2d(weights.shape[1], weights.shape[0], 1, stride, bias=False)
    layer.weight.data = weights[:, :, None, None]
    return layer
