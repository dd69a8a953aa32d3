"""Build events of single channel sets from onsets and thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from quake.events.event import Arrival, Event
from quake.events.evidence import event_probabilities
from quake.events.onset import Onset, unique
from quake.events.options import EventOptions
from quake.events.picks import S_FROM
from quake.waveforms.times import NS_PER_S

# Of the same event, the first and clearest counts; S-P times of the nearest events are longer.
_APART_NS = round(1.5 * NS_PER_S)

# An S belongs to a P up to 250 km before it; the S of events further away is seldom clear.
_LONGEST_S_P_NS = 30 * NS_PER_S
_SHORTEST_S_P_NS = round(0.4 * NS_PER_S)

# Emergent onsets have to stand alone: nothing sharp within a minute.
_ALONE_NS = 60 * NS_PER_S


def build_events(onsets: Iterable[Onset], options: EventOptions) -> Iterator[Event]:
    """Say which onsets are events.

    Parameters
    ----------
    onsets : iterable of Onset
        In any order; those of two days that are the same count once.
    options : EventOptions

    Yields
    ------
    Event
        Of one channel set after the other, by onset within one.
    """
    for _, of_set in groupby(unique(onsets), key=attrgetter("id")):
        weighed = [replace(o, probabilities=event_probabilities(o)) for o in of_set]
        yield from _of_channel_set(weighed, options)


def _of_channel_set(onsets: Sequence[Onset], options: EventOptions) -> Iterator[Event]:
    sharp = _chosen([o for o in onsets if not o.is_emergent], options)
    emergent = _alone([o for o in onsets if o.is_emergent], sharp, options)
    accepted = sorted([*sharp, *emergent], key=attrgetter("time_ns"))
    for number, onset in enumerate(accepted):
        label = event_label(onset, options)
        assert label is not None
        following = accepted[number + 1].time_ns if number + 1 < len(accepted) else None
        s = _s_of(onset, onsets, following)
        yield Event(label, (Arrival.of(onset, label, s, following),))


def event_label(onset: Onset, options: EventOptions) -> str | None:
    """Class of an onset if it is an event: the most probable one, where it has a threshold."""
    if not onset.probabilities:
        return None
    label = max(onset.probabilities, key=lambda name: onset.probabilities[name])
    threshold = options.thresholds.get(label)
    if threshold is None or onset.probabilities[label] < threshold:
        return None
    if onset.is_emergent:
        return label if onset.probabilities[label] >= options.emergent_from else None
    is_p = onset.p >= options.min_p and onset.p >= onset.s
    return label if is_p and onset.snr_db >= options.min_snr_db else None


def _chosen(onsets: Sequence[Onset], options: EventOptions) -> list[Onset]:
    """Those that are events; of several close together the most probable P."""
    wanted = [o for o in onsets if event_label(o, options) is not None]
    taken: list[Onset] = []
    for onset in sorted(wanted, key=lambda o: (-o.p, o.time_ns)):
        if all(abs(onset.time_ns - other.time_ns) >= _APART_NS for other in taken):
            taken.append(onset)
    return sorted(taken, key=attrgetter("time_ns"))


def _alone(onsets: Sequence[Onset], sharp: Sequence[Onset], options: EventOptions) -> list[Onset]:
    """Emergent onsets that are events: two windows agree, and nothing sharp is near."""
    taken: list[Onset] = []
    for onset in onsets:
        if event_label(onset, options) is None:
            continue
        if any(abs(onset.time_ns - other.time_ns) < _ALONE_NS for other in (*sharp, *taken)):
            continue
        taken.append(onset)
    return taken


def _s_of(onset: Onset, onsets: Sequence[Onset], following_ns: int | None) -> Onset | None:
    """The clearest S before the next event begins, if there is one."""
    last_ns = min(onset.time_ns + _LONGEST_S_P_NS, following_ns or onset.time_ns + _LONGEST_S_P_NS)
    possible = [
        o
        for o in onsets
        if o.s >= S_FROM and o.s > o.p and onset.time_ns + _SHORTEST_S_P_NS <= o.time_ns < last_ns
    ]
    return max(possible, key=lambda o: (o.s, -o.time_ns), default=None)
