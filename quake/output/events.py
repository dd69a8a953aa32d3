"""Write events as tables, QuakeML or markers; docs/events.md has the fields."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from quake.errors import ParameterError
from quake.events.event import FIELDS, Event
from quake.output.markers import MARKERS
from quake.waveforms.times import parse_time

if TYPE_CHECKING:
    import pyarrow

FORMATS = ("csv", "jsonl", "parquet", "quakeml", "snuffler", "swarm", "audacity")
"""Names that `write_events` knows."""

SUFFIXES: Mapping[str, str] = {
    "parquet": ".parquet",
    "csv": ".csv",
    "jsonl": ".jsonl",
    "quakeml": ".quakeml",
    "snuffler": ".markers",
    "swarm": ".swarm.csv",
    "audacity": ".labels.txt",
}
"""Of files in a result store, by format."""

_TIMES = ("onset", "end", "s_onset")
_LISTS = ("flags", "windows", "channel_sets")


def write_events(
    file: BinaryIO,
    name: str,
    events: Sequence[Event],
    *,
    classes: Sequence[str] | None = None,
    created_ns: int | None = None,
    dated: bool = True,
) -> None:
    """Write events in one format. The same events give the same bytes.

    Parameters
    ----------
    file : binary file
        Stays open.
    name : one of `FORMATS`
    events : sequence of Event
        In the order in which they are written.
    classes : names, optional
        In the order of their columns ``p_<class>`` in CSV and Parquet; by default those that the
        events have, sorted.
    created_ns, dated : int and bool, optional
        Time of creation in QuakeML, which differs from run to run by default; see
        `quake.output.quakeml.write_quakeml`. The other formats have none.

    Raises
    ------
    ParameterError
        If there is no such format.
    """
    if name == "csv":
        _write_csv(file, events, _classes(events, classes))
    elif name == "jsonl":
        _write_json_lines(file, events)
    elif name == "parquet":
        _write_parquet(file, events, _classes(events, classes))
    elif name == "quakeml":
        from quake.output.quakeml import write_quakeml

        write_quakeml(file, events, created_ns=created_ns, dated=dated)
    elif name in MARKERS:
        file.write(MARKERS[name](events).encode("utf-8"))
    else:
        raise ParameterError(
            f"events cannot be written as {name!r}; known formats are {', '.join(FORMATS)}"
        )


def columns(classes: Sequence[str]) -> list[str]:
    """Names of the columns in CSV and Parquet: `FIELDS`, with one column a class."""
    names: list[str] = []
    for name in FIELDS:
        names += [f"p_{label}" for label in classes] if name == "probabilities" else [name]
    return names


def event_schema(classes: Sequence[str]) -> pyarrow.Schema:
    """Schema of the Parquet files.

    Parameters
    ----------
    classes : names, in the order of the model; each has a column ``p_<class>``
    """
    import pyarrow as pa

    types = {
        **dict.fromkeys(columns(classes), pa.float64()),
        **dict.fromkeys(("id", "label", "model", "arrivals"), pa.string()),
        **dict.fromkeys(_TIMES, pa.timestamp("us", tz="UTC")),
        **dict.fromkeys(_LISTS, pa.list_(pa.string())),
    }
    return pa.schema([(name, types[name]) for name in columns(classes)])


def _classes(events: Sequence[Event], classes: Sequence[str] | None) -> Sequence[str]:
    if classes is not None:
        return classes
    return sorted({name for event in events for name in event.probabilities})


def _row(event: Event) -> dict[str, Any]:
    """What an event has in the columns; its arrivals are the text of JSON."""
    row = event.to_dict()
    probabilities = {f"p_{name}": p for name, p in row.pop("probabilities").items()}
    return {**row, **probabilities, "arrivals": json.dumps(row["arrivals"], allow_nan=False)}


def _write_csv(file: BinaryIO, events: Sequence[Event], classes: Sequence[str]) -> None:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    names = columns(classes)
    rows.writerow(names)
    for event in events:
        row = _row(event)
        row.update({name: ";".join(row[name]) for name in _LISTS})
        rows.writerow("" if row.get(name) is None else row[name] for name in names)
    file.write(text.getvalue().encode("utf-8"))


def _write_json_lines(file: BinaryIO, events: Sequence[Event]) -> None:
    for event in events:
        file.write(json.dumps(event.to_dict(), allow_nan=False).encode("utf-8") + b"\n")


def events_table(events: Sequence[Event], classes: Sequence[str]) -> pyarrow.Table:
    """Events as an Arrow table, one row an event, with the columns of `event_schema`.

    Parameters
    ----------
    events : sequence of Event
    classes : names, in the order of their columns
    """
    import pyarrow as pa

    rows = [_row(event) for event in events]
    table = {n: [_parquet_value(n, row.get(n)) for row in rows] for n in columns(classes)}
    return pa.table(table, schema=event_schema(classes))


def _write_parquet(file: BinaryIO, events: Sequence[Event], classes: Sequence[str]) -> None:
    import pyarrow.parquet as pq

    pq.write_table(events_table(events, classes), file, compression="zstd")


def _parquet_value(name: str, value: Any) -> Any:
    """Times as microseconds since the epoch, which is all the decimals that the texts have."""
    return parse_time(value) // 1000 if name in _TIMES and value is not None else value
