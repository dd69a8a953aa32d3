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
