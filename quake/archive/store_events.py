"""Events of a store: its windows in, one file of events a day out.

All events follow from the hits of all station-days, which are kept, so that windows are read once.
"""

from __future__ import annotations

import io
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from quake.archive.journal import DayEntry, DayKey
from quake.archive.layout import day_of_date, events_folder
from quake.archive.station_work import write_whole
from quake.archive.store import Store
from quake.data.waveform import ChannelSetId
from quake.errors import OutputError, ParameterError
from quake.events import Event, EventOptions, find_events
from quake.inference.records import WindowRecord
from quake.output.events import write_events
from quake.output.windows import READABLE, read_windows

logger = logging.getLogger(__name__)

Hit = tuple[str, str, str, float, str]  # label, start, end, probability, model

SUFFIXES = {"parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl", "quakeml": ".quakeml"}


def write_store_events(store: Store, options: EventOptions, formats: Sequence[str]) -> int:
    """Bring the events of a store up to date with its windows.

    Files that would be the same are left as they are. Formats that are there already are written
    too, or they would tell of other events than those beside them.

    Parameters
    ----------
    store : Store
        Open.
    options : EventOptions
    formats : of `SUFFIXES`

    Returns
    -------
    int
        Number of events in the store.

    Raises
    ------
    OutputError
        If they cannot be written.
    WaveformError
        If windows cannot be read back.
    """
    hits = _hits(store, options)
    events = find_events(_records(hits), options)
    by_date: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_date[event.start[:10]].append(event)
    formats = sorted({*formats, *_formats_there(store)})
    dates = {date for _, date in hits} | set(by_date)
    try:
        _write_hits(store, options, hits)
        for date in sorted(dates):
            for name in formats:
                _write_day(store, date, name, by_date[date])
        _remove_outdated(store, dates)
    except OSError as error:
        raise OutputError(
            f"{error.filename or store.root}: {error.strerror or error}; windows are complete, "
            "events are not; make room and run the same command again"
        ) from error
    return len(events)


def _formats_there(store: Store) -> Iterator[str]:
    for name, suffix in SUFFIXES.items():
        if next((store.root / "events").glob(f"date=*/events{suffix}"), None) is not None:
            yield name


def _hits(store: Store, options: EventOptions) -> dict[DayKey, tuple[str, list[Hit]]]:
    """Windows above their thresholds, of each station-day with the digest of its inputs."""
    known = _read_hits(_hits_file(store), options)
    found = {}
    for key, entry in store.journal.days.items():
        if not sum(entry.windows.values()):
            continue
        before = known.get(key)
        if _is_gone(store, entry):
            logger.warning("%s on %s: its windows are gone; no events of it", entry.id, entry.date)
        elif before is not None and before[0] == entry.inputs:
            found[key] = before
        else:
            found[key] = (entry.inputs, list(_hits_of(store, entry, options)))
    return found


def _hits_of(store: Store, entry: DayEntry, options: EventOptions) -> Iterator[Hit]:
    name = next((name for name in READABLE if name in entry.outputs), None)
    if name is None:
        raise ParameterError(
            f"--events: {entry.id} on {entry.date} is there as {', '.join(entry.outputs)} alone, "
            f"which tells too little; add --format {READABLE[0]}"
        )
    path = store.path_of(entry, name)
    for record in read_windows(path):
        if record.label is None or record.label not in options.thresholds:
            continue
        probability = record.probabilities[record.label]
        if probability >= options.thresholds[record.label]:
            yield record.label, record.start, record.end, probability, record.model


def _is_gone(store: Store, entry: DayEntry) -> bool:
    """Whether somebody has removed the windows of a station-day that is not done again."""
    return not any(store.path_of(entry, name).is_file() for name in entry.outputs)


def _records(hits: Mapping[DayKey, tuple[str, list[Hit]]]) -> Iterator[WindowRecord]:
    """Hits as windows, by channel set and time."""
    for key in sorted(hits):
        for label, start, end, probability, model in hits[key][1]:
            yield WindowRecord(
                id=str(key[0]),
                start=start,
                end=end,
                label=label,
                status="ok",
                probabilities={label: probability},
                coverage=1.0,
                components="",
                sampling_rate_hz=0.0,
                flags=(),
                model=model,
            )


def _write_day(store: Store, date: str, name: str, events: Sequence[Event]) -> None:
    file = io.BytesIO()
    # Without the time of writing: the same windows give the same file.
    write_events(file, name, events, dated=False)
    path = events_folder(store.root, day_of_date(date)) / f"events{SUFFIXES[name]}"
    if not path.is_file() or path.read_bytes() != file.getvalue():
        write_whole(path, file.getvalue(), store.temporary)


def _remove_outdated(store: Store, dates: Iterable[str]) -> None:
    """Days of which nothing is left in the journal, as after it was lost."""
    kept = {events_folder(store.root, day_of_date(date)) for date in dates}
    for folder in (store.root / "events").glob("date=*"):
        if folder not in kept:
            for suffix in SUFFIXES.values():
                (folder / f"events{suffix}").unlink(missing_ok=True)


def _hits_file(store: Store) -> Path:
    return store.folder / "hits.jsonl"


def _head(options: EventOptions) -> dict[str, Any]:
    return {"thresholds": dict(sorted(options.thresholds.items()))}


def _read_hits(path: Path, options: EventOptions) -> dict[DayKey, tuple[str, list[Hit]]]:
    """Hits of an earlier run; none if they are of other thresholds, or damaged."""
    try:
        with path.open(encoding="utf-8") as file:
            if json.loads(next(file)) != _head(options):
                return {}
            return dict(map(_parse, file))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        logger.warning("%s: cannot be read (%s); all windows are read again", path, error)
        return {}


def _parse(line: str) -> tuple[DayKey, tuple[str, list[Hit]]]:
    values = json.loads(line)
    hits = [(str(a), str(b), str(c), float(p), str(m)) for a, b, c, p, m in values["hits"]]
    return (ChannelSetId(*values["id"]), values["date"]), (values["inputs"], hits)


def _write_hits(
    store: Store, options: EventOptions, hits: Mapping[DayKey, tuple[str, list[Hit]]]
) -> None:
    lines = [json.dumps(_head(options))]
    for key in sorted(hits):
        id_ = key[0]
        values = {
            "id": [id_.network, id_.station, id_.location, id_.band_instrument],
            "date": key[1],
            "inputs": hits[key][0],
            "hits": hits[key][1],
        }
        lines.append(json.dumps(values, separators=(",", ":")))
    content = "".join(f"{line}\n" for line in lines).encode()
    path = _hits_file(store)
    if not path.is_file() or path.read_bytes() != content:
        write_whole(path, content, store.temporary)
