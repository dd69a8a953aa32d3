"""SeisBench data sets: a folder of metadata and HDF5 waveforms in, a `Collection` out.

The format is described at https://seisbench.readthedocs.io/en/stable/pages/data_format.html. The
metadata are read once, row by row; a waveform only when it is asked for.
"""

from __future__ import annotations

import csv
import logging
import math
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quake.data.collection import Collection, Exclusion
from quake.data.labels import ALIASES, NOISE, LabelledSpan, canonical_label
from quake.data.seisbench_reader import (
    DataFormat,
    SeisBenchReader,
    Shapes,
    component_letters,
    open_waveforms,
)
from quake.data.times import parse_time
from quake.data.waveform import NS_PER_S, duration_ns
from quake.errors import LabelError, ParameterError, WaveformError

logger = logging.getLogger(__name__)

LABEL_COLUMNS = ("trace_category", "source_type", "source_event_category", "event_type", "label")
"""Columns that are looked for a label, in this order (STEAD, PNW and INSTANCE, PiSDL, others)."""

# What STEAD and TXED call an earthquake.
_VALUES = {"earthquake_local": "earthquake"}

_EVENT_IDS = ("source_id", "event_id", "source_event_id")
_NETWORKS = ("station_network_code", "network_code", "network")
_STATIONS = ("station_code", "receiver_code", "station")
_LOCATIONS = ("station_location_code", "trace_location_code")
_CHANNELS = ("trace_channel", "station_channels", "station_channel_code")
_SNRS = ("trace_Z_snr_db", "trace_snr_db", "snr_db")

# Any phase whose name begins with P or p: P, Pg, Pn, P1, PmP; the earliest is the onset.
_P_ARRIVAL = re.compile(r"(?:trace_)?(?!phase|pick)[pP][A-Za-z0-9]{0,4}_arrival_sample")

_MISSING = frozenset({"", "nan", "none", "nat", "null", "<na>"})

_SPLITS = {
    "train": "train",
    "dev": "validation",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}

# Of a trace of which nobody knows when it was recorded: so far from the next one that no window
# reaches both.
_APART_NS = 600 * NS_PER_S

_SLOWEST_HZ, _FASTEST_HZ = 0.001, 100_000


def read_seisbench(
    path: str | Path,
    *,
    label_column: str | None = None,
    label_map: Mapping[str, str] | None = None,
) -> Collection:
    """Read the metadata of a SeisBench data set.

    Parameters
    ----------
    path : folder
        With metadata.csv and waveforms.hdf5, or such a pair for each chunk.
    label_column : str, optional
        Column that tells what a trace is; ``=earthquake`` says that all of them are earthquakes.
        None takes the first of `LABEL_COLUMNS` that has a known label in it.
    label_map : mapping of value to label, optional
        What values of the column mean; those that are not in it are resolved as everywhere
        (`canonical_label`).

    Returns
    -------
    Collection
        One span a trace. Rows that cannot be used are in `excluded`.

    Raises
    ------
    LabelError
        If the folder holds no such data set, no column tells the label, or no row can be used.
    WaveformError
        If a waveform file is not HDF5.
    """
    path = Path(path)
    chunks, excluded = _find_chunks(path)
    labels = _Labels(_label_column(path, chunks, label_column), dict(label_map or {}))
    spans: list[LabelledSpan] = []
    clock = _Clock()
    for chunk in chunks:
        found, left_out = _ChunkReader(chunk, path.resolve().name, labels, clock).spans()
        spans += found
        excluded += left_out
    labels.report(path)
    clock.report(path)
    if not spans:
        raise LabelError(
            f"{path}: none of {len(excluded)} rows can be used; {_reasons(excluded)}{labels.advice}"
        )
    return Collection(path.resolve().name, spans, excluded)


def is_seisbench(path: str | Path) -> bool:
    """Say whether a folder looks like a SeisBench data set."""
    path = Path(path)
    return (
        path.is_dir()
        and next(path.glob("metadata*.csv"), None) is not None
        and next(path.glob("waveforms*.hdf5"), None) is not None
    )


