"""Labels: spellings of classes come in, classes in a fixed order and the rows of each come out.

Nothing is dropped in silence.
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
    from quake.datasets.collection import SpanReader

logger = logging.getLogger(__name__)

_SHOWN = 5  # rows in a message

# Short names of the Pacific Northwest data set, and the event types of QuakeML 1.2 that belong
# to one of the classes that waveforms at local distances can tell apart. The other types (collapse,
# thunder, ...) are classes of their own.
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

_KNOWN = frozenset(name.replace(" ", "_") for name in ALIASES) | frozenset(ALIASES.values())
_LONGEST = max(map(len, _KNOWN))
# Slips of the pen in a name, by its length; more of them make another name.
_SLIPS = ((9, 2), (5, 1))


def canonical_label(text: str, label_map: Mapping[str, str] | None = None) -> str:
    """Resolve aliases and spelling, and the plural of known labels.

    Parameters
    ----------
    text : str
    label_map : mapping of label to class, optional
        What labels of the user's own mean; it goes before what is known here.

    Examples
    --------
    >>> canonical_label(" EQ "), canonical_label("Quarry Blasts")
    ('earthquake', 'explosion')
    >>> canonical_label("VT", {"vt": "eq"})
    'earthquake'
    """
    name = _plain(text)
    if label_map:
        mapped = {_plain(label): meant for label, meant in label_map.items()}
        name = _plain(mapped.get(name, name))
    if name not in _KNOWN and name.removesuffix("s") in _KNOWN:
        name = name.removesuffix("s")
    return ALIASES.get(name.replace("_", " "), name)


def _plain(text: str) -> str:
    return "_".join(text.strip().lower().replace("_", " ").replace("-", " ").split())


@dataclass(frozen=True)
class LabelSet:
    """The classes of a model. Their order is the order of its outputs.

    Raises
    ------
    LabelError
        If there are fewer than two classes, one is named twice, or one has control characters.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse sets that nothing can be told apart with."""
        if len(self.names) < 2 or len(set(self.names)) < len(self.names):
            raise LabelError(
                f"two or more different classes are needed, got {', '.join(self.names) or 'none'}"
            )
        for name in self.names:
            if not name.isprintable():  # they would steer the terminal that shows them
                raise LabelError(f"class {name!r} has control characters; rename it")

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
        Line in the table, the header being line 1; in other collections its number.
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
    soft : tuple of (str, float)
        Probabilities of classes, as a person or a teacher gives them; empty where there are none.
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
    soft: tuple[tuple[str, float], ...] = ()


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
        If a wanted class has no row, or there is one class only; the message names what there is.

    Notes
    -----
    Where no classes are named, labels that look like a misspelt known one ("earthqauke") become no
    class: their rows are left out, with a warning that names the first ones.
    """
    spans = list(spans)
    found = Counter(span.label for span in spans)
    if classes is None:
        names = _without_misspellings(spans, found)
    else:
        names = tuple(canonical_label(name) for name in classes)
    for name in names:
        if not found[name]:
            near = difflib.get_close_matches(name, found, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise LabelError(f"no row is labelled {name!r}; the data have {_counts(found)}{hint}")
    if len(set(names)) == 1:
        raise LabelError(
            f"one class only, {names[0]!r}; the data have {_counts(found)}; nothing can be told "
            "apart without rows of a second class, such as noise"
        )
    kept = [span for span in spans if span.label in names]
    return LabelSet(names), kept, Counter({k: n for k, n in found.items() if k not in names})


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{label} ({count})" for label, count in found.most_common()) or "no rows"


def _without_misspellings(spans: list[LabelledSpan], found: Counter[str]) -> tuple[str, ...]:
    """All labels, noise last, but for those that look like a known one."""
    names = []
    for label in sorted(found, key=lambda name: (name == NOISE, name)):
        meant = nearest_known(label)
        if meant is None:
            names.append(label)
            continue
        rows = [f"{span.row} ({span.path})" for span in spans if span.label == label]
        more = f" and {len(rows) - _SHOWN} more" if rows[_SHOWN:] else ""
        logger.warning(
            "%d rows are labelled %r and left out; did you mean %r? Correct the label, map it with "
            "--label-map %s=%s, or name it in --classes if it is a class of its own: rows %s%s",
            len(rows),
            label,
            meant,
            label,
            meant,
            ", ".join(rows[:_SHOWN]),
            more,
        )
    return tuple(names)


def is_known_label(text: str) -> bool:
    """Whether a text is the name of a class that everybody knows, or an alias of one.

    >>> is_known_label("Quarry Blast"), is_known_label("HHZ.D")
    (True, False)
    """
    return canonical_label(text) in _KNOWN


def nearest_known(label: str) -> str | None:
    """Find the known label that another one looks like a slip of the pen of.

    Returns
    -------
    str or None
        None for known labels, and for those that are like none.

    Examples
    --------
    >>> nearest_known("earthqauke"), nearest_known("volcanic_tremor"), nearest_known("noise")
    ('earthquake', None, None)
    """
    if label in _KNOWN or len(label) > _LONGEST + max(slips for _, slips in _SLIPS):
        return None
    allowed = next((slips for length, slips in _SLIPS if len(label) >= length), 0)
    distance, near = min((_slips(label, name), name) for name in sorted(_KNOWN))
    return canonical_label(near) if distance <= allowed else None


def _slips(one: str, other: str) -> int:
    """Letters to add, leave out, change, or swap with the next one to get from one to the other.

    Optimal string alignment distance (Damerau 1964, doi:10.1145/363958.363994).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]
