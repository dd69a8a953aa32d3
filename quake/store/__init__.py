"""Result stores: one file for each channel set and day, and a journal of what is done.

The public names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quake.store.archive_run import run_archive as run_archive
    from quake.store.request import ArchiveRequest as ArchiveRequest
    from quake.store.result import ArchiveProgress as ArchiveProgress
    from quake.store.result import ArchiveResult as ArchiveResult

_PUBLIC = {
    "ArchiveRequest": "quake.store.request",
    "ArchiveResult": "quake.store.result",
    "ArchiveProgress": "quake.store.result",
    "run_archive": "quake.store.archive_run",
}

__all__ = ["ArchiveProgress", "ArchiveRequest", "ArchiveResult", "run_archive"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
