"""Voting: events of single channel sets in, events that several stations agree on out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from quake.data.times import parse_time
from quake.data.waveform import NS_PER_S
from quake.events.event import Event
from quake.events.merge import EventOptions, merge_windows

if TYPE_CHECKING:
    from quake.inference.records import WindowRecord


def find_events(records: Iterable[WindowRecord], options: EventOptions) -> list[Event]:
    """Merge windows into events, and let the stations vote.

    Parameters
    ----------
    records : iterable of WindowRecord
        One channel set after the other, each at one go; by start within one.
    options : EventOptions

    Returns
    -------
    list of Event
        By start, class and channel sets.

    Raises
    ------
    ParameterError
        If the windows of a channel set are not in the order of time.
    """
    return vote(merge_windows(records, options), options)


def vote(events: Iterable[Event], options: EventOptions) -> list[Event]:
    """Keep what enough stations agree on; one event for all of them.

    With `min_stations` N above 1, of each class: the events are sorted by start. The earliest
    unused one opens a cluster, which takes all unused ones that start no more than `within_s`
    after it. If the cluster has N distinct stations (network and station codes: two channel sets
    of one station count once), it becomes one event and all of its events are used. If
    not, its opener is dropped and the others remain for the next cluster. What comes out does not
    depend on the order of the input.

    Parameters
    ----------
    events : iterable of Event
    options : EventOptions

    Returns
    -------
    list of Event
        By start, class and channel sets. With N = 1 the events that were given. With more: from
        the earliest start to the latest end, the peak of the most probable one, all windows, all
        channel sets.
    """
    if options.min_stations == 1:
        return sorted(events, key=_order)
    within_ns = round(options.within_s * NS_PER_S)
    by_class = sorted(events, key=lambda event: (event.label, _order(event)))
    agreed = [
        _joined(cluster)
        for _, of_class in groupby(by_class, key=attrgetter("label"))
        for cluster in _clusters(list(of_class), within_ns, options.min_stations)
    ]
    return sorted(agreed, key=_order)


def _clusters(
    events: Sequence[Event], within_ns: int, min_stations: int
) -> Iterator[Sequence[Event]]:
    """Clusters with enough stations; the events are of one class and sorted by start."""
    starts_ns = [parse_time(event.start) for event in events]
    stations = [event.stations for event in events]
    first = 0
    while first < len(events):
        behind = bisect_right(starts_ns, starts_ns[first] + within_ns, lo=first)
        if len(set().union(*stations[first:behind])) >= min_stations:
            yield events[first:behind]
            first = behind
        else:
            first += 1


def _joined(events: Sequence[Event]) -> Event:
    """One event of several of one class, sorted by start."""
    peak = min(events, key=lambda event: (-event.peak_probability, parse_time(event.peak_time)))
    return Event(
        label=peak.label,
        start=events[0].start,
        end=max((event.end for event in events), key=parse_time),
        peak_time=peak.peak_time,
        peak_probability=peak.peak_probability,
        n_windows=sum(event.n_windows for event in events),
        channel_sets=tuple(sorted({name for event in events for name in event.channel_sets})),
        model=peak.model,
    )


def _order(event: Event) -> tuple[Any, ...]:
    """By start, class and channel sets; all else only so that no two events are equal."""
    return (
        parse_time(event.start),
        event.label,
        event.channel_sets,
        event.end,
        event.peak_time,
        event.peak_probability,
        event.n_windows,
        event.model,
    )
