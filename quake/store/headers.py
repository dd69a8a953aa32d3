"""Read the headers of an archive; those of files that have not changed are known."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from quake.errors import QuakeError, WaveformError
from quake.parallel.executor import Executor, Lost, Raised
from quake.store.digests import heads_of
from quake.store.journal import FileEntry, Journal, state_of
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
) -> dict[str, FileEntry]:
    """Say of each file what it holds, from the journal or from its headers.

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
    dict of absolute path to FileEntry
        Files that went away meanwhile have a problem.
    """
    found: dict[str, FileEntry] = {}
    unknown: list[str] = []
    suspects = _suspects(journal) if retry_failed else set()
    for path in paths:
        absolute = os.path.abspath(path)  # noqa: PTH100 - a link keeps its name
        entry = None if absolute in suspects else _known(absolute, journal)
        if entry is None:
            unknown.append(absolute)
        else:
            found[absolute] = entry
            on_file(len(found))
    for entry in _scanned(unknown, executor):
        found[entry.state.path] = entry
        journal.add_file(entry)
        on_file(len(found))
    journal.sync()
    return found


def _known(path: str, journal: Journal) -> FileEntry | None:
    entry = journal.files.get(path)
    return entry if entry is not None and entry.state == state_of(path) else None


def _suspects(journal: Journal) -> set[str]:
    """Files with problems: in their headers, or in samples of which something was made."""
    of_files = {path for path, entry in journal.files.items() if entry.problems}
    return of_files | {
        problem.source for entry in journal.days.values() for problem in entry.problems
    }


def _scanned(paths: list[str], executor: Executor) -> Iterator[FileEntry]:
    if len(paths) < _WORTH_PROCESSES:
        for path in paths:
            yield scan_file(path)
        return
    for chunk, answer in executor.run(ScanOpener(), _chunks(paths)):
        if isinstance(answer, Raised):
            raise QuakeError(f"{chunk[0]} and others: cannot be scanned ({answer.error})")
        if isinstance(answer, Lost):
            yield from (FileEntry(state_of(path), (), (_lost(path, answer),)) for path in chunk)
        else:
            yield from answer


def _lost(path: str, lost: Lost) -> str:
    return f"{path}: one of {_CHUNK} files of which {lost.reason}; try it alone"


def _chunks(paths: list[str]) -> Iterator[tuple[str, ...]]:
    waiting = iter(paths)
    while chunk := tuple(islice(waiting, _CHUNK)):
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
