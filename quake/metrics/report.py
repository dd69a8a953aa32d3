"""Measure a model on rows that it was not trained on, with intervals.

What each figure means and where its definition comes from stands in docs/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.classes import NOISE
from quake.errors import ParameterError
from quake.metrics.bootstrap import EventDraws, with_interval
from quake.metrics.bootstrap import bootstrap_interval as bootstrap_interval
from quake.metrics.calibration import (
    bin_of,
    calibration_error_by_chance,
    classwise_calibration_error,
    expected_calibration_error,
    reliability,
)
from quake.metrics.ranking import (
    FALSE_ALARM_RATE,
    Ranking,
    average_precision,
    recall_at_false_alarm_rate,
    roc_auc,
)
from quake.metrics.views import View, binary_views

Values = NDArray[np.float64]
Targets = NDArray[np.int64]
Mask = NDArray[np.bool_]

# The first two: under 3 dB events are often invisible, above 6 dB nobody would miss them.
_BANDS_DB = (3, 6, 10)
STRONG_DB = 6
# Of parts of the rows; their intervals are wide and there are many of them.
_RESAMPLES_OF_A_PART = 300
_RESAMPLES_OF_A_STATION = 100
_N_BINS = 15


@dataclass(frozen=True, eq=False)
class _Rows:
    """What is known of the rows: probabilities (B, K), and targets, decisions, events (B,)."""

    probabilities: Values
    targets: Targets
    names: Sequence[str]
    groups: NDArray[np.str_]

    @property
    def decided(self) -> Targets:
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    def only(self, rows: Mask | NDArray[np.int64]) -> _Rows:
        return _Rows(self.probabilities[rows], self.targets[rows], self.names, self.groups[rows])

    def draws(self, resamples: int) -> EventDraws:
        return EventDraws(self.groups, resamples)  # type: ignore[arg-type]


def summarise(
    probabilities: Values,
    targets: Targets,
    names: Sequence[str],
    sources: Sequence[str],
    groups: Sequence[str],
    snrs_db: Sequence[float | None],
    stations: Sequence[str] | None = None,
    thresholds: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Figures of a part, overall, per class, source, signal-to-noise ratio and station.

    Parameters
    ----------
    probabilities : (B, K)
    targets : (B,)
    names : the K classes
    sources, groups, snrs_db : source, event and signal-to-noise ratio (or None) of each row
    stations : station of each row, optional
    thresholds : of each class, optional

    Returns
    -------
    dict
        Of plain JSON types; [value, low, high] are 95 % intervals. rows, events, accuracy,
        macro_f1, confusion (rows: truth, columns: decision), calibration, per_class, views (binary
        questions), per_source, per_snr_db and per_station (per class), sources (per source all
        rows and strong ones as a whole) and decisions (with the thresholds).

    Raises
    ------
    ParameterError
        If there are no rows, or a probability is no number.
    """
    if not len(targets) or not np.isfinite(probabilities).all():
        raise ParameterError("rows with finite probabilities were expected")
    rows = _Rows(probabilities, np.asarray(targets), tuple(names), np.asarray(groups, dtype=str))
    draws = rows.draws(1000)
    source_of, snr_of = np.asarray(sources, dtype=str), _as_numbers(snrs_db)
    report = {
        "rows": len(targets),
        "resamples": draws.counts.shape[1],
        **_overall(rows, draws),
        "calibration": _calibration(rows, draws),
        "per_class": {
            names[k]: _class_figures(rows, draws, k) for k in sorted({int(t) for t in targets})
        },
        "views": _view_figures(rows, 1000),
        "per_source": _by_kind(rows, source_of, _RESAMPLES_OF_A_PART),
        "per_snr_db": _by_band(rows, snr_of),
        "sources": _sources(rows, source_of, snr_of),
    }
    if stations is not None:
        station_of = np.asarray(stations, dtype=str)
        report["per_station"] = _by_kind(rows, station_of, _RESAMPLES_OF_A_STATION)
    if thresholds is not None:
        report["decisions"] = _decisions(rows, np.asarray(thresholds, np.float64))
    return report


def _as_numbers(snrs_db: Sequence[float | None]) -> Values:
    return np.array([np.nan if snr is None else snr for snr in snrs_db], np.float64)


def _overall(rows: _Rows, draws: EventDraws) -> dict[str, Any]:
    """Events, accuracy, macro F1 and confusion of some rows."""
    k = len(rows.names)
    cell = rows.targets * k + rows.decided
    present = sorted({int(t) for t in rows.targets})
    confusion = np.bincount(cell, minlength=k * k).reshape(1, k, k).astype(np.float64)
    drawn = draws.sums(np.eye(k * k)[cell]).reshape(-1, k, k)
    return {
        "events": draws.n_events,
        "accuracy": with_interval(_accuracy(confusion)[0], _accuracy(drawn)),
        "macro_f1": with_interval(
            _f1(confusion)[0, present].mean(), _f1(drawn)[:, present].mean(axis=1)
        ),
        "confusion": confusion[0].astype(int).tolist(),
    }


