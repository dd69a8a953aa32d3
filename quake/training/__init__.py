"""Train a model on labelled data, and measure its quality.

Names are loaded when they are first used, so that the configuration can be shown without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quake.training.config import TrainConfig as TrainConfig
    from quake.training.fit import TrainResult as TrainResult
    from quake.training.fit import train as train

__all__ = ["TrainConfig", "TrainResult", "train"]

_LAZY = {
    "TrainConfig": "quake.training.config",
    "TrainResult": "quake.training.fit",
    "train": "quake.training.fit",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
