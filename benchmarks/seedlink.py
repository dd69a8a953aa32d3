"""Measure how long it takes to read what waits at a SeedLink server, against a file of the same.

    python benchmarks/seedlink.py                 # 26,500 records of 512 bytes, some ten hours
    python benchmarks/seedlink.py --hours 2 --rounds 5

A server of its own, in another process, sends the records as fast as they are taken. `reading` is
to receive and decode them, beside reading the file. `windows` is all of `quake watch` without
events, beside `quake predict` without a store, both in a process that runs. Contenders take turns.
"""

import argparse
import io
import multiprocessing
import socket
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from obspy import Stream, Trace, UTCDateTime

from quake import Classifier
from quake.inference.classifier import PredictConfig
from quake.inputs.selection import Selection
from quake.live.follow import Follower, FollowOptions
from quake.live.seedlink import SeedLinkFeed, parse_address
from quake.live.seedlink_feed import SeedLinkArrivals
from quake.model_file.registry import find_model
from quake.store.result_store import Store
from quake.waveforms.sources import FileSource

RECORD_BYTES = 512
RATE_HZ = 100.0
BEGIN = UTCDateTime(2020, 1, 1)


def records_of(hours, seed=0):
    """Records of three components, in the order in which they would arrive."""
    rng = np.random.default_rng(seed)
    found = []
    for component in "ZNE":
        noise = rng.normal(0, 30, round(hours * 3600 * RATE_HZ))
        header = {"network": "XX", "station": "STA", "channel": f"HH{component}"}
        trace = Trace(
            noise.astype(np.int32), {**header, "sampling_rate": RATE_HZ, "starttime": BEGIN}
        )
        file = io.BytesIO()
        Stream([trace]).write(file, format="MSEED", encoding="STEIM2", reclen=RECORD_BYTES)
        content = file.getvalue()
        cut = [content[at : at + RECORD_BYTES] for at in range(0, len(content), RECORD_BYTES)]
        found += [(number / len(cut), component, record) for number, record in enumerate(cut)]
    return [record for *_, record in sorted(found)]


def serve(records, ports):
    """Answer one client after the other, and send all records to each."""
    listener = socket.create_server(("127.0.0.1", 0))
    ports.put(listener.getsockname()[1])
    packets = b"".join(b"SL%06X" % n + record for n, record in enumerate(records, start=1))
    while True:
        client, _ = listener.accept()
        with client:
            answer(client, packets)


def answer(client, packets):
    buffer = b""
    while data := client.recv(4096):
        *lines, buffer = (buffer + data).split(b"\r")
        for line in lines:
            if line == b"HELLO":
                client.sendall(b"SeedLink v3.1 (benchmark) :: SLPROTO:3.1\r\nbenchmark\r\n")
            elif line == b"END":
                try:
                    client.sendall(packets)
                except OSError:
                    return
            else:
                client.sendall(b"OK\r\n")


def arrivals_of(port):
    address = parse_address(f"seedlink://127.0.0.1:{port}/XX.STA..HH?")
    return SeedLinkArrivals(SeedLinkFeed(address, 0), Selection())


def feed_s(port, n_samples):
    """Seconds until all samples are in memory."""
    begin_s, found = time.perf_counter(), 0
    with arrivals_of(port) as arrivals:
        while found < n_samples:
            for key in arrivals.wait(1.0):
                found = sum(span.end_ns - span.start_ns for span in arrivals.spans(key))
                found = round(found / 1e9 * RATE_HZ)
        return time.perf_counter() - begin_s


def file_s(path):
    """Seconds until all samples of the file are in memory."""
    begin_s = time.perf_counter()
    source = FileSource([path])
    for key, spans in source.spans().items():
        source.read(spans, key, 0, 2**62)
    return time.perf_counter() - begin_s


def watch_s(port, classifier, n_windows):
    """Seconds until the last window but that at the end is scored and in a store."""
    labels = {"classes": list(classifier.card.labels.names)}
    begin_s = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as root,
        Store(Path(root), labels) as store,
        arrivals_of(port) as arrivals,
    ):
        follower = Follower(classifier, PredictConfig(), arrivals, store, FollowOptions())
        for number, _ in enumerate(follower.run(), start=1):
            if number == n_windows:
                return time.perf_counter() - begin_s
    raise RuntimeError("windows are missing")


def predict_s(path, classifier):
    begin_s = time.perf_counter()
    n_windows = sum(1 for _ in classifier.predict(path))
    return time.perf_counter() - begin_s, n_windows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=10.3)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    records = records_of(arguments.hours)
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    server = context.Process(target=serve, args=(records, ports), daemon=True)
    server.start()
    port = ports.get()
    classifier = Classifier(find_model(backbone="b0"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.mseed"
        path.write_bytes(b"".join(records))
        measure(arguments, records, port, path, classifier)
    server.terminate()


def measure(arguments, records, port, path, classifier):
    n_samples = 3 * round(arguments.hours * 3600 * RATE_HZ)
    _, n_windows = predict_s(path, classifier)
    watch_s(port, classifier, n_windows - 1)  # modules are loaded by now
    times = {name: [] for name in ("feed", "file", "watch", "predict")}
    for _ in range(arguments.rounds):
        times["feed"].append(feed_s(port, n_samples))
        times["file"].append(file_s(path))
        times["watch"].append(watch_s(port, classifier, n_windows - 1))
        times["predict"].append(predict_s(path, classifier)[0])
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"{len(records):,} records of 512 bytes, {arguments.hours:g} h of 100 Hz, three components"
    )
    print(f"{arguments.rounds} rounds, medians\n")
    print("|  | server, s | file, s | server / file | records/s from the server |")
    print("| --- | --: | --: | --: | --: |")
    for what, server, file in (("reading", "feed", "file"), ("windows", "watch", "predict")):
        ratio = medians[server] / medians[file]
        rate = len(records) / medians[server]
        print(
            f"| {what} | {medians[server]:.2f} | {medians[file]:.2f} | {ratio:.2f} | {rate:,.0f} |"
        )


if __name__ == "__main__":
    main()
