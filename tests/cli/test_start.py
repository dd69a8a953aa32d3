"""What the start of the program loads, and that what is loaded late is what the program says."""

import json
import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

import pytest
import typer

from quake_cli.app import app
from quake_cli.command import _kind_of, _read_plainly, load

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {command.name: command.short_help for command in app.registered_commands}

# Packages that take long to load.
HEAVY = {
    *("torch", "torchvision", "pytorch_lightning", "torchmetrics", "onnx", "onnxscript"),
    *("scipy", "pandas", "matplotlib", "h5py", "pyarrow", "pydantic", "pygments"),
}
READING = {"obspy", "onnxruntime"}
NUMBERS = {"numpy", "safetensors"}

PROGRAM = """
import atexit, json, sys
from pathlib import Path

seen = Path(sys.argv.pop(1))
atexit.register(lambda: seen.write_text(json.dumps(sorted(sys.modules))))

from quake_cli.app import main
main()
"""


@pytest.fixture
def loaded(tmp_path):
    """Run the program in a process; the packages that were loaded at its end, and its result."""

    def run(*arguments):
        seen = tmp_path / "modules.json"
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, seen, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return {name.partition(".")[0] for name in json.loads(seen.read_text())}, done

    return run


@pytest.mark.parametrize(
    "arguments", [(), ("--help",), ("--version",), ("predict",), ("predikt",), ("models", "--help")]
)
def test_what_runs_nothing_loads_nothing(loaded, arguments):
    packages, done = loaded(*arguments)
    assert done.returncode in (0, 2)
    assert packages & (HEAVY | READING | NUMBERS | {"rich"}) == set()


@pytest.mark.parametrize("arguments", [("models",), ("info",), ("info", "--json")])
def test_cards_are_shown_without_what_reads_waveforms_and_runs_networks(loaded, arguments):
    packages, done = loaded(*arguments)
    assert done.returncode == 0, done.stderr
    assert packages & (HEAVY | READING) == set()


def test_records_are_classified_without_torch_and_without_what_draws(loaded):
    packages, done = loaded("predict", "examples/BK.MHC.mseed", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert packages & (HEAVY | {"rich"}) == set()
    assert packages >= {"onnxruntime", "pymseed"}  # or the test would look in the wrong place


def test_help_lists_every_command_by_the_first_line_of_its_docstring(quake):
    text = " ".join(quake("--help").out.split())
    for name, line in COMMANDS.items():
        assert load(name).help.splitlines()[0] == line
        assert f" {name} {line}" in text


def test_every_module_of_a_command_is_listed():
    folder = ROOT / "quake_cli" / "commands"
    modules = {
        path.stem for path in folder.iterdir() if path.stem not in ("__init__", "__pycache__")
    }
    assert modules == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_all_its_options_within_80_columns(quake, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    help_text = quake(name, "--help").out
    assert max(map(len, help_text.splitlines())) <= 80
    for parameter in load(name).params:
        for option in parameter.opts if parameter.opts[0].startswith("-") else ():
            assert f"{option} " in help_text or f"{option}," in help_text
    for of_python in ("list[", "<bool>", "Path>", "None"):
        assert of_python not in help_text


def test_help_shows_the_defaults_of_the_library(quake):
    text = " ".join(quake("predict", "--help").out.split())
    assert "Let each window repeat this share of the one before it. [default: 0.5]" in text


def test_help_of_train_has_its_sections_in_order(quake):
    lines = quake("train", "--help").out.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings[:3] == ["Arguments:", "Options:", "Labelled data:"]
    assert {"Model:", "Optimisation:", "Augmentation:", "Split:", "Hardware:"} <= set(headings)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--overlap", "half"), "'--overlap': half: a number was expected"),
        (("--threads", "1.5"), "'--threads': 1.5: a whole number was expected"),
        (("--device", "tpu"), "'--device': tpu: one of auto, cpu, cuda was expected"),
        (
            ("-f", "csv", "-f", "xml"),
            "xml: one of table, csv, jsonl, parquet, mseed, quakeml, geojson, snuffler, swarm, "
            "audacity was expected",
        ),
    ],
)
def test_words_that_make_no_sense_are_status_2(quake, words, message):
    run = quake("predict", "x.mseed", *words)
    assert run.status == 2
    assert message in run.errors[0]


def samples_of(kind):
    if issubclass(kind, StrEnum):
        return [*map(str, kind), *kind]
    samples = {
        int: ["3", "-1", 7],
        float: ["0.25", "1e-3", "2", 0.5],
        str: ["", "a b", "0.8"],
        Path: ["a/b.mseed", "/", "."],
        bool: [True, False],
    }
    return samples[kind]


@pytest.mark.parametrize("name", COMMANDS)
def test_words_are_read_as_typer_reads_them(name):
    context = typer.Context(load(name))
    for parameter in load(name).params:
        if not hasattr(parameter, "get_runtime_param"):
            pytest.skip("this version of Typer reads by other means")
        theirs = parameter.get_runtime_param()
        _read_plainly([parameter])
        ours = parameter.get_runtime_param()
        assert type(ours) is not type(theirs), parameter.name
        samples = samples_of(_kind_of(parameter))
        several = parameter.multiple or parameter.nargs == -1
        for value in [None, tuple(samples)] if several else [None, *samples]:
            expected = theirs.coerce(value, param=parameter, ctx=context)
            found = ours.coerce(value, param=parameter, ctx=context)
            assert found == expected
            assert type(found) is type(expected)
