"""``quake export``: what it prints, where, and how it ends."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from bursts import write_labelled

from quake_cli.app import main
from quake_cli.commands.export import _cost_section

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def quake(capsys, monkeypatch, tmp_path):
    """Run the program in this process, in an empty folder: status, output, errors."""
    monkeypatch.setenv("QUAKE_MODEL_DIR", os.devnull)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return (ended.value.code, *capsys.readouterr())

    return run


def test_as_a_process_it_writes_beside_the_user_and_says_what(tiny_path, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "quake_cli", "export", tiny_path, "--format", "torchscript"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.torchscript"]
    for text in ("torchscript, float32", "in probability (0.0001 is allowed)", "ms a window"):
        assert text in done.stdout


def test_json_is_one_object(quake, tiny_path, tmp_path):
    output = tmp_path / "new" / "named.torchscript"
    status, out, err = quake(
        *("export", tiny_path, "--format", "torchscript", "-o", output, "--json")
    )
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["files"] == [str(output)]
    assert found["size_bytes"] == output.stat().st_size
    assert 0 < found["largest_difference"] < found["tolerance"] == 1e-4
    assert found["precision"] == "float32"


def test_integers_are_chosen_by_records_and_measured_on_others(
    quake, tiny_path, tmp_path, monkeypatch
):
    calibrated_on = []

    def quantise_int8(source, windows, output):
        calibrated_on.append(windows.shape)
        shutil.copy(source, output)

    stand_in = ModuleType("quantise")
    stand_in.quantise_int8 = quantise_int8
    monkeypatch.setitem(sys.modules, "quake.export.quantise", stand_in)
    (tmp_path / "data").mkdir()
    data = write_labelled(tmp_path / "data")
    status, out, err = quake("export", tiny_path, "--int8", "--calibrate", data, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert calibrated_on == [(4, 3, 700)]
    assert (found["precision"], found["tolerance"]) == ("int8", None)
    cost = found["cost"]
    assert (cost["calibrated_on"], cost["windows"], cost["divided_by"]) == (4, 4, "column split")
    assert cost["same_label"] == 1
    assert all(f["difference"][0] == pytest.approx(0, abs=1e-4) for f in cost["figures"].values())
    table = _cost_section(cost)
    assert "4 windows of 4 events; calibrated on 4 others (column split)" in table.title
    assert table.rows[0][0] == "macro F1"
    assert table.rows[0][3].startswith("+0.000 (")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["none.safetensors"], 4, "no such model file"),
        (["b0", "--format", "tflite"], 2, "onnx"),
        (["b0", "--backbone", "b3"], 4, "its backbone is b0"),
        (["b0", "--format", "openvino", "-o", "b0.onnx"], 2, "*.xml"),
        (["b0", "--int8"], 2, "--calibrate DATA"),
        (["b0", "--calibrate", "labels.csv"], 2, "belongs to --int8"),
        (["b0", "--int8", "--half", "--calibrate", "labels.csv"], 2, "exclude each other"),
        (
            ["b0", "--int8", "--calibrate", "labels.csv", "--format", "torch-export"],
            2,
            "not for torch-export",
        ),
    ],
)
def test_errors_are_one_line_and_leave_nothing(quake, tmp_path, arguments, status, message):
    found, out, err = quake("export", *arguments)
    assert (found, out) == (status, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("quake: error: ")
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_differs_is_an_error_of_status_1(quake, tiny_path, tmp_path, monkeypatch):
    monkeypatch.setattr("quake.export.export.TOLERANCE", 1e-15)
    status, out, err = quake("export", tiny_path, "--format", "torchscript")
    assert (status, out) == (1, "")
    assert "tiny.torchscript: not written" in err
    assert list(tmp_path.iterdir()) == []


def test_the_model_is_not_replaced(quake, tiny_path):
    before = tiny_path.read_bytes()
    status, _, err = quake("export", tiny_path, "-o", tiny_path)
    assert status == 2
    assert "is the model itself" in err
    assert tiny_path.read_bytes() == before
