"""Read the events of a store day by day, and count them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from quake.events.event import parse_channel_set
from quake.report.event_files import damage_of, event_files
from quake.report.totals import FirstOf

Station = tuple[str, str]  # network and station code

_HOUR = len("2020-05-02T20")


@dataclass
class StoredEvents:
    """Events, counted.

    Attributes
    ----------
    are_there : bool
        Whether the store has events that can be read; QuakeML alone is for other programs.
    total : int
    by_label : Counter
    by_hour : Counter of (hour, label)
        Hours as in ``2020-05-02T20``, UTC.
    by_station_day : Counter of (station, date)
        An event of several stations counts at each of them, on the UTC date of its start.
    unreadable : FirstOf
        What is wrong with files that could not be read.
    """

    are_there: bool = False
    total: int = 0
    by_label: Counter[str] = field(default_factory=Counter)
    by_hour: Counter[tuple[str, str]] = field(default_factory=Counter)
    by_station_day: Counter[tuple[Station, str]] = field(default_factory=Counter)
    unreadable: FirstOf = field(default_factory=FirstOf)

    def add(self, date: str, label: str, channel_sets: Iterable[str], onset: str) -> None:
        """Count one event."""
        self.total += 1
        self.by_label[label] += 1
        self.by_hour[onset[:_HOUR], label] += 1
        keys = map(parse_channel_set, channel_sets)
        for station in {(key.network, key.station) for key in keys}:
            self.by_station_day[station, date] += 1


def count_events(root: Path) -> StoredEvents:
    """Count the events of a store; files that cannot be read are told, and the others go on."""
    events = StoredEvents()
    for file in event_files(root):
        events.are_there = True
        try:
            rows = list(file.rows())
        except Exception as error:  # pyarrow has a class of its own for each kind of damage
            events.unreadable.add(damage_of(file.path, error))
            continue
        for label, channel_sets, onset in rows:
            events.add(file.date, label, channel_sets, onset)
    return events
