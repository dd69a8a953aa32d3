"""The example runs, and what it writes can be read."""

import subprocess
import sys
from pathlib import Path

import obspy

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "synthetic_records.py"


def test_the_example_describes_and_writes_each_class(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path)],
        cwd=EXAMPLE.parents[1],
        env={"PYTHONPATH": str(EXAMPLE.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "earthquake",
        "surface_event",
        "noise",
    ]
    stream = obspy.read(str(tmp_path / "earthquake.mseed"))
    assert [trace.stats.channel for trace in stream] == ["HHZ", "HHN", "HHE"]
    assert {trace.stats.npts for trace in stream} == {6000}
