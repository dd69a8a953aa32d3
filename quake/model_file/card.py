"""The card of a model: all that a model file says beside its weights."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.errors import ModelError, QuakeError

FORMAT = 1


# An hour at 1000 Hz: a longer window is a damaged number, and gigabytes.
_LONGEST_WINDOW_SAMPLES = 3_600_000


_SHOWN_LETTERS = 300  # of what was wrong


# What Python makes of JSON of other types and sizes than a card has.
NONSENSE = (
    QuakeError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
    ArithmeticError,
)


@dataclass(frozen=True)
class Calibration:
    """What turns logits into probabilities, and probabilities into decisions.

    Attributes
    ----------
    temperature : float
        Logits are divided by it (Guo et al., 2017, arXiv 1706.04599).
    thresholds : tuple of float
        A window whose most probable class stays below its threshold is `uncertain`.
    """

    temperature: float
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class ModelCard:
    """All of a model but its weights.

    Attributes
    ----------
    network : dict
        Architecture and its parameters, as `quake.models.build_model` takes them.
    labels : LabelSet
    preprocessing : Preprocessing
    calibration : Calibration
    training : dict
        What it was trained on and how.
    metrics : dict
        Results on data that it was not trained on.
    versions : dict
        Of quake and of the libraries that made it.
    """

    network: Mapping[str, Any]
    labels: LabelSet
    preprocessing: Preprocessing
    calibration: Calibration
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """As the text that is stored in the file."""
        return json.dumps(
            {
                "network": dict(self.network),
                "classes": list(self.labels.names),
                "preprocessing": self.preprocessing.to_dict(),
                "calibration": {
                    "temperature": self.calibration.temperature,
                    "thresholds": dict(
                        zip(self.labels.names, self.calibration.thresholds, strict=True)
                    ),
                },
                "training": dict(self.training),
                "metrics": dict(self.metrics),
                "versions": dict(self.versions),
            },
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read back what `to_json` wrote.

        Raises
        ------
        QuakeError, KeyError, TypeError, ValueError, ArithmeticError
            If something is missing or makes no sense; `load_card` names the file.
        """
        values = json.loads(text)
        labels = LabelSet(tuple(str(name) for name in values["classes"]))
        calibration = Calibration(
            temperature=float(values["calibration"]["temperature"]),
            thresholds=tuple(
                float(values["calibration"]["thresholds"][name]) for name in labels.names
            ),
        )
        if not 0 < calibration.temperature < float("inf"):
            raise ValueError(f"temperature {calibration.temperature}, a positive one was expected")
        if not all(0 <= threshold <= 1 for threshold in calibration.thresholds):
            raise ValueError(f"thresholds {calibration.thresholds}, numbers from 0 to 1 expected")
        preprocessing = Preprocessing.from_dict(values["preprocessing"])
        if preprocessing.n_samples > _LONGEST_WINDOW_SAMPLES:
            raise ValueError(
                f"windows of {preprocessing.n_samples} samples, at most {_LONGEST_WINDOW_SAMPLES} "
                "were expected"
            )
        return cls(
            network=dict(values["network"]),
            labels=labels,
            preprocessing=preprocessing,
            calibration=calibration,
            training=dict(values["training"]),
            metrics=dict(values["metrics"]),
            versions=dict(values["versions"]),
        )


def card_of_metadata(path: Path, metadata: Mapping[str, str]) -> ModelCard:
    """Take the card out of the texts that a model file, or an exported one, carries.

    Raises
    ------
    ModelError
        If quake did not write them, a newer version did, or they make no sense.
    """
    _check_format(path, metadata)
    try:
        return ModelCard.from_json(metadata["quake"])
    except NONSENSE as error:
        raise ModelError(
            f"{path}: its card cannot be used ({type(error).__name__}: "
            f"{shortened(error)}); get the model again, or update quake"
        ) from error


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    found = metadata.get("quake_format")
    if found is None or "quake" not in metadata:
        raise ModelError(
            f"{path}: not written by quake (no quake_format in its metadata); expected a model "
            "made by `quake train` or `quake export`"
        )
    if not re.fullmatch(r"[0-9]{1,9}", found) or int(found) > FORMAT:
        raise ModelError(
            f"{path}: model format {shortened(found)}, this version of quake reads up to "
            f"{FORMAT}; update quake"
        )


def shortened(found: object) -> str:
    """Text of what was found in a file, cut to what a message may hold."""
    return str(found)[:_SHOWN_LETTERS]
