"""Events: onsets of waveforms go in; events with a class, at one or more stations, come out."""

from quake.events.build import build_events
from quake.events.event import Arrival, Event, parse_channel_set
from quake.events.onset import Onset
from quake.events.options import EventOptions
from quake.events.vote import find_events

__all__ = [
    "Arrival",
    "Event",
    "EventOptions",
    "Onset",
    "build_events",
    "find_events",
    "parse_channel_set",
]
