"""The graph: the same numbers as the library's transforms and network."""

import numpy as np
import pytest
import torch

from quake.data.preprocessing import Preprocessing
from quake.data.transforms import build_transform
from quake.export.check import BATCH_SIZES
from quake.export.probes import probe_windows, random_windows, real_windows
from quake.inference.torch_engine import TorchEngine
from quake.model_file.safetensors_file import load_model
from quake.model_file.waveform_graph import WaveformToProbability, build_graph

PREPROCESSINGS = [
    Preprocessing(),
    Preprocessing(nperseg=63, hop_samples=10),
    Preprocessing(sampling_rate_hz=20, window_s=30.05, nperseg=32, hop_samples=32, band_hz=(1, 10)),
    Preprocessing(sampling_rate_hz=200, window_s=5, nperseg=256, hop_samples=64, band_hz=(2, 90)),
    Preprocessing(sampling_rate_hz=10, window_s=300, nperseg=128, hop_samples=100, band_hz=(1, 4)),
]


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS)
def test_its_spectrogram_is_that_of_the_transforms(preprocessing):
    graph = WaveformToProbability(preprocessing, torch.nn.Identity(), 1.0)
    transforms = build_transform(preprocessing)
    windows = torch.from_numpy(probe_windows(preprocessing))
    found, single = graph.spectrogram(windows), transforms(windows)
    exact = transforms[:-1](windows.double())
    assert found.shape == exact.shape
    # Magnitudes near the floor of the logarithm show how single numbers are rounded; the
    # convolution may round no worse than the library's own transform does.
    for worst in (torch.amax, torch.mean):
        assert worst((found - exact).abs()) < 1.5 * worst((single - exact).abs())
    assert (found - exact).abs().mean() < 2e-4


def gappy_windows(preprocessing, seed=0):
    """Noise with a gap at the start, at the end, in between, in one component; and of nothing."""
    n = preprocessing.n_samples
    windows = np.random.default_rng(seed).standard_normal((6, 3, n)).astype(np.float32)
    windows[0, :, : n // 3] = 0
    windows[1, :, n // 2 :] = 0
    windows[2, :, n // 3 : n // 2] = 0
    windows[3, 1, n // 4 : n // 2] = 0
    windows[4, 2] = 0
    windows[4, 0, n // 2] = 0
    windows[5] = 0
    return windows


@pytest.mark.parametrize("left_out", [True, False])
@pytest.mark.parametrize("preprocessing", PREPROCESSINGS)
def test_its_spectrogram_of_gappy_windows_is_that_of_the_transforms(preprocessing, left_out):
    if not left_out:
        preprocessing = preprocessing.with_gaps_left_in()
    graph = WaveformToProbability(preprocessing, torch.nn.Identity(), 1.0)
    transforms = build_transform(preprocessing)
    windows = torch.from_numpy(gappy_windows(preprocessing))
    found, exact = graph.spectrogram(windows), transforms[:-1](windows.double())
    # The same columns are left out, and the same numbers stand in the others.
    silent = (exact == 0).all(-2)
    assert torch.equal((found == 0).all(-2), silent)
    assert (found - exact).abs().mean() < 2e-4
    assert (found - exact).abs().amax(-2)[silent].max() == 0
    assert torch.isfinite(found).all()


def test_its_probabilities_are_those_of_the_engine(bundled, windows):
    graph = build_graph(*load_model(bundled))
    with torch.inference_mode():
        found = graph(torch.from_numpy(windows)).numpy()
    assert found.dtype == np.float32
    assert np.abs(found - TorchEngine(bundled, "cpu").probabilities(windows)).max() < 1e-6


def test_it_has_no_batch_norm_and_leaves_the_network_alone(bundled):
    card, network = load_model(bundled)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for half in (False, True):
        graph = build_graph(card, network, half)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in graph.modules())
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("preprocessing", PREPROCESSINGS)
def test_it_is_checked_on_windows_that_show_something(preprocessing):
    real, random = real_windows(preprocessing), random_windows(preprocessing)
    for windows in (real, random):
        assert windows.dtype == np.float32
        assert windows.shape[1:] == (3, preprocessing.n_samples)
        assert np.isfinite(windows).all()
    assert real[:, 0].any(axis=-1).all()
    assert len(real) + len(random) >= max(BATCH_SIZES) / 2
