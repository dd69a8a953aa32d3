"""HybridViT: a spectrogram ``(B, C, H, W)`` enters, logits ``(B, num_classes)`` leave.

A convolutional stem makes tokens of 8 x 8 pixels, a transformer encoder lets each of them look at
all others, and their mean is classified. References: Dosovitskiy et al. 2021, *An Image is Worth
16x16 Words*, arXiv 2010.11929, for the encoder; Xiao et al. 2021, *Early Convolutions Help
Transformers See Better*, arXiv 2106.14881, for the stem; Beyer, Zhai & Kolesnikov 2022, *Better
plain ViT baselines for ImageNet-1k*, arXiv 2205.01580, for the fixed positions and the mean
instead of a class token.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from quake.errors import ParameterError, WeightsError
from quake.models.backbones import HybridViTBackbone
from quake.models.config import NetworkConfig, positive_int
from quake.models.network import Network, new_classifier
from quake.models.weights import load_pretrained, read_weights

MLP_RATIO = 4  # hidden numbers of a token's perceptron a number of the token, as in all ViTs
STOCHASTIC_DEPTH = 0.1  # of the last layer, in training; it grows linearly from 0 at the first
LARGEST_PERIOD = 10_000.0  # in tokens, of the position code (Vaswani et al. 2017, arXiv 1706.03762)


@dataclass(frozen=True)
class HybridViTConfig(NetworkConfig):
    """All that is needed to build a `HybridViT` again; saved with its weights.

    Parameters
    ----------
    depth
        Layers of the encoder, from 1 to those of the backbone; None takes all of them.
    """

    architecture: ClassVar[str] = "hybrid_vit"

    backbone: HybridViTBackbone = HybridViTBackbone.TINY
    depth: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        layers = self.backbone.facts.layers
        depth = layers if self.depth is None else positive_int("depth", self.depth)
        if depth > layers:
            raise ParameterError(
                f"depth {depth} is more than the {layers} layers of {self.backbone}; take fewer, "
                "or a larger backbone"
            )
        self._set("depth", depth)

    def _backbone(self) -> HybridViTBackbone:
        return HybridViTBackbone.parse(self.backbone)


class HybridViT(Network):
    """Vision transformer on spectrograms behind a convolutional stem.

    Parameters
    ----------
    backbone
        A size or its name: ``tiny``, ``small``, ``medium``, ``base``, with ``hybrid-vit-`` before
        it or not.
    in_channels
        Number of input channels ``C``, one a component.
    num_classes
        Number of logits.
    dropout
        Probability of dropping a feature before the classifier, 0 <= dropout < 1.
    freeze_backbone
        Train the classifier only, on fixed features; see `freeze`.
    weights
        A path to a ``.pth`` or ``.safetensors`` file of a HybridViT of the same size and depth, or
        None for random ones. There are no ImageNet weights.
    depth
        Layers of the encoder, from 1 to those of the size (the default). Few layers for little
        data.
    strict_weights
        Has no effect: weights that cannot be had are an error here. It is there so that all
        networks are called alike.

    Attributes
    ----------
    config : HybridViTConfig
        What builds the network again.

    Raises
    ------
    ParameterError
        If a parameter makes no sense.
    WeightsError
        If weights cannot be read or do not fit, or ImageNet's are asked for.

    Notes
    -----
    The positions of tokens are sines and cosines of their row and column, so any height and width
    will do; the frequency of a row must be what it was in training, as with any network here. The
    time of a layer grows with tokens ``n`` and their width ``d`` as ``12 n d**2 + 2 n**2 d``.

    Examples
    --------
    >>> model = HybridViT("tiny", num_classes=3, depth=2).eval()
    >>> model(torch.zeros(1, 3, 26, 94)).shape
    torch.Size([1, 3])
    """

    total_stride = 8  # three strided convolutions in the stem of every size

    config: HybridViTConfig

    def __init__(
        self,
        backbone: HybridViTBackbone | str = HybridViTBackbone.TINY,
        in_channels: int = 3,
        num_classes: int = 2,
        dropout: float = 0.2,
        freeze_backbone: bool = False,
        weights: str | Path | None = None,
        *,
        depth: int | None = None,
        strict_weights: bool = False,
    ) -> None:
        backbone = HybridViTBackbone.parse(backbone)
        config = HybridViTConfig(backbone, in_channels, num_classes, dropout, depth)
        super().__init__(config)
        _refuse_imagenet(backbone, weights)
        facts = backbone.facts
        self.features = nn.Sequential(
            _stem(config.in_channels, facts.stem_channels, facts.width),
            Encoder(facts.width, facts.heads, config.depth or facts.layers),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = new_classifier(facts.width, config.num_classes, config.dropout)
        if weights is not None:
            load_pretrained(self, read_weights(weights))
        if freeze_backbone:
            self.freeze()

    @classmethod
    def from_config(
        cls,
        config: HybridViTConfig,
        *,
        freeze_backbone: bool = False,
        weights: str | Path | None = None,
        strict_weights: bool = False,
    ) -> Self:
        """Build the network that a configuration describes, by default with random weights."""
        return cls(
            config.backbone,
            config.in_channels,
            config.num_classes,
            config.dropout,
            freeze_backbone,
            weights,
            depth=config.depth,
            strict_weights=strict_weights,
        )


class Encoder(nn.Module):
    """Transformer encoder on an image of tokens: (B, D, h, w) enters and leaves.

    Parameters
    ----------
    width
        Numbers in a token, ``D``, a multiple of 4 and of `heads`.
    heads
        Attention heads of a layer.
    depth
        Number of layers.
    """

    def __init__(self, width: int, heads: int, depth: int) -> None:
        super().__init__()
        rates = [STOCHASTIC_DEPTH * i / max(depth - 1, 1) for i in range(depth)]
        self.width = width
        self.layers = nn.Sequential(*(EncoderLayer(width, heads, rate) for rate in rates))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Add positions, apply all layers and normalise."""
        *_, height, columns = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + position_code(height, columns, self.width, x.device).to(x.dtype)
        tokens = self.norm(self.layers(tokens))
        image: Tensor = tokens.transpose(1, 2).reshape(x.shape)
        return image


