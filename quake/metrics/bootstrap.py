"""Compute 95 % intervals by drawing whole events with replacement."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from quake.metrics.ranking import FALSE_ALARM_RATE, Ranking, area, precision_area, recall_at

Values = NDArray[np.float64]
Interval = list[float | None]

RESAMPLES = 1000
# Large sets have narrow intervals anyway: fewer draws, so that a figure takes seconds.
_FEWEST_RESAMPLES = 100
_ROWS_IN_ALL = 20_000_000
_BLOCK = 500_000  # weights at a time; few enough to stay near the processor


class EventDraws:
    """Draws of events with replacement (Efron & Tibshirani, 1993, Introduction to the bootstrap).

    Rows of one event are not independent, hence events are drawn and not rows. An interval of
    one event has no width: nothing is known then of how events differ.

    Parameters
    ----------
    groups : event of each of the B rows
    resamples : int
    seed : int
    """

    def __init__(self, groups: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> None:
        names, self.event_of = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        self.n_events = len(names)
        few = max(_FEWEST_RESAMPLES, _ROWS_IN_ALL // max(len(self.event_of), 1))
        self.counts = _draw_counts(self.n_events, min(resamples, few), seed)  # (events, R)

    def sums(self, columns: Values) -> Values:
        """Sums of columns (B, M) over the rows of each resample, (R, M)."""
        per_event = np.zeros((self.n_events, columns.shape[1]))
        np.add.at(per_event, self.event_of, columns)
        n_block = max(_BLOCK // self.n_events, 1)
        return np.concatenate(
            [
                self.counts[:, first : first + n_block].T.astype(np.float64) @ per_event
                for first in range(0, self.counts.shape[1], n_block)
            ]
        )

    def ranked(self, ranking: Ranking, rate: float = FALSE_ALARM_RATE) -> Values:
        """ROC-AUC, average precision, recall at `rate` of false alarms of each resample, (3, R)."""
        n_block = max(_BLOCK // len(self.event_of), 1)
        found = []
        for first in range(0, self.counts.shape[1], n_block):
            counts = self.counts[:, first : first + n_block].astype(np.float32)
            steps = ranking.steps(counts[self.event_of])
            found.append(np.stack([area(*steps), precision_area(*steps), recall_at(*steps, rate)]))
        return np.concatenate(found, axis=1)


def _draw_counts(n_events: int, resamples: int, seed: int) -> NDArray[np.uint16]:
    """How often each event is drawn in each resample, (n_events, resamples)."""
    rng = np.random.default_rng(seed)
    counts = np.empty((n_events, resamples), np.uint16)
    n_block = max(_BLOCK // n_events, 1)
    for first in range(0, resamples, n_block):
        n = min(n_block, resamples - first)
        drawn = rng.integers(0, n_events, (n_events, n)) * n + np.arange(n)
        block = np.bincount(drawn.ravel(), minlength=n_events * n)
        counts[:, first : first + n] = block.reshape(n_events, n)
    return counts


def with_interval(value: float, draws: Values) -> Interval:
    """[value, low, high] of a 95 % interval, rounded; None where there is none: JSON has no NaN."""
    finite = draws[np.isfinite(draws)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)
    return [round(float(v), 4) if np.isfinite(v) else None for v in (value, low, high)]


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float], groups: Sequence[str], seed: int = 0
) -> tuple[float, float]:
    """95 % interval of any statistic, by drawing whole events with replacement.

    Slow for many rows: the figures of a report are computed with `EventDraws`.

    Parameters
    ----------
    statistic : callable
        Of an array of row indices; may return NaN where a draw lacks a class.
    groups : event of each row
    """
    draws = EventDraws(groups, seed=seed)
    order = np.argsort(draws.event_of, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(draws.event_of[order])) + 1)
    values = np.array(
        [
            statistic(np.concatenate([np.tile(members[i], n[i]) for i in np.flatnonzero(n)]))
            for n in draws.counts.T
        ]
    )
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
