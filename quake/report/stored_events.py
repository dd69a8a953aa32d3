"""Read the events of a store day by day, and count them."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from quake.events.event import parse_channel_set
from quake.report.calendar import check_date
from quake.report.totals import FirstOf

Station = tuple[str, str]  # network and station code

_SUFFIXES = (".parquet", ".jsonl", ".csv")  # the quickest to read first


@dataclass
class StoredEvents:
    """Events, counted.

    Attributes
    ----------
    are_there : bool
        Whether the store has events that can be read; QuakeML alone is for other programs.
    total : int
    by_label : Counter
    by_station_day : Counter of (station, date)
        An event of several stations counts at each of them, on the UTC date of its start.
    unreadable : FirstOf
        What is wrong with files that could not be read.
    """

    are_there: bool = False
    total: int = 0
    by_label: Counter[str] = field(default_factory=Counter)
    by_station_day: Counter[tuple[Station, str]] = field(default_factory=Counter)
    unreadable: FirstOf = field(default_factory=FirstOf)

    def add(self, date: str, label: str, channel_sets: Iterable[str]) -> None:
        """Count one event."""
        self.total += 1
        self.by_label[label] += 1
        keys = map(parse_channel_set, channel_sets)
        for station in {(key.network, key.station) for key in keys}:
            self.by_station_day[station, date] += 1


def count_events(root: Path) -> StoredEvents:
    """Count the events of a store; files that cannot be read are told, and the others go on."""
    events = StoredEvents()
    for folder in sorted((root / "events").glob("date=*")):
        date = folder.name.removeprefix("date=")
        path = next((p for s in _SUFFIXES if (p := folder / f"events{s}").is_file()), None)
        if path is None:
            continue
        events.are_there = True
        try:
            check_date(date)
            rows = list(_rows(path))
        except Exception as error:  # pyarrow has a class of its own for each kind of damage
            events.unreadable.add(
                f"{path}: holds no events that quake wrote ({type(error).__name__}: {error}); "
                "remove the file, and run the same command again"
            )
            continue
        for label, channel_sets in rows:
            events.add(date, label, channel_sets)
    return events


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Label and channel sets of each event of a file."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        with path.open("rb") as file:
            table = parquet.ParquetFile(file).read(columns=["label", "channel_sets"])
        yield from map(_checked, table.to_pylist())
    elif path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as lines:
            yield from (_checked(json.loads(line)) for line in lines)
    else:
        text = io.StringIO(path.read_text(encoding="utf-8"), newline="")
        for row in csv.DictReader(text):
            yield _checked({**row, "channel_sets": row["channel_sets"].split(";")})


def _checked(row: Mapping[str, object]) -> tuple[str, list[str]]:
    channel_sets = row["channel_sets"]
    if not isinstance(channel_sets, list):
        raise ValueError(f"channel sets {channel_sets!r}, a list was expected")
    names = [str(name) for name in channel_sets]
    for name in names:
        parse_channel_set(name)
    return str(row["label"]), names
