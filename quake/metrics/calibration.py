"""Temperature scaling: validation logits in, the temperature that makes them probabilities out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_RANGE = (0.05, 20.0)


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
