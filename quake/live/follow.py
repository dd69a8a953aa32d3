"""Follow data that are being recorded: score each window once, and keep a store.

What has been scored is what the store holds, so that a run which is stopped, killed or restarted
goes on where it was.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from quake.errors import OutputError, WaveformError
from quake.events.onset import onsets_as_bytes
from quake.files import write_whole
from quake.inference.classifier import Classifier
from quake.inference.config import PredictConfig
from quake.inference.coverage import SCORED, Coverage
from quake.inference.records import WindowRecord
from quake.live.due import arrivals, due_windows
from quake.live.live_events import LiveEventOptions, LiveEvents
from quake.live.onset_keeper import NEEDED_BEFORE_NS, OnsetKeeper, Recorded
from quake.live.revisions import Revision
from quake.output.windows import READABLE, read_windows, windows_as_bytes
from quake.store.entries import DayEntry
from quake.store.events import onsets_of_day
from quake.store.layout import ONSETS, date_of, day_of_date
from quake.store.result_store import Store
from quake.store.station_work import reasons
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import clip, union
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem, Source
from quake.waveforms.times import NS_PER_S, parse_time
from quake.windows.grid import WindowGrid
from quake.windows.station_days import DAY_NS, StationDay, day_of, station_days
from quake.windows.tasks import Task

if TYPE_CHECKING:
    from quake.live.metrics import WatchMetrics
    from quake.stations.orientation import Orientations

logger = logging.getLogger(__name__)

LIVE = "live"
"""Digest of inputs, in the journal, of days that are not known to be complete."""

# Station-days whose windows are kept in memory for each channel set: today's and yesterday's.
_DAYS = 2

# Lines in the journal for each station-day before it is written anew.
_LINES_A_DAY = 20
_LINES = 5000

DayId = tuple[ChannelSetId, int]


class Feed(Protocol):
    """Where data arrive."""

    @property
    def source(self) -> Source:
        """To read samples from."""

    def wait(self, timeout_s: float) -> dict[ChannelSetId, int]:
        """Channel sets with news, and the time, ns since the epoch, from which on there are any.

        After `timeout_s` at most; none if nothing came.
        """

    def spans(self, channel_set: ChannelSetId) -> list[Span]:
        """All that is known to have arrived of a channel set."""

    def digest(self, day: StationDay, window_ns: int, *, has_failed: bool) -> str:
        """Of the inputs of a station-day, as `quake predict` has it in the journal; or empty."""

    def forget(self, channel_set: ChannelSetId, before_ns: int) -> None:
        """Samples before a time are not needed any more."""


@dataclass(frozen=True)
class FollowOptions:
    """How data are followed.

    Attributes
    ----------
    formats : tuple of str
        Of the store; one of them is such that windows can be read back.
    wait_s : float
        A component that is so far behind another one is not waited for.
    end_after_s : float
        A record to which nothing is added for so long has ended.
    stop_after_s : float, optional
        End the run when nothing came for so long; never by default.
    """

    formats: tuple[str, ...] = ("parquet",)
    wait_s: float = 60.0
    end_after_s: float = 3600.0
    stop_after_s: float | None = None


class Follower:
    """Scores what arrives.

    Parameters
    ----------
    classifier : Classifier
    config : PredictConfig
    feed : Feed
    store : Store
        Open.
    options : FollowOptions
    orientations : Orientations, optional
        Components are then turned to true Z, N, E.
    events : LiveEventOptions, optional
        Find events too.
    tell : callable
        Hears of each revision of an event, see `quake.live.revisions`.
    metrics : WatchMetrics, optional
        What is counted for a monitoring system.
    now_ns : callable
        The clock by which it is said when an event was told of.
    """

    def __init__(
        self,
        classifier: Classifier,
        config: PredictConfig,
        feed: Feed,
        store: Store,
        options: FollowOptions,
        *,
        orientations: Orientations | None = None,
        events: LiveEventOptions | None = None,
        tell: Callable[[Revision], None] = lambda revision: None,
        metrics: WatchMetrics | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.classifier, self.config, self.feed = classifier, config, feed
        self.store, self.options, self.orientations = store, options, orientations
        self.metrics = metrics
        self.grid: WindowGrid = config.grid(classifier.card)
        self._keeper, self._events = None, None
        if events is not None:
            self._keeper = OnsetKeeper(
                classifier, config, lambda: feed.source, self._rows_with_onsets, orientations
            )
            self._events = LiveEvents(self._keeper, store, events, tell, now_ns)
        self._rows: OrderedDict[DayId, dict[int, WindowRecord]] = OrderedDict()
        self._onsets_written: OrderedDict[DayId, bytes] = OrderedDict()
        self._newest_s: dict[ChannelSetId, float] = {}
        self._ended: set[ChannelSetId] = set()
        self._n_lines = 0
        self._warned: set[str] = set()

    def run(self, poll_s: float = 1.0) -> Iterator[WindowRecord]:
        """Yield the windows that become complete, in the order in which they are scored.

        They are in the store before they are yielded.

        Parameters
        ----------
        poll_s : float
            Time after which it is looked whether a record has ended.

        Raises
        ------
        OutputError
            If the store cannot be written to.
        """
        idle_since_s = time.monotonic()
        try:
            while True:
                news = self.feed.wait(poll_s)
                now_s = time.monotonic()
                if news:
                    idle_since_s = now_s
                stops = self.options.stop_after_s
                is_over = stops is not None and now_s - idle_since_s >= stops
                self._newest_s.update(dict.fromkeys(news, now_s))
                self._ended -= news.keys()
                concerned = {**self._ending(now_s), **news}
                yield from self._score(concerned)
                self._find_events(concerned, now_s)
                self._measure(news)
                if is_over:
                    return
        finally:
            if self._events is not None:
                self._events.write_files(at_once=True)

    def _ending(self, now_s: float) -> dict[ChannelSetId, int]:
        """Channel sets to which nothing has been added for long, each once."""
        ending = {
            key: max((span.end_ns for span in self.feed.spans(key)), default=0)
            for key, newest_s in self._newest_s.items()
            if key not in self._ended and now_s - newest_s >= self.options.end_after_s
        }
        self._ended |= ending.keys()
        return ending

    def _score(self, news: Mapping[ChannelSetId, int]) -> Iterator[WindowRecord]:
        tasks = [task for key in sorted(news) for task in self._tasks(key, news[key])]
        if not tasks:
            return
        keys = {str(task.id): task.id for task in tasks}
        for task in reversed(tasks):  # the first one of a channel set says where it begins
            self._begin_onsets(task.id, min(task.starts_ns))
        source = self.feed.source
        prediction = self.classifier.predict_tasks(tasks, source, self.config, self.orientations)
        for (name, day_ns), some in groupby(prediction, lambda r: (r.id, _day(r))):
            records = list(some)
            if self._keeper is not None:
                self._keeper.add(keys[name], records)
            self._write(keys[name], day_ns, records)
            if self.metrics is not None:
                self.metrics.count_windows(records)
            yield from records
        self._warn_of_disputes(source.problems)
        for key in keys.values():
            self.feed.forget(key, self._needed_from(key))

    def _warn_of_disputes(self, problems: Sequence[Problem]) -> None:
        """Name files that contradict each other, once; where they do so moves on with the time."""
        for problem in problems:
            who = problem.message.partition(" (")[0]
            if problem.is_dispute and who not in self._warned:
                self._warned.add(who)
                logger.warning("%s", problem.message)

    def _tasks(self, key: ChannelSetId, since_ns: int) -> Iterator[Task]:
        wait_ns = round(self.options.wait_s * NS_PER_S)
        for day in self._days(key, since_ns):
            arrived = arrivals(day, wait_ns, has_ended=key in self._ended)
            scored = self._scored(key, day.day_ns)
            for record, starts in due_windows(day, self.grid, arrived, scored):
                yield Task(key, day.spans, record, starts)

    def _days(self, key: ChannelSetId, since_ns: int) -> list[StationDay]:
        """Station-days that may have windows to be scored: windows reach back over midnight."""
        first_ns = day_of(since_ns) - DAY_NS
        near_ns = first_ns - 2 * self.grid.window_ns
        spans = [span for span in self.feed.spans(key) if span.end_ns > near_ns]
        days = station_days({key: spans}, self.grid)
        return [day for day in days if day.day_ns >= first_ns and not self._is_settled(day)]

    def _is_settled(self, day: StationDay) -> bool:
        """Whether `quake predict` has done the day with all that there is of it now."""
        entry = self.store.journal.days.get((day.id, date_of(day.day_ns)))
        if entry is None or entry.inputs == LIVE:
            return False
        window_ns, has_failed = self.grid.window_ns, entry.has_failed
        return entry.inputs == self.feed.digest(day, window_ns, has_failed=has_failed)

    def _scored(self, key: ChannelSetId, day_ns: int) -> set[int]:
        """Starts of the windows that are in the store, of the day and of the one before it."""
        before = self._rows_of(key, day_ns - DAY_NS)
        near = {start for start in before if start >= day_ns - 2 * self.grid.window_ns}
        return near | self._rows_of(key, day_ns).keys()

    def _rows_of(self, key: ChannelSetId, day_ns: int) -> dict[int, WindowRecord]:
        """Windows of a station-day, from memory or from the store."""
        at = (key, day_ns)
        if at not in self._rows:
            self._rows[at] = {parse_time(r.start): r for r in self._read(key, day_ns)}
            while len(self._rows) > _DAYS * max(len(self._newest_s), 1) + 1:
                self._rows.popitem(last=False)
        self._rows.move_to_end(at)
        return self._rows[at]

    def _read(self, key: ChannelSetId, day_ns: int) -> list[WindowRecord]:
        entry = self.store.journal.days.get((key, date_of(day_ns)))
        if entry is None:
            return []
        for name in READABLE:
            if name in entry.outputs:
                return read_windows(self.store.path_of(entry, name))
        return []

    # --- events

    def _begin_onsets(self, key: ChannelSetId, start_ns: int) -> None:
        """Have onsets of a channel set found from where a run before this one was, or its day."""
        if self._keeper is None or self._keeper.settled_ns(key):
            return
        known = [
            entry.onsets_to_ns
            for entry in self.store.journal.days.entries()
            if entry.id == key and entry.onsets_to_ns is not None
        ]
        settled_ns = max(known, default=day_of(start_ns))
        self._keeper.begin(key, settled_ns)
        # Events that were told of are compared with them, and would be withdrawn without.
        for day_ns in (day_of(settled_ns) - DAY_NS, day_of(settled_ns)):
            self._rows_with_onsets(key, day_ns)

    def _rows_with_onsets(self, key: ChannelSetId, day_ns: int) -> dict[int, WindowRecord]:
        """Windows of a station-day, once its onsets are in memory."""
        assert self._keeper is not None
        if not self._keeper.has(key, day_ns):
            entry = self.store.journal.days.get((key, date_of(day_ns)))
            is_there = entry is not None and ONSETS in entry.outputs
            onsets = onsets_of_day(self.store, entry) if entry is not None and is_there else ()
            self._keeper.load(key, day_ns, onsets)
        return self._rows_of(key, day_ns)

    def _find_events(self, news: Mapping[ChannelSetId, int], now_s: float) -> None:
        """Find onsets in what has come, and say which events are new."""
        if self._keeper is None or self._events is None:
            return
        recorded = {
            key: found
            for key in sorted(news)
            if (found := self._recorded(key, news[key])) is not None
        }
        times = []
        for key, found in recorded.items():
            since_ns, changed = self._keeper.settle(key, found)
            times.append(since_ns)
            for day_ns in sorted(changed):
                self._write_onsets(key, day_ns)
            self._events.outdate(changed)
        times.append(self._keeper.look(recorded))
        new = [time_ns for time_ns in times if time_ns is not None]
        if new:
            living_s = now_s - self.options.wait_s
            living = [key for key, newest_s in self._newest_s.items() if newest_s >= living_s]
            self._events.update(min(new), living)
            self._events.forget(max(found.complete_ns for found in recorded.values()))
        self._events.write_files()

    def _recorded(self, key: ChannelSetId, since_ns: int) -> Recorded | None:
        """What there is of a channel set; None where nothing of it is to be done."""
        assert self._keeper is not None
        self._begin_onsets(key, since_ns)
        days = self._days(key, min(since_ns, self._keeper.settled_ns(key)))
        if not days:
            return None
        has_ended = key in self._ended
        wait_ns = round(self.options.wait_s * NS_PER_S)
        complete_ns = arrivals(days[-1], wait_ns, has_ended=has_ended).complete_ns
        return None if complete_ns is None else Recorded(days, complete_ns, has_ended)

    def _write_onsets(self, key: ChannelSetId, day_ns: int) -> None:
        """Write the onsets of a station-day whose windows are in the store."""
        before = self.store.journal.days.get((key, date_of(day_ns)))
        if before is None:
            return
        entry = replace(before, outputs=dict(before.outputs))
        try:
            self._add_onsets(entry, day_ns)
            self.store.add(entry)
        except OSError as error:
            raise self._not_written(error) from error

    def _add_onsets(self, entry: DayEntry, day_ns: int) -> None:
        """Write the onsets of a station-day as they are now."""
        if self._keeper is None:
            return
        self._rows_with_onsets(entry.id, day_ns)
        content = onsets_as_bytes(self._keeper.onsets_of(entry.id, day_ns))
        is_there = entry.outputs.get(ONSETS) == len(content)
        if not is_there or self._onsets_written.get((entry.id, day_ns)) != content:
            write_whole(self.store.path_of(entry, ONSETS), content, self.store.temporary)
        self._onsets_written[entry.id, day_ns] = content
        while len(self._onsets_written) > _DAYS * max(len(self._newest_s), 1) + 1:
            self._onsets_written.popitem(last=False)
        entry.outputs[ONSETS] = len(content)
        entry.onsets_to_ns = self._keeper.settled_ns(entry.id)

    # --- the store

    def _write(self, key: ChannelSetId, day_ns: int, records: list[WindowRecord]) -> None:
        """Add windows to a station-day of the store."""
        rows = self._rows_of(key, day_ns)
        rows.update((parse_time(record.start), record) for record in records)
        ordered = [rows[start] for start in sorted(rows)]
        entry = self._entry(key, day_ns, ordered)
        try:
            for name in self.options.formats:
                names = self.classifier.card.labels.names
                content = windows_as_bytes(name, ordered, names, self.grid.hop_ns)
                write_whole(self.store.path_of(entry, name), content, self.store.temporary)
                entry.outputs[name] = len(content)
            self._add_onsets(entry, day_ns)
            self.store.add(entry)
            self._tidy()
        except OSError as error:
            raise self._not_written(error) from error

    def _not_written(self, error: OSError) -> OutputError:
        return OutputError(
            f"{error.filename or self.store.root}: {error.strerror or error}; what was "
            "written so far is complete; make room and start again"
        )

    def _entry(self, key: ChannelSetId, day_ns: int, rows: list[WindowRecord]) -> DayEntry:
        covered = [(parse_time(r.start), parse_time(r.end), r.status) for r in rows]
        windows = union((start, end) for start, end, _ in covered)
        before = self.store.journal.days.get((key, date_of(day_ns)))
        # Found by another run, perhaps; they stay, and say how far they go.
        kept = {n: s for n, s in before.outputs.items() if n == ONSETS} if before else {}
        return DayEntry(
            id=key,
            outputs=kept,
            onsets_to_ns=before.onsets_to_ns if before else None,
            date=date_of(day_ns),
            inputs=LIVE,
            windows=dict(Counter(row.status for row in rows)),
            labels=dict(Counter(row.label for row in rows if row.label is not None)),
            reasons=reasons(rows),
            coverage=Coverage(
                input=clip(windows, day_ns, day_ns + DAY_NS),
                scored=union((a, b) for a, b, status in covered if status in SCORED),
                judged=union((a, b) for a, b, status in covered if status != "no_data"),
            ),
        )

    def _tidy(self) -> None:
        """Write the journal anew where the same days are in it over and over."""
        self._n_lines += 1
        if self._n_lines > max(_LINES, _LINES_A_DAY * len(self.store.journal.days)):
            self.store.tidy()
            self._n_lines = 0

    def _needed_from(self, key: ChannelSetId) -> int:
        """Time from which on samples may still be asked for."""
        newest = [max(rows) for (other, _), rows in self._rows.items() if other == key and rows]
        if not newest:
            return 0
        of_windows_ns = max(newest) - 2 * self.grid.window_ns
        of_onsets_ns = self._keeper.needed_from(key) if self._keeper is not None else None
        return of_windows_ns if of_onsets_ns is None else min(of_windows_ns, of_onsets_ns)

    def _measure(self, news: Mapping[ChannelSetId, int]) -> None:
        """Tell the metrics how far channel sets have come."""
        if self.metrics is not None:
            for key in news:
                self.metrics.see_spans(key, self.feed.spans(key))
            self.metrics.write_if_due()


def _day(record: WindowRecord) -> int:
    return day_of(parse_time(record.start))


def last_scored(store: Store) -> dict[ChannelSetId, int]:
    """Of each channel set the start of its last window in the store, ns since the epoch.

    Raises
    ------
    WaveformError
        If a file of windows cannot be read back.
    """
    days = store.journal.days
    newest = {
        key: next((e for e in days.entries_of(key, backwards=True) if e.outputs), None)
        for key in days.channel_sets()
    }
    return {key: _last_start(store, e) for key, e in newest.items() if e is not None}


def needed_from(store: Store) -> dict[ChannelSetId, int]:
    """Of each channel set the time, ns since the epoch, from which on a run needs samples.

    Raises
    ------
    WaveformError
        If a file of windows cannot be read back.
    """
    needed = last_scored(store)
    for entry in store.journal.days.entries():
        if entry.onsets_to_ns is not None and date_of(day_of(needed[entry.id])) == entry.date:
            needed[entry.id] = min(needed[entry.id], entry.onsets_to_ns - NEEDED_BEFORE_NS)
    return needed


def _last_start(store: Store, entry: DayEntry) -> int:
    name = next((name for name in READABLE if name in entry.outputs), None)
    if name is None:
        return day_of_date(entry.date)
    path: Path = store.path_of(entry, name)
    rows = read_windows(path)
    if not rows:
        raise WaveformError(f"{path}: holds no windows; remove it, and start again")
    return parse_time(rows[-1].start)
