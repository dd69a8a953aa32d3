"""Hold the rows of labelled data, and choose which classes are learnt.

Nothing is dropped in silence.
"""

from __future__ import annotations

import difflib
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quake.classes import NOISE, LabelSet, canonical_label, nearest_known
from quake.errors import LabelError

if TYPE_CHECKING:
    from quake.datasets.collection import SpanReader

logger = logging.getLogger(__name__)

_SHOWN = 5  # rows in a message


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
