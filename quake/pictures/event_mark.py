"""Say when the events of a channel set begin, end and have their S."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from quake.events import Event, EventOptions, Onset, find_events
from quake.waveforms.times import parse_time


@dataclass(frozen=True)
class EventMark:
    """An event in a picture.

    Attributes
    ----------
    label : str
        Class.
    onset_ns, end_ns : int
        ns since the epoch.
    s_ns : int or None
        Where an S is clear.
    probability : float
        Of the class.
    """

    label: str
    onset_ns: int
    end_ns: int
    s_ns: int | None
    probability: float

    @classmethod
    def of(cls, event: Event) -> EventMark:
        """Mark of an event."""
        return cls(
            event.label,
            parse_time(event.onset),
            parse_time(event.end),
            None if event.s_onset is None else parse_time(event.s_onset),
            event.probability,
        )


def marks_of(onsets: Iterable[Onset], options: EventOptions) -> list[EventMark]:
    """Say where the events of one channel set are, by onset.

    A picture is of one channel set, so that stations have no vote.
    """
    return [EventMark.of(e) for e in find_events(onsets, replace(options, min_stations=1))]
