"""Turn values of any column of a SeisBench data set into labels."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from quake.classes import ALIASES, canonical_label
from quake.datasets.seisbench_table import rows_of, text_of
from quake.errors import LabelError

logger = logging.getLogger(__name__)

LABEL_COLUMNS = ("trace_category", "source_type", "source_event_category", "event_type", "label")
"""Columns that are looked for a label, in this order (STEAD, PNW and INSTANCE, PiSDL, others)."""

# What STEAD and TXED call an earthquake.
_VALUES = {"earthquake_local": "earthquake"}


def label_column_of(
    folder: Path, tables: Sequence[Path], wanted: str | None, label_map: Mapping[str, str]
) -> str:
    """Find the column that tells what a trace is.

    Parameters
    ----------
    folder : Path
    tables : metadata files
    wanted : str or None
    label_map : mapping of value to label
        Both as `read_seisbench` takes them.

    Returns
    -------
    str
        Name of a column, or a label behind ``=``.

    Raises
    ------
    LabelError
        If there is no such column, or none that tells a label.
    """
    wanted = label_rule(wanted, folder.resolve().name)
    columns = dict.fromkeys(name for table in tables for name in next(rows_of(table), []))
    if wanted is not None:
        if wanted.startswith("=") or wanted in columns:
            return wanted
        raise LabelError(
            f"{folder}: the metadata have no column {wanted!r}; they have {', '.join(columns)}"
        )
    for name in LABEL_COLUMNS:
        if name in columns and _has_known_label(tables, name, label_map):
            return name
    raise LabelError(
        f"{folder}: no column tells what each trace is (looked for "
        f"{', '.join(LABEL_COLUMNS)}). Columns with few values: {_values_of(tables)}. Name one "
        "with label_column (--label-column NAME) and say what its values mean with label_map "
        "(--label-map VALUE=CLASS); if all traces are of one class, give --label-column =CLASS, "
        "such as =earthquake"
    )


def label_rule(wanted: str | None, name: str) -> str | None:
    """Which of several rules is for the data set of this name.

    >>> label_rule("kind,quiet:=noise", "quiet"), label_rule("kind,quiet:=noise", "other")
    ('=noise', 'kind')
    """
    rules = [rule.strip().rpartition(":") for rule in (wanted or "").split(",") if rule.strip()]
    by_name = {for_name.strip(): column.strip() for for_name, _, column in rules}
    return by_name.get(name, by_name.get(""))


def _has_known_label(tables: Sequence[Path], column: str, label_map: Mapping[str, str]) -> bool:
    for table in tables:
        rows = rows_of(table)
        header = next(rows, [])
        if column in header:
            at = header.index(column)
            unknown: set[str] = set()
            for row in rows:
                value = text_of(row, at)
                if value not in unknown and (value in label_map or _known_label(value)):
                    return True
                unknown.add(value)
    return False


def _values_of(tables: Sequence[Path], most: int = 20) -> str:
    """The columns with at most so many different values, and their three most frequent ones."""
    counts: dict[str, Counter[str]] = {}
    dropped: set[str] = set()
    for table in tables:
        rows = rows_of(table)
        header = next(rows, [])
        for row in rows:
            for name, value in zip(header, row, strict=False):
                if name not in dropped:
                    counts.setdefault(name, Counter())[value] += 1
                    if len(counts[name]) > most:
                        dropped.add(name)
                        del counts[name]
    return "; ".join(f"{name} ({_frequent(values)})" for name, values in counts.items()) or "none"


def _frequent(values: Counter[str]) -> str:
    shown = ", ".join(f"{value or '(empty)'}: {n}" for value, n in values.most_common(3))
    return shown + (", ..." if len(values) > 3 else "")


def _known_label(value: str) -> str | None:
    """Resolve a value that is a label or an alias of one."""
    label = _VALUES.get(canonical_label(value), canonical_label(value))
    return label if label in ALIASES.values() else None


class Labels:
    """The label that each value of a column stands for.

    Parameters
    ----------
    column : name of the column, or a label behind ``=``
    label_map : mapping of value to label
    """

    def __init__(self, column: str, label_map: Mapping[str, str]) -> None:
        self.constant = canonical_label(column[1:]) if column.startswith("=") else None
        if self.constant == "":
            raise LabelError("'=' is followed by no label; expected one as in =earthquake")
        self.column = None if column.startswith("=") else column
        self.unused = dict(label_map)
        self.unknown: Counter[str] = Counter()
        self._map = {value.strip(): canonical_label(label) for value, label in label_map.items()}
        self._known: dict[str, str | None] = {}

    def of(self, value: str) -> str:
        """Label of a value.

        Raises
        ------
        LabelError
            If it has none.
        """
        if self.constant is not None:
            return self.constant
        if value not in self._known:
            self._known[value] = self._map.get(value) or _known_label(value)
            self.unused.pop(value, None)
        label = self._known[value]
        if label is None:
            self.unknown[value] += 1
            raise LabelError(
                f"{self.column} is {value!r}, which is no label"
                if value
                else f"{self.column} is empty"
            )
        return label

    @property
    def advice(self) -> str:
        """What to do about values that are no labels."""
        if not self.unknown:
            return ""
        return (
            f"; {self.column} has {_frequent(self.unknown)}: say what these mean with label_map "
            "(--label-map VALUE=CLASS)"
        )

    def report(self, folder: Path) -> None:
        """Log values of the mapping that no row has: likely misspelt."""
        if self.unused and self.column is not None:
            logger.warning(
                "%s: no row has %s %s, which the mapping of labels names; check its spelling",
                folder,
                self.column,
                ", ".join(map(repr, self.unused)),
            )
