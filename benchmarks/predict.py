"""A synthetic station-day through `quake predict`, side by side with what others do in that time.

    python benchmarks/predict.py            # against SeisBench's CRED, PhaseNet and EQTransformer
    python benchmarks/predict.py --all      # gaps, memory, cores and stages as well

All contenders read the same file, each in a process of its own, and take turns in an order that
rotates. Absolute times drift with the machine and what else it does: compare the ratios of one run,
not the times of two; on a busy machine those of processor time are the steadier. Prints Markdown.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import obspy
from numpy.typing import NDArray
from obspy import Stream, Trace, UTCDateTime

from quake import Classifier, synth
from quake.model_file.registry import find_model
from quake.waveforms.sources import FileSource

RATE_HZ = 100
START = UTCDateTime(2020, 1, 1)
EVENTS_PER_HOUR = 4
GAPS = 10_000  # of each component, of a day
GAP_S = (0.2, 1.0)
WARM_UP_HOURS = 0.1
SEED = 0

IN_PROCESS, PROCESS = "quake, in a process that runs", "`quake predict`, start included"
PEER_GOALS = {"CRED": 0.4, "PhaseNet": 0.3, "EQTransformer": 0.1}
GAP_GOAL = 1.5
MEMORY_GOAL_MB = 700
PARTS = ("peers", "gaps", "memory", "cores", "stages")


@dataclass(frozen=True)
class Spent:
    """Time of a run, and the processor time of all its threads and children."""

    wall_s: float
    cpu_s: float


Rounds = dict[str, list[Spent]]

# A child's peak memory begins at that of the process it is forked from, so a small one starts it.
# It prints what wait4 said, the processor time so far at every tenth of a second, and how long
# threads that were ready waited for a core.
LAUNCHER = """
import glob, json, os, sys, threading, time

def watch():
    ticks = os.sysconf("SC_CLK_TCK")
    while not done.wait(0.1):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                fields = stat.read().rpartition(")")[2].split()
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with open(path) as stat:
                    waits[path] = 1e-9 * int(stat.read().split()[1])
        except (OSError, IndexError):
            continue
        cpu_s = (int(fields[11]) + int(fields[12])) / ticks
        line.append((time.perf_counter() - start, cpu_s))

