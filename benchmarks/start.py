"""What the start of `quake` costs, side by side with the libraries that it cannot do without.

    python benchmarks/start.py              # prints Markdown

All contenders are processes and take turns, in an order that rotates. Absolute times drift with
the machine and what else it does: compare the ratios of one run, not the times of two.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "examples" / "BK.MHC.mseed"

HELP, PREDICT = "`quake --help`", "`quake predict`"
TERMINAL = "`import typer, rich.console`"
NUMPY, OBSPY, RUNTIME = "`import numpy`", "`import obspy`", "`import onnxruntime`"
TOGETHER = "`import numpy, obspy, onnxruntime`"
SEISBENCH = "`import seisbench.models`"

# Seconds of each contender by round.
Seconds = dict[str, list[float]]


class Comparison(NamedTuple):
    """Ours, the contenders whose times are added up, and what the ratio may be."""

    ours: str
    theirs: tuple[str, ...]
    goal: float | None


COMPARISONS = (
    Comparison(HELP, (TERMINAL,), 1.5),
    Comparison(PREDICT, (NUMPY, OBSPY, RUNTIME), 1.5),
    Comparison(PREDICT, (TOGETHER,), None),
    Comparison(PREDICT, (SEISBENCH,), 0.2),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(machine_line(), end="\n\n")
    print(f"`quake predict {RECORD.relative_to(ROOT)} --quiet`, bundled model; {rounds} rounds,")
    print("after one that is not counted: it compiles what is imported.", end="\n\n")
    with tempfile.TemporaryDirectory() as folder:
        seconds = in_turns(contenders(environment(Path(folder))), rounds)
    print_seconds(seconds)
    print_ratios(seconds)


def environment(folder: Path) -> dict[str, str]:
    """What all start with: no models of the user's own, and compiled modules in one new place.

    Some installations have compiled modules of some packages only, and cannot write the others.
    """
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    places = {"PYTHONPYCACHEPREFIX": "compiled", "QUAKE_MODEL_DIR": "models"}
    return inherited | {name: str(folder / place) for name, place in places.items()}


def contenders(env: Mapping[str, str]) -> dict[str, Callable[[], None]]:
    script = Path(sys.executable).with_name("quake")
    quake = [str(script)] if script.exists() else [sys.executable, "-m", "quake_cli"]
    commands = {HELP: [*quake, "--help"], PREDICT: [*quake, "predict", str(RECORD), "--quiet"]}
    for name in (TERMINAL, NUMPY, OBSPY, RUNTIME, TOGETHER):
        commands[name] = [sys.executable, "-c", name.strip("`")]
    if importlib.util.find_spec("seisbench") is None:
        print("seisbench is not installed, so it is not compared with.", end="\n\n")
    else:
        commands[SEISBENCH] = [sys.executable, "-c", SEISBENCH.strip("`")]
    return {name: partial(run, command, env) for name, command in commands.items()}


def run(command: Sequence[str], env: Mapping[str, str]) -> None:
    subprocess.run(command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def in_turns(works: Mapping[str, Callable[[], None]], n_rounds: int) -> Seconds:
    """Seconds of each contender by round; the order rotates, and the first round is left out."""
    seconds: Seconds = {name: [] for name in works}
    names = list(works)
    for round_ in range(n_rounds + 1):
        shift = round_ % len(names)
        for name in names[shift:] + names[:shift]:
            begin = time.perf_counter()
            works[name]()
            if round_:
                seconds[name].append(time.perf_counter() - begin)
    return seconds


def ratios(seconds: Seconds, comparison: Comparison) -> list[float]:
    """Ours over the sum of theirs, round by round."""
    theirs = zip(*(seconds[name] for name in comparison.theirs), strict=True)
    return [a / sum(b) for a, b in zip(seconds[comparison.ours], theirs, strict=True)]


# Printing


def print_seconds(seconds: Seconds) -> None:
    print_row("process", "s, median", "range")
    print_row("---", "--:", "--:")
    for name, found in seconds.items():
        print_row(name, *median_and_range(found))
    print()


def print_ratios(seconds: Seconds) -> None:
    print_row("ratio", "median", "range", "goal", "reached")
    print_row("---", "--:", "--:", "--:", "---")
    for comparison in COMPARISONS:
        if not seconds.keys() >= set(comparison.theirs):
            continue
        found = ratios(seconds, comparison)
        theirs = " + ".join(comparison.theirs)
        if len(comparison.theirs) > 1:
            theirs = f"({theirs})"
        goal = comparison.goal
        verdict = ("", "") if goal is None else (f"{goal:g}", reached(found, goal))
        print_row(f"{comparison.ours} / {theirs}", *median_and_range(found), *verdict)


def reached(found: Sequence[float], goal: float) -> str:
    return "yes" if statistics.median(found) <= goal else "no"


def print_row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def median_and_range(found: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(found):.2f}", f"{min(found):.2f} to {max(found):.2f}"


def machine_line() -> str:
    names = ("typer", "rich", "numpy", "obspy", "onnxruntime", "seisbench")
    versions = ", ".join(f"{name} {installed_version(name)}" for name in names)
    python = f"Python {platform.python_version()}"
    return f"{processor_name()}, {os.cpu_count()} cores; {python}, {versions}"


def processor_name() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def installed_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
