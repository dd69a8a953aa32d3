"""Engines say the same, find their graphs, and answer for a window whatever is beside it."""

import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from strategies import noise

from quake.errors import ModelError, ParameterError
from quake.inference import engine as engine_module
from quake.inference.engine import TOLERANCE, open_engine
from quake.inference.onnx_engine import OnnxEngine
from quake.model_file.graphs import graph_folder, open_graph
from quake.model_file.onnx_session import open_session
from quake.model_file.registry import find_model

BUNDLED = find_model(backbone="b0")


def windows(n=24, seed=0):
    """Noise, with a component of zeros, a gap, a spike and odd amplitudes among it."""
    rows = noise(n * 3000, seed).reshape(3, n, 3000).swapaxes(0, 1).astype(np.float32)
    rows[1, 2] = 0
    rows[2, :, 500:1500] = 0
    rows[3, 0, 700] = 1e8
    rows[4] *= np.float32(1e-12)
    rows[5] *= np.float32(1e9)
    return rows


@pytest.fixture(scope="module")
def reference():
    return open_engine(BUNDLED, "torch", "cpu").probabilities(windows())


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_engines_agree(name, reference):
    if name == "openvino":
        pytest.importorskip("openvino")
    found = open_engine(BUNDLED, name).probabilities(windows())
    np.testing.assert_allclose(found, reference, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 24])
def test_the_answer_for_a_window_does_not_depend_on_the_batch_not_by_a_bit(n):
    engine = OnnxEngine(BUNDLED)
    rows = windows()
    whole = engine.probabilities(rows)
    np.testing.assert_array_equal(engine.probabilities(rows[:n]), whole[:n])
    np.testing.assert_array_equal(engine.probabilities(rows[::-1])[::-1], whole)
    np.testing.assert_array_equal(engine.probabilities(rows[-n:]), whole[-n:])


def test_the_bundled_model_has_its_graph_beside_it():
    graph = open_graph(BUNDLED)
    assert graph.path == BUNDLED.with_suffix(".onnx")
    assert not any(path.name.startswith("589a6ed490a9") for path in graph_folder().glob("*"))


def test_a_graph_is_built_once_and_kept(random_model, caplog):
    with caplog.at_level(logging.WARNING, "quake"):
        first = open_graph(random_model)
        caplog.clear()
        second = open_graph(random_model)
    assert first.path == second.path
    assert first.path.parent == graph_folder()
    assert not caplog.records


def test_a_graph_of_another_model_beside_a_model_is_not_used(random_model, tmp_path):
    model = tmp_path / "m.safetensors"
    shutil.copy(random_model, model)
    shutil.copy(BUNDLED.with_suffix(".onnx"), tmp_path / "m.onnx")
    assert open_graph(model).path.parent == graph_folder()


def test_a_damaged_graph_beside_a_model_is_not_used(random_model, tmp_path, caplog):
    model = tmp_path / "m.safetensors"
    shutil.copy(random_model, model)
    (tmp_path / "m.onnx").write_bytes(BUNDLED.with_suffix(".onnx").read_bytes()[:5000])
    with caplog.at_level(logging.WARNING, "quake"):
        assert open_graph(model).path.parent == graph_folder()
    assert "m.onnx" in caplog.text


def test_an_exported_file_is_a_model_too(tmp_path, reference):
    path = tmp_path / "elsewhere.onnx"
    shutil.copy(BUNDLED.with_suffix(".onnx"), path)
    engine = open_engine(path)
    assert engine.card == open_engine(BUNDLED).card
    np.testing.assert_allclose(engine.probabilities(windows()), reference, atol=TOLERANCE)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x0a" * 100])
def test_what_is_no_graph_is_an_error_that_names_the_file(tmp_path, content):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.onnx"):
        open_engine(path)


def test_a_graph_that_quake_did_not_write_is_refused(tmp_path):
    import onnx

    graph = onnx.load(BUNDLED.with_suffix(".onnx"))
    del graph.metadata_props[:]
    onnx.save(graph, tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match="not written by quake"):
        open_engine(tmp_path / "foreign.onnx")


def test_a_missing_model_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        open_session(tmp_path / "none.onnx")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "tensorflow"}, "engine must be one of"),
        ({"device": "tpu"}, "device must be one of"),
        ({"engine": "onnx", "device": "cuda"}, "runs on the CPU"),
        ({"threads": 0}, "threads must be 1 or more"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        open_engine(BUNDLED, **arguments)


def test_torch_does_not_run_a_graph():
    with pytest.raises(ParameterError, match="not ONNX"):
        open_engine(BUNDLED.with_suffix(".onnx"), "torch")


def test_without_openvino_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ParameterError, match=r"pip install 'quake\[openvino\]'"):
        open_engine(BUNDLED, "openvino")


def test_auto_takes_torch_where_there_is_cuda(monkeypatch):
    monkeypatch.setattr(engine_module, "has_cuda_device", lambda: True)
    taken = []
    monkeypatch.setattr(
        engine_module, "_torch_engine", lambda model, device, threads: taken.append(device)
    )
    open_engine(BUNDLED)
    assert taken == ["auto"]
    assert open_engine(BUNDLED, device="cpu").name == "onnx"


def test_as_many_threads_as_asked_for():
    assert OnnxEngine(BUNDLED, threads=5).n_parallel == 5
    assert OnnxEngine(BUNDLED).n_parallel == len(os.sched_getaffinity(0))


def test_a_classification_on_the_cpu_loads_neither_torch_nor_scipy():
    code = (
        "import sys, numpy as np, quake; from quake.model_file.registry import find_model;"
        "c = quake.Classifier(find_model(backbone='b0'), device='cpu');"
        "rows = np.random.default_rng(0).standard_normal((3, 12000));"
        "print(len(list(c.predict_array(rows, sampling_rate_hz=100))));"
        "print([m for m in ('torch', 'torchvision', 'scipy', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["3", "[]"]
