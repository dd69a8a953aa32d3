"""Journal of a store: what was read, what is done and what failed; lines of JSON in files.

A line is added, and on disk, when a result is; a line that was cut off by a kill or a full disk is
none. At the end of a run all lines are written anew, each key once and in order, so that a store
tells nothing of how often it was interrupted.

Entries stay on disk. What is kept in memory is where each of them is, see `journal_tables`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Self

from quake.errors import OutputError, QuakeError
from quake.files import renamed_file
from quake.store.entries import (
    DayEntry,
    DayKey,
    FileEntry,
    FileState,
    day_line,
    file_line,
    parse_line,
    state_of,
)
from quake.store.journal_tables import DayTable, FileTable, JournalLines

__all__ = [
    "OUTPUT_ADVICE",
    "DayEntry",
    "DayKey",
    "FileEntry",
    "FileState",
    "Journal",
    "JournalReader",
    "state_of",
]

logger = logging.getLogger(__name__)

OUTPUT_ADVICE = (
    "results written so far are complete; make room, or see to the permissions, and run the same "
    "command again"
)


class JournalReader:
    """Reads the journals of a store, as a context; changes nothing, and needs no lock.

    The files stay open, so that a run which writes the journal anew meanwhile does not disturb.

    Parameters
    ----------
    folder : folder of the journals

    Attributes
    ----------
    files : FileTable
        By path.
    days : DayTable
        By channel set and date, in the order of these.
    n_unreadable : int
        Lines that say nothing.
    n_contradicting : int
        Station-days that were left out because shards saw different data; the next run does
        them again.
    is_untidy : bool
        Whether entries are not in order, or lie in several files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open = ExitStack()
        self._forget()

    def __enter__(self) -> Self:
        """Find out where the entries are."""
        self._forget()
        with ExitStack() as stack:
            for path in self._paths():
                with suppress(FileNotFoundError):  # merged with the others a moment ago
                    self._index(path, stack.enter_context(path.open("rb")))
            for key in self._contradicting:
                if self.days.find(key) is not None:
                    self.days.remove(key)
            self.n_contradicting = len(self._contradicting)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def _forget(self) -> None:
        self._lines, self._end = JournalLines(), 0
        self.files, self.days = FileTable(self._lines), DayTable(self._lines)
        self.is_untidy = False
        self.n_unreadable = self.n_contradicting = 0
        self._contradicting: set[DayKey] = set()

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("journal*.jsonl"))

    def _index(self, path: Path, file: BinaryIO) -> None:
        """Note where the entries of one journal are."""
        begin = self._end
        self._lines.add(file, begin)
        doubled: dict[DayKey, str] = {}
        last: tuple[int, Any] | None = None
        for entry in self._entries(path, file):
            if isinstance(entry, FileEntry):
                self.files.put(entry, self._place)
            else:
                before = self.days.find(entry.key)
                if before is not None and before < begin and entry.key not in doubled:
                    doubled[entry.key] = self.days.entry_at(before).inputs
                self.days.put(entry.key, self._place)
            self.is_untidy |= last is not None and not last < _rank(entry)
            last = _rank(entry)
        for key, inputs in doubled.items():
            if self.days[key].inputs != inputs:
                self._contradicting.add(key)

    def _entries(self, path: Path, file: BinaryIO) -> Iterator[FileEntry | DayEntry]:
        n_bad = 0
        for line in file:
            if not line.endswith(b"\n"):
                break  # it is being written
            self._place, self._end = self._end, self._end + len(line)
            try:
                yield parse_line(line)
            except ValueError:
                n_bad += 1
        self.n_unreadable += n_bad
        if n_bad:
            self._tell_of_bad(path, n_bad)

    def _tell_of_bad(self, path: Path, n_bad: int) -> None:
        """Nothing: whoever reads says so where it is fit."""


class Journal(JournalReader):
    """The journals of a store, and the one that this run writes.

    Parameters
    ----------
    folder : folder of the journals
    name : name of the one to write, without suffix
    """

    def __init__(self, folder: Path, name: str = "journal") -> None:
        super().__init__(folder)
        self.path = folder / f"{name}.jsonl"
        self._file: FileIO | None = None

    def __enter__(self) -> Self:
        """Read all journals, and open this run's."""
        _cut_torn_line(self.path)
        if not self.path.exists():
            self.path.touch()
        super().__enter__()
        paths = self._paths()
        self.is_untidy |= paths != [self.path]
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
        super().__exit__()

    def _paths(self) -> list[Path]:
        """The one of this run is the last: it grows."""
        return [path for path in super()._paths() if path != self.path] + [self.path]

    def _tell_of_bad(self, path: Path, n_bad: int) -> None:
        logger.warning(
            "%s: %d lines cannot be read; what they were about is done again", path, n_bad
        )

    def open(self) -> None:
        """Have the file open, to be added to."""
        # Without a buffer: after a full disk there must be nothing left to be written.
        self._file = FileIO(self.path, "a")

    def close(self) -> None:
        """Close the file; entries can be read until the context is left."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def add_file(self, entry: FileEntry) -> int:
        """Write down what a file holds; on disk with the next station-day.

        Returns
        -------
        int
            Place of the entry.

        Raises
        ------
        OutputError
            If the journal cannot be written.
        """
        place = self._write(file_line(entry))
        self.files.put(entry, place)
        return place

    def add_day(self, entry: DayEntry) -> None:
        """Write down what became of a station-day, at once.

        Raises
        ------
        OutputError
            If the journal cannot be written.
        """
        self.days.put(entry.key, self._write(day_line(entry)))
        self.sync()

    def sync(self) -> None:
        """Have on disk what was written.

        Raises
        ------
        OutputError
        """
        if self._file is not None:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._error(error) from error

    def compact(self, temporary: Path) -> None:
        """Write all journals as one, in order, and close this run's.

        Parameters
        ----------
        temporary : folder in the same file system
        """
        whole = self.folder / "journal.jsonl"
        with renamed_file(whole, temporary) as file:
            for _, found in self.files.in_order():
                if isinstance(found, int):
                    file.write(self._lines.at(found) + b"\n")
                else:
                    file.write(f"{file_line(found)}\n".encode())
            for place in self.days.in_order():
                file.write(self._lines.at(place) + b"\n")
        self.close()
        for path in self.folder.glob("journal*.jsonl"):
            if path != whole:
                path.unlink()
        self.is_untidy = False

    def tidy(self, temporary: Path) -> None:
        """Write the journal anew, in order, and go on with it."""
        self.compact(temporary)
        self._open.close()
        self.__enter__()

    def _write(self, line: str) -> int:
        """Add a line; say at which place it is."""
        if self._file is None:
            raise QuakeError(f"{self.path}: the journal is closed")
        content = f"{line}\n".encode()
        self.is_untidy = True
        place, self._end = self._end, self._end + len(content)
        try:
            while content:  # a disk that becomes full takes a part of it first
                content = content[self._file.write(content) :]
        except OSError as error:
            raise self._error(error) from error
        return place

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: {error.strerror or error}; {OUTPUT_ADVICE}")


def _rank(entry: FileEntry | DayEntry) -> tuple[int, Any]:
    """Where an entry stands among others."""
    return (0, entry.state.path) if isinstance(entry, FileEntry) else (1, entry.key)


def _cut_torn_line(path: Path) -> None:
    """Remove what comes after the last line that is complete."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            begin = max(end - 65_536, 0)
            file.seek(begin)
            at = file.read(end - begin).rfind(b"\n")
            if at >= 0:
                end = begin + at + 1
                break
            end = begin
        file.truncate(end)
