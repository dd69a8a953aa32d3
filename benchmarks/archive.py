"""`quake predict` over synthetic archives: speed, memory, and what a run costs where all is done.

    python benchmarks/archive.py --scaling            # workers and Dask, side by side
    python benchmarks/archive.py --memory --days 200  # of every process, as CSV and PNG
    python benchmarks/archive.py --resume --walk --large

The program runs as users start it, as processes of its own, into a fresh store each time, and
after each run its windows are counted and compared with what the archive is known to hold.
Contenders take turns in an order that rotates: compare the ratios of one run, not the times of two.
Prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from predict import (
    idle_share,
    installed_version,
    print_row,
    processor_name,
    reached,
    usable_cores,
)
from synthetic_archive import Archive, Damage, make_archive

SEED = 0
SPEED_UP_GOAL, DASK_GOAL = 1.7, 1.10

ONE, TWO = "`--workers 1`", "`--workers 2`"
DASK_ONE, DASK_TWO = "`--dask-local 1`", "`--dask-local 2`"
SHARDS = "`--shard 1/2` and `2/2` at once"

# What each of the processes that are started at once is given.
CONTENDERS: dict[str, list[list[str]]] = {
    ONE: [["--workers", "1"]],
    TWO: [["--workers", "2"]],
    DASK_ONE: [["--dask-local", "1"]],
    DASK_TWO: [["--dask-local", "2"]],
    SHARDS: [["--shard", "1/2"], ["--shard", "2/2"]],
}
ONE_THREAD = ["--threads", "1"]


class Ratio(NamedTuple):
    """One contender over another, and what it should reach; `at_least` or at most."""

    over: str
    under: str
    goal: float | None
    at_least: bool = False


RATIOS = (
    Ratio(ONE, TWO, SPEED_UP_GOAL, at_least=True),
    Ratio(ONE, SHARDS, None),
    Ratio(DASK_ONE, ONE, DASK_GOAL),
    Ratio(DASK_TWO, TWO, DASK_GOAL),
)

# Stations, days and hours a day where none are given.
SIZES = {
    "scaling": (4, 5, 24.0),
    "memory": (1, 200, 24.0),
    "resume": (50, 60, 0.05),
    "walk": (50, 20, 0.05),
    "large": (100, 50, 0.05),
}
WALK_FULL = (4, 5, 24.0)

# The smallest archive that keeps two workers busy: its time is that of the start.
_START_SIZE = (2, 1, 0.02)

_SAMPLE_S = 0.5
_LEFT_OUT = 0.2  # of a run, in which memory fills
_WORTH_SHOWING_MB = 50.0
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True)
class Run:
    """How a run of the program went.

    Attributes
    ----------
    wall_s, cpu_s : float
        With the start of the process; processor time of all processes.
    peak_mb : float
        Most resident memory of the process that was started, without its children; 0 unless on
        Linux.
    status : int
    summaries : list of dict
        Of `--summary-json`, one a process.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    status: int
    summaries: list[dict[str, Any]]

    @property
    def n_windows(self) -> int:
        """Windows of all statuses."""
        return sum(sum(summary["windows"].values()) for summary in self.summaries)


Rounds = dict[str, list[Run]]


