"""Measure a model on rows that it was not trained on: logits in, figures with intervals out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_RESAMPLES = 1000
_WEAK_DB, _STRONG_DB = 3, 6  # under the first, events are often invisible


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float], groups: Sequence[str], seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a statistic, by drawing whole events with replacement.

    Efron & Tibshirani (1993), An introduction to the bootstrap. Rows of one event are not
    independent, hence events are drawn and not rows.

    Parameters
    ----------
    statistic : callable
        Of an array of row indices; may return NaN where a draw lacks a class.
    groups : event of each row
    """
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)
    rng = np.random.default_rng(seed)
    draws = [
        statistic(np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]))
        for _ in range(_RESAMPLES)
    ]
    finite = [value for value in draws if np.isfinite(value)]
    if not finite:
        return float("nan"), float("nan")
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)


def roc_auc(scores: Values, positive: NDArray[np.bool_]) -> float:
    """Area under the receiver operating curve, as the Mann-Whitney statistic; NaN if one class.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = mean_rank[inverse][positive].sum()
    return float((rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def summarise(
    probabilities: Values,
    targets: NDArray[np.int64],
    names: Sequence[str],
    sources: Sequence[str],
    groups: Sequence[str],
    snrs_db: Sequence[float | None],
) -> dict[str, Any]:
    """Figures of a part, overall, per class, per source and per signal-to-noise ratio.

    Parameters
    ----------
    probabilities : (B, K)
    targets : (B,)
    names : the K classes
    sources, groups, snrs_db : source, event and signal-to-noise ratio (or None) of each row

    Returns
    -------
    dict
        rows, events, accuracy, macro_f1 (with 95 % intervals), confusion (rows: truth, columns:
        decision), per_class (rows, precision, recall, roc_auc with interval), per_source
        and per_snr_db (per class: rows, events, recall with interval).
    """
    decided = probabilities.argmax(axis=1)
    present = sorted({int(t) for t in targets})

    def macro_f1(rows: NDArray[np.int64]) -> float:
        return float(np.mean([_f1(decided[rows], targets[rows], k) for k in present]))

    def accuracy(rows: NDArray[np.int64]) -> float:
        return float((decided[rows] == targets[rows]).mean())

    everything = np.arange(len(targets))
    return {
        "rows": len(targets),
        "events": len(set(groups)),
        "accuracy": _with_interval(accuracy, everything, groups),
        "macro_f1": _with_interval(macro_f1, everything, groups),
        "confusion": _confusion(decided, targets, len(names)),
        "per_class": {
            names[k]: _class_figures(k, probabilities, decided, targets, groups) for k in present
        },
        "per_source": _recall_table(decided, targets, names, sources, groups),
        "per_snr_db": _recall_table(decided, targets, names, _snr_bands(snrs_db), groups),
    }


def _class_figures(
    k: int,
    probabilities: Values,
    decided: NDArray[np.int64],
    targets: NDArray[np.int64],
    groups: Sequence[str],
) -> dict[str, Any]:
    everything = np.arange(len(targets))
    hits = int(((decided == k) & (targets == k)).sum())
    return {
        "rows": int((targets == k).sum()),
        "precision": _ratio(hits, int((decided == k).sum())),
        "recall": _with_interval(
            lambda rows: _recall(decided[rows], targets[rows], k), everything, groups
        ),
        "roc_auc": _with_interval(
            lambda rows: roc_auc(probabilities[rows, k], targets[rows] == k), everything, groups
        ),
    }


def _snr_bands(snrs_db: Sequence[float | None]) -> list[str]:
    return ["unknown" if snr is None else _snr_band(snr) for snr in snrs_db]


def _snr_band(snr_db: float) -> str:
    if snr_db < _WEAK_DB:
        return f"below {_WEAK_DB}"
    return f"{_WEAK_DB} to {_STRONG_DB}" if snr_db < _STRONG_DB else f"{_STRONG_DB} and above"


def _recall_table(
    decided: NDArray[np.int64],
    targets: NDArray[np.int64],
    names: Sequence[str],
    kinds: Sequence[str],
    groups: Sequence[str],
) -> dict[str, Any]:
    """Recall by kind of row (source, band of signal-to-noise ratio) and class."""
    kind_of = np.asarray(kinds)
    table: dict[str, Any] = {}
    for kind in sorted(set(kinds)):
        for k in sorted({int(t) for t in targets[kind_of == kind]}):
            rows = np.flatnonzero((kind_of == kind) & (targets == k))
            here = [groups[int(i)] for i in rows]
            table.setdefault(kind, {})[names[k]] = {
                "rows": len(rows),
                "events": len(set(here)),
                "recall": _share_interval(decided[rows] == k, here),
            }
    return table


def _with_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    rows: NDArray[np.int64],
    groups: Sequence[str],
) -> list[float | None]:
    """[value, low, high], rounded; None where there is none (JSON knows no NaN)."""
    values = (statistic(rows), *bootstrap_interval(statistic, groups))
    return [round(v, 4) if np.isfinite(v) else None for v in values]


def _share_interval(hits: NDArray[np.bool_], groups: Sequence[str]) -> list[float | None]:
    return _with_interval(lambda rows: float(hits[rows].mean()), np.arange(len(hits)), groups)


def _confusion(
    decided: NDArray[np.int64], targets: NDArray[np.int64], n_classes: int
) -> list[list[int]]:
    counts = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(counts, (targets, decided), 1)
    return [[int(n) for n in row] for row in counts]


def _f1(decided: NDArray[np.int64], targets: NDArray[np.int64], k: int) -> float:
    hits = ((decided == k) & (targets == k)).sum()
    total = (decided == k).sum() + (targets == k).sum()
    return float(2 * hits / total) if total else float("nan")


def _recall(decided: NDArray[np.int64], targets: NDArray[np.int64], k: int) -> float:
    of_class = targets == k
    return float((decided[of_class] == k).mean()) if of_class.any() else float("nan")


def _ratio(numerator: int, denominator: int) -> float | None:
    return round(numerator / denominator, 4) if denominator else None
