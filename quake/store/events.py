"""Write the events of a store, one file a day, from the onsets of its station-days.

Onsets are stored beside the windows and do not depend on thresholds, so that events can be made of
them again, with other options, in seconds and without waveforms.
"""

from __future__ import annotations

import io
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from quake.errors import OutputError, WaveformError
from quake.events import Event, EventOptions, Onset
from quake.events.onset import onsets_of_bytes
from quake.events.station_count import counting_stations
from quake.events.station_facts import StationFacts
from quake.files import write_whole
from quake.output.events import SUFFIXES, write_events
from quake.store.entries import DayEntry
from quake.store.layout import ONSETS, date_of, day_of_date, events_folder
from quake.store.result_store import Store
from quake.windows.station_days import DAY_NS

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
    facts = facts or StationFacts()
    by_date = _events_by_date(counting_stations(_onsets(store), options), options, facts)
    dates = {entry.date for entry in store.journal.days.entries() if ONSETS in entry.outputs}
    formats = sorted({*formats, *_formats_there(store)})
    dates |= set(by_date)
    try:
        for date in sorted(dates):
            for name in formats:
                _write_day(store, date, name, by_date[date], facts)
        _remove_outdated(store, dates)
    except OSError as error:
        raise _not_written(store, error) from error
    return sum(len(events) for events in by_date.values())


def write_days_events(
    store: Store,
    dates: Sequence[str],
    options: EventOptions,
    formats: Sequence[str],
    facts: StationFacts | None = None,
) -> None:
    """Bring the events of some days up to date, of the onsets of these and of their neighbours.

    Parameters
    ----------
    store : Store
        Open.
    dates : UTC dates, as in ``2020-05-02``
    options, formats, facts : as of `write_store_events`

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    facts = facts or StationFacts()
    near = {date_of(day_of_date(date) + days * DAY_NS) for date in dates for days in (-1, 0, 1)}
    by_date = _events_by_date(_onsets(store, near), options, facts)
    there = {entry.date for entry in store.journal.days.entries() if ONSETS in entry.outputs}
    names = sorted({*formats, *_formats_there(store)})
    try:
        for date in dates:
            if date in there or by_date[date]:
                for name in names:
                    _write_day(store, date, name, by_date[date], facts)
    except OSError as error:
        raise _not_written(store, error) from error


def _events_by_date(
    onsets: Iterable[Onset], options: EventOptions, facts: StationFacts
) -> dict[str, list[Event]]:
    by_date: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events(onsets, options):
        by_date[event.onset[:10]].append(event)
    return by_date


def _not_written(store: Store, error: OSError) -> OutputError:
    return OutputError(
        f"{error.filename or store.root}: {error.strerror or error}; windows are complete, "
        "events are not; make room and run the same command again"
    )


def station_days_without_onsets(store: Store) -> int:
    """How many station-days have windows, and no onsets that events could be made of."""
    return sum(
        1
        for entry in store.journal.days.entries()
        if sum(entry.windows.values()) and ONSETS not in entry.outputs
    )


def _onsets(store: Store, dates: Collection[str] | None = None) -> Iterator[Onset]:
    """Onsets of all days, or of some."""
    for entry in store.journal.days.entries():
        if ONSETS in entry.outputs and (dates is None or entry.date in dates):
            yield from onsets_of_day(store, entry)


def onsets_of_day(store: Store, entry: DayEntry) -> Iterator[Onset]:
    """Read the onsets of a station-day.

    Raises
    ------
    WaveformError
        If the file holds something else.
    """
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


def _write_day(
    store: Store, date: str, name: str, events: Sequence[Event], facts: StationFacts
) -> None:
    file = io.BytesIO()
    # Without the time of writing: the same onsets give the same file.
    classes = store.fingerprint["classes"]
    write_events(file, name, events, classes=classes, dated=False, sites=facts.sites)
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