def main() -> None:
    options = parse_options()
    print(machine_line(), end="\n\n")
    parts = {
        "scaling": scaling_part,
        "memory": memory_part,
        "resume": resume_part,
        "walk": walk_part,
        "large": large_part,
    }
    with workplace(options.folder) as folder:
        for name in options.parts:
            parts[name](Place(folder / name, name, options))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for part in SIZES:
        parser.add_argument(f"--{part}", action="append_const", const=part, dest="parts")
    parser.add_argument("--all", action="store_const", const=list(SIZES), dest="parts")
    parser.add_argument("--stations", type=int, help="of the archive; by default as the part likes")
    parser.add_argument("--days", type=int)
    parser.add_argument("--hours", type=float, help="of data a day; 24 are continuous")
    parser.add_argument("--record-bytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=usable_cores(), help="--memory, --large")
    parser.add_argument("--dask", action="store_true", help="the same workers by --dask-local")
    parser.add_argument("--damaged", type=float, default=0.0, help="--large: share of the files")
    parser.add_argument("--engine", default="auto", help="as in `quake predict --engine`")
    parser.add_argument("--folder", type=Path, help="archives are made there, and removed")
    parser.add_argument(
        "--plots", type=Path, default=Path(), help="--memory: folder of CSV and PNG"
    )
    parser.set_defaults(parts=None)
    options = parser.parse_args()
    options.parts = options.parts or ["scaling"]
    return options


@contextmanager
def workplace(folder: Path | None) -> Iterator[Path]:
    """An empty folder that is removed at the end."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="quake-archive-", dir=folder) as name:
        yield Path(name)


# The parts


def scaling_part(place: Place) -> None:
    """Time of one and two workers, of processes and of Dask, with and without their start."""
    archive = place.archive()
    tiny = place.archive(_START_SIZE, "tiny")
    able = [name for name in CONTENDERS if place.is_able(name, tiny)]
    with idle_share() as idle:
        rounds, starts = in_turns(place, able, archive, tiny)
    print(f"## Scaling\n\n{place.sentence(archive)} One thread a worker, {place.n_rounds} rounds.")
    print(*idle, end="\n\n")
    print_scaling(rounds, starts, archive)
    print_ratios(rounds, starts)
    store = place.folder / "kept"
    place.predict(archive, store, CONTENDERS[ONE])
    print_store(store, archive)


def memory_part(place: Place) -> None:
    """Resident memory of every process while it does many station-days."""
    archive = place.archive()
    watch = MemoryWatch(place.folder / "store")
    run = place.predict(archive, place.folder / "store", [place.executor()], watch)
    watch.write_csv(place.options.plots / "memory.csv")
    watch.draw(place.options.plots / "memory.png")
    print(f"## Memory\n\n{place.sentence(archive)} {' '.join(place.executor())}, one thread each;")
    print(f"{run.wall_s:.0f} s, one sample every {_SAMPLE_S:g} s. The first {_LEFT_OUT:.0%} of the")
    print("station-days are left out of all columns but the peak.\n")
    print_memory(watch)


def resume_part(place: Place) -> None:
    """What a run costs where all station-days are done."""
    archive = place.archive()
    tiny = place.archive(_START_SIZE, "tiny")
    store, tiny_store = place.folder / "store", place.folder / "tiny-store"
    first = place.predict(archive, store, [place.executor()])
    place.predict(tiny, tiny_store, CONTENDERS[ONE])
    again, starts = [], []
    for _ in range(place.n_rounds):
        starts.append(place.predict(tiny, tiny_store, CONTENDERS[ONE]))
        again.append(place.predict(archive, store, CONTENDERS[ONE]))
    n_days = archive.n_station_days
    if again[-1].summaries[0]["station_days"]["done before"] != n_days:
        raise SystemExit(f"station-days were done again: {again[-1].summaries[0]}")
    print(f"## Resume\n\n{place.sentence(archive)} {place.n_rounds} rounds.\n")
    print_row("run", "s, median", "range", "processor s", "peak of the process, MB")
    print_row("---", "--:", "--:", "--:", "--:")
    print_run("first: " + " ".join(place.executor()), [first])
    print_run("again, all is done", again)
    print_run("again, 2 station-days: the start", starts)
    print_cost_of_nothing(again, starts, n_days)


def walk_part(place: Place) -> None:
    """Names and headers of files, when they are new and when they are known."""
    tiny = place.archive(_START_SIZE, "tiny")
    archives = [place.archive()]
    if place.has_default_size:
        archives.append(place.archive(WALK_FULL, "full"))
    print(f"## Walk\n\n`--scan-only` in one process, {place.n_rounds} rounds, start left out. The")
    print("files were written just before, so no disk is waited for.\n")
    columns = ("names alone", "headers, first time", "range", "headers known", "range")
    print_row("files", "kB a file", "station-days", *(f"{c}, ms a file" for c in columns))
    print_row("--:", "--:", "--:", *["--:"] * len(columns))
    for archive in archives:
        print_walk(place, archive, tiny)
    print()


def large_part(place: Place) -> None:
    """Thousands of station-days, and whether each of their windows is there afterwards."""
    share = place.options.damaged
    damage = Damage(share / 3, share / 3, share / 3, share)
    archive = place.archive(damage=damage)
    store = place.folder / "store"
    run = place.predict(archive, store, [place.executor()])
    wrong = differences(rows_of(store), archive.rows)
    print(f"## Large\n\n{place.sentence(archive)} {' '.join(place.executor())}, one thread each.\n")
    for kind, files in sorted(archive.damaged.items()):
        print(f"- {len(files)} files {kind}")
    print(f"- exit status {run.status}, {run.wall_s:.1f} s, {run.cpu_s:.1f} s of processor time:")
    print(f"  {1000 * run.wall_s / archive.n_station_days:.1f} ms a station-day")
    print(f"- {archive.n_windows} windows of {archive.n_station_days} station-days expected;")
    print(f"  station-days with another number of windows: {len(wrong)}")
    for key, (found, expected) in list(wrong.items())[:10]:
        print(f"  - {' '.join(key)}: {found} instead of {expected}")
    left = [path for path in (store / "_quake" / "tmp").rglob("*") if path.is_file()]
    print(f"- unfinished files left: {len(left)}\n")
    print_store(store, archive)
    if wrong or left:
        raise SystemExit("the store is not complete")


# Running


@dataclass
class Place:
    """Folder of a part, what it may need, and how it runs the program."""

    folder: Path
    part: str
    options: argparse.Namespace

    @property
    def n_rounds(self) -> int:
        """How often each contender has its turn."""
        return int(self.options.rounds)

    @property
    def has_default_size(self) -> bool:
        """Whether the user has left the size of the archive to the part."""
        return {self.options.stations, self.options.days, self.options.hours} == {None}

    def executor(self) -> list[str]:
        """Arguments for as many workers as were asked for."""
        return ["--dask-local" if self.options.dask else "--workers", str(self.options.workers)]

    def archive(
        self,
        size: tuple[int, int, float] | None = None,
        name: str = "sds",
        damage: Damage | None = None,
    ) -> Archive:
        """Make an archive of stations, days and hours a day; by default of the user's size."""
        stations, days, hours = size or self._size()
        return make_archive(
            self.folder / name,
            stations=stations,
            days=days,
            hours=hours,
            record_bytes=self.options.record_bytes,
            seed=SEED,
            damage=damage,
        )

    def _size(self) -> tuple[int, int, float]:
        """Stations, days and hours a day as the user or the part likes them."""
        stations, days, hours = SIZES[self.part]
        chosen = self.options
        return (
            stations if chosen.stations is None else chosen.stations,
            days if chosen.days is None else chosen.days,
            hours if chosen.hours is None else chosen.hours,
        )

    def sentence(self, archive: Archive) -> str:
        """What an archive is, for the reader."""
        return (
            f"{archive.n_station_days} station-days of 100 Hz, three components, Steim-2: "
            f"{len(archive.files)} files, {archive.n_bytes / 1e6:.0f} MB, {archive.n_windows} "
            f"windows of 60 s every 30 s, B0, engine {self.options.engine}, seed {SEED}."
        )

    def is_able(self, name: str, tiny: Archive) -> bool:
        """Run a contender once, uncounted; say so if it cannot be compared."""
        try:
            self.predict_afresh(tiny, CONTENDERS[name])
        except SystemExit as error:
            print(f"{name} is left out: {error}", end="\n\n")
            return False
        return True

    def predict_afresh(self, archive: Archive, processes: Sequence[Sequence[str]]) -> Run:
        """Run into a store that is made for it, and removed."""
        store = self.folder / "fresh"
        try:
            return self.predict(archive, store, processes)
        finally:
            shutil.rmtree(store, ignore_errors=True)

    def predict(
        self,
        archive: Archive,
        store: Path,
        processes: Sequence[Sequence[str]],
        watch: Callable[[int], None] | None = None,
    ) -> Run:
        """Run the program, several at once if there are several; check that nothing is missing.

        Raises
        ------
        SystemExit
            If a process failed, or windows are missing.
        """
        run = self._run(archive, store, processes, watch)
        allowed = {0, 1} if archive.damaged else {0}
        if run.status not in allowed:
            raise SystemExit(f"quake predict ended with {run.status}: {self._last_message()}")
        if run.summaries and run.n_windows != archive.n_windows:
            raise SystemExit(
                f"quake predict {processes}: {run.n_windows} windows, {archive.n_windows} expected"
            )
        return run

    def scan(self, archive: Archive, store: Path) -> Run:
        """Read the headers alone."""
        run = self._run(archive, store, [["--workers", "1", "--scan-only"]])
        if run.status != 0:
            raise SystemExit(f"--scan-only ended with {run.status}: {self._last_message()}")
        return run

    @property
    def _messages(self) -> Path:
        return self.folder / "messages.txt"

    def _last_message(self) -> str:
        lines = self._messages.read_text().splitlines()
        return lines[-1][:_SHOWN_CHARACTERS] if lines else "no message"

    def _run(
        self,
        archive: Archive,
        store: Path,
        processes: Sequence[Sequence[str]],
        watch: Callable[[int], None] | None = None,
    ) -> Run:
        summaries = [self.folder / f"summary-{number}.json" for number in range(len(processes))]
        for path in summaries:
            path.unlink(missing_ok=True)
        commands = [
            [
                *(sys.executable, "-m", "quake_cli", "predict", "--sds", str(archive.root)),
                *("--output", f"{store}/", "--engine", self.options.engine, *ONE_THREAD),
                *("--summary-json", str(path), *arguments),
            ]
            for path, arguments in zip(summaries, processes, strict=True)
        ]
        wall_s, cpu_s, peak_mb, status = spend(commands, self._messages, watch)
        found = [json.loads(path.read_text()) for path in summaries if path.exists()]
        return Run(wall_s, cpu_s, peak_mb, status, found)


def spend(
    commands: Sequence[Sequence[str]], messages: Path, watch: Callable[[int], None] | None
) -> tuple[float, float, float, int]:
    """Run processes at once: time, processor time, peak of the first in MB, largest status.

    Parameters
    ----------
    commands : arguments of each process
    messages : file for what they say
    watch : callable, optional
        Called with the process id of the first, again and again while it runs.
    """
    # One thread a worker is compared: the libraries of arrays are to have one as well.
    env = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    before_s, begin_s = children_s(), time.perf_counter()
    with messages.open("ab") as log:
        started = [
            subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=log)
            for command in commands
        ]
        peak = Peak()
        with sampled(started[0].pid, [(peak, 0.05), *([(watch, _SAMPLE_S)] if watch else [])]):
            codes = [process.wait() for process in started]
    wall_s = time.perf_counter() - begin_s
    return wall_s, children_s() - before_s, peak.mb, max(codes, key=abs)


