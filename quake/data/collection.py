"""Collections: where labelled spans come from, and how the waveform of each is read.

A label table, a folder per class, a SeisBench data set or an archive with a catalogue comes in; a
`Collection` comes out, and nothing behind it knows which of them it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

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

    Raises
    ------
    LabelError
        If it is none of them.
    """
    path = Path(path)
    if path.is_file() or not path.exists():
        from quake.data.labels import read_label_table

        return Collection(path.name, read_label_table(path))
    if catalogue is not None:
        from quake.data.archive import ArchiveOptions, read_archive

        return read_archive(
            path, Path(catalogue), ArchiveOptions(inventory=Path(inventory) if inventory else None)
        )
    from quake.data.seisbench import read_seisbench

    return read_seisbench(path, label_column=label_column, label_map=label_map)


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