def _reasons(excluded: Sequence[Exclusion]) -> str:
    """The reasons of exclusions, the most frequent first."""
    counts = Counter(exclusion.reason for exclusion in excluded).most_common(5)
    return "; ".join(f"{reason} ({count})" for reason, count in counts)


@dataclass(frozen=True)
class _Chunk:
    """A pair of files."""

    metadata: Path
    waveforms: Path


def _find_chunks(folder: Path) -> tuple[list[_Chunk], list[Exclusion]]:
    """Pairs of metadata and waveforms, and halves of pairs."""
    names = _chunk_names(folder)
    pairs = [_Chunk(folder / f"metadata{n}.csv", folder / f"waveforms{n}.hdf5") for n in names]
    halves = [
        Exclusion(str(present), f"there is no {missing.name} beside it")
        for pair in pairs
        for present, missing in (
            (pair.metadata, pair.waveforms),
            (pair.waveforms, pair.metadata),
        )
        if present.is_file() and not missing.is_file()
    ]
    complete = [pair for pair in pairs if pair.metadata.is_file() and pair.waveforms.is_file()]
    if not complete:
        raise LabelError(
            f"{folder}: no SeisBench data set, which has metadata.csv and waveforms.hdf5, or "
            f"such a pair for each chunk; found {_listing(folder)}"
        )
    return complete, halves


def _chunk_names(folder: Path) -> list[str]:
    """Names as the file ``chunks`` lists them, otherwise as the files are called."""
    listed = folder / "chunks"
    names = listed.read_text(encoding="utf-8").split("\n") if listed.is_file() else []
    names = [name.strip() for name in names if name.strip()]
    if names:
        return sorted(set(names))
    return sorted(
        {file.name[len("metadata") : -len(".csv")] for file in folder.glob("metadata*.csv")}
        | {file.name[len("waveforms") : -len(".hdf5")] for file in folder.glob("waveforms*.hdf5")}
    )


def _listing(folder: Path) -> str:
    if not folder.is_dir():
        return "no such folder"
    names = sorted(entry.name for entry in folder.iterdir())
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "") or "nothing"


def _rows(metadata: Path) -> Iterator[list[str]]:
    """Rows of a metadata file, the header first."""
    # Fields of STEAD and CEED hold lists of any length.
    csv.field_size_limit(sys.maxsize)
    try:
        with metadata.open(newline="", encoding="utf-8-sig") as file:
            yield from csv.reader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{metadata}: cannot be read as a CSV table ({error})") from error


def _label_column(folder: Path, chunks: Sequence[_Chunk], wanted: str | None) -> str:
    """Find the column that tells what a trace is."""
    columns = dict.fromkeys(name for c in chunks for name in next(_rows(c.metadata), []))
    if wanted is not None:
        if wanted.startswith("=") or wanted in columns:
            return wanted
        raise LabelError(
            f"{folder}: the metadata have no column {wanted!r}; they have {', '.join(columns)}"
        )
    for name in LABEL_COLUMNS:
        if name in columns and _has_known_label(chunks, name):
            return name
    raise LabelError(
        f"{folder}: no column tells what each trace is (looked for "
        f"{', '.join(LABEL_COLUMNS)}). Columns with few values: {_values_of(chunks)}. Name one "
        "with label_column (--label-column NAME) and say what its values mean with label_map "
        "(--label-map VALUE=CLASS); if all traces are of one class, give --label-column =CLASS, "
        "such as =earthquake"
    )


def _has_known_label(chunks: Sequence[_Chunk], column: str) -> bool:
    for chunk in chunks:
        rows = _rows(chunk.metadata)
        header = next(rows, [])
        if column in header:
            at = header.index(column)
            unknown: set[str] = set()
            for row in rows:
                value = _text(row, at)
                if value not in unknown and _known_label(value):
                    return True
                unknown.add(value)
    return False


