"""Read the journals of a store without its lock, in one pass.

What is kept in memory is where the entries are, not what they say: a store of years has a journal
of hundreds of megabytes. The files stay open, so that a run which writes the journal anew in the
meantime does not disturb.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, Self

from quake.report.calendar import check_date
from quake.store.journal import DayEntry, DayKey, FileEntry, parse_entry

logger = logging.getLogger(__name__)

# Number of a journal, offset of a line in it.
_Place = tuple[int, int]

_BROKEN = (
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
)


class JournalReader:
    """Reads the journals of a store, as a context; changes nothing.

    Parameters
    ----------
    folder : Path
        Of the journals.

    Attributes
    ----------
    n_unreadable : int
        Lines that say nothing.
    n_contradicting : int
        Station-days that were left out because shards saw different data; the next run does
        them again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.n_unreadable = 0
        self.n_contradicting = 0
        self._open = ExitStack()
        self._journals: list[BinaryIO] = []
        self._days: dict[DayKey, _Place] = {}
        self._files: dict[str, _Place] = {}

    def __enter__(self) -> Self:
        """Find out where the entries are."""
        with ExitStack() as stack:
            for path in sorted(self.folder.glob("journal*.jsonl")):
                with suppress(FileNotFoundError):  # merged with the others a moment ago
                    self._journals.append(stack.enter_context(path.open("rb")))
            self._index()
            self._open = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    @property
    def keys(self) -> list[DayKey]:
        """Channel sets and dates of the station-days, sorted."""
        return sorted(self._days)

    @property
    def n_files(self) -> int:
        """Number of files that were read."""
        return len(self._files)

    def days(self) -> Iterator[DayEntry]:
        """Station-days, in the order of channel sets and dates."""
        for key in self.keys:
            entry = self._entry(self._days[key])
            if isinstance(entry, DayEntry):
                yield entry

    def files(self) -> Iterator[FileEntry]:
        """Files, in the order of their paths."""
        for path in sorted(self._files):
            entry = self._entry(self._files[path])
            if isinstance(entry, FileEntry):
                yield entry

    def _index(self) -> None:
        inputs: dict[DayKey, str] = {}
        contradicting: set[DayKey] = set()
        for number, journal in enumerate(self._journals):
            here: dict[DayKey, str] = {}
            for offset, entry in self._entries(journal):
                if isinstance(entry, FileEntry):
                    self._files[entry.state.path] = (number, offset)
                else:
                    self._days[entry.key] = (number, offset)
                    here[entry.key] = entry.inputs
            contradicting |= _differing(inputs, here)
            inputs.update(here)
        for key in contradicting:
            del self._days[key]
        self.n_contradicting = len(contradicting)

    def _entries(self, journal: BinaryIO) -> Iterator[tuple[int, FileEntry | DayEntry]]:
        offset = 0
        for line in journal:
            if not line.endswith(b"\n"):
                break  # it is being written
            entry = _parsed(line)
            if entry is None:
                self.n_unreadable += 1
            else:
                yield offset, entry
            offset += len(line)

    def _entry(self, place: _Place) -> FileEntry | DayEntry | None:
        journal = self._journals[place[0]]
        journal.seek(place[1])
        return _parsed(journal.readline())


def _parsed(line: bytes) -> FileEntry | DayEntry | None:
    """What a line says; None if it says nothing."""
    try:
        entry = parse_entry(json.loads(line.decode("utf-8", "surrogateescape")))
        if isinstance(entry, DayEntry):
            check_date(entry.date)
    except _BROKEN:
        return None
    return entry


def _differing(before: Mapping[DayKey, str], now: Mapping[DayKey, str]) -> set[DayKey]:
    return {key for key, inputs in now.items() if before.get(key, inputs) != inputs}
