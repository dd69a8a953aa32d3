"""Choose what makes events of a model's classes."""

from __future__ import annotations

from collections.abc import Mapping

from quake.classes import NOISE
from quake.errors import ParameterError
from quake.events import EventOptions
from quake.events.options import EVENT_FROM
from quake.model_file.card import ModelCard


def event_options(
    card: ModelCard,
    thresholds: Mapping[str, float] | None = None,
    *,
    min_snr_db: float | None = None,
    min_stations: int | None = None,
    within_s: float | None = None,
) -> EventOptions:
    """Make events of all classes but noise.

    Parameters
    ----------
    card : ModelCard
    thresholds : mapping of class to float, optional
        Of classes whose threshold is not to be `EVENT_FROM`; the key "" stands for all classes.
    min_snr_db, min_stations, within_s : optional
        See `EventOptions`, whose defaults hold where they are None.

    Raises
    ------
    ParameterError
        If an option makes no sense, the model has no such class, or no class is left.
    """
    given = thresholds or {}
    unknown = sorted(set(given) - {"", *card.labels.names})
    if unknown:
        raise ParameterError(
            f"event thresholds: the model knows no class {', '.join(map(repr, unknown))}; its "
            f"classes are {', '.join(card.labels.names)}"
        )
    chosen = dict.fromkeys(card.labels.names, given.get("", EVENT_FROM))
    chosen.update({name: p for name, p in given.items() if name})
    chosen.pop(NOISE, None)
    numbers = {"min_snr_db": min_snr_db, "min_stations": min_stations, "within_s": within_s}
    return EventOptions(
        thresholds=chosen,
        **{name: value for name, value in numbers.items() if value is not None},  # type: ignore[arg-type]
    )
