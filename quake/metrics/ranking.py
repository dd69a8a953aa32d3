"""Measure how well a score ranks positive windows above negative ones.

Each figure takes weights of the windows, so that a bootstrap needs no copy of them: drawing an
event twice is counting its windows twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Weights = NDArray[np.floating[Any]]
Truths = NDArray[np.bool_]

FALSE_ALARM_RATE = 0.01


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold on a score gives.

    Attributes
    ----------
    recall : float
        Share of the positive windows whose score reaches the threshold; NaN if there are none.
    threshold : float
        Infinite if no threshold keeps the rate.
    false_alarms : int
        Negative windows that reach it.
    n_negatives : int
    resolved : bool
        Whether there are as many negative windows as it takes to tell the rate from none at
        all: 1 % needs a hundred.
    """

    recall: float
    threshold: float
    false_alarms: int
    n_negatives: int
    resolved: bool


class Ranking:
    """Windows in the order of a score, the highest first; windows of equal score are one step.

    Parameters
    ----------
    scores : (B,)
    positive : (B,)
    """

    def __init__(self, scores: Values, positive: Truths) -> None:
        order = np.argsort(-scores, kind="stable")
        ranked, is_positive = scores[order], positive[order]
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
        self.thresholds: Values = ranked[ends]
        self.positives, self.negatives = order[is_positive], order[~is_positive]
        # How many of either kind reach each threshold; first of all, none do.
        self._n_positive = np.append(0, np.cumsum(is_positive)[ends])
        self._n_negative = np.append(0, np.cumsum(~is_positive)[ends])

    def steps(self, weights: Weights | None = None) -> tuple[Weights, Weights]:
        """Count what reaches each of the U thresholds, beginning with none.

        Parameters
        ----------
        weights : (B, R), optional
            Of the windows in each of R resamples; one by default.

        Returns
        -------
        hits, false alarms : (U + 1, R)
        """
        if weights is None:
            weights = np.ones((len(self.positives) + len(self.negatives), 1))
        hits = _cumulated(weights[self.positives])[self._n_positive]
        alarms = _cumulated(weights[self.negatives])[self._n_negative]
        return hits, alarms


def _cumulated(weights: Weights) -> Weights:
    sums = np.zeros((len(weights) + 1, weights.shape[1]), weights.dtype)
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums


def area(hits: Weights, alarms: Weights) -> Values:
    """Area under the receiver operating curve of each resample, (R,); NaN if one class.

    Ties count half, as in the Mann-Whitney statistic (Hanley & McNeil, 1982, Radiology 143).
    """
    doubled = (np.diff(alarms, axis=0) * (hits[1:] + hits[:-1])).sum(axis=0)
    return _divide(doubled, 2 * hits[-1] * alarms[-1])


def precision_area(hits: Weights, alarms: Weights) -> Values:
    """Average precision of each resample, (R,): mean over the positives of the precision at each.

    Without interpolation, as scikit-learn and torchmetrics compute it.
    """
    precision = hits[1:] / np.maximum(hits[1:] + alarms[1:], 1e-12)
    return _divide((np.diff(hits, axis=0) * precision).sum(axis=0), hits[-1])


def recall_at(hits: Weights, alarms: Weights, rate: float) -> Values:
    """Largest recall with at most that rate of false alarms, of each resample, (R,)."""
    last = _last_allowed(alarms, rate)
    recall = _divide(hits[last, np.arange(hits.shape[1])], hits[-1])
    recall[alarms[-1] == 0] = np.nan
    return recall


def _last_allowed(alarms: Weights, rate: float) -> NDArray[np.int64]:
    # The margin is for 0.07 * 100 = 7.000000000000001 and products that end below.
    limit = rate * alarms[-1].astype(np.float64) + 1e-9
    return np.asarray((alarms <= limit).sum(axis=0) - 1, np.int64)


def _divide(numerator: Weights, denominator: Weights) -> Values:
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def roc_auc(scores: Values, positive: Truths) -> float:
    """Area under the receiver operating curve, as the Mann-Whitney statistic; NaN if one class.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    return float(area(*_steps(scores, positive))[0])


def average_precision(scores: Values, positive: Truths) -> float:
    """Mean over the positive windows of the precision at their scores; NaN if there are none.

    Examples
    --------
    >>> average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]))  # (1 + 2/3) / 2
    0.8333333333333333
    """
    return float(precision_area(*_steps(scores, positive))[0])


def recall_at_false_alarm_rate(
    scores: Values, positive: Truths, rate: float = FALSE_ALARM_RATE
) -> OperatingPoint:
    """Largest recall with at most that rate of false alarms among the negative windows.

    Windows of equal score are taken or left together, hence never more false alarms than `rate`.

    Examples
    --------
    >>> scores = np.array([0.9, 0.8, 0.7, 0.6])
    >>> recall_at_false_alarm_rate(scores, np.array([True, False, True, False]), 0.5).recall
    1.0
    """
    if not len(scores):
        return OperatingPoint(float("nan"), float("inf"), 0, 0, False)
    ranking = Ranking(scores, positive)
    hits, alarms = ranking.steps()
    last = int(_last_allowed(alarms, rate)[0])
    n_negatives = int(alarms[-1, 0])
    return OperatingPoint(
        recall=float(recall_at(hits, alarms, rate)[0]),
        threshold=float(ranking.thresholds[last - 1]) if last else float("inf"),
        false_alarms=int(alarms[last, 0]),
        n_negatives=n_negatives,
        resolved=n_negatives * rate >= 1 - 1e-9,
    )


def _steps(scores: Values, positive: Truths) -> tuple[Weights, Weights]:
    if not len(scores):
        return np.zeros((1, 1)), np.zeros((1, 1))
    return Ranking(scores, positive).steps()


def roc_curve(scores: Values, positive: Truths) -> tuple[Values, Values]:
    """False alarm rates and recalls, (U + 1,) each, from none to all; NaN if one class."""
    hits, alarms = (steps[:, 0] for steps in _steps(scores, positive))
    return _divide(alarms, np.full_like(alarms, alarms[-1])), _divide(
        hits, np.full_like(hits, hits[-1])
    )


def precision_recall_curve(scores: Values, positive: Truths) -> tuple[Weights, Weights]:
    """Recalls and precisions, (U,) each, from the highest score to the lowest."""
    hits, alarms = (steps[1:, 0] for steps in _steps(scores, positive))
    if not len(hits):
        return hits, alarms
    return _divide(hits, np.full_like(hits, hits[-1])), hits / np.maximum(hits + alarms, 1e-12)
