"""Turn amplitudes of events into m/s by the sensitivities in a StationXML file.

A peak is divided by the sensitivity that StationXML gives for a channel as a whole, which holds
where the instrument's response is flat. Nothing is deconvolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from quake.events.event import Arrival, Event, parse_channel_set
from quake.stations.orientation import read_stationxml
from quake.waveforms.ids import ALIASES, ChannelSetId
from quake.waveforms.times import parse_time

_FAR_PAST, _FAR_FUTURE = -(2**63), 2**63


@dataclass(frozen=True)
class Sensitivity:
    """Counts for a metre a second, and from when to when."""

    start_ns: int
    end_ns: int
    counts_per_m_s: float


@dataclass(frozen=True)
class Sensitivities:
    """Sensitivities by channel set and component (Z, N or E)."""

    epochs: Mapping[tuple[ChannelSetId, str], tuple[Sensitivity, ...]]

    def at(self, channel_set: ChannelSetId, component: str, time_ns: int) -> float | None:
        """Counts for a metre a second; None where nothing is known."""
        for epoch in self.epochs.get((channel_set, component), ()):
            if epoch.start_ns <= time_ns < epoch.end_ns:
                return epoch.counts_per_m_s
        return None


def read_sensitivities(path: str | Path) -> Sensitivities:
    """Read the sensitivities of the channels of a StationXML file that record velocity.

    Raises
    ------
    WaveformError
        If the file is missing or no StationXML.
    """
    epochs: dict[tuple[ChannelSetId, str], list[Sensitivity]] = {}
    for network in read_stationxml(path):
        for station in network:
            for channel in station:
                found = channel.response and channel.response.instrument_sensitivity
                if not found or not found.value or (found.input_units or "").upper() != "M/S":
                    continue
                component = ALIASES.get(channel.code[-1:])
                if component is None:
                    continue
                key = ChannelSetId(
                    network.code, station.code, channel.location_code or "", channel.code[:-1]
                )
                epochs.setdefault((key, component), []).append(
                    Sensitivity(
                        channel.start_date.ns if channel.start_date else _FAR_PAST,
                        channel.end_date.ns if channel.end_date else _FAR_FUTURE,
                        abs(float(found.value)),
                    )
                )
    return Sensitivities({key: tuple(found) for key, found in epochs.items()})


def with_velocities(event: Event, sensitivities: Sensitivities) -> Event:
    """The same event with peaks in m/s, where sensitivities are known."""
    arrivals = tuple(
        replace(arrival, peak_velocity_m_s=_velocity(arrival, sensitivities))
        for arrival in event.arrivals
    )
    return Event(event.label, arrivals)


def _velocity(arrival: Arrival, sensitivities: Sensitivities) -> float | None:
    key = parse_channel_set(arrival.channel_set)
    counts = sensitivities.at(key, arrival.peak_component, parse_time(arrival.onset))
    return None if counts is None else float(f"{arrival.peak_amplitude / counts:.6g}")
