"""Classify the windows of a source while somebody iterates over them, and keep the books."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quake.inference.batches import Batch, batches
from quake.inference.config import PredictConfig
from quake.inference.coverage import Coverage
from quake.inference.read_ahead import ReadAhead
from quake.inference.records import WindowRecord, window_record
from quake.inference.summary import Summary
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.sources import Problem, Source, select
from quake.windows.grid import Window
from quake.windows.station_days import StationDay, station_days
from quake.windows.task_cutter import TaskCutter
from quake.windows.tasks import Task, tasks_of

if TYPE_CHECKING:
    from quake.inference.classifier import Classifier
    from quake.stations.orientation import Orientations


class Prediction:
    """Window records, made while they are iterated over.

    By channel set in the order of their names, and by time within one.

    Attributes
    ----------
    summary : Summary
        Grows with the iteration; its seconds are there at the end of it.
    coverage : dict of ChannelSetId to Coverage
    problems : list of Problem
        Inputs, or parts of them, that could not be used; grows with the iteration.
    """

    def __init__(
        self,
        classifier: Classifier,
        source: Source,
        config: PredictConfig,
        orientations: Orientations | None = None,
        on_seconds: Callable[[float, float], None] = lambda done_s, total_s: None,
        *,
        days: Sequence[StationDay] | None = None,
        tasks: Iterable[Task] | None = None,
    ) -> None:
        card = classifier.card
        self.summary = Summary()
        self.coverage: dict[ChannelSetId, Coverage] = {}
        self._classifier = classifier
        self._source = source
        self._config = config
        self._on_seconds = on_seconds
        self._days = days
        self._tasks = tasks
        self._left_out: list[Problem] = []
        self._thresholds = classifier.thresholds(config)
        self._grid = config.grid(card)
        self._cutter = TaskCutter(source, card.preprocessing, config.min_coverage, orientations)

    @property
    def problems(self) -> list[Problem]:
        """What could not be used so far."""
        return self._source.problems + self._left_out

    def __iter__(self) -> Iterator[WindowRecord]:
        """Read, cut and classify."""
        tasks = self._chosen()
        self.summary = Summary(channel_sets=len({task.id for task in tasks}))
        n_windows, n_done = sum(len(task.starts_ns) for task in tasks), 0
        total_s = sum(coverage.seconds().input_s for coverage in self.coverage.values())
        engine = self._classifier.engine
        cut = ((task, window) for task in tasks for window in self._cutter.windows(task))
        full = batches(cut, self._config.batch_size or engine.batch_size)
        n_threads = engine.n_parallel if self._classifier.reads_ahead else 0
        with ReadAhead(full, self._scores, n_threads) as scored:
            for batch, rows in scored:
                for (task, window), scores in zip(batch, rows, strict=True):
                    record = self._record(window, scores)
                    self._count(task, record, window)
                    yield record
                    n_done += 1
                    self._on_seconds(total_s * n_done / n_windows, total_s)
        self.summary.close(self.coverage.values())

    def windows(self) -> Iterator[Window]:
        """Read and cut the windows, without classifying them.

        Yields
        ------
        Window
            In the order of the records; the network sees those with the status "usable".
        """
        for task in self._chosen():
            yield from self._cutter.windows(task)

    def _chosen(self) -> list[Task]:
        """The tasks that were given, or all windows of the station-days that there are."""
        if self._tasks is not None:
            return list(self._tasks)
        days = self._days
        if days is None:
            found, self._left_out = select(self._source.spans(), self._config.channels)
            days = list(station_days(found, self._grid))
        for day in days:
            coverage = self.coverage.setdefault(day.id, Coverage())
            coverage.merge(Coverage(input=day.input(self._grid.window_ns)))
        return list(tasks_of(days, self._grid))

    def _scores(self, batch: Batch) -> list[NDArray[np.float64] | None]:
        """Run the network on the usable windows of a batch; None for the others."""
        usable = [window.samples for _, window in batch if window.status == "usable"]
        scores = iter(self._classifier.engine.probabilities(np.stack(usable)) if usable else ())
        return [next(scores) if window.status == "usable" else None for _, window in batch]

    def _record(self, window: Window, scores: NDArray[np.float64] | None) -> WindowRecord:
        names = self._classifier.card.labels.names
        return window_record(window, scores, names, self._thresholds, self._classifier.hash)

    def _count(self, task: Task, record: WindowRecord, window: Window) -> None:
        """Keep the books: what was said of how many windows, and which seconds they cover."""
        self.summary.windows[record.status] += 1
        if record.label is not None:
            self.summary.labels[record.label] += 1
        coverage = self.coverage.setdefault(task.id, Coverage())
        coverage.add_window(task.recording, window.start_ns, window.end_ns, record.status)
