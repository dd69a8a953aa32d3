"""Read the headers of an archive; those of files that have not changed are known."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quake.errors import QuakeError, WaveformError
from quake.inputs.copies import Copies
from quake.inputs.schemes import scheme_of
from quake.parallel.executor import Executor, Lost, Raised
from quake.parallel.inline import InlineExecutor
from quake.store import moved
from quake.store.digests import heads_of
from quake.store.entries import FileEntry, says_unchanged
from quake.store.journal import Journal
from quake.waveforms.copied import Copier, contents_of, in_place
from quake.waveforms.file_state import FileState, is_uri, state_of

# Files that a process scans at a time: a file takes some milliseconds.
_CHUNK = 32

# Fewer are read sooner than processes are started.
_WORTH_PROCESSES = 500

# Files that are elsewhere take seconds, not milliseconds.
_WORTH_FETCHING = 8


@dataclass(frozen=True)
class ScanOpener:
    """Opens the work of a process that reads headers.

    Attributes
    ----------
    copies : Copies
    """

    copies: Copies

    def __call__(self) -> Callable[[Sequence[str]], list[FileEntry]]:
        """Nothing has to be loaded."""
        return self._scan_files

    def _scan_files(self, paths: Sequence[str]) -> list[FileEntry]:
        return [scan_file(path, self.copies) for path in paths]


def read_headers(
    paths: Iterable[str | Path],
    journal: Journal,
    executor: Executor,
    *,
    remote: Mapping[str, FileState] | None = None,
    copies: Copies | None = None,
    retry_failed: bool = False,
    on_file: Callable[[int], None] = lambda done: None,
) -> NDArray[np.uint64]:
    """Have in the journal what each file holds; headers are read where it does not know yet.

    Parameters
    ----------
    paths : files, and URIs of `remote`
    journal : Journal
        What is read is added to it.
    executor : Executor
        Used where there are many files to be read.
    remote : mapping of URI to FileState
        Files that are elsewhere, as they were when they were listed.
    copies : Copies, optional
        Needed for these.
    retry_failed : bool
        Read files again that something was wrong with, or in whose station-days.
    on_file : callable
        Called with the number of files that are known.

    Returns
    -------
    array of shape (N,)
        Places of the entries in the journal, sorted. Files that went away meanwhile have a problem.
    """
    places = array("Q")
    suspects = _suspects(journal) if retry_failed else set()
    elsewhere = remote or {}
    before = moved.Archive.of(journal, elsewhere)

    def unknown() -> Iterator[str]:
        for path in paths:
            listed = elsewhere.get(str(path))
            absolute = str(path) if listed else os.path.abspath(path)  # noqa: PTH100 - a link keeps its name
            place = None if absolute in suspects else _known(absolute, journal, listed)
            if place is None:
                yield absolute
            else:
                places.append(place)
                on_file(len(places))

    for scanned in _scanned(unknown(), executor, copies or Copies("")):
        entry = moved.recognised(_kept(scanned, journal), before)
        places.append(journal.add_file(entry))
        on_file(len(places))
    journal.sync()
    found = np.frombuffer(places, np.uint64)  # in place: there may be millions
    found.sort()
    return found


def _known(path: str, journal: Journal, listed: FileState | None) -> int | None:
    """Place of what the journal has of a file, unless the file has changed."""
    place = journal.files.find(path)
    if place is None:
        return None
    if listed is not None:
        known = journal.files.entry_at(place).state
        return place if scheme_of(path).is_unchanged(known, listed) else None
    return place if says_unchanged(journal.files.line_at(place), state_of(path)) else None


def _kept(entry: FileEntry, journal: Journal) -> FileEntry:
    """An entry that says of a file which was asked for again what it said, if it is the same."""
    place = journal.files.find(entry.state.path) if entry.content else None
    if place is None:
        return entry
    before = journal.files.entry_at(place)
    return replace(entry, same_as=before.same_as) if before.content == entry.content else entry


def _suspects(journal: Journal) -> set[str]:
    """Files with problems: in their headers, or in samples of which something was made."""
    places = journal.files.places_with_problems().tolist()
    of_files = {journal.files.entry_at(place).state.path for place in places}
    return of_files | {
        problem.source for entry in journal.days.entries() for problem in entry.problems
    }


def _scanned(paths: Iterator[str], executor: Executor, copies: Copies) -> Iterator[FileEntry]:
    """Scan files of this machine, and of others by so many processes as their servers bear."""
    shared: list[str] = []
    alone: list[str] = []

    def here() -> Iterator[str]:
        for path in paths:
            if not is_uri(path):
                yield path
            else:
                (shared if scheme_of(path).at_once > 1 else alone).append(path)

    yield from _scanned_by(here(), executor, copies, _WORTH_PROCESSES, _CHUNK)
    if isinstance(executor, InlineExecutor) and shared:
        shared_ahead = copies.ahead(shared, scheme_of(shared[0]).at_once)
        yield from (scan_file(path, copies) for path in shared_ahead)
    else:
        yield from _scanned_by(iter(shared), executor, copies, _WORTH_FETCHING, 1)
    for path in alone:
        yield scan_file(path, copies)


def _scanned_by(
    paths: Iterator[str], executor: Executor, copies: Copies, worth_processes: int, size: int
) -> Iterator[FileEntry]:
    first = list(islice(paths, worth_processes))
    if len(first) < worth_processes:
        yield from (scan_file(path, copies) for path in first)
        return
    for chunk, answer in executor.run(ScanOpener(copies), _chunks(chain(first, paths), size)):
        if isinstance(answer, Raised):
            raise QuakeError(f"{chunk[0]} and others: cannot be scanned ({answer.error})")
        if isinstance(answer, Lost):
            yield from (FileEntry(state_of(path), (), (_lost(path, answer),)) for path in chunk)
        else:
            yield from answer


def _lost(path: str, lost: Lost) -> str:
    return f"{path}: one of {_CHUNK} files of which {lost.reason}; try it alone"


def _chunks(paths: Iterator[str], size: int) -> Iterator[tuple[str, ...]]:
    while chunk := tuple(islice(paths, size)):
        yield chunk


def scan_file(path: str, copies: Copies | None = None) -> FileEntry:
    """Read the headers of one file; what is wrong with it is in the entry."""
    if copies is not None and is_uri(path):
        return _scan_copy(path, copies)
    return _scanned_entry(path, state_of(path), copies or in_place)


def _scan_copy(uri: str, copies: Copies) -> FileEntry:
    """Fetch a file and scan it; one that cannot be had has the state of none."""
    try:
        with copies.hold(uri) as copy:
            entry = _scanned_entry(uri, copy.fetched.state, copies)
            return replace(entry, content=copy.fetched.content)
    except WaveformError as error:
        return FileEntry(state_of(uri), (), (str(error),))


def _scanned_entry(path: str, state: FileState, copier: Copier) -> FileEntry:
    try:
        found = contents_of(path, copier)
        heads = heads_of(path, found.spans, found.index, copier)
    except WaveformError as error:
        return FileEntry(state, (), (str(error),))
    return FileEntry(state, tuple(found.spans), tuple(found.problems), heads, found.remarks)
