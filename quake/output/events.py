"""Events go in; CSV, JSON lines, Parquet or QuakeML come out; see docs/events.md."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from quake.data.times import parse_time
from quake.errors import ParameterError
from quake.events.event import FIELDS, Event

if TYPE_CHECKING:
    import pyarrow

FORMATS = ("csv", "jsonl", "parquet", "quakeml")
"""Names that `write_events` knows."""

_TIMES = ("start", "end", "peak_time")


def write_events(
    file: BinaryIO,
    name: str,
    events: Sequence[Event],
    *,
    created_ns: int | None = None,
    dated: bool = True,
) -> None:
    """Write events in one format. The same events give the same bytes.

    Parameters
    ----------
    file : binary file
        Stays open.
    name : {"csv", "jsonl", "parquet", "quakeml"}
    events : sequence of Event
        In the order in which they are written.
    created_ns, dated : int and bool, optional
        Time of creation in QuakeML, which differs from run to run by default; see
        `quake.output.quakeml.write_quakeml`. The other formats have none.

    Raises
    ------
    ParameterError
        If there is no such format.
    """
    if name == "csv":
        _write_csv(file, events)
    elif name == "jsonl":
        _write_json_lines(file, events)
    elif name == "parquet":
        _write_parquet(file, events)
    elif name == "quakeml":
        from quake.output.quakeml import write_quakeml

        write_quakeml(file, events, created_ns=created_ns, dated=dated)
    else:
        raise ParameterError(
            f"events cannot be written as {name!r}; known formats are {', '.join(FORMATS)}"
        )


def event_schema() -> pyarrow.Schema:
    """Schema of the Parquet files."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    types = {
        **dict.fromkeys(("id", "label", "model"), pa.string()),
        **dict.fromkeys(_TIMES, instant),
        "peak_probability": pa.float64(),
        "n_windows": pa.int64(),
        "channel_sets": pa.list_(pa.string()),
    }
    return pa.schema([(name, types[name]) for name in FIELDS])


def _write_csv(file: BinaryIO, events: Sequence[Event]) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(FIELDS)
    for event in events:
        row = {**event.to_dict(), "channel_sets": ";".join(event.channel_sets)}
        rows.writerow(row[name] for name in FIELDS)
    file.write(text.getvalue().encode("utf-8"))


def _write_json_lines(file: BinaryIO, events: Sequence[Event]) -> None:
    for event in events:
        file.write(json.dumps(event.to_dict(), allow_nan=False).encode("utf-8") + b"\n")


def _write_parquet(file: BinaryIO, events: Sequence[Event]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [event.to_dict() for event in events]
    columns = {name: [_parquet_value(name, row[name]) for row in rows] for name in FIELDS}
    pq.write_table(pa.table(columns, schema=event_schema()), file, compression="zstd")


def _parquet_value(name: str, value: Any) -> Any:
    """Times as microseconds since the epoch, which is all the decimals that the texts have."""
    return parse_time(value) // 1000 if name in _TIMES else value
