"""Pictures are written whole, and say what they show."""

import struct

import pytest

from quake.metrics import plots

PNG = b"\x89PNG\r\n\x1a\n"
NAN = float("nan")
HISTORY = {
    "epoch": [0.0, 1.0, 2.0],
    "train_loss": [1.0, 0.5, 0.4],
    "validation_loss": [1.1, NAN, 0.6],
    "validation_macro_f1": [0.4, 0.5, 0.8],
    "learning_rate": [1e-4, 2e-3, 1e-3],
    "backbone_frozen": [1.0, 0.0, 0.0],
    "windows_per_s": [200.0, 210.0, 190.0],
}
BINS = [
    {"low": 0.4, "high": 0.6, "rows": 3, "confidence": 0.5, "accuracy": 0.4},
    {"low": 0.6, "high": 0.8, "rows": 0, "confidence": NAN, "accuracy": NAN},
    {"low": 0.8, "high": 1.0, "rows": 9, "confidence": 0.9, "accuracy": 0.95},
]
RECALLS = {"here": {"noise": [0.9, 0.8, 1.0]}, "there": {"noise": [None, None, None]}}
DRAWN = {
    "confusion": lambda p: plots.plot_confusion(p, [[8, 2], [0, 0]], ("a", "b"), title="t"),
    "learning": lambda p: plots.plot_learning_curves(p, HISTORY),
    "learning_nothing": lambda p: plots.plot_learning_curves(p, {}),
    "roc": lambda p: plots.plot_roc(p, {"x": ([0, 0.5, 1], [0, 0.7, 1])}),
    "precision_recall": lambda p: plots.plot_precision_recall(p, {"x": ([0, 1], [1, 0.5])}),
    "reliability": lambda p: plots.plot_reliability(p, BINS, 0.07),
    "reliability_nothing": lambda p: plots.plot_reliability(p, [], None),
    "intervals": lambda p: plots.plot_intervals(p, RECALLS, "recall"),
    "intervals_nothing": lambda p: plots.plot_intervals(p, {}, "recall"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_each_picture_is_a_png_of_a_sensible_size(name, tmp_path):
    path = tmp_path / f"{name}.png"
    DRAWN[name](path)
    data = path.read_bytes()
    assert data.startswith(PNG)
    width, height = struct.unpack(">II", data[16:24])
    assert 300 < width < 2000
    assert 200 < height < 2000
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_same_figures_give_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        plots.plot_learning_curves(tmp_path / name, HISTORY)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_full_disk_leaves_neither_a_picture_nor_a_part_of_one(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        plots.plot_confusion(tmp_path / "c.png", [[1, 0], [0, 1]], ("a", "b"))
    assert list(tmp_path.iterdir()) == []
