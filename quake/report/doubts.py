"""Choose the onsets that are no events and that the model was least certain of.

What lies on the border between two classes teaches a model most; a person looks at it in the
review of a report (uncertainty sampling: Lewis & Gale 1994, by the margin between the two most
probable classes: Scheffer et al. 2001).
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from quake.events import Arrival, Event, Onset
from quake.events.evidence import event_probabilities
from quake.waveforms.times import NS_PER_S

# Onsets that are this near to each other are about the same thing.
_APART_NS = 3 * NS_PER_S


class Doubts:
    """Keeps the least certain onsets.

    Parameters
    ----------
    size : int
        How many are wanted.
    events : sequence of Event
        What is an event already.
    event_classes : classes that are no noise
    """

    def __init__(self, size: int, events: Iterable[Event], event_classes: Sequence[str]) -> None:
        self.size = size
        self.event_classes = event_classes
        self._known: dict[str, list[int]] = defaultdict(list)
        for event in events:
            for arrival in event.arrivals:
                self._known[arrival.channel_set].append(arrival.onset_ns)
        for times in self._known.values():
            times.sort()
        self._heap: list[tuple[float, int, str, Onset]] = []

    def add(self, onsets: Iterable[Onset]) -> None:
        """Compare the onsets of a station-day, by what is decided of them in the end."""
        kept: list[Onset] = []
        weighed = [replace(o, probabilities=event_probabilities(o)) for o in onsets]
        for onset in sorted(weighed, key=lambda o: (margin(o.probabilities), o.time_ns)):
            if self._is_new(onset) and not any(
                abs(onset.time_ns - other.time_ns) < _APART_NS for other in kept
            ):
                kept.append(onset)
            if len(kept) == self.size:
                break
        for onset in kept:
            # Least certain ones have the largest first element, as the heap drops its smallest.
            entry = (-margin(onset.probabilities), -onset.time_ns, onset.id, onset)
            heapq.heappush(self._heap, entry)
            if len(self._heap) > self.size:
                heapq.heappop(self._heap)

    def events(self) -> list[Event]:
        """What they would be as events, by onset."""
        found = [self._event(onset) for *_, onset in self._heap]
        return sorted(found, key=lambda event: (event.arrivals[0].onset_ns, event.id))

    def _event(self, onset: Onset) -> Event:
        label = max(self.event_classes, key=lambda name: onset.probabilities.get(name, 0.0))
        return Event(label, (Arrival.of(onset, label, None, None),))

    def _is_new(self, onset: Onset) -> bool:
        if len(onset.probabilities) < 2 or not set(self.event_classes) <= set(onset.probabilities):
            return False
        known = self._known.get(onset.id, [])
        place = bisect_left(known, onset.time_ns)
        near = known[max(place - 1, 0) : place + 1]
        return all(abs(onset.time_ns - time_ns) >= _APART_NS for time_ns in near)


def margin(probabilities: Mapping[str, float]) -> float:
    """Difference between the two highest probabilities; 1 where there are none.

    Examples
    --------
    >>> margin({"earthquake": 0.75, "noise": 0.25})
    0.5
    """
    highest = sorted(probabilities.values())[-2:]
    return highest[1] - highest[0] if len(highest) == 2 else 1.0
