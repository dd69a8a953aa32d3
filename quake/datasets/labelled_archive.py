"""Label an archive by its catalogue: events from picks or arrivals, noise from quiet hours.

Windows of events are cut around P, noise from the hours away from any event.
"""

from __future__ import annotations

import logging
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quake.classes import NOISE
from quake.datasets.catalogue import Catalogue, CatalogueEvent, read_catalogue
from quake.datasets.collection import Collection, Exclusion
from quake.datasets.holdings import ArchiveIndex, Holdings, index_archive
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError, ParameterError
from quake.stations.travel_times import KM_PER_DEGREE, Site, TravelTimes, distance_deg, read_sites
from quake.waveforms import intervals
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval
from quake.waveforms.times import NS_PER_S, format_time

logger = logging.getLogger(__name__)

# S after P as a share of the travel time of P: Vp/Vs is 1.73 in most of the crust.
_S_AFTER_P = 0.73

# Of an event of which nobody knows where it was: surface waves have gone 2,000 km by then.
_PASSING_NS = 600 * NS_PER_S


@dataclass(frozen=True)
class ArchiveOptions:
    """How spans are cut out of an archive.

    Attributes
    ----------
    before_p_s, after_p_s : float
        An event's span begins so long before its P and ends so long after it.
    quiet_s : float
        Noise is at least so far from any pick of the catalogue, at whatever station, from any
        predicted P and S, and from any span of an event.
    noise_length_s : float
        Length of a span of noise.
    noise_per_event : float
        Spans of noise for each span of an event, at the same channel set.
    max_distance_km : float
        Where only origins are known, stations further away are not taken to have seen the event.
    inventory : path or None
        StationXML; needed where a catalogue has origins and no picks.
    seed : int
        Of the draw of the noise.

    Raises
    ------
    ParameterError
        If a length or a share makes no sense.
    """

    before_p_s: float = 15.0
    after_p_s: float = 45.0
    quiet_s: float = 120.0
    noise_length_s: float = 180.0
    noise_per_event: float = 1.0
    max_distance_km: float = 150.0
    inventory: Path | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in ("after_p_s", "noise_length_s", "max_distance_km"):
            if not getattr(self, name) > 0:
                raise ParameterError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("before_p_s", "quiet_s", "noise_per_event"):
            if not getattr(self, name) >= 0:
                raise ParameterError(f"{name} must not be negative, got {getattr(self, name)}")


