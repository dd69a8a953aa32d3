"""Temperature scaling: validation logits in, the temperature that makes them probabilities out."""

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
    precision: float = 0.95,
) -> tuple[float, ...]:
    """Threshold of each class: the lowest one above which decisions are right often enough.

    A window whose most probable class stays below its threshold is `uncertain`. The threshold is
    the lowest of 0.50, 0.55, ... 0.90 at which the share of right ones among the windows decided
    for the class reaches `precision`; 0.90 where none does, and 0.50 where fewer than 20 windows
    were decided for it, which tell nothing.

    Parameters
    ----------
    probabilities : (B, K)
    targets : (B,)
    weights : (B,)
        Of each row.
    precision : float
    """
    decided, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    thresholds = []
    for k in range(probabilities.shape[1]):
        chosen = decided == k
        if chosen.sum() < _FEWEST_DECIDED:
            thresholds.append(_THRESHOLDS[0])
            continue
        reached = [
            threshold
            for threshold in _THRESHOLDS
            if _precision(chosen & (confidence >= threshold), targets == k, weights) >= precision
        ]
        thresholds.append(reached[0] if reached else _THRESHOLDS[-1])
    return tuple(thresholds)


def _precision(
    chosen: NDArray[np.bool_], right: NDArray[np.bool_], weights: NDArray[np.float64]
) -> float:
    total = weights[chosen].sum()
    return float(weights[chosen & right].sum() / total) if total > 0 else 0.0
