"""Read what a StationXML file says of stations: orientations, places, sensitivities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quake.events import Event

if TYPE_CHECKING:
    from quake.events.amplitude import Sensitivities
    from quake.stations.orientation import Orientations
    from quake.stations.travel_times import Site


@dataclass(frozen=True)
class Stations:
    """All of it; None where nobody says."""

    orientations: Orientations | None = None
    sites: Mapping[str, Site] | None = None
    sensitivities: Sensitivities | None = None

    def with_velocities(self, event: Event) -> Event:
        """The event with peak amplitudes in m/s, where the sensitivity is known."""
        if self.sensitivities is None:
            return event
        from quake.events.amplitude import with_velocities

        return with_velocities(event, self.sensitivities)


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
    return Stations(read_orientations(path), read_sites(path), read_sensitivities(path))
