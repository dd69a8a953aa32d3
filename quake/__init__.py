"""Tell what is in seismic waveforms: earthquake, surface event or noise, window by window.

The public names are loaded when they are first used, so that ``import quake`` costs nothing.

>>> import quake
>>> isinstance(quake.__version__, str)
True
"""

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# ONNX Runtime, from 1.29 on, reads it when it is imported: it would write an identity of the user
# into the home folder and report each session to its makers. Processes that are started inherit it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from quake.errors import QuakeError as QuakeError
    from quake.inference import WindowRecord as WindowRecord
    from quake.results import Classifier as Classifier
    from quake.results import predict as predict
    from quake.store.archive_run import run_archive as predict_archive
    from quake.store.request import ArchiveRequest as ArchiveRequest

_PUBLIC = {
    "ArchiveRequest": ("quake.store.request", "ArchiveRequest"),
    "Classifier": ("quake.results", "Classifier"),
    "WindowRecord": ("quake.inference", "WindowRecord"),
    "QuakeError": ("quake.errors", "QuakeError"),
    "predict": ("quake.results", "predict"),
    "predict_archive": ("quake.store.archive_run", "run_archive"),
}

__all__ = [
    "ArchiveRequest",
    "Classifier",
    "QuakeError",
    "WindowRecord",
    "__version__",
    "predict",
    "predict_archive",
]

logging.getLogger("quake").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in _PUBLIC:
        module, attribute = _PUBLIC[name]
        return getattr(import_module(module), attribute)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