class EncoderLayer(nn.Module):
    """Attention and a perceptron, each on normalised tokens and added to them: (B, n, D).

    Normalising before and not after is what lets deep encoders train (Xiong et al. 2020, *On Layer
    Normalization in the Transformer Architecture*, arXiv 2002.04745).
    """

    def __init__(self, width: int, heads: int, drop_rate: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, MLP_RATIO * width), nn.GELU(), nn.Linear(MLP_RATIO * width, width)
        )
        self.drop = StochasticDepth(drop_rate)
        for linear in (self.mlp[0], self.mlp[2]):
            _initialise(linear)

    def forward(self, tokens: Tensor) -> Tensor:
        """Let the tokens look at each other, then change each by itself."""
        tokens = tokens + self.drop(self.attention(self.attention_norm(tokens)))
        changed: Tensor = tokens + self.drop(self.mlp(self.mlp_norm(tokens)))
        return changed


class Attention(nn.Module):
    """Self-attention of several heads: (B, n, D) enters and leaves."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        for linear in (self.queries_keys_values, self.project):
            _initialise(linear)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix each token with those that it attends to."""
        # (B, n, 3 D) -> three of (B, heads, n, D / heads)
        split = self.queries_keys_values(tokens).unflatten(2, (3, self.heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        projected: Tensor = self.project(mixed.transpose(1, 2).flatten(2))
        return projected


class StochasticDepth(nn.Module):
    """Leave a layer out for some windows of a batch in training (Huang et al. 2016).

    *Deep Networks with Stochastic Depth*, arXiv 1603.09382.

    Parameters
    ----------
    rate
        Probability of leaving the layer out; what stays is scaled by 1 / (1 - rate).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return x (B, ...) with some of its items zero."""
        if not self.training or self.rate == 0:
            return x
        kept = 1 - self.rate
        mask = torch.empty((len(x),) + (1,) * (x.ndim - 1), device=x.device, dtype=x.dtype)
        return x * mask.bernoulli_(kept) / kept

    def extra_repr(self) -> str:
        """Show the rate."""
        return f"rate={self.rate:g}"


def position_code(height: int, width: int, n_features: int, device: torch.device) -> Tensor:
    """Sines and cosines of rows and columns, as in Beyer et al. 2022 (`posemb_sincos_2d`).

    Parameters
    ----------
    height, width
        Of the image of tokens.
    n_features
        Numbers in a token, a multiple of 4: a quarter each for sine and cosine of column and row.
    device
        Where it is computed.

    Returns
    -------
    Tensor
        float32 of shape (height * width, n_features), row by row.
    """
    n_periods = n_features // 4
    exponents = torch.arange(n_periods, device=device) / max(n_periods - 1, 1)
    frequencies = LARGEST_PERIOD**-exponents
    columns = torch.arange(width, device=device)[:, None] * frequencies
    rows = torch.arange(height, device=device)[:, None] * frequencies
    by_column = torch.cat([columns.sin(), columns.cos()], dim=1).expand(height, -1, -1)
    by_row = torch.cat([rows.sin(), rows.cos()], dim=1)[:, None].expand(-1, width, -1)
    return torch.cat([by_column, by_row], dim=2).flatten(0, 1)


def _stem(in_channels: int, channels: tuple[int, ...], width: int) -> nn.Sequential:
    """Convolutions of 3 x 3 that halve the image each, then one of 1 x 1 to the tokens."""
    layers: list[nn.Module] = []
    for before, after in pairwise((in_channels, *channels)):
        convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(channels[-1], width, 1))


def _initialise(linear: nn.Module) -> None:
    assert isinstance(linear, nn.Linear)
    nn.init.xavier_uniform_(linear.weight)  # as the authors' own code does
    nn.init.zeros_(linear.bias)


def _refuse_imagenet(backbone: HybridViTBackbone, weights: str | Path | None) -> None:
    if weights == "imagenet":
        raise WeightsError(
            f"there are no ImageNet weights of {backbone}; pass weights=None (--weights none) for "
            "random ones, or the model file of a HybridViT of the same size"
        )
