"""Tables of a journal: keys in, entries out, which stay on disk until they are asked for.

What is kept in memory is where an entry is, not what it says: eight bytes for the path of a file,
eight for each channel set in it, twelve for a station-day.
"""

from __future__ import annotations

import heapq
import os
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import islice
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from quake.errors import QuakeError
from quake.store.entries import DayEntry, DayKey, FileEntry, parse_line, path_in
from quake.waveforms.file_state import is_uri
from quake.waveforms.ids import ChannelSetId

# A key of the table of files: the hash of a path in the upper bits, a place in the lower ones.
_PLACE_BITS = 40
_PLACE_MASK = (1 << _PLACE_BITS) - 1
_HASH_MASK = (1 << (64 - _PLACE_BITS)) - 1

# New files that are looked up by their paths, before their keys are sorted in among the others.
_RECENT = 10_000

# Paths that are sorted at a time.
_SORTED = 20_000

_LINE_BYTES = 4096  # of most lines, with much to spare


class JournalLines:
    """Lines of the journals of a store, each known by its place.

    Places are offsets, counted through all journals as if they were one file; the last journal
    may grow.
    """

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._files: list[BinaryIO] = []

    def add(self, file: BinaryIO, begin: int) -> None:
        """Take one more journal, whose first byte has the place `begin`."""
        self._files.append(file)
        self._begins.append(begin)

    def at(self, place: int) -> bytes:
        """Read a line, without its end."""
        number = bisect_right(self._begins, place) - 1
        handle, offset = self._files[number].fileno(), place - self._begins[number]
        line = os.pread(handle, _LINE_BYTES, offset)
        while (end := line.find(b"\n")) < 0:
            more = os.pread(handle, 16 * _LINE_BYTES, offset + len(line))
            if not more:
                raise ValueError("the line has no end")
            line += more
        return line[:end]


class FileTable(Mapping[str, FileEntry]):
    """Files by their paths, and by the channel sets in them.

    Parameters
    ----------
    lines : JournalLines

    Attributes
    ----------
    remembered : dict of path to FileEntry
        Entries that are in no journal yet, and come before those that are.
    """

    def __init__(self, lines: JournalLines) -> None:
        self._lines = lines
        self.remembered: dict[str, FileEntry] = {}
        self._keys: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._recent: dict[str, int] = {}
        self._places_of: dict[ChannelSetId, array[int]] = defaultdict(lambda: array("Q"))
        self._without_spans = array("Q")
        self._troubled = array("Q")
        self._elsewhere = array("Q")

    def put(self, entry: FileEntry, place: int) -> None:
        """Note where the newest entry of a file is.

        Raises
        ------
        QuakeError
            If the journals are larger than places can be.
        """
        if place > _PLACE_MASK:
            raise QuakeError("a store of more than a terabyte of journals; divide it by stations")
        self._recent[entry.state.path] = place
        self.remembered.pop(entry.state.path, None)
        for key in {span.id for span in entry.spans}:
            self._places_of[key].append(place)
        if not entry.spans:
            self._without_spans.append(place)
        if entry.problems:
            self._troubled.append(place)
        if is_uri(entry.state.path):
            self._elsewhere.append(place)
        if len(self._recent) >= _RECENT:
            self._sort_in()

    def find(self, path: str) -> int | None:
        """Place of the entry of a file; None if there is none."""
        place = self._recent.get(path)
        if place is not None:
            return place
        low = (hash(path) & _HASH_MASK) << _PLACE_BITS
        first, last = self._keys.searchsorted(np.array([low, low + _PLACE_MASK], np.uint64))
        for key in self._keys[first : last + 1][::-1].tolist():  # the newest one first
            place = int(key & _PLACE_MASK)
            if key >> _PLACE_BITS == low >> _PLACE_BITS and path_in(self._lines.at(place)) == path:
                return place
        return None

    def line_at(self, place: int) -> bytes:
        """What is written at a place."""
        return self._lines.at(place)

    def entry_at(self, place: int) -> FileEntry:
        """Entry at a place."""
        entry = parse_line(self._lines.at(place))
        assert isinstance(entry, FileEntry)
        return entry

    def newest_at(self, place: int) -> FileEntry | None:
        """Entry at a place; None where a newer one of the same file has taken its part."""
        entry = self.entry_at(place)
        path = entry.state.path
        return entry if path not in self.remembered and self.find(path) == place else None

    @property
    def n_entries(self) -> int:
        """Number of entries, outdated ones too."""
        return len(self._keys) + len(self._recent) + len(self.remembered)

    def entries(self) -> Iterator[FileEntry]:
        """Entries in the order of their paths."""
        for _, found in self.in_order():
            yield self.entry_at(found) if isinstance(found, int) else found

    def channel_sets(self) -> list[ChannelSetId]:
        """Channel sets that there are in files, sorted."""
        return sorted(self._places_of)

    def places_of(self, channel_set: ChannelSetId) -> NDArray[np.uint64]:
        """Places of entries of files with a channel set, outdated ones too."""
        return _as_array(self._places_of.get(channel_set, array("Q")))

    def places_without_spans(self) -> NDArray[np.uint64]:
        """Places of entries of files that hold no samples."""
        return _as_array(self._without_spans)

    def places_with_problems(self) -> NDArray[np.uint64]:
        """Places of entries that tell of problems."""
        return _as_array(self._troubled)

    def places_elsewhere(self) -> NDArray[np.uint64]:
        """Places of entries of files that are on no disk, but have a URI; outdated ones too."""
        return _as_array(self._elsewhere)

    def in_order(self) -> Iterator[tuple[str, int | FileEntry]]:
        """Paths, sorted, each with the place of its newest entry, or with one that has no place."""
        by_path = heapq.merge(*self._sorted_parts(), sorted(self.remembered.items()), key=_first)
        last: tuple[str, int | FileEntry] | None = None
        for path, found in by_path:
            if last is not None and last[0] == path:
                last = (path, _newer(last[1], found))
                continue
            if last is not None:
                yield last
            last = (path, found)
        if last is not None:
            yield last

    def __getitem__(self, path: str) -> FileEntry:
        if path in self.remembered:
            return self.remembered[path]
        place = self.find(path)
        if place is None:
            raise KeyError(path)
        return self.entry_at(place)

    def __iter__(self) -> Iterator[str]:
        return (path for path, _ in self.in_order())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _sort_in(self) -> None:
        new = [
            (hash(path) & _HASH_MASK) << _PLACE_BITS | place for path, place in self._recent.items()
        ]
        self._keys = np.concatenate([self._keys, np.sort(np.array(new, np.uint64))])
        self._keys.sort(kind="stable")  # which takes sorted parts as they are
        self._recent = {}

    def _sorted_parts(self) -> list[Iterator[tuple[str, int | FileEntry]]]:
        """Paths with places in parts, each of them sorted; of a part only places are kept."""
        self._sort_in()
        places = iter(np.sort(self._keys & np.uint64(_PLACE_MASK)).tolist())
        parts = []
        while some := list(islice(places, _SORTED)):
            paths = [path_in(self._lines.at(place)) for place in some]
            ordered = array("Q", (place for _, place in sorted(zip(paths, some, strict=True))))
            parts.append(self._with_paths(ordered))
        return parts

    def _with_paths(self, places: array[int]) -> Iterator[tuple[str, int | FileEntry]]:
        for place in places:
            yield path_in(self._lines.at(place)), place


