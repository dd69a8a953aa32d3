"""Work of one process: a station-day in, its windows on disk and an entry for the journal out."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quake.archive.journal import DayEntry
from quake.archive.layout import date_of, windows_file
from quake.archive.plan import DayJob
from quake.data.source import SpanSource
from quake.inference.classifier import Classifier, PredictConfig
from quake.inference.coverage import SCORED, Coverage
from quake.inference.records import WindowRecord
from quake.output.windows import windows_as_bytes

if TYPE_CHECKING:
    from quake.data.file_index import FileIndex
    from quake.data.orientation import Orientations

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
    """

    model: ModelFiles
    root: str
    temporary: str
    config: PredictConfig
    device: str = "auto"
    engine: str = "auto"
    threads: int | None = None
    orientations: Orientations | None = None

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
        while len(self._indexes) > _INDEXES:
            del self._indexes[next(iter(self._indexes))]
        source = SpanSource(job.day.id, job.day.spans, self._indexes)
        prediction = self.classifier.predict_days(
            [job.day], source, opener.config, opener.orientations
        )
        records = list(prediction)
        try:
            outputs = self._write(job, records)
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
        return entry

    def _write(self, job: DayJob, records: Sequence[WindowRecord]) -> dict[str, int]:
        if not records:
            return {}
        card = self.classifier.card
        hop_ns = self.opener.config.grid(card).hop_ns
        sizes = {}
        for name in job.formats:
            content = windows_as_bytes(name, records, card.labels.names, hop_ns)
            path = windows_file(Path(self.opener.root), job.day.id, job.day.day_ns, name)
            write_whole(path, content, Path(self.opener.temporary))
            sizes[name] = len(content)
        return sizes


def reasons(records: Sequence[WindowRecord]) -> dict[str, int]:
    """Count the flags of windows without probabilities; of `bad_values:Z` what is before it."""
    counted: Counter[str] = Counter()
    for record in records:
        if record.status not in SCORED:
            counted.update(sorted({flag.partition(":")[0] for flag in record.flags}))
    return dict(counted)


def write_whole(path: Path, content: bytes, temporary: Path) -> None:
    """Write a file that is there, on disk, as a whole or not at all.

    Parameters
    ----------
    path : Path
        Its folders are made.
    content : bytes
    temporary : folder in the same file system

    Raises
    ------
    OSError
        If there is no room for it, or no permission.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.mkdir(parents=True, exist_ok=True)
    part = temporary / f"{os.getpid()}-{secrets.token_hex(6)}.part"
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
