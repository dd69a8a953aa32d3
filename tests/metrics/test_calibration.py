"""Temperatures and thresholds as data were made, calibration errors as counted by hand."""

import numpy as np
import pytest

from quake.metrics.calibration import (
    calibration_error_by_chance,
    classwise_calibration_error,
    expected_calibration_error,
    fit_temperature,
    fit_thresholds,
    reliability,
    softmax,
)


def test_softmax_of_equal_logits_is_uniform():
    np.testing.assert_allclose(softmax(np.full((1, 4), 1000.0)), 0.25)


def test_softmax_of_two_logits_is_the_logistic_function_of_their_difference():
    assert softmax(np.array([[2.0, 0.0]]))[0, 0] == pytest.approx(1 / (1 + np.exp(-2)))


def test_higher_temperature_brings_probabilities_nearer_to_each_other():
    cold, warm = softmax(np.array([[2.0, 0.0]]), 1.0), softmax(np.array([[2.0, 0.0]]), 3.0)
    assert warm[0, 0] < cold[0, 0]
    assert warm[0, 0] == pytest.approx(1 / (1 + np.exp(-2 / 3)))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_of_drawn_labels_is_found_again(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (20_000, 3))
    cumulated = softmax(logits, temperature).cumsum(axis=1)
    targets = (rng.random((len(logits), 1)) > cumulated).sum(axis=1).clip(max=2)
    found = fit_temperature(logits, targets, np.ones(len(logits)))
    assert found == pytest.approx(temperature, rel=0.05)


def test_rows_of_weight_zero_do_not_count():
    logits = np.array([[2.0, 0.0]] * 4)
    targets = np.array([0, 0, 0, 1])
    # Three of four right: probability 0.75, hence 2 / T = log(3).
    assert fit_temperature(logits, targets, np.ones(4)) == pytest.approx(2 / np.log(3), rel=1e-3)
    # The wrong one doubled: 3 / 5, hence 2 / T = log(3 / 2).
    weighted = fit_temperature(logits, targets, np.array([1.0, 1.0, 1.0, 2.0]))
    assert weighted == pytest.approx(2 / np.log(1.5), rel=1e-3)


def thresholds_of(confidence, right, precision=0.95):
    """Threshold of the first of two classes, all windows being decided for it."""
    confidence = np.asarray(confidence, float)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    return fit_thresholds(probabilities, np.where(right, 0, 1), np.ones(len(confidence)), precision)


def test_decisions_that_are_right_anyway_need_no_more_than_half():
    assert thresholds_of([0.6] * 30, [True] * 30) == (0.5, 0.5)


def test_the_threshold_is_the_lowest_that_is_precise_enough():
    # Wrong below 0.7 alone: 40 right at 0.95, 20 wrong at 0.68.
    confidence, right = [0.95] * 40 + [0.68] * 20, [True] * 40 + [False] * 20
    assert thresholds_of(confidence, right)[0] == 0.7


def test_no_threshold_makes_more_than_half_of_the_windows_uncertain():
    # The precise ones are a third: 0.9 would be needed, half are at 0.75 or more.
    confidence = [0.95] * 20 + [0.76] * 20 + [0.6] * 20
    right = [True] * 20 + [False, True] * 20
    assert thresholds_of(confidence, right)[0] == 0.75


def test_few_windows_tell_nothing():
    assert thresholds_of([0.6] * 19, [False] * 19) == (0.5, 0.5)


def test_weights_count_in_the_precision():
    probabilities = np.array([[0.6, 0.4]] * 20 + [[0.8, 0.2]] * 40)
    targets = np.array([1] * 4 + [0] * 56)
    plain = fit_thresholds(probabilities, targets, np.ones(60), 0.9)
    heavy = fit_thresholds(probabilities, targets, np.where(targets == 1, 3.0, 1.0), 0.9)
    assert (plain[0], heavy[0]) == (0.5, 0.65)  # 56 / 60, but 56 / 68


def test_calibration_error_of_one_bin_is_confidence_less_accuracy():
    # Nine times 0.9, six of them right; once 0.6, right.
    probabilities = np.array([[0.9, 0.1]] * 9 + [[0.4, 0.6]])
    targets = np.array([0] * 6 + [1] * 3 + [1])
    expected = 9 / 10 * (0.9 - 6 / 9) + 1 / 10 * (1 - 0.6)
    assert expected_calibration_error(probabilities, targets) == pytest.approx(expected)


def test_the_classwise_error_looks_at_each_class():
    # Of two classes: 0.7 for the first, which comes half of the time.
    probabilities, targets = np.array([[0.7, 0.3]] * 4), np.array([0, 0, 1, 1])
    assert classwise_calibration_error(probabilities, targets) == pytest.approx(0.2)


def test_a_calibrated_model_has_the_error_that_chance_makes():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 2000)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    targets = (rng.random(2000) > confidence).astype(int)
    by_chance = calibration_error_by_chance(probabilities)
    assert 0 < by_chance < 0.05
    assert expected_calibration_error(probabilities, targets) == pytest.approx(by_chance, rel=0.6)
    # Fewer rows, more chance.
    assert calibration_error_by_chance(probabilities[:100]) > 2 * by_chance


def test_the_table_of_reliability_counts_each_row_once():
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5], [0.05, 0.95]])
    table = reliability(probabilities, np.array([0, 0, 0]), n_bins=10)
    assert sum(row["rows"] for row in table) == 3
    assert table[-1] == {
        "low": 0.9,
        "high": 1.0,
        "rows": 2,
        "confidence": pytest.approx(0.975),
        "accuracy": 0.5,
    }
    assert table[4]["rows"] == 1  # 0.5 ends the bin from 0.4
    assert np.isnan(table[0]["accuracy"])


def test_torchmetrics_has_the_same_calibration_error():
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    rng = np.random.default_rng(1)
    probabilities = softmax(rng.normal(0, 2, (800, 3)))
    targets = rng.integers(0, 3, 800)
    theirs = multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(targets), num_classes=3, n_bins=15
    )
    ours = expected_calibration_error(probabilities, targets)
    assert ours == pytest.approx(float(theirs), abs=1e-5)
