"""Find onsets in what is being recorded: windows and samples as they come in, onsets out.

Onsets are found twice. As soon as a candidate is old enough for its phase and class, it is looked
for in what has come: a *preliminary* onset. Once all samples have come that `OnsetFinder` needs
around a cell, its onsets are *settled*, and are those that `quake predict --events` finds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quake.events import Onset
from quake.inference.classifier import Classifier
from quake.inference.config import PredictConfig
from quake.inference.onsets import CELL_NS, LOOK_FROM, OnsetFinder, event_probability
from quake.inference.records import WindowRecord
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval, union
from quake.waveforms.segments import Segment, Span
from quake.waveforms.sources import Source
from quake.waveforms.times import NS_PER_S, format_time, parse_time
from quake.windows.grid import Recording, Window, WindowGrid
from quake.windows.station_days import DAY_NS, StationDay, day_of
from quake.windows.tasks import Task

if TYPE_CHECKING:
    from quake.stations.orientation import Orientations

STANDS_AFTER_NS = 12 * NS_PER_S
"""An onset is looked at when so much has come after it: its class needs some of the event."""

# Between two looks at the same channel set, in time of its samples.
_STEP_NS = 3 * NS_PER_S

# What must have come after a cell before it is settled: a window that touches the one after it, and
# a minute after the cells that this window touches.
SETTLED_AFTER_NS = 180 * NS_PER_S

# Cells are settled so many at a time, because those around them are looked at too.
_SETTLE_NS = 4 * CELL_NS

# The onset of an envelope may lie so far before the window that speaks of it.
_BEFORE_WINDOW_NS = 30 * NS_PER_S

NEEDED_BEFORE_NS = 240 * NS_PER_S
"""So much of samples is needed before a cell that is not settled."""


@dataclass
class _Edge:
    """How far a channel set is.

    Onsets before `settled_ns` are settled; those before `seen_ns` have been looked for.
    """

    settled_ns: int
    looked_ns: int = 0
    seen_ns: int = 0
    late: list[Interval] = field(default_factory=list)
    preliminary: list[Onset] = field(default_factory=list)


@dataclass(frozen=True)
class Recorded:
    """What there is of a channel set.

    Attributes
    ----------
    days : sequence of StationDay
        Those that may have news.
    complete_ns : int
        Time before which no sample is waited for.
    has_ended : bool
        Whether nothing is waited for at all.
    """

    days: Sequence[StationDay]
    complete_ns: int
    has_ended: bool = False


class OnsetKeeper:
    """Onsets of channel sets that are being recorded.

    Parameters
    ----------
    classifier : Classifier
    config : PredictConfig
    source : callable
        Gives a source of the samples that have come.
    rows_of : callable
        Gives the windows of a channel set and day by their starts.
    orientations : Orientations, optional
    """

    def __init__(
        self,
        classifier: Classifier,
        config: PredictConfig,
        source: Callable[[], Source],
        rows_of: Callable[[ChannelSetId, int], Mapping[int, WindowRecord]],
        orientations: Orientations | None = None,
    ) -> None:
        self.classifier, self.config, self.orientations = classifier, config, orientations
        self._source, self._rows_of = source, rows_of
        self._grid: WindowGrid = config.grid(classifier.card)
        self._edges: dict[ChannelSetId, _Edge] = {}
        self._days: OrderedDict[tuple[ChannelSetId, int], list[Onset]] = OrderedDict()

    def begin(self, key: ChannelSetId, settled_ns: int) -> None:
        """Take a channel set up from a time on; does nothing if it is known."""
        if key not in self._edges:
            self._edges[key] = _Edge(settled_ns // CELL_NS * CELL_NS)

    def load(self, key: ChannelSetId, day_ns: int, onsets: Iterable[Onset]) -> None:
        """Take onsets of a day that were found before."""
        self._days.setdefault((key, day_ns), list(onsets))

    def has(self, key: ChannelSetId, day_ns: int) -> bool:
        """Whether the onsets of a day are known."""
        return (key, day_ns) in self._days

    def add(self, key: ChannelSetId, records: Iterable[WindowRecord]) -> None:
        """Take note of windows that were scored; those that come late open their cells again."""
        edge = self._edges[key]
        for record in records:
            start_ns, end_ns = parse_time(record.start), parse_time(record.end)
            first, stop = start_ns // CELL_NS * CELL_NS, -(-end_ns // CELL_NS) * CELL_NS
            if first < edge.settled_ns:
                edge.late.append((first, min(stop, edge.settled_ns)))

    def settled_ns(self, key: ChannelSetId) -> int:
        """Time before which the onsets of a channel set are settled; 0 if it is not known."""
        edge = self._edges.get(key)
        return 0 if edge is None else edge.settled_ns

    def needed_from(self, key: ChannelSetId) -> int | None:
        """Time from which on samples are needed; None if it is not known."""
        edge = self._edges.get(key)
        return None if edge is None else edge.settled_ns - NEEDED_BEFORE_NS

    def onsets_of(self, key: ChannelSetId, day_ns: int) -> list[Onset]:
        """Settled onsets that the windows of a day speak of, by time."""
        return self._days.get((key, day_ns), [])

    def since(self, time_ns: int) -> Iterator[Onset]:
        """All onsets at and after a time, settled or not."""
        for onsets in self._days.values():
            yield from onsets[bisect_left(onsets, time_ns, key=attrgetter("time_ns")) :]
        for edge in self._edges.values():
            for onset in edge.preliminary:
                if onset.time_ns >= max(time_ns, edge.settled_ns):
                    yield onset

    def settle(self, key: ChannelSetId, recorded: Recorded) -> tuple[int | None, set[int]]:
        """Find the onsets of cells of which all samples have come.

        Returns
        -------
        since_ns : int or None
            Time from which on there is news; None if nothing was settled.
        days_ns : set of int
            Days of which onsets have changed.
        """
        edge = self._edges[key]
        until_ns = _settled_until(recorded)
        is_due = until_ns - edge.settled_ns >= _SETTLE_NS or recorded.has_ended
        new = [(edge.settled_ns, until_ns)] if is_due and until_ns > edge.settled_ns else []
        late, edge.late = edge.late, []
        intervals = union([*late, *new])
        changed: set[int] = set()
        for interval in intervals:
            changed |= self._settle(key, recorded.days, interval)
        if new:
            edge.settled_ns = until_ns
            edge.preliminary = [o for o in edge.preliminary if o.time_ns >= until_ns]
        return min((start for start, _ in intervals), default=None), changed

    def _settle(
        self, key: ChannelSetId, days: Sequence[StationDay], interval: Interval
    ) -> set[int]:
        """Find the onsets of cells; days of which they have changed."""
        start_ns, end_ns = interval
        changed = set()
        finder = OnsetFinder(self.classifier, self._source(), self.config, self.orientations)
        for day in self._reaching(days, interval):
            near = self._near(key, day.day_ns, interval)
            before = self._days.setdefault((key, day.day_ns), [])
            if not near and not before:
                continue
            found = [o for o in finder.find(day, near) if start_ns <= o.time_ns < end_ns]
            kept = [o for o in before if not start_ns <= o.time_ns < end_ns]
            after = sorted([*kept, *found], key=lambda o: (o.time_ns, o.is_emergent))
            if after != before:
                self._days[key, day.day_ns] = after
                changed.add(day.day_ns)
        return changed

    def _reaching(self, days: Sequence[StationDay], interval: Interval) -> Iterator[StationDay]:
        """Days that have windows whose onsets may lie in an interval."""
        start_ns, end_ns = interval
        for day in days:
            begin_ns, stop_ns = day.day_ns - _BEFORE_WINDOW_NS, day.day_ns + DAY_NS
            if begin_ns < end_ns and stop_ns + self._grid.window_ns > start_ns:
                yield day

    def _near(self, key: ChannelSetId, day_ns: int, interval: Interval) -> list[WindowRecord]:
        """Windows of a day whose onsets may lie in an interval."""
        start_ns, end_ns = interval
        return [
            row
            for first_ns, row in sorted(self._rows_of(key, day_ns).items())
            if first_ns - _BEFORE_WINDOW_NS < end_ns and parse_time(row.end) > start_ns
        ]

    def look(self, recorded: Mapping[ChannelSetId, Recorded]) -> int | None:
        """Find onsets that are not settled in what has come.

        Returns
        -------
        int or None
            Time from which on there is news; None if there is none.
        """
        due = {key: r for key, r in recorded.items() if self._is_due(key, r)}
        if not due:
            return None
        tasks = [task for key, r in due.items() if (task := self._task(key, r)) is not None]
        source = _Until(self._source(), {key: r.complete_ns for key, r in due.items()})
        looks = self._unfinished(tasks, source, due)
        finder = OnsetFinder(self.classifier, source, self.config, self.orientations)
        times = [self._look(key, looks.get(key), r, finder) for key, r in due.items()]
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def _unfinished(
        self, tasks: Sequence[Task], source: Source, due: Mapping[ChannelSetId, Recorded]
    ) -> dict[ChannelSetId, WindowRecord]:
        """What windows that are not complete say; those without enough samples say nothing."""
        found: dict[ChannelSetId, Window] = {}
        for task in tasks:
            prediction = self.classifier.predict_tasks(
                [task], source, self.config, self.orientations
            )
            found.update((task.id, w) for w in prediction.windows() if w.status == "usable")
        if not found:
            return {}
        scores = self._scores([window.samples for window in found.values()])
        names = self.classifier.card.labels.names
        return {
            key: _unfinished_record(
                key,
                window,
                dict(zip(names, row.tolist(), strict=True)),
                due[key].complete_ns - STANDS_AFTER_NS,
            )
            for (key, window), row in zip(found.items(), scores, strict=True)
        }

    def forget(self, before_ns: int) -> None:
        """Drop the onsets of days that ended before a time."""
        for at in [at for at in self._days if at[1] + DAY_NS <= before_ns]:
            del self._days[at]

    def _is_due(self, key: ChannelSetId, recorded: Recorded) -> bool:
        edge = self._edges.get(key)
        if edge is None or recorded.has_ended or recorded.complete_ns <= edge.settled_ns:
            return False
        if recorded.complete_ns - edge.looked_ns < _STEP_NS:
            return False
        edge.looked_ns = recorded.complete_ns
        return True

    def _task(self, key: ChannelSetId, recorded: Recorded) -> Task | None:
        """The window of the grid that is not complete and has most samples."""
        window_ns, hop_ns = self._grid.window_ns, self._grid.hop_ns
        start_ns = (recorded.complete_ns - window_ns // 2) // hop_ns * hop_ns
        day = next((d for d in recorded.days if d.day_ns == day_of(start_ns)), None)
        if day is None:
            return None
        found = [r for r in day.recordings(window_ns) if r.start_ns < recorded.complete_ns]
        if not found or found[-1].end_ns < recorded.complete_ns - STANDS_AFTER_NS:
            return None
        last = found[-1]
        # It reaches beyond what has come, as if the rest were a gap.
        end_ns = max(last.end_ns, start_ns + window_ns)
        recording = Recording(last.start_ns, end_ns, last.tolerance_ns)
        return Task(key, day.spans, recording, [start_ns])

    def _scores(self, windows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        size = self.config.batch_size or self.classifier.engine.batch_size
        batches = (windows[first : first + size] for first in range(0, len(windows), size))
        return np.concatenate([self.classifier.probabilities(np.stack(b)) for b in batches])

    def _look(
        self,
        key: ChannelSetId,
        unfinished: WindowRecord | None,
        recorded: Recorded,
        finder: OnsetFinder,
    ) -> int | None:
        """Find the onsets of a channel set that are not settled; time of the first new one."""
        edge = self._edges[key]
        until_ns = recorded.complete_ns - STANDS_AFTER_NS
        unseen_ns = max(edge.settled_ns, edge.seen_ns)
        edge.seen_ns = max(edge.seen_ns, until_ns)
        start_ns = until_ns if unfinished is None else parse_time(unfinished.start)
        # More has come at once than the last window shows, as at the start of a run.
        has_gap = unseen_ns < start_ns
        since_ns = unseen_ns if has_gap else max(start_ns, edge.settled_ns)
        interval = since_ns, until_ns + 1
        onsets: list[Onset] = []
        has_events = False
        for day in self._reaching(recorded.days, interval):
            rows = self._near(key, day.day_ns, interval) if has_gap else []
            if unfinished is not None and day.day_ns == day_of(start_ns):
                rows.append(unfinished)
            if any(event_probability(row) >= LOOK_FROM for row in rows):
                has_events = True
                onsets += finder.find(day, rows)
        if not has_events:
            return None
        found = [o for o in onsets if not o.is_emergent and since_ns <= o.time_ns <= until_ns]
        kept = [o for o in edge.preliminary if o.time_ns < since_ns]
        before, edge.preliminary = edge.preliminary, [*kept, *found]
        return None if edge.preliminary == before else since_ns


def _unfinished_record(
    key: ChannelSetId, window: Window, probabilities: Mapping[str, float], until_ns: int
) -> WindowRecord:
    """What a window says of which not all has come, and of what comes before a time."""
    return WindowRecord(
        id=str(key),
        start=format_time(window.start_ns),
        end=format_time(max(until_ns, window.start_ns + 1)),
        label=None,
        status="uncertain",
        probabilities=probabilities,
        coverage=window.coverage,
        components=window.components,
        sampling_rate_hz=window.sampling_rate_hz,
        flags=window.flags,
        model="",
    )


def _settled_until(recorded: Recorded) -> int:
    """End of the last cell of which all samples have come."""
    if recorded.has_ended:
        return -(-recorded.complete_ns // CELL_NS) * CELL_NS + CELL_NS
    return (recorded.complete_ns - SETTLED_AFTER_NS) // CELL_NS * CELL_NS


class _Until:
    """A source of which nothing is there after a time, another one for each channel set."""

    def __init__(self, source: Source, until_ns: Mapping[ChannelSetId, int]) -> None:
        self._source, self._until_ns = source, until_ns
        self.problems = source.problems

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        return self._source.spans()

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        until_ns = self._until_ns[channel_set]
        segments = self._source.read(spans, channel_set, start_ns, min(end_ns, until_ns))
        return [cut for segment in segments if (cut := _cut(segment, until_ns)) is not None]


def _cut(segment: Segment, until_ns: int) -> Segment | None:
    """What of a segment comes before a time."""
    n = round((until_ns - segment.start_ns) * segment.sampling_rate_hz / NS_PER_S)
    if n >= len(segment.samples):
        return segment
    if n <= 0:
        return None
    return Segment(
        segment.code,
        segment.start_ns,
        segment.sampling_rate_hz,
        segment.samples[:n],
        segment.source,
    )
