"""From spectrograms ``(B, C, F, T)`` to logits ``(B, num_classes)``: the networks.

The networks are loaded when they are first used, so that the table of backbones can be shown
without torch. `Weights` are the trained ones that come with the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.errors import ParameterError
from quake.models.backbones import EfficientNetBackbone, HybridViTBackbone, parse_backbone

if TYPE_CHECKING:
    from quake.model_file.weights import Weights as Weights
    from quake.model_file.weights import get_weights as get_weights
    from quake.model_file.weights import list_weights as list_weights
    from quake.models.efficientnet import EfficientNet as EfficientNet
    from quake.models.hybrid_vit import HybridViT as HybridViT
    from quake.models.network import Network as Network
    from quake.models.transfer import load_backbone as load_backbone

__all__ = [
    "EfficientNet",
    "EfficientNetBackbone",
    "HybridViT",
    "HybridViTBackbone",
    "Network",
    "Weights",
    "build_model",
    "get_weights",
    "list_weights",
    "load_backbone",
    "network_config",
    "parse_backbone",
]

_LAZY = {
    "EfficientNet": "quake.models.efficientnet",
    "HybridViT": "quake.models.hybrid_vit",
    "Network": "quake.models.network",
    "load_backbone": "quake.models.transfer",
    # Trained weights are a part of this package for those who use it, as in torchvision. They are
    # files with cards, which know of networks, and not the other way round.
    "Weights": "quake.model_file.weights",
    "get_weights": "quake.model_file.weights",
    "list_weights": "quake.model_file.weights",
}


def __getattr__(name: str) -> Any:
    """Load a name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _build_efficientnet(
    config: Mapping[str, Any], weights: str | Path | None, strict_weights: bool
) -> Network:
    from quake.models.efficientnet import EfficientNet, EfficientNetConfig

    return EfficientNet.from_config(
        EfficientNetConfig.from_dict(config), weights=weights, strict_weights=strict_weights
    )


def _build_hybrid_vit(
    config: Mapping[str, Any], weights: str | Path | None, strict_weights: bool
) -> Network:
    from quake.models.hybrid_vit import HybridViT, HybridViTConfig

    return HybridViT.from_config(
        HybridViTConfig.from_dict(config), weights=weights, strict_weights=strict_weights
    )


_BUILDERS: dict[str, Callable[[Mapping[str, Any], str | Path | None, bool], Network]] = {
    "efficientnet": _build_efficientnet,
    "hybrid_vit": _build_hybrid_vit,
}


def network_config(
    backbone: str,
    *,
    num_classes: int,
    in_channels: int = 3,
    dropout: float = 0.2,
    depth: int | None = None,
) -> dict[str, Any]:
    """Configuration of a network of any architecture, as `build_model` takes it.

    Parameters
    ----------
    backbone
        Name of a backbone, as `parse_backbone` understands it.
    num_classes
        Number of logits.
    in_channels
        Number of input channels, one a component.
    dropout
        Probability of dropping a feature before the classifier, 0 <= dropout < 1.
    depth
        Layers of a transformer; None takes all that the backbone has.

    Returns
    -------
    dict
        JSON types, the name of the architecture included.

    Raises
    ------
    ParameterError
        If the backbone is unknown, a value makes no sense, or a depth is given for a backbone
        that has no transformer.

    Examples
    --------
    >>> network_config("hybrid-vit-tiny", num_classes=3, depth=2)["depth"]
    2
    """
    found = parse_backbone(backbone)
    if isinstance(found, HybridViTBackbone):
        from quake.models.hybrid_vit import HybridViTConfig

        return HybridViTConfig(found, in_channels, num_classes, dropout, depth).to_dict()
    if depth is not None:
        raise ParameterError(
            f"depth is the number of layers of a transformer, and {found} has none; leave it out, "
            f"or take one of {', '.join(HybridViTBackbone)}"
        )
    from quake.models.efficientnet import EfficientNetConfig

    return EfficientNetConfig(found, in_channels, num_classes, dropout).to_dict()


def build_model(
    config: Mapping[str, Any],
    weights: str | Path | None = None,
    *,
    strict_weights: bool = False,
) -> Network:
    """Build the network that a configuration describes.

    Parameters
    ----------
    config
        What ``model.config.to_dict()`` or `network_config` gave; ``config["architecture"]`` chooses
        the network.
    weights
        Pretrained backbone weights, as for the network itself; by default none, since a checkpoint
        brings its own.
    strict_weights
        Raise instead of going on with random weights.

    Returns
    -------
    Network
        The network, in training mode, nothing frozen.

    Raises
    ------
    ParameterError
        If the architecture is unknown or its parameters make no sense.
    WeightsError
        If the weights asked for cannot be had or do not fit.

    Notes
    -----
    A network that is about to be filled from a checkpoint needs no random weights at all; on the
    meta device it is built without them::

        with torch.device("meta"):
            model = build_model(config)
        model.load_state_dict(tensors, assign=True)
    """
    architecture = config.get("architecture")
    if architecture not in _BUILDERS:
        raise ParameterError(
            f"architecture {architecture!r} is unknown; known are {', '.join(sorted(_BUILDERS))}"
        )
    return _BUILDERS[architecture](config, weights, strict_weights)
