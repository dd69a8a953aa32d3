"""EfficientNet: a spectrogram ``(B, C, H, W)`` enters, logits ``(B, num_classes)`` leave.

The layers are torchvision's. References: Tan & Le 2019, *EfficientNet: Rethinking Model Scaling
for Convolutional Neural Networks*, arXiv 1905.11946; Tan & Le 2021, *EfficientNetV2: Smaller
Models and Faster Training*, arXiv 2104.00298.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import nn

from quake.models.backbones import EfficientNetBackbone
from quake.models.config import NetworkConfig
from quake.models.network import Network, calm_classifier
from quake.models.weights import IMAGE_CHANNELS, find_pretrained, load_pretrained


@dataclass(frozen=True)
class EfficientNetConfig(NetworkConfig):
    """All that is needed to build an `EfficientNet` again; saved with its weights."""

    architecture: ClassVar[str] = "efficientnet"

    backbone: EfficientNetBackbone = EfficientNetBackbone.B0

    def _backbone(self) -> EfficientNetBackbone:
        return EfficientNetBackbone.parse(self.backbone)


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


class EfficientNet(Network):
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

    total_stride = 32  # stem 2, then four stages of 2 each, in all backbones

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
        backbone = EfficientNetBackbone.parse(backbone)
        config = EfficientNetConfig(backbone, in_channels, num_classes, dropout)
        super().__init__(config)
        # Before anything is built: a strict failure should come at once.
        pretrained = find_pretrained(backbone, weights, strict=strict_weights)

        network = _torchvision_network(config)
        self.features = network.features
        self.avgpool = network.avgpool
        self.classifier = network.classifier
        if pretrained is not None:
            load_pretrained(self, pretrained)
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

    def stage_table(self) -> tuple[Stage, ...]:
        """Read the stages off the layers: Table 1 of the 2019 paper, Table 4 of the 2021 one.

        Returns
        -------
        tuple of Stage
            Stem, stages and head convolution, in order.
        """
        stem, *stages, head = self.features.children()
        return (_conv_stage(stem), *map(_block_stage, stages), _conv_stage(head))


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
    calm_classifier(network.classifier)
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
