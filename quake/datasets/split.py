"""Split labelled spans by event: no event, record or moment at one station on two sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from quake.datasets.collection import record_of
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError, ParameterError
from quake.waveforms.times import NS_PER_S

_PARTS = ("train", "validation", "test")
_SHOWN = 5  # pairs of rows in a message


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
    hold_out: Iterable[tuple[str, str]] = (),
    seed: int = 0,
) -> Split:
    """Divide rows so that what belongs together stays together.

    Rows belong together if they share an event or a record, or lie within `margin_s` of each
    other at one station (windows may reach that far beyond a row). Each combination of source and
    label is divided in the given proportions as far as whole groups allow; one that is a single
    group is trained on.

    Where the rows say themselves which part they are in (`LabelledSpan.split`), that holds; it is
    refused if it tears apart what belongs together.

    Parameters
    ----------
    spans : rows
    validation, test : float
        Shares of the rows.
    margin_s : float
    hold_out : pairs of ("source", name) or ("station", "NET.STA")
        All rows of these are tested on, and what belongs together with them is too.
    seed : int

    Raises
    ------
    ParameterError
        If the shares make no sense or what is held out does not exist.
    LabelError
        If nothing is left to train or validate on, or the split of the rows tears events apart.
    """
    hold_out = list(hold_out)
    if any(span.split for span in spans):
        return _given_split(spans, margin_s, hold_out)
    if not (0 < validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ParameterError(
            f"validation and test shares must be positive and below 1 in sum, got {validation:g} "
            f"and {test:g}"
        )
    held = _held_out(spans, hold_out)
    groups = _groups(spans, round(margin_s * NS_PER_S))
    parts: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    strata: dict[tuple[str, ...], list[list[int]]] = defaultdict(list)
    for rows in groups:
        if held.intersection(rows):
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


def _held_out(spans: Sequence[LabelledSpan], hold_out: Iterable[tuple[str, str]]) -> set[int]:
    """Rows that are held out by name."""
    held: set[int] = set()
    for kind, name in hold_out:
        if kind not in ("source", "station"):
            raise ParameterError(f"hold out a source or a station, got {kind!r}")
        rows = {i for i, span in enumerate(spans) if getattr(span, kind) == name}
        if not rows:
            known = sorted({getattr(span, kind) for span in spans})
            shown = ", ".join(known[:20]) + (f", and {len(known) - 20} more" if known[20:] else "")
            raise ParameterError(f"cannot hold out {name}: the {kind}s are {shown}")
        held |= rows
    return held


def _given_split(
    spans: Sequence[LabelledSpan], margin_s: float, hold_out: Sequence[tuple[str, str]]
) -> Split:
    if hold_out:
        raise ParameterError(
            "the rows say which part they are in (column split), so nothing can be held out; "
            "leave out --hold-out, or have the split ignored (--ignore-split)"
        )
    without = [span for span in spans if not span.split]
    if without:
        raise LabelError(
            f"{len(without)} of {len(spans)} rows have no split, the others have one (first: row "
            f"{without[0].row}, {without[0].path}); fill in all of them or none, or have "
            "them ignored (--ignore-split)"
        )
    parts = {name: tuple(i for i, s in enumerate(spans) if s.split == name) for name in _PARTS}
    for name in ("train", "validation"):
        if not parts[name]:
            raise LabelError(
                f"no row has the split {name!r}; training needs rows of train and of validation"
            )
    split = Split(*(parts[name] for name in _PARTS))
    check_leakage(spans, split, margin_s)
    return split


def check_leakage(spans: Sequence[LabelledSpan], split: Split, margin_s: float) -> None:
    """Refuse a split that has the same event, record or moment at one station on two sides.

    Raises
    ------
    LabelError
        Naming the first pairs of rows, and how many there are.
    """
    part_of = {i: name for name in _PARTS for i in getattr(split, name)}
    # Rows of no part are taken out: a tie through one of them would hide that of two others.
    rows = [spans[i] for i in sorted(part_of)]
    parts = [part_of[i] for i in sorted(part_of)]
    torn = [
        f"row {_place(rows[i])} ({parts[i]}) and row {_place(rows[j])} ({parts[j]}): {tie}"
        for i, j, tie in _ties(rows, round(margin_s * NS_PER_S))
        if parts[i] != parts[j]
    ]
    if torn:
        more = f"; and {len(torn) - _SHOWN} more" if torn[_SHOWN:] else ""
        raise LabelError(
            f"the split has the same event, record or moment on two sides, {len(torn)} times: "
            f"{'; '.join(torn[:_SHOWN])}{more}; put such rows into one part, or remove the column "
            "split (--ignore-split) to have them divided by event"
        )


def _place(span: LabelledSpan) -> str:
    return f"{span.row} of {span.record or span.path}"


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

    for i, j, _ in _ties(spans, margin_ns):
        parent[root(j)] = root(i)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(spans)):
        groups[root(i)].append(i)
    return list(groups.values())


def _ties(spans: Sequence[LabelledSpan], margin_ns: int) -> Iterator[tuple[int, int, str]]:
    """Pairs of rows that belong together, and why; not all of them, but enough to connect all."""
    for what, name_of in (("event", lambda span: span.group), ("record", record_of)):
        first: dict[str, int] = {}
        for i, span in enumerate(spans):
            before = first.setdefault(name_of(span), i)
            if before != i:
                yield before, i, f"the same {what} {name_of(span)}"
    for i, j in _neighbours(spans, margin_ns):
        seconds = max(0.0, (spans[j].start_ns - spans[i].end_ns) / NS_PER_S)
        when = f"{seconds:.0f} s apart" if seconds else "the same moment"
        yield i, j, f"{when} at station {spans[i].station}"


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