class DayTable(Mapping[DayKey, DayEntry]):
    """Station-days by channel set and date, in the order of these.

    Parameters
    ----------
    lines : JournalLines
    """

    def __init__(self, lines: JournalLines) -> None:
        self._lines = lines
        self._of: dict[ChannelSetId, _Dates] = defaultdict(_Dates)

    def put(self, key: DayKey, place: int) -> None:
        """Note where the newest entry of a station-day is."""
        self._of[key[0]].put(date.fromisoformat(key[1]).toordinal(), place)

    def find(self, key: DayKey) -> int | None:
        """Place of an entry; None if there is none."""
        dates = self._of.get(key[0])
        return None if dates is None else dates.find(date.fromisoformat(key[1]).toordinal())

    def remove(self, key: DayKey) -> None:
        """Forget an entry."""
        self._of[key[0]].remove(date.fromisoformat(key[1]).toordinal())
        if not self._of[key[0]].ordinals:
            del self._of[key[0]]

    def channel_sets(self) -> list[ChannelSetId]:
        """Channel sets of which there is a station-day, sorted."""
        return sorted(self._of)

    def in_order(self) -> Iterator[int]:
        """Places of the entries, in the order of their keys."""
        for channel_set in self.channel_sets():
            yield from self._of[channel_set].places

    def entries(self) -> Iterator[DayEntry]:
        """Entries in the order of channel sets and dates."""
        return map(self.entry_at, self.in_order())

    def entries_of(
        self, channel_set: ChannelSetId, *, backwards: bool = False
    ) -> Iterator[DayEntry]:
        """Entries of one channel set, in the order of their dates, or from the last one on."""
        dates = self._of.get(channel_set)
        places = list(dates.places) if dates is not None else []
        return map(self.entry_at, reversed(places) if backwards else places)

    def entry_at(self, place: int) -> DayEntry:
        """Entry at a place."""
        entry = parse_line(self._lines.at(place))
        assert isinstance(entry, DayEntry)
        return entry

    def __getitem__(self, key: DayKey) -> DayEntry:
        place = self.find(key)
        if place is None:
            raise KeyError(key)
        return self.entry_at(place)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and self.find(key) is not None

    def __iter__(self) -> Iterator[DayKey]:
        for channel_set in self.channel_sets():
            for ordinal in self._of[channel_set].ordinals:
                yield channel_set, date.fromordinal(ordinal).isoformat()

    def __len__(self) -> int:
        return sum(len(dates.ordinals) for dates in self._of.values())


class _Dates:
    """Dates of a channel set, sorted, and where their entries are."""

    __slots__ = ("ordinals", "places")

    def __init__(self) -> None:
        self.ordinals, self.places = array("i"), array("Q")

    def put(self, ordinal: int, place: int) -> None:
        at = bisect_left(self.ordinals, ordinal)
        if at < len(self.ordinals) and self.ordinals[at] == ordinal:
            self.places[at] = place
        else:
            self.ordinals.insert(at, ordinal)
            self.places.insert(at, place)

    def find(self, ordinal: int) -> int | None:
        at = bisect_left(self.ordinals, ordinal)
        is_there = at < len(self.ordinals) and self.ordinals[at] == ordinal
        return self.places[at] if is_there else None

    def remove(self, ordinal: int) -> None:
        at = bisect_left(self.ordinals, ordinal)
        del self.ordinals[at], self.places[at]


def _as_array(places: array[int]) -> NDArray[np.uint64]:
    return np.array(places, np.uint64)


def _first(pair: tuple[str, int | FileEntry]) -> str:
    return pair[0]


def _newer(one: int | FileEntry, other: int | FileEntry) -> int | FileEntry:
    """What has no place yet is the newest, then what is farther behind."""
    if isinstance(one, int) and isinstance(other, int):
        return max(one, other)
    return other if isinstance(one, int) else one
