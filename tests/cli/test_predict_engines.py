"""`quake predict --engine`, `--threads` and exported graphs, as users run them."""

import json
import shutil
import sys

import pytest

from quake.model_file.registry import find_model

BUNDLED = find_model(backbone="b0")


def by_start(run):
    assert run.status == 0, run.err
    return {record["start"]: record["probabilities"] for record in run.records}


@pytest.mark.parametrize("engine", ["onnx", "torch", "openvino"])
def test_every_engine_says_the_same(quake, good_file, engine):
    if engine == "openvino":
        pytest.importorskip("openvino")
    reference = by_start(quake("predict", good_file, "--device", "cpu"))
    found = by_start(quake("predict", good_file, "--device", "cpu", "--engine", engine))
    assert found.keys() == reference.keys()
    for start, probabilities in found.items():
        assert probabilities == pytest.approx(reference[start], abs=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_the_number_of_threads_changes_not_a_byte(quake, good_file, threads):
    reference = quake("predict", good_file, "--device", "cpu")
    assert quake("predict", good_file, "--device", "cpu", "--threads", threads).out == reference.out


def test_an_exported_graph_is_a_model(quake, good_file, tmp_path):
    path = tmp_path / "elsewhere.onnx"
    shutil.copy(BUNDLED.with_suffix(".onnx"), path)
    reference = by_start(quake("predict", good_file, "--device", "cpu"))
    assert by_start(quake("predict", good_file, "--model", path)) == reference
    info = quake("info", path, "--json")
    assert info.status == 0
    assert json.loads(info.out)["classes"] == ["earthquake", "surface_event", "noise"]


def test_an_exported_graph_cannot_be_evaluated_and_the_error_says_why(quake, tmp_path):
    run = quake("evaluate", tmp_path, "--model", BUNDLED.with_suffix(".onnx"))
    assert run.status != 0


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["--engine", "tensorflow"], 2, "tensorflow"),
        (["--engine", "onnx", "--device", "cuda"], 2, "--engine torch"),
        (["--threads", "0"], 2, "threads must be 1 or more"),
    ],
)
def test_wrong_usage_is_status_2_with_a_line_that_says_what(
    quake, good_file, options, status, says
):
    run = quake("predict", good_file, *options)
    assert run.status == status
    assert says in run.errors[0]


def test_a_truncated_graph_is_status_4(quake, good_file, tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(BUNDLED.with_suffix(".onnx").read_bytes()[:100_000])
    run = quake("predict", good_file, "--model", path)
    assert run.status == 4
    assert "cut.onnx" in run.errors[0]


def test_a_model_without_a_graph_gets_one_and_the_user_is_told_once(
    quake, good_file, model_path, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = quake("predict", good_file, "--model", model_path, "--device", "cpu")
    second = quake("predict", good_file, "--model", model_path, "--device", "cpu")
    assert first.out == second.out
    assert len([line for line in first.warnings if "no ONNX graph yet" in line]) == 1
    assert not second.warnings
    assert len(list(tmp_path.rglob("*.onnx"))) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_where_the_cache_cannot_be_written_the_run_goes_on(
    quake, good_file, model_path, tmp_path, monkeypatch
):
    (tmp_path / "quake").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run = quake("predict", good_file, "--model", model_path, "--device", "cpu")
    assert run.status == 0
    assert any("again the next time" in line for line in run.warnings)
