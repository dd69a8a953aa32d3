"""The backbones by name, and the facts about each: size, ImageNet accuracy, file of weights.

Nothing here needs torch, so the table can be shown at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from quake.errors import ParameterError


@dataclass(frozen=True)
class BackboneFacts:
    """What is known about a backbone with its 1000-class ImageNet head.

    Parameters
    ----------
    parameters
        Number of trainable parameters of torchvision's network, exactly.
    imagenet_top1
        Top-1 accuracy in percent on ImageNet-1K that torchvision measured with `weights_name`.
    weights_name
        torchvision's name of its default weights, which are the ones `quake` uses.
    weights_file
        Name of the file that holds them, the start of its SHA-256 included.
    published_parameters_millions
        Size that the authors give, rounded as they do.
    published_top1
        Top-1 accuracy in percent that the authors give.
    """

    parameters: int
    imagenet_top1: float
    weights_name: str
    weights_file: str
    published_parameters_millions: float
    published_top1: float


class EfficientNetBackbone(StrEnum):
    """The seven EfficientNet backbones, smallest first.

    B0 to B4 are from Tan & Le 2019 (arXiv 1905.11946), V2_S and V2_M from Tan & Le 2021
    (arXiv 2104.00298).

    Examples
    --------
    >>> EfficientNetBackbone.parse("v2-s")
    <EfficientNetBackbone.V2_S: 'v2_s'>
    >>> EfficientNetBackbone.B0.facts.parameters
    5288548
    """

    B0 = "b0"
    B1 = "b1"
    B2 = "b2"
    B3 = "b3"
    B4 = "b4"
    V2_S = "v2_s"
    V2_M = "v2_m"

    @classmethod
    def parse(cls, name: str) -> EfficientNetBackbone:
        """Find a backbone by a name as people write it: ``b0``, ``B0``, ``v2-s``.

        Parameters
        ----------
        name
            Upper or lower case, hyphens or underscores, ``efficientnet_`` before it or not.

        Raises
        ------
        ParameterError
            If there is no such backbone; the message lists those there are.
        """
        found = {_key(backbone): backbone for backbone in cls}.get(_key(name))
        if found is None:
            raise _unknown(name, cls)
        return found

    @property
    def facts(self) -> BackboneFacts:
        """Size, accuracy and file of weights."""
        return BACKBONE_FACTS[self]


@dataclass(frozen=True)
class HybridViTFacts:
    """The shape of a HybridViT, and its size with a 1000-class head.

    Parameters
    ----------
    parameters
        Number of trainable parameters at full depth, exactly.
    width
        Numbers in a token.
    layers
        Layers of the encoder; the parameter `depth` of the network takes fewer.
    heads
        Attention heads of a layer.
    stem_channels
        Channels of the strided convolutions before the encoder.
    """

    parameters: int
    width: int
    layers: int
    heads: int
    stem_channels: tuple[int, ...]


class HybridViTBackbone(StrEnum):
    """The four sizes of HybridViT, smallest first.

    The encoders of ``small``, ``medium`` and ``base`` have the widths, layers and heads of DeiT-Ti,
    ViT-S (Touvron et al. 2021, arXiv 2012.12877) and ViT-B (Dosovitskiy et al. 2021, arXiv
    2010.11929); ``tiny`` is smaller than any of theirs.

    Examples
    --------
    >>> HybridViTBackbone.parse("HybridViT-tiny")
    <HybridViTBackbone.TINY: 'hybrid-vit-tiny'>
    >>> HybridViTBackbone.TINY.facts.layers
    6
    """

    TINY = "hybrid-vit-tiny"
    SMALL = "hybrid-vit-small"
    MEDIUM = "hybrid-vit-medium"
    BASE = "hybrid-vit-base"

    @classmethod
    def parse(cls, name: str) -> HybridViTBackbone:
        """Find a size by a name as people write it: ``tiny``, ``hybrid_vit_tiny``.

        Parameters
        ----------
        name
            Upper or lower case, hyphens or underscores, ``hybrid-vit-`` before it or not.

        Raises
        ------
        ParameterError
            If there is no such size; the message lists those there are.
        """
        key = _key(name)
        found = {_key(backbone): backbone for backbone in cls}
        if key not in found:
            key = f"hybridvit{key}"
        if key not in found:
            raise _unknown(name, cls)
        return found[key]

    @property
    def facts(self) -> HybridViTFacts:
        """Shape and size."""
        return HYBRID_VIT_FACTS[self]


Backbone = EfficientNetBackbone | HybridViTBackbone

BACKBONES: tuple[Backbone, ...] = (*EfficientNetBackbone, *HybridViTBackbone)


def parse_backbone(name: str) -> Backbone:
    """Find a backbone of any architecture by a name as people write it.

    Parameters
    ----------
    name
        ``b0``, ``EfficientNet-B0``, ``v2-s``, ``hybrid-vit-tiny``, ``HybridViT_tiny``, ...

    Raises
    ------
    ParameterError
        If there is no such backbone; the message suggests the nearest and lists all.

    Examples
    --------
    >>> parse_backbone("Hybrid_ViT_Tiny")
    <HybridViTBackbone.TINY: 'hybrid-vit-tiny'>
    >>> parse_backbone("B0")
    <EfficientNetBackbone.B0: 'b0'>
    """
    found = {_key(backbone): backbone for backbone in BACKBONES}.get(_key(name))
    if found is None:
        raise _unknown(name, BACKBONES)
    return found


def _key(name: str) -> str:
    """As written by anybody: ``V2-S``, ``v2_s`` and ``EfficientNetV2 S`` are one name."""
    letters = "".join(c for c in str(name).lower() if c not in "-_ \t\n")
    return letters.removeprefix("efficientnet")


def _unknown(name: str, backbones: Iterable[Backbone]) -> ParameterError:
    known = {_key(backbone): backbone for backbone in backbones}
    nearest = get_close_matches(_key(name), known, n=1)
    advice = f"did you mean {known[nearest[0]]}? " if nearest else ""
    return ParameterError(
        f"backbone {str(name)!r} is unknown; {advice}known are {', '.join(known.values())}"
    )


# torchvision's figures are those of its DEFAULT weights: IMAGENET1K_V2 for B1, which torchvision
# trained anew (79.8 % against 78.6 % of V1), and IMAGENET1K_V1 for all others. They differ a
# little from the papers', because the weights were ported or trained by others and the images
# scaled in another way. The papers round sizes: the 21.5 M of V2_S is given as 21 M or 22 M.
BACKBONE_FACTS: dict[EfficientNetBackbone, BackboneFacts] = {
    EfficientNetBackbone.B0: BackboneFacts(
        5_288_548, 77.692, "IMAGENET1K_V1", "efficientnet_b0_rwightman-7f5810bc.pth", 5.3, 77.1
    ),
    EfficientNetBackbone.B1: BackboneFacts(
        7_794_184, 79.838, "IMAGENET1K_V2", "efficientnet_b1-c27df63c.pth", 7.8, 79.1
    ),
    EfficientNetBackbone.B2: BackboneFacts(
        9_109_994, 80.608, "IMAGENET1K_V1", "efficientnet_b2_rwightman-c35c1473.pth", 9.2, 80.1
    ),
    EfficientNetBackbone.B3: BackboneFacts(
        12_233_232, 82.008, "IMAGENET1K_V1", "efficientnet_b3_rwightman-b3899882.pth", 12.0, 81.6
    ),
    EfficientNetBackbone.B4: BackboneFacts(
        19_341_616, 83.384, "IMAGENET1K_V1", "efficientnet_b4_rwightman-23ab8bcd.pth", 19.0, 82.9
    ),
    EfficientNetBackbone.V2_S: BackboneFacts(
        21_458_488, 84.228, "IMAGENET1K_V1", "efficientnet_v2_s-dd5fe13b.pth", 21.0, 83.9
    ),
    EfficientNetBackbone.V2_M: BackboneFacts(
        54_139_356, 85.112, "IMAGENET1K_V1", "efficientnet_v2_m-dc08266a.pth", 54.0, 85.1
    ),
}

# The stem of each ends at the width of the encoder or well below it, so that nearly all parameters
# are in the encoder, as in the networks whose shapes these are.
HYBRID_VIT_FACTS: dict[HybridViTBackbone, HybridViTFacts] = {
    HybridViTBackbone.TINY: HybridViTFacts(1_489_304, 128, 6, 4, (48, 96, 128)),
    HybridViTBackbone.SMALL: HybridViTFacts(5_778_136, 192, 12, 3, (48, 96, 192)),
    HybridViTBackbone.MEDIUM: HybridViTFacts(21_962_776, 384, 12, 6, (48, 96, 192)),
    HybridViTBackbone.BASE: HybridViTFacts(86_393_640, 768, 12, 12, (64, 128, 256)),
}
