"""Plan of a run: what files hold and what of it is wanted in, station-days and their inputs out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from quake.archive.journal import FileEntry, digest_of_inputs
from quake.archive.layout import date_of
from quake.archive.selection import Selection, select_spans
from quake.data.intervals import Interval
from quake.data.source import Problem, clipped, select
from quake.data.waveform import ChannelSetId, Span
from quake.data.windows import WindowGrid
from quake.inference.station_days import StationDay, station_days


@dataclass(frozen=True)
class DayJob:
    """A station-day to be done, and all that tells whether it has been.

    Attributes
    ----------
    day : StationDay
    inputs : str
        Digest of its files and spans.
    window_ns : int
        Length of a window.
    formats : tuple of str
        In which its windows are to be written.
    """

    day: StationDay
    inputs: str
    window_ns: int
    formats: tuple[str, ...] = ()

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

    Parameters
    ----------
    entries : mapping of path to FileEntry
    selection : Selection
        What lies outside of its bounds does not exist.
    grid : WindowGrid
    newer_than_ns : int, optional
        Only station-days with a file that was modified then or later.
    """
    plan = Plan(found=_by_channel_set(entries))
    wanted, plan.left_out = select(
        clipped(select_spans(plan.found, selection), selection.start_ns, selection.end_ns)
    )
    for day in station_days(wanted, grid):
        states = [entries[path].state for path in sorted({span.source for span in day.spans})]
        is_new = newer_than_ns is None or any(s.modified_ns >= newer_than_ns for s in states)
        if is_new:
            plan.jobs.append(DayJob(day, digest_of_inputs(states, day.spans), grid.window_ns))
    return plan


def _by_channel_set(entries: Mapping[str, FileEntry]) -> dict[ChannelSetId, list[Span]]:
    found: dict[ChannelSetId, list[Span]] = defaultdict(list)
    for path in sorted(entries):
        for span in entries[path].spans:
            found[span.id].append(span)
    return dict(found)
