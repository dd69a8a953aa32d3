"""Classify waveforms with a model file, window by window, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quake.classes import LabelSet
from quake.errors import ParameterError
from quake.inference.coverage import Coverage
from quake.inference.engine import Engine, open_engine
from quake.inference.read_ahead import ReadAhead
from quake.inference.records import WindowRecord
from quake.inference.summary import Summary
from quake.model_file.card import ModelCard
from quake.model_file.identity import model_hash
from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.joining import disputed_intervals, join_segments
from quake.waveforms.segments import ChannelSet, Span, component_map
from quake.waveforms.sources import ArraySource, FileSource, Problem, Source, StreamSource, select
from quake.waveforms.times import NS_PER_S, format_time
from quake.windows.cutting import Stretch
from quake.windows.grid import MIN_COVERAGE, Record, Window, WindowGrid
from quake.windows.station_days import DAY_NS, StationDay, station_days

if TYPE_CHECKING:
    from obspy import Stream

    from quake.stations.orientation import Orientations

# Samples of a component that are in memory at a time: three hours at 100 Hz.
_BLOCK_SAMPLES = 1_080_000

_MINUTE_NS = 60 * NS_PER_S

# Enough to share what is done for many at once, few enough to stay in the processor's caches.
_WINDOWS_AT_A_TIME = 32

OVERLAP = 0.5


@dataclass(frozen=True)
class PredictConfig:
    """What may be chosen when a model is applied; all else is in the model file.

    Attributes
    ----------
    overlap : float
        Share of a window that the next one repeats, at least 0 and below 1.
    min_coverage : float
        Components with data in a smaller share of the window are not used.
    thresholds : mapping of class to float
        Replace those of the model file; the key "" stands for all classes.
    channels : patterns of channel sets, see `quake.waveforms.sources.select`
    batch_size : int, optional
        Windows that the network takes at a time; as the engine likes by default. Does not change
        results.
    """

    overlap: float = OVERLAP
    min_coverage: float = MIN_COVERAGE
    thresholds: Mapping[str, float] | None = None
    channels: tuple[str, ...] = ()
    batch_size: int | None = None

    def grid(self, card: ModelCard) -> WindowGrid:
        """Where the windows of a model lie."""
        return WindowGrid.from_overlap(card.preprocessing.window_s, self.overlap)

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        ParameterError
        """
        if not 0 <= self.overlap < 1:
            raise ParameterError(f"overlap must be at least 0 and below 1, got {self.overlap:g}")
        if not 0 <= self.min_coverage <= 1:
            raise ParameterError(f"min_coverage must be from 0 to 1, got {self.min_coverage:g}")
        for name, value in (self.thresholds or {}).items():
            if not 0 <= value <= 1:
                raise ParameterError(
                    f"threshold{' of ' + name if name else ''} must be from 0 to 1, got {value:g}"
                )
        if self.batch_size is not None and self.batch_size < 1:
            raise ParameterError(f"batch_size must be 1 or more, got {self.batch_size}")


@dataclass(frozen=True)
class Task:
    """Windows of one record: their starts, ns since the epoch, and the spans near them."""

    id: ChannelSetId
    spans: Sequence[Span]
    record: Record
    starts_ns: Sequence[int]


# Windows, each with the number of its task.
_Batch = list[tuple[int, Window]]


