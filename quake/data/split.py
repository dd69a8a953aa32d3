"""Split labelled spans by event: no event, record or moment at one station on two sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from quake.data.labels import LabelledSpan
from quake.data.waveform import NS_PER_S
from quake.errors import LabelError, ParameterError


@dataclass(frozen=True)
class Split:
    """Indices of the rows of each part."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def split_by_event(
    spans: Sequence[LabelledSpan],
    *,
    validation: float = 0.15,
    test: float = 0.15,
    margin_s: float = 60.0,
    hold_out: Iterable[str] = (),
    seed: int = 0,
) -> Split:
    """Divide rows so that what belongs together stays together.

    Rows belong together if they share an event or a file, or lie within `margin_s` of each other
    at one station (windows may reach that far beyond a row). Each combination of source and
    label is divided in the given proportions as far as whole groups allow; one that is a single
    group is trained on.

    Parameters
    ----------
    spans : rows
    validation, test : float
        Shares of the rows.
    margin_s : float
    hold_out : names of sources
        All rows of these are tested on, and what belongs together with them is too.
    seed : int

    Raises
    ------
    ParameterError
        If the shares make no sense or a held-out source does not exist.
    LabelError
        If nothing is left to train or validate on.
    """
    if not (0 < validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ParameterError(
            f"validation and test shares must be positive and below 1 in sum, got {validation:g} "
            f"and {test:g}"
        )
    hold_out = set(hold_out)
    unknown = hold_out - {span.source for span in spans}
    if unknown:
        raise ParameterError(
            f"cannot hold out {', '.join(sorted(unknown))}: the sources are "
            + ", ".join(sorted({span.source for span in spans}))
        )
    groups = _groups(spans, round(margin_s * NS_PER_S))
    parts: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    strata: dict[tuple[str, ...], list[list[int]]] = defaultdict(list)
    for rows in groups:
        if any(spans[i].source in hold_out for i in rows):
            parts["test"] += rows
        else:
            strata[tuple(sorted({f"{spans[i].source}/{spans[i].label}" for i in rows}))].append(
                rows
            )
    rng = np.random.default_rng(seed)
    for key in sorted(strata):
        shuffled = [strata[key][i] for i in rng.permutation(len(strata[key]))]
        _divide(shuffled, {"validation": validation, "test": test}, parts)
    if not parts["train"] or not parts["validation"]:
        raise LabelError(
            f"{len(groups)} independent events are too few to train and validate on; "
            "add events, or lower the shares for validation and test"
        )
    return Split(*(tuple(sorted(parts[name])) for name in ("train", "validation", "test")))


def group_rows(spans: Sequence[LabelledSpan], margin_s: float) -> list[list[int]]:
    """Rows that belong together: they share an event or a record, or lie close at one station.

    Returns
    -------
    list of lists of row indices; each row is in one of them.
    """
    return _groups(spans, round(margin_s * NS_PER_S))


def _divide(groups: list[list[int]], shares: dict[str, float], parts: dict[str, list[int]]) -> None:
    """Give whole groups to the parts until each has its share of rows; the rest is trained on."""
    n_rows = sum(map(len, groups))
    taken = dict.fromkeys(shares, 0)
    for position, rows in enumerate(groups):
        open_parts = [
            name
            for name, share in shares.items()
            if taken[name] + len(rows) / 2 <= share * n_rows and position < len(groups) - 1
        ]
        if open_parts:
            name = min(open_parts, key=lambda part: taken[part] / shares[part])
            taken[name] += len(rows)
            parts[name] += rows
        else:
            parts["train"] += rows


def _groups(spans: Sequence[LabelledSpan], margin_ns: int) -> list[list[int]]:
    """Connected components of rows that belong together (union-find)."""
    parent = list(range(len(spans)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for key in ("group", "path"):
        first: dict[object, int] = {}
        for i, span in enumerate(spans):
            parent[root(i)] = root(first.setdefault(getattr(span, key), i))
    for i, j in _neighbours(spans, margin_ns):
        parent[root(j)] = root(i)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(spans)):
        groups[root(i)].append(i)
    return list(groups.values())


def _neighbours(spans: Sequence[LabelledSpan], margin_ns: int) -> Iterable[tuple[int, int]]:
    """Pairs of rows at one station that overlap in time, or nearly so."""
    by_station: dict[str, list[int]] = defaultdict(list)
    for i, span in enumerate(spans):
        if span.station.strip("."):
            by_station[span.station].append(i)
    for rows in by_station.values():
        rows.sort(key=lambda i: spans[i].start_ns)
        reaches = rows[0]
        for i in rows[1:]:
            if spans[i].start_ns - margin_ns < spans[reaches].end_ns:
                yield reaches, i
            if spans[i].end_ns > spans[reaches].end_ns:
                reaches = i
