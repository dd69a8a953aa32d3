"""Measure a model file on labelled data.

Names are loaded when they are first used, so that options can be shown without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quake.evaluation.evaluation import Evaluation as Evaluation
    from quake.evaluation.evaluation import evaluate as evaluate
    from quake.evaluation.folder import write_evaluation as write_evaluation
    from quake.evaluation.options import EvaluateOptions as EvaluateOptions

__all__ = ["EvaluateOptions", "Evaluation", "evaluate", "write_evaluation"]

_LAZY = {
    "EvaluateOptions": "quake.evaluation.options",
    "Evaluation": "quake.evaluation.evaluation",
    "evaluate": "quake.evaluation.evaluation",
    "write_evaluation": "quake.evaluation.folder",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
