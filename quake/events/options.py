"""Options of events: what makes an event of onsets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from quake.errors import ParameterError

EVENT_FROM = 0.5
"""Probability from which on an onset is an event, where nothing else is said."""


@dataclass(frozen=True)
class EventOptions:
    """What makes an event of onsets.

    Attributes
    ----------
    thresholds : mapping of class to float
        Probability from which on an onset is an event of that class, 0 to 1, see
        `quake.events.evidence`. Classes that are not in it make no events.
    min_p : float
        How probably an onset has to be a P and not an S, coda or noise, 0 to 1; it has to be more
        probably a P than an S as well.
    min_snr_db : float
        Weaker ones are left out, see `quake.events.measure.Measurement`.
    emergent_from : float
        Probability from which on something without a sharp onset is an event, 0 to 1; above 1,
        nothing is.
    min_stations : int
        Stations that must have an event for it to be one; see `quake.events.vote`.
    within_s : float
        Time within which their onsets must lie where the distance between stations is not known.

    Raises
    ------
    ParameterError
        If one makes no sense.
    """

    thresholds: Mapping[str, float]
    min_p: float = 0.15
    min_snr_db: float = 3.0
    emergent_from: float = 0.8
    min_stations: int = 1
    within_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not self.thresholds:
            raise ParameterError("thresholds: no class makes events; name one class at least")
        for name, value in self.thresholds.items():
            if not 0 <= value <= 1:
                raise ParameterError(f"event threshold of {name} must be from 0 to 1, got {value}")
        if not 0 <= self.min_p <= 1:
            raise ParameterError(f"min_p must be from 0 to 1, got {self.min_p}")
        for name in ("min_snr_db", "emergent_from"):
            if not math.isfinite(getattr(self, name)):
                raise ParameterError(f"{name} must be a number, got {getattr(self, name)}")
        if not (math.isfinite(self.within_s) and self.within_s >= 0):
            raise ParameterError(f"within_s must be 0 seconds or more, got {self.within_s}")
        if self.min_stations != int(self.min_stations) or self.min_stations < 1:
            raise ParameterError(f"min_stations must be 1 or more, got {self.min_stations}")
