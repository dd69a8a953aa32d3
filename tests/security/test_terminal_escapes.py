"""Codes, names of files and texts of model files do not steer the terminal that shows them."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hostile_files import mseed, sac
from safetensors.numpy import load_file, save_file

from quake.classes import LabelSet
from quake.errors import LabelError, WaveformError
from quake.model_file.card import FORMAT
from quake.model_file.safetensors_file import load_card
from quake.waveforms.readers.waveform_file import scan

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"
BUNDLED = ROOT / "quake" / "bundled" / "b0.safetensors"

# Set the title of the window, clear the screen, ring, go back over what was written.
TITLE = "\x1b]0;pwned\x07"
ESCAPES = ["\x1b]0;x", "\x1b[2J", "\x07A", "A\x08B", "\x7fA", "\x1bc"]


def is_harmless(text):
    """Nothing but characters that can be printed, and ends of lines."""
    return all(c.isprintable() for c in text.replace("\n", ""))


# --- codes --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ESCAPES)
def test_a_trace_whose_codes_have_control_characters_is_left_out(tmp_path, code):
    with pytest.raises(WaveformError, match="in its codes that are not printable ASCII"):
        scan(mseed(tmp_path / "a.mseed", station=code[:5]))


@pytest.mark.parametrize("field", ["network", "station", "location", "channel"])
def test_control_characters_are_found_in_each_code(tmp_path, field):
    with pytest.raises(WaveformError, match="in its codes that are not printable ASCII"):
        scan(mseed(tmp_path / "a.mseed", **{field: "\x1bc"}))


@pytest.mark.parametrize("name", ["table", "csv", "jsonl"])
def test_results_of_such_codes_are_harmless(quake, tmp_path, name):
    """The traces beside them are used."""
    mseed(tmp_path / "in" / "a.mseed")
    for number, code in enumerate(ESCAPES):
        mseed(tmp_path / "in" / f"{number}.mseed", station=code)
    sac(tmp_path / "in" / "sac", station="\x1b]0;x\x07", network="\x1b[31m")
    run = quake("predict", tmp_path / "in", "--format", name)
    assert run.status == 1
    assert run.out.count("XX.STA") == 1
    assert is_harmless(run.out)
    assert is_harmless(run.err)


# --- names of files -----------------------------------------------------------------------


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_names_of_files_are_harmless_in_messages_and_logs(quake, tmp_path, log_format):
    record = mseed(tmp_path / f"{TITLE}.mseed", station="\x1b[2J")
    missing = tmp_path / f"{TITLE}missing"
    log = tmp_path / "log"
    options = ("--log-file", log, "--log-format", log_format)
    run = quake("predict", record, missing, RECORD, *options, "--format", "table")
    assert run.status == 1
    assert is_harmless(run.out)
    assert is_harmless(run.err)
    assert run.err.count("\\x1b]0;pwned\\x07") >= 2
    assert is_harmless(log.read_text())


@pytest.mark.parametrize("command", ["predict", "info", "export"])
def test_names_of_models_are_harmless(quake, tmp_path, command):
    model = tmp_path / f"{TITLE}.safetensors"
    model.write_bytes(b"no model")
    arguments = [RECORD, "--model", model] if command == "predict" else [model]
    run = quake(command, *arguments)
    assert run.status == 4
    assert is_harmless(run.out + run.err)


def test_names_of_installed_models_are_harmless(quake, tmp_path, monkeypatch):
    monkeypatch.setenv("QUAKE_MODEL_DIR", str(tmp_path))
    shutil.copy(BUNDLED, tmp_path / f"{TITLE}.safetensors")
    run = quake("models")
    assert run.status == 0
    assert "\\x1b]0;pwned\\x07" in run.out
    assert is_harmless(run.out + run.err)


def test_tracebacks_are_harmless(capsys, tmp_path):
    """Those of `--debug`, which show the message as it was raised."""
    from quake_cli.app import main

    with pytest.raises(SystemExit):
        main(["info", str(tmp_path / f"{TITLE}.onnx"), "--debug"])
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert is_harmless(err)


def test_options_that_make_no_sense_are_shown_harmlessly(quake):
    for arguments in (["predict", f"--{TITLE}"], ["predict", "a", "--device", TITLE], [TITLE]):
        run = quake(*arguments)
        assert run.status == 2
        assert is_harmless(run.err)


# --- models -------------------------------------------------------------------------------


def rewritten(path, card):
    """The bundled model with another card."""
    metadata = {"quake_format": str(FORMAT), "quake": card.to_json()}
    save_file(load_file(BUNDLED), path, metadata=metadata)
    return path


def test_the_card_of_a_stranger_is_shown_harmlessly(quake, tmp_path):
    card = load_card(BUNDLED)
    text = f"2020{TITLE}\x1b[2J"
    card = replace(
        card,
        training={**card.training, "table": text, "settings": {text: text}},
        versions={**card.versions, text: text},
    )
    run = quake("info", rewritten(tmp_path / "m.safetensors", card))
    assert run.status == 0
    assert "pwned" in run.out
    assert is_harmless(run.out)
    assert "\x1b" not in quake("info", "--json", tmp_path / "m.safetensors").out


def test_classes_have_no_control_characters(quake, tmp_path):
    with pytest.raises(LabelError, match="control characters; rename it"):
        LabelSet(("earthquake", f"noise{TITLE}"))
    card = load_card(BUNDLED)
    text = card.to_json().replace('"noise"', '"noise\\u001b[2J"')
    path = tmp_path / "m.safetensors"
    metadata = {"quake_format": str(FORMAT), "quake": text}
    save_file({"a": np.zeros(1, np.float32)}, path, metadata=metadata)
    run = quake("info", path)
    assert run.status == 4
    assert re.search(r"its card cannot be used \(LabelError: class 'noise\\x1b\[2J'", run.err)
    assert is_harmless(run.err)
