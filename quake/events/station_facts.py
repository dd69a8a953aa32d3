"""Facts of stations that events need: StationXML in, places and sensitivities out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from quake.errors import ParameterError, WaveformError
from quake.events.amplitude import Sensitivities, read_sensitivities, with_velocities
from quake.events.event import Event
from quake.events.onset import Onset
from quake.events.options import EventOptions
from quake.events.vote import find_events
from quake.stations.travel_times import Site, read_sites


@dataclass(frozen=True)
class StationFacts:
    """What an inventory says of stations.

    Attributes
    ----------
    sites : mapping of ``NETWORK.STATION`` to Site, optional
        Where the stations are; None where nobody says.
    sensitivities : Sensitivities, optional
        Counts of a metre a second.
    """

    sites: Mapping[str, Site] | None = None
    sensitivities: Sensitivities | None = None

    def events(self, onsets: Iterable[Onset], options: EventOptions) -> list[Event]:
        """Make events of onsets, with what is known of the stations."""
        events = find_events(onsets, options, self.sites)
        if self.sensitivities is None:
            return events
        return [with_velocities(event, self.sensitivities) for event in events]


def read_station_facts(inventory: str | Path | None) -> StationFacts:
    """Read them from a StationXML file; nothing is known without one.

    Raises
    ------
    ParameterError
        If the file cannot be read.
    """
    if inventory is None:
        return StationFacts()
    try:
        return StationFacts(read_sites(inventory), read_sensitivities(inventory))
    except WaveformError as error:
        raise ParameterError(f"--inventory: {error}") from error
