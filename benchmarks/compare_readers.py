"""Compare what two versions of `quake` read from the same files: samples, times, complaints.

    python benchmarks/compare_readers.py ../quake-before examples/*.mseed

The first argument is a checkout of another version, or `obspy`: then its own reader is the other
one. Each version reads all files in processes of its own; what ends a process is told with its
file, and the next process goes on behind it. Files that differ are printed with what each version
makes of them; the last line counts. The status is 1 if a file has lost samples.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]

# What a version before nanoseconds rounded times to, and twice where it computed with them.
ROUNDING_NS = 2000

# Of a file that are read; files of attacks have thousands.
MOST_CHANNEL_SETS = 50


def main():
    """Read the command line; compare, or read for the other process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other", help="checkout of another version, or obspy")
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        read_all(chosen.paths, contents_of_obspy if chosen.other == "obspy" else contents_of_quake)
        return 0
    paths = sorted(path for given in chosen.paths for path in files_of(given))
    other = outcomes(HERE if chosen.other == "obspy" else Path(chosen.other), paths, chosen.other)
    return compare(other, outcomes(HERE, paths, "quake"))


def files_of(given):
    """A file itself, or all files in a folder."""
    return [path for path in given.rglob("*") if path.is_file()] if given.is_dir() else [given]


# --- one version ---------------------------------------------------------------------------


def outcomes(checkout, paths, reader):
    """What a version makes of each file, by path; a crash is the outcome of its file."""
    found, left = {}, [str(path.resolve()) for path in paths]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    while left:
        command = [sys.executable, __file__, reader, *left[:500], "--child"]
        ended = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=checkout, check=False
        )
        done = [json.loads(line) for line in ended.stdout.splitlines()]
        found.update((line["path"], line) for line in done)
        if ended.returncode:
            path = left[len(done)]
            found[path] = {"path": path, "crash": f"{ended.returncode} {ended.stderr[-300:]}"}
        left = [path for path in left if path not in found]
    return found


def read_all(paths, contents_of):
    """Write a line of JSON for each file."""
    for path in paths:
        try:
            contents = contents_of(path)
        except Exception as error:
            contents = {"refused": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps({"path": str(path), **contents}) + "\n")
        sys.stdout.flush()


def contents_of_quake(path):
    """Joined samples and problems, by this version of quake or another one."""
    try:
        from quake.waveforms.readers.waveform_file import contents_of, read_segments
    except ImportError:
        from quake.data.readers import contents_of, read_segments

    contents = contents_of(path)
    problems, segments = list(contents.problems), {}
    for key in sorted({span.id for span in contents.spans})[:MOST_CHANNEL_SETS]:
        found, faults = read_segments(path, key, index=contents.index)
        problems += faults
        for code, some in groupby(sorted(found, key=lambda s: s.code), lambda s: s.code):
            segments[f"{key}{code}"] = list(some)
    return {
        "problems": sorted(set(problems)),
        "remarks": [list(remark) for remark in contents.remarks],
        "decoded": sum(len(s.samples) for some in segments.values() for s in some),
        "channels": {name: described(some) for name, some in segments.items()},
    }


def contents_of_obspy(path):
    """The same by ObsPy's reader, without complaints."""
    from obspy import read

    try:
        from quake.waveforms.segments import Segment
    except ImportError:
        from quake.data.waveform import Segment

    segments = {}
    for trace in read(str(path)):
        stats = trace.stats
        name = ".".join((stats.network, stats.station, stats.location, stats.channel))
        key = f"{name[:-1]}?{name[-1:]}"
        segment = Segment(name[-1:], stats.starttime.ns, stats.sampling_rate, trace.data)
        segments.setdefault(key, []).append(segment)
    channels = {name: described(some) for name, some in segments.items()}
    decoded = sum(len(s.samples) for some in segments.values() for s in some)
    return {"problems": [], "remarks": [], "decoded": decoded, "channels": channels}


def described(segments):
    """Start, rate, number of samples and their digest, of what was joined."""
    try:
        from quake.waveforms.joining import join_segments
    except ImportError:
        from quake.data.join import join_segments

    return [
        [
            piece.start_ns,
            piece.sampling_rate_hz,
            len(piece.samples),
            hashlib.sha1(piece.samples.astype("f8").tobytes()).hexdigest()[:16],
        ]
        for piece in join_segments(segments)
    ]


# --- both ----------------------------------------------------------------------------------


def compare(other, ours):
    """Print the differences, and count."""
    same, told, lost, crashed = 0, 0, [], []
    for path, one in ours.items():
        before = other[path]
        crashed += [path] if "crash" in one else []
        if are_same(before, one):
            same += 1
            told += before.get("problems") != one.get("problems")
            continue
        if n_samples(one) < n_samples(before):
            lost.append(path)
        sys.stdout.write(
            f"{path}\n  other: {n_samples(before)} samples, {summary(before)}\n"
            f"  ours:  {n_samples(one)} samples, {summary(one)}\n"
        )
    n_refused = sum("refused" in one for one in ours.values())
    n_read = sum(map(n_samples, ours.values()))
    sys.stdout.write(
        f"{len(ours)} files, {n_refused} of them refused, {n_read} samples: {same} files are the "
        f"same (problems differ in {told}), {len(ours) - same} are not, {len(lost)} have fewer "
        f"samples, {len(crashed)} end the process\n"
    )
    return int(bool(lost or crashed))


def are_same(before, now):
    """Whether both have the same samples at the same times."""
    if "channels" not in before or "channels" not in now:
        return "refused" in before and "refused" in now
    if before["channels"].keys() != now["channels"].keys():
        return False
    return all(
        len(before["channels"][name]) == len(pieces)
        and all(
            abs(a[0] - b[0]) <= ROUNDING_NS and a[1:] == b[1:]
            for a, b in zip(before["channels"][name], pieces, strict=True)
        )
        for name, pieces in now["channels"].items()
    )


def n_samples(contents):
    """How many were decoded of all channels, before what is there twice was joined."""
    return contents.get("decoded", 0)


def summary(contents):
    """What there is to say of a file, in a line."""
    for name in ("crash", "refused"):
        if name in contents:
            return f"{name}: {contents[name][:400]}"
    pieces = {name: len(pieces) for name, pieces in contents["channels"].items()}
    return f"pieces {pieces}, problems {contents['problems']}"[:700]


if __name__ == "__main__":
    sys.exit(main())
