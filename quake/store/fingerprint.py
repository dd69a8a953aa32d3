"""Describe what all results of one store have in common: model and parameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quake.errors import ParameterError
from quake.inference.config import PredictConfig, effective_thresholds
from quake.inference.engine import resolve_engine
from quake.model_file.card import ModelCard
from quake.model_file.identity import model_hash

# Raised when the same model and parameters give other answers than they did before.
RESULTS_VERSION = 1

_LONGEST_TEXT = 300  # of a value that is shown

_NAMES = {
    "model": "the model",
    "overlap": "--overlap",
    "min_coverage": "--min-coverage",
    "thresholds": "--threshold",
    "inventory": "--inventory",
    "engine": "--engine",
    "device": "--device",
    "results_version": "the version of quake's results",
}


def fingerprint(
    model_hash: str,
    card: ModelCard,
    config: PredictConfig,
    engine: str,
    device: str,
    inventory: Path | str | None = None,
) -> dict[str, Any]:
    """All that answers depend on besides the data, as plain JSON types.

    Which data are chosen is no part of it: a store may grow by other stations and days. Nor is what
    an inventory says that comes along with the data, of which `inventory` is only a name: it grows
    with them.
    """
    thresholds = effective_thresholds(card, config.thresholds or {})
    return {
        "results_version": RESULTS_VERSION,
        "model": model_hash,
        "classes": list(card.labels.names),
        "window_s": card.preprocessing.window_s,
        "overlap": config.overlap,
        "min_coverage": config.min_coverage,
        "thresholds": dict(zip(card.labels.names, thresholds, strict=True)),
        "engine": engine,
        "device": device,
        "inventory": _digest(inventory) if isinstance(inventory, Path) else inventory,
    }


def fingerprint_of(
    model: str | Path,
    card: ModelCard,
    config: PredictConfig,
    device: str = "auto",
    engine: str = "auto",
    inventory: str | Path | None = None,
    metadata_of: str | None = None,
) -> dict[str, Any]:
    """Fingerprint of a model file and of what would run it on this machine.

    Raises
    ------
    ModelError
        If the file is missing or damaged.
    ParameterError
        If the device or the engine is not there.
    """
    used_engine, used_device = resolve_engine(model, engine, device)
    return fingerprint(
        model_hash(model),
        card,
        config,
        used_engine,
        used_device,
        metadata_of or (None if inventory is None else Path(inventory)),
    )


def check_fingerprint(root: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse to mix results.

    Raises
    ------
    ParameterError
        If anything differs; the message lists it. Also if what was found are no parameters.
    """
    if not isinstance(found, Mapping):
        raise ParameterError(
            f"--output {root}: the parameters of what is in it are damaged ({_text(found)}); name "
            "another folder"
        )
    differing = [
        f"{_NAMES.get(key, key)} ({_text(found.get(key))} there, {_text(wanted.get(key))} now)"
        for key in wanted
        if found.get(key) != wanted.get(key)
    ]
    if differing:
        raise ParameterError(
            f"--output {root}: holds results of another model or of other parameters, which are "
            f"never mixed: {', '.join(differing)}; name another folder, or give the same again"
        )


def _text(value: object) -> str:
    text = "none" if value is None else json.dumps(value).strip('"')
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
