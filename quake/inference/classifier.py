"""The classifier: a model file and waveforms in, one record a window out, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quake.checkpoint import ModelCard, model_hash
from quake.data.join import join_segments
from quake.data.labels import LabelSet
from quake.data.source import ArraySource, FileSource, Problem, Source, StreamSource, select
from quake.data.times import format_time
from quake.data.waveform import (
    COMPONENTS,
    NS_PER_S,
    ChannelSet,
    ChannelSetId,
    Span,
    component_map,
)
from quake.data.windows import Record, Window, WindowGrid, cut, records
from quake.errors import ParameterError
from quake.inference.records import WindowRecord
from quake.inference.summary import RecordTally, Summary

if TYPE_CHECKING:
    from obspy import Stream

    from quake.data.orientation import Orientations

# Samples of a component that are in memory at a time: six hours at 100 Hz.
_BLOCK_SAMPLES = 2_160_000
_LONGEST_BLOCK_S = 86_400

BATCH_SIZE = 32
OVERLAP = 0.5
MIN_COVERAGE = 0.7


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
    channels : patterns of channel sets, see `quake.data.source.select`
    batch_size : int
        Windows that the network takes at a time; does not change results.
    """

    overlap: float = OVERLAP
    min_coverage: float = MIN_COVERAGE
    thresholds: Mapping[str, float] | None = None
    channels: tuple[str, ...] = ()
    batch_size: int = BATCH_SIZE

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
        if self.batch_size < 1:
            raise ParameterError(f"batch_size must be 1 or more, got {self.batch_size}")


