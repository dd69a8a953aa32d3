"""EfficientNet: a spectrogram ``(B, C, H, W)`` enters, logits ``(B, num_classes)`` leave.

The layers are torchvision's. References: Tan & Le 2019, *EfficientNet: Rethinking Model Scaling
for Convolutional Neural Networks*, arXiv 1905.11946; Tan & Le 2021, *EfficientNetV2: Smaller
Models and Faster Training*, arXiv 2104.00298.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import ceil
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from quake.errors import ParameterError
from quake.models.backbones import EfficientNetBackbone
from quake.models.weights import IMAGE_CHANNELS, find_pretrained, load_pretrained

TOTAL_STRIDE = 32  # stem 2, then four stages of 2 each, in all backbones


@dataclass(frozen=True)
class EfficientNetConfig:
    """All that is needed to build an `EfficientNet` again; saved with its weights.

    Parameters
    ----------
    backbone
        A backbone or its name.
    in_channels
        Number of input channels, one a component.
    num_classes
        Number of logits.
    dropout
        Probability of dropping a feature before the classifier, 0 <= dropout < 1.

    Raises
    ------
    ParameterError
        If a value makes no sense.
    """

    architecture: ClassVar[str] = "efficientnet"

    backbone: EfficientNetBackbone = EfficientNetBackbone.B0
    in_channels: int = 3
    num_classes: int = 2
    dropout: float = 0.2

    def __post_init__(self) -> None:
        # Values may come from JSON or NumPy: plain Python types are what JSON takes again.
        object.__setattr__(self, "backbone", EfficientNetBackbone.parse(self.backbone))
        for name in ("in_channels", "num_classes"):
            object.__setattr__(self, name, _positive_int(name, getattr(self, name)))
        object.__setattr__(self, "dropout", _probability("dropout", self.dropout))

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dict of JSON types, with the name of the architecture."""
        return {"architecture": self.architecture, **asdict(self), "backbone": self.backbone.value}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build it from what `to_dict` gave.

        Raises
        ------
        ParameterError
            If it is of another architecture, or names are missing or unknown.
        """
        names = {"architecture", *(field.name for field in fields(cls))}
        if set(values) != names or values["architecture"] != cls.architecture:
            raise ParameterError(
                f"a configuration of architecture {cls.architecture!r} has {sorted(names)}, "
                f"got {dict(values)}"
            )
        return cls(**{name: value for name, value in values.items() if name != "architecture"})


@dataclass(frozen=True)
class Stage:
    """One row of the stage table: layers of one kind, the first of which may stride.

    Parameters
    ----------
    operator
        ``Conv``, ``MBConv`` or ``FusedMBConv``, the latter two with their expansion ratio.
    kernel_size
        Side of the spatial kernel, in pixels.
    stride
        Stride of the first layer; the others have 1.
    out_channels
        Channels that leave the stage.
    layers
        Number of layers.
    """

    operator: str
    kernel_size: int
    stride: int
    out_channels: int
    layers: int


class EfficientNet(nn.Module):
    """EfficientNet on spectrograms: stem, stages, head convolution, pooling, dropout, linear.

    Parameters
    ----------
    backbone
        A backbone or its name.
    in_channels
        Number of input channels ``C``, one a component.
    num_classes
        Number of logits.
    dropout
        Probability of dropping a feature before the classifier, 0 <= dropout < 1.
    freeze_backbone
        Train the classifier only, on fixed features; see `freeze`.
    weights
        ``"imagenet"`` for torchvision's default weights, a path to a ``.pth`` or ``.safetensors``
        file with torchvision's names, or None for random ones.
    strict_weights
        Raise where the ImageNet weights cannot be had, instead of warning once and going on
        with random ones.

    Attributes
    ----------
    config : EfficientNetConfig
        What builds the network again.

    Raises
    ------
    ParameterError
        If a parameter makes no sense.
    WeightsError
        If weights cannot be read, do not fit, or, when strict, cannot be had.

    Notes
    -----
    The names in the state dict are torchvision's (``features.*`` and ``classifier.1.*``), and no
    two of them share memory. The stem keeps its pretrained filters for any number of channels;
    `quake.models.weights.adapt_stem` tells how.

    Examples
    --------
    >>> model = EfficientNet("b0", num_classes=3, weights=None).eval()
    >>> model(torch.zeros(1, 3, 33, 93)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        backbone: EfficientNetBackbone | str = EfficientNetBackbone.B0,
        in_channels: int = 3,
        num_classes: int = 2,
        dropout: float = 0.2,
        freeze_backbone: bool = False,
        weights: str | Path | None = "imagenet",
        *,
        strict_weights: bool = False,
    ) -> None:
        super().__init__()
        backbone = EfficientNetBackbone.parse(backbone)
        self.config = EfficientNetConfig(backbone, in_channels, num_classes, dropout)
        # Before anything is built: a strict failure should come at once.
        pretrained = find_pretrained(backbone, weights, strict=strict_weights)

        network = _torchvision_network(self.config)
        self.features: nn.Sequential = network.features
        self.avgpool: nn.Module = network.avgpool
        self.classifier: nn.Sequential = network.classifier
        if pretrained is not None:
            load_pretrained(self, pretrained)

        self._frozen = False
        if freeze_backbone:
            self.freeze()

    @classmethod
    def from_config(
        cls,
        config: EfficientNetConfig,
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
            strict_weights=strict_weights,
        )

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

    def stage_table(self) -> tuple[Stage, ...]:
        """Read the stages off the layers: Table 1 of the 2019 paper, Table 4 of the 2021 one.

        Returns
        -------
        tuple of Stage
            Stem, stages and head convolution, in order.
        """
        stem, *stages, head = self.features.children()
        return (_conv_stage(stem), *map(_block_stage, stages), _conv_stage(head))

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
        if batch * ceil(height / TOTAL_STRIDE) * ceil(width / TOTAL_STRIDE) == 1:
            raise ParameterError(
                f"an input of shape {shape} leaves one pixel to the last stages, of which batch "
                f"norm cannot learn a variance; train on two windows at least, or on more than "
                f"{TOTAL_STRIDE} pixels"
            )


