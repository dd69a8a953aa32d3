"""What an exported file costs: how far figures of evaluation change between two networks.

Both judge the same windows, and the interval of a difference comes from drawing whole events, the
same ones for both: where they err alike, that takes nothing from the precision of the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.datasets.collection import Collection
from quake.datasets.labels import LabelledSpan
from quake.datasets.split import Split, check_leakage, group_rows, split_by_event
from quake.errors import LabelError
from quake.export.labelled_windows import LabelledWindows, read_labelled_windows
from quake.metrics.bootstrap import EventDraws, with_interval
from quake.metrics.calibration import bin_of, expected_calibration_error
from quake.metrics.overlap import overlap
from quake.metrics.ranking import Ranking, roc_auc
from quake.metrics.views import binary_views
from quake.model_file.card import ModelCard

Values = NDArray[np.float64]
Targets = NDArray[np.int64]
Run = Callable[[NDArray[np.float32]], NDArray[np.floating[Any]]]

MOST_CALIBRATED = 512
_TEST_SHARE = 0.3  # where neither the data nor the card say what to measure on
_BATCH_SIZE = 32
_N_BINS = 15


@dataclass(frozen=True, eq=False)
class CalibrationAndTest:
    """Windows that integers are chosen by, and others that they are measured on.

    Attributes
    ----------
    calibration, test : LabelledWindows
        No event, record or moment at one station is in both.
    divided_by : {"column split", "events of the training", "draw by event"}
        What decided where a row is: the data, the model's card, or chance.
    n_trained_on : int or None
        Windows of `test` whose event the model was trained on, which flatter both networks; None
        where its card does not tell.
    """

    calibration: LabelledWindows
    test: LabelledWindows
    divided_by: str
    n_trained_on: int | None


def calibration_and_test(
    collection: Collection,
    card: ModelCard,
    most_calibrated: int = MOST_CALIBRATED,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> CalibrationAndTest:
    """Decode what to calibrate on and what to measure on.

    Where the rows have a column `split`, its parts train and test are taken. Otherwise events that
    the model was trained on are for calibration and those that it never saw for the test, as far
    as the sketch in its card tells. Where that leaves one of them empty, rows are drawn by event.

    Parameters
    ----------
    collection : Collection
    card : ModelCard
    most_calibrated : int
        Rows to calibrate on; more are drawn from.
    seed : int
        Of the draws.
    progress : callable of the numbers of rows done and to be done

    Raises
    ------
    LabelError
        If no row shows a class of the model, one of the two is left without rows, or the column
        `split` tears events apart.
    """
    spans = [span for span in collection.spans if span.label in card.labels.names]
    if not spans:
        names = ", ".join(card.labels.names)
        raise LabelError(f"{collection.name}: no row has a label of {names}")
    calibration, test, divided_by = _divide(collection.name, spans, card, seed)
    if len(calibration) > most_calibrated:
        drawn = np.random.default_rng(seed).choice(len(calibration), most_calibrated, False)
        calibration = [calibration[i] for i in sorted(drawn)]
    total = len(calibration) + len(test)

    def read(rows: list[int], before: int) -> LabelledWindows:
        part = replace(collection, spans=[spans[i] for i in rows])
        return read_labelled_windows(card, part, lambda done: progress(before + done, total))

    first, second = read(calibration, 0), read(test, len(calibration))
    seen = overlap(card.training.get("trained_on"), [span.group for span in second.spans])
    n_trained_on = None if seen is None else len(seen.rows)
    return CalibrationAndTest(first, second, divided_by, n_trained_on)


def _divide(
    name: str, spans: Sequence[LabelledSpan], card: ModelCard, seed: int
) -> tuple[list[int], list[int], str]:
    """Rows to calibrate on, rows to measure on, and what decided it."""
    margin_s = card.preprocessing.window_s
    if any(span.split for span in spans):
        return *_given(name, spans, margin_s), "column split"
    found = _by_training(spans, card, margin_s)
    if found is not None:
        return *found, "events of the training"
    try:
        # What a training would validate on, and nothing for a test of the training.
        drawn = split_by_event(spans, validation=_TEST_SHARE, test=0, margin_s=margin_s, seed=seed)
    except LabelError as error:
        raise LabelError(
            f"{name}: too few independent events to calibrate on some and to measure on others; "
            "add events"
        ) from error
    return list(drawn.train), list(drawn.validation), "draw by event"


def _given(
    name: str, spans: Sequence[LabelledSpan], margin_s: float
) -> tuple[list[int], list[int]]:
    train, test = ([i for i, s in enumerate(spans) if s.split == p] for p in ("train", "test"))
    if not train or not test:
        raise LabelError(
            f"{name}: {len(train)} rows of the part train and {len(test)} of the part test in its "
            "column split; integers are chosen by the former and measured on the latter"
        )
    check_leakage(spans, Split(tuple(train), (), tuple(test)), margin_s)
    return train, test


def _by_training(
    spans: Sequence[LabelledSpan], card: ModelCard, margin_s: float
) -> tuple[list[int], list[int]] | None:
    """Tell what the model was trained on from what it never saw; None where that cannot be."""
    found = overlap(card.training.get("trained_on"), [span.group for span in spans])
    if found is None or found.looked_up < len({span.group for span in spans}):
        return None
    seen = set(found.rows)
    calibration: list[int] = []
    test: list[int] = []
    for rows in group_rows(spans, margin_s):
        (calibration if seen.intersection(rows) else test).extend(rows)
    return (sorted(calibration), sorted(test)) if calibration and test else None


def compare(
    library: Run, exported: Run, records: LabelledWindows, names: Sequence[str]
) -> dict[str, Any]:
    """Let two networks judge the same windows, and say how far their figures differ.

    Parameters
    ----------
    library, exported : callable
        From windows (B, 3, N) to probabilities (B, K).
    records : LabelledWindows
    names : the K classes

    Returns
    -------
    dict
        As `figures_of` has it.
    """
    groups = [span.group for span in records.spans]
    before, after = (_judged(run, records.windows) for run in (library, exported))
    return figures_of(before, after, records.targets, names, groups)


def _judged(run: Run, windows: NDArray[np.float32]) -> Values:
    firsts = range(0, len(windows), _BATCH_SIZE)
    batches = [run(windows[first : first + _BATCH_SIZE]) for first in firsts]
    return np.concatenate(batches).astype(np.float64)


def figures_of(
    before: Values, after: Values, targets: Targets, names: Sequence[str], groups: Sequence[str]
) -> dict[str, Any]:
    """Figures of the probabilities of two networks, and their differences.

    Parameters
    ----------
    before, after : (B, K)
        Probabilities; finite, B > 0.
    targets : (B,)
    names : the K classes
    groups : event of each window

    Returns
    -------
    dict
        Of plain JSON types: ``windows``, ``events``; ``same_label``, the share of windows of which
        both say the same; ``largest_difference`` and ``mean_difference`` in probability; and
        ``figures``, of each its ``library`` and ``exported`` value and ``difference``, [value, low,
        high] with a 95 % interval. A value is None where the windows do not tell it.
    """
    draws = EventDraws(groups)
    first, second = (_drawn(p, targets, names, draws) for p in (before, after))
    apart = np.abs(after - before)
    return {
        "windows": len(targets),
        "events": draws.n_events,
        "same_label": float((before.argmax(axis=1) == after.argmax(axis=1)).mean()),
        "largest_difference": float(apart.max()),
        "mean_difference": float(apart.mean()),
        "figures": {name: _change(first[name], second[name]) for name in first},
    }


@dataclass(frozen=True, eq=False)
class _Figure:
    """A figure of all windows, and of each of R resamples (R,)."""

    value: float
    drawn: Values


def _change(before: _Figure, after: _Figure) -> dict[str, Any]:
    return {
        "library": with_interval(before.value, before.drawn)[0],
        "exported": with_interval(after.value, after.drawn)[0],
        "difference": with_interval(after.value - before.value, after.drawn - before.drawn),
    }


def _drawn(
    probabilities: Values, targets: Targets, names: Sequence[str], draws: EventDraws
) -> dict[str, _Figure]:
    """Figures of one network by name."""
    decided = probabilities.argmax(axis=1)
    present = sorted({int(t) for t in targets})
    f1 = _f1(decided, targets, len(names), draws)[:, present]
    found = {"macro F1": _Figure(float(f1[0].mean()), f1[1:].mean(axis=1))}
    for column, k in enumerate(present):
        found[f"F1 of {names[k]}"] = _Figure(float(f1[0, column]), f1[1:, column])
    for view in binary_views(probabilities, targets, names):
        if view.used.all():  # the others are asked of some windows alone
            area = draws.ranked(Ranking(view.scores, view.positive))[0]
            found[f"ROC-AUC, {view.name}"] = _Figure(roc_auc(view.scores, view.positive), area)
    found["expected calibration error"] = _calibration_error(probabilities, targets, draws)
    return found


def _f1(decided: Targets, targets: Targets, n_classes: int, draws: EventDraws) -> Values:
    """F1 of each class of all windows, and then of each resample, (1 + R, K).

    NaN where the class neither occurs nor is decided for.
    """
    truth, decision = np.eye(n_classes)[targets], np.eye(n_classes)[decided]
    columns = np.hstack([truth * decision, truth + decision])
    sums = np.vstack([columns.sum(axis=0), draws.sums(columns)])
    hits, total = sums[:, :n_classes], sums[:, n_classes:]
    result = np.full(hits.shape, np.nan)
    np.divide(2 * hits, total, out=result, where=total > 0)
    return result


def _calibration_error(probabilities: Values, targets: Targets, draws: EventDraws) -> _Figure:
    confidence = probabilities.max(axis=1)
    excess = (probabilities.argmax(axis=1) == targets) - confidence
    # One column a bin, and one that counts windows.
    columns = np.zeros((len(targets), _N_BINS + 1))
    columns[np.arange(len(targets)), bin_of(confidence, _N_BINS)] = excess
    columns[:, -1] = 1
    sums = draws.sums(columns)
    value = expected_calibration_error(probabilities, targets, _N_BINS)
    return _Figure(value, np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1])
