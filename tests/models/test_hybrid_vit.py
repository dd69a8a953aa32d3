"""HybridViT: shapes, positions, attention, depth, freezing and configuration."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save, save_file

from quake.errors import ParameterError, WeightsError
from quake.models import HybridViT, HybridViTBackbone, build_model, network_config
from quake.models.hybrid_vit import (
    Attention,
    Encoder,
    HybridViTConfig,
    StochasticDepth,
    position_code,
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def network(**kwargs):
    return HybridViT(**{"depth": 2, **kwargs})


def on_meta(**kwargs):
    with torch.device("meta"):
        return HybridViT(**kwargs)


def count(module):
    return sum(p.numel() for p in module.parameters())


def buffers(model):
    return {name: buffer.clone() for name, buffer in model.named_buffers()}


# --- size ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backbone", "millions"), [("tiny", 1.5), ("small", 5.8), ("medium", 22.0), ("base", 86.4)]
)
def test_sizes_go_from_one_and_a_half_to_86_million_parameters(backbone, millions):
    model = on_meta(backbone=backbone, num_classes=1000)
    assert round(count(model) / 1e6, 1) == millions
    assert count(model) == model.config.backbone.facts.parameters


def test_a_layer_has_twelve_squares_of_its_width_and_thirteen_widths():
    # Queries, keys, values 3 d^2 + 3 d; projection d^2 + d; perceptron 8 d^2 + 5 d; two norms 4 d.
    layer, *_ = network().features[1].layers
    assert count(layer) == 12 * 128**2 + 13 * 128


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_depth_is_the_number_of_layers(depth):
    model = network(depth=depth)
    assert len(model.features[1].layers) == depth == model.config.depth
    assert count(on_meta()) - count(model) == (6 - depth) * (12 * 128**2 + 13 * 128)


def test_without_a_depth_all_layers_are_there():
    assert HybridViTConfig("small").depth == 12
    assert len(on_meta(backbone="small").features[1].layers) == 12


@pytest.mark.parametrize("depth", [0, -1, 7, 1.5, "2", True])
def test_a_depth_that_makes_no_sense_is_refused(depth):
    with pytest.raises(ParameterError, match="depth"):
        network(depth=depth)


# --- shape --------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 200),
    in_channels=st.sampled_from([1, 2, 3, 6]),
)
def test_any_channels_and_size_give_one_logit_a_class(height, width, in_channels):
    model = network(in_channels=in_channels, num_classes=4, depth=1).eval()
    with torch.inference_mode():
        logits = model(torch.randn(2, in_channels, height, width))
    assert logits.shape == (2, 4)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()


@pytest.mark.parametrize("backbone", list(HybridViTBackbone))
def test_every_size_runs(backbone):
    model = on_meta(backbone=backbone)
    assert model(torch.empty(2, 3, 26, 94, device="meta")).shape == (2, 2)


@pytest.mark.parametrize(("size", "image"), [((26, 94), (4, 12)), ((51, 94), (7, 12))])
def test_a_token_stands_for_eight_by_eight_pixels(size, image):
    assert on_meta().features(torch.empty(1, 3, *size, device="meta")).shape == (1, 128, *image)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 26, 94), r"shape \(B, C, H, W\), got \(3, 26, 94\)"),
        ((2, 1, 26, 94), "takes 3 channels, got 1"),
        ((2, 3, 0, 94), "need a pixel at least"),
        ((1, 3, 8, 8), "train on two windows at least"),
    ],
)
def test_an_input_of_another_shape_is_refused(shape, message):
    with pytest.raises(ParameterError, match=message):
        network()(torch.zeros(shape))


def test_a_batch_of_one_equals_that_item_in_a_batch_of_four():
    model = network().eval()
    x = torch.randn(4, 3, 26, 94)
    with torch.inference_mode():
        torch.testing.assert_close(model(x)[2:3], model(x[2:3]), rtol=1e-4, atol=1e-5)


def test_the_order_in_memory_changes_nothing():
    model = network().eval()
    x = torch.randn(2, 3, 26, 94)
    with torch.inference_mode():
        expected = model(x)
        model = model.to(memory_format=torch.channels_last)
        found = model(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_it_runs_in_half_precision():
    model = network().eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert model(torch.randn(2, 3, 26, 94)).isfinite().all()
        assert model.features(torch.randn(2, 3, 26, 94)).shape == (2, 128, 4, 12)


# --- positions ----------------------------------------------------------------------------


def test_positions_are_sines_and_cosines_of_column_and_row():
    # Width 8: two periods, of 2 pi and of 2 pi 10,000 tokens.
    code = position_code(2, 3, 8, CPU)
    assert code.shape == (6, 8)
    row, column = 1, 2
    slow = 1e-4
    expected = [
        math.sin(column),
        math.sin(column * slow),
        math.cos(column),
        math.cos(column * slow),
        math.sin(row),
        math.sin(row * slow),
        math.cos(row),
        math.cos(row * slow),
    ]
    assert code[row * 3 + column].tolist() == pytest.approx(expected, abs=1e-6)


def test_no_two_tokens_have_the_same_position():
    code = position_code(7, 94, 128, CPU)
    distances = torch.cdist(code, code) + torch.eye(len(code)) * 100
    assert distances.min() > 0.1


def test_the_position_of_a_token_does_not_depend_on_the_size_of_the_image():
    small = position_code(4, 12, 128, CPU).reshape(4, 12, 128)
    large = position_code(7, 94, 128, CPU).reshape(7, 94, 128)
    assert torch.equal(small, large[:4, :12])


def test_an_encoder_sees_where_a_token_is():
    encoder = Encoder(16, 2, 1).eval()
    image = torch.randn(1, 16, 2, 3)
    moved = image.flip(3)
    assert not torch.allclose(encoder(image).flip(3), encoder(moved), atol=1e-3)


# --- attention ----------------------------------------------------------------------------


def test_attention_is_the_formula_of_the_paper():
    # softmax(Q K^T / sqrt(d)) V of each head, then the projection (Vaswani et al. 2017).
    attention = Attention(8, 2)
    tokens = torch.randn(3, 5, 8)
    queries, keys, values = (
        part.reshape(3, 5, 2, 4).transpose(1, 2)
        for part in attention.queries_keys_values(tokens).split(8, dim=2)
    )
    weights = (queries @ keys.transpose(2, 3) / 4**0.5).softmax(dim=3)
    expected = attention.project((weights @ values).transpose(1, 2).reshape(3, 5, 8))
    torch.testing.assert_close(attention(tokens), expected)


def test_attention_does_not_see_the_order_of_tokens():
    attention = Attention(8, 2)
    tokens, order = torch.randn(1, 6, 8), torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(attention(tokens)[:, order], attention(tokens[:, order]))


def test_one_layer_carries_a_change_from_one_end_of_the_window_to_the_other():
    encoder = Encoder(16, 2, 1).eval()
    image = torch.randn(1, 16, 2, 40)
    changed = image.clone()
    changed[..., 0] = torch.randn(1, 16, 2)
    assert not torch.allclose(encoder(image)[..., -1], encoder(changed)[..., -1], atol=1e-4)


# --- training -----------------------------------------------------------------------------


def test_every_parameter_has_a_gradient():
    model = network()
    model(torch.randn(2, 3, 26, 94)).square().sum().backward()
    without = [name for name, p in model.named_parameters() if not p.grad.abs().sum() > 0]
    # All tokens share the bias of a key, and softmax does not see what all share.
    assert all("queries_keys_values" in name for name in without)


def test_it_learns_to_tell_two_pictures_apart():
    model = network(dropout=0.0, depth=1)
    x, targets = torch.randn(8, 3, 16, 24), torch.arange(8) % 2
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(30):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), targets)
        loss.backward()
        optimizer.step()
    assert loss < 0.05


def test_first_logits_are_near_zero():
    assert network().eval()(torch.randn(4, 3, 26, 94)).abs().max() < 1


def test_stochastic_depth_keeps_the_mean_and_leaves_whole_windows_out():
    drop = StochasticDepth(0.25)
    kept = drop(torch.ones(4000, 2, 3))
    assert kept.unique().tolist() == pytest.approx([0, 4 / 3])
    assert torch.equal(kept.amin((1, 2)), kept.amax((1, 2)))
    assert kept.mean() == pytest.approx(1, abs=0.05)
    assert torch.equal(drop.eval()(torch.ones(3, 2)), torch.ones(3, 2))


def test_deeper_layers_are_left_out_more_often():
    rates = [layer.drop.rate for layer in HybridViT("tiny").features[1].layers]
    assert rates == pytest.approx([0, 0.02, 0.04, 0.06, 0.08, 0.1])


def test_a_frozen_network_has_gradients_in_its_classifier_only():
    model = network(freeze_backbone=True)
    assert model.is_frozen
    model(torch.randn(2, 3, 26, 94)).sum().backward()
    with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
    assert with_gradient == {"classifier.1.weight", "classifier.1.bias"}


def test_a_frozen_network_is_at_rest_in_training_mode():
    model = network(depth=6, freeze_backbone=True).train()
    before = buffers(model)
    x = torch.randn(2, 3, 26, 94)
    assert torch.equal(model.features(x), model.features(x))
    assert all(torch.equal(buffer, before[name]) for name, buffer in buffers(model).items())
    assert model.classifier.training


def test_an_unfrozen_network_learns_again():
    model = network(freeze_backbone=True)
    model.unfreeze()
    before = buffers(model)
    model(torch.randn(2, 3, 26, 94)).sum().backward()
    assert not model.is_frozen
    assert all(p.grad is not None for p in model.parameters())
    mean = "features.0.1.running_mean"
    assert not torch.equal(buffers(model)[mean], before[mean])


# --- saving, weights, export --------------------------------------------------------------


def test_a_configuration_goes_through_json_and_builds_the_same_network():
    model = network(in_channels=1, num_classes=3, dropout=0.1)
    config = json.loads(json.dumps(model.config.to_dict()))
    assert config == {
        "architecture": "hybrid_vit",
        "backbone": "hybrid-vit-tiny",
        "in_channels": 1,
        "num_classes": 3,
        "dropout": 0.1,
        "depth": 2,
    }
    again = build_model(config)
    assert again.config == model.config
    again.load_state_dict(model.state_dict())


def test_numbers_of_numpy_become_plain_ones():
    config = HybridViTConfig("tiny", np.int64(1), np.int64(3), np.float32(0.5), np.int64(2))
    assert json.loads(json.dumps(config.to_dict()))["depth"] == 2


def test_a_network_built_without_weights_takes_those_of_a_checkpoint():
    model = network().eval()
    with torch.device("meta"):
        again = build_model(model.config.to_dict()).eval()
    again.load_state_dict(load(save(model.state_dict())), assign=True)
    x = torch.randn(1, 3, 26, 94)
    assert torch.equal(again(x), model(x))


def test_the_same_seed_gives_the_same_network():
    torch.manual_seed(7)
    one = network().state_dict()
    torch.manual_seed(7)
    other = network().state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_imagenet_has_no_weights_for_it():
    with pytest.raises(
        WeightsError, match="ImageNet weights of hybrid-vit-tiny; pass weights=None"
    ):
        network(weights="imagenet")
    with pytest.raises(WeightsError, match="no ImageNet weights"):
        build_model(network_config("hybrid-vit-tiny", num_classes=2), "imagenet")


def test_weights_come_from_a_file(tmp_path):
    path = tmp_path / "trained.safetensors"
    model = network(num_classes=5)
    save_file(model.state_dict(), path)
    other = network(num_classes=2, weights=path)
    features = model.features.state_dict()
    assert all(torch.equal(t, features[n]) for n, t in other.features.state_dict().items())


@pytest.mark.parametrize("kwargs", [{"depth": 1}, {"depth": 3}, {"backbone": "small"}])
def test_weights_of_another_shape_are_refused(tmp_path, kwargs):
    path = tmp_path / "trained.safetensors"
    save_file(network().state_dict(), path)
    with pytest.raises(WeightsError, match=r"trained\.safetensors: does not fit"):
        network(weights=path, **kwargs)


def test_it_is_exported_for_any_batch():
    model = network().eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(
        model, (torch.randn(2, 3, 26, 94),), dynamic_shapes={"x": {0: batch}}
    )
    x = torch.randn(5, 3, 26, 94)
    torch.testing.assert_close(program.module()(x), model(x), rtol=1e-4, atol=1e-5)


def test_it_is_traced():
    model = network().eval()
    x = torch.randn(2, 3, 26, 94)
    traced = torch.jit.trace(model, x)
    torch.testing.assert_close(traced(x[:1]), model(x[:1]), rtol=1e-4, atol=1e-5)
