"""A result store of many finished station-days: memory and time of a run that finds all of it done.

    python benchmarks/journal.py                              # 10,000 and 100,000
    python benchmarks/journal.py --station-days 1000000       # some minutes, 4 million names

The archive has the names of an SDS tree, three files a station-day, and no samples: a run that has
nothing to do opens none of them. The store has a journal as `quake predict` writes it, and names
for its results. Then the program runs over it as users start it, a process of its own. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from quake.inference.classifier import PredictConfig
from quake.inference.coverage import Coverage
from quake.inputs.selection import Selection
from quake.model_file.registry import find_model
from quake.model_file.safetensors_file import load_card
from quake.store.entries import DayEntry, FileEntry, day_line, file_line, state_of
from quake.store.fingerprint import fingerprint_of
from quake.store.journal import Journal
from quake.store.layout import windows_file
from quake.store.plan import Plan, PlannedDay
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.windows.grid import WindowGrid
from quake.windows.station_days import DAY_NS

GOAL_MB = 200.0
GOAL_STATION_DAYS = 1_000_000

FIRST_DAY = date(2010, 1, 1)
DAYS = 3650  # of each station
WINDOWS = {"ok": 2780, "uncertain": 100}
LABELS = {"earthquake": 12, "noise": 2858, "surface_event": 10}

# Names that one file has: file systems allow some 65,000.
_LINKS = 50_000


@dataclass(frozen=True)
class Run:
    """How a run of the program went: time, most memory, and what it says of the station-days."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    station_days: dict[str, int]


class Names:
    """Gives files more names, which is cheaper than more files."""

    def __init__(self, folder: Path, size: int) -> None:
        self._folder, self._size, self._n_left = folder, size, 0
        self._path = folder

    def add(self, path: Path) -> None:
        """Make a file of that name."""
        if not self._n_left:
            self._path = self._folder / f"file-{self._size}-{time.monotonic_ns()}"
            self._path.write_bytes(b"x" * self._size)
            self._n_left = _LINKS
        os.link(self._path, path)
        self._n_left -= 1


def make_files(root: Path, n_stations: int, n_days: int) -> Iterator[FileEntry]:
    """Make the names of an SDS archive, and say what headers would."""
    names = Names(root.parent, 0)
    days = [FIRST_DAY + timedelta(days=number) for number in range(n_days)]
    for station in (f"S{number:04d}" for number in range(n_stations)):
        key = ChannelSetId("XX", station, "00", "HH")
        for code in "ZNE":
            for day in days:
                folder = root / f"{day.year}" / "XX" / station / f"HH{code}.D"
                if day == days[0] or day.timetuple().tm_yday == 1:
                    folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"XX.{station}.00.HH{code}.D.{day:%Y.%j}"
                names.add(path)
                start_ns = (day - date(1970, 1, 1)).days * DAY_NS
                span = Span(key, code, start_ns, start_ns + DAY_NS, 100.0, str(path))
                heads = ((key, f"{start_ns // DAY_NS:016x}"),)
                yield FileEntry(state_of(str(path)), (span,), (), heads)


def entry_of(day: PlannedDay, size: int) -> DayEntry:
    """What a run would have made of a day."""
    whole = day.input
    return DayEntry(
        *day.key,
        inputs=day.inputs(),
        outputs={"parquet": size},
        windows=WINDOWS,
        labels=LABELS,
        coverage=Coverage(whole, whole, whole),
    )


