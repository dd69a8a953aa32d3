"""The program on a folder of attacks, as a process: the good file is done, and nothing breaks."""

import json
import os
import subprocess
import sys

from attacks import ATTACKS, example
from fuzz_seeds import ROOT

# Some of the attacks end in thousands of windows.
_LEFT_OUT = ("rate_", "odd_stations", "sac_<", "gigabytes", "two_to_the", "garbage", "every_record")


def test_a_folder_of_attacks_costs_nothing_but_their_own_windows(tmp_path):
    for name, (target, make) in ATTACKS.items():
        if target in ("waveform", "predict") and not name.startswith(_LEFT_OUT):
            (tmp_path / f"{name.strip('<>')}.bad").write_bytes(make())
    # One channel set for each of the attacks would be too many for a test: only this one's.
    (tmp_path / "good.mseed").write_bytes(example().replace(b"MHC  ", b"GOOD "))
    os.mkfifo(tmp_path / "pipe.mseed")
    ended = subprocess.run(
        [sys.executable, "-m", "quake_cli", "predict", str(tmp_path), "--channels", "BK.GOOD.*"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [record["id"] for record in records] == ["BK.GOOD..BH?"] * 3
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "Warning:" not in ended.stderr.replace("Warning: ", "")
    assert sum(line.startswith("quake: error: ") for line in ended.stderr.splitlines()) > 20
