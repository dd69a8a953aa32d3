"""Read what all results of a store have in common, and check it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quake.errors import ParameterError

NOISE = "noise"
"""Class that is no event: left out of what is counted and shown as one."""

_FOLDER = "_quake"


@dataclass(frozen=True)
class RunFacts:
    """Model and parameters of a store, see `quake.store.fingerprint`.

    Attributes
    ----------
    root : Path
        Absolute.
    model : str
        First twelve digits of the SHA-256 of the model file.
    classes : tuple of str
        In the order of the model.
    thresholds : mapping of class to float
    window_s : float
    values : mapping
        All that is in the file.
    """

    root: Path
    model: str
    classes: tuple[str, ...]
    thresholds: Mapping[str, float]
    window_s: float
    values: Mapping[str, Any] = field(repr=False)

    @property
    def folder(self) -> Path:
        """Folder of the journals."""
        return self.root / _FOLDER

    @property
    def event_classes(self) -> tuple[str, ...]:
        """Classes that are no noise."""
        return tuple(name for name in self.classes if name != NOISE)

    @property
    def is_rotated(self) -> bool:
        """Whether components were turned to true Z, N, E before they were judged."""
        return self.values.get("inventory") is not None


def read_run_facts(root: Path) -> RunFacts:
    """Read what identifies a store.

    Raises
    ------
    ParameterError
        If the folder is no store; the message says what was found.
    """
    root = root.absolute()
    if not root.is_dir():
        what = "is a file" if root.exists() else "there is no such folder"
        raise ParameterError(f"{root}: {what}; the folder of a result store was expected")
    path = root / _FOLDER / "run.json"
    try:
        return _facts(root, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ParameterError(
            f"{root}: is no result store, it has no {_FOLDER}/run.json; give the folder that "
            "`quake predict --output DIR` wrote"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ParameterError(
            f"{path}: cannot be read ({type(error).__name__}: {error}), so that nobody knows what "
            "the results beside it come from"
        ) from error


def _facts(root: Path, values: Mapping[str, Any]) -> RunFacts:
    classes = tuple(str(name) for name in values["classes"])
    window_s = float(values["window_s"])
    if not classes or len(set(classes)) != len(classes):
        raise ValueError(f"classes {', '.join(classes) or 'none'}, distinct ones were expected")
    if not 0 < window_s < float("inf"):
        raise ValueError(f"windows of {window_s:g} s, a positive length was expected")
    thresholds = {name: float(values["thresholds"][name]) for name in classes}
    return RunFacts(root, str(values["model"]), classes, thresholds, window_s, dict(values))