def children_s() -> float:
    """Processor time of the children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def sampled(pid: int, looks: Sequence[tuple[Callable[[int], None], float]]) -> Iterator[None]:
    """Call each function with the process id every so many seconds, in threads of their own."""
    done = threading.Event()

    def repeat(look: Callable[[int], None], every_s: float) -> None:
        while not done.wait(every_s):
            look(pid)

    threads = [threading.Thread(target=repeat, args=look, daemon=True) for look in looks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


class Peak:
    """The most resident memory that a process had, MB; Linux keeps count of it."""

    def __init__(self) -> None:
        self.mb = 0.0

    def __call__(self, pid: int) -> None:
        """Ask for it once more."""
        self.mb = max(self.mb, status_mb(pid, "VmHWM"))


def status_mb(pid: int, name: str) -> float:
    """A field of /proc/PID/status; 0 if the process is gone, or there is no such file."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


def in_turns(
    place: Place, names: Sequence[str], archive: Archive, tiny: Archive
) -> tuple[Rounds, Rounds]:
    """Runs of each contender by round, and their starts; the order rotates."""
    rounds: Rounds = {name: [] for name in names}
    starts: Rounds = {name: [] for name in names}
    for round_ in range(place.n_rounds):
        shift = round_ % len(names)
        for name in [*names[shift:], *names[:shift]]:
            starts[name].append(place.predict_afresh(tiny, CONTENDERS[name]))
            rounds[name].append(place.predict_afresh(archive, CONTENDERS[name]))
    return rounds, starts


