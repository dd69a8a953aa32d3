"""Write window records as Arrow tables or Parquet, and read them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from quake.inference.records import WindowRecord
from quake.waveforms.times import format_time, parse_time

if TYPE_CHECKING:
    import pyarrow

SCHEMA_VERSION = 1
"""Raised when a column changes its name, type or meaning; in the file as ``quake_schema``."""

# A day has 2,880 windows at a step of 30 s.
_ROWS_IN_A_GROUP = 8192

_NS_PER_US = 1000


def schema(classes: Sequence[str]) -> pyarrow.Schema:
    """Columns and their types, in order; docs/output.md says what they mean.

    Parameters
    ----------
    classes : names, in the order of the model; each has a column ``p_<class>``
    """
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    columns = [
        pa.field("id", pa.string(), nullable=False),
        pa.field("start", time, nullable=False),
        pa.field("end", time, nullable=False),
        pa.field("label", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        *(pa.field(f"p_{name}", pa.float64()) for name in classes),
        pa.field("coverage", pa.float64(), nullable=False),
        pa.field("components", pa.string(), nullable=False),
        pa.field("sampling_rate_hz", pa.float64(), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
        pa.field("model", pa.string(), nullable=False),
    ]
    return pa.schema(columns, metadata={"quake_schema": str(SCHEMA_VERSION)})


class ParquetWriter:
    """Writes a group of rows at a time.

    Parameters
    ----------
    file : binary file
    classes : names, in the order of the columns
    """

    def __init__(self, file: BinaryIO, classes: Sequence[str]) -> None:
        from pyarrow import parquet

        self.classes = classes
        self._writer = parquet.ParquetWriter(file, schema(classes), compression="zstd")
        self._waiting: list[WindowRecord] = []

    def write(self, record: WindowRecord) -> None:
        """Take one record."""
        self._waiting.append(record)
        if len(self._waiting) == _ROWS_IN_A_GROUP:
            self._write_group()

    def close(self) -> None:
        """Write what is still missing, and the end of the file."""
        if self._waiting:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        self._writer.write_table(windows_table(self._waiting, self.classes))
        self._waiting = []


def windows_table(records: Sequence[WindowRecord], classes: Sequence[str]) -> pyarrow.Table:
    """Window records as an Arrow table, one row a window, with the columns of `schema`.

    Parameters
    ----------
    records : sequence of WindowRecord
    classes : names, in the order of the columns
    """
    import pyarrow as pa

    rows = [_row(record, classes) for record in records]
    return pa.Table.from_pylist(rows, schema=schema(classes))


def read_windows(file: BinaryIO) -> list[WindowRecord]:
    """Read back what `ParquetWriter` wrote.

    Raises
    ------
    pyarrow.ArrowException
        If it is no Parquet file, or a damaged one.
    KeyError
        If a column is missing.
    """
    from pyarrow import parquet

    table = parquet.ParquetFile(file).read()
    times = {name: table[name].cast("int64").to_pylist() for name in ("start", "end")}
    rows = table.drop_columns(["start", "end"]).to_pylist()
    return [
        _record(row, format_time(start * _NS_PER_US), format_time(end * _NS_PER_US))
        for row, start, end in zip(rows, times["start"], times["end"], strict=True)
    ]


def _row(record: WindowRecord, classes: Sequence[str]) -> dict[str, Any]:
    return {
        "id": record.id,
        "start": parse_time(record.start) // _NS_PER_US,
        "end": parse_time(record.end) // _NS_PER_US,
        "label": record.label,
        "status": record.status,
        **{f"p_{name}": record.probabilities.get(name) for name in classes},
        "coverage": record.coverage,
        "components": record.components,
        "sampling_rate_hz": record.sampling_rate_hz,
        "flags": list(record.flags),
        "model": record.model,
    }


def _record(row: dict[str, Any], start: str, end: str) -> WindowRecord:
    probabilities = {k[2:]: v for k, v in row.items() if k.startswith("p_") and v is not None}
    return WindowRecord(
        id=row["id"],
        start=start,
        end=end,
        label=row["label"],
        status=row["status"],
        probabilities=probabilities,
        coverage=row["coverage"],
        components=row["components"],
        sampling_rate_hz=row["sampling_rate_hz"],
        flags=tuple(row["flags"]),
        model=row["model"],
    )
