"""A result store of many finished station-days: memory and time of a run that finds all of it done.

    python benchmarks/journal.py                              # 10,000 and 100,000
    python benchmarks/journal.py --station-days 1000000       # minutes, 4 million names

The archive has names as in an SDS archive, three files a station-day, and no samples: a run that
has nothing to do opens none of them. The store has a journal as `quake predict` writes it, and
names for its results. Then the program runs over it as users start it, a process of its own. Prints
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

from quake.inference.classifier import PredictConfig
from quake.inference.coverage import Coverage
from quake.model_file.registry import find_model
from quake.model_file.safetensors_file import load_card
from quake.store.entries import (
    DayEntry,
    FileEntry,
    FileState,
    day_line,
    file_line,
    state_of,
)
from quake.store.fingerprint import fingerprint_of
from quake.store.layout import windows_file
from quake.store.plan import PlannedDay
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.windows.grid import WindowGrid
from quake.windows.station_days import DAY_NS, station_days

GOAL_MB = 200.0
GOAL_STATION_DAYS = 1_000_000

FIRST_DAY = date(2010, 1, 1)
DAYS = 3650  # of each station
WINDOWS = {"ok": 2780, "uncertain": 100}
LABELS = {"earthquake": 12, "noise": 2858, "surface_event": 10}

RESULT_BYTES = 112_000

_EPOCH = date(1970, 1, 1).toordinal()

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
        self._path, self._modified_ns = folder, 0

    def add(self, path: str) -> FileState:
        """Make a file of that name."""
        if not self._n_left:
            self._path = self._folder / f"file-{self._size}-{time.monotonic_ns()}"
            self._path.write_bytes(b"x" * self._size)
            self._modified_ns = self._path.stat().st_mtime_ns
            self._n_left = _LINKS
        os.link(self._path, path)
        self._n_left -= 1
        return FileState(path, self._size, self._modified_ns)


class Archive:
    """Names of an archive of three components, in the order of a journal.

    Parameters
    ----------
    root : Path
    station_days : int
    """

    def __init__(self, root: Path, station_days: int) -> None:
        self.root, n_days = root, min(DAYS, station_days)
        self.days = [FIRST_DAY + timedelta(days=number) for number in range(n_days)]
        n_stations = max(1, round(station_days / n_days))
        self.ids = [ChannelSetId("XX", f"S{n:04d}", "00", "HH") for n in range(n_stations)]
        self._names = Names(root.parent, 0)

    def entries(self, key: ChannelSetId, make: bool) -> Iterator[FileEntry]:
        """What headers say of the files of a station; their names are made at the first time."""
        for code in "ENZ":
            folder = self.root / key.station / f"HH{code}.D"
            if make:
                folder.mkdir(parents=True)
            for day in self.days:
                path = f"{folder}/XX.{key.station}.00.HH{code}.D.{day:%Y.%j}"
                start_ns = (day.toordinal() - _EPOCH) * DAY_NS
                span = Span(key, code, start_ns, start_ns + DAY_NS, 100.0, path)
                heads = ((key, f"{start_ns // DAY_NS:016x}"),)
                state = self._names.add(path) if make else state_of(path)
                yield FileEntry(state, (span,), (), heads)


def entry_of(day: PlannedDay) -> DayEntry:
    """What a run would have made of a day."""
    whole = day.input
    return DayEntry(
        *day.key,
        inputs=day.inputs(),
        outputs={"parquet": RESULT_BYTES},
        windows=WINDOWS,
        labels=LABELS,
        coverage=Coverage(whole, whole, whole),
    )


def make_store(folder: Path, station_days: int) -> tuple[Path, Path, int]:
    """Make an archive and a store in which all of it is done; give both, and how many there are."""
    archive, store = Archive(folder / "archive", station_days), folder / "store"
    model = find_model(backbone="b0")
    card, config = load_card(model), PredictConfig()
    (store / "_quake").mkdir(parents=True)
    facts = json.dumps(fingerprint_of(model, card, config), indent=2) + "\n"
    (store / "_quake" / "run.json").write_text(facts)
    with (store / "_quake" / "journal.jsonl").open("w") as file:
        for key in archive.ids:
            file.writelines(f"{file_line(entry)}\n" for entry in archive.entries(key, make=True))
        for day in done_days(archive, store, config.grid(card)):
            file.write(f"{day_line(entry_of(day))}\n")
    return archive.root, store, len(archive.ids) * len(archive.days)


def done_days(archive: Archive, store: Path, grid: WindowGrid) -> Iterator[PlannedDay]:
    """Make names for the results of all station-days."""
    names = Names(store.parent, RESULT_BYTES)
    for key in archive.ids:
        files = {entry.state.path: entry for entry in archive.entries(key, make=False)}
        spans = [span for entry in files.values() for span in entry.spans]
        for day in station_days({key: spans}, grid):
            result = windows_file(store, key, day.day_ns, "parquet")
            result.parent.mkdir(parents=True)
            names.add(str(result))
            yield PlannedDay(day, files, grid.window_ns)


def run_program(archive: Path, store: Path, *options: str) -> Run:
    """Run `quake predict`, and see what it takes."""
    summary = store.parent / "summary.json"
    command = [sys.executable, "-m", "quake_cli", "predict", str(archive), "--output"]
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
    for number in chosen.station_days:
        folder = Path(tempfile.mkdtemp(prefix="quake-journal-", dir=chosen.folder))
        try:
            runs[number] = measure(number, folder, chosen.rounds)
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