# Memory


@dataclass
class MemoryWatch:
    """Samples of resident memory of a process and its children, by station-days done.

    Attributes
    ----------
    store : Path
        Whose journal says how many are done.
    samples : list of (s, station-days done, process id, role, MB, peak MB)
    """

    store: Path
    samples: list[tuple[float, int, int, str, float, float]] = field(default_factory=list)
    _begin_s: float = field(default_factory=time.perf_counter)
    _read: dict[Path, int] = field(default_factory=dict)
    _n_done: int = 0

    def __call__(self, pid: int) -> None:
        """Take one sample of each process."""
        now_s, n_done = time.perf_counter() - self._begin_s, self._count()
        for number, role in processes_below(pid):
            rss_mb, peak_mb = status_mb(number, "VmRSS"), status_mb(number, "VmHWM")
            if rss_mb:
                self.samples.append((now_s, n_done, number, role, rss_mb, peak_mb))

    def by_process(self) -> dict[str, Any]:
        """Arrays (N, 4) of s, station-days, MB and peak MB by role and process id.

        Without the small helpers of libraries.
        """
        found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for now_s, n_done, pid, role, rss_mb, peak_mb in self.samples:
            found[f"{role} {pid}"].append((now_s, n_done, rss_mb, peak_mb))
        arrays = {name: np.array(rows) for name, rows in found.items()}
        return {
            name: rows
            for name, rows in arrays.items()
            if name.startswith("parent") or rows[:, 3].max() > _WORTH_SHOWING_MB
        }

    def write_csv(self, path: Path) -> None:
        """All samples, also of small processes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["time_s", "station_days", "pid", "role", "rss_mb", "peak_mb"])
            for now_s, n_done, pid, role, rss_mb, peak_mb in self.samples:
                row = (f"{now_s:.2f}", n_done, pid, role, f"{rss_mb:.1f}", f"{peak_mb:.1f}")
                writer.writerow(row)

    def draw(self, path: Path) -> None:
        """Resident memory over station-days, a line a process."""
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
        for name, rows in self.by_process().items():
            axes.plot(rows[:, 1], rows[:, 2], linewidth=1, label=name)
        axes.axvline(_LEFT_OUT * self.n_days, color="grey", linestyle=":", label="fitted from here")
        axes.set(xlabel="station-days done", ylabel="resident memory (MB)", ylim=(0, None))
        axes.legend(fontsize="small")
        figure.savefig(path, dpi=120)
        plt.close(figure)

    @property
    def n_days(self) -> int:
        """Station-days that were done at the end."""
        return max((sample[1] for sample in self.samples), default=0)

    def _count(self) -> int:
        """Station-days in the journal, of which only what is new is read."""
        for path in sorted(self.store.glob("_quake/journal*.jsonl")):
            at = self._read.get(path, 0)
            try:
                with path.open("rb") as file:
                    file.seek(at)
                    new = file.read()
            except OSError:
                continue
            self._n_done += new.count(b'"station_day"')
            self._read[path] = at + len(new)
        return self._n_done


def processes_below(pid: int) -> list[tuple[int, str]]:
    """Process id and role of a process and all that it started."""
    import psutil

    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [(pid, "parent"), *((process.pid, "child") for process in below)]


class Fit(NamedTuple):
    """Memory of a process without the beginning of the run, MB."""

    median: float
    span: float
    peak: float
    slope_per_100: float
    n_samples: int


def fitted(rows: Any, n_days: int) -> Fit | None:
    """Fit a line through memory over station-days; None if a process was there too shortly.

    Parameters
    ----------
    rows : array (N, 4), of `MemoryWatch.by_process`
    n_days : station-days of the whole run
    """
    late = rows[rows[:, 1] > _LEFT_OUT * n_days]
    if len(late) < 10 or np.ptp(late[:, 1]) < 0.3 * n_days:
        return None
    slope = np.polyfit(late[:, 1], late[:, 2], 1)[0]
    return Fit(
        float(np.median(late[:, 2])),
        float(np.ptp(late[:, 2])),
        float(rows[:, 3].max()),
        float(100 * slope),
        len(late),
    )


# Stores


def rows_of(store: Path) -> dict[tuple[str, str], int]:
    """Number of windows of a store by station and date, as a reader of Parquet finds them."""
    pattern = str(store / "windows" / "**" / "*.parquet")
    try:
        import duckdb
    except ImportError:
        return rows_by_pyarrow(store)
    rows = duckdb.execute(
        "SELECT station, CAST(date AS VARCHAR), count(*) "
        "FROM read_parquet(?, hive_partitioning = true) GROUP BY ALL",
        [pattern],
    ).fetchall()
    return {(station, day): n for station, day, n in rows}


def rows_by_pyarrow(store: Path) -> dict[tuple[str, str], int]:
    """The same, without DuckDB."""
    from pyarrow import dataset

    table = dataset.dataset(store / "windows", partitioning="hive")
    columns = table.to_table(columns=["station", "date"]).to_pydict()
    return dict(Counter(zip(columns["station"], map(str, columns["date"]), strict=True)))


def differences(
    found: Mapping[tuple[str, str], int], expected: Mapping[tuple[str, str], int]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Station-days with another number of windows: found and expected."""
    return {
        key: (found.get(key, 0), expected.get(key, 0))
        for key in sorted(found.keys() | expected.keys())
        if found.get(key, 0) != expected.get(key, 0)
    }