line, waits, done = [], {}, threading.Event()
null = os.open(os.devnull, os.O_WRONLY)
quiet = [(os.POSIX_SPAWN_DUP2, null, 1)]
start = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
threading.Thread(target=watch, daemon=True).start()
_, status, usage = os.wait4(pid, 0)
wall_s = time.perf_counter() - start
done.set()
print(json.dumps({
    "code": os.waitstatus_to_exitcode(status), "wall_s": wall_s, "peak": usage.ru_maxrss,
    "cpu_s": usage.ru_utime + usage.ru_stime, "line": line, "wait_s": sum(waits.values()),
}))
"""


def main() -> None:
    options = parse_options()
    print(machine_line(), end="\n\n")
    print(
        f"{options.hours:g} h of {RATE_HZ} Hz, three components, Steim-2, seed {SEED}; B0, windows"
    )
    print(f"of 60 s every 30 s, engine {options.engine}; {options.rounds} rounds.", end="\n\n")
    parts = {
        "peers": peers_part,
        "gaps": gaps_part,
        "memory": memory_part,
        "cores": cores_part,
        "stages": stages_part,
    }
    with tempfile.TemporaryDirectory() as folder:
        clean = Path(folder) / "day.mseed"
        write_day(clean, options.hours)
        for name in options.parts:
            parts[name](clean, options)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="auto", help="as in `quake predict --engine`")
    parser.add_argument("--days", type=int, default=0, help="--memory: of a longer file as well")
    for part in PARTS:
        parser.add_argument(f"--{part}", action="append_const", const=part, dest="parts")
    parser.add_argument("--all", action="store_const", const=list(PARTS), dest="parts")
    parser.set_defaults(parts=None)
    options = parser.parse_args()
    options.parts = options.parts or ["peers"]
    return options


# The parts


def peers_part(clean: Path, options: argparse.Namespace) -> None:
    """Time for the day, reading the file included, and ratios to each peer."""
    names = [IN_PROCESS, PROCESS]
    if importlib.util.find_spec("seisbench") is None:
        print("seisbench is not installed, so there is nobody to compare with.", end="\n\n")
    else:
        names += PEER_GOALS
    warm_path = clean.with_name("warm.mseed")
    write_day(warm_path, WARM_UP_HOURS)
    with workers(names, options.engine) as contenders:
        in_turns(contenders, warm_path, 1)
        rounds = in_turns(contenders, clean, options.rounds)
    print("## Against others\n")
    print_peers(rounds)


def gaps_part(clean: Path, options: argparse.Namespace) -> None:
    """Time for the day with and without gaps."""
    n_gaps = round(GAPS * options.hours / 24)
    broken = clean.with_name("gaps.mseed")
    write_day(broken, options.hours, n_gaps)
    paths = {"without gaps": clean, f"{n_gaps:,} gaps a component": broken}
    with workers([IN_PROCESS], options.engine) as contenders:
        work = contenders[IN_PROCESS]
        work(clean)  # the first run is slower
        contenders = {name: lambda _, path=path: work(path) for name, path in paths.items()}
        rounds = in_turns(contenders, clean, options.rounds)
    without, gaps = rounds.values()
    ratio, cpu_ratio = median_ratio(gaps, without), median_cpu_ratio(gaps, without)
    print("## Gaps\n")
    print_row("day", "file, MB", "s, median", "range", "processor s")
    print_row("---", "--:", "--:", "--:", "--:")
    for name, found in rounds.items():
        print_row(name, f"{megabytes(paths[name]):.0f}", *time_cells(found))
    print(f"\nRatio {ratio:.2f} ({cpu_ratio:.2f} of processor time), goal {GAP_GOAL}:", end=" ")
    print(f"{reached(ratio <= GAP_GOAL)}.\n")


def memory_part(clean: Path, options: argparse.Namespace) -> None:
    """Peak resident memory of `quake predict`, all in all."""
    day_mb = run_quake(clean, options.engine)["peak_mb"]
    print("## Memory\n")
    print_row("file", "file, MB", "peak of the process, MB", "goal, MB", "reached")
    print_row("---", "--:", "--:", "--:", "---")
    day = (f"{megabytes(clean):.0f}", f"{day_mb:.0f}", str(MEMORY_GOAL_MB))
    print_row(f"{options.hours:g} h", *day, reached(day_mb < MEMORY_GOAL_MB))
    if options.days:
        path = clean.with_name("days.mseed")
        write_day(path, options.hours, days=options.days)
        found_mb = run_quake(path, options.engine)["peak_mb"]
        goal_mb = day_mb + megabytes(path)
        many = (f"{megabytes(path):.0f}", f"{found_mb:.0f}", f"{goal_mb:.0f}")
        print_row(f"{options.days} times {options.hours:g} h", *many, reached(found_mb <= goal_mb))
    print()


def cores_part(clean: Path, options: argparse.Namespace) -> None:
    """How busy `quake predict` kept the cores, in all and tenth by tenth of its time."""
    n_cores = usable_cores()
    with idle_share() as idle:
        found = run_quake(clean, options.engine)
    busy = found["cpu_s"] / found["wall_s"] / n_cores
    print("## Cores\n")
    print(f"`quake predict` took {found['wall_s']:.1f} s and {found['cpu_s']:.1f} s of processor")
    print(f"time: {busy:.0%} of {n_cores} cores, start included. Its threads waited", end=" ")
    print(f"{found['wait_s']:.1f} s for cores that were taken.", *idle, end="\n\n")
    tenths = busy_tenths(found["line"], found["wall_s"])
    if tenths:
        print_row("tenth of its time", *range(1, 11))
        print_row("---", *["--:"] * 10)
        print_row("cores busy", *[f"{share / n_cores:.0%}" for share in tenths])
        print()


def stages_part(clean: Path, options: argparse.Namespace) -> None:
    """Processor time by stage, in a process that runs."""
    classifier = new_classifier(options.engine)
    count_windows(classifier, clean)
    spent: dict[str, float] = {}
    source = FileSource([clean])
    source.spans = timed(source.spans, "scan the headers", spent)
    source.read = timed(source.read, "read and decode", spent)
    classifier.engine = TimedEngine(classifier.engine, spent)
    begin_wall, begin_cpu = time.perf_counter(), time.process_time()
    n_windows = sum(1 for _ in classifier.predict_source(source))
    wall_s, cpu_s = time.perf_counter() - begin_wall, time.process_time() - begin_cpu
    spent["cut, resample, filter, and all the rest"] = cpu_s - sum(spent.values())
    print("## Stages\n")
    print_row("stage", "processor s", "share", "ms a window")
    print_row("---", "--:", "--:", "--:")
    for name, used_s in spent.items():
        print_row(
            name, f"{used_s:.2f}", f"{used_s / cpu_s:.0%}", f"{1000 * used_s / n_windows:.3f}"
        )
    print(f"\n{n_windows} windows; {cpu_s:.2f} s of processor time in {wall_s:.2f} s.\n")


# Contenders


def new_classifier(engine: str) -> Classifier:
    return Classifier(find_model(backbone="b0"), engine=engine)


def count_windows(classifier: Classifier, path: Path) -> int:
    return sum(1 for _ in classifier.predict(path))


def run_quake(path: Path, engine: str) -> dict[str, Any]:
    """Run `quake predict` on a file; wall_s, cpu_s, wait_s, peak_mb, line of (wall_s, cpu_s)."""
    program = [sys.executable, "-m", "quake_cli", "predict", str(path)]
    options = ["--engine", engine, "--format", "jsonl", "--quiet"]
    command = [sys.executable, "-S", "-c", LAUNCHER, *program, *options]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    if found["code"] != 0:
        raise SystemExit(f"quake predict ended with {found['code']}")
    per_mb = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # bytes there, KiB elsewhere
    return {**found, "peak_mb": found["peak"] / per_mb}


def new_contender(name: str, engine: str) -> Callable[[Path], object]:
    """Whatever can be loaded before is; reading the file is part of the work."""
    if name == PROCESS:
        return lambda path: run_quake(path, engine)
    if name == IN_PROCESS:
        classifier = new_classifier(engine)
        return lambda path: count_windows(classifier, path)
    return new_peer(name)


def new_peer(name: str) -> Callable[[Path], object]:
    """One of SeisBench's models, with random weights: those are as fast as trained ones."""
    import seisbench.models
    import torch

    torch.set_num_threads(usable_cores())
    torch.manual_seed(SEED)
    network = getattr(seisbench.models, name)().eval()
    return lambda path: network.annotate(obspy.read(path))


