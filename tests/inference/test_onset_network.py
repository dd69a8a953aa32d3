"""The onset network that comes with the package: its answers do not depend on units or company."""

import numpy as np
import pytest

from quake.errors import ModelError
from quake.inference.onset_network import N_SAMPLES, OnsetNetwork, bundled_network


@pytest.fixture(scope="module")
def windows():
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((20, 3, N_SAMPLES))
    burst = np.sin(2 * np.pi * 6 * np.arange(2000) / 100) * np.exp(-np.arange(2000) / 400)
    noise[:, :, 1001:] += 40 * burst * rng.uniform(0.5, 1, (20, 3, 1))
    return noise.astype(np.float32)


@pytest.fixture(scope="module")
def said(windows):
    return bundled_network().phases(windows)


def test_probabilities_are_probabilities(said):
    assert said.shape == (20, 2, N_SAMPLES)
    assert (said >= 0).all()
    assert (said.sum(axis=1) <= 1 + 1e-5).all()


def test_a_sudden_signal_is_an_onset_where_it_begins(said):
    for row in said:
        assert row[0].max() > 0.3
        assert abs(int(row[0].argmax()) - 1001) <= 20


@pytest.mark.parametrize("gain", [1e-12, 1e9])
def test_units_do_not_matter(windows, said, gain):
    scaled = bundled_network().phases((windows.astype(np.float64) * gain).astype(np.float32))
    np.testing.assert_allclose(scaled, said, atol=1e-4)


def test_company_does_not_matter(windows, said):
    np.testing.assert_array_equal(bundled_network().phases(windows[7:9]), said[7:9])


def test_silence_gives_numbers():
    said = bundled_network().phases(np.zeros((1, 3, N_SAMPLES), np.float32))
    assert np.isfinite(said).all()


def test_the_file_says_what_it_was_trained_on():
    assert bundled_network().about["started_at"] == "PhaseNet 190703"


def test_a_file_that_is_another_graph_is_refused(tmp_path):
    from importlib.resources import files

    with pytest.raises(ModelError, match="an onset network has"):
        OnsetNetwork(files("quake") / "bundled" / "b0.onnx")
    with pytest.raises(ModelError, match="no such model file"):
        OnsetNetwork(tmp_path / "none.onnx")
