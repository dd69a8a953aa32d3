"""A trained network becomes the start of one with other classes."""

import pytest
import torch

from quake.errors import ParameterError, WeightsError
from quake.models import EfficientNet, HybridViT, load_backbone

OLD = ("earthquake", "surface_event", "noise")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def vit(num_classes, **kwargs):
    return HybridViT("tiny", num_classes=num_classes, **{"depth": 1, **kwargs})


@pytest.fixture
def trained():
    """A network whose classifier tells by its numbers which row is whose."""
    model = vit(3)
    with torch.no_grad():
        for row in range(3):
            model.classifier[1].weight[row] = row + 1
            model.classifier[1].bias[row] = 10 * (row + 1)
    return model.state_dict()


def rows(model):
    head = model.classifier[1]
    return head.weight[:, 0].tolist(), head.bias.tolist()


def test_classes_of_the_same_name_keep_their_rows_in_the_new_order(trained):
    model = vit(4)
    fresh_weights, fresh_biases = rows(model)
    new = ("noise", "explosion", "earthquake", "volcanic")
    kept = load_backbone(model, trained, old_classes=OLD, new_classes=new)
    assert kept == ("noise", "earthquake")
    weights, biases = rows(model)
    assert (weights[0], biases[0]) == (3, 30)
    assert (weights[2], biases[2]) == (1, 10)
    assert [weights[i] for i in (1, 3)] == [fresh_weights[i] for i in (1, 3)]
    assert [biases[i] for i in (1, 3)] == [fresh_biases[i] for i in (1, 3)]


def test_the_same_number_of_classes_in_another_order_is_not_mistaken_for_the_same(trained):
    model = vit(3)
    load_backbone(model, trained, old_classes=OLD, new_classes=OLD[::-1])
    assert rows(model) == ([3, 2, 1], [30, 20, 10])


def test_no_class_in_common_keeps_the_features_alone(trained):
    model = vit(2)
    before = rows(model)
    assert load_backbone(model, trained, old_classes=OLD, new_classes=("a", "b")) == ()
    assert rows(model) == before
    for name, tensor in model.features.state_dict().items():
        assert torch.equal(tensor, trained[f"features.{name}"]), name


def test_the_same_classes_give_the_same_network(trained):
    old, new = vit(3).eval(), vit(3).eval()
    old.load_state_dict(trained)
    load_backbone(new, trained, old_classes=OLD, new_classes=OLD)
    x = torch.randn(1, 3, 26, 94)
    assert torch.equal(new(x), old(x))


def test_the_tensors_stay_as_they_were(trained):
    before = {name: tensor.clone() for name, tensor in trained.items()}
    model = vit(2)
    load_backbone(model, trained, old_classes=OLD, new_classes=("noise", "earthquake"))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert all(torch.equal(trained[name], before[name]) for name in before)


def test_a_frozen_network_stays_frozen(trained):
    model = vit(2, freeze_backbone=True)
    load_backbone(model, trained, old_classes=OLD, new_classes=("noise", "earthquake"))
    assert model.is_frozen
    assert {n for n, p in model.named_parameters() if p.requires_grad} == {
        "classifier.1.weight",
        "classifier.1.bias",
    }


def test_tensors_without_a_classifier_are_taken(trained):
    features = {name: t for name, t in trained.items() if name.startswith("features")}
    assert load_backbone(vit(2), features, old_classes=(), new_classes=("noise", "b")) == ()


@pytest.mark.parametrize(
    "other",
    [
        lambda: vit(3, depth=2),
        lambda: HybridViT("small", num_classes=3, depth=1),
        lambda: EfficientNet("b0", num_classes=3, weights=None),
    ],
)
def test_another_network_is_refused_and_stays_as_it_was(trained, other):
    model = other()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(WeightsError, match=r"mine\.safetensors: does not fit this network"):
        load_backbone(model, trained, old_classes=OLD, new_classes=OLD, source="mine.safetensors")
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_the_stem_is_adapted_to_other_channels_as_pretrained_ones_are(trained):
    model = vit(3, in_channels=1)
    load_backbone(model, trained, old_classes=OLD, new_classes=OLD)
    stem = trained["features.0.0.weight"]
    assert torch.equal(model.features[0][0].weight, stem.sum(dim=1, keepdim=True))


def test_classes_that_do_not_fit_the_logits_are_refused(trained):
    with pytest.raises(ParameterError, match="the network: 2 logits, but 1 classes"):
        load_backbone(vit(2), trained, old_classes=OLD, new_classes=("noise",))
    with pytest.raises(ParameterError, match="3 logits, but 2 classes"):
        load_backbone(vit(2), trained, old_classes=OLD[:2], new_classes=("noise", "b"))


def test_it_works_for_efficientnet():
    old = EfficientNet("b0", num_classes=3, weights=None)
    new = EfficientNet("b0", num_classes=2, weights=None)
    tensors = old.state_dict()
    assert load_backbone(new, tensors, old_classes=OLD, new_classes=("noise", "px")) == ("noise",)
    assert torch.equal(new.classifier[1].weight[0], old.classifier[1].weight[2])
    assert torch.equal(new.features[0][0].weight, old.features[0][0].weight)
