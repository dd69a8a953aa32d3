"""Find events and write probability traces with the windows that a classifier judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.events import Event, EventOptions, Onset
from quake.events.station_count import counting_stations
from quake.inference.classifier import Classifier as WindowClassifier
from quake.inference.config import PredictConfig
from quake.inference.event_options import event_options
from quake.inference.records import WindowRecord
from quake.results.classification import Classification
from quake.results.nothing import refuse_nothing
from quake.results.records import Events, Records
from quake.results.stations import Stations, read_stations
from quake.results.waveform_inputs import Waveforms, waveform_source
from quake.waveforms.sources import Source, select

if TYPE_CHECKING:
    from obspy import Stream


class Classifier(WindowClassifier):
    """Says of each window of a record how probable each class is, and finds events in records.

    Parameters
    ----------
    model : path of a model file, or of an ONNX file that `quake export` wrote
    device : {"auto", "cpu", "cuda"}
    engine : {"auto", "onnx", "torch", "openvino"}
    threads : int, optional
        Of the CPU; as many as this process may use by default.

    Raises
    ------
    ModelError
        If the file is missing, damaged or incompatible.
    ParameterError
        If the device or the engine is not there.

    Notes
    -----
    `from_pretrained`, `annotate` and `classify` are called as those of SeisBench's models are.
    """

    @classmethod
    def from_pretrained(cls, name: str | Path = "b0", **options: Any) -> Classifier:
        """Open a model by its name, path or address.

        Parameters
        ----------
        name : str or Path
            Of a bundled or installed model, of a file, or an address with a hash, which is fetched
            once: see `quake.model_file.remote.fetch_model`.
        **options
            `device`, `engine` and `threads`.

        Raises
        ------
        ModelError
            If there is no such model, it cannot be fetched, or it is damaged.
        ParameterError
            If an address has no hash, or an option makes no sense.
        """
        from quake.model_file.registry import find_model

        return cls(find_model(name, may_download=True), **options)

    def records(
        self, waveforms: Waveforms, *, inventory: str | Path | None = None, **options: Any
    ) -> Records:
        """Classify all windows, and keep the records in memory.

        Parameters
        ----------
        waveforms : ObsPy stream, path, folder, pattern, or several of the latter
        inventory : path of a StationXML file, optional
            Turns components to true Z, N, E.
        **options
            Those of `quake.inference.classifier.PredictConfig`: `overlap`, `min_coverage`,
            `thresholds`, `channels`, `batch_size`.

        Raises
        ------
        ParameterError
            If an option makes no sense.
        WaveformError
            If an ObsPy stream has no trace that can be used, or the inventory cannot be read.
        """
        config, stations = PredictConfig(**options), read_stations(inventory)
        prediction = self.predict_source(waveform_source(waveforms), config, stations.orientations)
        found = tuple(prediction)
        names = self.card.labels.names
        return Records(found, names, prediction.summary, prediction.problems)

    def annotate(
        self, stream: Waveforms, *, inventory: str | Path | None = None, **options: Any
    ) -> Stream:
        """Write the probabilities of windows as traces, one a class.

        Parameters
        ----------
        stream : ObsPy stream, or what else `records` takes
            It is not changed.
        inventory, **options
            See `records`. With more overlap, traces have more samples: the step between two
            windows is the interval of the traces.

        Returns
        -------
        Stream
            See `quake.results.probability_stream.probability_stream`.

        Raises
        ------
        ParameterError
            If an option makes no sense.
        WaveformError
            As `records`; also if nothing of the input can be used. The log says of a part why not.
        """
        from quake.results.probability_stream import probability_stream

        records = self.records(stream, inventory=inventory, **options)
        refuse_nothing(records)
        hop_ns = PredictConfig(**options).grid(self.card).hop_ns
        return probability_stream(records, self.card.labels.names, hop_ns)

    def classify(
        self,
        stream: Waveforms,
        *,
        event_thresholds: Mapping[str, float] | None = None,
        min_snr_db: float | None = None,
        min_stations: int | None = None,
        within_s: float | None = None,
        inventory: str | Path | None = None,
        **options: Any,
    ) -> Classification:
        """Find events: onsets with a class, where windows speak of one.

        Parameters
        ----------
        stream : ObsPy stream, or what else `records` takes
        event_thresholds : mapping of class to float, optional
            Probability from which on an onset is an event of that class; the key "" stands for
            all classes. Those of the windows by default.
        min_snr_db, min_stations, within_s : optional
            See `quake.events.EventOptions`.
        inventory : path of a StationXML file, optional
            Turns components to true Z, N, E, and says how far stations are apart and how large
            peaks are in m/s.
        **options
            See `records`.

        Returns
        -------
        Classification
            With `events`, `picks`, `detections` and `records`.

        Raises
        ------
        ParameterError
            If an option makes no sense, or the model knows no class of `event_thresholds`.
        WaveformError
            As `records`; also if nothing of the input can be used. The log says of a part why not.
        """
        config = PredictConfig(**options)
        chosen = event_options(
            self.card,
            event_thresholds,
            min_snr_db=min_snr_db,
            min_stations=min_stations,
            within_s=within_s,
        )
        walk = _Walk(self, waveform_source(stream), config, read_stations(inventory))
        events = walk.events(chosen)
        names = self.card.labels.names
        records = Records(walk.records, names, problems=walk.source.problems)
        refuse_nothing(records)
        return Classification(f"quake {self.hash}", Events(events, names), records)


class _Walk:
    """Goes through the station-days of a source once, for windows and for onsets."""

    def __init__(
        self, classifier: Classifier, source: Source, config: PredictConfig, stations: Stations
    ) -> None:
        self.classifier, self.source, self.config = classifier, source, config
        self.stations = stations
        self.records: list[WindowRecord] = []

    def events(self, options: EventOptions) -> list[Event]:
        """Events of all onsets."""
        return self.stations.facts.events(counting_stations(self._onsets(), options), options)

    def _onsets(self) -> Iterator[Onset]:
        from quake.inference.onsets import OnsetFinder
        from quake.windows.station_days import station_days

        classifier, config = self.classifier, self.config
        orientations = self.stations.orientations
        finder = OnsetFinder(classifier, self.source, config, orientations)
        chosen, _ = select(self.source.spans(), config.channels)
        for day in station_days(chosen, config.grid(classifier.card)):
            found = list(classifier.predict_days([day], self.source, config, orientations))
            self.records += found
            yield from finder.find(day, found)
