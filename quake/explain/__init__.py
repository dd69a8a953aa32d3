"""Explanations: what a model saw in one window, and what of it spoke for a class.

The public names are loaded when they are first used: most of them need torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quake.explain.class_map import ClassMap as ClassMap
    from quake.explain.explainer import Explainer as Explainer
    from quake.explain.explanation import Change as Change
    from quake.explain.explanation import Explanation as Explanation

_PUBLIC = {
    "Change": "quake.explain.explanation",
    "ClassMap": "quake.explain.class_map",
    "Explainer": "quake.explain.explainer",
    "Explanation": "quake.explain.explanation",
}

__all__ = ["Change", "ClassMap", "Explainer", "Explanation"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
