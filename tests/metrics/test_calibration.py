"""Temperature scaling gives back the temperature with which data were made."""

import numpy as np
import pytest

from quake.metrics.calibration import fit_temperature, softmax


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
