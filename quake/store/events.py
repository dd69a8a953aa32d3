"""Write the events of a store, one file a day, from the onsets of its station-days.

Onsets are stored beside the windows and do not depend on thresholds, so that events can be made of
them again, with other options, in seconds and without waveforms.
"""

from __future__ import annotations

import io
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from quake.errors import OutputError, WaveformError
from quake.events import Event, EventOptions, Onset
from quake.events.onset import onsets_of_bytes
from quake.events.station_facts import StationFacts
from quake.files import write_whole
from quake.output.events import SUFFIXES, write_events
from quake.store.entries import DayEntry
from quake.store.layout import ONSETS, day_of_date, events_folder
from quake.store.result_store import Store

logger = logging.getLogger(__name__)


def write_store_events(
    store: Store,
    options: EventOptions,
    formats: Sequence[str],
    facts: StationFacts | None = None,
) -> int:
    """Bring the events of a store up to date with its onsets.

    Files that would be the same are left as they are. Formats that are there already are written
    too, or they would tell of other events than those beside them.

    Parameters
    ----------
    store : Store
        Open.
    options : EventOptions
    formats : of `quake.output.events.SUFFIXES`
    facts : StationFacts, optional
        Where the stations are, and how sensitive.

    Returns
    -------
    int
        Number of events in the store.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    events = (facts or StationFacts()).events(_onsets(store), options)
    by_date: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_date[event.onset[:10]].append(event)
    dates = {entry.date for entry in store.journal.days.entries() if ONSETS in entry.outputs}
    formats = sorted({*formats, *_formats_there(store)})
    dates |= set(by_date)
    try:
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


def station_days_without_onsets(store: Store) -> int:
    """How many station-days have windows, and no onsets that events could be made of."""
    return sum(
        1
        for entry in store.journal.days.entries()
        if sum(entry.windows.values()) and ONSETS not in entry.outputs
    )


def _onsets(store: Store) -> Iterator[Onset]:
    for entry in store.journal.days.entries():
        if ONSETS in entry.outputs:
            yield from _onsets_of(store, entry)


def _onsets_of(store: Store, entry: DayEntry) -> Iterator[Onset]:
    path = store.path_of(entry, ONSETS)
    try:
        yield from onsets_of_bytes(path.read_bytes())
    except FileNotFoundError:
        logger.warning("%s on %s: its onsets are gone; no events of it", entry.id, entry.date)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WaveformError(
            f"{path}: holds no onsets that this version reads ({type(error).__name__}: {error}); "
            "run quake predict --events with the same inputs again, which finds them anew; if the "
            "file is damaged, remove it first"
        ) from error


def _formats_there(store: Store) -> Iterator[str]:
    for name, suffix in SUFFIXES.items():
        if next((store.root / "events").glob(f"date=*/events{suffix}"), None) is not None:
            yield name


def _write_day(store: Store, date: str, name: str, events: Sequence[Event]) -> None:
    file = io.BytesIO()
    # Without the time of writing: the same onsets give the same file.
    write_events(file, name, events, classes=store.fingerprint["classes"], dated=False)
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
