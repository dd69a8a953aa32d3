"""Map where in a spectrogram the evidence for a class lies.

Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) weights the features of a layer by the gradients
of a class and adds them up. Its weights are means over the whole image, which suits the last layer.
That of an EfficientNet has three cells for a minute of waveform; so the deepest layer is taken that
still has some resolution, and every cell keeps the gradient of its own, as in HiResCAM (Draelos &
Carin 2020, arXiv 2011.08891). At a last layer that is averaged and classified by a linear one, as
HybridViT's is, the two are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quake.models.network import Network

LEAST_CELLS = 24
"""Fewer of them show no place: with twelve, a cell is ten seconds by an octave wide."""


@dataclass(frozen=True, eq=False)
class ClassMap:
    """How much each part of a spectrogram speaks for a class.

    Attributes
    ----------
    layer : str
        Name of the layer in the network, as in ``features.3``.
    stride : int
        Pixels of the spectrogram between two cells; cell (i, j) is centred on pixel
        (stride i, stride j).
    cells : float64 array of shape (h, w)
        From 0 to 1, which is the largest; all 0 where nothing speaks for the class.
    """

    layer: str
    stride: int
    cells: NDArray[np.float64]

    def on_grid(self, n_rows: int, n_columns: int) -> NDArray[np.float64]:
        """Interpolate between the centres of cells, linearly in both directions.

        Parameters
        ----------
        n_rows, n_columns : int
            Of the spectrogram.

        Returns
        -------
        float64 array of shape (n_rows, n_columns)
            Beyond the outermost centres, the values of these.
        """
        rows = _interpolation(len(self.cells), n_rows, self.stride)
        columns = _interpolation(self.cells.shape[1], n_columns, self.stride)
        return rows @ self.cells @ columns.T


def log_odds(logits: Tensor, index: int) -> Tensor:
    """Natural logarithm of the odds of a class, p / (1 - p).

    Parameters
    ----------
    logits : Tensor of shape (B, K), K of 2 or more
    index : int
        Of the class.

    Returns
    -------
    Tensor of shape (B,)
        Finite where p is so near to 1 that it cannot be told from it.
    """
    others = [i for i in range(logits.shape[1]) if i != index]
    return logits[:, index] - torch.logsumexp(logits[:, others], dim=1)


def class_map(network: Network, spectrogram: Tensor, index: int) -> ClassMap:
    """Map the evidence for a class.

    Parameters
    ----------
    network : Network
        In evaluation mode.
    spectrogram : Tensor of shape (C, H, W)
    index : int
        Of the class.

    Returns
    -------
    ClassMap
        Gradients of the log-odds of the class times the features, added over the features of a
        cell; where the sum is negative, 0.
    """
    with torch.enable_grad():
        name, features = "", spectrogram[None].requires_grad_()
        image = features
        for number, image in _outputs(network.features, features):
            if image.shape[2] * image.shape[3] >= LEAST_CELLS or not name:
                name, features = f"features.{number}", image
        logits = network.classifier(network.avgpool(image).flatten(1))
        (gradients,) = torch.autograd.grad(log_odds(logits, index).sum(), features)
    evidence = (gradients * features).sum(1)[0].clamp_min(0).detach()
    largest = evidence.max()
    if largest > 0:
        evidence = evidence / largest
    depth = int(name.rpartition(".")[2]) + 1
    cells = evidence.to("cpu", torch.float64).numpy()
    return ClassMap(name, _stride(network.features[:depth]), cells)


def _outputs(features: nn.Sequential, image: Tensor) -> Iterator[tuple[int, Tensor]]:
    for number, layer in enumerate(features):
        image = layer(image)
        yield number, image


def _stride(layers: nn.Module) -> int:
    """Pixels between two cells behind layers whose convolutions follow one another."""
    stride = 1
    for layer in layers.modules():
        if isinstance(layer, nn.Conv2d):
            stride *= int(layer.stride[0])
    return stride


def _interpolation(n_cells: int, n_pixels: int, stride: int) -> NDArray[np.float64]:
    """Weights of shape (n_pixels, n_cells)."""
    places = np.clip(np.arange(n_pixels) / stride, 0, n_cells - 1)
    weights: NDArray[np.float64] = np.clip(1 - np.abs(places[:, None] - np.arange(n_cells)), 0, 1)
    return weights
