"""Turn windows into curves of probabilities and cells of statuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quake.inference.records import WindowRecord
from quake.waveforms.times import NS_PER_S, parse_time

Floats = NDArray[np.float64]


def points_of(
    records: Sequence[WindowRecord], name: str, start_ns: int
) -> tuple[Floats, Floats, list[int]]:
    """Points of the curve of a class.

    Parameters
    ----------
    records : sequence of WindowRecord
        In the order of time.
    name : str
        Class.
    start_ns : int
        Time of second 0, ns since the epoch.

    Returns
    -------
    seconds, probabilities : array of shape (N,)
        At the middles of windows; NaN where the curve breaks: at windows without probabilities, and
        where windows neither touch nor overlap.
    alone : list of int
        Points between two breaks, which no line goes through.
    """
    seconds: list[float] = []
    values: list[float] = []
    for run in _runs(records):
        if seconds:
            seconds.append((run[0][0] - start_ns) / NS_PER_S)
            values.append(np.nan)
        for begin_ns, end_ns, record in run:
            seconds.append(((begin_ns + end_ns) / 2 - start_ns) / NS_PER_S)
            values.append(record.probabilities.get(name, np.nan))
    there = np.isfinite(values)
    before, after = np.append(False, there[:-1]), np.append(there[1:], False)
    alone = np.flatnonzero(there & ~before & ~after)
    return np.array(seconds), np.array(values), [int(i) for i in alone]


def cells(
    records: Sequence[WindowRecord], start_ns: int, end_ns: int
) -> list[tuple[float, float, str]]:
    """Cells of a strip of statuses: each moment has that of the window with the nearest middle.

    Parameters
    ----------
    records : sequence of WindowRecord
        In the order of time.
    start_ns, end_ns : int
        ns since the epoch; cells are cut off there.

    Returns
    -------
    list of (first second, last second, status), after `start_ns`, neighbours of one status as one.
    """
    found: list[tuple[int, int, str]] = []
    for run in _runs(records):
        middles = [(begin_ns + end) // 2 for begin_ns, end, _ in run]
        between = [(a + b) // 2 for a, b in pairwise(middles)]
        bounds = [run[0][0], *between, max(end for _, end, _ in run)]
        for i, (_, _, record) in enumerate(run):
            _append(found, (bounds[i], bounds[i + 1], record.status))
    return [
        ((max(a, start_ns) - start_ns) / NS_PER_S, (min(b, end_ns) - start_ns) / NS_PER_S, status)
        for a, b, status in found
        if a < end_ns and b > start_ns
    ]


def _append(found: list[tuple[int, int, str]], cell: tuple[int, int, str]) -> None:
    if found and found[-1][1] == cell[0] and found[-1][2] == cell[2]:
        found[-1] = (found[-1][0], cell[1], cell[2])
    else:
        found.append(cell)


def _runs(records: Sequence[WindowRecord]) -> Iterator[list[tuple[int, int, WindowRecord]]]:
    """Windows that touch or overlap, each with start and end in ns."""
    run: list[tuple[int, int, WindowRecord]] = []
    for record in records:
        begin_ns, end_ns = parse_time(record.start), parse_time(record.end)
        if run and begin_ns > run[-1][1]:
            yield run
            run = []
        run.append((begin_ns, end_ns, record))
    if run:
        yield run
