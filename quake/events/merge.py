"""Merging: window records of one channel set after the other in, events out as they close."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from quake.data.times import format_time, parse_time
from quake.data.waveform import NS_PER_S
from quake.errors import ParameterError
from quake.events.event import Event

if TYPE_CHECKING:
    from quake.inference.records import WindowRecord

_SCORED = ("ok", "uncertain")


@dataclass(frozen=True)
class EventOptions:
    """What makes an event of windows.

    Attributes
    ----------
    thresholds : mapping of class to float
        Probability from which on a window counts, 0 to 1. Classes that are not in it make no
        events.
    gap_s : float
        Windows of one class that are no further apart than this are of one event, seconds.
    min_length_s : float
        Shorter events are dropped, seconds.
    min_stations : int
        Stations that must have an event for it to be one; see `quake.events.vote`.
    within_s : float
        Time within which their events must start, seconds.

    Raises
    ------
    ParameterError
        If one makes no sense.
    """

    thresholds: Mapping[str, float]
    gap_s: float = 30.0
    min_length_s: float = 0.0
    min_stations: int = 1
    within_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not self.thresholds:
            raise ParameterError("thresholds: no class makes events; name one class at least")
        for name, value in self.thresholds.items():
            if not 0 <= value <= 1:
                raise ParameterError(f"event threshold of {name} must be from 0 to 1, got {value}")
        for name in ("gap_s", "min_length_s", "within_s"):
            seconds = getattr(self, name)
            if not (math.isfinite(seconds) and seconds >= 0):
                raise ParameterError(f"{name} must be 0 seconds or more, got {seconds}")
        if self.min_stations != int(self.min_stations) or self.min_stations < 1:
            raise ParameterError(f"min_stations must be 1 or more, got {self.min_stations}")


def merge_windows(records: Iterable[WindowRecord], options: EventOptions) -> Iterator[Event]:
    """Merge the windows of each channel set into events.

    A window is a hit of the class it is labelled with if that class has a threshold and the
    window's probability reaches it. Hits of one channel set and one class are of one event
    where no more than `gap_s` lies between the end of what came before and the start of the next.

    Parameters
    ----------
    records : iterable of WindowRecord
        One channel set after the other, each at one go; by start within one.
    options : EventOptions

    Yields
    ------
    Event
        Of one channel set, as soon as a later window shows that it is over. What is in memory
        are the open events of one channel set.

    Raises
    ------
    ParameterError
        If the windows of a channel set are not in the order of time.
    """
    for _, windows in groupby(records, key=attrgetter("id")):
        yield from _merge_channel_set(windows, options)


def _merge_channel_set(windows: Iterable[WindowRecord], options: EventOptions) -> Iterator[Event]:
    gap_ns = round(options.gap_s * NS_PER_S)
    min_length_ns = round(options.min_length_s * NS_PER_S)
    open_events: dict[str, _OpenEvent] = {}
    for window, start_ns in _in_order(windows):
        over = [e for e in open_events.values() if start_ns - e.end_ns > gap_ns]
        yield from _closed(over, min_length_ns)
        for event in over:
            del open_events[event.label]
        label = _hit(window, options.thresholds)
        if label is not None:
            if label not in open_events:
                open_events[label] = _OpenEvent(label, window, start_ns)
            open_events[label].add(window, start_ns)
    yield from _closed(open_events.values(), min_length_ns)


class _OpenEvent:
    """An event that may still grow."""

    def __init__(self, label: str, window: WindowRecord, start_ns: int) -> None:
        self.label = label
        self.channel_set = window.id
        self.model = window.model
        self.start_ns = self.end_ns = self.peak_ns = start_ns
        self.peak_probability = -math.inf
        self.n_windows = 0

    def add(self, window: WindowRecord, start_ns: int) -> None:
        """Grow by a window that starts no earlier than all before."""
        end_ns = parse_time(window.end)
        self.end_ns = max(self.end_ns, end_ns)
        self.n_windows += 1
        probability = window.probabilities[self.label]
        if probability > self.peak_probability:  # the earliest of equals stays
            self.peak_probability = probability
            self.peak_ns = (start_ns + end_ns) // 2

    def close(self) -> Event:
        """As it is now."""
        return Event(
            label=self.label,
            start=format_time(self.start_ns),
            end=format_time(self.end_ns),
            peak_time=format_time(self.peak_ns),
            peak_probability=self.peak_probability,
            n_windows=self.n_windows,
            channel_sets=(self.channel_set,),
            model=self.model,
        )


def _closed(events: Iterable[_OpenEvent], min_length_ns: int) -> Iterator[Event]:
    """Those that are long enough, by start and class."""
    for event in sorted(events, key=attrgetter("start_ns", "label")):
        if event.end_ns - event.start_ns >= min_length_ns:
            yield event.close()


def _hit(window: WindowRecord, thresholds: Mapping[str, float]) -> str | None:
    """Class of an event that the window is part of, if any."""
    label = window.label
    if label is None or label not in thresholds or window.status not in _SCORED:
        return None
    return label if window.probabilities[label] >= thresholds[label] else None


def _in_order(windows: Iterable[WindowRecord]) -> Iterator[tuple[WindowRecord, int]]:
    """Windows with their start, ns; an event that is closed can not be opened again."""
    before: WindowRecord | None = None
    before_ns = 0
    for window in windows:
        start_ns = parse_time(window.start)
        if before is not None and start_ns < before_ns:
            raise ParameterError(
                f"{window.id}: the window at {window.start} comes after the one at {before.start}; "
                "give the windows of a channel set in the order of time"
            )
        yield window, start_ns
        before, before_ns = window, start_ns
