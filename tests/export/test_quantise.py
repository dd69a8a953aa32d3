"""Integers: smaller, near, with the metadata, and nothing left lying about."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import quake
from quake.errors import ExportError, ParameterError
from quake.export import quantise
from quake.export.probes import real_windows
from quake.export.quantise import quantise_int8
from quake.model_file.card import ModelCard
from quake.model_file.onnx_file import metadata_in, run_onnx, set_metadata

TEXTS = {"quake": "{}", "quake_format": "1", "quake_precision": "float32", "quake_source": "abc"}
BUNDLED = Path(quake.__file__).parent / "bundled" / "b0.onnx"


def small_graph(prefix="network."):
    """Waveforms (B, 3, 400), their logarithm as an image, three convolutions, three classes."""
    rng = np.random.default_rng(0)
    shapes = {"stem": (32, 3, 3, 3), "depthwise": (32, 1, 3, 3), "wide": (512, 32, 1, 1)}
    weights = {k: rng.normal(0, np.prod(v[1:]) ** -0.5, v) for k, v in shapes.items()}
    weights["head"] = rng.normal(0, 0.1, (3, 512))
    nodes, tensors = [], [numpy_helper.from_array(np.array([-1, 3, 20, 20]), "shape")]
    nodes.append(helper.make_node("Reshape", ["waveforms", "shape"], ["image"], name="reshape"))
    nodes.append(helper.make_node("Softplus", ["image"], ["positive"], name="positive"))
    nodes.append(helper.make_node("Log", ["positive"], ["log"], name="log"))
    last = "log"
    for name in shapes:
        groups = 32 if name == "depthwise" else 1
        pads = [0] * 4 if name == "wide" else [1] * 4
        inputs = [last, f"{prefix}{name}.weight", f"{prefix}{name}.bias"]
        last = f"{name}.silu"
        nodes += [
            helper.make_node("Conv", inputs, [name], name=name, group=groups, pads=pads),
            helper.make_node("Sigmoid", [name], [f"{name}.gate"], name=f"{name}.gate"),
            helper.make_node("Mul", [name, f"{name}.gate"], [last], name=last),
        ]
        tensors.append(numpy_helper.from_array(np.zeros(shapes[name][0], np.float32), inputs[2]))
    nodes += [
        helper.make_node("GlobalAveragePool", [last], ["pooled"], name="pooled"),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", f"{prefix}head.weight"], ["logits"], name="g", transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], name="softmax"),
    ]
    tensors += [
        numpy_helper.from_array(v.astype(np.float32), f"{prefix}{k}.weight")
        for k, v in weights.items()
    ]
    ends = [
        helper.make_tensor_value_info("waveforms", TensorProto.FLOAT, ["batch", 3, 400]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3]),
    ]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], tensors)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    set_metadata(proto, TEXTS)
    return proto


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "exact.onnx"
    onnx.save(small_graph(), path)
    return path


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(1).normal(size=(40, 3, 400)).astype(np.float32)


def operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def quantisers(path):
    return operators(path).count("QuantizeLinear")


def test_a_small_graph_becomes_smaller_and_stays_near(
    small, noise, tmp_path, monkeypatch, capfd, caplog
):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    quantise_int8(small, noise, folder / "int8.onnx")
    assert [path.name for path in folder.iterdir()] == ["int8.onnx"]
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert (folder / "int8.onnx").stat().st_size < small.stat().st_size / 2
    assert metadata_in(onnx.load("int8.onnx")) == {**TEXTS, "quake_precision": "int8"}
    exact, integers = run_onnx(small)(noise), run_onnx(folder / "int8.onnx")(noise)
    assert np.abs(integers - exact).mean() < 0.01
    assert np.abs(integers - exact).max() < 0.05
    assert integers.sum(axis=1) == pytest.approx(np.ones(len(noise)), abs=1e-5)
    assert quantisers(folder / "int8.onnx") > 3


def test_the_same_windows_give_the_same_bytes(small, noise, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        quantise_int8(small, noise, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_layers_that_cost_too_much_stay_in_float(small, noise, tmp_path, monkeypatch):
    monkeypatch.setattr(quantise, "LARGEST_MEAN_DIFFERENCE", 0.0)
    quantise_int8(small, noise, tmp_path / "weights.onnx")
    assert "QuantizeLinear" not in operators(tmp_path / "weights.onnx")
    monkeypatch.setattr(quantise, "LARGEST_MEAN_DIFFERENCE", 1.0)
    quantise_int8(small, noise, tmp_path / "all.onnx")
    exact = run_onnx(small)(noise)
    weights, everything = (
        np.abs(run_onnx(tmp_path / name)(noise) - exact).max()
        for name in ("weights.onnx", "all.onnx")
    )
    assert 0 < weights < everything < 0.1
    assert (tmp_path / "weights.onnx").stat().st_size < small.stat().st_size / 2


def test_what_is_before_the_network_stays_in_float(small, noise, tmp_path):
    quantise_int8(small, noise, tmp_path / "int8.onnx")
    nodes = {node.name: node for node in onnx.load(tmp_path / "int8.onnx").graph.node}
    for name in ("reshape", "positive", "log", "softmax"):
        assert not any("Linear" in text for text in nodes[name].input)


def test_one_window_is_enough_and_any_batch_is_taken(small, noise, tmp_path):
    quantise_int8(small, noise[:1], tmp_path / "int8.onnx")
    run = run_onnx(tmp_path / "int8.onnx")
    together = run(noise[:7])
    assert np.concatenate([run(noise[i : i + 1]) for i in range(7)]) == pytest.approx(
        together, abs=1e-6
    )


def test_windows_of_zeros_do_no_harm(small, noise, tmp_path):
    quantise_int8(small, np.zeros_like(noise[:4]), tmp_path / "int8.onnx")
    assert np.isfinite(run_onnx(tmp_path / "int8.onnx")(noise)).all()


def test_what_cannot_work_is_refused_and_leaves_nothing(small, noise, tmp_path):
    output = tmp_path / "int8.onnx"
    with pytest.raises(ParameterError, match="got none"):
        quantise_int8(small, noise[:0], output)
    onnx.save(small_graph(prefix="other."), tmp_path / "other.onnx")
    with pytest.raises(ExportError, match="no convolution of a network"):
        quantise_int8(tmp_path / "other.onnx", noise, output)
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="cannot be written"):
        quantise_int8(small, noise, tmp_path / "file" / "int8.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exact.onnx", "file", "other.onnx"]


def test_ranges_clip_what_is_rare_and_keep_zero():
    counts = np.zeros(quantise._N_BINS)
    counts[: quantise._N_BINS // 2] = 1000  # from -1 to 0 of -1 to 1
    low, high = quantise._best_range(counts, (-1.0, 1.0))
    assert low == -1.0
    assert high == pytest.approx(0.1)  # the narrowest that is tried
    counts[-1] = 100_000
    assert quantise._best_range(counts, (-1.0, 1.0))[1] > high
    assert quantise._best_range(np.ones(quantise._N_BINS), (0.0, 5.0)) == (0.0, 5.0)


@pytest.mark.slow
@pytest.mark.skipif(not BUNDLED.is_file(), reason="no bundled graph in this checkout")
def test_the_bundled_network_in_integers(tmp_path):
    texts = metadata_in(onnx.load(BUNDLED))
    windows = real_windows(ModelCard.from_json(texts["quake"]).preprocessing)
    output = tmp_path / "b0.onnx"
    quantise_int8(BUNDLED, windows, output)
    assert output.stat().st_size < 0.3 * BUNDLED.stat().st_size
    found = metadata_in(onnx.load(output))
    assert found == {**texts, "quake_precision": "int8"}
    assert json.loads(found["quake"]) == json.loads(texts["quake"])
    exact, integers = run_onnx(BUNDLED)(windows), run_onnx(output)(windows)
    assert np.abs(integers - exact).mean() < 0.02
    assert quantisers(output) > 20


def test_a_transformer_which_reckons_with_whole_numbers_too(tiny_exported, tmp_path):
    (path,) = tiny_exported("onnx").paths
    windows = np.random.default_rng(2).normal(size=(12, 3, 700)).astype(np.float32)
    quantise_int8(path, windows, tmp_path / "int8.onnx")
    found, exact = (run_onnx(file)(windows) for file in (tmp_path / "int8.onnx", path))
    assert np.abs(found - exact).mean() < 0.02
