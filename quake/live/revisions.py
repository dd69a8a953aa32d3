"""Remember what was told of events: those known now in, what is new of each out, by lasting ids.

An event at the live edge is seen again and again while its samples come in. Whoever acts on it
needs one name for it that stays, and to hear of it again only if something of weight has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quake.events import Event
from quake.waveforms.times import NS_PER_S, parse_time

PRELIMINARY, COMPLETE, WITHDRAWN = "preliminary", "complete", "withdrawn"

# An onset that moves by no more is the same; by more than the other, it is another event.
_SAME_NS = NS_PER_S // 2
_NEAR_NS = 10 * NS_PER_S

# Events that are compared lie no further before those that are new.
_AROUND_NS = 600 * NS_PER_S

# So long after the newest one an event is remembered, so that late stations find it.
_REMEMBERED_NS = 86_400 * NS_PER_S


@dataclass(frozen=True)
class Revision:
    """What is known of an event at a time.

    Attributes
    ----------
    id : str
        That of the event as it was first; it stays.
    number : int
        1, 2, ...; the one with the largest number counts.
    state : str
        "preliminary" while samples that belong to it are still to come, "complete", or
        "withdrawn" where with all samples there is no event.
    written : str
        When it was found, UTC; empty before.
    event : Event
        Of a withdrawn one, as it was last.
    """

    id: str
    number: int
    state: str
    event: Event
    written: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types: the fields of an event, with the lasting id and these."""
        values = self.event.to_dict()
        return {
            **values,
            "id": self.id,
            "event_id": values["id"],
            "revision": self.number,
            "state": self.state,
            "written": self.written,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Revision:
        """Read back what `to_dict` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is something else.
        """
        event = Event.from_dict(values)
        return cls(
            str(values["id"]),
            int(values["revision"]),
            str(values["state"]),
            event,
            str(values["written"]),
        )


class EventTracker:
    """Remembers which events have been told of.

    Parameters
    ----------
    known : iterable of Revision, optional
        Told of before, in the order in which that was.
    """

    def __init__(self, known: Iterable[Revision] = ()) -> None:
        self._last: dict[str, Revision] = {}
        self._onsets_ns: dict[str, int] = {}
        for revision in known:
            self._add(revision)

    @property
    def incomplete(self) -> list[Revision]:
        """Last revisions of events that are not complete."""
        return [r for r in self._last.values() if r.state == PRELIMINARY]

    def update(
        self, events: Iterable[Event], since_ns: int, is_complete: Callable[[Event], bool]
    ) -> list[Revision]:
        """Compare what is known now with what was told.

        Parameters
        ----------
        events : iterable of Event
            All that are known of since a time.
        since_ns : int
            That time, ns since the epoch. Earlier ones are left as they are.
        is_complete : callable
            Whether all samples that an event depends on have come.

        Returns
        -------
        list of Revision
            By onset; of events that are new, withdrawn, or differ in their class, their channel
            sets, or by half a second in an onset, and of those that have become complete.
        """
        recent = [event for event in events if _onset_ns(event) >= since_ns]
        pairs = self._paired(recent, since_ns)
        found = [
            revision
            for event in recent
            if (revision := self._revised(event, pairs.get(event.id), is_complete)) is not None
        ]
        matched = set(pairs.values())
        for last in self._near(since_ns):
            if last.id not in matched and self._is_gone(last, since_ns, is_complete):
                found.append(Revision(last.id, last.number + 1, WITHDRAWN, last.event))
        for revision in found:
            self._add(revision)
        if found:
            self._forget()
        return sorted(found, key=lambda r: (r.event.onset, r.id))

    def _add(self, revision: Revision) -> None:
        self._last[revision.id] = revision
        self._onsets_ns[revision.id] = _onset_ns(revision.event)

    def _near(self, since_ns: int) -> list[Revision]:
        """Last revisions of events that can be those of events since a time."""
        first_ns = since_ns - _AROUND_NS
        return [self._last[name] for name, ns in self._onsets_ns.items() if ns >= first_ns]

    def _paired(self, events: Sequence[Event], since_ns: int) -> dict[str, str]:
        """Lasting ids by ids of events, the nearest in time first."""
        known = {last.id: _onsets_of(last.event) for last in self._near(since_ns)}
        distances = []
        for event in events:
            onsets_ns = _onsets_of(event)
            for last_id, others_ns in known.items():
                apart_ns = _apart_ns(onsets_ns, others_ns)
                if apart_ns is not None and apart_ns <= _NEAR_NS:
                    distances.append((apart_ns, event.id, last_id))
        pairs: dict[str, str] = {}
        taken: set[str] = set()
        for _, event_id, last_id in sorted(distances):
            if event_id not in pairs and last_id not in taken:
                pairs[event_id] = last_id
                taken.add(last_id)
        return pairs

    def _revised(
        self, event: Event, last_id: str | None, is_complete: Callable[[Event], bool]
    ) -> Revision | None:
        """What is to be told of an event; None if nothing is."""
        last = None if last_id is None else self._last[last_id]
        if last is None:
            state = COMPLETE if is_complete(event) else PRELIMINARY
            return Revision(self._unused(event.id), 1, state, event)
        # What was complete stays so: it has been said that no more is to come.
        state = COMPLETE if last.state == COMPLETE or is_complete(event) else PRELIMINARY
        if state == last.state and not _differs(event, last.event):
            return None
        return Revision(last.id, last.number + 1, state, event)

    def _is_gone(self, last: Revision, since_ns: int, is_complete: Callable[[Event], bool]) -> bool:
        is_recent = _onset_ns(last.event) >= since_ns
        return last.state != WITHDRAWN and is_recent and is_complete(last.event)

    def _unused(self, name: str) -> str:
        number, unused = 1, name
        while unused in self._last:
            number += 1
            unused = f"{name}-{number}"
        return unused

    def _forget(self) -> None:
        first_ns = max(self._onsets_ns.values(), default=0) - _REMEMBERED_NS
        for name in [name for name, ns in self._onsets_ns.items() if ns < first_ns]:
            del self._last[name], self._onsets_ns[name]


def _onset_ns(event: Event) -> int:
    return parse_time(event.onset)


def _onsets_of(event: Event) -> dict[str, int]:
    """Onsets by channel set, ns since the epoch."""
    return {arrival.channel_set: arrival.onset_ns for arrival in event.arrivals}


def _apart_ns(first: Mapping[str, int], second: Mapping[str, int]) -> int | None:
    """How far apart onsets at a channel set are that both have; None if there is none."""
    return min((abs(first[name] - second[name]) for name in first if name in second), default=None)


def _differs(event: Event, before: Event) -> bool:
    """Whether somebody who knows an event as it was should hear of it again."""
    if (event.label, event.channel_sets) != (before.label, before.channel_sets):
        return True
    return abs(_onset_ns(event) - _onset_ns(before)) > _SAME_NS
