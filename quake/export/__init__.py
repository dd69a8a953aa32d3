"""Export a model file as one graph from waveform to probability.

Names are loaded when they are first used, so that options can be shown without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quake.export.export import ExportReport as ExportReport
    from quake.export.export import export_model as export_model

__all__ = ["ExportReport", "export_model"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in __all__:
        return getattr(import_module("quake.export.export"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
