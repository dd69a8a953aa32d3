"""Share what all networks have: average over the image, dropout, a linear layer, freezing.

A spectrogram ``(B, C, H, W)`` enters, logits ``(B, num_classes)`` leave.
"""

from __future__ import annotations

from math import ceil
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from quake.errors import ParameterError
from quake.models.config import NetworkConfig


class Network(nn.Module):
    """A network of two parts: features of shape (B, D, h, w), and a classifier of their mean.

    The classifier is dropout and a linear layer; its tensors are ``classifier.1.weight`` and
    ``classifier.1.bias`` in every network.

    Parameters
    ----------
    config
        What builds the network again.
    """

    total_stride: ClassVar[int]  # pixels of the input, each way, that share one of the features

    features: nn.Sequential
    avgpool: nn.Module
    classifier: nn.Sequential

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self._frozen = False

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits.

        Parameters
        ----------
        x
            Spectrograms of shape (B, C, H, W), float32, of any height and width from 1 on.

        Returns
        -------
        Tensor
            Logits of shape (B, num_classes).

        Raises
        ------
        ParameterError
            If the shape does not fit.
        """
        # While tracing, sizes are tensors, and comparing them makes torch warn.
        if not torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            self._check_shape(x)
        x = self.avgpool(self.features(x)).flatten(1)
        logits: Tensor = self.classifier(x)
        return logits

    def freeze(self) -> None:
        """Fix all but the classifier: no gradients, batch-norm statistics and blocks at rest.

        The blocks then behave as in evaluation also after `train`, without stochastic depth:
        features of an input are always the same.
        """
        self._set_frozen(True)

    def unfreeze(self) -> None:
        """Let all of the network learn again, for the second phase of training."""
        self._set_frozen(False)

    @property
    def is_frozen(self) -> bool:
        """Whether only the classifier learns."""
        return self._frozen

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self._frozen:
            self.features.eval()
        return self

    def _set_frozen(self, frozen: bool) -> None:
        self._frozen = frozen
        self.features.requires_grad_(not frozen)
        self.train(self.training)

    def _check_shape(self, x: Tensor) -> None:
        shape = tuple(x.shape)
        if x.ndim != 4:
            raise ParameterError(f"spectrograms have shape (B, C, H, W), got {shape}")
        batch, channels, height, width = shape
        if channels != self.config.in_channels:
            raise ParameterError(
                f"this network takes {self.config.in_channels} channels, got {channels} in an "
                f"input of shape {shape}"
            )
        if height < 1 or width < 1:
            raise ParameterError(f"spectrograms need a pixel at least, got shape {shape}")
        if not self.features.training:
            return
        stride = self.total_stride
        if batch * ceil(height / stride) * ceil(width / stride) == 1:
            raise ParameterError(
                f"an input of shape {shape} leaves one pixel to the last stages, of which batch "
                f"norm cannot learn a variance; train on two windows at least, or on more than "
                f"{stride} pixels"
            )


def new_classifier(n_features: int, num_classes: int, dropout: float) -> nn.Sequential:
    """Dropout and a linear layer whose first logits are near zero."""
    classifier = nn.Sequential(
        nn.Dropout(dropout, inplace=True), nn.Linear(n_features, num_classes)
    )
    calm_classifier(classifier)
    return classifier


def calm_classifier(classifier: nn.Sequential) -> None:
    """Draw the weights of the linear layer anew, small.

    torchvision draws from 1 / sqrt(num_classes): right for a thousand classes, but with three the
    first logits are so large that the first epochs only undo them.
    """
    linear = classifier[1]
    assert isinstance(linear, nn.Linear)
    nn.init.normal_(linear.weight, std=0.01)
