"""``quake inspect``, as users run it."""

import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from strategies import stream, write
from tiny_networks import RECORD

AT = "2008-02-05T06:39:15"


def size_of(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_numbers_are_those_that_are_predicted(quake):
    status, out, err = quake("inspect", RECORD, "--at", AT, "--format", "json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    status, lines, _ = quake("predict", RECORD, "--format", "jsonl")
    expected = json.loads(lines.splitlines()[0])
    probabilities = expected.pop("probabilities")
    assert found["window"].pop("probabilities") == pytest.approx(probabilities, abs=2e-6)
    assert found["window"] == expected
    assert found["class"] == "earthquake"
    # Of another engine: one that gradients can be taken through.
    assert found["probability"] == pytest.approx(probabilities["earthquake"], abs=1e-4)
    assert [c["component"] for c in found["components"]] == ["Z", "N", "E"]
    assert np.shape(found["map"]["values"]) == (4, 12)
    assert len(found["map"]["frequencies_hz"]) == 4


def test_without_a_time_the_strongest_window_is_taken_and_said(quake):
    status, out, err = quake("inspect", RECORD, "--class", "noise")
    assert status == 0
    assert "the strongest of 3 windows is that of BK.MHC..BH? at 2008-02-05T06:39:15.680" in err
    assert out.startswith("BK.MHC..BH?  2008-02-05T06:39:15.680000Z to 2008-02-05T06:40:15.680000Z")
    assert "What spoke for noise, p 0.006: each component hidden" in out
    assert "Each band made quiet, Hz" in out
    assert "Class map, 4 by 12 cells, Hz over 60 s" in out


def test_a_picture_is_drawn_and_standard_output_stays_empty(quake, tmp_path):
    path = tmp_path / "window.png"
    status, out, err = quake("inspect", RECORD, "--at", AT, "--output", path)
    assert (status, out) == (0, "")
    assert err == f"quake: {path}: BK.MHC..BH?, window of 2008-02-05T06:38:45.670000Z\n"
    assert size_of(path) == (1180, 1120)
    before = path.read_bytes()
    assert quake("inspect", RECORD, "--at", AT, "--output", path, "--quiet") == (0, "", "")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_several_channel_sets_are_named_and_one_can_be_chosen(quake, tmp_path):
    samples = 1000 * np.random.default_rng(0).standard_normal((3, 9000))
    for station in ("ONE", "TWO"):
        write(tmp_path / f"{station}.mseed", stream(samples, station=station))
    at = ("--at", "2021-03-04T05:06:40")
    status, _, err = quake("inspect", tmp_path, *at)
    assert status == 2
    assert "2 channel sets have a window at that time: XX.ONE..HH?, XX.TWO..HH?; choose" in err
    status, out, _ = quake("inspect", tmp_path, *at, "--channels", "XX.TWO..HH?")
    assert status == 0
    assert out.startswith("XX.TWO..HH?")


def test_a_window_without_data_is_refused_with_the_reason(quake, tmp_path):
    write(tmp_path / "dead.mseed", stream(np.zeros((3, 9000))))
    status, out, err = quake("inspect", tmp_path / "dead.mseed", "--at", "2021-03-04T05:06:40")
    assert (status, out) == (3, "")
    assert "no_data (" in err
    assert "all components are constant: check the station" in err
    status, out, err = quake("inspect", tmp_path / "dead.mseed")
    assert (status, out) == (3, "")
    assert "windows could be classified; quake predict says why" in err


def test_a_file_that_cannot_be_read_does_not_hide_the_others(quake, tmp_path):
    broken = tmp_path / "broken.mseed"
    broken.write_bytes(b"no record at all" * 64)
    status, out, err = quake("inspect", RECORD, broken, "--at", AT)
    assert status == 1
    assert out.startswith("BK.MHC..BH?")
    assert f"{broken}: neither miniSEED nor SAC" in err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "no FILE: name files"),
        ((RECORD, "--at", "noon"), 2, "noon"),
        ((RECORD, "--at", "2030-01-01"), 3, "no window at 2030-01-01T00:00:00.000000Z"),
        ((RECORD, "--class", "tornado"), 2, "--class: "),
        ((RECORD, "--output", "window.jpg"), 2, "give a name that ends in .png"),
        ((RECORD, "--output", "missing/window.png"), 2, "there is no folder"),
        ((RECORD, "--model", "missing.safetensors"), 4, "missing.safetensors"),
        (("missing.mseed",), 3, "missing.mseed"),
    ],
)
def test_what_cannot_be_done_is_said(quake, arguments, status, said):
    ended, out, err = quake("inspect", *arguments)
    assert (ended, out) == (status, "")
    assert said in err


def test_an_exported_graph_is_refused(quake, bundled):
    graph = bundled.with_suffix(".onnx")
    assert graph.is_file()
    status, out, err = quake("inspect", RECORD, "--model", graph)
    assert (status, out) == (2, "")
    assert "name the model file that it was exported from" in err


def test_a_process_writes_ascii_where_it_must():
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "quake_cli", "inspect", str(RECORD), "--at", AT],
        capture_output=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("ascii")
    assert "\x1b" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("  30 to 35")]
    assert line.rstrip().endswith("#" * 12)
