"""From spectrograms ``(B, C, F, T)`` to logits ``(B, num_classes)``: the networks.

The networks are loaded when they are first used, so that the table of backbones can be shown
without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.errors import ParameterError
from quake.models.backbones import EfficientNetBackbone

if TYPE_CHECKING:
    from quake.models.efficientnet import EfficientNet as EfficientNet

__all__ = ["EfficientNet", "EfficientNetBackbone", "build_model"]

_LAZY = {"EfficientNet": "quake.models.efficientnet"}


def __getattr__(name: str) -> Any:
    """Load a network on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _build_efficientnet(
    config: Mapping[str, Any], weights: str | Path | None, strict_weights: bool
) -> EfficientNet:
    from quake.models.efficientnet import EfficientNet, EfficientNetConfig

    return EfficientNet.from_config(
        EfficientNetConfig.from_dict(config), weights=weights, strict_weights=strict_weights
    )


_BUILDERS: dict[str, Callable[[Mapping[str, Any], str | Path | None, bool], EfficientNet]] = {
    "efficientnet": _build_efficientnet
}


def build_model(
    config: Mapping[str, Any],
    weights: str | Path | None = None,
    *,
    strict_weights: bool = False,
) -> EfficientNet:
    """Build the network that a configuration describes.

    Parameters
    ----------
    config
        What ``model.config.to_dict()`` gave; ``config["architecture"]`` chooses the network.
    weights
        Pretrained backbone weights, as for `EfficientNet`; by default none, since a checkpoint
        brings its own.
    strict_weights
        Raise instead of going on with random weights.

    Returns
    -------
    EfficientNet
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
