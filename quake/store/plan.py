"""Plan a run: station-days that are wanted, and their inputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from quake.inputs.scheme import parts_of
from quake.inputs.selection import Selection
from quake.store.digests import digest_of_inputs
from quake.store.journal import DayEntry, FileEntry, Journal
from quake.store.layout import date_of
from quake.store.moved import lasting_name
from quake.waveforms.file_state import FileState, is_uri, state_of
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem, select
from quake.windows.grid import WindowGrid
from quake.windows.station_days import DAY_NS, StationDay, station_days


@dataclass(frozen=True)
class DayJob:
    """A station-day to be done, and all that tells whether it has been.

    Attributes
    ----------
    day : StationDay
    inputs, inputs_if_failed : str
        Digests of its files and spans, see `digest_of_inputs`.
    window_ns : int
        Length of a window.
    formats : tuple of str
        In which its windows are to be written; with "onsets", these too.
    before : DayEntry, optional
        What became of it before, if nothing but its onsets is missing.
    """

    day: StationDay
    inputs: str
    inputs_if_failed: str
    window_ns: int
    formats: tuple[str, ...] = ()
    before: DayEntry | None = None

    def inputs_of(self, entry: DayEntry) -> str:
        """Digest that the entry has if nothing has changed since."""
        return self.inputs_if_failed if entry.has_failed else self.inputs

    @property
    def input(self) -> list[Interval]:
        """What of the day was recorded, ns since the epoch."""
        return self.day.input(self.window_ns)

    @property
    def key(self) -> tuple[ChannelSetId, str]:
        """Channel set and date, as in the journal."""
        return self.day.id, date_of(self.day.day_ns)


@dataclass
class Plan:
    """Station-days in the order of channel sets and of time.

    Attributes
    ----------
    jobs : list of DayJob
    found : spans by channel set, before any selection
    left_out : list of Problem
        Channel sets and components that cannot be used.
    """

    jobs: list[DayJob] = field(default_factory=list)
    found: dict[ChannelSetId, list[Span]] = field(default_factory=dict)
    left_out: list[Problem] = field(default_factory=list)


def make_plan(
    entries: Mapping[str, FileEntry],
    selection: Selection,
    grid: WindowGrid,
    *,
    newer_than_ns: int | None = None,
) -> Plan:
    """Divide what files hold into station-days.

    A selection chooses channel sets and days as wholes: what is in a store must not depend on what
    was asked for beside it.

    Parameters
    ----------
    entries : mapping of path to FileEntry
    selection : Selection
        Days that it touches are taken from midnight to midnight.
    grid : WindowGrid
    newer_than_ns : int, optional
        Only station-days with a file that was modified then or later.
    """
    plan = Plan(found=_by_channel_set(entries))
    chosen, plan.left_out = select(
        {key: spans for key, spans in plan.found.items() if any(map(selection.matches, spans))}
    )
    for day in station_days(chosen, grid):
        if not selection.overlaps(day.day_ns, day.day_ns + DAY_NS):
            continue
        states = [entries[path].state for path in sorted({span.source for span in day.spans})]
        is_new = newer_than_ns is None or any(s.modified_ns >= newer_than_ns for s in states)
        if is_new:
            inputs, if_failed = (
                digest_of_inputs(day, entries, grid.window_ns, has_failed=has_failed)
                for has_failed in (False, True)
            )
            plan.jobs.append(DayJob(day, inputs, if_failed, grid.window_ns))
    return plan


def make_plan_of_store(
    entries: Mapping[str, FileEntry],
    journal: Journal,
    selection: Selection,
    grid: WindowGrid,
    *,
    newer_than_ns: int | None = None,
) -> Plan:
    """Divide what files hold into station-days, with what else the journal knows of these.

    A run over some files of a day must not take away from the results what others hold.

    Parameters
    ----------
    entries, selection, grid, newer_than_ns : as of `make_plan`
    journal : Journal
        Files in it that are not there any more, or not as they were, are left out. Files that are
        elsewhere are taken to be as they were, unless one of the same name is in `entries`: then
        the archive has moved. Station-days that need a file of a place of which nothing is in
        `entries` are left as they are: a journal does not say whom a run may ask.
    """
    plan = make_plan(entries, selection, grid, newer_than_ns=newer_than_ns)
    near = {key: _days_near(spans, grid) for key, spans in plan.found.items()}
    stood_for = {entry.identity.path for entry in entries.values()}
    named = {lasting_name(path) for path in entries}
    others = {
        path: entry
        for path, entry in journal.files.items()
        if path not in entries
        and entry.identity.path not in stood_for
        and not (is_uri(path) and lasting_name(path) in named)
        and any(not near.get(s.id, set()).isdisjoint(_days_near([s], grid)) for s in entry.spans)
        and _is_there(entry.state)
    }
    if not others:
        return plan
    whole = make_plan({**entries, **others}, selection, grid, newer_than_ns=newer_than_ns)
    jobs = [job for job in whole.jobs if job.day.day_ns // DAY_NS in near.get(job.day.id, set())]
    asked = {parts_of(path)[:2] for path in entries if is_uri(path)}
    far = {path for path in others if is_uri(path) and parts_of(path)[:2] not in asked}
    left = [job for job in jobs if any(span.source in far for span in job.day.spans)]
    if left:
        jobs = [job for job in jobs if job not in left]
        plan.left_out.append(_far(left, far))
    return Plan(jobs, plan.found, plan.left_out)


def _far(jobs: Sequence[DayJob], far: Collection[str]) -> Problem:
    """Say which station-days are not touched, because a part of them is elsewhere."""
    sources = {span.source for job in jobs for span in job.day.spans} & set(far)
    first = min(sources)
    days = f"{jobs[0].day.id} on {jobs[0].key[1]}" + f" and {len(jobs) - 1} more" * (len(jobs) > 1)
    message = (
        f"{first}: is a part of {days}, which are left as they are, for this run names nothing of "
        "that place; name it too"
    )
    return Problem(first, message)


def _is_there(state: FileState) -> bool:
    """Whether a file is as it was; of one that is elsewhere, nobody is asked."""
    return is_uri(state.path) or state_of(state.path) == state


def _days_near(spans: Iterable[Span], grid: WindowGrid) -> set[int]:
    """Numbers of the days that spans can belong to, see `station_days`."""
    return {
        day
        for span in spans
        for day in range(
            (span.start_ns - 2 * grid.window_ns) // DAY_NS,
            (span.end_ns + grid.window_ns) // DAY_NS + 1,
        )
    }


def _by_channel_set(entries: Mapping[str, FileEntry]) -> dict[ChannelSetId, list[Span]]:
    found: dict[ChannelSetId, list[Span]] = defaultdict(list)
    for path in sorted(entries):
        for span in entries[path].spans:
            found[span.id].append(span)
    return dict(found)
