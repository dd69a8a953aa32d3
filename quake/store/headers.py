"""Read the headers of an archive; those of files that have not changed are known."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quake.errors import QuakeError, WaveformError
from quake.parallel.executor import Executor, Lost, Raised
from quake.store.digests import heads_of
from quake.store.entries import FileEntry, says_unchanged, state_of
from quake.store.journal import Journal
from quake.waveforms.readers.waveform_file import contents_of

# Files that a process scans at a time: a file takes some milliseconds.
_CHUNK = 32

# Fewer are read sooner than processes are started.
_WORTH_PROCESSES = 500


@dataclass(frozen=True)
class ScanOpener:
    """Opens the work of a process that reads headers."""

    def __call__(self) -> Callable[[Sequence[str]], list[FileEntry]]:
        """Nothing has to be loaded."""
        return _scan_files


def read_headers(
    paths: Iterable[Path],
    journal: Journal,
    executor: Executor,
    *,
    retry_failed: bool = False,
    on_file: Callable[[int], None] = lambda done: None,
) -> NDArray[np.uint64]:
    """Have in the journal what each file holds; headers are read where it does not know yet.

    Parameters
    ----------
    paths : files
    journal : Journal
        What is read is added to it.
    executor : Executor
        Used where there are many files to be read.
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

    def unknown() -> Iterator[str]:
        for path in paths:
            absolute = os.path.abspath(path)  # noqa: PTH100 - a link keeps its name
            place = None if absolute in suspects else _known(absolute, journal)
            if place is None:
                yield absolute
            else:
                places.append(place)
                on_file(len(places))

    for entry in _scanned(unknown(), executor):
        places.append(journal.add_file(entry))
        on_file(len(places))
    journal.sync()
    found = np.frombuffer(places, np.uint64)  # in place: there may be millions
    found.sort()
    return found


def _known(path: str, journal: Journal) -> int | None:
    """Place of what the journal has of a file, unless the file has changed."""
    place = journal.files.find(path)
    if place is None:
        return None
    return place if says_unchanged(journal.files.line_at(place), state_of(path)) else None


def _suspects(journal: Journal) -> set[str]:
    """Files with problems: in their headers, or in samples of which something was made."""
    places = journal.files.places_with_problems().tolist()
    of_files = {journal.files.entry_at(place).state.path for place in places}
    return of_files | {
        problem.source for entry in journal.days.entries() for problem in entry.problems
    }


def _scanned(paths: Iterator[str], executor: Executor) -> Iterator[FileEntry]:
    first = list(islice(paths, _WORTH_PROCESSES))
    if len(first) < _WORTH_PROCESSES:
        yield from map(scan_file, first)
        return
    for chunk, answer in executor.run(ScanOpener(), _chunks(chain(first, paths))):
        if isinstance(answer, Raised):
            raise QuakeError(f"{chunk[0]} and others: cannot be scanned ({answer.error})")
        if isinstance(answer, Lost):
            yield from (FileEntry(state_of(path), (), (_lost(path, answer),)) for path in chunk)
        else:
            yield from answer


def _lost(path: str, lost: Lost) -> str:
    return f"{path}: one of {_CHUNK} files of which {lost.reason}; try it alone"


def _chunks(paths: Iterator[str]) -> Iterator[tuple[str, ...]]:
    while chunk := tuple(islice(paths, _CHUNK)):
        yield chunk


def _scan_files(paths: Sequence[str]) -> list[FileEntry]:
    return [scan_file(path) for path in paths]


def scan_file(path: str) -> FileEntry:
    """Read the headers of one file; what is wrong with it is in the entry."""
    state = state_of(path)
    try:
        found = contents_of(path)
    except WaveformError as error:
        return FileEntry(state, (), (str(error),))
    heads = heads_of(path, found.spans, found.index)
    return FileEntry(state, tuple(found.spans), tuple(found.problems), heads, found.remarks)