class Stored(NamedTuple):
    """Number and bytes of one kind of thing in a store."""

    number: int
    n_bytes: int


def stored(store: Path) -> dict[str, Stored]:
    """What a store holds: results, and lines of its journals by kind."""
    results = [path.stat().st_size for path in store.glob("windows/**/windows.*")]
    lines: dict[str, list[int]] = defaultdict(list)
    for path in sorted(store.glob("_quake/*.jsonl")):
        with path.open("rb") as file:
            for line in file:
                lines[str(json.loads(line).get("kind", "other"))].append(len(line))
    kinds = {f"journal, `{kind}`": Stored(len(n), sum(n)) for kind, n in sorted(lines.items())}
    return {"results": Stored(len(results), sum(results)), **kinds}


# Printing


def print_scaling(rounds: Rounds, starts: Rounds, archive: Archive) -> None:
    columns = ("range", "processor s", "station-days a minute", "start, s", "start, range")
    print_row("one thread each", "s, median", *columns)
    print_row("---", *["--:"] * 6)
    for name, runs in rounds.items():
        walls = [run.wall_s for run in runs]
        per_minute = 60 * archive.n_station_days / statistics.median(walls)
        cells = (*time_cells(runs), f"{per_minute:.1f}", *time_cells(starts[name])[:2])
        print_row(name, *cells)
    print("\nStart: the same for two station-days of some windows; it is part of the times.\n")


