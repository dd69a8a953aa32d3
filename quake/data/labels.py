"""Labels: which classes there are, in which order, and which stretch of which record has which.

A label table (CSV) comes in, `LabelledSpan`s come out. Nothing is dropped in silence.
"""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quake.data.times import parse_time
from quake.errors import LabelError, ParameterError

if TYPE_CHECKING:
    from quake.data.collection import SpanReader

# Short names of the Pacific Northwest data set, and the event types of QuakeML 1.2 that belong
# to one of the classes that waveforms at local distances can tell apart.
ALIASES: Mapping[str, str] = {
    "eq": "earthquake",
    "su": "surface_event",
    "no": "noise",
    "px": "explosion",
    "surface event": "surface_event",
    "landslide": "surface_event",
    "rockslide": "surface_event",
    "snow avalanche": "surface_event",
    "debris avalanche": "surface_event",
    "avalanche": "surface_event",
    "ice quake": "ice_quake",
    "induced or triggered event": "earthquake",
    "quarry blast": "explosion",
    "mining explosion": "explosion",
    "chemical explosion": "explosion",
    "nuclear explosion": "explosion",
    "controlled explosion": "explosion",
    "industrial explosion": "explosion",
}

NOISE = "noise"

_REQUIRED_COLUMNS = ("path", "start", "end", "label")


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


def read_label_table(table: str | Path) -> list[LabelledSpan]:
    """Read a CSV label table.

    Needed columns: path (relative to the table), start, end (ISO 8601, UTC), label. Used if
    present: event_id, p_time, network, station, source, snr_db; others are ignored.

    Raises
    ------
    LabelError
        If the table is missing, lacks columns, is empty, or has rows that make no sense; each
        such row is named.
    """
    table = Path(table)
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [c for c in _REQUIRED_COLUMNS if c not in (reader.fieldnames or ())]
            if missing:
                raise LabelError(
                    f"{table}: no column {', '.join(missing)}; found "
                    f"{', '.join(reader.fieldnames or ()) or 'nothing'}; expected at least "
                    f"{', '.join(_REQUIRED_COLUMNS)}"
                )
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{table}: cannot be read as a CSV table ({error})") from error
    return _parse_rows(table, rows)


def _parse_rows(table: Path, rows: list[dict[str, str]]) -> list[LabelledSpan]:
    spans, faults = [], []
    for line, row in enumerate(rows, start=2):
        try:
            spans.append(_parse_row(table, line, row))
        except ParameterError as error:
            faults.append(f"line {line}: {error}")
    if faults:
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if faults[5:] else "")
        raise LabelError(f"{table}: {len(faults)} of {len(rows)} rows cannot be used: {shown}")
    if not spans:
        raise LabelError(f"{table}: no rows; a label table has one row a labelled span")
    return spans


def _parse_row(table: Path, line: int, row: Mapping[str, str | None]) -> LabelledSpan:
    def text(name: str) -> str:
        return (row.get(name) or "").strip()

    for name in _REQUIRED_COLUMNS:
        if not text(name):
            raise ParameterError(f"{name} is empty")
    start_ns, end_ns = parse_time(text("start")), parse_time(text("end"))
    if end_ns <= start_ns:
        raise ParameterError(f"ends ({text('end')}) before it starts ({text('start')})")
    return LabelledSpan(
        row=line,
        path=table.parent / text("path"),
        start_ns=start_ns,
        end_ns=end_ns,
        label=canonical_label(text("label")),
        group=text("event_id") or text("path"),
        station=f"{text('network')}.{text('station')}",
        source=text("source") or table.stem,
        p_ns=parse_time(text("p_time")) if text("p_time") else None,
        snr_db=_number(text("snr_db")) if text("snr_db") else None,
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ParameterError(f"{text!r} is not a number") from error


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