def _accuracy(confusions: Values) -> Values:
    """Share of the diagonal of confusion matrices (R, K, K), (R,)."""
    right: Values = np.trace(confusions, axis1=1, axis2=2) / confusions.sum(axis=(1, 2))
    return right


def _f1(confusions: Values) -> Values:
    """F1 of each class of confusion matrices (R, K, K), (R, K); NaN where it never occurs."""
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    total = confusions.sum(axis=1) + confusions.sum(axis=2)
    result = np.full(total.shape, np.nan)
    np.divide(2 * hits, total, out=result, where=total > 0)
    return result


def _calibration(rows: _Rows, draws: EventDraws) -> dict[str, Any]:
    confidence = rows.probabilities.max(axis=1)
    excess = (rows.decided == rows.targets) - confidence
    by_bin = np.zeros((len(confidence), _N_BINS + 1))
    by_bin[np.arange(len(confidence)), bin_of(confidence, _N_BINS)] = excess
    by_bin[:, -1] = 1
    drawn = draws.sums(by_bin)
    value = expected_calibration_error(rows.probabilities, rows.targets, _N_BINS)
    return {
        "ece": with_interval(value, np.abs(drawn[:, :-1]).sum(axis=1) / drawn[:, -1]),
        "ece_by_chance": round(calibration_error_by_chance(rows.probabilities, _N_BINS), 4),
        "classwise_ece": round(
            classwise_calibration_error(rows.probabilities, rows.targets, _N_BINS), 4
        ),
        "bins": [
            {name: _plain(value) for name, value in row.items()}
            for row in reliability(rows.probabilities, rows.targets, _N_BINS)
            if row["rows"]
        ],
    }


def _plain(value: float) -> float | int:
    return value if isinstance(value, int) else round(float(value), 4)


def _class_figures(rows: _Rows, draws: EventDraws, k: int) -> dict[str, Any]:
    """Figures of one class against all others."""
    chosen = rows.decided == k
    return {
        "rows": int((rows.targets == k).sum()),
        **_decision_figures(chosen, rows.targets == k, draws),
        **_ranking_figures(rows.probabilities[:, k], rows.targets == k, draws),
    }


def _decision_figures(chosen: Mask, positive: Mask, draws: EventDraws) -> dict[str, Any]:
    """Precision, recall and F1 of a decision."""
    columns = np.stack([chosen & positive, chosen, positive], axis=1).astype(np.float64)
    value = columns.sum(axis=0)[None]
    drawn = draws.sums(columns)
    precision = _precision(value)[0]
    return {
        "precision": round(float(precision), 4) if np.isfinite(precision) else None,
        "recall": with_interval(_recall(value)[0], _recall(drawn)),
        "f1": with_interval(_f1_of_sums(value)[0], _f1_of_sums(drawn)),
    }


def _precision(sums: Values) -> Values:
    return _ratio(sums[:, 0], sums[:, 1])


def _recall(sums: Values) -> Values:
    return _ratio(sums[:, 0], sums[:, 2])


def _f1_of_sums(sums: Values) -> Values:
    return _ratio(2 * sums[:, 0], sums[:, 1] + sums[:, 2])


def _ratio(numerator: Values, denominator: Values) -> Values:
    result = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _ranking_figures(scores: Values, positive: Mask, draws: EventDraws) -> dict[str, Any]:
    """ROC-AUC, average precision, recall at 1 % false alarms; none of them if one class."""
    if positive.all() or not positive.any():
        return {"roc_auc": [None] * 3, "average_precision": [None] * 3}
    auc, precision, recall = draws.ranked(Ranking(scores, positive))
    point = recall_at_false_alarm_rate(scores, positive)
    return {
        "roc_auc": with_interval(roc_auc(scores, positive), auc),
        "average_precision": with_interval(average_precision(scores, positive), precision),
        "recall_at_false_alarms": {
            "rate": FALSE_ALARM_RATE,
            "recall": with_interval(point.recall, recall),
            "threshold": round(point.threshold, 4) if np.isfinite(point.threshold) else None,
            "negatives": point.n_negatives,
            "resolved": point.resolved,
        },
    }


def _view_figures(rows: _Rows, resamples: int) -> dict[str, Any]:
    """Figures of each binary question that has windows of both answers."""
    figures = {}
    for view in binary_views(rows.probabilities, rows.targets, rows.names):
        n_positive = int((view.positive & view.used).sum())
        if 0 < n_positive < view.used.sum():
            figures[view.name] = _figures_of_view(rows, view, resamples)
    return figures


def _figures_of_view(rows: _Rows, view: View, resamples: int) -> dict[str, Any]:
    scores, positive = view.scores[view.used], view.positive[view.used]
    draws = rows.only(view.used).draws(resamples)
    return {
        "positives": int(positive.sum()),
        "negatives": int((~positive).sum()),
        "f1": _decision_figures(scores >= 0.5, positive, draws)["f1"],
        **_ranking_figures(scores, positive, draws),
    }


