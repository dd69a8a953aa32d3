"""Compare a bucket with a local disk: the same station-days through `quake predict`, in turns.

    python benchmarks/remote.py --days 30 --workers 2 --delay-ms 30 --rounds 3

The bucket is moto's S3 server in a process of its own on this machine, which waits before each
answer as a bucket in another town does; it takes processor time that a real one would not. The
workers are those of a Dask cluster on this machine, as `--dask-local` starts it. Both contenders
write the same store, which is checked. ``--days 365`` is a station-year.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from synthetic_archive import FIRST_DAY, make_archive

ROOT = Path(__file__).resolve().parents[1]
BUCKET = "archive"

# Runs in a process of its own; prints its address, and ends with its standard input.
SERVER = """
import sys
sys.path.insert(0, sys.argv[1])
from s3_server import serving
with serving() as server:
    server.put(sys.argv[2], {})
    client = server.client()
    from pathlib import Path
    for path in sorted(Path(sys.argv[3]).rglob("*")):
        if path.is_file():
            key = path.relative_to(sys.argv[3]).as_posix()
            with path.open("rb") as file:
                client.put_object(Bucket=sys.argv[2], Key=key, Body=file, ACL="public-read")
    server.requests.clear()
    server.delay_s = float(sys.argv[4])
    print(server.url, flush=True)
    for line in sys.stdin:
        print(len(server.requests), flush=True)
        server.requests.clear()
"""


class Run(NamedTuple):
    """How one run went: seconds, peak memory of its largest process, requests to the server."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    n_requests: int


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="quake-benchmark-", dir=options.folder) as folder:
        place = Path(folder)
        root = place / "archive"
        make_archive(
            root, stations=options.stations, days=options.days, rate_hz=options.rate, seed=0
        )
        size_mb = sum(path.stat().st_size for path in root.rglob("*.D.*")) / 1e6
        with bucket(root, options.delay_ms / 1000) as (url, requests):
            runs = measure(options, place, root, url, requests)
        print_table(options, size_mb, runs)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stations", type=int, default=1)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rate", type=int, default=100, help="samples a second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--delay-ms", type=float, default=30.0, help="before each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the archive, twice, and stores go")
    return parser.parse_args()


@contextmanager
def bucket(root: Path, delay_s: float) -> Iterator[tuple[str, object]]:
    """An S3 server with the archive in it; its address, and what counts its requests."""
    command = [sys.executable, "-c", SERVER, str(ROOT / "tests"), BUCKET, str(root), str(delay_s)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()

        def requests() -> int:
            server.stdin.write("\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        try:
            yield url, requests
        finally:
            server.stdin.close()
            server.wait(60)


def measure(options, place, root, url, requests) -> dict[str, list[Run]]:
    inputs = {"local disk": str(root), "bucket": f"s3://{BUCKET}/"}
    runs: dict[str, list[Run]] = {name: [] for name in inputs}
    stores: dict[str, bytes] = {}
    for number in range(options.rounds):
        names = list(inputs) if number % 2 else list(reversed(inputs))
        for name in names:
            store = place / "store"
            shutil.rmtree(store, ignore_errors=True)
            runs[name].append(run(options, inputs[name], store, url, requests))
            stores[name] = b"".join(p.read_bytes() for p in sorted(store.rglob("windows.*")))
    assert stores["bucket"] == stores["local disk"], "the stores differ"
    return runs


def run(options, source, store, url, requests) -> Run:
    command = [
        *(sys.executable, "-m", "quake_cli", "predict", source, "--output", f"{store}/"),
        *("--dask-local", str(options.workers), "--quiet"),
    ]
    requests()
    begun_s, before_s = time.monotonic(), children_s()
    environment = {**os.environ, "AWS_ENDPOINT_URL": url, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, env=environment, cwd=ROOT)
    wall_s = time.monotonic() - begun_s
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return Run(wall_s, children_s() - before_s, peak_mb, requests())


def children_s() -> float:
    """Processor time of the processes that have ended, the workers' too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def print_table(options, size_mb: float, runs: dict[str, list[Run]]) -> None:
    last = FIRST_DAY + timedelta(days=options.days - 1)
    print(
        f"{options.stations * options.days} station-days ({FIRST_DAY} to {last}) of "
        f"{options.rate} Hz, {size_mb:.0f} MB; {options.workers} Dask workers; "
        f"{options.delay_ms:g} ms before each answer; {options.rounds} rounds.\n"
    )
    print("| from | s, median | range | MB/s | requests | throughput / local disk | processor s |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    local_s = [one.wall_s for one in runs["local disk"]]
    for name, some in runs.items():
        walls_s = [one.wall_s for one in some]
        ratios = [other_s / wall_s for wall_s, other_s in zip(walls_s, local_s, strict=True)]
        median_s = statistics.median(walls_s)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        ratio = f"{statistics.median(ratios):.2f} ({spread})" if name != "local disk" else ""
        cpu_s = statistics.median(one.cpu_s for one in some)
        print(
            f"| {name} | {median_s:.1f} | {min(walls_s):.1f} to {max(walls_s):.1f} | "
            f"{size_mb / median_s:.1f} | {some[-1].n_requests} | {ratio} | {cpu_s:.1f} |"
        )
    peak_mb = max(one.peak_mb for some in runs.values() for one in some)
    print(f"\nThe largest process had {peak_mb:.0f} MB.")


if __name__ == "__main__":
    main()