def print_ratios(rounds: Rounds, starts: Rounds) -> None:
    print_row("ratio of times", "median", "range", "starts left out", "goal", "reached")
    print_row("---", "--:", "--:", "--:", "--:", "---")
    for ratio in RATIOS:
        if not rounds.keys() >= {ratio.over, ratio.under}:
            continue
        found = wall_ratios(rounds, ratio)
        bare = wall_ratios(rounds, ratio, starts)
        print_row(
            f"{ratio.over} / {ratio.under}",
            *spread(found, ".2f"),
            f"{statistics.median(bare):.2f}",
            *verdict(statistics.median(found), ratio),
        )
    print()


def wall_ratios(rounds: Rounds, ratio: Ratio, starts: Rounds | None = None) -> list[float]:
    """Ratios by round, with or without what the start costs."""

    def times_s(name: str) -> list[float]:
        walls = [run.wall_s for run in rounds[name]]
        if starts is None:
            return walls
        return [a - run.wall_s for a, run in zip(walls, starts[name], strict=True)]

    return [a / b for a, b in zip(times_s(ratio.over), times_s(ratio.under), strict=True)]


def verdict(found: float, ratio: Ratio) -> tuple[str, str]:
    if ratio.goal is None:
        return "", ""
    yes = found >= ratio.goal if ratio.at_least else found <= ratio.goal
    return f"{'at least' if ratio.at_least else 'at most'} {ratio.goal:g}", reached(yes)


