"""Events: window records go in, stretches of time in which a class was found come out."""

from quake.events.event import Event, parse_channel_set
from quake.events.merge import EventOptions, merge_windows
from quake.events.vote import find_events

__all__ = ["Event", "EventOptions", "find_events", "merge_windows", "parse_channel_set"]
