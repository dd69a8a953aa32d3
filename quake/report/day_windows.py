"""Read the windows of a station-day from a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.errors import WaveformError
from quake.inference.coverage import SCORED
from quake.inference.records import WindowRecord
from quake.output.windows import READABLE, read_windows
from quake.store.entries import DayEntry
from quake.store.layout import day_of_date, windows_file
from quake.waveforms.times import format_time, parse_time

_NS_PER_US = 1000


@dataclass(frozen=True)
class DayWindows:
    """Windows of one channel set, those of one day.

    Attributes
    ----------
    starts_ns, ends_ns : array of shape (N,)
        ns since the epoch.
    labels, statuses : array of shape (N,)
        Of texts; a label is None where there are no probabilities.
    probabilities : array of shape (N, C)
        In the order of the classes; NaN where there are none.
    record : callable
        Gives one of them, by its number, with all that is known of it.
    """

    starts_ns: NDArray[np.int64]
    ends_ns: NDArray[np.int64]
    labels: NDArray[np.object_]
    statuses: NDArray[np.object_]
    probabilities: NDArray[np.float64]
    record: Callable[[int], WindowRecord]

    def __len__(self) -> int:
        return len(self.starts_ns)

    @property
    def is_scored(self) -> NDArray[np.bool_]:
        """Whether there are probabilities that one can compare, shape (N,)."""
        finite = np.isfinite(self.probabilities).all(axis=1)
        return np.isin(self.statuses, SCORED) & finite


def find_windows(root: Path, entry: DayEntry) -> Path | None:
    """File of a station-day that is the quickest to read; None if none is there."""
    day_ns = day_of_date(entry.date)
    try:
        paths = (windows_file(root, entry.id, day_ns, n) for n in READABLE if n in entry.outputs)
        return next((path for path in paths if path.is_file()), None)
    except (OSError, ValueError):  # codes that cannot be part of a path
        return None


def read_day(path: Path, classes: Sequence[str]) -> DayWindows:
    """Read the windows of a station-day.

    Parameters
    ----------
    path : file of a format of `quake.output.windows.READABLE`
    classes : names, in the order of the columns of `probabilities`

    Raises
    ------
    WaveformError
        If it cannot be read, or is something else.
    """
    if path.suffix != ".parquet":
        return _of_records(read_windows(path), classes)
    try:
        return _of_parquet(path, classes)
    except Exception as error:  # pyarrow has a class of its own for each kind of damage
        raise WaveformError(
            f"{path}: holds no windows that quake wrote ({type(error).__name__}: {error}); remove "
            "the file, and run the same command again"
        ) from error


def _of_parquet(path: Path, classes: Sequence[str]) -> DayWindows:
    from pyarrow import parquet

    with path.open("rb") as file:
        table = parquet.ParquetFile(file).read(use_threads=False)
    columns = [table[f"p_{name}"].cast("float64").to_numpy() for name in classes]
    return DayWindows(
        starts_ns=table["start"].cast("int64").to_numpy() * _NS_PER_US,
        ends_ns=table["end"].cast("int64").to_numpy() * _NS_PER_US,
        labels=table["label"].to_numpy(),
        statuses=table["status"].to_numpy(),
        probabilities=np.stack(columns, axis=1),
        record=lambda number: _record(table.slice(number, 1), classes),
    )


def _record(table: Any, classes: Sequence[str]) -> WindowRecord:
    """One row of a table of pyarrow."""
    times = [table[name].cast("int64")[0].as_py() * _NS_PER_US for name in ("start", "end")]
    row = table.drop_columns(["start", "end"]).to_pylist()[0]
    return WindowRecord(
        id=row["id"],
        start=format_time(times[0]),
        end=format_time(times[1]),
        label=row["label"],
        status=row["status"],
        probabilities={name: row[f"p_{name}"] for name in classes if row[f"p_{name}"] is not None},
        coverage=row["coverage"],
        components=row["components"],
        sampling_rate_hz=row["sampling_rate_hz"],
        flags=tuple(row["flags"]),
        model=row["model"],
    )


def _of_records(records: Sequence[WindowRecord], classes: Sequence[str]) -> DayWindows:
    probabilities = [_probabilities(record.probabilities, classes) for record in records]
    return DayWindows(
        np.array([parse_time(record.start) for record in records], dtype=np.int64),
        np.array([parse_time(record.end) for record in records], dtype=np.int64),
        labels=np.array([record.label for record in records], dtype=object),
        statuses=np.array([record.status for record in records], dtype=object),
        probabilities=np.array(probabilities, dtype=float).reshape(-1, len(classes)),
        record=records.__getitem__,
    )


def _probabilities(found: Mapping[str, float], classes: Sequence[str]) -> list[float]:
    return [found.get(name, float("nan")) for name in classes]