def _by_kind(rows: _Rows, kind_of: NDArray[np.str_], resamples: int) -> dict[str, Any]:
    """Figures of each class within each kind of rows (a source, a station), against its others."""
    table: dict[str, Any] = {}
    order = np.argsort(kind_of, kind="stable")
    kinds, first = np.unique(kind_of[order], return_index=True)
    for kind, members in zip(kinds, np.split(order, first[1:]), strict=True):
        here = rows.only(np.sort(members))
        draws = here.draws(resamples)
        table[str(kind)] = {
            here.names[k]: _figures_within(here, k, draws)
            for k in sorted({int(t) for t in here.targets})
        }
    return table


def _figures_within(rows: _Rows, k: int, draws: EventDraws) -> dict[str, Any]:
    positive = rows.targets == k
    decision = _decision_figures(rows.decided == k, positive, draws)
    figures = {
        "rows": int(positive.sum()),
        "events": len(set(rows.groups[positive].tolist())),
        "recall": decision["recall"],
        "decided": np.bincount(rows.decided[positive], minlength=len(rows.names)).tolist(),
    }
    if positive.all():
        return figures
    ranking = _ranking_figures(rows.probabilities[:, k], positive, draws)
    return {
        **figures,
        "f1": decision["f1"],
        "roc_auc": ranking["roc_auc"],
        "average_precision": ranking["average_precision"],
        "recall_at_1_percent": ranking["recall_at_false_alarms"]["recall"],
        "negatives": int((~positive).sum()),
    }


def _by_band(rows: _Rows, snr_of: Values) -> dict[str, Any]:
    """Figures of each class in bands of signal-to-noise ratio, against all rows of the others.

    Noise has no ratio, hence the other classes are taken as a whole.
    """
    table: dict[str, Any] = {}
    for name, inside in _bands(snr_of):
        for k in sorted({int(t) for t in rows.targets[inside]}):
            chosen = rows.only((rows.targets != k) | inside)
            table.setdefault(name, {})[rows.names[k]] = _figures_within(
                chosen, k, chosen.draws(_RESAMPLES_OF_A_PART)
            )
    return table


def _bands(snr_of: Values) -> list[tuple[str, Mask]]:
    edges = (-np.inf, *_BANDS_DB, np.inf)
    named = [
        (_band_name(low, high), (snr_of >= low) & (snr_of < high)) for low, high in pairwise(edges)
    ]
    strong = (f"{STRONG_DB} and above", snr_of >= STRONG_DB)
    return [*named, strong, ("unknown", np.isnan(snr_of))]


def _band_name(low: float, high: float) -> str:
    if low == -np.inf:
        return f"below {high:g}"
    return f"{low:g} and above" if high == np.inf else f"{low:g} to {high:g}"


def _sources(rows: _Rows, source_of: NDArray[np.str_], snr_of: Values) -> dict[str, Any]:
    """Each source as a whole, and what is left of it without events below 6 dB.

    Events whose ratio nobody measured are not among the strong ones.
    """
    is_noise = np.array([name == NOISE for name in rows.names])[rows.targets]
    strong = is_noise | (snr_of >= STRONG_DB)
    found = {}
    for source in sorted(set(source_of.tolist())):
        here = source_of == source
        found[source] = {"all": _as_a_whole(rows.only(here))}
        if (here & strong & ~is_noise).any():
            found[source]["strong"] = _as_a_whole(rows.only(here & strong))
    return found


def _as_a_whole(rows: _Rows) -> dict[str, Any]:
    draws = rows.draws(_RESAMPLES_OF_A_PART)
    return {
        "rows": len(rows.targets),
        **_overall(rows, draws),
        "views": {
            name: {
                "positives": view["positives"],
                "negatives": view["negatives"],
                "roc_auc": view["roc_auc"],
                "average_precision": view["average_precision"],
                "recall_at_1_percent": view["recall_at_false_alarms"]["recall"],
            }
            for name, view in _view_figures(rows, _RESAMPLES_OF_A_PART).items()
        },
    }


def _decisions(rows: _Rows, thresholds: Values) -> dict[str, Any]:
    """What the thresholds do: how many windows stay uncertain, and how right the others are."""
    certain = rows.probabilities.max(axis=1) >= thresholds[rows.decided]
    right = rows.decided == rows.targets
    return {
        "uncertain": round(float(1 - certain.mean()), 4),
        "accuracy_of_the_others": round(float(right[certain].mean()), 4) if certain.any() else None,
        "per_class": {
            name: {
                "decided": int((certain & (rows.decided == k)).sum()),
                "precision": _share(right[certain & (rows.decided == k)]),
                "uncertain": _share(~certain[rows.targets == k]),
            }
            for k, name in enumerate(rows.names)
        },
    }


def _share(hits: Mask) -> float | None:
    return round(float(hits.mean()), 4) if len(hits) else None


def without_details(report: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a model card has no room for: stations, and the bins of the diagram."""
    calibration = {k: v for k, v in report["calibration"].items() if k != "bins"}
    kept = {k: v for k, v in report.items() if k != "per_station"}
    return {**kept, "calibration": calibration}