@contextmanager
def workers(names: Sequence[str], engine: str) -> Iterator[dict[str, Callable[[Path], Spent]]]:
    """Contenders, each in a process of its own: threads and memory of one do not slow another."""
    context = multiprocessing.get_context("spawn")
    processes, pipes = [], {}
    for name in names:
        pipes[name], theirs = context.Pipe()
        processes.append(context.Process(target=serve, args=(name, engine, theirs), daemon=True))
        processes[-1].start()
        theirs.close()  # or its end would not be noticed here
    try:
        yield {name: lambda path, pipe=pipe: ask(pipe, path) for name, pipe in pipes.items()}
    finally:
        for pipe in pipes.values():
            pipe.close()
        for process in processes:
            process.join()


def ask(pipe: Any, path: Path) -> Spent:
    """Let a worker do its work."""
    pipe.send(path)
    answer: Spent = pipe.recv()
    return answer


def serve(name: str, engine: str, pipe: Any) -> None:
    """Work on the paths that arrive, until nobody sends any."""
    work = new_contender(name, engine)
    while True:
        try:
            path = pipe.recv()
        except EOFError:
            return
        begin_s, begin_cpu_s = time.perf_counter(), cpu_seconds()
        work(path)
        pipe.send(Spent(time.perf_counter() - begin_s, cpu_seconds() - begin_cpu_s))


