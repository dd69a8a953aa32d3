"""Write entries of a journal, what was read and what became of it, as lines of JSON; read them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quake.inference.coverage import Coverage
from quake.store.layout import FORMATS, day_of_date
from quake.waveforms.file_state import FileState as FileState
from quake.waveforms.file_state import state_of as state_of
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.waveform_file import Remark
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem

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

# What 64 bits of nanoseconds hold, and a week or two less.
_YEARS = range(1678, 2262)

_DECODER = json.JSONDecoder()

_FILE = '{"kind":"file","path":'


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
    onsets_to_ns : int, optional
        At the live edge, the time up to which its onsets are known; None where all of them are.
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
    onsets_to_ns: int | None = None

    @property
    def key(self) -> DayKey:
        """Channel set and date."""
        return self.id, self.date

    @property
    def has_failed(self) -> bool:
        """Whether something is missing that another attempt may bring."""
        return bool(self.failed) or any(problem.failed for problem in self.problems)


def parse_line(line: bytes) -> FileEntry | DayEntry:
    """Read a line.

    Raises
    ------
    ValueError
        If it says nothing.
    """
    try:
        values = json.loads(line.decode("utf-8", "surrogateescape"))
        return _file_entry(values) if values["kind"] == "file" else _day_entry(values)
    except _NONSENSE as error:
        raise ValueError(f"no entry of a journal ({type(error).__name__}: {error})") from error


def path_in(line: bytes) -> str:
    """Path of the file that a line is about, without reading all of it.

    Raises
    ------
    ValueError
        If it is about none.
    """
    text = line.decode("utf-8", "surrogateescape")
    if text.startswith(_FILE):
        return str(_DECODER.raw_decode(text, len(_FILE))[0])
    entry = parse_line(line)
    if isinstance(entry, DayEntry):
        raise ValueError("a line about a station-day")
    return entry.state.path


def says_unchanged(line: bytes, state: FileState) -> bool:
    """Whether a line about a file was written when the file was as it is now."""
    if line.startswith(_head_of(state).encode() + b","):
        return True
    entry = parse_line(line)  # whoever else wrote the line may have done it in another order
    return isinstance(entry, FileEntry) and entry.state == state


def file_line(entry: FileEntry) -> str:
    """Write down what a file holds; the line begins with the state of the file."""
    rest = _line(
        {
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
    return f"{_head_of(entry.state)},{rest[1:]}"


def _of_elsewhere(entry: FileEntry) -> dict[str, Any]:
    """What only files have that are, or were, elsewhere."""
    other = entry.same_as
    named = {
        "etag": entry.state.etag,
        "content": entry.content,
        "same_as": other and [other.path, other.size, other.modified_ns, other.etag],
    }
    return {name: value for name, value in named.items() if value}


def _state(path: Any, size: Any, modified_ns: Any, etag: Any) -> FileState:
    return FileState(str(path), _whole(size), _whole(modified_ns), str(etag))


def _head_of(state: FileState) -> str:
    """Beginning of a line about a file: all that tells whether the file has changed."""
    about = {
        "kind": "file",
        "path": state.path,
        "size": state.size,
        "mtime_ns": state.modified_ns,
    }
    return _line(about)[:-1]


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


def _remark(kind: Any, name: Any, value: Any) -> Remark:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"a remark of {number:g}")
    return Remark(str(kind), str(name), number)


def day_line(entry: DayEntry) -> str:
    """Write down what became of a station-day."""
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
            **({} if entry.onsets_to_ns is None else {"onsets_to_ns": entry.onsets_to_ns}),
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
        onsets_to_ns=_whole(values["onsets_to_ns"]) if "onsets_to_ns" in values else None,
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
    if int(str(value)[:4]) not in _YEARS:
        raise ValueError(f"no station has recorded on {value}")
    return str(value)


def _outputs(values: Mapping[str, Any]) -> dict[str, int]:
    """Sizes by format; a format becomes a part of the name of a file, which may be removed."""
    if not values.keys() <= set(FORMATS):
        raise ValueError(f"formats {list(values)[:5]}")
    return {name: _whole(size) for name, size in values.items()}


def _line(values: Mapping[str, Any]) -> str:
    # ASCII, so that names that are no UTF-8 survive.
    return json.dumps(values, allow_nan=False, separators=(",", ":"))
