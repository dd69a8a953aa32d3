"""Read the headers of an archive; those of files that have not changed are known."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from quake.errors import QuakeError, WaveformError
from quake.inputs.copies import Copies
from quake.inputs.schemes import scheme_of
from quake.parallel.executor import Executor, Lost, Raised
from quake.parallel.inline import InlineExecutor
from quake.store import moved
from quake.store.digests import heads_of
from quake.store.journal import FileEntry, Journal
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
) -> dict[str, FileEntry]:
    """Say of each file what it holds, from the journal or from its headers.

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
    dict of absolute path, or URI, to FileEntry
        Files that went away meanwhile have a problem.
    """
    found: dict[str, FileEntry] = {}
    unknown: list[str] = []
    suspects = _suspects(journal) if retry_failed else set()
    for path in paths:
        listed = (remote or {}).get(str(path))
        absolute = str(path) if listed else os.path.abspath(path)  # noqa: PTH100 - a link keeps its name
        entry = None if absolute in suspects else _known(absolute, journal, listed)
        if entry is None:
            unknown.append(absolute)
        else:
            found[absolute] = entry
            on_file(len(found))
    before = moved.Archive.of(journal.files, {*found, *unknown})
    for scanned in _scanned(unknown, executor, copies or Copies("")):
        entry = moved.recognised(_kept(scanned, journal), before)
        found[entry.state.path] = entry
        journal.add_file(entry)
        on_file(len(found))
    journal.sync()
    return found


def _known(path: str, journal: Journal, listed: FileState | None) -> FileEntry | None:
    """What the journal says of a file, if it has not changed since."""
    entry = journal.files.get(path)
    if entry is None:
        return None
    if listed is None:
        return entry if entry.state == state_of(path) else None
    return entry if scheme_of(path).is_unchanged(entry.state, listed) else None


def _kept(entry: FileEntry, journal: Journal) -> FileEntry:
    """An entry that says of a file which was asked for again what it said, if it is the same."""
    before = journal.files.get(entry.state.path)
    if before is None or not entry.content or before.content != entry.content:
        return entry
    return replace(entry, same_as=before.same_as)


def _suspects(journal: Journal) -> set[str]:
    """Files with problems: in their headers, or in samples of which something was made."""
    of_files = {path for path, entry in journal.files.items() if entry.problems}
    return of_files | {
        problem.source for entry in journal.days.values() for problem in entry.problems
    }


def _scanned(paths: list[str], executor: Executor, copies: Copies) -> Iterator[FileEntry]:
    """Scan files of this machine, and of others by so many processes as their servers bear."""
    here = [path for path in paths if not is_uri(path)]
    shared = [path for path in paths if is_uri(path) and scheme_of(path).at_once > 1]
    alone = [path for path in paths if is_uri(path) and scheme_of(path).at_once == 1]
    yield from _scanned_by(here, executor, copies, _WORTH_PROCESSES, _CHUNK)
    yield from _scanned_by(shared, executor, copies, _WORTH_FETCHING, 1)
    for path in alone:
        yield scan_file(path, copies)


def _scanned_by(
    paths: list[str], executor: Executor, copies: Copies, worth_processes: int, chunk_size: int
) -> Iterator[FileEntry]:
    if len(paths) < worth_processes or isinstance(executor, InlineExecutor):
        are_here = not paths or not is_uri(paths[0])
        ahead = paths if are_here else copies.ahead(paths, scheme_of(paths[0]).at_once)
        for path in ahead:
            yield scan_file(path, copies)
        return
    for chunk, answer in executor.run(ScanOpener(copies), _chunks(paths, chunk_size)):
        if isinstance(answer, Raised):
            raise QuakeError(f"{chunk[0]} and others: cannot be scanned ({answer.error})")
        if isinstance(answer, Lost):
            yield from (FileEntry(state_of(path), (), (_lost(path, answer),)) for path in chunk)
        else:
            yield from answer


def _lost(path: str, lost: Lost) -> str:
    return f"{path}: one of {_CHUNK} files of which {lost.reason}; try it alone"


def _chunks(paths: list[str], size: int) -> Iterator[tuple[str, ...]]:
    waiting = iter(paths)
    while chunk := tuple(islice(waiting, size)):
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
