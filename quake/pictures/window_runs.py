"""Join windows of a channel set that say one class into stretches.

What a picture shows as bars. They are no events, which have an onset: see `quake.events`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from quake.errors import ParameterError
from quake.waveforms.times import NS_PER_S, format_time, parse_time

if TYPE_CHECKING:
    from quake.inference.records import WindowRecord

_SCORED = ("ok", "uncertain")

GAP_S = 30.0
"""Windows of one class that are no further apart than this are of one run."""


@dataclass(frozen=True)
class WindowRun:
    """A stretch of time in which windows say the same class.

    Attributes
    ----------
    label : str
        Class.
    start, end : str
        Of the first and the last window; UTC, ISO 8601; the end is exclusive.
    n_windows : int
    """

    label: str
    start: str
    end: str
    n_windows: int


def window_runs(
    records: Iterable[WindowRecord], thresholds: Mapping[str, float], gap_s: float = GAP_S
) -> list[WindowRun]:
    """Join the windows of a channel set that say the same class.

    A window is a hit of the class it is labelled with if that class has a threshold and the
    window's probability reaches it. Hits of one class are of one run where no more than `gap_s`
    lies between the end of what came before and the start of the next.

    Parameters
    ----------
    records : iterable of WindowRecord
        By start.
    thresholds : mapping of class to float
    gap_s : float

    Returns
    -------
    list of WindowRun
        By start and class.

    Raises
    ------
    ParameterError
        If the windows are not in the order of time.
    """
    gap_ns = round(gap_s * NS_PER_S)
    open_runs: dict[str, _OpenRun] = {}
    found = []
    for window, start_ns in _in_order(records):
        label = _hit(window, thresholds)
        if label is None:
            continue
        run = open_runs.get(label)
        if run is None or start_ns - run.end_ns > gap_ns:
            run = open_runs[label] = _OpenRun(label, start_ns)
            found.append(run)
        run.add(window)
    return [run.close() for run in sorted(found, key=attrgetter("start_ns", "label"))]


class _OpenRun:
    """A run that may still grow."""

    def __init__(self, label: str, start_ns: int) -> None:
        self.label = label
        self.start_ns = self.end_ns = start_ns
        self.n_windows = 0

    def add(self, window: WindowRecord) -> None:
        """Grow by a window that starts no earlier than all before."""
        self.end_ns = max(self.end_ns, parse_time(window.end))
        self.n_windows += 1

    def close(self) -> WindowRun:
        """As it is now."""
        start, end = format_time(self.start_ns), format_time(self.end_ns)
        return WindowRun(self.label, start, end, self.n_windows)


def _hit(window: WindowRecord, thresholds: Mapping[str, float]) -> str | None:
    """Class of a run that the window is part of, if any."""
    label = window.label
    if label is None or label not in thresholds or window.status not in _SCORED:
        return None
    return label if window.probabilities[label] >= thresholds[label] else None


def _in_order(windows: Iterable[WindowRecord]) -> Iterator[tuple[WindowRecord, int]]:
    """Windows with their start, ns."""
    before: WindowRecord | None = None
    before_ns = 0
    for window in windows:
        start_ns = parse_time(window.start)
        if before is not None and start_ns < before_ns:
            raise ParameterError(
                f"{window.id}: the window at {window.start} comes after the one at {before.start}; "
                "give the windows of a channel set in the order of time"
            )
        yield window, start_ns
        before, before_ns = window, start_ns
