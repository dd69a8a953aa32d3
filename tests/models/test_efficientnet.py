"""The network: its stages, shapes, freezing and configuration."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from quake.errors import ParameterError
from quake.models import EfficientNet, EfficientNetBackbone, build_model
from quake.models.efficientnet import EfficientNetConfig, Stage


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def network(**kwargs):
    return EfficientNet(**{"weights": None, **kwargs})


def on_meta(backbone):
    with torch.device("meta"):
        return network(backbone=backbone)


def buffers(model):
    return {name: buffer.clone() for name, buffer in model.named_buffers()}


def test_b0_has_the_stages_of_table_1_of_the_paper():
    assert on_meta("b0").stage_table() == (
        Stage("Conv", 3, 2, 32, 1),
        Stage("MBConv1", 3, 1, 16, 1),
        Stage("MBConv6", 3, 2, 24, 2),
        Stage("MBConv6", 5, 2, 40, 2),
        Stage("MBConv6", 3, 2, 80, 3),
        Stage("MBConv6", 5, 1, 112, 3),
        Stage("MBConv6", 5, 2, 192, 4),
        Stage("MBConv6", 3, 1, 320, 1),
        Stage("Conv", 1, 1, 1280, 1),
    )


def test_v2_s_has_the_stages_of_table_4_of_the_paper():
    assert on_meta("v2_s").stage_table() == (
        Stage("Conv", 3, 2, 24, 1),
        Stage("FusedMBConv1", 3, 1, 24, 2),
        Stage("FusedMBConv4", 3, 2, 48, 4),
        Stage("FusedMBConv4", 3, 2, 64, 4),
        Stage("MBConv4", 3, 2, 128, 6),
        Stage("MBConv6", 3, 1, 160, 9),
        Stage("MBConv6", 3, 2, 256, 15),
        Stage("Conv", 1, 1, 1280, 1),
    )


@pytest.mark.parametrize("backbone", list(EfficientNetBackbone))
def test_every_backbone_strides_by_32_in_all(backbone):
    strides = [stage.stride for stage in on_meta(backbone).stage_table()]
    assert np.prod(strides) == 32


@pytest.mark.parametrize("in_channels", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(33, 93), (33, 188), (129, 40)])
def test_any_channels_and_size_give_one_logit_a_class(in_channels, size):
    model = network(in_channels=in_channels, num_classes=4).eval()
    with torch.inference_mode():
        logits = model(torch.randn(2, in_channels, *size))
    assert logits.shape == (2, 4)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("backbone", list(EfficientNetBackbone))
def test_every_backbone_runs(backbone):
    assert on_meta(backbone)(torch.empty(2, 3, 33, 93, device="meta")).shape == (2, 2)


@pytest.mark.parametrize("backbone", ["b0", "v2_s"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 3)])
def test_the_smallest_sizes_work(backbone, size):
    model = network(backbone=backbone).eval()
    with torch.inference_mode():
        assert model(torch.randn(1, 3, *size)).isfinite().all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 33, 93), r"shape \(B, C, H, W\), got \(3, 33, 93\)"),
        ((1, 1, 3, 33, 93), r"shape \(B, C, H, W\)"),
        ((2, 1, 33, 93), "takes 3 channels, got 1"),
        ((2, 3, 0, 93), "need a pixel at least"),
        ((2, 3, 33, 0), "need a pixel at least"),
        ((1, 3, 32, 32), "train on two windows at least"),
    ],
)
def test_an_input_of_another_shape_is_refused(shape, message):
    with pytest.raises(ParameterError, match=message):
        network()(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (1, 3, 32, 33), (1, 3, 33, 1)])
def test_two_pixels_in_the_last_stages_are_enough_to_train(shape):
    assert network()(torch.randn(shape)).isfinite().all()


def test_a_batch_of_one_equals_that_item_in_a_batch_of_four():
    model = network().eval()
    x = torch.randn(4, 3, 33, 93)
    with torch.inference_mode():
        torch.testing.assert_close(model(x)[2:3], model(x[2:3]), rtol=1e-4, atol=1e-5)


def test_dropout_stands_before_the_classifier():
    drop, linear = network(dropout=0.35).classifier
    assert isinstance(drop, torch.nn.Dropout)
    assert drop.p == 0.35
    assert (linear.in_features, linear.out_features) == (1280, 2)


def test_a_new_stem_is_the_old_one_but_for_its_input():
    old, new = network().features[0][0], network(in_channels=2).features[0][0]
    assert (new.in_channels, old.in_channels) == (2, 3)
    for name in ("out_channels", "kernel_size", "stride", "padding", "bias"):
        assert getattr(new, name) == getattr(old, name)


def test_a_frozen_network_has_gradients_in_its_classifier_only():
    model = network(freeze_backbone=True)
    assert model.is_frozen
    model(torch.randn(2, 3, 33, 93)).sum().backward()
    with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
    assert with_gradient == {"classifier.1.weight", "classifier.1.bias"}


def test_a_frozen_network_keeps_its_statistics_in_training_mode():
    model = network(freeze_backbone=True).train()
    before = buffers(model)
    model(torch.randn(2, 3, 33, 93))
    for name, buffer in buffers(model).items():
        assert torch.equal(buffer, before[name]), name


def test_a_frozen_network_drops_features_but_no_blocks():
    model = network(freeze_backbone=True).train()
    x = torch.randn(2, 3, 33, 93)
    assert model.classifier.training
    assert torch.equal(model.features(x), model.features(x))


def test_an_unfrozen_network_learns_again():
    model = network(freeze_backbone=True)
    model.unfreeze()
    before = buffers(model)
    model(torch.randn(2, 3, 33, 93)).sum().backward()
    assert not model.is_frozen
    assert all(p.grad is not None for p in model.parameters())
    mean = "features.0.1.running_mean"
    assert not torch.equal(buffers(model)[mean], before[mean])


def test_freezing_and_unfreezing_keep_evaluation_mode():
    model = network().eval()
    model.freeze()
    model.unfreeze()
    assert not any(module.training for module in model.modules())


def test_a_configuration_goes_through_json_and_builds_the_same_network():
    model = network(backbone="b1", in_channels=1, num_classes=3, dropout=0.1)
    config = json.loads(json.dumps(model.config.to_dict()))
    assert config == {
        "architecture": "efficientnet",
        "backbone": "b1",
        "in_channels": 1,
        "num_classes": 3,
        "dropout": 0.1,
    }
    again = build_model(config, weights=None)
    assert again.config == model.config
    again.load_state_dict(model.state_dict())


def test_a_network_built_without_weights_takes_those_of_a_checkpoint():
    model = network().eval()
    with torch.device("meta"):
        again = build_model(model.config.to_dict()).eval()
    again.load_state_dict(load(save(model.state_dict())), assign=True)
    x = torch.randn(1, 3, 33, 93)
    assert torch.equal(again(x), model(x))
    assert all(p.requires_grad for p in again.parameters())


def test_the_state_dict_has_torchvisions_names():
    from torchvision.models import efficientnet_b0

    with torch.device("meta"):
        theirs = efficientnet_b0(num_classes=2)
        ours = network()
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"architecture": "efficientnet"},
        {**EfficientNetConfig().to_dict(), "depth": 4},
        {**EfficientNetConfig().to_dict(), "architecture": "resnet"},
    ],
)
def test_a_configuration_of_something_else_is_refused(values):
    with pytest.raises(ParameterError, match="architecture"):
        build_model(values)
    with pytest.raises(ParameterError, match="architecture"):
        EfficientNetConfig.from_dict(values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("in_channels", 0),
        ("in_channels", 1.5),
        ("num_classes", -1),
        ("num_classes", True),
        ("num_classes", "2"),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("dropout", float("nan")),
        ("dropout", "much"),
        ("backbone", "b9"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ParameterError, match=name):
        network(**{name: value})


def test_numbers_of_numpy_become_plain_ones():
    config = EfficientNetConfig("b0", np.int64(1), np.int64(3), np.float32(0.5))
    assert json.loads(json.dumps(config.to_dict()))["num_classes"] == 3


def test_the_same_seed_gives_the_same_network():
    torch.manual_seed(7)
    one = network().state_dict()
    torch.manual_seed(7)
    other = network().state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
