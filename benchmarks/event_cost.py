"""What `--events` costs: the same record through `quake predict` with and without it.

    python benchmarks/event_cost.py RECORD [RECORD ...] [--rounds 5]

Each run is a process of its own, with one thread; the two take turns. The ratio is of processor
time, of all threads, which others on the machine change less than the time on the clock.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

COMMAND = (sys.executable, "-m", "quake_cli", "predict")
OPTIONS = ("--format", "jsonl", "--quiet", "--threads", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", nargs="+", type=Path, help="files, or folders of one record")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("| record | windows | processor s | with `--events` | ratio, median | range |")
    print("| --- | --: | --: | --: | --: | --: |")
    for record in arguments.records:
        print(row(record, arguments.rounds), flush=True)


def row(record: Path, rounds: int) -> str:
    """Measure one record; the first run of each kind is not counted."""
    n_windows, _ = spent(record)
    spent(record, "--events")
    without, with_events = [], []
    for _ in range(rounds):
        without.append(spent(record)[1])
        with_events.append(spent(record, "--events")[1])
    ratios = sorted(b / a for a, b in zip(without, with_events, strict=True))
    cells = (
        record.name,
        str(n_windows),
        f"{statistics.median(without):.2f}",
        f"{statistics.median(with_events):.2f}",
        f"{statistics.median(ratios):.2f}",
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def spent(record: Path, *options: str) -> tuple[int, float]:
    """Lines that a run wrote, and its processor time in seconds."""
    return run([*COMMAND, str(record), *OPTIONS, *options])


def run(command: Sequence[str]) -> tuple[int, float]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    n_lines = sum(1 for _ in process.stdout)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}")
    return n_lines, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
