"""Find events, which are onsets with a class, at one station or several."""

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