def cpu_seconds() -> float:
    """Processor time of this process and of the children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class TimedEngine:
    """An engine that adds up the processor time of its threads."""

    def __init__(self, engine: Any, spent: dict[str, float]) -> None:
        self._engine = engine
        self.probabilities = timed(engine.probabilities, "spectrogram and network", spent)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def timed(work: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    """The same function; the processor time of the thread that calls it is added to `spent`."""
    lock = threading.Lock()
    spent[name] = 0.0

    def timed_work(*args: Any) -> Any:
        begin = time.thread_time()
        try:
            return work(*args)
        finally:
            with lock:
                spent[name] += time.thread_time() - begin

    return timed_work


# Synthetic days


def write_day(path: Path, hours: float, n_gaps: int = 0, days: int = 1) -> None:
    """Red noise and events in counts, Steim-2; every day has the same samples."""
    rng = np.random.default_rng(SEED)
    samples = draw_samples(rng, hours)
    pieces = [draw_pieces(rng, samples.shape[1], n_gaps) for _ in "ZNE"]
    with path.open("wb") as file:
        for day in range(days):
            traces = [
                new_trace(row[begin:end], component, day * samples.shape[1] + begin)
                for component, row, bounds in zip("ZNE", samples, pieces, strict=True)
                for begin, end in bounds
            ]
            Stream(traces).write(file, format="MSEED", encoding="STEIM2")


def draw_samples(rng: np.random.Generator, hours: float) -> NDArray[np.int32]:
    """Three components (3, N): a random walk, and in some of its minutes an earthquake."""
    n_samples = round(hours * 3600 * RATE_HZ)
    samples = np.cumsum(rng.normal(0, 50, (3, n_samples)), axis=1)
    samples -= np.linspace(samples[:, 0], samples[:, -1], n_samples, axis=1)
    n_minute = 60 * RATE_HZ
    for minute in rng.integers(n_samples // n_minute, size=round(EVENTS_PER_HOUR * hours)):
        window = samples[:, minute * n_minute : (minute + 1) * n_minute]
        event = synth.draw(
            rng, "earthquake", window_s=60, sampling_rate_hz=RATE_HZ, background=window
        )
        window[:] = np.nan_to_num(event.samples)
    return np.clip(samples, -1e7, 1e7).astype(np.int32)  # Steim-2 has 30 bits for a difference


def draw_pieces(rng: np.random.Generator, n_samples: int, n_gaps: int) -> list[tuple[int, int]]:
    """First and last-plus-one sample of what lies between gaps at random places."""
    if n_gaps == 0:
        return [(0, n_samples)]
    shortest, longest = (round(RATE_HZ * seconds) for seconds in GAP_S)
    gaps = rng.integers(shortest, longest + 1, n_gaps)
    waits = rng.exponential(size=n_gaps + 1)
    # One sample each, and the rest in random shares: as many pieces as there should be.
    lengths = 1 + (waits / waits.sum() * (n_samples - gaps.sum() - n_gaps - 1)).astype(int)
    ends = np.cumsum(lengths) + np.concatenate([[0], np.cumsum(gaps)])
    return list(zip((ends - lengths).tolist(), ends.tolist(), strict=True))


def new_trace(samples: NDArray[np.int32], component: str, first: int) -> Trace:
    header = {
        "network": "XX",
        "station": "DAY",
        "channel": f"HH{component}",
        "starttime": START + first / RATE_HZ,
        "sampling_rate": RATE_HZ,
    }
    return Trace(samples, header)


# Measuring


def in_turns(
    contenders: Mapping[str, Callable[[Path], Spent]], path: Path, n_rounds: int
) -> Rounds:
    """What each contender spent, by round; the order rotates."""
    rounds: Rounds = {name: [] for name in contenders}
    names = list(contenders)
    for round_ in range(n_rounds):
        shift = round_ % len(names)
        for name in names[shift:] + names[:shift]:
            rounds[name].append(contenders[name](path))
    return rounds


def median_ratio(ours: Sequence[Spent], theirs: Sequence[Spent]) -> float:
    return statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True))


def median_cpu_ratio(ours: Sequence[Spent], theirs: Sequence[Spent]) -> float:
    return statistics.median(a.cpu_s / b.cpu_s for a, b in zip(ours, theirs, strict=True))


def with_range(ratios: Iterable[float]) -> str:
    """Median of the rounds, and the least and the largest of them."""
    several = sorted(ratios)
    return f"{statistics.median(several):.2f} ({several[0]:.2f} to {several[-1]:.2f})"


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def idle_share() -> Iterator[list[str]]:
    """A sentence on what was left idle: who shares the machine cannot have all of it."""
    sentence: list[str] = []
    before = processor_ticks()
    yield sentence
    after = processor_ticks()
    if before and after and sum(after) > sum(before):
        spent = [b - a for a, b in zip(before, after, strict=True)]
        idle = (spent[3] + spent[4]) / sum(spent)
        sentence.append(f"The machine, with all that ran on it, was idle for {idle:.0%}.")


def processor_ticks() -> list[int]:
    """Of all cores since the start of the machine: user, nice, system, idle, waiting, ..."""
    path = Path("/proc/stat")
    if not path.exists():
        return []
    return [int(field) for field in path.read_text().split("\n")[0].split()[1:9]]


def busy_tenths(line: list[tuple[float, float]], wall_s: float) -> list[float]:
    """Cores busy in each tenth of a run, from processor time over time."""
    if not line:
        return []
    at_s, cpu_s = np.array([(0.0, 0.0), *line]).T
    edges_s = np.linspace(0, min(wall_s, at_s[-1]), 11)
    share: list[float] = (np.diff(np.interp(edges_s, at_s, cpu_s)) / np.diff(edges_s)).tolist()
    return share


def megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


# Printing


def print_peers(rounds: Rounds) -> None:
    ratios = ("quake / it", "of processor time", "`quake predict` / it", "goal", "reached")
    print_row("", "s, median", "range", "processor s", *ratios)
    print_row("---", *["--:"] * 7, "---")
    ours = rounds[IN_PROCESS]
    for name, found in rounds.items():
        if name not in PEER_GOALS:
            print_row(name, *time_cells(found), *[""] * 5)
            continue
        ratio, goal = median_ratio(ours, found), PEER_GOALS[name]
        cells = (
            with_range(a.wall_s / b.wall_s for a, b in zip(ours, found, strict=True)),
            with_range(a.cpu_s / b.cpu_s for a, b in zip(ours, found, strict=True)),
            with_range(a.wall_s / b.wall_s for a, b in zip(rounds[PROCESS], found, strict=True)),
        )
        print_row(name, *time_cells(found), *cells, f"{goal:.1f}", reached(ratio <= goal))
    print()


def print_row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def time_cells(found: Sequence[Spent]) -> tuple[str, str, str]:
    """Median, range, and median of the processor time."""
    walls = [spent.wall_s for spent in found]
    cpu_s = statistics.median(spent.cpu_s for spent in found)
    spread = f"{min(walls):.1f} to {max(walls):.1f}"
    return f"{statistics.median(walls):.1f}", spread, f"{cpu_s:.1f}"


def reached(yes: bool) -> str:
    return "yes" if yes else "no"


def machine_line() -> str:
    names = ("torch", "onnxruntime", "openvino", "seisbench", "obspy", "numpy")
    versions = ", ".join(f"{name} {installed_version(name)}" for name in names)
    python = f"Python {platform.python_version()}"
    return f"{processor_name()}, {usable_cores()} cores; {python}, {versions}"


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
