"""Tell of events at the live edge: channel sets with news in, revisions and a store's files out.

Revisions are in the store before they are told, so that a run that was killed neither forgets an
event nor tells of it as of a new one.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from quake.events import Event, EventOptions, parse_channel_set
from quake.events.station_facts import StationFacts
from quake.live.onset_keeper import OnsetKeeper
from quake.live.revisions import EventTracker, Revision
from quake.store.events import write_days_events
from quake.store.layout import date_of
from quake.store.result_store import Store
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.times import NS_PER_S, format_time, parse_time
from quake.windows.station_days import DAY_NS, day_of

logger = logging.getLogger(__name__)

# Onsets so long before what is new can belong to the same event, or decide which ones make one.
_AROUND_NS = 600 * NS_PER_S

# The files of a day are written no more often.
_FILES_EVERY_S = 60.0


@dataclass(frozen=True)
class LiveEventOptions:
    """What makes an event, and what is written of it.

    Attributes
    ----------
    events : EventOptions
    formats : of `quake.output.events.SUFFIXES`
        Of a store's files.
    facts : StationFacts
        What a StationXML says of the stations.
    """

    events: EventOptions
    formats: tuple[str, ...] = ("parquet",)
    facts: StationFacts = field(default_factory=StationFacts)


class LiveEvents:
    """Events of channel sets that are being recorded.

    Parameters
    ----------
    keeper : OnsetKeeper
    store : Store
        Open.
    options : LiveEventOptions
    tell : callable
        Hears of each revision, once it is in the store.
    now_ns : callable
        The clock.
    """

    def __init__(
        self,
        keeper: OnsetKeeper,
        store: Store,
        options: LiveEventOptions,
        tell: Callable[[Revision], None],
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.keeper, self.store, self.options = keeper, store, options
        self._tell, self._now_ns = tell, now_ns
        self._log = RevisionLog(store.root)
        self._tracker = EventTracker(self._log.read())
        self._outdated: set[str] = set()
        self._next_files_s = 0.0

    def update(self, since_ns: int, living: Iterable[ChannelSetId]) -> None:
        """Say what is new of events since a time.

        Parameters
        ----------
        since_ns : int
            Time of the first onset that is new or has changed.
        living : iterable of ChannelSetId
            Channel sets from which something still comes: an event is not complete before them.
        """
        open_ns = [parse_time(r.event.onset) for r in self._tracker.incomplete]
        first_ns = min([since_ns, *open_ns]) - self._apart_ns
        onsets = self.keeper.since(first_ns - _AROUND_NS)
        events = self.options.facts.events(onsets, self.options.events)
        settled_ns = [self.keeper.settled_ns(key) for key in living]
        least_ns = min(settled_ns, default=2**63)
        written = format_time(self._now_ns())
        for revision in self._tracker.update(
            events, first_ns, lambda event: self._is_complete(event, least_ns)
        ):
            told = replace(revision, written=written)
            self._log.add(told)
            self._tell(told)

    def _is_complete(self, event: Event, least_ns: int) -> bool:
        """Whether its onsets are settled, and no other station can join it."""
        settled = all(
            self.keeper.settled_ns(parse_channel_set(a.channel_set)) > a.onset_ns
            for a in event.arrivals
        )
        is_alone = self.options.events.min_stations == 1
        return settled and (is_alone or least_ns > parse_time(event.onset) + self._apart_ns)

    @property
    def _apart_ns(self) -> int:
        """How far apart onsets of one event may be, about."""
        return round(max(self.options.events.within_s, 60.0) * NS_PER_S)

    def outdate(self, days_ns: Iterable[int]) -> None:
        """Take note of days of which onsets have changed; windows reach into the day after."""
        self._outdated |= {date_of(day + more) for day in days_ns for more in (0, DAY_NS)}

    def write_files(self, *, at_once: bool = False) -> None:
        """Bring the store's files of events up to date, where they are not, once a minute.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        if not self._outdated or not (at_once or time.monotonic() >= self._next_files_s):
            return
        options = self.options
        write_days_events(
            self.store,
            sorted(self._outdated),
            options.events,
            options.formats,
            options.facts,
        )
        self._outdated.clear()
        self._next_files_s = time.monotonic() + _FILES_EVERY_S

    def forget(self, newest_ns: int) -> None:
        """Drop what is older than two days."""
        self.keeper.forget(day_of(newest_ns) - DAY_NS)


class RevisionLog:
    """Revisions of events in a store: ``live/date=YYYY-MM-DD/events.jsonl``, by the first onset.

    Parameters
    ----------
    root : folder of the store
    """

    # Of so many days back an event may still be revised.
    _DAYS_READ = 3

    def __init__(self, root: Path) -> None:
        self._root = root / "live"
        self._dates: dict[str, str] = {}

    def read(self) -> Iterator[Revision]:
        """Revisions of the last days, in the order in which they were told."""
        for folder in sorted(self._root.glob("date=*"))[-self._DAYS_READ :]:
            for number, line in enumerate(self._lines(folder / "events.jsonl"), start=1):
                try:
                    revision = Revision.from_dict(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    logger.warning(
                        "%s: line %d is no revision of an event (%s); it is left out",
                        folder / "events.jsonl",
                        number,
                        error,
                    )
                    continue
                self._dates[revision.id] = folder.name
                yield revision

    def add(self, revision: Revision) -> None:
        """Write a revision down; it is on the disk afterwards.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        name = self._dates.setdefault(revision.id, f"date={revision.event.onset[:10]}")
        path = self._root / name / "events.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(revision.to_dict(), allow_nan=False) + "\n"
        with path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _lines(path: Path) -> Sequence[bytes]:
        """Whole lines; one that was cut by a power failure is ended, or the next would be too."""
        content = b""
        with suppress(FileNotFoundError):
            content = path.read_bytes()
        *lines, rest = content.split(b"\n")
        if rest:
            with path.open("ab") as file:
                file.write(b"\n")
            lines.append(rest)
        return lines
