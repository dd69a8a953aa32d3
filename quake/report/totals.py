"""Add up the station-days of a journal: counts, and seconds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from quake.inference.coverage import SCORED, Coverage, Seconds
from quake.store.entries import DayEntry, FileEntry
from quake.waveforms.ids import ChannelSetId

STATUSES = (*SCORED, "no_data", "rejected")
"""Of windows, in the order in which they are shown."""

MAX_TEXTS = 20


@dataclass(frozen=True, order=True)
class Failure:
    """Something that is missing, or was left out.

    Attributes
    ----------
    source : str
        A file, or a channel set and its day.
    reason : str
    failed : bool
        Whether data were lost; False for what was left out on purpose.
    """

    source: str
    reason: str
    failed: bool = True


@dataclass
class FirstOf:
    """The first of perhaps very many texts, and how many there are.

    Attributes
    ----------
    count : int
    texts : list of str
        No more than `MAX_TEXTS`.
    """

    count: int = 0
    texts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Take one more."""
        self.count += 1
        if self.count <= MAX_TEXTS:
            self.texts.append(text)


@dataclass
class Totals:
    """What a store holds; station-days are added in the order of their channel sets.

    Attributes
    ----------
    station_days : Counter
        By what became of them: "done", "without windows", "failed".
    windows, labels, reasons : Counter
        By status; scored ones by label; those without probabilities by flag.
    channel_sets : int
    first_date, last_date : str
        UTC; empty without station-days.
    files, files_with_problems : int
    failures : set of Failure
    """

    station_days: Counter[str] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    channel_sets: int = 0
    first_date: str = ""
    last_date: str = ""
    files: int = 0
    files_with_problems: int = 0
    failures: set[Failure] = field(default_factory=set)
    _seconds: Seconds = field(default_factory=Seconds)
    _id: ChannelSetId | None = None
    _coverage: Coverage = field(default_factory=Coverage)

    def add_day(self, entry: DayEntry) -> None:
        """Count a station-day."""
        if entry.id != self._id:
            self._end_channel_set()
            self._id = entry.id
            self.channel_sets += 1
        self._coverage.merge(entry.coverage)
        self.station_days[_outcome(entry)] += 1
        self.windows.update(entry.windows)
        self.labels.update(entry.labels)
        self.reasons.update(entry.reasons)
        self.first_date = min(self.first_date or entry.date, entry.date)
        self.last_date = max(self.last_date, entry.date)
        self.failures |= {Failure(p.source, p.message, p.failed) for p in entry.problems}
        if entry.failed:
            self.failures.add(Failure(f"{entry.id} on {entry.date}", entry.failed))

    def add_file(self, entry: FileEntry) -> None:
        """Count a file that was read."""
        self.files += 1
        self.files_with_problems += bool(entry.problems)
        self.failures |= {Failure(entry.state.path, problem) for problem in entry.problems}

    def seconds(self) -> Seconds:
        """Input and its parts, over all station-days added so far; a second counts once."""
        return self._seconds + self._coverage.seconds()

    def _end_channel_set(self) -> None:
        self._seconds = self.seconds()
        self._coverage = Coverage()


def _outcome(entry: DayEntry) -> str:
    if entry.failed:
        return "failed"
    return "done" if sum(entry.windows.values()) else "without windows"
