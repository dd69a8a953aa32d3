"""List the formats of window records, and find the writer and reader of each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

from quake.errors import WaveformError
from quake.inference.records import WindowRecord
from quake.output.text import CsvWriter, JsonLinesWriter

SUFFIXES: Mapping[str, str] = {
    "parquet": ".parquet",
    "csv": ".csv",
    "jsonl": ".jsonl",
    "mseed": ".mseed",
}

READABLE = ("parquet", "jsonl", "csv")
"""Formats that hold all of a record, the quickest to read first."""


class Writer(Protocol):
    """Takes one window record after the other."""

    def write(self, record: WindowRecord) -> None:
        """Write one record."""

    def close(self) -> None:
        """Write what is still missing; the file stays open."""


class MiniSeedWriter:
    """Probabilities as traces, written whenever a channel set or a day ends.

    Parameters
    ----------
    file : binary file
    classes : names, in the order of the model
    hop_ns : int
        Step of the windows' grid.
    """

    def __init__(self, file: BinaryIO, classes: Sequence[str], hop_ns: int) -> None:
        self.file, self.classes, self.hop_ns = file, classes, hop_ns
        self._waiting: list[WindowRecord] = []

    def write(self, record: WindowRecord) -> None:
        """Take one record."""
        if self._waiting and _day(record) != _day(self._waiting[0]):
            self.close()
        self._waiting.append(record)

    def close(self) -> None:
        """Write what is still missing."""
        from quake.output.mseed_traces import write_probability_traces

        write_probability_traces(self.file, self._waiting, self.classes, self.hop_ns)
        self._waiting = []


def open_writer(name: str, file: BinaryIO, classes: Sequence[str], hop_ns: int) -> Writer:
    """Writer of a format.

    Parameters
    ----------
    name : one of `SUFFIXES`
    file : binary file
    classes : names, in the order of the model
    hop_ns : int
        Step of the windows' grid.
    """
    if name == "parquet":
        from quake.output.parquet import ParquetWriter

        return ParquetWriter(file, classes)
    if name == "mseed":
        return MiniSeedWriter(file, classes, hop_ns)
    text = as_text(file)
    return CsvWriter(text, classes) if name == "csv" else JsonLinesWriter(text)


def windows_as_bytes(
    name: str, records: Sequence[WindowRecord], classes: Sequence[str], hop_ns: int
) -> bytes:
    """A whole file of window records; the same bytes for the same records."""
    file = io.BytesIO()
    writer = open_writer(name, file, classes, hop_ns)
    for record in records:
        writer.write(record)
    writer.close()
    return file.getvalue()


def read_windows(path: Path) -> list[WindowRecord]:
    """Read a file that a writer of `READABLE` wrote, whatever quake version that was.

    Raises
    ------
    WaveformError
        If it cannot be read, or is something else.
    """
    readers: Mapping[str, Callable[[BinaryIO], list[WindowRecord]]] = {
        ".parquet": _read_parquet,
        ".jsonl": _read_json_lines,
        ".csv": _read_csv,
    }
    try:
        with path.open("rb") as file:
            return readers[path.suffix](file)
    except Exception as error:  # pyarrow has a class of its own for each kind of damage
        raise WaveformError(
            f"{path}: holds no windows that quake wrote ({type(error).__name__}: {error}); remove "
            "the file, and run the same command again"
        ) from error


def as_text(file: BinaryIO) -> TextIO:
    """A binary file as one of UTF-8 text, whatever the locale is; it stays open."""
    return _Text(file)


class _Text(io.TextIOWrapper):
    """UTF-8 text that leaves its binary file open when it goes."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8", newline="", write_through=True)

    def __del__(self) -> None:
        # The binary file may be closed by now, or what it writes to.
        with suppress(ValueError, OSError):
            if not self.closed:
                self.detach()


def _day(record: WindowRecord) -> tuple[str, str]:
    return record.id, record.start[:10]


def _read_parquet(file: BinaryIO) -> list[WindowRecord]:
    from quake.output.parquet import read_windows

    return read_windows(file)


def _read_json_lines(file: BinaryIO) -> list[WindowRecord]:
    records = []
    for line in file:
        values = json.loads(line)
        records.append(WindowRecord(**{**values, "flags": tuple(values["flags"])}))
    return records


def _read_csv(file: BinaryIO) -> list[WindowRecord]:
    rows = csv.DictReader(io.StringIO(file.read().decode("utf-8"), newline=""))
    if "status" not in (rows.fieldnames or ()):
        raise ValueError("a header with the columns of docs/output.md was expected")
    return [_of_cells(row) for row in rows]


def _of_cells(row: Mapping[str, str]) -> WindowRecord:
    return WindowRecord(
        id=row["id"],
        start=row["start"],
        end=row["end"],
        label=row["label"] or None,
        status=row["status"],
        probabilities={k[2:]: float(v) for k, v in row.items() if k.startswith("p_") and v},
        coverage=float(row["coverage"]),
        components=row["components"],
        sampling_rate_hz=float(row["sampling_rate_hz"]),
        flags=tuple(filter(None, row["flags"].split(";"))),
        model=row["model"],
    )
