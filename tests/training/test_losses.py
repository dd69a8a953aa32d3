"""Losses, against sums done by hand and against torch."""

import math

import pytest
import torch

from quake.training.losses import FocalLoss, build_loss

EQUAL = torch.ones(3)
LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.5], [-3.0, 1.0, 2.0]])
TARGETS = torch.tensor([0, 1, 1])


def two_classes(probability):
    """Logits with which the first of two classes has a probability."""
    return torch.tensor([[math.log(probability), math.log(1 - probability)]])


def test_a_window_of_probability_nine_tenths_counts_a_hundredth():
    loss = FocalLoss(torch.ones(2), gamma=2.0)(two_classes(0.9), torch.tensor([0]))
    assert float(loss) == pytest.approx(0.01 * -math.log(0.9), rel=1e-5)


def test_a_hopeless_window_counts_nearly_in_full():
    loss = FocalLoss(torch.ones(2), gamma=2.0)(two_classes(0.01), torch.tensor([0]))
    assert float(loss) == pytest.approx(0.99**2 * -math.log(0.01), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_without_focus_equal_classes_have_the_cross_entropy(smoothing):
    focal = FocalLoss(EQUAL, gamma=0.0, label_smoothing=smoothing)(LOGITS, TARGETS)
    plain = torch.nn.functional.cross_entropy(LOGITS, TARGETS, label_smoothing=smoothing)
    assert float(focal) == pytest.approx(float(plain), rel=1e-6)


def test_without_focus_weighted_classes_have_the_weighted_cross_entropy():
    weight = torch.tensor([0.5, 2.0, 1.0])
    focal = FocalLoss(weight, gamma=0.0)(LOGITS, TARGETS)
    plain = torch.nn.functional.cross_entropy(LOGITS, TARGETS, weight=weight)
    assert float(focal) == pytest.approx(float(plain), rel=1e-6)


def test_the_gradient_of_a_certain_window_is_finite():
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    FocalLoss(torch.ones(2))(logits, torch.tensor([0])).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", ["cross-entropy", "focal"])
def test_a_loss_is_built_by_name_with_the_weights_of_the_classes(name):
    weight = torch.tensor([0.5, 2.0, 1.0])
    loss = build_loss(name, weight, 0.1)
    assert isinstance(loss, FocalLoss) == (name == "focal")
    assert torch.equal(loss.weight, weight)
    assert loss.label_smoothing == 0.1


# --- probabilities for targets ------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_class_and_all_its_probability_are_the_same_to_the_focal_loss(smoothing):
    weight = torch.tensor([0.5, 2.0, 1.0])
    certain = torch.nn.functional.one_hot(TARGETS, 3).float()
    loss = FocalLoss(weight, label_smoothing=smoothing)
    assert float(loss(LOGITS, certain)) == pytest.approx(float(loss(LOGITS, TARGETS)), rel=1e-6)


def test_the_focal_loss_of_probabilities_by_hand():
    # The network says 0.9, the soft label 0.8: entropy -0.8 ln 0.9 - 0.2 ln 0.1, and it counts
    # by what it lacks, 1 - (0.8 * 0.9 + 0.2 * 0.1) = 0.26, squared.
    loss = FocalLoss(torch.ones(2), gamma=2.0)(two_classes(0.9), torch.tensor([[0.8, 0.2]]))
    entropy = -0.8 * math.log(0.9) - 0.2 * math.log(0.1)
    assert float(loss) == pytest.approx(0.26**2 * entropy, rel=1e-5)


def test_the_weight_of_a_soft_label_is_the_mean_of_those_of_its_classes():
    weight = torch.tensor([1.0, 3.0])
    logits = torch.cat([two_classes(0.9), two_classes(0.5)])
    soft = torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    # Entropies by hand; weights 2 and 3; without focus.
    entropies = (-0.5 * math.log(0.9) - 0.5 * math.log(0.1), -math.log(0.5))
    expected = (2 * entropies[0] + 3 * entropies[1]) / 5
    assert float(FocalLoss(weight, gamma=0.0)(logits, soft)) == pytest.approx(expected, rel=1e-5)


def test_the_cross_entropy_takes_probabilities_too():
    soft = torch.tensor([[0.8, 0.2]])
    expected = -0.8 * math.log(0.9) - 0.2 * math.log(0.1)
    loss = build_loss("cross-entropy", torch.ones(2), 0.0)
    assert float(loss(two_classes(0.9), soft)) == pytest.approx(expected, rel=1e-5)
