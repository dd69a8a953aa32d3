"""Figures of a report against ones counted by hand."""

import math

import numpy as np
import pytest

from quake.metrics.report import bootstrap_interval, roc_auc, summarise

NAMES = ("earthquake", "noise")
# Truth: three earthquakes, two noise. Decided right: two and one.
PROBABILITIES = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.2, 0.8]])
TARGETS = np.array([0, 0, 0, 1, 1])
SOURCES = ["here", "here", "there", "here", "there"]
GROUPS = ["a", "b", "c", "d", "e"]
SNRS = [10.0, 4.0, -1.0, None, None]


@pytest.fixture
def report():
    return summarise(PROBABILITIES, TARGETS, NAMES, SOURCES, GROUPS, SNRS)


def test_accuracy_is_the_share_of_right_decisions(report):
    assert report["accuracy"][0] == pytest.approx(3 / 5)


def test_macro_f1_is_the_mean_over_classes(report):
    assert report["macro_f1"][0] == pytest.approx((2 * 2 / 6 + 2 * 1 / 4) / 2, abs=1e-4)


def test_confusion_has_the_truth_in_rows(report):
    assert report["confusion"] == [[2, 1], [1, 1]]


def test_precision_and_recall_are_those_of_the_class(report):
    earthquake = report["per_class"]["earthquake"]
    assert earthquake["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert earthquake["recall"][0] == pytest.approx(2 / 3, abs=1e-4)


def test_each_source_has_its_own_recall(report):
    assert report["per_source"]["here"]["earthquake"]["recall"][0] == 1.0
    assert report["per_source"]["there"]["earthquake"]["recall"][0] == 0.0
    assert report["per_source"]["there"]["noise"]["rows"] == 1


def test_each_band_of_signal_to_noise_ratio_has_its_own_recall(report):
    assert report["per_snr_db"]["below 3"]["earthquake"]["recall"][0] == 0.0
    assert report["per_snr_db"]["3 to 6"]["earthquake"]["recall"][0] == 1.0
    assert set(report["per_snr_db"]["unknown"]) == {"noise"}


def test_intervals_lie_around_the_value(report):
    value, low, high = report["accuracy"]
    assert low <= value <= high
    assert low < high


def test_one_event_has_an_interval_of_no_width():
    rows = np.array([0.0, 1.0, 1.0])
    low, high = bootstrap_interval(lambda i: float(rows[i].mean()), ["a", "a", "a"])
    assert low == high == pytest.approx(2 / 3)


def test_the_interval_of_a_mean_has_the_width_that_theory_gives():
    rng = np.random.default_rng(0)
    values = rng.normal(size=400)
    low, high = bootstrap_interval(lambda i: float(values[i].mean()), [str(i) for i in range(400)])
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(400), rel=0.1)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0), ([0.5, 0.5, 0.5, 0.5], 0.5)],
)
def test_roc_auc_of_perfect_reversed_and_tied_scores(scores, expected):
    assert roc_auc(np.array(scores), np.array([False, False, True, True])) == expected


def test_roc_auc_of_one_class_is_not_a_number():
    assert math.isnan(roc_auc(np.array([0.1, 0.2]), np.array([True, True])))
