"""Write labelled records as a SeisBench data set: metadata.csv and waveforms.hdf5.

The format is described at https://seisbench.readthedocs.io/en/stable/pages/data_format.html. One
trace is in memory at a time.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quake.datasets.collection import Collection, Exclusion, ReadSpan
from quake.datasets.file_reader import FILE_READER
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError, ParameterError, WaveformError
from quake.files import whole_files
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.segments import Segment
from quake.waveforms.times import NS_PER_S, format_time

if TYPE_CHECKING:
    import h5py

_FILES = ("metadata.csv", "waveforms.hdf5")

_SPLITS = {"train": "train", "validation": "dev", "test": "test"}

# What a name in an HDF5 file may have; SeisBench gives a meaning to $.
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

# Larger integers are not exact in single precision.
_EXACT_IN_SINGLE = 1 << 24

_COLUMNS = (
    "trace_name",
    "trace_category",
    "trace_start_time",
    "trace_sampling_rate_hz",
    "trace_npts",
    "trace_component_order",
    "trace_components",
    "trace_channel",
    "trace_coverage",
    "trace_P_arrival_sample",
    "trace_snr_db",
    "trace_dataset",
    "trace_file",
    "station_network_code",
    "station_code",
    "station_location_code",
    "source_id",
    "split",
)


@dataclass(frozen=True)
class WrittenDataset:
    """What became of a collection.

    Attributes
    ----------
    paths : tuple of Path
        Metadata and waveforms.
    n_traces : int
    excluded : tuple of Exclusion
        Rows that could not be read, with the reason.
    """

    paths: tuple[Path, ...]
    n_traces: int
    excluded: tuple[Exclusion, ...]


def write_seisbench(
    collection: Collection,
    folder: str | Path,
    on_row: Callable[[int, int], None] = lambda done, total: None,
) -> WrittenDataset:
    """Write labelled records as a data set that SeisBench opens, and `read_seisbench` too.

    Each row becomes a trace of shape (3, N) in the order Z, N, E, at the rate and in the units of
    its record: nothing is filtered, resampled or restituted. Components 1 and 2 stand in the place
    of N and E, and what was not recorded is zero; the columns ``trace_components`` and
    ``trace_coverage`` say so. The label is in ``trace_category``.

    Parameters
    ----------
    collection : Collection
    folder : path
        Made if need be.
    on_row : callable
        Hears of (done, total) rows.

    Raises
    ------
    ParameterError
        If the folder holds a data set already.
    LabelError
        If no row can be read.
    ExportError
        If the files cannot be written; none of them is there then.
    """
    import h5py

    folder = Path(folder)
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        raise ParameterError(f"{folder}: has a {there[0]} already; name another folder")
    paths = [folder / name for name in _FILES]
    with whole_files(paths) as (metadata, waveforms):
        with h5py.File(waveforms, "w") as file:
            writer = _Writer(file)
            for done, span in enumerate(collection.spans, start=1):
                writer.add(span)
                on_row(done, len(collection.spans))
            writer.describe()
        if not writer.rows:
            reason = writer.excluded[0].reason if writer.excluded else "there are none"
            raise LabelError(f"{collection.name}: no row can be written; {reason}")
        metadata.write_text(_csv(writer.rows), encoding="utf-8")
    return WrittenDataset(tuple(paths), len(writer.rows), tuple(writer.excluded))


class _Writer:
    """Takes one labelled span after the other."""

    def __init__(self, file: h5py.File) -> None:
        self.rows: list[dict[str, Any]] = []
        self.excluded: list[Exclusion] = []
        self._file = file
        self._data = file.create_group("data")

    def add(self, span: LabelledSpan) -> None:
        """Read a span and write its trace, or note why there is none."""
        try:
            trace = _trace_of(span, (span.reader or FILE_READER).read(span, 0))
        except (WaveformError, LabelError) as error:
            self.excluded.append(Exclusion(f"{span.source}, row {span.row}", str(error)))
            return
        name = self._free_name(trace.name)
        self._data.create_dataset(name, data=trace.samples)
        self.rows.append({"trace_name": name, **_metadata(span, trace)})

    def describe(self) -> None:
        """Write what all traces have in common."""
        group = self._file.create_group("data_format")
        group["dimension_order"] = "CW"
        group["component_order"] = "".join(COMPONENTS)
        group["measurement"] = "as recorded"
        group["unit"] = "as recorded"
        group["instrument_response"] = "not restituted"
        rates = {row["trace_sampling_rate_hz"] for row in self.rows}
        if len(rates) == 1:
            group["sampling_rate"] = rates.pop()

    def _free_name(self, name: str) -> str:
        """The name, with a number behind it if another trace has it."""
        number, free = 1, name
        while free in self._data:
            number += 1
            free = f"{name}_{number}"
        return free


@dataclass(frozen=True)
class _Trace:
    """Samples (3, N) on one grid of times."""

    name: str
    samples: NDArray[Any]
    start_ns: int
    sampling_rate_hz: float
    components: str
    coverage: float
    channel: str
    codes: tuple[str, str, str]


def _trace_of(span: LabelledSpan, found: ReadSpan) -> _Trace:
    """Lay the segments of a row on one grid.

    Raises
    ------
    LabelError
        If there are none within the row, or they have several rates.
    """
    key = found.channel_set.id
    start_ns, end_ns = max(span.start_ns, found.start_ns), min(span.end_ns, found.end_ns)
    inside = {
        component: [s for s in some if s.start_ns < end_ns and s.end_ns > start_ns]
        for component, some in found.channel_set.segments.items()
    }
    segments = [s for component in COMPONENTS for s in inside.get(component, ())]
    rates = sorted({s.sampling_rate_hz for s in segments})
    if len(rates) != 1:
        shown = " and ".join(f"{rate:g}" for rate in rates)
        raise LabelError(
            f"{span.path}, {key}: "
            + (f"recorded at {shown} Hz, one rate was expected" if rates else "no data in the row")
        )
    grid = _Grid.of(segments[0], start_ns, end_ns)
    rows = [grid.fill(inside.get(component, ())) for component in COMPONENTS]
    recorded = [bool(there.any()) for _, there in rows]
    if not any(recorded):
        raise LabelError(f"{span.path}, {key}: no data in the row")
    coverage = float(np.mean([there.mean() for _, there in rows if there.any()]))
    samples = np.stack([row for row, _ in rows])
    codes = {s.code for c in COMPONENTS for s in inside.get(c, ()) if s.code}
    second = format_time(grid.start_ns)[:19].replace("-", "").replace(":", "")
    return _Trace(
        name=_UNSAFE.sub("_", f"{str(key).removesuffix('?')}_{second}"),
        samples=_plain(samples),
        start_ns=grid.start_ns,
        sampling_rate_hz=rates[0],
        components="".join(sorted(codes, key="Z3N1E2".find)),
        coverage=round(coverage, 4),
        channel=key.band_instrument,
        codes=(key.network, key.station, key.location),
    )


@dataclass(frozen=True)
class _Grid:
    """Times of samples: those of one segment, from the first within a row on."""

    start_ns: int
    sampling_rate_hz: float
    n_samples: int

    @classmethod
    def of(cls, segment: Segment, start_ns: int, end_ns: int) -> _Grid:
        """The samples at and after one time, and before another."""
        rate_hz = segment.sampling_rate_hz
        first = _samples_until(start_ns - segment.start_ns, rate_hz)
        first_ns = segment.start_ns + round(first * NS_PER_S / rate_hz)
        return cls(first_ns, rate_hz, max(_samples_until(end_ns - first_ns, rate_hz), 1))

    def fill(self, segments: Sequence[Segment]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Samples of a component, zero where there are none; and where there are some.

        A sample is put to the nearest time of the grid: components whose clocks differ by less
        than half a sample stand beside each other.
        """
        kind = np.result_type(*(s.samples for s in segments)) if segments else np.dtype(np.int32)
        samples = np.zeros(self.n_samples, kind)
        there = np.zeros(self.n_samples, np.bool_)
        for segment in segments:
            at = round((segment.start_ns - self.start_ns) * self.sampling_rate_hz / NS_PER_S)
            first, stop = max(at, 0), min(at + len(segment.samples), self.n_samples)
            if first < stop:
                samples[first:stop] = segment.samples[first - at : stop - at]
                there[first:stop] = True
        return samples, there


