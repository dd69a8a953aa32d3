"""Each format: agrees, takes any batch, tells of its model, leaves nothing behind."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
import torch
from random_models import save_random

from quake.errors import ExportError, ModelError, ParameterError
from quake.export import export_model
from quake.export.check import check
from quake.export.formats import FORMATS, ExportFormat, find_format
from quake.inference.torch_engine import TorchEngine
from quake.model_file import onnx_file
from quake.model_file.card import ModelCard
from quake.model_file.identity import model_hash
from quake.model_file.safetensors_file import load_card

ROOT = Path(__file__).resolve().parents[2]
NAMES = [f.name for f in FORMATS]
EXAMPLES = dict(zip(NAMES, ("onnx", "torch", "torchscript", "openvino"), strict=True))


def run_of(report):
    return find_format(report.format).run(report.paths[0])


def copies_of(report):
    """Something that writes what was written already, because exporters are slow."""

    def write(model, output, half):
        for path in report.paths:
            shutil.copy(path, output.with_suffix(path.suffix))

    return write


def changed(run):
    return lambda windows: run(windows) * np.float32(1.001)


def texts_of(path):
    """Metadata, read with nothing of ours."""
    texts = dict.fromkeys(("quake", "quake_format", "quake_source", "quake_precision"), "")
    if path.suffix == ".onnx":
        return {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    if path.suffix == ".pt2":
        torch.export.load(path, extra_files=texts)
        return texts
    if path.suffix == ".torchscript":
        torch.jit.load(path, _extra_files=texts)
        return {key: value.decode() for key, value in texts.items()}
    import openvino

    model = openvino.Core().read_model(path)
    return {key: model.get_rt_info(key).astype(str) for key in texts}


def bytes_of(path):
    if path.suffix not in (".pt2", ".torchscript"):
        return path.read_bytes()
    with ZipFile(path) as archive:
        return b"".join(name.encode() + archive.read(name) for name in archive.namelist())


@pytest.mark.parametrize("name", NAMES)
def test_b0_agrees_with_the_library(exported, name):
    report = exported(name)
    assert report.check.largest_difference < 1e-4  # what is promised
    assert report.check.windows >= 30
    assert report.check.ms_per_window > 0
    assert report.size_bytes == sum(path.stat().st_size for path in report.paths)
    assert report.size_bytes < 17e6


@pytest.mark.parametrize("name", NAMES)
def test_the_batch_is_dynamic(exported, bundled, windows, name):
    run, expected = run_of(exported(name)), TorchEngine(bundled, "cpu").probabilities(windows)
    for size in (1, 2, 5):
        found = run(windows[:size])
        assert found.shape == (size, 3)
        assert found == pytest.approx(expected[:size], abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_metadata_are_the_card(exported, bundled, name):
    texts = texts_of(exported(name).paths[0])
    assert texts["quake_format"] == "1"
    assert texts["quake_source"] == model_hash(bundled)
    assert texts["quake_precision"] == "float32"
    assert ModelCard.from_json(texts["quake"]) == load_card(bundled)


@pytest.mark.parametrize("name", NAMES)
def test_no_path_of_this_machine_is_in_the_file(exported, name):
    for path in exported(name).paths:
        content = bytes_of(path)
        for text in (str(ROOT), sys.prefix, str(path.parent), "site-packages"):
            assert text.encode() not in content


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n == "torch-export" else n for n in NAMES],
)
def test_the_example_uses_the_file_with_nothing_of_ours(exported, bundled, windows, tmp_path, name):
    program = ROOT / "examples" / f"export_{EXAMPLES[name]}.py"
    text = program.read_text()
    assert len(text.splitlines()) <= 20
    assert "quake" not in [line.split()[1] for line in text.splitlines() if "import" in line]
    np.save(tmp_path / "windows.npy", windows)
    done = subprocess.run(
        [sys.executable, program, exported(name).paths[0], "windows.npy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [dict(cell.split("=") for cell in line.split()) for line in done.stdout.splitlines()]
    found = [[float(p) for p in row.values()] for row in rows]
    assert np.abs(found - TorchEngine(bundled, "cpu").probabilities(windows)).max() < 1e-5
    assert tuple(rows[0]) == load_card(bundled).labels.names


@pytest.mark.parametrize("name", NAMES)
def test_other_rates_classes_and_networks_are_exported(tiny_exported, name):
    report = tiny_exported(name)
    assert report.check.largest_difference < 1e-4
    assert sorted(report.paths[0].parent.iterdir()) == sorted(report.paths)


@pytest.mark.slow
def test_v2_s_is_exported(tmp_path):
    path = save_random(
        tmp_path / "v2.safetensors", {"architecture": "efficientnet", "backbone": "v2_s"}
    )
    report = export_model(path, tmp_path / "v2.onnx", "onnx")
    assert report.check.largest_difference < 1e-4


def test_half_precision_halves_the_file(tiny_path, tmp_path):
    report = export_model(tiny_path, tmp_path / "half.onnx", "onnx", half=True)
    assert 1e-6 < report.check.largest_difference < 5e-3
    assert report.size_bytes < 0.6 * tiny_path.stat().st_size
    assert report.precision == "float16"
    assert texts_of(report.paths[0])["quake_precision"] == "float16"


def test_the_same_model_gives_the_same_bytes(tiny_path, tiny_exported, tmp_path):
    onnx_file.write_onnx(tiny_path, tmp_path / "again.onnx")
    (before,) = tiny_exported("onnx").paths
    assert (tmp_path / "again.onnx").read_bytes() == before.read_bytes()
    assert (tmp_path / "again.onnx").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_that_differs_fails_and_leaves_no_file(
    exported, bundled, tmp_path, monkeypatch, name
):
    format, report = find_format(name), exported(name)
    run = format.run
    monkeypatch.setattr(ExportFormat, "write", property(lambda self: copies_of(report)))
    monkeypatch.setattr(ExportFormat, "run", property(lambda self: lambda p: changed(run(p))))
    with pytest.raises(ExportError, match=r"not written: its probabilities differ .* was allowed"):
        export_model(bundled, tmp_path / f"b0{format.suffixes[0]}", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [lambda p: p * np.nan, lambda p: p[:, :1]])
def test_no_number_and_another_shape_are_differences(exported, bundled, wrong):
    run = run_of(exported("onnx"))
    assert np.isnan(check(bundled, lambda windows: wrong(run(windows))).largest_difference)


def test_a_file_that_was_there_stays_when_an_export_fails(exported, bundled, tmp_path, monkeypatch):
    monkeypatch.setattr(ExportFormat, "write", property(lambda self: copies_of(exported("onnx"))))
    output = tmp_path / "b0.onnx"
    output.write_bytes(b"old")
    with pytest.raises(ExportError, match="please report it"):
        export_model(bundled, output, "onnx", tolerance=1e-12)
    with pytest.raises(ExportError, match="leave half precision out"):
        export_model(bundled, output, "onnx", half=True, tolerance=1e-12)
    assert [path.name for path in tmp_path.iterdir()] == ["b0.onnx"]
    assert output.read_bytes() == b"old"


def test_without_openvino_the_error_says_how_to_get_it(tiny_path, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ExportError, match=r"pip install 'quake\[openvino\]'"):
        export_model(tiny_path, tmp_path / "tiny.xml", "openvino")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_work_is_refused(tiny_path, tmp_path):
    windows = np.zeros((1, 3, 700), np.float32)
    with pytest.raises(ParameterError, match="onnx, torch-export, torchscript, openvino"):
        export_model(tiny_path, tmp_path / "tiny.tflite", "tflite")
    with pytest.raises(ParameterError, match="is the model itself"):
        export_model(tiny_path, tiny_path, "onnx")
    with pytest.raises(ParameterError, match="is a folder"):
        export_model(tiny_path, tmp_path, "onnx")
    with pytest.raises(ParameterError, match="not for torchscript"):
        export_model(tiny_path, tmp_path / "tiny.torchscript", "torchscript", int8=windows)
    with pytest.raises(ParameterError, match="exclude each other"):
        export_model(tiny_path, tmp_path / "tiny.onnx", "onnx", half=True, int8=windows)
    with pytest.raises(ParameterError, match=r"\*\.xml"):
        export_model(tiny_path, tmp_path / "tiny.onnx", "openvino")
    with pytest.raises(ModelError, match="no such model file"):
        export_model(tmp_path / "none.safetensors", tmp_path / "tiny.onnx", "onnx")
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="cannot be written"):
        export_model(tiny_path, tmp_path / "file" / "tiny.onnx", "onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_bundled_graph_is_that_of_the_bundled_model(bundled, exported, windows):
    path = bundled.with_suffix(".onnx")
    assert path.stat().st_size < 17e6
    texts = texts_of(path)
    assert texts["quake_source"] == model_hash(bundled)
    assert json.loads(texts["quake"]) == json.loads(load_card(bundled).to_json())
    expected = TorchEngine(bundled, "cpu").probabilities(windows)
    assert onnx_file.run_onnx(path)(windows) == pytest.approx(expected, abs=1e-5)
    # Other versions of torch may arrange it in another way: operators and weights count.
    assert path.stat().st_size == pytest.approx(exported("onnx").size_bytes, rel=0.02)
