"""Options of a prediction as the library takes them: windows, thresholds, orientations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.errors import ParameterError

if TYPE_CHECKING:
    from quake.inference.config import PredictConfig
    from quake.model_file.card import ModelCard
    from quake.stations.orientation import Orientations


def config_of(
    overlap: float | None,
    min_coverage: float | None,
    thresholds: Mapping[str, float],
    batch_size: int | None = None,
) -> PredictConfig:
    """What may be chosen when a model is applied; what was not given is as in the library."""
    from quake.inference.config import PredictConfig

    given: dict[str, Any] = {
        "overlap": overlap,
        "min_coverage": min_coverage,
        "batch_size": batch_size,
    }
    return PredictConfig(
        thresholds=thresholds,
        **{name: value for name, value in given.items() if value is not None},
    )


def thresholds_of(option: str, texts: list[str]) -> dict[str, float]:
    """Read ``0.8`` and ``earthquake=0.8``, several of them separated by commas."""
    thresholds = {}
    for text in ",".join(texts).split(",") if texts else []:
        name, _, value = text.rpartition("=")
        try:
            thresholds[name.strip()] = float(value)
        except ValueError as error:
            raise ParameterError(
                f"{option} {text}: a number or CLASS=NUMBER was expected, as in earthquake=0.8"
            ) from error
    return thresholds


def check_classes(option: str, thresholds: Mapping[str, float], card: ModelCard) -> None:
    """Refuse thresholds of classes that the model does not know."""
    from quake.errors import LabelError

    for name in filter(None, thresholds):
        try:
            card.labels.index(name)
        except LabelError as error:
            raise ParameterError(f"{option}: {error}") from error


def orientations_of(inventory: Path | None) -> Orientations | None:
    """Read how components are turned; None where they are taken as they are."""
    if inventory is None:
        return None
    from quake.errors import WaveformError
    from quake.stations.orientation import read_orientations

    try:
        return read_orientations(inventory)
    except WaveformError as error:
        raise ParameterError(f"--inventory: {error}") from error