def _samples_until(length_ns: int, rate_hz: float) -> int:
    """Samples that begin within a length of time; exact, as sums of many are not."""
    n_samples = Fraction(length_ns) * Fraction(rate_hz) / NS_PER_S
    # Times are whole nanoseconds: what is that near to a sample is that sample.
    nearest = round(n_samples)
    if abs(n_samples - nearest) * NS_PER_S <= 2 * Fraction(rate_hz):
        return nearest
    return -(-n_samples.numerator // n_samples.denominator)


def _plain(samples: NDArray[Any]) -> NDArray[Any]:
    """Single precision where it is exact, otherwise double; what is no number is zero."""
    if samples.dtype.kind == "f":
        finite: NDArray[Any] = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        return finite
    is_exact = max(abs(int(samples.min())), abs(int(samples.max()))) <= _EXACT_IN_SINGLE
    return samples.astype(np.float32 if is_exact else np.float64)


def _metadata(span: LabelledSpan, trace: _Trace) -> dict[str, Any]:
    p_sample = None
    if span.p_ns is not None:
        p_sample = round((span.p_ns - trace.start_ns) * trace.sampling_rate_hz / NS_PER_S, 3)
    network, station, location = trace.codes
    return {
        "trace_category": span.label,
        "trace_start_time": format_time(trace.start_ns),
        "trace_sampling_rate_hz": trace.sampling_rate_hz,
        "trace_npts": trace.samples.shape[1],
        "trace_component_order": "".join(COMPONENTS),
        "trace_components": trace.components,
        "trace_channel": trace.channel,
        "trace_coverage": trace.coverage,
        "trace_P_arrival_sample": p_sample,
        "trace_snr_db": span.snr_db,
        "trace_dataset": span.source,
        "trace_file": span.path.name,
        "station_network_code": network,
        "station_code": station,
        "station_location_code": location,
        "source_id": span.group,
        "split": _SPLITS.get(span.split or ""),
        **{f"trace_soft_{name}": round(p, 6) for name, p in span.soft},
    }


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    """The table of metadata; columns that no row has a value for are left out."""
    soft = sorted({name for row in rows for name in row if name.startswith("trace_soft_")})
    names = [n for n in (*_COLUMNS, *soft) if any(row.get(n) not in (None, "") for row in rows)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow(["" if row.get(name) is None else row[name] for name in names])
    return text.getvalue()
