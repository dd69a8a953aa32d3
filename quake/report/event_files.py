"""Read the files of events of a store."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quake.events import Arrival, Event
from quake.events.event import parse_channel_set
from quake.report.calendar import check_date
from quake.report.totals import FirstOf
from quake.waveforms.times import format_time, parse_time

_SUFFIXES = (".parquet", ".jsonl", ".csv")  # the quickest to read first
_NS_PER_US = 1000
_COUNTED = ("label", "channel_sets", "onset")
_TUPLES = ("flags", "windows")


@dataclass(frozen=True)
class EventFile:
    """Events of a day.

    Attributes
    ----------
    date : str
        UTC.
    path : Path
    """

    date: str
    path: Path

    def rows(self) -> Iterator[tuple[str, list[str], str]]:
        """Label, channel sets and onset of each event.

        Raises
        ------
        Exception
            Of any kind, if the file is damaged: pyarrow has a class of its own for each.
        """
        check_date(self.date)
        for row in _rows(self.path, _COUNTED):
            names = _channel_sets(row["channel_sets"])
            yield str(row["label"]), names, format_time(parse_time(_text(row["onset"])))

    def events(self) -> Iterator[Event]:
        """All that is known of each event; raises as `rows` does."""
        check_date(self.date)
        for row in _rows(self.path, ("label", "arrivals")):
            arrivals = row["arrivals"]
            values = json.loads(arrivals) if isinstance(arrivals, str) else arrivals
            yield Event(str(row["label"]), tuple(map(_arrival, values)))


def event_files(root: Path) -> list[EventFile]:
    """Files of a store, one a day, by date; QuakeML alone is for other programs."""
    found = []
    for folder in sorted((root / "events").glob("date=*")):
        path = next((p for s in _SUFFIXES if (p := folder / f"events{s}").is_file()), None)
        if path is not None:
            found.append(EventFile(folder.name.removeprefix("date="), path))
    return found


def read_last_events(root: Path, number: int, unreadable: FirstOf) -> list[Event]:
    """Read the last events of a store, by onset.

    Parameters
    ----------
    root : Path
    number : int
        How many are wanted.
    unreadable : FirstOf
        Told of files that cannot be read.
    """
    found: list[Event] = []
    for file in reversed(event_files(root)):
        if len(found) >= number:
            break
        try:
            found += list(file.events())
        except Exception as error:  # as `EventFile.rows`
            unreadable.add(damage_of(file.path, error))
    found.sort(key=lambda event: (event.arrivals[0].onset_ns, event.id))
    return found[len(found) - min(number, len(found)) :]


def damage_of(path: Path, error: Exception) -> str:
    """Say what is wrong with a file, and what to do."""
    return (
        f"{path}: holds no events that quake wrote ({type(error).__name__}: {error}); "
        "remove the file, and run the same command again"
    )


def _rows(path: Path, names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".parquet":
        from pyarrow import parquet

        with path.open("rb") as file:
            table = parquet.ParquetFile(file).read(columns=list(names), use_threads=False)
        if "onset" in names:
            table = table.set_column(
                table.column_names.index("onset"), "onset", table["onset"].cast("int64")
            )
        yield from table.to_pylist()
    elif path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    else:
        text = io.StringIO(path.read_text(encoding="utf-8"), newline="")
        for row in csv.DictReader(text):
            yield {**row, "channel_sets": row["channel_sets"].split(";")}


def _text(onset: object) -> str:
    """A time as text; Parquet has microseconds."""
    return format_time(onset * _NS_PER_US) if isinstance(onset, int) else str(onset)


def _channel_sets(found: object) -> list[str]:
    if not isinstance(found, list):
        raise ValueError(f"channel sets {found!r}, a list was expected")
    names = [str(name) for name in found]
    for name in names:
        parse_channel_set(name)
    return names


def _arrival(values: Mapping[str, Any]) -> Arrival:
    return Arrival(**{**values, **{name: tuple(values[name]) for name in _TUPLES}})
