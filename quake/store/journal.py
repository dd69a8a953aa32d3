"""Journal of a store: what was read, what is done and what failed; lines of JSON in files.

A line is added, and on disk, when a result is; a line that was cut off by a kill or a full disk is
none. At the end of a run all lines are written anew, each key once and in order, so that a store
tells nothing of how often it was interrupted.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, Self

from quake.errors import OutputError, QuakeError
from quake.files import renamed_file
from quake.inference.coverage import Coverage
from quake.store.layout import FORMATS, day_of_date
from quake.waveforms.file_state import FileState, state_of
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.waveform_file import Remark
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem

__all__ = [
    "OUTPUT_ADVICE",
    "DayEntry",
    "DayKey",
    "FileEntry",
    "FileState",
    "Journal",
    "parse_entry",
    "state_of",
]

logger = logging.getLogger(__name__)

OUTPUT_ADVICE = (
    "results written so far are complete; make room, or see to the permissions, and run the same "
    "command again"
)

DayKey = tuple[ChannelSetId, str]

# What Python makes of lines that hold something else than was written.
_NONSENSE = (
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    RecursionError,
    ArithmeticError,
)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class FileEntry:
    """What the headers of a file said.

    Attributes
    ----------
    state : FileState
    spans : tuple of Span
    problems : tuple of str
        What is wrong with it; without spans, nothing of it can be used.
    heads : tuple of (ChannelSetId, str)
        Digests of how channel sets begin, see `quake.store.digests.heads_of`.
    remarks : tuple of Remark
        What is in it that is no fault.
    content : str
        Digest of all of its bytes, where it is known: of what came from elsewhere.
    same_as : FileState, optional
        Another file, of the same name and content, that station-days were made of: that stands
        for it in digests, so that an archive may move.
    """

    state: FileState
    spans: tuple[Span, ...]
    problems: tuple[str, ...] = ()
    heads: tuple[tuple[ChannelSetId, str], ...] = ()
    remarks: tuple[Remark, ...] = ()
    content: str = ""
    same_as: FileState | None = None

    @property
    def identity(self) -> FileState:
        """The file that stands for it in digests."""
        return self.same_as or self.state


@dataclass
class DayEntry:
    """What became of a station-day.

    Attributes
    ----------
    id : ChannelSetId
    date : str
        UTC, as in ``2020-05-02``.
    inputs : str
        Digest of the files, see `quake.store.digests.digest_of_inputs`.
    outputs : mapping of format to size in bytes
        None of a day without windows.
    windows, labels : mapping of status, and of label, to number
    reasons : mapping of flag to number of windows without probabilities
    coverage : Coverage
    problems : list of Problem
        What failed while its samples were read.
    failed : str
        Why there is no result at all; empty if there is one.
    """

    id: ChannelSetId
    date: str
    inputs: str
    outputs: dict[str, int] = field(default_factory=dict)
    windows: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)
    problems: list[Problem] = field(default_factory=list)
    failed: str = ""

    @property
    def key(self) -> DayKey:
        """Channel set and date."""
        return self.id, self.date

    @property
    def has_failed(self) -> bool:
        """Whether something is missing that another attempt may bring."""
        return bool(self.failed) or any(problem.failed for problem in self.problems)


class Journal:
    """The journals of a store, and the one that this run writes.

    Parameters
    ----------
    folder : folder of the journals
    name : name of the one to write, without suffix

    Attributes
    ----------
    files : dict of path to FileEntry
    days : dict of (channel set, date) to DayEntry
    is_untidy : bool
        Whether entries are not in order, or lie in several files.
    """

    def __init__(self, folder: Path, name: str = "journal") -> None:
        self.folder = folder
        self.path = folder / f"{name}.jsonl"
        self.files: dict[str, FileEntry] = {}
        self.days: dict[DayKey, DayEntry] = {}
        self.is_untidy = False
        self._file: FileIO | None = None

    def __enter__(self) -> Self:
        """Read all journals, and open this run's."""
        _cut_torn_line(self.path)
        contradicting: set[DayKey] = set()
        for path in sorted(self.folder.glob("journal*.jsonl")):
            before, last = dict(self.days), None
            for entry in _entries(path):
                self._take(entry)
                self.is_untidy |= last is not None and not _place(last) < _place(entry)
                last = entry
            contradicting |= _contradicting(before, self.days)
            self.is_untidy |= path != self.path
        for key in contradicting:  # of shards that saw different data; to be done again
            del self.days[key]
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def open(self) -> None:
        """Have the file open, to be added to."""
        # Without a buffer: after a full disk there must be nothing left to be written.
        self._file = FileIO(self.path, "a")

    def close(self) -> None:
        """Close the file; entries stay."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def add_file(self, entry: FileEntry) -> None:
        """Write down what a file holds; on disk with the next station-day.

        Raises
        ------
        OutputError
            If the journal cannot be written.
        """
        self._take(entry)
        self._write(_file_line(entry))

    def add_day(self, entry: DayEntry) -> None:
        """Write down what became of a station-day, at once.

        Raises
        ------
        OutputError
            If the journal cannot be written.
        """
        self._take(entry)
        self._write(_day_line(entry))
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
        """Write all journals as one, in order.

        Parameters
        ----------
        temporary : folder in the same file system
        """
        self.close()
        lines = [_file_line(self.files[path]) for path in sorted(self.files)]
        lines += [_day_line(self.days[key]) for key in sorted(self.days)]
        whole = self.folder / "journal.jsonl"
        with renamed_file(whole, temporary) as file:
            file.writelines(f"{line}\n".encode() for line in lines)
        for path in self.folder.glob("journal*.jsonl"):
            if path != whole:
                path.unlink()
        self.is_untidy = False

    def _take(self, entry: FileEntry | DayEntry) -> None:
        if isinstance(entry, FileEntry):
            self.files[entry.state.path] = entry
        else:
            self.days[entry.key] = entry

    def _write(self, line: str) -> None:
        if self._file is None:
            raise QuakeError(f"{self.path}: the journal is closed")
        content = f"{line}\n".encode()
        self.is_untidy = True
        try:
            while content:  # a disk that becomes full takes a part of it first
                content = content[self._file.write(content) :]
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path}: {error.strerror or error}; {OUTPUT_ADVICE}")


def _place(entry: FileEntry | DayEntry) -> tuple[int, Any]:
    """Where an entry stands among others."""
    return (0, entry.state.path) if isinstance(entry, FileEntry) else (1, entry.key)


def _contradicting(
    before: Mapping[DayKey, DayEntry], now: Mapping[DayKey, DayEntry]
) -> set[DayKey]:
    return {key for key, entry in before.items() if entry.inputs != now[key].inputs}


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


def _entries(path: Path) -> Iterator[FileEntry | DayEntry]:
    n_bad = 0
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            if not line.endswith("\n"):
                break  # another shard is writing it
            try:
                yield parse_entry(json.loads(line))
            except _NONSENSE:
                n_bad += 1
    if n_bad:
        logger.warning(
            "%s: %d lines cannot be read; what they were about is done again", path, n_bad
        )


def parse_entry(values: Mapping[str, Any]) -> FileEntry | DayEntry:
    """Make an entry of what was read from a line.

    Raises
    ------
    ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError, ArithmeticError
        If it is none.
    """
    return _file_entry(values) if values["kind"] == "file" else _day_entry(values)


def _file_line(entry: FileEntry) -> str:
    state = entry.state
    return _line(
        {
            "kind": "file",
            "path": state.path,
            "size": state.size,
            "mtime_ns": state.modified_ns,
            "heads": [[*_codes(key), head] for key, head in entry.heads],
            "spans": [
                [*_codes(s.id), s.code, s.start_ns, s.end_ns, s.sampling_rate_hz]
                for s in entry.spans
            ],
            "problems": list(entry.problems),
            **({"remarks": [list(remark) for remark in entry.remarks]} if entry.remarks else {}),
            **_of_elsewhere(entry),
        }
    )


def _of_elsewhere(entry: FileEntry) -> dict[str, Any]:
    """What only files have that are, or were, elsewhere."""
    other = entry.same_as
    named = {
        "etag": entry.state.etag,
        "content": entry.content,
        "same_as": other and [other.path, other.size, other.modified_ns, other.etag],
    }
    return {name: value for name, value in named.items() if value}


def _file_entry(values: Mapping[str, Any]) -> FileEntry:
    path = str(values["path"])
    spans = tuple(
        Span(
            ChannelSetId(*map(str, row[:4])),
            str(row[4]),
            _whole(row[5]),
            _whole(row[6]),
            _rate(row[7]),
            path,
        )
        for row in values["spans"]
    )
    state = _state(path, values["size"], values["mtime_ns"], values.get("etag", ""))
    heads = tuple((ChannelSetId(*map(str, row[:4])), str(row[4])) for row in values["heads"])
    remarks = tuple(_remark(*row) for row in values.get("remarks", ()))
    other = values.get("same_as")
    return FileEntry(
        state,
        spans,
        tuple(map(str, values["problems"])),
        heads,
        remarks,
        str(values.get("content", "")),
        None if other is None else _state(*other),
    )


def _state(path: Any, size: Any, modified_ns: Any, etag: Any) -> FileState:
    return FileState(str(path), _whole(size), _whole(modified_ns), str(etag))


def _remark(kind: Any, name: Any, value: Any) -> Remark:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"a remark of {number:g}")
    return Remark(str(kind), str(name), number)


def _day_line(entry: DayEntry) -> str:
    coverage = entry.coverage
    return _line(
        {
            "kind": "station_day",
            "id": _codes(entry.id),
            "date": entry.date,
            "inputs": entry.inputs,
            "outputs": dict(sorted(entry.outputs.items())),
            "windows": dict(sorted(entry.windows.items())),
            "labels": dict(sorted(entry.labels.items())),
            "reasons": dict(sorted(entry.reasons.items())),
            "input": coverage.input,
            "scored": coverage.scored,
            "judged": coverage.judged,
            "failed_input": coverage.failed,
            "problems": [[p.source, p.message, p.failed] for p in entry.problems],
            "failed": entry.failed,
        }
    )


def _day_entry(values: Mapping[str, Any]) -> DayEntry:
    return DayEntry(
        id=ChannelSetId(*map(str, values["id"])),
        date=_date(values["date"]),
        inputs=str(values["inputs"]),
        outputs=_outputs(values["outputs"]),
        windows={str(k): _whole(v) for k, v in values["windows"].items()},
        labels={str(k): _whole(v) for k, v in values["labels"].items()},
        reasons={str(k): _whole(v) for k, v in values["reasons"].items()},
        coverage=Coverage(
            _intervals(values["input"]),
            _intervals(values["scored"]),
            _intervals(values["judged"]),
            _intervals(values["failed_input"]),
        ),
        problems=[Problem(str(a), str(b), bool(c)) for a, b, c in values["problems"]],
        failed=str(values["failed"]),
    )


def _codes(key: ChannelSetId) -> list[str]:
    return [key.network, key.station, key.location, key.band_instrument]


def _intervals(rows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(_whole(start), _whole(end)) for start, end in rows]


def _whole(value: Any) -> int:
    """A number of 63 bits: times, sizes and counts have no more."""
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("too large a number")
    return number


def _rate(value: Any) -> float:
    rate_hz = float(value)
    if not 0 < rate_hz < math.inf:
        raise ValueError(f"a sampling rate of {rate_hz:g} Hz")
    return rate_hz


def _date(value: Any) -> str:
    """A date; it becomes the name of a folder."""
    if not _DATE.fullmatch(str(value)):
        raise ValueError(f"{value!r} is no date")
    day_of_date(str(value))
    return str(value)


def _outputs(values: Mapping[str, Any]) -> dict[str, int]:
    """Sizes by format; a format becomes a part of the name of a file, which may be removed."""
    if not values.keys() <= set(FORMATS):
        raise ValueError(f"formats {list(values)[:5]}")
    return {name: _whole(size) for name, size in values.items()}


def _line(values: Mapping[str, Any]) -> str:
    # ASCII, so that names that are no UTF-8 survive.
    return json.dumps(values, allow_nan=False, separators=(",", ":"))
