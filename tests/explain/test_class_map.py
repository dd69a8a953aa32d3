"""Class maps of networks whose answer is known by hand, and of those that there are."""

import math

import numpy as np
import pytest
import torch
from tiny_networks import convolution
from torch import nn

from quake.explain.class_map import ClassMap, class_map, log_odds
from quake.models import EfficientNet, HybridViT

EITHER = [[1.0], [0.0]]  # logits: the mean of the one feature, and nothing


def test_the_map_is_where_the_input_is(tiny):
    image = torch.zeros(1, 4, 8)
    image[0, 2, 5], image[0, 0, 1] = 3.0, 1.5
    found = class_map(tiny([convolution([[1.0]])], EITHER), image, 0)
    expected = np.zeros((4, 8))
    expected[2, 5], expected[0, 1] = 1.0, 0.5
    assert found.cells == pytest.approx(expected)
    assert (found.layer, found.stride) == ("features.0", 1)


def test_what_speaks_against_a_class_speaks_for_the_other(tiny):
    image = torch.zeros(1, 4, 8)
    image[0, 2, 5], image[0, 0, 1] = 3.0, -1.5
    network = tiny([convolution([[1.0]])], EITHER)
    assert np.argwhere(class_map(network, image, 0).cells).tolist() == [[2, 5]]
    assert np.argwhere(class_map(network, image, 1).cells).tolist() == [[0, 1]]


def test_a_network_that_looks_at_nothing_has_an_empty_map(tiny):
    network = tiny([convolution([[1.0]])], [[0.0], [0.0]])
    assert not class_map(network, torch.rand(1, 4, 8), 0).cells.any()


def test_the_deepest_layer_with_enough_cells_is_taken(tiny):
    layers = [convolution([[1.0]], stride=2), nn.ReLU(), convolution([[1.0]], stride=2)]
    layers += [convolution([[1.0]], stride=2)]
    found = class_map(tiny(layers, EITHER), torch.rand(1, 16, 32), 0)
    assert (found.layer, found.stride, found.cells.shape) == ("features.2", 4, (4, 8))
    found = class_map(tiny(layers, EITHER), torch.rand(1, 8, 32), 0)
    assert (found.layer, found.stride, found.cells.shape) == ("features.1", 2, (4, 16))


def test_an_image_too_small_for_that_has_the_first_layer(tiny):
    found = class_map(tiny([convolution([[1.0]])], EITHER), torch.ones(1, 2, 2), 0)
    assert found.cells.tolist() == [[1, 1], [1, 1]]


def test_at_a_last_layer_it_is_grad_cam(tiny):
    torch.manual_seed(1)
    network = tiny([nn.Conv2d(2, 5, 3, padding=1), nn.ReLU()], torch.randn(3, 5))
    image = torch.randn(2, 6, 9)
    features = network.features(image[None]).requires_grad_()
    logits = network.classifier(network.avgpool(features).flatten(1))
    (gradients,) = torch.autograd.grad(log_odds(logits, 2).sum(), features)
    weights = gradients.mean((2, 3), keepdim=True)  # of Selvaraju et al., equation 1
    expected = (weights * features).sum(1)[0].clamp_min(0).detach()
    expected = (expected / expected.max()).numpy()
    assert class_map(network, image, 2).cells == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "layer"),
    [
        (lambda: EfficientNet("b0", num_classes=3, weights=None), "features.3"),
        (lambda: HybridViT("tiny", num_classes=3, depth=1), "features.1"),
    ],
    ids=["b0", "hybrid-vit"],
)
def test_every_architecture_has_a_map_in_which_a_cell_is_eight_pixels(make, layer):
    torch.manual_seed(0)
    network = make().eval().requires_grad_(False)
    image = torch.randn(3, 25, 95)
    found = class_map(network, image, int(network(image[None]).argmax()))
    assert (found.layer, found.stride, found.cells.shape) == (layer, 8, (4, 12))
    assert found.cells.min() >= 0
    assert found.cells.max() == 1


def test_a_classifier_of_random_weights_has_another_map(explainer, windows):
    """The first check of Adebayo et al. 2018 (arXiv 1810.03292)."""
    torch.manual_seed(0)
    learnt = explainer.explain(windows[0]).map.cells
    linear = explainer._network.classifier[1]
    before = linear.weight.data.clone()
    try:
        linear.weight.data.normal_(std=float(before.std()))
        drawn = explainer.explain(windows[0], "earthquake").map.cells
    finally:
        linear.weight.data = before
    assert abs(np.corrcoef(learnt.ravel(), drawn.ravel())[0, 1]) < 0.5


def test_between_the_centres_of_cells_the_map_is_linear():
    found = ClassMap("features.0", 4, np.array([[0.0, 1.0], [0.5, 0.5]])).on_grid(6, 7)
    assert found[0].tolist() == [0, 0.25, 0.5, 0.75, 1, 1, 1]
    assert found[:, 0].tolist() == [0, 0.125, 0.25, 0.375, 0.5, 0.5]
    assert found[4].tolist() == [0.5] * 7


def test_log_odds_are_those_of_the_probability():
    logits = torch.tensor([[0.3, -1.2, 2.0]], dtype=torch.float64)
    for index, p in enumerate(torch.softmax(logits, 1)[0].tolist()):
        assert float(log_odds(logits, index)[0]) == pytest.approx(math.log(p / (1 - p)))


def test_log_odds_of_a_sure_answer_are_finite():
    assert float(log_odds(torch.tensor([[1000.0, 0.0, 0.0]]), 0)[0]) == pytest.approx(
        1000 - math.log(2)
    )