def print_memory(watch: MemoryWatch) -> None:
    columns = ("median, MB", "span, MB", "peak, MB", "slope, MB per 100 station-days", "samples")
    print_row("process", *columns)
    print_row("---", *["--:"] * len(columns))
    for name, rows in watch.by_process().items():
        fit = fitted(rows, watch.n_days)
        if fit is None:
            print_row(name, "", "", f"{rows[:, 3].max():.0f}", "too short", len(rows))
            continue
        cells = (f"{fit.median:.0f}", f"{fit.span:.0f}", f"{fit.peak:.0f}")
        print_row(name, *cells, f"{fit.slope_per_100:+.2f}", fit.n_samples)
    print()


def print_walk(place: Place, archive: Archive, tiny: Archive) -> None:
    from quake.inputs.sds import sds_files

    first, known, names_s = [], [], []
    for _ in range(place.n_rounds):
        begin_s = time.perf_counter()
        n_files = sum(1 for _ in sds_files(archive.root))
        names_s.append(time.perf_counter() - begin_s)
        first.append(scan_cost_s(place, archive, tiny, is_known=False))
        known.append(scan_cost_s(place, archive, tiny, is_known=True))
    ms = [[1000 * s / n_files for s in times] for times in (names_s, first, known)]
    print_row(
        n_files,
        f"{archive.n_bytes / n_files / 1000:.0f}",
        archive.n_station_days,
        f"{statistics.median(ms[0]):.3f}",
        *spread(ms[1], ".2f"),
        *spread(ms[2], ".2f"),
    )


def scan_cost_s(place: Place, archive: Archive, tiny: Archive, *, is_known: bool) -> float:
    """Time of `--scan-only` without the start; known headers are in the journal before."""
    times_s = []
    for one in (archive, tiny):
        store = place.folder / "scanned"
        if is_known:
            place.scan(one, store)
        times_s.append(place.scan(one, store).wall_s)
        shutil.rmtree(store)
    return times_s[0] - times_s[1]


def print_run(name: str, runs: Sequence[Run]) -> None:
    peak_mb = statistics.median(run.peak_mb for run in runs)
    print_row(name, *time_cells(runs), f"{peak_mb:.0f}")


def print_cost_of_nothing(again: Sequence[Run], starts: Sequence[Run], n_days: int) -> None:
    """What remains of a run when its start is taken away, by station-day."""
    pairs = list(zip(again, starts, strict=True))
    cost_ms = [1000 * (a.wall_s - b.wall_s) / n_days for a, b in pairs]
    median, bounds = spread(cost_ms, ".3f")
    kb = statistics.median(1000 * (a.peak_mb - b.peak_mb) / n_days for a, b in pairs)
    print(f"\nA station-day that is done costs {median} ms ({bounds}), three files that are asked")
    print(f"for their size and time included, and {kb:.1f} kB of memory.\n")


def print_store(store: Path, archive: Archive) -> None:
    print_row("in the store", "number", "kB in all", "bytes each", "bytes a station-day")
    print_row("---", "--:", "--:", "--:", "--:")
    for name, (number, n_bytes) in stored(store).items():
        each = n_bytes / number if number else 0.0
        cells = (f"{n_bytes / 1000:.0f}", f"{each:.0f}", f"{n_bytes / archive.n_station_days:.0f}")
        print_row(name, number, *cells)
    print()


def time_cells(runs: Sequence[Run]) -> tuple[str, str, str]:
    """Median, range, and median of the processor time."""
    cpu_s = statistics.median(run.cpu_s for run in runs)
    return *spread([run.wall_s for run in runs], ".1f"), f"{cpu_s:.1f}"


def spread(values: Sequence[float], form: str) -> tuple[str, str]:
    """Median and range."""
    return f"{statistics.median(values):{form}}", f"{min(values):{form}} to {max(values):{form}}"


def machine_line() -> str:
    names = ("onnxruntime", "openvino", "obspy", "numpy", "pyarrow", "distributed")
    versions = ", ".join(f"{name} {installed_version(name)}" for name in names)
    python = f"Python {platform.python_version()}"
    return f"{processor_name()}, {usable_cores()} cores; {python}, {versions}"


if __name__ == "__main__":
    main()
