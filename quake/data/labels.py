"""Labels: which classes there are, in which order, and which stretch of which record has which.

A label table (CSV) comes in, `LabelledSpan`s come out. Nothing is dropped in silence.
"""

from __future__ import annotations

import difflib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import LabelError

if TYPE_CHECKING:
    from quake.data.collection import SpanReader

logger = logging.getLogger(__name__)

# Short names of the Pacific Northwest data set, and the event types of QuakeML 1.2 that belong
# to one of the classes that waveforms at local distances can tell apart.
ALIASES: Mapping[str, str] = {
    "eq": "earthquake",
    "su": "surface_event",
    "no": "noise",
    "px": "explosion",
    "surface event": "surface_event",
    "landslide": "surface_event",
    "slide": "surface_event",
    "rockfall": "surface_event",
    "debris flow": "surface_event",
    "rockslide": "surface_event",
    "snow avalanche": "surface_event",
    "debris avalanche": "surface_event",
    "avalanche": "surface_event",
    "ice quake": "ice_quake",
    "induced or triggered event": "earthquake",
    "rock burst": "earthquake",
    "reservoir loading": "earthquake",
    "fluid injection": "earthquake",
    "fluid extraction": "earthquake",
    "quarry blast": "explosion",
    "mining explosion": "explosion",
    "chemical explosion": "explosion",
    "nuclear explosion": "explosion",
    "controlled explosion": "explosion",
    "industrial explosion": "explosion",
    "accidental explosion": "explosion",
    "experimental explosion": "explosion",
    "road cut": "explosion",
    "blasting levee": "explosion",
}

NOISE = "noise"


def canonical_label(text: str) -> str:
    """Resolve aliases and spelling.

    Examples
    --------
    >>> canonical_label(" EQ "), canonical_label("Quarry Blast")
    ('earthquake', 'explosion')
    """
    name = " ".join(text.strip().lower().replace("_", " ").replace("-", " ").split())
    return ALIASES.get(name, name.replace(" ", "_"))


@dataclass(frozen=True)
class LabelSet:
    """The classes of a model. Their order is the order of its outputs.

    Raises
    ------
    LabelError
        If there are fewer than two classes or one is named twice.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse sets that nothing can be told apart with."""
        if len(self.names) < 2 or len(set(self.names)) < len(self.names):
            raise LabelError(
                f"two or more different classes are needed, got {', '.join(self.names) or 'none'}"
            )

    def index(self, name: str) -> int:
        """Position of a class.

        Raises
        ------
        LabelError
            If it is unknown; the message suggests the nearest one.
        """
        try:
            return self.names.index(canonical_label(name))
        except ValueError:
            near = difflib.get_close_matches(canonical_label(name), self.names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise LabelError(
                f"unknown class {name!r}; the model knows {', '.join(self.names)}{hint}"
            ) from None


@dataclass(frozen=True)
class LabelledSpan:
    """One row of a label table: from when to when a record shows what.

    Attributes
    ----------
    row : int
        Line in the table, the header being line 1.
    group : str
        Rows of one group show the same event and never part between training and testing; the
        event's id, or the path where none is given.
    p_ns : int or None
        Arrival of the P wave, or onset of the event, ns since the epoch.
    snr_db : float or None
        Signal-to-noise ratio, where the table tells it.
    split : str or None
        "train", "validation" or "test", where the collection tells it.
    record : str
        Name of the record, as rows of one record never part between training and testing; the
        path where it is empty.
    reader : SpanReader or None
        Reads the waveform; None reads the miniSEED or SAC file at `path`.
    """

    row: int
    path: Path
    start_ns: int
    end_ns: int
    label: str
    group: str
    station: str
    source: str
    p_ns: int | None
    snr_db: float | None = None
    split: str | None = None
    record: str = ""
    reader: SpanReader | None = field(default=None, compare=False, repr=False)


def choose_classes(
    spans: Iterable[LabelledSpan], classes: Iterable[str] | None = None
) -> tuple[LabelSet, list[LabelledSpan], Counter[str]]:
    """Keep the rows of the wanted classes.

    Parameters
    ----------
    spans : labelled spans
    classes : names or aliases in the order wanted; None takes all, noise last.

    Returns
    -------
    labels : LabelSet
    kept : list of LabelledSpan
    left_out : Counter
        Rows left out, by label.

    Raises
    ------
    LabelError
        If a wanted class has no row; the message names the labels that do.
    """
    spans = list(spans)
    found = Counter(span.label for span in spans)
    if classes is None:
        _tell_misspellings(found)
        names = tuple(sorted(found, key=lambda name: (name == NOISE, name)))
    else:
        names = tuple(canonical_label(name) for name in classes)
    for name in names:
        if not found[name]:
            near = difflib.get_close_matches(name, found, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise LabelError(
                f"no row is labelled {name!r}; the table has "
                + ", ".join(f"{label} ({count})" for label, count in found.most_common())
                + hint
            )
    kept = [span for span in spans if span.label in names]
    return LabelSet(names), kept, Counter({k: n for k, n in found.items() if k not in names})


def _tell_misspellings(found: Counter[str]) -> None:
    """Suggest a known class for labels that look like one; they may be meant as they are."""
    known = {"earthquake", NOISE, *ALIASES.values()}
    for label in found.keys() - known:
        near = difflib.get_close_matches(label, known, n=1, cutoff=0.8)
        if near:
            logger.warning(
                "%d rows are labelled %r; did you mean %r? They become a class of their own; "
                "--classes leaves it out",
                found[label],
                label,
                near[0],
            )
