"""Result of a run over an archive: what was done, what failed, and seconds that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quake.inference.coverage import Coverage, Seconds
from quake.inference.summary import Summary
from quake.store.journal import DayEntry
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.waveform_file import Remark
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem


@dataclass(frozen=True)
class Progress:
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
    coverage : Coverage
        What was recorded, and what became of it.
    """

    windows: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def seconds(self) -> Seconds:
        """Seconds of input and its parts, which add up to it."""
        return self.coverage.seconds()

    def add(self, entry: DayEntry) -> None:
        """Count a station-day."""
        self.windows.update(entry.windows)
        self.labels.update(entry.labels)
        self.reasons.update(entry.reasons)
        self.coverage.merge(entry.coverage)


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
    found : mapping of ChannelSetId to spans
        What the files hold, selected or not.
    remarks : mapping of path to Remark
        What is in files beside samples, and no fault.
    """

    store: Path
    summary: Summary
    station_days: Mapping[str, int] = field(default_factory=dict)
    channel_sets: Mapping[ChannelSetId, ChannelSetResult] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    n_events: int | None = None
    to_do: ToDo | None = None
    nothing_new: bool = False
    found: Mapping[ChannelSetId, Sequence[Span]] = field(default_factory=dict, repr=False)
    remarks: Mapping[str, Sequence[Remark]] = field(default_factory=dict, repr=False)

    @property
    def has_failed(self) -> bool:
        """Whether data were lost; what was left out on purpose is none of these."""
        return any(problem.failed for problem in self.problems)