def _values_of(chunks: Sequence[_Chunk], most: int = 20) -> str:
    """The columns with at most so many different values, and their three most frequent ones."""
    counts: dict[str, Counter[str]] = {}
    dropped: set[str] = set()
    for chunk in chunks:
        rows = _rows(chunk.metadata)
        header = next(rows, [])
        for row in rows:
            for name, value in zip(header, row, strict=False):
                if name not in dropped:
                    counts.setdefault(name, Counter())[value] += 1
                    if len(counts[name]) > most:
                        dropped.add(name)
                        del counts[name]
    return "; ".join(f"{name} ({_frequent(values)})" for name, values in counts.items()) or "none"


def _frequent(values: Counter[str]) -> str:
    shown = ", ".join(f"{value or '(empty)'}: {n}" for value, n in values.most_common(3))
    return shown + (", ..." if len(values) > 3 else "")


def _known_label(value: str) -> str | None:
    """Resolve a value that is a label or an alias of one."""
    label = _VALUES.get(canonical_label(value), canonical_label(value))
    return label if label in ALIASES.values() else None


class _Labels:
    """The label that each value of a column stands for.

    Parameters
    ----------
    column : name of the column, or a label behind ``=``
    label_map : mapping of value to label
    """

    def __init__(self, column: str, label_map: Mapping[str, str]) -> None:
        self.constant = canonical_label(column[1:]) if column.startswith("=") else None
        if self.constant == "":
            raise LabelError("'=' is followed by no label; expected one as in =earthquake")
        self.column = None if column.startswith("=") else column
        self.unused = dict(label_map)
        self.unknown: Counter[str] = Counter()
        self._map = {value.strip(): canonical_label(label) for value, label in label_map.items()}
        self._known: dict[str, str | None] = {}

    def of(self, value: str) -> str:
        """Label of a value.

        Raises
        ------
        LabelError
            If it has none.
        """
        if self.constant is not None:
            return self.constant
        if value not in self._known:
            self._known[value] = self._map.get(value) or _known_label(value)
            self.unused.pop(value, None)
        label = self._known[value]
        if label is None:
            self.unknown[value] += 1
            raise LabelError(
                f"{self.column} is {value!r}, which is no label"
                if value
                else f"{self.column} is empty"
            )
        return label

    @property
    def advice(self) -> str:
        """What to do about values that are no labels."""
        if not self.unknown:
            return ""
        return (
            f"; {self.column} has {_frequent(self.unknown)}: say what these mean with label_map "
            "(--label-map VALUE=CLASS)"
        )

    def report(self, folder: Path) -> None:
        """Log values of the mapping that no row has: likely misspelt."""
        if self.unused and self.column is not None:
            logger.warning(
                "%s: no row has %s %s, which the mapping of labels names; check its spelling",
                folder,
                self.column,
                ", ".join(map(repr, self.unused)),
            )


class _Clock:
    """Times for traces of which the metadata do not tell when they were recorded."""

    def __init__(self) -> None:
        self.n_traces = 0
        self._next_ns = 0

    def start_ns(self, length_ns: int) -> int:
        """A time of its own for one trace."""
        start_ns = self._next_ns
        self._next_ns += length_ns + _APART_NS
        self.n_traces += 1
        return start_ns

    def report(self, folder: Path) -> None:
        """Log how many traces had no time."""
        if self.n_traces:
            logger.warning(
                "%s: %d traces have no trace_start_time; each was given a time of its own from "
                "1970-01-01, so traces that overlap in time cannot be told",
                folder,
                self.n_traces,
            )


