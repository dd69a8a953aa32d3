"""Run `quake predict` into one file or standard output."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import OutputError, ParameterError
from quake_cli.messages import Messages
from quake_cli.outputs import Destination, open_events, open_windows
from quake_cli.render.progress import ProgressBar
from quake_cli.render.window_table import TableWriter
from quake_cli.request import PredictRequest
from quake_cli.run_report import RunReport

if TYPE_CHECKING:
    from quake.events import Onset
    from quake.inference.classifier import Classifier
    from quake.inference.prediction import Prediction
    from quake.inference.records import WindowRecord
    from quake.pictures.album import Album
    from quake.waveforms.ids import ChannelSetId
    from quake.waveforms.segments import Segment, Span
    from quake.waveforms.sources import Problem, Source
    from quake.windows.station_days import StationDay
    from quake_cli.exits import Exit
    from quake_cli.inputs import Inputs


def run_stream(
    messages: Messages, request: PredictRequest, destination: Destination
) -> tuple[Exit, RunReport]:
    """Classify, write what comes out as it comes, and say how it went."""
    with tempfile.TemporaryDirectory(prefix="quake-") as spool, ProgressBar(messages) as bar:
        run = _Run(messages, request, destination, bar)
        do = run.windows if request.events is None else run.events
        return do(Path(spool)), run.report


class _Run:
    def __init__(
        self,
        messages: Messages,
        request: PredictRequest,
        destination: Destination,
        bar: ProgressBar,
    ) -> None:
        self.messages, self.request, self.destination, self.bar = (
            messages,
            request,
            destination,
            bar,
        )
        self.report: RunReport
        self.nothing_new: bool | None = None
        self.days: list[StationDay] = []
        self.source: Source
        self.classifier: Classifier | None = None
        self._last_onsets: tuple[StationDay, list[Onset]] | None = None

    def windows(self, spool: Path) -> Exit:
        card, config = self.request.model.card, self.request.config
        hop_ns = config.grid(card).hop_ns
        with open_windows(self.destination, card.labels.names, hop_ns) as writer:
            prediction = self._open(spool)
            if isinstance(writer, TableWriter):
                self._write_table(writer, prediction)
            else:
                for record in self._records(prediction):
                    if self.destination.is_terminal:
                        self.bar.close()  # the results show how far it is
                    writer.write(record)
            self.bar.close()
        return self._close(prediction)  # below what the writer draws at its end

    def _write_table(self, writer: TableWriter, prediction: Prediction | None) -> None:
        """Write what a terminal or a text file shows; a bar and a table never draw at once."""
        grid = self.request.config.grid(self.request.model.card)
        if self.destination.is_terminal:
            writer.expect(sum(len(starts) for day in self.days for _, starts in day.windows(grid)))
        for record in self._records(prediction):
            if self.destination.is_terminal and writer.shows(record):
                self.bar.hide()
            writer.write(record)

    def events(self, spool: Path) -> Exit:
        from quake.events.station_count import counting_stations
        from quake.events.station_facts import StationFacts, read_station_facts

        options = self.request.events
        assert options is not None
        facts = StationFacts()
        names = self.request.model.card.labels.names
        with open_events(self.destination, names, lambda: facts.sites) as found:
            prediction = self._open(spool)
            facts = read_station_facts(self.request.inventory)  # servers may have sent one
            onsets = self._onsets(prediction)
            if prediction is not None:
                onsets = counting_stations(onsets, options)
            found += facts.events(list(onsets), options)
            return self._close(prediction, n_events=len(found))

    def _onsets(self, prediction: Prediction | None) -> Iterator[Onset]:
        """Onsets of each station-day, found when its last window has gone by."""
        if prediction is None:
            return
        grid = self.request.config.grid(self.request.model.card)
        records = self._records(prediction)
        for day in self.days:
            n_windows = sum(len(starts) for _, starts in day.windows(grid))
            yield from self._onsets_of(day, list(islice(records, n_windows)))
        for _ in records:  # none are left; the prediction sums up at its end
            pass

    def _onsets_of(self, day: StationDay, records: Sequence[WindowRecord]) -> list[Onset]:
        """Onsets of a station-day; events and pictures ask for them, one after the other."""
        from quake.inference.onsets import OnsetFinder

        if self._last_onsets is None or self._last_onsets[0] is not day:
            assert self.classifier is not None
            config, orientations = self.request.config, self.request.orientations
            finder = OnsetFinder(self.classifier, self.source, config, orientations)
            self._last_onsets = day, finder.find(day, records)
        return self._last_onsets[1]

    def _open(self, spool: Path) -> Prediction | None:
        """Find and scan the files; None if there are none."""
        inputs = self.request.inputs.collect(spool)
        _spare_inputs(self.destination, inputs)
        self.report = RunReport(self.messages, inputs)
        self._take_stations(inputs, spool)
        if not inputs.n_sources:
            return None
        return self._prediction(inputs, spool, self.request.model.load())

    def _take_stations(self, inputs: Inputs, spool: Path) -> None:
        """Ask servers of waveforms for their stations; without an answer, nothing is turned."""
        from quake.errors import WaveformError

        try:
            self.request = self.request.with_stations(inputs, spool)
        except WaveformError as error:
            self.messages.warning(f"{error}; components are taken to be what they are named")

    def _prediction(self, inputs: Inputs, spool: Path, classifier: Classifier) -> Prediction:
        from quake.inputs.copies import copies_in
        from quake.inputs.findings import Findings
        from quake.inputs.selection import select_spans
        from quake.waveforms.sources import FileSource, clipped, select
        from quake.windows.station_days import station_days

        def scanned(n_files: int) -> None:
            self.report.show(source.problems)
            self.bar.update("reading headers", n_files, len(source.paths))

        copies = copies_in(spool, read_any=inputs.read_any)
        source = FileSource(inputs.sources, inputs.names, scanned, copies)
        wanted = self.request.inputs.selection
        found = source.spans()
        self.report.findings = Findings.of(found, source.remarks)
        self.bar.update("classifying", 0, 1)
        chosen, left_out = select(
            clipped(select_spans(found, wanted), wanted.start_ns, wanted.end_ns)
        )
        self.report.show(left_out)
        self.classifier = classifier
        grid = self.request.config.grid(self.request.model.card)
        self.days = list(self._new(inputs, station_days(chosen, grid)))
        is_bounded = self.request.inputs.newer_than_ns is not None
        self.nothing_new = (is_bounded and bool(found) and not self.days) or None
        self.source = self._source(source)
        return classifier.predict_days(
            self.days,
            self.source,
            self.request.config,
            self.request.orientations,
            lambda done_s, total_s: self.bar.update("classifying", done_s, total_s),
        )

    def _source(self, source: Source) -> Source:
        """What is read from: within the bounds, and by one at a time, where that is needed."""
        from quake.waveforms.sources import BoundedSource

        wanted = self.request.inputs.selection
        if wanted.start_ns is not None or wanted.end_ns is not None:
            source = BoundedSource(source, wanted.start_ns, wanted.end_ns)
        is_shared = self.request.album is not None or self.request.events is not None
        return _OneReader(source) if is_shared else source

    def _new(self, inputs: Inputs, days: Iterable[StationDay]) -> Iterator[StationDay]:
        """Days with a file that was modified lately, if that was asked for."""
        since_ns = self.request.inputs.newer_than_ns
        for day in days:
            files = {span.source for span in day.spans}
            if since_ns is None or any(inputs.is_newer(f, since_ns) for f in files):
                yield day

    def _records(self, prediction: Prediction | None) -> Iterator[WindowRecord]:
        if prediction is None:
            return
        records, album = iter(prediction), self.request.album
        for record in records if album is None else self._drawn(records, album):
            self.report.add(record, prediction.problems)
            yield record

    def _drawn(self, records: Iterator[WindowRecord], album: Album) -> Iterator[WindowRecord]:
        """Pass records on; draw a station-day when its last one has gone by."""
        grid = self.request.config.grid(self.request.model.card)
        for day in self.days:
            n_windows = sum(len(starts) for _, starts in day.windows(grid))
            kept = []
            for record in islice(records, n_windows):
                kept.append(record)
                yield record
            try:
                album.draw(self.source, day, kept, find_onsets=partial(self._onsets_of, day, kept))
            except OSError as error:
                raise OutputError(
                    f"{album.path_of(day)}: {error.strerror or error}; make room, or see to the "
                    "permissions, and run the same command again"
                ) from error
        yield from records  # none are left; the prediction sums up at its end

    def _close(self, prediction: Prediction | None, n_events: int | None = None) -> Exit:
        from quake.inference.summary import Summary

        self.bar.close()
        if prediction is None:
            return self.report.close(Summary(), events=n_events)
        channels = self.request.inputs.selection.channels
        return self.report.close(
            prediction.summary,
            prediction.problems,
            channels,
            events=n_events,
            nothing_new=self.nothing_new,
        )


class _OneReader:
    """A source that the classifier and pictures or onsets read from, never both at once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()

    @property
    def problems(self) -> list[Problem]:
        """Those of the source."""
        return self._source.problems

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """What there is."""
        return self._source.spans()

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        """Wait for the other one, and read."""
        with self._lock:
            return self._source.read(spans, channel_set, start_ns, end_ns)


def _spare_inputs(destination: Destination, inputs: Inputs) -> None:
    """Refuse to replace an input by the results."""
    written = destination.path.resolve() if destination.path is not None else None
    for file in inputs.files:
        if file.resolve() == written:
            raise ParameterError(f"--output {file}: is an input too; name another file")
