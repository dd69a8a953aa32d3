"""The benchmark of many finished station-days: its store is one that the program finds done."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_all_station_days_are_found_done_in_stores_of_two_sizes(tmp_path):
    command = [sys.executable, "benchmarks/journal.py", "--folder", str(tmp_path)]
    done = subprocess.run(
        [*command, "--station-days", "3", "5"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| (\d+) \| (\d+) \|", done.stdout, re.MULTILINE)
    assert rows == [("3", "9"), ("5", "15")]
    assert "A finished station-day costs " in done.stdout
    assert list(tmp_path.iterdir()) == []
