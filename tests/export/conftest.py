"""Model files to export, and what the bundled one becomes in each format."""

import numpy as np
import pytest
import torch
from random_models import save_random

from quake.data.preprocessing import Preprocessing
from quake.export import export_model
from quake.export.formats import find_format
from quake.model_file.registry import find_model


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Small batches on several threads are slow where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def bundled(tmp_path_factory):
    """The bundled B0, whatever the tester has installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUAKE_MODEL_DIR", str(tmp_path_factory.mktemp("none_installed")))
        return find_model(backbone="b0")


@pytest.fixture(scope="session")
def exported(bundled, tmp_path_factory):
    """Export the bundled model to a format, once; the report."""
    folder = tmp_path_factory.mktemp("exported")
    reports = {}

    def report_of(name):
        if name not in reports:
            output = folder / f"b0{find_format(name).suffixes[0]}"
            reports[name] = export_model(bundled, output, name)
        return reports[name]

    return report_of


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory):
    """A small transformer on short windows at another rate, two classes."""
    network = {"architecture": "hybrid_vit", "backbone": "hybrid-vit-tiny", "depth": 2}
    preprocessing = Preprocessing(
        sampling_rate_hz=40.0, window_s=17.5, nperseg=50, hop_samples=17, band_hz=(1.0, 15.0)
    )
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    return save_random(path, network, preprocessing, classes=("earthquake", "noise"))


@pytest.fixture(scope="session")
def tiny_exported(tiny_path, tmp_path_factory):
    """Export the transformer to a format, once; the report."""
    folder = tmp_path_factory.mktemp("tiny_exported")
    reports = {}

    def report_of(name):
        if name not in reports:
            output = folder / name / f"tiny{find_format(name).suffixes[0]}"
            reports[name] = export_model(tiny_path, output, name)
        return reports[name]

    return report_of


@pytest.fixture(scope="session")
def windows():
    """Noise of sixty seconds at 50 Hz, (5, 3, 3000)."""
    return np.random.default_rng(3).standard_normal((5, 3, 3000)).astype(np.float32)