class Classifier:
    """Says of each window of a record how probable each class is.

    Parameters
    ----------
    model : path of a model file
    device : {"auto", "cpu", "cuda"}

    Attributes
    ----------
    card : ModelCard
        All that is in the file but the weights.
    hash : str
        First twelve digits of the file's SHA-256.

    Raises
    ------
    ModelError
        If the file is missing, damaged or incompatible.
    ParameterError
        If the device is not there.

    Examples
    --------
    >>> from quake.registry import find_model
    >>> classifier = Classifier(find_model(backbone="b0"))
    >>> silence = np.zeros((3, 6000))
    >>> [record.status for record in classifier.predict_array(silence, sampling_rate_hz=100)]
    ['no_data']
    """

    def __init__(self, model: str | Path, device: str = "auto") -> None:
        from quake.inference.torch_engine import TorchEngine

        self.hash = model_hash(model)
        self._engine = TorchEngine(model, device)
        self.card: ModelCard = self._engine.card

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
            Of `quake.data.orientation.read_orientations`; components are then turned to true
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

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (B, K) of windows (B, 3, N) that are cut and resampled already."""
        return self._engine.probabilities(windows)


class Prediction:
    """Window records, made while they are iterated over.

    By channel set in the order of their names, and by time within one.

    Attributes
    ----------
    summary : Summary
        Grows with the iteration.
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
    ) -> None:
        self.summary = Summary()
        self._classifier = classifier
        self._source = source
        self._config = config
        self._orientations = orientations
        self._on_seconds = on_seconds
        self._left_out: list[Problem] = []
        self._thresholds = _thresholds(classifier.card, config.thresholds or {})

    @property
    def problems(self) -> list[Problem]:
        """What could not be used so far."""
        return self._source.problems + self._left_out

    def __iter__(self) -> Iterator[WindowRecord]:
        """Read, cut and classify."""
        found, self._left_out = select(self._source.spans(), self._config.channels)
        self.summary = Summary(channel_sets=len(found))
        preprocessing = self._classifier.card.preprocessing
        grid = WindowGrid.from_overlap(preprocessing.window_s, self._config.overlap)
        plan = [
            (key, spans, record)
            for key, spans in found.items()
            for record in records(spans, preprocessing.window_ns)
        ]
        total_s = sum(record.end_ns - record.start_ns for *_, record in plan) / NS_PER_S
        for key, spans, record in plan:
            tally = RecordTally(record.start_ns, record.end_ns, record.tolerance_ns)
            for result, window in self._classify(self._windows(key, spans, record, grid)):
                tally.add(window.start_ns, window.end_ns, result.status)
                self._count(result)
                yield result
                done_s = (window.end_ns - record.start_ns) / NS_PER_S
                self._on_seconds(self.summary.input_s + done_s, total_s)
            tally.close(self.summary)

    def _count(self, result: WindowRecord) -> None:
        self.summary.windows[result.status] += 1
        if result.label is not None:
            self.summary.labels[result.label] += 1

    def _windows(
        self, key: ChannelSetId, spans: list[Span], record: Record, grid: WindowGrid
    ) -> Iterator[Window]:
        """Cut the windows of one record, reading block by block."""
        spans = [s for s in spans if s.start_ns < record.end_ns and s.end_ns > record.start_ns]
        mapping = component_map(spans)
        rates_hz = [span.sampling_rate_hz for span in spans]
        block_ns = round(min(_LONGEST_BLOCK_S, _BLOCK_SAMPLES / max(rates_hz)) * NS_PER_S)
        block_ns = max(block_ns, grid.window_ns)
        margin_ns = round(2 * NS_PER_S / min(rates_hz))
        starts = grid.starts(record.start_ns, record.end_ns, record.tolerance_ns)
        for _, block in groupby(starts, key=lambda start: start // block_ns):
            block_starts = list(block)
            begin = block_starts[0] - margin_ns
            end = block_starts[-1] + grid.window_ns + margin_ns
            channel_set = self._read(key, mapping, spans, begin, end)
            for start in block_starts:
                yield self._cut(channel_set, mapping, start)
            del channel_set  # or two blocks would be in memory while the next one is read

    def _read(
        self,
        key: ChannelSetId,
        mapping: Mapping[str, str],
        spans: list[Span],
        begin_ns: int,
        end_ns: int,
    ) -> ChannelSet:
        here = [s for s in spans if s.start_ns < end_ns and s.end_ns > begin_ns]
        segments = self._source.read(here, key, begin_ns, end_ns)
        return ChannelSet(
            key,
            {
                component: join_segments(s for s in segments if mapping.get(s.code) == component)
                for component in COMPONENTS
            },
        )

    def _cut(self, channel_set: ChannelSet, mapping: Mapping[str, str], start_ns: int) -> Window:
        preprocessing = self._classifier.card.preprocessing
        rotation = None
        if self._orientations is not None:
            rotation = self._orientations.rotation(channel_set.id, mapping, start_ns)
            channel_set = replace(channel_set, rotation=rotation)
        window = cut(channel_set, start_ns, preprocessing, self._config.min_coverage)
        if self._orientations is not None and rotation is None:
            window = replace(window, flags=(*window.flags, "not_rotated"))
        return window

    def _classify(self, windows: Iterator[Window]) -> Iterator[tuple[WindowRecord, Window]]:
        """Run the network on batches of usable windows; all come out in their order."""
        for batch in _batches(windows, self._config.batch_size):
            usable = [window.samples for window in batch if window.status == "usable"]
            scores = iter(self._classifier.probabilities(np.stack(usable)) if usable else ())
            for window in batch:
                yield (
                    self._record(window, next(scores) if window.status == "usable" else None),
                    window,
                )

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


def _batches(windows: Iterator[Window], size: int) -> Iterator[list[Window]]:
    """Lists that end with the `size`-th usable window, or with the windows."""
    batch: list[Window] = []
    n_usable = 0
    for window in windows:
        batch.append(window)
        n_usable += window.status == "usable"
        # Unusable windows wait with the others for their turn, but not without end.
        if n_usable == size or len(batch) == 8 * size:
            yield batch
            batch, n_usable = [], 0
    if batch:
        yield batch


def _thresholds(card: ModelCard, chosen: Mapping[str, float]) -> Sequence[float]:
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