@dataclass(frozen=True)
class _Columns:
    """Where in a row the columns are that are read; None for those that are not there."""

    trace_name: int
    label: int | None
    start: int | None
    rate: int | None
    dt: int | None
    order: int | None
    event_id: int | None
    network: int | None
    station: int | None
    location: int | None
    channel: int | None
    snr: int | None
    split: int | None
    p_arrivals: tuple[int, ...]

    @classmethod
    def of(cls, header: Sequence[str], label: str | None) -> _Columns:
        def find(*names: str) -> int | None:
            return next((header.index(name) for name in names if name in header), None)

        return cls(
            trace_name=header.index("trace_name"),
            label=None if label is None else find(label),
            start=find("trace_start_time"),
            rate=find("trace_sampling_rate_hz"),
            dt=find("trace_dt_s"),
            order=find("trace_component_order"),
            event_id=find(*_EVENT_IDS),
            network=find(*_NETWORKS),
            station=find(*_STATIONS),
            location=find(*_LOCATIONS),
            channel=find(*_CHANNELS),
            snr=find(*_SNRS),
            split=find("split"),
            p_arrivals=tuple(i for i, name in enumerate(header) if _P_ARRIVAL.fullmatch(name)),
        )


@dataclass
class _ChunkReader:
    """Turns the rows of one metadata file into spans."""

    chunk: _Chunk
    source: str
    labels: _Labels
    clock: _Clock
    readers: dict[SeisBenchReader, SeisBenchReader] = field(default_factory=dict)
    seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)

    def spans(self) -> tuple[list[LabelledSpan], list[Exclusion]]:
        """All rows, those that cannot be used apart."""
        rows = _rows(self.chunk.metadata)
        header = next(rows, [])
        if "trace_name" not in header:
            raise LabelError(
                f"{self.chunk.metadata}: no column trace_name; found "
                f"{', '.join(header) or 'nothing'}"
            )
        self.columns = _Columns.of(header, self.labels.column)
        file = open_waveforms(self.chunk.waveforms)
        if "data" not in file:
            raise WaveformError(f"{self.chunk.waveforms}: no group named data, so no traces")
        self.format = DataFormat.of(self.chunk.waveforms, file)
        self.shapes = Shapes(file)
        spans, excluded = [], []
        for line, row in enumerate(rows, start=2):
            try:
                spans.append(self._span(line, row))
            except (LabelError, ParameterError) as error:
                name = _text(row, self.columns.trace_name) or "without name"
                what = f"{self.chunk.metadata}, line {line}, trace {name}"
                excluded.append(Exclusion(what, str(error)))
        if self.contradictions:
            more = len(self.contradictions) - 5
            raise LabelError(
                f"{self.chunk.metadata}: {'; '.join(self.contradictions[:5])}"
                f"{f'; and {more} more' if more > 0 else ''}; correct the labels"
            )
        return spans, excluded

    def _span(self, line: int, row: Sequence[str]) -> LabelledSpan:
        columns = self.columns
        name = _text(row, columns.trace_name)
        if not name:
            raise LabelError("trace_name is empty")
        label = self.labels.of(_text(row, columns.label))
        self._refuse_twice(name, line, label)
        reader = self._reader(row)
        n_samples = self._n_samples(name, reader)
        length_ns = duration_ns(n_samples, reader.sampling_rate_hz)
        p_sample = None if label == NOISE else self._p_sample(row, n_samples)
        split = self._split(row)
        start_text = _text(row, columns.start)
        start_ns = parse_time(start_text) if start_text else self.clock.start_ns(length_ns)
        record = f"{self.chunk.waveforms}:{name}"
        p_ns = None
        if p_sample is not None:
            p_ns = start_ns + round(p_sample * NS_PER_S / reader.sampling_rate_hz)
        return LabelledSpan(
            row=line,
            path=self.chunk.waveforms,
            start_ns=start_ns,
            end_ns=start_ns + length_ns,
            label=label,
            group=self._once(_text(row, columns.event_id)) or record,
            station=self._once(f"{_text(row, columns.network)}.{_text(row, columns.station)}"),
            source=self.source,
            p_ns=p_ns,
            snr_db=_snr_db(_text(row, columns.snr)),
            split=split,
            record=record,
            reader=reader,
        )

    def _once(self, text: str) -> str:
        """One object for equal texts: a million rows have few stations."""
        return self.texts.setdefault(text, text)

    def _refuse_twice(self, name: str, line: int, label: str) -> None:
        first, first_label = self.seen.setdefault(name, (line, label))
        if first == line:
            return
        if first_label != label:
            self.contradictions.append(
                f"trace {name} is {first_label} in line {first} and {label} in line {line}"
            )
        raise LabelError("the trace is listed twice; the first row is used")

    def _reader(self, row: Sequence[str]) -> SeisBenchReader:
        columns = self.columns
        channel = _text(row, columns.channel)
        reader = SeisBenchReader(
            self.format.dimension_order,
            self._component_order(row),
            self._rate_hz(row),
            _text(row, columns.location).strip("-"),
            channel[:2].upper(),
        )
        return self.readers.setdefault(reader, reader)

    def _component_order(self, row: Sequence[str]) -> str:
        order = _text(row, self.columns.order)
        # SeisBench writes a tuple of channel codes as Python would.
        letters = component_letters(re.findall(r"\w+", order) if "," in order else order)
        if not (letters or self.format.component_order):
            raise LabelError(
                "the order of its components is neither in the metadata (trace_component_order) "
                "nor in the waveform file (data_format/component_order)"
            )
        return letters or self.format.component_order

    def _rate_hz(self, row: Sequence[str]) -> float:
        rate, dt = _number(row, self.columns.rate), _number(row, self.columns.dt)
        if rate is None and dt:
            rate = 1 / dt
        if rate is None:
            rate = self.format.sampling_rate_hz
        if rate is None:
            raise LabelError(
                "its sampling rate is neither in the metadata (trace_sampling_rate_hz) nor in "
                "the waveform file (data_format/sampling_rate)"
            )
        if not _SLOWEST_HZ <= rate <= _FASTEST_HZ:
            raise LabelError(
                f"sampling rate {rate:g} Hz, one from {_SLOWEST_HZ:g} to {_FASTEST_HZ:g} Hz was "
                "expected"
            )
        return rate

    def _n_samples(self, name: str, reader: SeisBenchReader) -> int:
        shape = self.shapes.of(name)
        if len(shape) != 2:
            raise LabelError(f"an array of shape {shape}, one with two axes was expected")
        n_components, n_samples = shape if reader.dimension_order == "CW" else shape[::-1]
        if n_components != len(reader.component_order):
            raise LabelError(
                f"{n_components} components in the waveform file, but the order of components "
                f"is {reader.component_order}"
            )
        if n_samples < 1:
            raise LabelError("no samples")
        return n_samples

    def _p_sample(self, row: Sequence[str], n_samples: int) -> float | None:
        """Earliest P arrival; None where the data set has none at all."""
        arrivals = [_number(row, at) for at in self.columns.p_arrivals]
        known = [arrival for arrival in arrivals if arrival is not None]
        if not self.columns.p_arrivals:
            return None
        if not known:
            raise LabelError("no P arrival, so where in the trace the event begins is unknown")
        if not 0 <= min(known) < n_samples:
            raise LabelError("the P arrival is outside of the trace")
        return min(known)

    def _split(self, row: Sequence[str]) -> str | None:
        text = _text(row, self.columns.split)
        if not text:
            return None
        if text.lower() not in _SPLITS:
            raise LabelError(f"split is {text!r}, train, dev or test was expected")
        return _SPLITS[text.lower()]


def _text(row: Sequence[str], at: int | None) -> str:
    """A field of a row without what stands for a missing value."""
    if at is None or at >= len(row):
        return ""
    text = row[at].strip()
    return "" if text.lower() in _MISSING else text


def _number(row: Sequence[str], at: int | None) -> float | None:
    """A number, or None where it is missing or none."""
    text = _text(row, at)
    try:
        number = float(text) if text else math.nan
    except ValueError:
        raise LabelError(f"{text!r} is not a number") from None
    return number if math.isfinite(number) else None


def _snr_db(text: str) -> float | None:
    """Signal-to-noise ratio: a number, or the median of those of the components.

    >>> _snr_db("[56.8 55.4 47.4]"), _snr_db("6.1|nan|3.1")
    (55.4, 4.6)
    """
    values = [float(v) for v in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", text)]
    return statistics.median(values) if values else None