class Classifier:
    """Says of each window of a record how probable each class is.

    Parameters
    ----------
    model : path of a model file, or of an ONNX file that `quake export` wrote
    device : {"auto", "cpu", "cuda"}
    engine : {"auto", "onnx", "torch", "openvino"}
        "auto" is torch on CUDA and ONNX Runtime on the CPU; see `quake.inference.engine`.
    threads : int, optional
        Of the CPU; as many as this process may use by default.

    Attributes
    ----------
    card : ModelCard
        All that is in the file but the weights.
    hash : str
        First twelve digits of the file's SHA-256.
    reads_ahead : bool
        Whether reading goes on beside the network; not with one thread, which is one.

    Raises
    ------
    ModelError
        If the file is missing, damaged or incompatible.
    ParameterError
        If the device or the engine is not there.

    Examples
    --------
    >>> from quake.model_file.registry import find_model
    >>> classifier = Classifier(find_model(backbone="b0"))
    >>> silence = np.zeros((3, 6000))
    >>> [record.status for record in classifier.predict_array(silence, sampling_rate_hz=100)]
    ['no_data']
    """

    def __init__(
        self,
        model: str | Path,
        device: str = "auto",
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.hash = model_hash(model)
        self.reads_ahead = threads != 1
        self.engine: Engine = open_engine(model, engine, device, threads)
        self.card: ModelCard = self.engine.card

    def predict(
        self,
        waveforms: str | Path | Iterable[str | Path] | Stream,
        config: PredictConfig | None = None,
        orientations: Orientations | None = None,
    ) -> Prediction:
        """Classify the windows of files or of an ObsPy stream.

        Parameters
        ----------
        waveforms : path, paths or Stream
        config : PredictConfig, optional
        orientations : Orientations, optional
            Of `quake.stations.orientation.read_orientations`; components are then turned to true
            Z, N, E.

        Returns
        -------
        Prediction
            To be iterated over; nothing is read before.
        """
        return Prediction(self, _source(waveforms), config or PredictConfig(), orientations)

    def predict_source(
        self,
        source: Source,
        config: PredictConfig | None = None,
        orientations: Orientations | None = None,
        on_seconds: Callable[[float, float], None] = lambda done_s, total_s: None,
    ) -> Prediction:
        """Classify the windows of any source; `on_seconds` hears of (done, total) seconds."""
        return Prediction(self, source, config or PredictConfig(), orientations, on_seconds)

    def predict_days(
        self,
        days: Sequence[StationDay],
        source: Source,
        config: PredictConfig | None = None,
        orientations: Orientations | None = None,
        on_seconds: Callable[[float, float], None] = lambda done_s, total_s: None,
    ) -> Prediction:
        """Classify the windows of station-days, which `source` can read; it is not scanned."""
        return Prediction(
            self, source, config or PredictConfig(), orientations, on_seconds, days=days
        )

    def predict_tasks(
        self,
        tasks: Iterable[Task],
        source: Source,
        config: PredictConfig | None = None,
        orientations: Orientations | None = None,
    ) -> Prediction:
        """Classify the windows that are asked for, and no others."""
        return Prediction(self, source, config or PredictConfig(), orientations, tasks=tasks)

    def predict_array(
        self,
        waveforms: NDArray[Any],
        sampling_rate_hz: float,
        start: str = "1970-01-01T00:00:00Z",
        components: str = "ZNE",
        config: PredictConfig | None = None,
    ) -> Prediction:
        """Classify the windows of an array of shape (C, N), one row a component.

        Raises
        ------
        ParameterError
            If shape, rate or components do not fit together.
        """
        source = ArraySource(waveforms, sampling_rate_hz, start, components)
        return Prediction(self, source, config or PredictConfig())

    def thresholds(self, config: PredictConfig) -> Sequence[float]:
        """Thresholds in the order of the classes: of the model file, or those chosen.

        Raises
        ------
        LabelError
            If one is given for a class that the model does not know.
        """
        return effective_thresholds(self.card, config.thresholds or {})

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (B, K) of windows (B, 3, N) that are cut and resampled already."""
        return self.engine.probabilities(windows)


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
        self.summary = Summary()
        self.coverage: dict[ChannelSetId, Coverage] = {}
        self._classifier = classifier
        self._source = source
        self._config = config
        self._orientations = orientations
        self._on_seconds = on_seconds
        self._days = days
        self._tasks = tasks
        self._left_out: list[Problem] = []
        self._thresholds = classifier.thresholds(config)
        self._grid = config.grid(classifier.card)

    @property
    def problems(self) -> list[Problem]:
        """What could not be used so far."""
        return self._source.problems + self._left_out

    def __iter__(self) -> Iterator[WindowRecord]:
        """Read, cut and classify."""
        tasks = self._chosen()
        self.summary = Summary(channel_sets=len({task.id for task in tasks}))
        n_windows, n_done = sum(len(task.starts_ns) for task in tasks), 0
        total_s = self._input_s()
        engine = self._classifier.engine
        batches = _batches(self._windows(tasks), self._config.batch_size or engine.batch_size)
        n_threads = engine.n_parallel if self._classifier.reads_ahead else 0
        with ReadAhead(batches, self._scores, n_threads) as scored:
            for batch, scores in scored:
                for (number, window), row in zip(batch, scores, strict=True):
                    result = self._record(window, row)
                    self._count(tasks[number], window, result)
                    yield result
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
            yield from self._windows_of_task(task)

    def _chosen(self) -> list[Task]:
        return self._plan() if self._tasks is None else list(self._tasks)

    def _plan(self) -> list[Task]:
        """Divide what there is into station-days, and these into tasks."""
        days = self._days
        if days is None:
            found, self._left_out = select(self._source.spans(), self._config.channels)
            days = list(station_days(found, self._grid))
        for day in days:
            coverage = self.coverage.setdefault(day.id, Coverage())
            coverage.merge(Coverage(input=day.input(self._grid.window_ns)))
        return [
            Task(day.id, day.spans, record, starts)
            for day in days
            for record, starts in day.windows(self._grid)
        ]

    def _input_s(self) -> float:
        return sum(coverage.seconds().input_s for coverage in self.coverage.values())

    def _count(self, task: Task, window: Window, result: WindowRecord) -> None:
        self.summary.windows[result.status] += 1
        if result.label is not None:
            self.summary.labels[result.label] += 1
        coverage = self.coverage.setdefault(task.id, Coverage())
        coverage.add_window(task.record, window.start_ns, window.end_ns, result.status)

    def _windows(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Window]]:
        """Cut the windows of all tasks, each with the number of its task."""
        for number, task in enumerate(tasks):
            for window in self._windows_of_task(task):
                yield number, window

    def _windows_of_task(self, task: Task) -> Iterator[Window]:
        """Cut the windows of one task, reading block by block."""
        preprocessing, record = self._classifier.card.preprocessing, task.record
        spans = [s for s in task.spans if s.start_ns < record.end_ns and s.end_ns > record.start_ns]
        mapping = component_map(spans)
        model_rate_hz = preprocessing.sampling_rate_hz
        rates_hz = sorted({span.sampling_rate_hz for span in spans if span.code in mapping})
        block_ns = max(_block_ns(max(rates_hz)), self._grid.window_ns)
        margin_ns = round(2 * NS_PER_S / min(rates_hz))
        for _, block in groupby(
            task.starts_ns, key=lambda start: (start // DAY_NS, start % DAY_NS // block_ns)
        ):
            block_starts = list(block)
            end_ns = block_starts[-1] + self._grid.window_ns
            channel_set = self._read(
                task.id, mapping, spans, block_starts[0] - margin_ns, end_ns + margin_ns
            )
            for origin_ns, some in _stretches(block_starts, rates_hz, model_rate_hz):
                last_ns = some[-1] + self._grid.window_ns
                stretch = Stretch(channel_set, origin_ns, last_ns, preprocessing)
                for first in range(0, len(some), _WINDOWS_AT_A_TIME):
                    windows = self._cut(stretch, mapping, some[first : first + _WINDOWS_AT_A_TIME])
                    yield from (_with_disputes(window, channel_set) for window in windows)
            del channel_set, stretch  # or two blocks would be in memory while one is read

    def _read(
        self,
        key: ChannelSetId,
        mapping: Mapping[str, str],
        spans: Sequence[Span],
        begin_ns: int,
        end_ns: int,
    ) -> ChannelSet:
        here = [s for s in spans if s.start_ns < end_ns and s.end_ns > begin_ns]
        segments = self._source.read(here, key, begin_ns, end_ns)
        by_component = {
            component: [s for s in segments if mapping.get(s.code) == component]
            for component in COMPONENTS
        }
        return ChannelSet(
            key,
            {component: join_segments(some) for component, some in by_component.items()},
            disputed={
                component: intervals
                for component, some in by_component.items()
                if (intervals := disputed_intervals(some))
            },
        )

    def _cut(
        self, stretch: Stretch, mapping: Mapping[str, str], starts_ns: Sequence[int]
    ) -> list[Window]:
        if self._orientations is None:
            return stretch.windows(starts_ns, self._config.min_coverage)
        rotations = [
            self._orientations.rotation(stretch.channel_set.id, mapping, start_ns)
            for start_ns in starts_ns
        ]
        return [
            window
            if rotation is not None
            else replace(window, flags=(*window.flags, "not_rotated"))
            for window, rotation in zip(
                stretch.windows(starts_ns, self._config.min_coverage, rotations),
                rotations,
                strict=True,
            )
        ]

    def _scores(self, batch: _Batch) -> list[NDArray[np.float64] | None]:
        """Run the network on the usable windows of a batch; None for the others."""
        usable = [window.samples for _, window in batch if window.status == "usable"]
        scores = iter(self._classifier.probabilities(np.stack(usable)) if usable else ())
        return [next(scores) if window.status == "usable" else None for _, window in batch]

    def _record(self, window: Window, scores: NDArray[np.float64] | None) -> WindowRecord:
        names = self._classifier.card.labels.names
        label, status = None, window.status
        if scores is not None:
            best = int(scores.argmax())
            label = names[best]
            status = "ok" if scores[best] >= self._thresholds[best] else "uncertain"
        return WindowRecord(
            id=str(window.id),
            start=format_time(window.start_ns),
            end=format_time(window.end_ns),
            label=label,
            status=status,
            probabilities=(
                {} if scores is None else dict(zip(names, scores.round(6).tolist(), strict=True))
            ),
            coverage=window.coverage,
            components=window.components,
            sampling_rate_hz=window.sampling_rate_hz,
            flags=window.flags,
            model=self._classifier.hash,
        )


def _with_disputes(window: Window, channel_set: ChannelSet) -> Window:
    """Flag the components whose samples were cut out because files contradict each other."""
    flags = tuple(
        f"disputed:{component}"
        for component, intervals in channel_set.disputed.items()
        if any(a < window.end_ns and b > window.start_ns for a, b in intervals)
    )
    return replace(window, flags=window.flags + flags) if flags else window


def _batches(windows: Iterator[tuple[int, Window]], size: int) -> Iterator[_Batch]:
    """Lists that end with the `size`-th usable window, or with the windows."""
    batch: _Batch = []
    n_usable = 0
    for number, window in windows:
        batch.append((number, window))
        n_usable += window.status == "usable"
        # Unusable windows wait with the others for their turn, but not without end.
        if n_usable == size or len(batch) == 8 * size:
            yield batch
            batch, n_usable = [], 0
    if batch:
        yield batch


def _block_ns(sampling_rate_hz: float) -> int:
    """Length of blocks: equal parts of a day, which begin and end where station-days do."""
    n_blocks = math.ceil(DAY_NS / NS_PER_S * sampling_rate_hz / _BLOCK_SAMPLES)
    return math.ceil(DAY_NS / n_blocks)


def _stretches(
    starts_ns: Sequence[int], rates_hz: Sequence[float], model_rate_hz: float
) -> list[tuple[int, list[int]]]:
    """Divide the windows of a block into stretches: the origin of each, and its windows.

    Minutes hold a whole number of samples of all usual rates; counted from one, samples are where
    they are counted from any other. For the other rates each window is a stretch of its own, or
    its samples would be rounded to other instants in another block. So is a window that begins
    between two samples of the model, or of the record: it would be rounded to one of them, and
    reach beyond its end into what may not be there.
    """
    stretches = []
    for fits, some in groupby(
        starts_ns, lambda s: _begins_with_samples(s, rates_hz, model_rate_hz)
    ):
        several = list(some)
        if fits:
            stretches.append((several[0] // _MINUTE_NS * _MINUTE_NS, several))
        else:
            stretches += [(start_ns, [start_ns]) for start_ns in several]
    return stretches


def _begins_with_samples(start_ns: int, rates_hz: Sequence[float], model_rate_hz: float) -> bool:
    """Whether there are samples of all rates, counted from the minute, at the start of a window."""
    since_s = start_ns % _MINUTE_NS / NS_PER_S
    return all(_is_whole(60 * rate_hz) for rate_hz in rates_hz) and all(
        _is_whole(since_s * rate_hz) for rate_hz in (*rates_hz, model_rate_hz)
    )


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-4


def effective_thresholds(card: ModelCard, chosen: Mapping[str, float]) -> Sequence[float]:
    """Thresholds in the order of the classes.

    Raises
    ------
    LabelError
        If one is given for a class that the model does not know.
    """
    labels: LabelSet = card.labels
    thresholds = list(card.calibration.thresholds)
    if "" in chosen:
        thresholds = [chosen[""]] * len(thresholds)
    for name, value in chosen.items():
        if name:
            thresholds[labels.index(name)] = value
    return thresholds


def _source(waveforms: str | Path | Iterable[str | Path] | Stream) -> Source:
    if isinstance(waveforms, str | Path):
        return FileSource([waveforms])
    if hasattr(waveforms, "traces"):
        return StreamSource(waveforms)
    return FileSource(waveforms)
