"""Let stations vote: join events of single channel sets that several stations agree on."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from quake.events.build import build_events
from quake.events.event import Arrival, Event
from quake.events.onset import Onset
from quake.events.options import EventOptions
from quake.stations.travel_times import KM_PER_DEGREE, Site, distance_deg
from quake.waveforms.times import NS_PER_S, parse_time

# The slowest that a P passes from one station to the next: the upper crust, and sediments under it.
_SLOWEST_KM_S = 5.0

# For the uncertainty of onsets, and for layers that are slower still.
_ALLOWANCE_S = 2.0

_Allowed = Callable[[Arrival, Arrival], int]


def find_events(
    onsets: Iterable[Onset], options: EventOptions, sites: Mapping[str, Site] | None = None
) -> list[Event]:
    """Build events of onsets, and let the stations vote.

    Parameters
    ----------
    onsets : iterable of Onset
        Of any channel sets and days, in any order.
    options : EventOptions
    sites : mapping of ``NETWORK.STATION`` to Site, optional
        Where the stations are.

    Returns
    -------
    list of Event
        By onset, class and channel sets.
    """
    return vote(build_events(onsets, options), options, sites)


def vote(
    events: Iterable[Event], options: EventOptions, sites: Mapping[str, Site] | None = None
) -> list[Event]:
    """Keep what enough stations agree on; one event for all of them.

    With `min_stations` N above 1, the events are sorted by onset. The earliest unused one opens a
    cluster, which takes, of each other channel set, the unused one that is nearest in time, where
    it fits one source with all that the cluster has. If the cluster has N distinct stations
    (network and station codes: two channel sets of one station count once), it becomes one event
    and all of its events are used. If not, its opener is dropped and the others remain for the
    next cluster. What comes out does not depend on the order of the input.

    Two onsets fit one source if they are no further apart than a P takes from one station to the
    other at 5 km/s, and 2 s; where the place of either is not known, no further than `within_s`.

    Parameters
    ----------
    events : iterable of Event
    options : EventOptions
    sites : mapping of ``NETWORK.STATION`` to Site, optional

    Returns
    -------
    list of Event
        By onset, class and channel sets. With N = 1 the events that were given. With more, an event
        has the class that is most probable at its stations together.
    """
    if options.min_stations == 1:
        return sorted(events, key=_order)
    ordered = sorted(events, key=_order)
    allowed = _allowed(options, sites or {})
    onsets_ns = [parse_time(event.onset) for event in ordered]
    longest_ns = _longest_ns(options, sites or {})
    used = [False] * len(ordered)
    agreed = []
    for number, opener in enumerate(ordered):
        if used[number]:
            continue
        stop = bisect_right(onsets_ns, onsets_ns[number] + longest_ns)
        others = [i for i in range(number + 1, stop) if not used[i]]
        cluster = _cluster(
            opener.arrivals[0], [(i, ordered[i].arrivals[0]) for i in others], allowed
        )
        members = [number, *cluster]
        stations = {ordered[i].arrivals[0].station for i in members}
        if len(stations) >= options.min_stations:
            agreed.append(joined([ordered[i] for i in members]))
            for i in members:
                used[i] = True
    return sorted(agreed, key=_order)


def _cluster(
    opener: Arrival, others: Sequence[tuple[int, Arrival]], allowed: _Allowed
) -> list[int]:
    """Numbers of the arrivals that are of one source with the opener."""
    members, numbers, channel_sets = [opener], [], {opener.channel_set}
    for number, arrival in others:  # the nearest in time first
        if arrival.channel_set in channel_sets:
            continue
        if all(abs(arrival.onset_ns - m.onset_ns) <= allowed(arrival, m) for m in members):
            members.append(arrival)
            numbers.append(number)
            channel_sets.add(arrival.channel_set)
    return numbers


def _allowed(options: EventOptions, sites: Mapping[str, Site]) -> _Allowed:
    """How far onsets at two stations may lie apart, ns."""
    known: dict[tuple[tuple[str, str], tuple[str, str]], int] = {}

    def allowed(first: Arrival, second: Arrival) -> int:
        pair = first.station, second.station
        if pair not in known:
            known[pair] = _allowed_ns(pair, options, sites)
        return known[pair]

    return allowed


def _allowed_ns(
    pair: tuple[tuple[str, str], tuple[str, str]],
    options: EventOptions,
    sites: Mapping[str, Site],
) -> int:
    first, second = (sites.get(".".join(station)) for station in pair)
    if first is None or second is None:
        return round(options.within_s * NS_PER_S)
    distance_km = distance_deg(first, second) * KM_PER_DEGREE
    return round((distance_km / _SLOWEST_KM_S + _ALLOWANCE_S) * NS_PER_S)


def _longest_ns(options: EventOptions, sites: Mapping[str, Site]) -> int:
    """The longest time that two onsets of one source may lie apart, or more."""
    if not sites:
        return round(options.within_s * NS_PER_S)
    latitudes = [site.latitude_deg for site in sites.values()]
    corner = Site(min(latitudes), min(site.longitude_deg for site in sites.values()))
    # From one corner to any site, twice: no two sites are further apart.
    reach_deg = max(distance_deg(corner, site) for site in sites.values())
    across_s = 2 * reach_deg * KM_PER_DEGREE / _SLOWEST_KM_S + _ALLOWANCE_S
    return round(max(across_s, options.within_s) * NS_PER_S)


def joined(events: Sequence[Event]) -> Event:
    """One event of several; its class is that which is most probable at all stations together."""
    arrivals = tuple(arrival for event in events for arrival in event.arrivals)
    sums: dict[str, float] = defaultdict(float)
    for arrival in arrivals:
        sums[arrival.label] += arrival.probability
    label = min(sums, key=lambda name: (-sums[name], name))
    return Event(label, arrivals)


def _order(event: Event) -> tuple[Any, ...]:
    """By onset, class and channel sets; all else only so that no two events are equal."""
    return (
        parse_time(event.onset),
        event.label,
        event.channel_sets,
        event.end,
        event.probability,
        event.snr_db,
        event.model,
    )
