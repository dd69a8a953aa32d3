"""Label tables: a CSV or Parquet file goes in, a `Collection` comes out.

One row says from when to when a record shows what. Rows that make no sense stop everything, since
a table with errors has more of them; rows that say nothing new are left out, by name.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from quake.data.collection import Collection, Exclusion
from quake.data.labels import LabelledSpan, canonical_label
from quake.data.times import parse_time
from quake.errors import LabelError, ParameterError

_REQUIRED_COLUMNS = ("path", "start", "end", "label")
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

Row = Mapping[str, str]


def read_label_table(table: str | Path) -> Collection:
    """Read a label table.

    Needed columns: path (relative to the table), start, end (ISO 8601, UTC), label. Used if
    present: event_id, p_time, network, station, source, snr_db, split; others are ignored.

    Raises
    ------
    LabelError
        If the table is missing, lacks columns, is empty, or has rows that make no sense or
        contradict each other; each such row is named.
    """
    table = Path(table)
    rows = _parquet_rows(table) if table.suffix.lower() in (".parquet", ".pq") else _csv_rows(table)
    spans = _parse_rows(table, rows)
    kept, excluded = _without_duplicates(table, spans)
    return Collection(table.name, kept, excluded)


def _csv_rows(table: Path) -> list[Row]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _check_columns(table, reader.fieldnames or ())
            return [{k: v or "" for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{table}: cannot be read as a CSV table ({error})") from error


def _parquet_rows(table: Path) -> list[Row]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        columns = parquet.read_table(table)
    except (OSError, pa.ArrowException) as error:
        raise LabelError(f"{table}: cannot be read as a Parquet table ({error})") from error
    _check_columns(table, columns.column_names)
    return [{k: _text(v) for k, v in row.items()} for row in columns.to_pylist()]


def _text(value: Any) -> str:
    """Text of a cell as a CSV table would have it."""
    if value is None or value != value:  # NaN is not equal to itself
        return ""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(UTC)
        return moment.replace(tzinfo=None).isoformat() + "Z"
    return str(value)


def _check_columns(table: Path, found: Iterable[str]) -> None:
    found = list(found)
    missing = [c for c in _REQUIRED_COLUMNS if c not in found]
    if missing:
        raise LabelError(
            f"{table}: no column {', '.join(missing)}; found {', '.join(found) or 'nothing'}; "
            f"expected at least {', '.join(_REQUIRED_COLUMNS)}"
        )


def _parse_rows(table: Path, rows: list[Row]) -> list[LabelledSpan]:
    spans, faults = [], []
    for line, row in enumerate(rows, start=2):
        try:
            spans.append(_parse_row(table, line, row))
        except ParameterError as error:
            faults.append(f"line {line}: {error}")
    if faults:
        shown = "; ".join(faults[:_SHOWN])
        more = f"; and {len(faults) - _SHOWN} more" if faults[_SHOWN:] else ""
        raise LabelError(
            f"{table}: {len(faults)} of {len(rows)} rows cannot be used: {shown}{more}"
        )
    if not spans:
        raise LabelError(f"{table}: no rows; a label table has one row a labelled span")
    return spans


def _parse_row(table: Path, line: int, row: Row) -> LabelledSpan:
    def text(name: str) -> str:
        return row.get(name, "").strip()

    for name in _REQUIRED_COLUMNS:
        if not text(name):
            raise ParameterError(f"{name} is empty")
    start_ns, end_ns = parse_time(text("start")), parse_time(text("end"))
    if end_ns <= start_ns:
        raise ParameterError(f"ends ({text('end')}) before it starts ({text('start')})")
    return LabelledSpan(
        row=line,
        path=table.parent / text("path"),
        start_ns=start_ns,
        end_ns=end_ns,
        label=canonical_label(text("label")),
        group=text("event_id") or text("path"),
        station=f"{text('network')}.{text('station')}",
        source=text("source") or table.stem,
        p_ns=parse_time(text("p_time")) if text("p_time") else None,
        snr_db=_number(text("snr_db")) if text("snr_db") else None,
        split=_split(text("split")),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ParameterError(f"{text!r} is not a number") from error


def _split(text: str) -> str | None:
    if text.lower() not in _SPLITS:
        raise ParameterError(f"split {text!r} is none of train, validation, test")
    return _SPLITS[text.lower()]


def _without_duplicates(
    table: Path, spans: list[LabelledSpan]
) -> tuple[list[LabelledSpan], list[Exclusion]]:
    """Leave out rows that repeat an earlier one; refuse those that contradict one."""
    first: dict[tuple[Any, ...], LabelledSpan] = {}
    excluded, contradictions = [], []
    for span in spans:
        before = first.setdefault((span.path, span.start_ns, span.end_ns, span.station), span)
        if before is span:
            continue
        if before.label == span.label:
            reason = f"repeats line {before.row}"
            excluded.append(Exclusion(f"{table}, line {span.row}", reason))
        else:
            contradictions.append(
                f"lines {before.row} ({before.label}) and {span.row} ({span.label})"
            )
    if contradictions:
        more = f" and {len(contradictions) - _SHOWN} more" if contradictions[_SHOWN:] else ""
        raise LabelError(
            f"{table}: the same stretch of the same record has two labels in "
            f"{'; '.join(contradictions[:_SHOWN])}{more}; leave one of each in the table"
        )
    return list(first.values()), excluded
