"""Plan a run: divide what files hold, and what of it is wanted, into station-days.

Channel sets are planned one by one, each time anew from the journal, so that a plan of a million
station-days costs no more memory than that of the largest channel set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quake.inputs.scheme import parts_of
from quake.inputs.selection import Selection
from quake.store.digests import digest_of_inputs
from quake.store.entries import DayEntry, DayKey, FileEntry
from quake.store.journal import Journal
from quake.store.layout import date_of
from quake.store.moved import lasting_name
from quake.waveforms.file_state import FileState, is_uri, state_of
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem, select
from quake.windows.grid import WindowGrid
from quake.windows.station_days import DAY_NS, StationDay, days_near, station_days


@dataclass(frozen=True)
class DayJob:
    """A station-day to be done, as it travels to whoever does it.

    Attributes
    ----------
    day : StationDay
    inputs, inputs_if_failed : str
        Digests of its files and spans, see `digest_of_inputs`.
    window_ns : int
        Length of a window.
    formats : tuple of str
        In which its windows are to be written; with "onsets", these too.
    before : DayEntry, optional
        What became of it before, if nothing but its onsets is missing.
    """

    day: StationDay
    inputs: str
    inputs_if_failed: str
    window_ns: int
    formats: tuple[str, ...] = ()
    before: DayEntry | None = None

    def inputs_of(self, entry: DayEntry) -> str:
        """Digest that the entry has if nothing has changed since."""
        return self.inputs_if_failed if entry.has_failed else self.inputs

    @property
    def input(self) -> list[Interval]:
        """What of the day was recorded, ns since the epoch."""
        return self.day.input(self.window_ns)


@dataclass(frozen=True)
class PlannedDay:
    """A station-day that is wanted, and all that tells whether it has been done.

    Attributes
    ----------
    day : StationDay
    files : mapping of path to FileEntry
        With those of its spans.
    window_ns : int
        Length of a window.
    """

    day: StationDay
    files: Mapping[str, FileEntry] = field(repr=False, compare=False)
    window_ns: int

    @property
    def key(self) -> DayKey:
        """Channel set and date, as in the journal."""
        return self.day.id, date_of(self.day.day_ns)

    @property
    def number(self) -> int:
        """Number of the day, from the epoch."""
        return self.day.day_ns // DAY_NS

    @property
    def input(self) -> list[Interval]:
        """What of the day was recorded, ns since the epoch."""
        return self.day.input(self.window_ns)

    def inputs(self, *, has_failed: bool = False) -> str:
        """Digest of its files and spans, see `digest_of_inputs`."""
        return digest_of_inputs(self.day, self.files, self.window_ns, has_failed=has_failed)

    def job(self, formats: tuple[str, ...] = (), before: DayEntry | None = None) -> DayJob:
        """Make a job of it."""
        inputs, if_failed = self.inputs(), self.inputs(has_failed=True)
        return DayJob(self.day, inputs, if_failed, self.window_ns, formats, before)


@dataclass(frozen=True)
class ChannelSetPlan:
    """What is wanted of one channel set.

    Attributes
    ----------
    id : ChannelSetId
    files : list of FileEntry
        Those of the inputs that hold something of it, wanted or not.
    days : list of PlannedDay
        In the order of time.
    left_out : list of Problem
        Components that cannot be used.
    """

    id: ChannelSetId
    files: list[FileEntry]
    days: list[PlannedDay]
    left_out: list[Problem]


class Plan:
    """Station-days that are wanted, channel set by channel set.

    A selection chooses channel sets and days as wholes: what is in a store must not depend on what
    was asked for beside it. For the same reason, what the journal knows of a day from files that
    are no inputs of this run belongs to the day, as long as they are there as they were.

    Parameters
    ----------
    journal : Journal
    places : array of shape (N,)
        Of the entries of the inputs, see `quake.store.headers.read_headers`.
    selection : Selection
        Days that it touches are taken from midnight to midnight.
    grid : WindowGrid
    newer_than_ns : int, optional
        Only station-days with a file that was modified then or later.
    uris : collection of str
        Those of the inputs. Files of other places are not asked for, whatever the journal says:
        station-days that need one are left as they are.
    """

    def __init__(
        self,
        journal: Journal,
        places: NDArray[np.uint64],
        selection: Selection,
        grid: WindowGrid,
        *,
        newer_than_ns: int | None = None,
        uris: Collection[str] = (),
    ) -> None:
        self._asked = {parts_of(uri)[:2] for uri in uris}
        self._files, self._places = journal.files, places
        self._selection, self._grid, self._newer_than_ns = selection, grid, newer_than_ns
        self._others: dict[ChannelSetId, list[int]] = {}

    def channel_sets(self) -> Iterator[ChannelSetId]:
        """Channel sets of the inputs, wanted or not, in the order of their names."""
        for channel_set in self._files.channel_sets():
            if self._is_input(self._files.places_of(channel_set)).any():
                yield channel_set

    def of(self, channel_set: ChannelSetId) -> ChannelSetPlan:
        """Plan one channel set; as often as it is asked for, from the same files."""
        places = self._files.places_of(channel_set)
        is_input = self._is_input(places)
        inputs = sorted(self._entries(places[is_input].tolist()), key=_path)
        spans = _spans_of(inputs, channel_set)
        near = {day for span in spans for day in days_near(span, self._grid.window_ns)}
        if channel_set not in self._others:
            self._others[channel_set] = self._near(channel_set, places[~is_input].tolist(), near)
        others = _without_superseded(self._entries(self._others[channel_set]), inputs)
        left_out: list[Problem] = []
        if any(map(self._selection.matches, spans)):
            left_out = select({channel_set: spans})[1]
        files = {entry.state.path: entry for entry in (*inputs, *others)}
        days = [day for day in self._days(channel_set, files) if day.number in near]
        far = {entry.state.path for entry in others if self._is_far(entry)}
        left = [day for day in days if any(span.source in far for span in day.day.spans)]
        if left:
            days = [day for day in days if day not in left]
            left_out.append(_left_as_they_are(left, far))
        return ChannelSetPlan(channel_set, inputs, days, left_out)

    def without_spans(self) -> Iterator[FileEntry]:
        """Inputs that hold no samples, sorted."""
        places = self._files.places_without_spans()
        return iter(sorted(self._entries(places[self._is_input(places)].tolist()), key=_path))

    def with_problems(self) -> Iterator[FileEntry]:
        """Inputs that something is wrong with, sorted."""
        places = self._files.places_with_problems()
        return iter(sorted(self._entries(places[self._is_input(places)].tolist()), key=_path))

    def _is_input(self, places: NDArray[np.uint64]) -> NDArray[np.bool_]:
        if not len(self._places):
            return np.zeros(len(places), bool)
        at = np.minimum(self._places.searchsorted(places), len(self._places) - 1)
        is_input: NDArray[np.bool_] = self._places[at] == places
        return is_input

    def _entries(self, places: Iterable[int]) -> list[FileEntry]:
        return [self._files.entry_at(place) for place in places]

    def _near(self, channel_set: ChannelSetId, places: Iterable[int], days: set[int]) -> list[int]:
        """Places of files that are no inputs, are as they were, and have spans near the days."""
        window_ns = self._grid.window_ns
        found = []
        for place in places:
            spans = _spans_of([self._files.entry_at(place)], channel_set)
            if all(days.isdisjoint(days_near(span, window_ns)) for span in spans):
                continue
            entry = self._files.newest_at(place)
            if entry is not None and _is_there(entry.state):
                found.append(place)
        return found

    def _is_far(self, entry: FileEntry) -> bool:
        """Whether a file is in a place of which this run names nothing."""
        path = entry.state.path
        return is_uri(path) and parts_of(path)[:2] not in self._asked

    def _days(
        self, channel_set: ChannelSetId, files: Mapping[str, FileEntry]
    ) -> Iterator[PlannedDay]:
        spans = _spans_of((files[path] for path in sorted(files)), channel_set)
        if not any(map(self._selection.matches, spans)):
            return
        for day in station_days(select({channel_set: spans})[0], self._grid):
            if self._is_wanted(day, files):
                yield PlannedDay(day, files, self._grid.window_ns)

    def _is_wanted(self, day: StationDay, files: Mapping[str, FileEntry]) -> bool:
        if not self._selection.overlaps(day.day_ns, day.day_ns + DAY_NS):
            return False
        since_ns = self._newer_than_ns
        paths = {span.source for span in day.spans}
        return since_ns is None or any(files[p].state.modified_ns >= since_ns for p in paths)


def _is_there(state: FileState) -> bool:
    """Whether a file is as it was; of one that is elsewhere, nobody is asked."""
    return is_uri(state.path) or state_of(state.path) == state


def _without_superseded(others: list[FileEntry], inputs: list[FileEntry]) -> list[FileEntry]:
    """Files that are no inputs, without those that have moved to where an input is now."""
    stood_for = {entry.identity.path for entry in inputs}
    named = {lasting_name(entry.state.path) for entry in inputs}
    return [
        entry
        for entry in others
        if entry.identity.path not in stood_for
        and not (is_uri(entry.state.path) and lasting_name(entry.state.path) in named)
    ]


def _left_as_they_are(days: Sequence[PlannedDay], far: Collection[str]) -> Problem:
    """Say which station-days are not touched, because a part of them is elsewhere."""
    sources = {span.source for day in days for span in day.day.spans} & set(far)
    first, (channel_set, date) = min(sources), days[0].key
    of = f"{channel_set} on {date}" + f" and {len(days) - 1} more" * (len(days) > 1)
    message = (
        f"{first}: is a part of {of}, which are left as they are, for this run names nothing of "
        "that place; name it too"
    )
    return Problem(first, message)


def _path(entry: FileEntry) -> str:
    return entry.state.path


def _spans_of(entries: Iterable[FileEntry], channel_set: ChannelSetId) -> list[Span]:
    return [span for entry in entries for span in entry.spans if span.id == channel_set]
