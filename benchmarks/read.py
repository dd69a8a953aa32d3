"""How long the headers, a day and an hour of miniSEED take to read, beside ObsPy and before.

    python benchmarks/read.py                              # beside obspy.read
    python benchmarks/read.py --before ../quake-before     # and another checkout of quake

Each measurement is a process of its own, which reads once without counting; all contenders take
turns. What is printed is processor time of one run: compare its ratios, not the times of two runs.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RATE_HZ = 100
DAY_S = 86_400
N_GAPS = 5000

QUAKE, BEFORE, OBSPY = "quake", "quake before", "ObsPy"
TASKS = ("headers", "a day", "an hour")
OURS_ALONE = "miniSEED 3"


def main():
    """Read the command line; measure in turns, or once for the other process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--child", nargs=3, metavar=("CONTENDER", "TASK", "FILE"))
    chosen = parser.parse_args()
    if chosen.child:
        contender, task, path = chosen.child
        print(measured(contender, task, path))
        return
    with tempfile.TemporaryDirectory() as folder:
        print_ratios(in_turns(made(Path(folder), chosen.hours * 3600), chosen), chosen)


# --- files ---------------------------------------------------------------------------------


def made(folder, seconds):
    """Noise of three components, in files of four kinds."""
    traces = noise(int(seconds * RATE_HZ))
    files = {
        "channel by channel": folder / "plain",
        "records in turns": folder / "turns",
        f"{N_GAPS} gaps": folder / "gaps",
        OURS_ALONE: folder / "version_3",
    }
    plain, turns, gaps, version_3 = files.values()
    write(plain, traces)
    records = [
        plain.read_bytes()[n * (size := plain.stat().st_size // 3) :][:size] for n in (0, 1, 2)
    ]
    with turns.open("wb") as file:
        for at in range(0, size, 512):
            file.writelines(of_channel[at : at + 512] for of_channel in records)
    write(gaps, with_gaps(traces))
    as_version_3(plain, version_3)
    return files


def noise(n_samples):
    """A trace a component."""
    from obspy import Stream, Trace, UTCDateTime

    draw = np.random.default_rng(0)
    header = {"network": "XX", "station": "STA", "sampling_rate": RATE_HZ}
    header["starttime"] = UTCDateTime("2021-03-04")
    return Stream(
        Trace(draw.normal(0, 300, n_samples).astype(np.int32), {**header, "channel": f"HH{c}"})
        for c in "ZNE"
    )


def with_gaps(traces):
    """Pieces, between which some samples are missing."""
    from obspy import Stream

    cuts = np.linspace(0, len(traces[0]), N_GAPS + 2).astype(int)
    pieces = Stream()
    for trace in traces:
        for a, b in pairwise(cuts):
            piece = trace.copy()
            piece.data = trace.data[a : max(b - 30, a + 1)]
            piece.stats.starttime += a / RATE_HZ
            pieces += piece
    return pieces


def write(path, traces):
    """Steim 2 in records of 512 bytes."""
    content = io.BytesIO()
    traces.write(content, format="MSEED", reclen=512, encoding="STEIM2")
    path.write_bytes(content.getvalue())


def as_version_3(path, target):
    """The same records as miniSEED 3."""
    from pymseed import MS3Record

    with target.open("wb") as file:
        for record in MS3Record.from_file(str(path), unpack_data=True):
            record.formatversion, record.reclen = 3, 1024
            file.writelines(record.generate())


# --- time ----------------------------------------------------------------------------------


def in_turns(files, chosen):
    """Seconds by file, task and contender, a list of the rounds."""
    contenders = [QUAKE, OBSPY, *([BEFORE] if chosen.before else [])]
    seconds = {}
    for round_ in range(chosen.rounds):
        shift = round_ % len(contenders)
        for kind, path in files.items():
            for task in TASKS:
                for contender in contenders[shift:] + contenders[:shift]:
                    if kind == OURS_ALONE and contender != QUAKE:
                        continue
                    key = kind, task, contender
                    seconds.setdefault(key, []).append(in_a_process(chosen, contender, task, path))
    return seconds


def in_a_process(chosen, contender, task, path):
    """Processor time of a measurement."""
    checkout = chosen.before.resolve() if contender == BEFORE else ROOT
    ended = subprocess.run(
        [sys.executable, __file__, "--child", contender, task, str(path)],
        env={**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ended.stdout)


def measured(contender, task, path):
    """Processor time of the second of two readings, s."""
    work = with_obspy(task, path) if contender == OBSPY else with_quake(task, path)
    work()
    begin = time.process_time()
    work()
    return time.process_time() - begin


def with_quake(task, path):
    """Read with the version of quake that is on the path."""
    try:
        from quake.waveforms.readers.waveform_file import read_segments, scan_with_index
    except ImportError:
        from quake.data.readers import read_segments, scan_with_index

    if task == "headers":
        return lambda: scan_with_index(path)
    spans, _, index = scan_with_index(path)
    begin_ns = spans[0].start_ns + 3600 * 10**9
    bounds = (begin_ns, begin_ns + 3600 * 10**9) if task == "an hour" else (None, None)
    return lambda: read_segments(path, spans[0].id, *bounds, index=index)


def with_obspy(task, path):
    """Read with ObsPy, which knows no index."""
    from obspy import UTCDateTime, read

    if task == "headers":
        return lambda: read(path, format="MSEED", headonly=True)
    begin = UTCDateTime("2021-03-04T01:00:00")
    bounds = {"starttime": begin, "endtime": begin + 3600} if task == "an hour" else {}
    return lambda: read(path, format="MSEED", **bounds)


def print_ratios(seconds, chosen):
    """A line of Markdown for each file and task."""
    others = [OBSPY, *([BEFORE] if chosen.before else [])]
    print_row("file", "read", "quake, ms", *(f"quake / {other}" for other in others))
    print_row("---", "---", "--:", *("--:" for _ in others))
    for kind, task, contender in seconds:
        if contender != QUAKE:
            continue
        ours = seconds[kind, task, QUAKE]
        cells = [
            f"{statistics.median(a / b for a, b in zip(ours, theirs, strict=True)):.2f}"
            if (theirs := seconds.get((kind, task, other)))
            else ""
            for other in others
        ]
        print_row(kind, task, f"{1000 * statistics.median(ours):.0f}", *cells)


def print_row(*cells):
    """A line of a table."""
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
