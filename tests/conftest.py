"""Fixtures that several test folders share."""

import os
import shutil
import signal
import tempfile

import pytest

# Shells have their background jobs ignore SIGINT, nohup has them ignore SIGHUP, and programs that
# tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Where standard input is closed, the first file that a test opens would take its place.
try:
    os.fstat(0)
except OSError:
    os.open(os.devnull, os.O_RDONLY)

# Graphs and decoded records of test models stay out of the user's cache; programs that tests
# start inherit it, so that a graph is built once for all of them.
_CACHE = tempfile.mkdtemp(prefix="quake-tests-")
os.environ["XDG_CACHE_HOME"] = _CACHE


def pytest_unconfigure():
    shutil.rmtree(_CACHE, ignore_errors=True)


@pytest.fixture(scope="session")
def model_path(tmp_path_factory):
    """A model file with random weights: B0, three classes, what it says means nothing."""
    import torch

    from quake.classes import LabelSet
    from quake.data.preprocessing import Preprocessing
    from quake.model_file.card import Calibration, ModelCard
    from quake.model_file.identity import versions
    from quake.model_file.safetensors_file import save_model
    from quake.models import EfficientNet, EfficientNetBackbone

    torch.manual_seed(0)
    network = EfficientNet(EfficientNetBackbone.B0, num_classes=3, weights=None)
    labels = LabelSet(("earthquake", "surface_event", "noise"))
    card = ModelCard(
        network=network.config.to_dict(),
        labels=labels,
        preprocessing=Preprocessing(),
        calibration=Calibration(1.0, (0.5, 0.5, 0.5)),
        training={
            "table": "labels.csv",
            "settings": {"backbone": "b0", "seed": 0},
            "rows": {
                "train": {"one": {"earthquake": 3, "noise": 4}},
                "test": {"two": {"noise": 2}},
            },
        },
        metrics={
            "test": {
                "rows": 2,
                "events": 2,
                "accuracy": [0.75, 0.5, 0.9],
                "macro_f1": [0.7, 0.4, None],
                "per_class": {
                    "noise": {
                        "rows": 2,
                        "precision": None,
                        "recall": [0.5, 0.25, 0.875],
                        "roc_auc": [None, None, None],
                    }
                },
                "per_source": {"two": {"noise": {"rows": 2, "events": 2, "recall": [0.5, 0, 1]}}},
            }
        },
        versions=versions(),
    )
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    save_model(path, card, network.state_dict())
    return path
