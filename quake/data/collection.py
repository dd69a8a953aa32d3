"""Collections: where labelled spans come from, and how the waveform of each is read.

A label table, a folder per class, a SeisBench data set or an archive with a catalogue comes in; a
`Collection` comes out, and nothing behind it knows which of them it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from quake.errors import LabelError

if TYPE_CHECKING:
    from quake.data.labels import LabelledSpan
    from quake.data.waveform import ChannelSet


class Stretch(NamedTuple):
    """A channel set, and from when to when of it is wanted and recorded, ns since the epoch."""

    channel_set: ChannelSet
    start_ns: int
    end_ns: int


class SpanReader(Protocol):
    """Reads the waveform of labelled spans; one for each kind of collection.

    It must survive being sent to another process.
    """

    def read(self, span: LabelledSpan, margin_ns: int) -> Stretch:
        """Read a span and up to `margin_ns` on either side, as far as there is data.

        Raises
        ------
        WaveformError, LabelError
            If there is nothing to read, or it cannot be read; the message names file and trace.
        """
        ...

    def fingerprint(self, span: LabelledSpan) -> str:
        """Text that is another one when the samples of the span may be others."""
        ...


@dataclass(frozen=True)
class Exclusion:
    """Something of a collection that is not used: what it is (a row, an event), and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class Collection:
    """Labelled spans, and what was left out while they were collected.

    Attributes
    ----------
    name : str
        Of the collection, for the model card: a file's or a folder's name.
    spans : sequence of LabelledSpan
        Each with the reader of its waveform (`LabelledSpan.reader`; None reads `path`).
    excluded : sequence of Exclusion
    """

    name: str
    spans: Sequence[LabelledSpan]
    excluded: Sequence[Exclusion] = ()


def open_collection(
    path: str | Path,
    *,
    catalogue: str | Path | None = None,
    inventory: str | Path | None = None,
    label_column: str | None = None,
    label_map: Mapping[str, str] | None = None,
) -> Collection:
    """Open labelled data of any of the known forms.

    Parameters
    ----------
    path : label table (CSV, Parquet), folder per class, SeisBench data set, or archive
    catalogue : QuakeML or CSV, for an archive
    inventory : StationXML, for a catalogue that has no picks
    label_column, label_map : of a SeisBench data set, see `quake.data.seisbench.read_seisbench`

    Raises
    ------
    LabelError, WaveformError, ParameterError
        If it is none of them, or cannot be used; the message says why.
    """
    path = Path(path)
    if not path.is_dir():
        from quake.data.tables import read_label_table

        return read_label_table(path)
    if catalogue is not None:
        from quake.data.archive import ArchiveOptions, read_archive

        options = ArchiveOptions(inventory=Path(inventory) if inventory else None)
        return read_archive(path, Path(catalogue), options)
    from quake.data.class_folders import is_class_folders, read_class_folders
    from quake.data.seisbench import is_seisbench, read_seisbench

    if is_seisbench(path):
        return read_seisbench(path, label_column=label_column, label_map=label_map)
    if is_class_folders(path):
        return read_class_folders(path)
    raise LabelError(
        f"{path}: no labelled data known; expected a label table (CSV or Parquet), a folder with "
        "a sub-folder for each class, a SeisBench data set (metadata.csv and waveforms.hdf5), or "
        "an archive together with a catalogue (--catalogue FILE)"
    )


def merge(collections: Sequence[Collection]) -> Collection:
    """Take several collections together.

    Events of different collections are different events, whatever they are called.
    """
    if len(collections) == 1:
        return collections[0]
    return Collection(
        name=", ".join(collection.name for collection in collections),
        spans=[
            replace(span, group=f"{number}:{span.group}")
            for number, collection in enumerate(collections, start=1)
            for span in collection.spans
        ],
        excluded=[e for collection in collections for e in collection.excluded],
    )