def make_store(folder: Path, station_days: int) -> tuple[Path, Path, int]:
    """Make an archive and a store in which all of it is done; give both, and how many there are."""
    archive, store = folder / "archive", folder / "store"
    n_days = min(DAYS, station_days)
    model = find_model(backbone="b0")
    card, config = load_card(model), PredictConfig()
    (store / "_quake").mkdir(parents=True)
    facts = json.dumps(fingerprint_of(model, card, config), indent=2) + "\n"
    (store / "_quake" / "run.json").write_text(facts)
    path = store / "_quake" / "journal.jsonl"
    entries = make_files(archive, max(1, round(station_days / n_days)), n_days)
    with path.open("w") as file:
        file.writelines(f"{file_line(entry)}\n" for entry in entries)
    n_made = add_days(store, path, config.grid(card))
    with Journal(path.parent) as journal:  # in order, as a run leaves it
        journal.compact(store / "_quake" / "tmp")
    return archive, store, n_made


def add_days(store: Path, path: Path, grid: WindowGrid) -> int:
    """Write down each station-day of the files of a journal as done, and make its results."""
    names, n_made = Names(store.parent, 100_000), 0
    with Journal(path.parent) as journal, path.open("a") as file:
        for key in journal.files.channel_sets():
            places = np.sort(journal.files.places_of(key))
            for day in Plan(journal, places, Selection(), grid).of(key).days:
                result = windows_file(store, key, day.day.day_ns, "parquet")
                result.parent.mkdir(parents=True)
                names.add(result)
                file.write(f"{day_line(entry_of(day, 100_000))}\n")
                n_made += 1
    return n_made


def run_program(archive: Path, store: Path, *options: str) -> Run:
    """Run `quake predict`, and see what it takes."""
    summary = store.parent / "summary.json"
    command = [sys.executable, "-m", "quake_cli", "predict", "--sds", str(archive), "--output"]
    command += [f"{store}/", "--quiet", "--summary-json", str(summary), *options]
    begin_s = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - begin_s
    if status:
        raise SystemExit(f"{' '.join(command)}: ended with status {status}")
    found = json.loads(summary.read_text())["station_days"]
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, found)


def measure(station_days: int, folder: Path, rounds: int) -> Run:
    """Print a line of the table; give the quickest run."""
    begin_s = time.monotonic()
    archive, store, n_made = make_store(folder, station_days)
    made_s = time.monotonic() - begin_s
    runs = [run_program(archive, store) for _ in range(rounds)]
    for run in runs:
        if run.station_days != {"done": 0, "done before": n_made, "failed": 0}:
            raise SystemExit(f"expected {n_made} done before, found {run.station_days}")
    best = min(runs, key=lambda run: run.cpu_s)
    size_mb = (store / "_quake" / "journal.jsonl").stat().st_size / 1e6
    each_ms = 1000 * best.cpu_s / n_made
    print(
        f"| {n_made:,} | {3 * n_made:,} | {size_mb:.0f} | {best.wall_s:.1f} | {best.cpu_s:.1f} "
        f"| {each_ms:.3f} | {best.peak_mb:.0f} |",
        flush=True,
    )
    print(f"{n_made:,} station-days were made in {made_s:.0f} s", file=sys.stderr)
    return best


def main() -> None:
    """Measure stores of several sizes, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--station-days", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where archives and stores are made")
    chosen = parser.parse_args()
    print("| station-days | files | journal, MB | s | processor s | ms each | peak, MB |")
    print("| --: | --: | --: | --: | --: | --: | --: |")
    runs = {}
    for station_days in chosen.station_days:
        folder = Path(tempfile.mkdtemp(prefix="quake-journal-", dir=chosen.folder))
        try:
            runs[station_days] = measure(station_days, folder, chosen.rounds)
        finally:
            shutil.rmtree(folder)
    few, many = min(runs), max(runs)
    if many > few:
        grown_mb = runs[many].peak_mb - runs[few].peak_mb
        print(f"\nA finished station-day costs {grown_mb * 2**20 / (many - few):.0f} bytes.")
    if many >= GOAL_STATION_DAYS:
        reached = "yes" if runs[many].peak_mb <= GOAL_MB else "no"
        print(f"\nPeak {runs[many].peak_mb:.0f} MB, goal {GOAL_MB:.0f} MB: {reached}.")


if __name__ == "__main__":
    main()
