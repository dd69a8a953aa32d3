"""Where the time of a station-day goes: reading, cutting, network; ratios from one run.

Writes a synthetic day of 100 Hz, three components, and times each part of `quake predict` on it.
Absolute times drift with the machine and what else it does; compare the shares.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from obspy import Stream, Trace, UTCDateTime

from quake.data.join import join_segments
from quake.data.readers import read_segments, scan
from quake.data.waveform import ChannelSet
from quake.data.windows import WindowGrid, cut, records
from quake.inference import Classifier
from quake.registry import find_model

RATE_HZ = 100
BATCH_SIZE = 32


def write_day(path: Path, hours: float) -> None:
    """Red noise in counts, Steim-2, with seed 0."""
    rng = np.random.default_rng(0)
    traces = []
    for component in "ZNE":
        samples = np.cumsum(rng.normal(0, 50, round(hours * 3600 * RATE_HZ)))
        samples -= np.linspace(samples[0], samples[-1], len(samples))
        header = {
            "network": "XX",
            "station": "DAY",
            "channel": f"HH{component}",
            "starttime": UTCDateTime(2020, 1, 1),
            "sampling_rate": RATE_HZ,
        }
        traces.append(Trace(samples.astype(np.int32), header))
    Stream(traces).write(str(path), format="MSEED", encoding="STEIM2")


def timed(work):
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--backbone", default="b0")
    options = parser.parse_args()
    classifier, load_s = timed(lambda: Classifier(find_model(backbone=options.backbone)))
    preprocessing = classifier.card.preprocessing
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.mseed"
        write_day(path, options.hours)
        (spans, _), scan_s = timed(lambda: scan(path))
        (segments, _), read_s = timed(lambda: read_segments(path, spans[0].id))
    channel_set = ChannelSet(
        spans[0].id, {c: join_segments(s for s in segments if s.code == c) for c in "ZNE"}
    )
    grid = WindowGrid.from_overlap(preprocessing.window_s, 0.5)
    (record,) = records(spans, preprocessing.window_ns)
    starts = grid.starts(record.start_ns, record.end_ns, record.tolerance_ns)
    windows, cut_s = timed(lambda: [cut(channel_set, s, preprocessing, 0.7) for s in starts])
    samples = np.stack([window.samples for window in windows])
    _, network_s = timed(
        lambda: [
            classifier.probabilities(samples[i : i + BATCH_SIZE])
            for i in range(0, len(samples), BATCH_SIZE)
        ]
    )
    total_s = scan_s + read_s + cut_s + network_s
    print(f"{platform.machine()}, {os.cpu_count()} cores, seed 0, {options.hours:g} h of 100 Hz 3C")
    print(f"model loaded in {load_s:.1f} s (torch and torchvision included)")
    for name, seconds in (
        ("scan headers", scan_s),
        ("read and decode", read_s),
        ("cut, resample, filter", cut_s),
        ("spectrogram and network", network_s),
    ):
        per_window = 1000 * seconds / len(windows)
        print(f"{name:25} {seconds:7.2f} s {seconds / total_s:6.1%} {per_window:6.2f} ms a window")
    print(f"{'in all':25} {total_s:7.2f} s for {len(windows)} windows")


if __name__ == "__main__":
    main()
