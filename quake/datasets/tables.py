"""Read label tables, CSV or Parquet.

One row says from when to when a record shows what. Rows that make no sense stop everything, since
a table with errors has more of them; rows that say nothing new are left out, by name.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from quake.classes import canonical_label, nearest_known
from quake.datasets.collection import Collection, without_repetitions
from quake.datasets.labels import LabelledSpan
from quake.datasets.seisbench_labels import label_rule
from quake.errors import LabelError, ParameterError
from quake.untrusted import lines_of, refuse_special
from quake.waveforms.readers.mseed import first_line
from quake.waveforms.times import parse_time

_REQUIRED_COLUMNS = ("path", "start", "end")
_OTHER_COLUMNS = (
    "event_id",
    "p_time",
    "network",
    "station",
    "source",
    "snr_db",
    "split",
)
# A column for each class, as in soft_earthquake.
_SOFT = "soft_"
_SOFT_SLACK = 0.01  # of their sum, for rounded numbers
_SURPLUS = ""  # where cells without a column are kept
_DELIMITERS = ",;\t|"  # the first of equals
_BATCH = 10_000  # rows of Parquet that are Python objects at a time
_SPLITS = {
    "": None,
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_SHOWN = 5  # faults in a message
_SHOWN_COLUMNS = 30
_SHOWN_LETTERS = 300  # of a fault
_MOST_ROWS_A_BYTE = 100  # a thousand rows that differ in their times alone take 3 kB

Row = Mapping[str, str]


def read_label_table(
    table: str | Path,
    *,
    label_column: str | None = None,
    label_map: Mapping[str, str] | None = None,
) -> Collection:
    """Read a label table.

    Needed columns: path (relative to the table), start, end (ISO 8601, UTC), label. Used if
    present: event_id, p_time, network, station, source, snr_db, split, and soft labels, which are
    probabilities in a column for each class (soft_earthquake); others are ignored.

    Parameters
    ----------
    table : path
    label_column : str, optional
        Another column than ``label``; ``=earthquake`` says that all rows are earthquakes. Where
        several collections have different ones, the table's name without its suffix stands before,
        as in `quake.datasets.seisbench.read_seisbench`.
    label_map : mapping of label to class, optional
        What labels of the table's own mean.

    Raises
    ------
    LabelError
        If the table is missing, lacks columns, is empty, or has rows that make no sense or
        contradict each other; each such row is named.
    """
    table = Path(table)
    labels = _Labels(label_rule(label_column, table.stem) or "label", label_map or {})
    rows = _parquet_rows if table.suffix.lower() in (".parquet", ".pq") else _csv_rows
    spans = _parse_rows(table, rows(table, (*_REQUIRED_COLUMNS, *labels.columns)), labels)
    kept, excluded = without_repetitions(spans, lambda span: f"{table}, line {span.row}")
    return Collection(table.name, kept, excluded)


class _Labels:
    """Labels of a column, or the same one for all rows; each text is resolved once."""

    def __init__(self, column: str, label_map: Mapping[str, str]) -> None:
        self._constant = column[1:].strip() if column.startswith("=") else None
        if self._constant == "":
            raise LabelError("'=' is followed by no label; expected one as in =earthquake")
        self.columns: tuple[str, ...] = () if self._constant else (column,)
        self._map = label_map
        self._known: dict[str, str] = {}

    def of(self, row: Row) -> str:
        text = self._constant or row.get(self.columns[0], "").strip()
        if not text:
            raise ParameterError(f"{self.columns[0]} is empty")
        if text not in self._known:
            self._known[text] = canonical_label(text, self._map)
        return self._known[text]


def _csv_rows(table: Path, needed: Sequence[str]) -> Iterator[Row]:
    try:
        refuse_special(table)
        with table.open(newline="", encoding="utf-8-sig") as file:
            lines = lines_of(file)
            header = next(lines, "")
            delimiter = max(_DELIMITERS, key=header.count)
            names = next(csv.reader([header], delimiter=delimiter), [])
            names = _spelt_as_here(names, needed)
            _check_columns(table, names, needed)
            for cells in csv.reader(lines, delimiter=delimiter):
                row = dict(zip_longest(names, cells[: len(names)], fillvalue=""))
                yield {**row, _SURPLUS: "".join(cells[len(names) :])}
    except (OSError, UnicodeError, csv.Error) as error:
        raise LabelError(f"{table}: cannot be read as a CSV table ({error})") from error


def _parquet_rows(table: Path, needed: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        refuse_special(table)
        with parquet.ParquetFile(table) as file:
            found = file.schema_arrow.names
            names = _spelt_as_here(found, needed)
            _check_columns(table, names, needed)
            _check_size(table, file.metadata.num_rows)
            wanted = {*needed, *_OTHER_COLUMNS}
            used = {
                theirs: ours
                for theirs, ours in zip(found, names, strict=True)
                if ours in wanted or ours.startswith(_SOFT)
            }
            for batch in file.iter_batches(_BATCH, columns=list(used)):
                for row in batch.to_pylist():
                    yield {used[k]: _text(v) for k, v in row.items()}
    except LabelError:
        raise
    # Of damaged values it raises what Python makes of them: a year 200000, a text in no encoding.
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:
        raise LabelError(
            f"{table}: cannot be read as a Parquet table ({first_line(error)})"
        ) from error


def _spelt_as_here(found: Sequence[str], needed: Sequence[str]) -> list[str]:
    """Names of columns, those that differ in capitals and blanks alone as they are written here."""
    ours = {name.lower(): name for name in (*_OTHER_COLUMNS, *needed)}
    taken = set(found)
    names = []
    for name in found:
        meant = ours.get(name.strip().lower(), name)
        names.append(name if name == meant or meant in taken else meant)
        taken.add(names[-1])
    return names


def _check_size(table: Path, n_rows: int) -> None:
    """Refuse a few bytes that claim to be millions of rows."""
    n_bytes = table.stat().st_size
    if n_rows > _MOST_ROWS_A_BYTE * n_bytes:
        raise LabelError(
            f"{table}: claims {n_rows} rows in {n_bytes} bytes; write the table again, as CSV"
        )


def _text(value: Any) -> str:
    """Text of a cell as a CSV table would have it."""
    if value is None or value != value:  # NaN is not equal to itself
        return ""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(UTC)
        return moment.replace(tzinfo=None).isoformat() + "Z"
    return str(value)


def _check_columns(table: Path, found: Iterable[str], needed: Sequence[str]) -> None:
    found = list(found)
    missing = [c for c in needed if c not in found]
    if missing:
        shown = ", ".join(name[:_SHOWN_COLUMNS] for name in found[:_SHOWN_COLUMNS])
        if found[_SHOWN_COLUMNS:]:
            shown += f" and {len(found) - _SHOWN_COLUMNS} more"
        raise LabelError(
            f"{table}: no column {', '.join(missing)}; found {shown or 'nothing'}; "
            f"expected at least {', '.join(needed)}"
        )


def _parse_rows(table: Path, rows: Iterable[Row], labels: _Labels) -> list[LabelledSpan]:
    spans, faults, line = [], [], 1
    for line, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row.values()):
            continue  # spreadsheets leave blank rows
        try:
            spans.append(_parse_row(table, line, row, labels))
        except ParameterError as error:
            faults.append(f"line {line}: {str(error)[:_SHOWN_LETTERS]}")
    if faults:
        shown = "; ".join(faults[:_SHOWN])
        more = f"; and {len(faults) - _SHOWN} more" if faults[_SHOWN:] else ""
        raise LabelError(f"{table}: {len(faults)} of {line - 1} rows cannot be used: {shown}{more}")
    if not spans:
        raise LabelError(f"{table}: no rows; a label table has one row a labelled span")
    return spans


def _parse_row(table: Path, line: int, row: Row, labels: _Labels) -> LabelledSpan:
    def text(name: str) -> str:
        return row.get(name, "").strip()

    if text(_SURPLUS):
        raise ParameterError("has more cells than the header; is a comma not quoted?")
    for name in _REQUIRED_COLUMNS:
        if not text(name):
            raise ParameterError(f"{name} is empty")
    if "\0" in text("path"):
        raise ParameterError("path has a NUL in it")
    start_ns, end_ns = parse_time(text("start")), parse_time(text("end"))
    if end_ns <= start_ns:
        raise ParameterError(f"ends ({text('end')}) before it starts ({text('start')})")
    return LabelledSpan(
        row=line,
        path=table.parent / text("path"),
        start_ns=start_ns,
        end_ns=end_ns,
        label=labels.of(row),
        group=text("event_id") or text("path"),
        station=f"{text('network')}.{text('station')}",
        source=text("source") or table.stem,
        p_ns=parse_time(text("p_time")) if text("p_time") else None,
        snr_db=_number(text("snr_db")) if text("snr_db") else None,
        split=_split(text("split")),
        soft=_soft(row),
    )


def _soft(row: Row) -> tuple[tuple[str, float], ...]:
    """Probabilities of the classes that a row gives some for; they sum to one."""
    cells = {name: text for name, text in row.items() if name.startswith(_SOFT) and text.strip()}
    given = [(canonical_label(name[len(_SOFT) :]), _number(cells[name])) for name in cells]
    if not given:
        return ()
    for name, _ in given:
        meant = nearest_known(name)
        if meant is not None:
            raise ParameterError(f"column {_SOFT}{name}: did you mean {_SOFT}{meant}?")
    if any(p is None or not 0 <= p <= 1 for _, p in given):
        raise ParameterError(f"soft labels are probabilities from 0 to 1, got {cells}")
    total = sum(p for _, p in given if p is not None)
    if abs(total - 1) > _SOFT_SLACK:
        raise ParameterError(f"soft labels sum to {total:.3f}, 1 was expected: {cells}")
    return tuple((name, p / total) for name, p in given if p is not None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError as error:
        raise ParameterError(f"{text!r} is not a number") from error
    return None if math.isnan(value) else value


def _split(text: str) -> str | None:
    if text.lower() not in _SPLITS:
        raise ParameterError(f"split {text!r} is none of train, validation, test")
    return _SPLITS[text.lower()]
