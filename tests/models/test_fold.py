import pytest
import torch
from torch import nn

from quake.models import build_model, network_config
from quake.models.fold import fold_batch_norm

TOLERANCE = 1e-5


def draw_statistics(network):
    """Give each batch norm a scale, a shift and statistics that are not those it began with."""
    generator = torch.Generator().manual_seed(0)
    for norm in norms(network):
        norm.running_mean.normal_(0, 0.2, generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
        nn.init.normal_(norm.bias, 0, 0.2, generator=generator)


def norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def random_network(backbone):
    torch.manual_seed(0)
    network = build_model(network_config(backbone, num_classes=3)).eval()
    draw_statistics(network)
    with torch.no_grad():
        network.classifier[1].weight *= 10  # logits that depend on the input enough to compare
    return network


@pytest.mark.parametrize("backbone", ["b0", "v2-s", "hybrid-vit-tiny"])
def test_outputs_stay_and_no_batch_norm_does(backbone):
    network = random_network(backbone)
    spectrograms = torch.randn(2, 3, 26, 94, generator=torch.Generator().manual_seed(1))
    folded = fold_batch_norm(network)
    with torch.inference_mode():
        expected, found = network(spectrograms), folded(spectrograms)
    assert expected.std() > 1e-2  # or any two networks would agree
    torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert not norms(folded)


def test_the_network_itself_stays_as_it_was():
    network = random_network("b0").train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded = fold_batch_norm(network)
    assert network.training
    assert not folded.training
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_batch_norm_that_follows_no_convolution_stays():
    layers = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1))
    assert len(norms(fold_batch_norm(layers))) == 1