def read_archive(
    root: str | Path,
    catalogue: str | Path,
    options: ArchiveOptions | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Collection:
    """Cut events and noise out of an archive.

    Parameters
    ----------
    root : folder
        With miniSEED and SAC files at any depth, SDS or not.
    catalogue : file
        As `read_catalogue` takes it.
    options : ArchiveOptions, optional
    progress : callable
        Called with the number of files scanned so far.

    Returns
    -------
    Collection
        What was not used is in `excluded`: files, events, stations.

    Raises
    ------
    LabelError
        If the catalogue cannot be used, or none of its events was recorded.
    WaveformError
        If the folder has no waveforms, or the inventory cannot be read.
    """
    root, options = Path(root), options or ArchiveOptions()
    events = read_catalogue(catalogue)
    arrivals = _predict(events, options.inventory)
    index = index_archive(root, {Path(catalogue), options.inventory}, progress)
    excluded = [*events.excluded, *index.excluded, *arrivals.excluded]
    cuts = _cut_events(events, arrivals, index, options, excluded)
    cuts = _without_contradictions(cuts, excluded)
    if not cuts:
        reasons = Counter(exclusion.reason for exclusion in excluded).most_common(5)
        raise LabelError(
            f"{events.path}: none of its {len(events.events)} events can be cut out of {root}: "
            + "; ".join(f"{reason} ({count})" for reason, count in reasons)
        )
    noise = _cut_noise(events, arrivals, index, cuts, options, excluded)
    source = root.resolve().name
    spans = [cut.span(source) for cut in [*cuts, *noise]]
    return Collection(source, spans, excluded)


# When waves arrive ------------------------------------------------------------------------------


class _Arrivals:
    """Predicted arrivals at stations, where an inventory says where these are."""

    def __init__(self, sites: Mapping[str, Site], excluded: Sequence[Exclusion] = ()) -> None:
        self.sites = sites
        self.excluded = excluded
        self._travel_times = TravelTimes()

    def distance_km(self, event: CatalogueEvent, station: str) -> float | None:
        """Distance along the surface, None where a place is unknown."""
        place = _site(event)
        if place is None or station not in self.sites:
            return None
        return distance_deg(place, self.sites[station]) * KM_PER_DEGREE

    def p_ns(self, event: CatalogueEvent, station: str) -> int | None:
        """Time of the first P, None where a place or the origin time is unknown."""
        distance_km = self.distance_km(event, station)
        if distance_km is None or event.origin_ns is None:
            return None
        travel_s = self._travel_times.p_s(distance_km / KM_PER_DEGREE, event.depth_km or 0.0)
        return event.origin_ns + round(travel_s * NS_PER_S)


def _site(event: CatalogueEvent) -> Site | None:
    if event.latitude_deg is None or event.longitude_deg is None:
        return None
    return Site(event.latitude_deg, event.longitude_deg)


def _predict(events: Catalogue, inventory: Path | None) -> _Arrivals:
    """Prepare predictions; refuse a catalogue of origins if none can be made."""
    if inventory is not None:
        return _Arrivals(read_sites(inventory))
    without_picks = [event for event in events.events if not event.picks]
    if len(without_picks) == len(events.events):
        raise LabelError(
            f"{events.path}: the catalogue has {len(without_picks)} origins and no picks; to "
            "predict when P arrives, say where the stations are with a StationXML file "
            "(--inventory FILE), or give a catalogue with picks"
        )
    return _Arrivals(
        {},
        [
            Exclusion(
                _name(events, event), "without picks, and no inventory to predict arrivals with"
            )
            for event in without_picks
        ],
    )


def _name(events: Catalogue, event: CatalogueEvent) -> str:
    return f"{events.path}, event {event.event_id}"


# Events -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cut:
    """A span before it is told where it comes from."""

    holdings: Holdings
    start_ns: int
    end_ns: int
    label: str
    group: str
    row: int = 0
    p_ns: int | None = None
    what: str = ""

    def span(self, source: str) -> LabelledSpan:
        key = self.holdings.id
        reader = self.holdings.reader(self.start_ns, self.end_ns)
        record = f"{source}, {key}, {self.label} at {format_time(self.start_ns)}"
        return LabelledSpan(
            row=self.row,
            path=reader.files[0],
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            label=self.label,
            group=self.group or record,
            station=f"{key.network}.{key.station}",
            source=source,
            p_ns=self.p_ns,
            record=record,
            reader=reader,
        )


def _cut_events(
    events: Catalogue,
    arrivals: _Arrivals,
    index: ArchiveIndex,
    options: ArchiveOptions,
    excluded: list[Exclusion],
) -> list[_Cut]:
    """One span for each event and station where its P is known and was recorded."""
    cuts: list[_Cut] = []
    for event in events.events:
        what = _name(events, event)
        if event.picks:
            onsets = event.first_p()
            for station in dict.fromkeys(pick.station for pick in event.picks):
                if station not in onsets:
                    reason = "no P pick, so the onset is unknown"
                    excluded.append(Exclusion(f"{what} at {station}", reason))
        else:
            onsets = _predicted_onsets(event, arrivals, index, options, what, excluded)
        for station, p_ns in onsets.items():
            cut = _cut_event(event, station, p_ns, index, options, f"{what} at {station}")
            if isinstance(cut, Exclusion):
                excluded.append(cut)
            else:
                cuts.append(cut)
    return cuts


def _predicted_onsets(
    event: CatalogueEvent,
    arrivals: _Arrivals,
    index: ArchiveIndex,
    options: ArchiveOptions,
    what: str,
    excluded: list[Exclusion],
) -> dict[str, int]:
    """When P arrives at the stations that are near enough to have seen the event."""
    onsets: dict[str, int] = {}
    n_far = n_unknown = 0
    for station in index.stations:
        distance_km = arrivals.distance_km(event, station)
        p_ns = arrivals.p_ns(event, station)
        if distance_km is None or p_ns is None:
            n_unknown += 1
        elif distance_km > options.max_distance_km:
            n_far += 1
        else:
            onsets[station] = p_ns
    if n_far:
        reason = f"further away than {options.max_distance_km:g} km"
        excluded.append(Exclusion(f"{what} at {n_far} stations", reason))
    if n_unknown and arrivals.sites:
        reason = "the place of the station or of the event is unknown"
        excluded.append(Exclusion(f"{what} at {n_unknown} stations", reason))
    return onsets


def _cut_event(
    event: CatalogueEvent,
    station: str,
    p_ns: int,
    index: ArchiveIndex,
    options: ArchiveOptions,
    what: str,
) -> _Cut | Exclusion:
    """Cut an event from the channel set that recorded most of it; the first of equals."""
    name = index.find(station)
    if name is None:
        return Exclusion(what, "the archive has nothing of this station")
    start_ns = p_ns - round(options.before_p_s * NS_PER_S)
    end_ns = p_ns + round(options.after_p_s * NS_PER_S)
    best = max(
        index.stations[name],
        key=lambda r: (r.components_at(p_ns), r.recorded_ns(start_ns, end_ns)),
    )
    if not best.components_at(p_ns):
        return Exclusion(what, "nothing was recorded at the time of its P")
    onset_ns = None if event.label == NOISE else p_ns
    group = event.group or event.event_id
    return _Cut(best, start_ns, end_ns, event.label, group, event.row, onset_ns, what)


def _without_contradictions(cuts: Sequence[_Cut], excluded: list[Exclusion]) -> list[_Cut]:
    """Leave out spans that show two kinds of events; count those that show two of one kind."""
    ordered = sorted(cuts, key=lambda cut: (cut.holdings.id, cut.start_ns))
    mixed: set[int] = set()
    n_shared = 0
    for i, first in enumerate(ordered):
        for j in range(i + 1, len(ordered)):
            second = ordered[j]
            if second.holdings is not first.holdings or second.start_ns >= first.end_ns:
                break
            n_shared += 1
            if second.label != first.label:
                mixed |= {i, j}
    for i in sorted(mixed):
        reason = "an event of another class is in the same window"
        excluded.append(Exclusion(ordered[i].what, reason))
    if n_shared:
        logger.info("%d pairs of events overlap; they stay on one side of a split", n_shared)
    return [cut for i, cut in enumerate(ordered) if i not in mixed]


# Noise ------------------------------------------------------------------------------------------


def _cut_noise(
    events: Catalogue,
    arrivals: _Arrivals,
    index: ArchiveIndex,
    cuts: Sequence[_Cut],
    options: ArchiveOptions,
    excluded: list[Exclusion],
) -> list[_Cut]:
    """Noise of each channel set that events were cut from, away from all events."""
    everywhere = _disturbed(events, options)
    by_set: dict[ChannelSetId, list[_Cut]] = defaultdict(list)
    for cut in cuts:
        by_set[cut.holdings.id].append(cut)
    noise: list[_Cut] = []
    for station, sets in index.stations.items():
        for holdings in sets:
            there = by_set.get(holdings.id, [])
            if not there:
                reason = "no event was cut from it, and so no noise"
                excluded.append(Exclusion(str(holdings.id), reason))
                continue
            busy = [*everywhere, *_predicted(events, arrivals, station, options)]
            busy += _widened([(cut.start_ns, cut.end_ns) for cut in there], options.quiet_s)
            quiet = intervals.without(holdings.complete(), intervals.union(busy))
            n_wanted = round(options.noise_per_event * len(there))
            found = _draw(holdings, quiet, n_wanted, options)
            noise += found
            if len(found) < n_wanted:
                what = f"{n_wanted - len(found)} of {n_wanted} noise spans at {holdings.id}"
                excluded.append(Exclusion(what, "not enough quiet time"))
    return noise


def _widened(spans: Iterable[Interval], by_s: float) -> list[Interval]:
    by_ns = round(by_s * NS_PER_S)
    return [(start - by_ns, end + by_ns) for start, end in spans]


def _disturbed(events: Catalogue, options: ArchiveOptions) -> list[Interval]:
    """From the first to the last pick of each event: its waves cross the whole network then."""
    times: list[Interval] = []
    for event in [*events.events, *events.others]:
        moments = [pick.time_ns for pick in event.picks]
        if event.origin_ns is not None:
            moments.append(event.origin_ns)
        if moments:
            times.append((min(moments), max(moments) + 1))
    return intervals.union(_widened(times, options.quiet_s))


def _predicted(
    events: Catalogue, arrivals: _Arrivals, station: str, options: ArchiveOptions
) -> list[Interval]:
    """From P to S of each event at a station, as far as they can be predicted."""
    times: list[Interval] = []
    for event in [*events.events, *events.others]:
        p_ns = arrivals.p_ns(event, station)
        if p_ns is not None and event.origin_ns is not None:
            times.append((p_ns, p_ns + round(_S_AFTER_P * (p_ns - event.origin_ns)) + 1))
        elif event.origin_ns is not None and not event.picks:
            times.append((event.origin_ns, event.origin_ns + _PASSING_NS))
    return _widened(times, options.quiet_s)


def _draw(
    holdings: Holdings, quiet: Sequence[Interval], n_wanted: int, options: ArchiveOptions
) -> list[_Cut]:
    """Draw spans from the quiet time, all of it with the same chance, none overlapping another."""
    # By channel set, so that the draw does not change when a station is added.
    rng = np.random.default_rng([options.seed, zlib.crc32(str(holdings.id).encode())])
    length_ns = round(options.noise_length_s * NS_PER_S)
    starts: list[int] = []
    for start_ns, end_ns in quiet:
        n_fit, spare_ns = divmod(end_ns - start_ns, length_ns)
        shift_ns = int(rng.integers(0, spare_ns + 1))
        starts += [start_ns + shift_ns + i * length_ns for i in range(n_fit)]
    chosen = rng.permutation(len(starts))[:n_wanted]
    return [
        _Cut(holdings, start_ns, start_ns + length_ns, NOISE, "")
        for start_ns in sorted(starts[i] for i in chosen)
    ]
