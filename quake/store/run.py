"""Run over an archive: do the station-days of a plan, and keep the journal."""

from __future__ import annotations

import hashlib
import logging
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from quake.errors import OutputError
from quake.inference.coverage import Coverage
from quake.parallel.executor import Executor, Lost, Raised
from quake.store.entries import DayEntry, DayKey
from quake.store.journal import OUTPUT_ADVICE
from quake.store.layout import date_of
from quake.store.lock import Shard
from quake.store.plan import ChannelSetPlan, DayJob, Plan, PlannedDay
from quake.store.result_store import Store
from quake.store.station_work import NotWritten, StationDayOpener
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval
from quake.waveforms.times import NS_PER_S
from quake.windows.station_days import DAY_NS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """What is done and what is not.

    Attributes
    ----------
    formats : tuple of str
        Of the windows.
    resume : bool
        Leave out what the journal says is done.
    retry_failed : bool
        Try again what has failed.
    shard : Shard, optional
        Do this part of the station-days only.
    """

    formats: tuple[str, ...] = ("parquet",)
    resume: bool = True
    retry_failed: bool = False
    shard: Shard | None = None


class Division:
    """What of a plan is done, and what is left to do; of the latter only dates are kept.

    Parameters
    ----------
    store : Store
        Open.
    plan : Plan
    options : RunOptions

    Attributes
    ----------
    n_planned, n_done, n_todo : int
        Station-days: that are wanted, those of other shards too; that are done; that are not.
    todo_s : float
        Seconds of input of those that are not.
    """

    def __init__(self, store: Store, plan: Plan, options: RunOptions) -> None:
        self._store, self._plan, self._options = store, plan, options
        self.n_planned = self.n_done = self.n_todo = 0
        self.todo_s = 0.0
        self._todo: dict[ChannelSetId, array[int]] = {}

    def divide(self, planned: ChannelSetPlan) -> Iterator[DayEntry]:
        """Go through the days of a channel set; yield the entries of those that are done."""
        todo = array("i")
        for day in planned.days:
            self.n_planned += 1
            if not self._is_mine(day):
                continue
            entry = self._done(day)
            if entry is not None:
                self.n_done += 1
                yield entry
            else:
                todo.append(day.number)
                self.todo_s += length_s(day.input)
        self.n_todo += len(todo)
        if todo:
            self._todo[planned.id] = todo

    def done_days(self, planned: ChannelSetPlan) -> Iterator[PlannedDay]:
        """Days of a channel set that were done before, as `divide` has found."""
        todo = set(self._todo.get(planned.id, ()))
        return (day for day in planned.days if day.number not in todo and self._is_mine(day))

    def has_todo(self, channel_set: ChannelSetId) -> bool:
        """Whether something of a channel set is to be done."""
        return channel_set in self._todo

    @property
    def todo(self) -> dict[ChannelSetId, int]:
        """How many station-days of each channel set are to be done, in the order of their names."""
        return {key: len(days) for key, days in self._todo.items()}

    @property
    def dates(self) -> tuple[str, str] | None:
        """First and last date of what is to be done; None if nothing is."""
        if not self._todo:
            return None
        days = self._todo.values()
        return date_of(min(map(min, days)) * DAY_NS), date_of(max(map(max, days)) * DAY_NS)

    def jobs(self) -> Iterator[DayJob]:
        """Plan once more what is to be done, one channel set after the other."""
        for channel_set, numbers in self._todo.items():
            wanted = set(numbers)
            for day in self._plan.of(channel_set).days:
                if day.number in wanted:
                    yield self._job(day)

    def _job(self, day: PlannedDay) -> DayJob:
        options, store = self._options, self._store
        before = store.without_onsets(day, options.formats) if options.resume else None
        return day.job(store.formats_of(day, options.formats), before)

    def _is_mine(self, day: PlannedDay) -> bool:
        shard = self._options.shard
        return shard is None or is_in_shard(day.key, shard)

    def _done(self, day: PlannedDay) -> DayEntry | None:
        if not self._options.resume:
            return None
        options = self._options
        return self._store.find_done(day, options.formats, retry_failed=options.retry_failed)


def is_in_shard(key: DayKey, shard: Shard) -> bool:
    """Whether a station-day belongs to a part.

    By a hash of its name, so that shards which begin at different times, while an archive grows,
    agree on it.
    """
    channel_set, date = key
    name = "\0".join(
        (
            channel_set.network,
            channel_set.station,
            channel_set.location,
            channel_set.band_instrument,
            date,
        )
    )
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % shard.count == shard.number - 1


def length_s(intervals: Iterable[Interval]) -> float:
    """Length of intervals, in seconds."""
    return sum(end - start for start, end in intervals) / NS_PER_S


def run_days(
    store: Store, jobs: Iterable[DayJob], opener: StationDayOpener, executor: Executor
) -> Iterator[tuple[DayJob, DayEntry]]:
    """Do station-days, and write into the journal what became of each.

    Parameters
    ----------
    store : Store
        Open.
    jobs : station-days, of a `Division`; drawn as they are needed
    opener : StationDayOpener
    executor : Executor

    Yields
    ------
    (DayJob, DayEntry)
        In any order; results and journal are on disk.

    Raises
    ------
    OutputError
        If a result, or the journal, cannot be written.
    """
    for job, answer in executor.run(opener, jobs):
        if isinstance(answer, NotWritten):
            raise OutputError(f"{answer.message}; {OUTPUT_ADVICE}")
        entry = answer if isinstance(answer, DayEntry) else _failed(job, answer)
        store.add(entry)
        yield job, entry


def _failed(job: DayJob, answer: Lost | Raised) -> DayEntry:
    """Entry of a station-day that gave no result."""
    if isinstance(answer, Raised):
        reason = f"unexpected {answer.error}"
        logger.debug("%s on %s:\n%s", job.day.id, date_of(job.day.day_ns), answer.traceback)
    else:
        reason = answer.reason
    return DayEntry(
        id=job.day.id,
        date=date_of(job.day.day_ns),
        inputs=job.inputs_if_failed,
        coverage=Coverage(input=job.input, failed=job.input),
        failed=reason,
    )
