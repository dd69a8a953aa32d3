"""The table of backbones against torchvision's own figures and against counted parameters."""

import subprocess
import sys

import pytest
import torch

from quake.errors import ParameterError
from quake.models import network_config
from quake.models.backbones import (
    BACKBONE_FACTS,
    BACKBONES,
    HYBRID_VIT_FACTS,
    EfficientNetBackbone,
    HybridViTBackbone,
    parse_backbone,
)
from quake.models.efficientnet import EfficientNet

B = EfficientNetBackbone
V = HybridViTBackbone


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("b0", B.B0),
        ("B4", B.B4),
        ("v2-s", B.V2_S),
        ("V2_S", B.V2_S),
        (" v2_m ", B.V2_M),
        ("efficientnet_b0", B.B0),
        ("EfficientNet-B3", B.B3),
        (B.B2, B.B2),
    ],
)
def test_a_backbone_is_found_by_the_names_people_write(name, backbone):
    assert B.parse(name) is backbone


@pytest.mark.parametrize("name", ["b5", "", "resnet18", None, 0])
def test_an_unknown_backbone_is_refused_with_the_list(name):
    with pytest.raises(ParameterError, match="known are b0, b1, b2, b3, b4, v2_s, v2_m"):
        B.parse(name)


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("b0", B.B0),
        ("EfficientNetV2-S", B.V2_S),
        ("efficientnet_v2_m", B.V2_M),
        ("hybrid-vit-tiny", V.TINY),
        ("HYBRID_VIT_BASE", V.BASE),
        ("HybridViT-small", V.SMALL),
        (" hybrid vit medium ", V.MEDIUM),
        (V.TINY, V.TINY),
    ],
)
def test_backbones_of_all_architectures_are_found(name, backbone):
    assert parse_backbone(name) is backbone


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_is_found_by_its_own_name(backbone):
    assert parse_backbone(backbone.value) is backbone


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("hybrid-vit-tny", V.TINY), ("vit-base", V.BASE), ("v2-l", None), ("V2_SS", B.V2_S)],
)
def test_an_unknown_backbone_gets_the_nearest_one_and_the_list(name, nearest):
    advice = f"did you mean {nearest}" if nearest else "is unknown; "
    with pytest.raises(ParameterError, match=f"{name}.*{advice}.*known are b0.*hybrid-vit-base"):
        parse_backbone(name)


def test_the_size_alone_is_enough_for_a_transformer():
    assert V.parse("Tiny") is V.TINY
    with pytest.raises(ParameterError, match="known are hybrid-vit-tiny"):
        V.parse("b0")


def test_every_backbone_has_facts():
    assert list(BACKBONE_FACTS) == list(B)
    assert list(HYBRID_VIT_FACTS) == list(V)


def test_a_network_is_described_by_the_name_of_its_backbone():
    assert network_config("EfficientNet-B1", num_classes=4, dropout=0.3) == {
        "architecture": "efficientnet",
        "backbone": "b1",
        "in_channels": 3,
        "num_classes": 4,
        "dropout": 0.3,
    }
    found = network_config("hybrid_vit_small", num_classes=2, in_channels=1, depth=4)
    assert (found["architecture"], found["backbone"]) == ("hybrid_vit", "hybrid-vit-small")
    assert (found["depth"], found["in_channels"]) == (4, 1)
    assert network_config("hybrid_vit_small", num_classes=2)["depth"] == 12


def test_an_efficientnet_has_no_depth_to_choose():
    with pytest.raises(ParameterError, match=r"b0 has none.*hybrid-vit-tiny"):
        network_config("b0", num_classes=2, depth=3)


@pytest.mark.parametrize("backbone", list(B))
def test_facts_are_those_of_torchvisions_default_weights(backbone):
    from torchvision.models import get_model_weights

    weights = get_model_weights(f"efficientnet_{backbone}").DEFAULT
    facts = backbone.facts
    assert facts.parameters == weights.meta["num_params"]
    assert facts.imagenet_top1 == weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert facts.weights_name == weights.name
    assert facts.weights_file == weights.url.rsplit("/", 1)[1]


@pytest.mark.parametrize("backbone", list(B))
def test_facts_count_the_parameters_of_the_network_with_1000_classes(backbone):
    with torch.device("meta"):
        model = EfficientNet(backbone, num_classes=1000, weights=None)
    assert sum(p.numel() for p in model.parameters()) == backbone.facts.parameters


@pytest.mark.parametrize("backbone", list(B))
def test_published_figures_are_near_torchvisions(backbone):
    facts = backbone.facts
    millions = facts.parameters / 1e6
    assert facts.published_parameters_millions == pytest.approx(millions, rel=0.03)
    assert facts.published_top1 == pytest.approx(facts.imagenet_top1, abs=1.0)


def test_the_table_is_had_without_torch():
    code = (
        "import sys; from quake.models import EfficientNetBackbone;"
        "EfficientNetBackbone.B0.facts;"
        "assert not {'torch', 'torchvision', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