def _torchvision_network(config: EfficientNetConfig) -> Any:
    from torchvision.models import get_model  # seconds to import

    network = get_model(
        f"efficientnet_{config.backbone}",
        weights=None,
        num_classes=config.num_classes,
        dropout=config.dropout,
    )
    if config.in_channels != IMAGE_CHANNELS:
        network.features[0][0] = _like(network.features[0][0], config.in_channels)
    # torchvision draws from 1 / sqrt(num_classes): right for a thousand classes, but with three the
    # first logits are so large that the first epochs only undo them.
    nn.init.normal_(network.classifier[1].weight, std=0.01)
    return network


def _like(conv: nn.Conv2d, in_channels: int) -> nn.Conv2d:
    new = nn.Conv2d(
        in_channels,
        conv.out_channels,
        conv.kernel_size[0],
        conv.stride[0],
        conv.padding[0] if isinstance(conv.padding, tuple) else conv.padding,
        bias=conv.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out")  # as torchvision does for all the others
    return new


def _convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]


def _conv_stage(module: nn.Module) -> Stage:
    (conv,) = _convolutions(module)
    return Stage("Conv", conv.kernel_size[0], conv.stride[0], conv.out_channels, 1)


def _block_stage(blocks: nn.Module) -> Stage:
    first, *_ = blocks.children()
    convolutions = _convolutions(first)
    entry, project = convolutions[0], convolutions[-1]
    # Also the squeeze-and-excitation is made of 1 x 1 convolutions; one kernel is larger.
    (spatial,) = (conv for conv in convolutions if conv.kernel_size[0] > 1)
    # A block that does not expand starts with its spatial convolution: depthwise in MBConv, the
    # only one in FusedMBConv.
    expands = len(convolutions) > 1 and entry.groups == 1
    ratio = round(entry.out_channels / entry.in_channels) if expands else 1
    return Stage(
        f"{type(first).__name__}{ratio}",
        spatial.kernel_size[0],
        spatial.stride[0],
        project.out_channels,
        len(list(blocks.children())),
    )


def _positive_int(name: str, value: Any) -> int:
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ParameterError(f"{name} is a whole number from 1 on, got {value!r}")
    return number


def _probability(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < 1:
        raise ParameterError(f"{name} is a number with 0 <= {name} < 1, got {value!r}")
    return number
