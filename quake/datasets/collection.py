"""Collections: where labelled spans come from, and how the waveform of each is read.

A label table, a folder per class, a SeisBench data set or an archive with a catalogue comes in; a
`Collection` comes out, and nothing behind it knows which of them it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from quake.errors import LabelError

if TYPE_CHECKING:
    from quake.datasets.labels import LabelledSpan
    from quake.waveforms.segments import ChannelSet

_SHOWN = 5  # contradictions in a message


class ReadSpan(NamedTuple):
    """A channel set, and from when to when of it is wanted and recorded, ns since the epoch."""

    channel_set: ChannelSet
    start_ns: int
    end_ns: int


class SpanReader(Protocol):
    """Reads the waveform of labelled spans; one for each kind of collection.

    It must survive being sent to another process.
    """

    def read(self, span: LabelledSpan, margin_ns: int) -> ReadSpan:
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


def merge(collections: Sequence[Collection]) -> Collection:
    """Take several collections together.

    Events of different collections are different events, whatever they are called. A stretch that
    is in two of them counts once.

    Raises
    ------
    LabelError
        If a stretch is in two of them with two labels.
    """
    if len(collections) == 1:
        return collections[0]
    name_of = {
        id(span): f"{collection.name}, row {span.row}"
        for collection in collections
        for span in collection.spans
    }
    together = [span for collection in collections for span in collection.spans]
    kept, repeated = without_repetitions(together, lambda span: name_of[id(span)])
    taken = {id(span) for span in kept}
    return Collection(
        name=", ".join(collection.name for collection in collections),
        spans=[
            replace(span, group=f"{number}:{span.group}")
            for number, collection in enumerate(collections, start=1)
            for span in collection.spans
            if id(span) in taken
        ],
        excluded=[*(e for collection in collections for e in collection.excluded), *repeated],
    )


def without_repetitions(
    spans: Iterable[LabelledSpan], name_of: Callable[[LabelledSpan], str]
) -> tuple[list[LabelledSpan], list[Exclusion]]:
    """Leave out spans that repeat an earlier one.

    Parameters
    ----------
    spans : labelled spans
    name_of : callable
        Says where a span stands, for messages.

    Raises
    ------
    LabelError
        If the same stretch of the same record has two labels.
    """
    first: dict[tuple[Any, ...], LabelledSpan] = {}
    excluded, contradictions = [], []
    for span in spans:
        before = first.setdefault((record_of(span), span.start_ns, span.end_ns, span.station), span)
        if before is span:
            continue
        if before.label == span.label:
            what = f"{name_of(span)} (as {name_of(before)})"
            excluded.append(Exclusion(what, "repeats an earlier row"))
        else:
            contradictions.append(
                f"{name_of(before)} ({before.label}) and {name_of(span)} ({span.label})"
            )
    if contradictions:
        more = f"; and {len(contradictions) - _SHOWN} more" if contradictions[_SHOWN:] else ""
        raise LabelError(
            "the same stretch of the same record has two labels: "
            f"{'; '.join(contradictions[:_SHOWN])}{more}; leave one of each in the data"
        )
    return list(first.values()), excluded


def record_of(span: LabelledSpan) -> str:
    """Name of the record of a span: the same one however its path is spelled.

    Links to folders are followed, links to files are not: asking of each file would take a minute
    for a million rows.
    """
    return span.record or record_of_file(span.path)


def record_of_file(path: Path) -> str:
    """Name of a record that is one file, see `record_of`."""
    return f"{_real_folder(str(Path.cwd() / path.parent))}{os.sep}{path.name}"


@lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def without_split(collection: Collection) -> Collection:
    """Forget which part the collection says its rows are in."""
    return replace(collection, spans=[replace(span, split=None) for span in collection.spans])
