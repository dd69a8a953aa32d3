"""Result of a run over an archive: what was done, what failed, and seconds that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quake.inference.coverage import Coverage, Seconds
from quake.inference.summary import Summary
from quake.inputs.findings import Findings
from quake.store.entries import DayEntry
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.sources import Problem


@dataclass(frozen=True)
class ArchiveProgress:
    """How far a run is.

    Attributes
    ----------
    stage : {"reading headers", "classifying", "drawing"}
    done, total : float
        Files while headers are read; seconds of input; pictures.
    problems : tuple of Problem
        Those that were met since the last call.
    """

    stage: str
    done: float = 0
    total: float = 0
    problems: tuple[Problem, ...] = ()


@dataclass
class ChannelSetResult:
    """What there is of one channel set, whenever it was done.

    Attributes
    ----------
    windows, labels : Counter
        By status; scored ones by label.
    reasons : Counter
        Windows without probabilities, by flag.
    seconds : Seconds
        Input and its parts, which add up to it.
    """

    windows: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    _coverage: Coverage = field(default_factory=Coverage, repr=False)
    _seconds: Seconds | None = field(default=None, repr=False)

    @property
    def seconds(self) -> Seconds:
        """Seconds of input and its parts, which add up to it."""
        return self._seconds or self._coverage.seconds()

    def add(self, entry: DayEntry) -> None:
        """Count a station-day."""
        self.windows.update(entry.windows)
        self.labels.update(entry.labels)
        self.reasons.update(entry.reasons)
        self._coverage.merge(entry.coverage)

    def close(self) -> None:
        """Keep lengths in the place of intervals: no station-day follows."""
        self._seconds, self._coverage = self.seconds, Coverage()


@dataclass(frozen=True)
class ToDo:
    """What a run would do.

    Attributes
    ----------
    planned : int
        Station-days that are selected, those of other shards too.
    station_days, channel_sets : int
        To be done.
    first, last : str or None
        Their dates, UTC.
    seconds : float
        Of their input.
    done : int
        Station-days that are done.
    """

    planned: int
    station_days: int
    channel_sets: int
    first: str | None
    last: str | None
    seconds: float
    done: int


@dataclass(frozen=True)
class ArchiveResult:
    """What a run over an archive came to.

    Counts are of all station-days that are selected, done now or before: a second run of the same
    request has the same counts.

    Attributes
    ----------
    store : Path
    summary : Summary
        Windows by status and label; `input_s` is the sum of the other seconds.
    station_days : mapping
        How many are ``done`` by this run, were ``done before``, and have ``failed``.
    channel_sets : mapping of ChannelSetId to ChannelSetResult
    problems : sequence of Problem
        What could not be used, in the order in which it was met.
    n_events : int or None
        Events in the store; None where none were asked for.
    to_do : ToDo or None
        Of a run that only scans.
    nothing_new : bool
        Whether `newer_than_ns` left nothing of what there is.
    findings : Findings
        What the headers of all files say that a user should know.
    """

    store: Path
    summary: Summary
    station_days: Mapping[str, int] = field(default_factory=dict)
    channel_sets: Mapping[ChannelSetId, ChannelSetResult] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    n_events: int | None = None
    to_do: ToDo | None = None
    nothing_new: bool = False
    findings: Findings = field(default_factory=Findings, repr=False)

    @property
    def has_failed(self) -> bool:
        """Whether data were lost; what was left out on purpose is none of these."""
        return any(problem.failed for problem in self.problems)
