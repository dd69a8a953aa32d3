"""Choose what makes events: the thresholds of windows, and those that were given."""

from __future__ import annotations

from collections.abc import Mapping

from quake.classes import NOISE
from quake.events import EventOptions
from quake.inference.classifier import PredictConfig, effective_thresholds
from quake.model_file.card import ModelCard


def event_options(
    card: ModelCard,
    config: PredictConfig,
    thresholds: Mapping[str, float] | None = None,
    *,
    min_snr_db: float | None = None,
    min_stations: int | None = None,
    within_s: float | None = None,
) -> EventOptions:
    """Make events of all classes but noise, at the thresholds of the windows.

    Parameters
    ----------
    card : ModelCard
    config : PredictConfig
        Its thresholds go before those of the card.
    thresholds : mapping of class to float, optional
        Go before both; the key "" stands for all classes.
    min_snr_db, min_stations, within_s : optional
        See `EventOptions`, whose defaults hold where they are None.

    Raises
    ------
    ParameterError
        If an option makes no sense, or no class is left.
    """
    of_windows = effective_thresholds(card, config.thresholds or {})
    chosen = dict(zip(card.labels.names, of_windows, strict=True))
    given = thresholds or {}
    if "" in given:
        chosen = dict.fromkeys(chosen, given[""])
    chosen.update({name: p for name, p in given.items() if name})
    chosen.pop(NOISE, None)
    numbers = {"min_snr_db": min_snr_db, "min_stations": min_stations, "within_s": within_s}
    return EventOptions(
        thresholds=chosen,
        **{name: value for name, value in numbers.items() if value is not None},  # type: ignore[arg-type]
    )
