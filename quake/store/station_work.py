"""Do one station-day in a process: windows, onsets, a picture, an entry for the journal."""

from __future__ import annotations

import atexit
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import WaveformError
from quake.events.onset import Onset, onsets_as_bytes, onsets_of_bytes
from quake.files import write_whole
from quake.inference.classifier import Classifier
from quake.inference.config import PredictConfig
from quake.inference.coverage import SCORED, Coverage
from quake.inference.onsets import OnsetFinder
from quake.inference.reasons import reasons_of
from quake.inference.records import WindowRecord
from quake.output.windows import READABLE, read_windows, windows_as_bytes
from quake.store.entries import DayEntry
from quake.store.layout import ONSETS, date_of, windows_file
from quake.store.plan import DayJob
from quake.waveforms.copied import Copier, in_place
from quake.waveforms.sources import Source, SpanSource
from quake.windows.station_days import StationDay

if TYPE_CHECKING:
    from quake.pictures.album import Album
    from quake.stations.orientation import Orientations
    from quake.waveforms.readers.file_index import FileIndex

logger = logging.getLogger(__name__)

# Files whose index is kept: those of a station, yesterday, today and tomorrow, and a few more.
_INDEXES = 64


@dataclass(frozen=True)
class ModelFiles:
    """A model that another machine has, or that travels there.

    Attributes
    ----------
    path : str
        Where it is, for processes of this machine.
    contents : tuple of (suffix, bytes)
        The file and its graph, for others; empty for processes of this machine.
    """

    path: str
    contents: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    @classmethod
    def to_send(cls, path: Path, graph: Path | None) -> ModelFiles:
        """Read a model file, and the graph that was built of it."""
        files = [path] if graph is None or graph == path else [path, graph]
        return cls(str(path), tuple((file.suffix, file.read_bytes()) for file in files))

    def unpack(self) -> Path:
        """Path of the model file on this machine."""
        if not self.contents:
            return Path(self.path)
        folder = Path(tempfile.mkdtemp(prefix="quake-model-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        for suffix, content in self.contents:
            (folder / f"model{suffix}").write_bytes(content)
        return folder / f"model{self.contents[0][0]}"


@dataclass(frozen=True)
class NotWritten:
    """A result could not be written: the run has to end, for there is no place for any."""

    message: str


@dataclass(frozen=True)
class StationDayOpener:
    """Loads the model, in each process once.

    Attributes
    ----------
    model : ModelFiles
    device, engine, threads : as `Classifier` takes them
    config : PredictConfig
    orientations : Orientations, optional
    root : str
        The store.
    temporary : str
        Folder in it for files that are not complete.
    album : Album, optional
        Where station-days are drawn.
    copier : Copier
        Brings files here that are elsewhere; `quake.inputs.copies.Copies`.
    """

    model: ModelFiles
    root: str
    temporary: str
    config: PredictConfig
    device: str = "auto"
    engine: str = "auto"
    threads: int | None = None
    orientations: Orientations | None = None
    album: Album | None = None
    copier: Copier = in_place

    def __call__(self) -> StationDayWork:
        """Load it."""
        classifier = Classifier(self.model.unpack(), self.device, self.engine, self.threads)
        return StationDayWork(classifier, self)


class StationDayWork:
    """Classifies station-days, and writes what comes out.

    Parameters
    ----------
    classifier : Classifier
    opener : StationDayOpener
    """

    def __init__(self, classifier: Classifier, opener: StationDayOpener) -> None:
        self.classifier = classifier
        self.opener = opener
        self._indexes: dict[str, FileIndex] = {}

    def __call__(self, job: DayJob) -> DayEntry | NotWritten:
        """Do one station-day."""
        opener = self.opener
        if job.before is not None:
            found = self._add_onsets(job, job.before)
            if found is not None:
                return found
        while len(self._indexes) > _INDEXES:
            del self._indexes[next(iter(self._indexes))]
        source = self._source(job)
        prediction = self.classifier.predict_days(
            [job.day], source, opener.config, opener.orientations
        )
        records = list(prediction)
        onsets: list[Onset] | None = None
        try:
            outputs = self._write(job, records)
            if records and ONSETS in job.formats:
                onsets = self._find_onsets(job, source, records)
                outputs[ONSETS] = self._write_onsets(job, onsets)
        except OSError as error:
            return NotWritten(f"{error.filename or opener.root}: {error.strerror or error}")
        entry = DayEntry(
            id=job.day.id,
            date=date_of(job.day.day_ns),
            inputs="",
            outputs=outputs,
            windows=dict(prediction.summary.windows),
            labels=dict(prediction.summary.labels),
            reasons=reasons(records),
            coverage=prediction.coverage.get(job.day.id, Coverage()),
            problems=sorted(source.problems, key=lambda problem: problem.message),
        )
        entry.inputs = job.inputs_of(entry)
        return self._draw(job, source, records, entry, onsets) or entry

    def _draw(
        self,
        job: DayJob,
        source: Source,
        records: Sequence[WindowRecord],
        entry: DayEntry,
        onsets: Sequence[Onset] | None,
    ) -> NotWritten | None:
        """Draw a station-day if that is wanted; its onsets are found for it if nobody has."""
        album = self.opener.album
        if album is None:
            return None

        def find() -> Sequence[Onset]:
            return self._find_onsets(job, source, records) if onsets is None else onsets

        return _draw(album, source, job.day, records, entry.inputs, find)

    def _source(self, job: DayJob) -> SpanSource:
        return SpanSource(job.day.id, job.day.spans, self._indexes, self.opener.copier)

    def _add_onsets(self, job: DayJob, before: DayEntry) -> DayEntry | NotWritten | None:
        """Find the onsets of a station-day whose windows are there; None if they cannot be read."""
        name = next((name for name in READABLE if name in before.outputs), None)
        if name is None:
            return None
        path = windows_file(Path(self.opener.root), job.day.id, job.day.day_ns, name)
        try:
            records = read_windows(path)
        except WaveformError as error:
            logger.warning("%s; its windows are made again", error)
            return None
        source = self._source(job)
        try:
            onsets = self._find_onsets(job, source, records)
            size = self._write_onsets(job, onsets)
        except OSError as error:
            return NotWritten(f"{error.filename or self.opener.root}: {error.strerror or error}")
        if source.problems:
            return None  # what could not be read belongs into a new entry
        entry = replace(before, outputs={**before.outputs, ONSETS: size})
        return self._draw(job, source, records, entry, onsets) or entry

    def _find_onsets(
        self, job: DayJob, source: Source, records: Sequence[WindowRecord]
    ) -> list[Onset]:
        opener = self.opener
        finder = OnsetFinder(self.classifier, source, opener.config, opener.orientations)
        return finder.find(job.day, records)

    def _write_onsets(self, job: DayJob, onsets: Sequence[Onset]) -> int:
        """Write the onsets of a station-day; size of their file in bytes.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        content = onsets_as_bytes(onsets)
        path = windows_file(Path(self.opener.root), job.day.id, job.day.day_ns, ONSETS)
        write_whole(path, content, Path(self.opener.temporary))
        return len(content)

    def _write(self, job: DayJob, records: Sequence[WindowRecord]) -> dict[str, int]:
        if not records:
            return {}
        card = self.classifier.card
        hop_ns = self.opener.config.grid(card).hop_ns
        sizes = {}
        for name in job.formats:
            if name == ONSETS:
                continue
            content = windows_as_bytes(name, records, card.labels.names, hop_ns)
            path = windows_file(Path(self.opener.root), job.day.id, job.day.day_ns, name)
            write_whole(path, content, Path(self.opener.temporary))
            sizes[name] = len(content)
        return sizes


@dataclass(frozen=True)
class PictureJob:
    """A station-day that has been done, and is to be drawn.

    Attributes
    ----------
    day : StationDay
    inputs : str
        Digest of its files.
    windows : str
        File of its windows, of a format that can be read back.
    onsets : str
        File of its onsets; empty if there is none, so that no events are marked.
    """

    day: StationDay
    inputs: str
    windows: str
    onsets: str = ""


@dataclass(frozen=True)
class PictureOpener:
    """Prepares to draw what is in a store; no model is needed."""

    album: Album
    copier: Copier = in_place

    def __call__(self) -> PictureWork:
        """Give the work."""
        return PictureWork(self.album, self.copier)


class PictureWork:
    """Draws station-days of which there are windows.

    Parameters
    ----------
    album : Album
    copier : Copier
        Brings files here that are elsewhere.
    """

    def __init__(self, album: Album, copier: Copier = in_place) -> None:
        self.album, self.copier = album, copier

    def __call__(self, job: PictureJob) -> NotWritten | None:
        """Do one station-day; if it cannot be drawn, log a warning."""
        try:
            records = read_windows(Path(job.windows))
        except WaveformError as error:
            logger.warning("no picture: %s", error)
            return None
        source = SpanSource(job.day.id, job.day.spans, {}, self.copier)

        def find() -> Sequence[Onset]:
            return onsets_of_bytes(Path(job.onsets).read_bytes())

        find_onsets = find if job.onsets and Path(job.onsets).is_file() else None
        return _draw(self.album, source, job.day, records, job.inputs, find_onsets)


def _draw(
    album: Album,
    source: Source,
    day: StationDay,
    records: Sequence[WindowRecord],
    inputs: str,
    find_onsets: Callable[[], Sequence[Onset]] | None,
) -> NotWritten | None:
    try:
        album.draw(source, day, records, inputs, find_onsets)
    except OSError as error:
        return NotWritten(f"{album.path_of(day)}: {error.strerror or error}")
    return None


def reasons(records: Sequence[WindowRecord]) -> dict[str, int]:
    """Count the flags of windows without probabilities; of `bad_values:Z` what is before it."""
    counted: Counter[str] = Counter()
    for record in records:
        if record.status not in SCORED:
            counted.update(reasons_of(record.flags))
    return dict(counted)
