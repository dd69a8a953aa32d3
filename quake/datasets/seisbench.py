"""Read SeisBench data sets, metadata and HDF5 waveforms, as labelled data.

The format is described at https://seisbench.readthedocs.io/en/stable/pages/data_format.html. The
metadata are read once, row by row; a waveform only when it is asked for.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quake.classes import NOISE
from quake.datasets.collection import Collection, Exclusion
from quake.datasets.labels import LabelledSpan
from quake.datasets.seisbench_labels import Labels, label_column_of
from quake.datasets.seisbench_reader import (
    DataFormat,
    SeisBenchReader,
    Shapes,
    component_letters,
    open_waveforms,
)
from quake.datasets.seisbench_table import Columns, number_of, rows_of, snr_db_of, text_of
from quake.errors import LabelError, ParameterError, WaveformError
from quake.waveforms.segments import duration_ns
from quake.waveforms.times import NS_PER_S, parse_time

logger = logging.getLogger(__name__)

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
        Several data sets may have different ones: ``kind,quiet:=noise`` takes the column kind,
        but says that all of the data set in the folder quiet is noise. None takes the first of
        `LABEL_COLUMNS` that has a known label in it.
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
    label_map = label_map or {}
    column = label_column_of(path, [c.metadata for c in chunks], label_column, label_map)
    labels = Labels(column, label_map)
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


@dataclass
class _ChunkReader:
    """Turns the rows of one metadata file into spans."""

    chunk: _Chunk
    source: str
    labels: Labels
    clock: _Clock
    readers: dict[SeisBenchReader, SeisBenchReader] = field(default_factory=dict)
    seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)

    def spans(self) -> tuple[list[LabelledSpan], list[Exclusion]]:
        """All rows, those that cannot be used apart."""
        rows = rows_of(self.chunk.metadata)
        header = next(rows, [])
        if "trace_name" not in header:
            raise LabelError(
                f"{self.chunk.metadata}: no column trace_name; found "
                f"{', '.join(header) or 'nothing'}"
            )
        self.columns = Columns.of(header, self.labels.column)
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
                name = text_of(row, self.columns.trace_name) or "without name"
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
        name = text_of(row, columns.trace_name)
        if not name:
            raise LabelError("trace_name is empty")
        label = self.labels.of(text_of(row, columns.label))
        self._refuse_twice(name, line, label)
        reader = self._reader(row)
        n_samples = self._n_samples(name, reader)
        length_ns = duration_ns(n_samples, reader.sampling_rate_hz)
        p_sample = None if label == NOISE else self._p_sample(row, n_samples)
        split = self._split(row)
        start_text = text_of(row, columns.start)
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
            group=self._once(text_of(row, columns.event_id)) or record,
            station=self._once(f"{text_of(row, columns.network)}.{text_of(row, columns.station)}"),
            source=self.source,
            p_ns=p_ns,
            snr_db=snr_db_of(text_of(row, columns.snr)),
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
        channel = text_of(row, columns.channel)
        reader = SeisBenchReader(
            self.format.dimension_order,
            self._component_order(row),
            self._rate_hz(row),
            text_of(row, columns.location).strip("-"),
            channel[:2].upper(),
        )
        return self.readers.setdefault(reader, reader)

    def _component_order(self, row: Sequence[str]) -> str:
        order = text_of(row, self.columns.order)
        # SeisBench writes a tuple of channel codes as Python would.
        letters = component_letters(re.findall(r"\w+", order) if "," in order else order)
        if not (letters or self.format.component_order):
            raise LabelError(
                "the order of its components is neither in the metadata (trace_component_order) "
                "nor in the waveform file (data_format/component_order)"
            )
        return letters or self.format.component_order

    def _rate_hz(self, row: Sequence[str]) -> float:
        rate, dt = number_of(row, self.columns.rate), number_of(row, self.columns.dt)
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
        """Earliest P arrival; None where the data set has none at all.

        Those of pickers (``trace_P_arrival_sample_PhaseNet``) count where there is no other.
        """
        columns = self.columns
        for places in (columns.p_arrivals, columns.p_arrivals_of_pickers):
            arrivals = [number_of(row, at) for at in places]
            known = [arrival for arrival in arrivals if arrival is not None]
            if known:
                break
        if not (columns.p_arrivals or columns.p_arrivals_of_pickers):
            return None
        if not known:
            raise LabelError("no P arrival, so where in the trace the event begins is unknown")
        if not 0 <= min(known) < n_samples:
            raise LabelError("the P arrival is outside of the trace")
        return min(known)

    def _split(self, row: Sequence[str]) -> str | None:
        text = text_of(row, self.columns.split)
        if not text:
            return None
        if text.lower() not in _SPLITS:
            raise LabelError(f"split is {text!r}, train, dev or test was expected")
        return _SPLITS[text.lower()]
