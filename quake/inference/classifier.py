"""Classify waveforms with a model file, window by window, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quake.inference.config import PredictConfig, effective_thresholds
from quake.inference.engine import Engine, open_engine
from quake.inference.prediction import Prediction
from quake.model_file.card import ModelCard
from quake.model_file.identity import model_hash
from quake.waveforms.sources import ArraySource, FileSource, Source, StreamSource
from quake.windows.station_days import StationDay
from quake.windows.tasks import Task

if TYPE_CHECKING:
    from obspy import Stream

    from quake.stations.orientation import Orientations


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


def _source(waveforms: str | Path | Iterable[str | Path] | Stream) -> Source:
    if isinstance(waveforms, str | Path):
        return FileSource([waveforms])
    if hasattr(waveforms, "traces"):
        return StreamSource(waveforms)
    return FileSource(waveforms)
