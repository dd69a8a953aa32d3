"""Write events as markers of other programs; docs/events.md lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from quake.events.event import Arrival, Event, parse_channel_set
from quake.waveforms.times import NS_PER_S, parse_time

# What would end a field or a line of these files.
_BREAKS = str.maketrans(dict.fromkeys("\t\r\n,", "_"))

# Snuffler takes a phase marker without these for one that belongs to an event.
_NOTHING = "None"


def snuffler(events: Sequence[Event]) -> str:
    """Markers of Pyrocko's Snuffler: a phase marker for each P and each S.

    ``phase: date time kind codes event_hash event_time event_date phase polarity automatic``, as
    `pyrocko.gui.marker.PhaseMarker` reads it.
    """
    lines = ["# Snuffler Markers File Version 0.2"]
    for name, time, arrival in _picks(events):
        stamp = f"{time[:10]} {time[11:24]}"
        lines.append(
            f"phase: {stamp} 0 {_codes(arrival, '.')} {_NOTHING} {_NOTHING} {_NOTHING} {name} "
            f"{_NOTHING} True"
        )
    return "".join(f"{line}\n" for line in lines)


def swarm(events: Sequence[Event]) -> str:
    """Tags of USGS Swarm: ``time,channel,class`` a line, ``YYYY-MM-DD hh:mm:ss``."""
    lines = []
    for event in events:
        for arrival in event.arrivals:
            time = f"{arrival.onset[:10]} {arrival.onset[11:19]}"
            lines.append(f"{time},{_codes(arrival, ' ', swarm=True)},{_plain(arrival.label)}")
    return "".join(f"{line}\n" for line in lines)


def audacity(events: Sequence[Event]) -> str:
    """Labels of Audacity: ``start<TAB>end<TAB>text``, s since the midnight before the first one."""
    if not events:
        return ""
    day_ns = NS_PER_S * 86_400
    origin_ns = min(parse_time(event.onset) for event in events) // day_ns * day_ns
    lines = []
    for event in events:
        start_s, end_s = ((parse_time(t) - origin_ns) / NS_PER_S for t in (event.onset, event.end))
        stations = " ".join(".".join(station) for station in event.stations)
        text = _plain(f"{event.label} {event.probability:.2f} {stations}")
        lines.append(f"{start_s:.6f}\t{end_s:.6f}\t{text}")
    return "".join(f"{line}\n" for line in lines)


MARKERS: Mapping[str, Callable[[Sequence[Event]], str]] = {
    "snuffler": snuffler,
    "swarm": swarm,
    "audacity": audacity,
}
"""By the name of the format."""


def _picks(events: Sequence[Event]) -> Iterator[tuple[str, str, Arrival]]:
    """Phase and time of each pick."""
    for event in events:
        for arrival in event.arrivals:
            yield "P", arrival.onset, arrival
            if arrival.s_onset is not None:
                yield "S", arrival.s_onset, arrival


def _codes(arrival: Arrival, divided_by: str, *, swarm: bool = False) -> str:
    """Codes of the vertical channel, in the order of either program."""
    key = parse_channel_set(arrival.channel_set)
    channel = f"{key.band_instrument}Z"
    codes = (
        (key.station, channel, key.network, key.location or "--")
        if swarm
        else (key.network, key.station, key.location, channel)
    )
    return divided_by.join(_plain(code).replace(" ", "_") for code in codes)


def _plain(text: str) -> str:
    return text.translate(_BREAKS)
