"""Calibrate probabilities: a temperature, thresholds, and how wrong they still are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RANGE = (0.05, 20.0)
_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(9))
_FEWEST_DECIDED = 20


def softmax(logits: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities (B, K) of logits (B, K), which are divided by `temperature` first."""
    scaled = logits / temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def fit_temperature(
    logits: NDArray[np.float64], targets: NDArray[np.int64], weights: NDArray[np.float64]
) -> float:
    """Temperature with the least (weighted) negative log-likelihood.

    Guo et al. (2017), On calibration of modern neural networks, arXiv 1706.04599.

    Parameters
    ----------
    logits : (B, K)
    targets : (B,)
    weights : (B,)
        Of each row.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        probabilities = softmax(logits, float(np.exp(log_temperature)))
        chosen = probabilities[np.arange(len(targets)), targets]
        return float(-(weights * np.log(np.maximum(chosen, 1e-300))).sum() / weights.sum())

    found = minimize_scalar(loss, bounds=tuple(np.log(_RANGE)), method="bounded")
    return float(np.exp(found.x))


def fit_thresholds(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    precision: float = 0.9,
) -> tuple[float, ...]:
    """Threshold of each class: the lowest one above which decisions are right often enough.

    A window whose most probable class stays below its threshold is `uncertain`. The threshold is
    the lowest of 0.50, 0.55, ... 0.90 at which the share of right ones among the windows decided
    for the class reaches `precision`. It never makes more than half of the windows decided for
    the class uncertain, and leaves 20 windows at least, as fewer tell nothing: where no such
    threshold is precise enough, the highest such one is taken. 0.50 where fewer than 20 windows
    were decided for the class at all.

    Parameters
    ----------
    probabilities : (B, K)
        Of the validation part.
    targets : (B,)
    weights : (B,)
        Of each row.
    precision : float
    """
    decided, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return tuple(
        _threshold(
            confidence[decided == k], (targets == k)[decided == k], weights[decided == k], precision
        )
        for k in range(probabilities.shape[1])
    )


def _threshold(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    weights: NDArray[np.float64],
    precision: float,
) -> float:
    """Threshold of one class, from the windows that were decided for it."""
    fewest = max(_FEWEST_DECIDED, len(confidence) / 2)
    open_to_choice = [t for t in _THRESHOLDS if (confidence >= t).sum() >= fewest]
    for threshold in open_to_choice:
        kept = confidence >= threshold
        if weights[kept & right].sum() >= precision * weights[kept].sum():
            return threshold
    return open_to_choice[-1] if open_to_choice else _THRESHOLDS[0]


def reliability(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], n_bins: int = 15
) -> list[dict[str, float]]:
    """Table of how often the model is right when it is so sure, for the decided class.

    Parameters
    ----------
    probabilities : (B, K)
    targets : (B,)
    n_bins : int
        Equally wide ones from 0 to 1; the upper end belongs to a bin.

    Returns
    -------
    list of dict
        low, high, rows, confidence (mean probability of the decided class) and accuracy of each
        bin; the last two are NaN in an empty one.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    which = bin_of(confidence, n_bins)
    rows = np.bincount(which, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(which, confidence, minlength=n_bins) / rows
        accuracy = np.bincount(which, right, minlength=n_bins) / rows
    return [
        {
            "low": b / n_bins,
            "high": (b + 1) / n_bins,
            "rows": int(rows[b]),
            "confidence": float(means[b]),
            "accuracy": float(accuracy[b]),
        }
        for b in range(n_bins)
    ]


def expected_calibration_error(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], n_bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy, over bins of the decided class's probability.

    Guo et al. (2017), arXiv 1706.04599, equation 3. NaN without rows. A perfectly calibrated
    model has more than zero on few rows, as chance alone moves the shares in the bins.

    Examples
    --------
    >>> p = np.array([[0.8, 0.2]] * 4)  # 80 % sure four times, right three times
    >>> round(expected_calibration_error(p, np.array([0, 0, 0, 1])), 3)
    0.05
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    return _binned_distance(confidence, right, n_bins)


def classwise_calibration_error(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], n_bins: int = 15
) -> float:
    """Mean over the classes of the distance between a class's probability and its frequency.

    Kull et al. (2019), Beyond temperature scaling, arXiv 1910.12656, equation 3: unlike the
    error of the decided class it sees a class that is called too probable where it does not win.
    """
    return float(
        np.mean(
            [
                _binned_distance(probabilities[:, k], targets == k, n_bins)
                for k in range(probabilities.shape[1])
            ]
        )
    )


def calibration_error_by_chance(
    probabilities: NDArray[np.float64], n_bins: int = 15, resamples: int = 200, seed: int = 0
) -> float:
    """Expected calibration error that a perfectly calibrated model would show on as many rows.

    Mean over drawn outcomes: each row is right with its own confidence (consistency resampling,
    Broecker & Smith, 2007, Weather and Forecasting 22).
    """
    confidence = probabilities.max(axis=1)
    rng = np.random.default_rng(seed)
    draws = [
        _binned_distance(confidence, rng.random(len(confidence)) < confidence, n_bins)
        for _ in range(resamples)
    ]
    return float(np.mean(draws))


def bin_of(probabilities: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    """Index of the bin of each probability; the upper end belongs to a bin, 0 to the first."""
    return np.clip(np.ceil(probabilities * n_bins).astype(np.int64) - 1, 0, n_bins - 1)


def _binned_distance(
    predicted: NDArray[np.float64], happened: NDArray[np.bool_], n_bins: int
) -> float:
    if not len(predicted):
        return float("nan")
    excess = np.bincount(bin_of(predicted, n_bins), happened - predicted, minlength=n_bins)
    return float(np.abs(excess).sum() / len(predicted))
