"""Figures of rankings against ones counted by hand, and against torchmetrics."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.metrics.ranking import (
    Ranking,
    area,
    average_precision,
    precision_area,
    precision_recall_curve,
    recall_at,
    recall_at_false_alarm_rate,
    roc_auc,
    roc_curve,
)

# Few different scores, so that many are equal.
RANKED = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=30)


def arrays(rows):
    return np.array([s / 8 for s, _ in rows]), np.array([p for _, p in rows])


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0), ([0.5, 0.5, 0.5, 0.5], 0.5)],
)
def test_roc_auc_of_perfect_reversed_and_tied_scores(scores, expected):
    assert roc_auc(np.array(scores), np.array([False, False, True, True])) == expected


def test_what_one_class_has_no_figure_for_is_not_a_number():
    scores, all_positive = np.array([0.1, 0.2]), np.array([True, True])
    assert math.isnan(roc_auc(scores, all_positive))
    assert math.isnan(average_precision(scores, ~all_positive))
    assert math.isnan(recall_at_false_alarm_rate(scores, all_positive).recall)
    assert math.isnan(recall_at_false_alarm_rate(scores[:0], all_positive[:0]).recall)


@given(RANKED)
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(rows):
    scores, positive = arrays(rows)
    pairs = [(s, t) for s in scores[positive] for t in scores[~positive]]
    if pairs:
        share = np.mean([1.0 if s > t else 0.5 if s == t else 0.0 for s, t in pairs])
        assert roc_auc(scores, positive) == pytest.approx(share)


def test_average_precision_of_a_ranking_by_hand():
    # Precision at the positives, from the top: 1/1, 2/3, 3/4.
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    positive = np.array([True, False, True, True, False])
    assert average_precision(scores, positive) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_average_precision_of_equal_scores_is_the_share_of_positives():
    assert average_precision(np.full(4, 0.5), np.array([True, False, False, False])) == 0.25


def test_torchmetrics_has_the_same_areas():
    import torch
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision

    rng = np.random.default_rng(0)
    positive = rng.random(500) < 0.3
    scores = np.round(np.clip(rng.normal(0.4 + 0.2 * positive, 0.2), 0, 1), 2)
    theirs = torch.tensor(scores), torch.tensor(positive).long()
    assert roc_auc(scores, positive) == pytest.approx(float(binary_auroc(*theirs)), abs=1e-6)
    assert average_precision(scores, positive) == pytest.approx(
        float(binary_average_precision(*theirs)), abs=1e-6
    )


def test_recall_at_one_percent_lets_one_of_a_hundred_pass():
    negatives = np.linspace(0, 0.99, 100)  # the highest: 0.99, 0.98
    positives = np.array([0.995, 0.985, 0.975, 0.5])
    scores = np.concatenate([negatives, positives])
    positive = np.arange(104) >= 100
    point = recall_at_false_alarm_rate(scores, positive, 0.01)
    # 0.99 may pass, 0.98 may not: two of four positives are above 0.98.
    assert (point.recall, point.threshold, point.false_alarms) == (0.5, 0.985, 1)
    assert (point.n_negatives, point.resolved) == (100, True)


def test_with_fewer_than_a_hundred_negatives_none_may_pass_and_it_is_said():
    scores = np.array([0.9, 0.8, 0.7, 0.1])
    point = recall_at_false_alarm_rate(scores, np.array([True, False, True, True]), 0.01)
    assert point.recall == pytest.approx(1 / 3)
    assert (point.false_alarms, point.resolved) == (0, False)


def test_positives_that_share_the_score_of_a_negative_do_not_count():
    scores, positive = np.array([0.9, 0.9, 0.5]), np.array([True, False, True])
    point = recall_at_false_alarm_rate(scores, positive, 0.01)
    assert (point.recall, point.threshold) == (0.0, math.inf)


@given(RANKED, st.sampled_from([0.01, 0.07, 0.25, 0.5, 1.0]))
def test_no_threshold_that_keeps_the_rate_has_a_larger_recall(rows, rate):
    scores, positive = arrays(rows)
    if positive.all() or not positive.any():
        return
    allowed = [
        (scores[positive] >= t).mean()
        for t in [*scores, 2.0]
        if (scores[~positive] >= t).sum() <= rate * (~positive).sum() + 1e-12
    ]
    point = recall_at_false_alarm_rate(scores, positive, rate)
    assert point.recall == pytest.approx(max(allowed))
    assert (scores[positive] >= point.threshold).mean() == pytest.approx(point.recall)
    assert (scores[~positive] >= point.threshold).sum() == point.false_alarms


@given(RANKED, st.data())
def test_a_weight_counts_like_as_many_copies(rows, data):
    scores, positive = arrays(rows)
    n = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))))
    steps = Ranking(scores, positive).steps(n[:, None].astype(np.float32))
    copies = np.repeat(scores, n), np.repeat(positive, n)
    for weighted, plain in (
        (area(*steps), roc_auc(*copies)),
        (precision_area(*steps), average_precision(*copies)),
        (recall_at(*steps, 0.25), recall_at_false_alarm_rate(*copies, 0.25).recall),
    ):
        assert weighted[0] == pytest.approx(plain, abs=1e-5, nan_ok=True)


def test_curves_go_from_none_to_all():
    scores = np.array([0.9, 0.8, 0.8, 0.1])
    positive = np.array([True, True, False, False])
    rates, recalls = roc_curve(scores, positive)
    assert rates.tolist() == [0, 0, 0.5, 1]
    assert recalls.tolist() == [0, 0.5, 1, 1]
    recalls, precisions = precision_recall_curve(scores, positive)
    assert recalls.tolist() == [0.5, 1, 1]
    assert precisions.tolist() == pytest.approx([1, 2 / 3, 0.5])
