"""Run over an archive: do the station-days of a plan, and keep the journal."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from quake.errors import OutputError
from quake.inference.coverage import Coverage
from quake.parallel.executor import Executor, Lost, Raised
from quake.store.journal import OUTPUT_ADVICE, DayEntry
from quake.store.layout import date_of
from quake.store.lock import Shard
from quake.store.plan import DayJob
from quake.store.result_store import Store
from quake.store.station_work import NotWritten, StationDayOpener

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


@dataclass(frozen=True)
class Division:
    """Station-days that are to be done, and entries of those that have been."""

    todo: list[DayJob]
    done: list[DayEntry]


def divide(store: Store, jobs: Sequence[DayJob], options: RunOptions) -> Division:
    """Say what of a plan is left to do."""
    todo: list[DayJob] = []
    done: list[DayEntry] = []
    for planned in jobs:
        if options.shard is not None and not is_in_shard(planned, options.shard):
            continue
        job = replace(planned, formats=store.formats_of(planned, options.formats))
        if options.resume and store.is_done(job, retry_failed=options.retry_failed):
            done.append(store.journal.days[job.key])
        else:
            todo.append(replace(job, before=store.without_onsets(job) if options.resume else None))
    return Division(todo, done)


def is_in_shard(job: DayJob, shard: Shard) -> bool:
    """Whether a station-day belongs to a part.

    By a hash of its name, so that shards which begin at different times, while an archive grows,
    agree on it.
    """
    key = job.day.id
    name = "\0".join(
        (key.network, key.station, key.location, key.band_instrument, date_of(job.day.day_ns))
    )
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % shard.count == shard.number - 1


def run_days(
    store: Store, todo: Sequence[DayJob], opener: StationDayOpener, executor: Executor
) -> Iterator[tuple[DayJob, DayEntry]]:
    """Do station-days, and write into the journal what became of each.

    Parameters
    ----------
    store : Store
        Open.
    todo : station-days, of `divide`
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
    for job, answer in executor.run(opener, todo):
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
