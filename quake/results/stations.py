"""Read what a StationXML file says of stations: orientations, places, sensitivities."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quake.events.station_facts import StationFacts

if TYPE_CHECKING:
    from quake.stations.orientation import Orientations


@dataclass(frozen=True)
class Stations:
    """All of it; None, or nothing, where nobody says."""

    orientations: Orientations | None = None
    facts: StationFacts = field(default_factory=StationFacts)


def read_stations(inventory: str | Path | None) -> Stations:
    """Read a StationXML file; None says nothing.

    Raises
    ------
    WaveformError
        If it cannot be read.
    """
    if inventory is None:
        return Stations()
    from quake.events.amplitude import read_sensitivities
    from quake.stations.orientation import read_orientations
    from quake.stations.travel_times import read_sites

    path = Path(inventory)
    facts = StationFacts(read_sites(path), read_sensitivities(path))
    return Stations(read_orientations(path), facts)
