"""Labelled records of noise, and of noise with a burst in it; as files and a table."""

import csv

import numpy as np
from obspy import Stream, Trace, UTCDateTime

RATE_HZ = 50.0


def write_record(path, start, seconds, rng, burst_s=None):
    samples = rng.normal(size=(3, int(seconds * RATE_HZ)))
    if burst_s is not None:
        t = np.arange(0, 8, 1 / RATE_HZ)
        first = int(burst_s * RATE_HZ)
        samples[:, first : first + len(t)] += 20 * np.exp(-t / 3) * np.sin(2 * np.pi * 5 * t)
    traces = [
        Trace(
            (row * 1000).astype(np.int32),
            {
                "network": "XX",
                "station": "SYN",
                "channel": f"HH{component}",
                "starttime": start,
                "sampling_rate": RATE_HZ,
            },
        )
        for component, row in zip("ZNE", samples, strict=True)
    ]
    Stream(traces).write(str(path), format="MSEED")


def write_table(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_labelled(folder):
    """Eight records of 90 s, every second with a burst 20 s after its start; and their table."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(8):
        start = UTCDateTime(2020, 1, 1) + 3600 * number
        is_event = number % 2 == 0
        write_record(folder / f"{number}.mseed", start, 90, rng, 20 if is_event else None)
        rows.append(
            {
                "path": f"{number}.mseed",
                "start": str(start),
                "end": str(start + 90),
                "label": "earthquake" if is_event else "noise",
                "event_id": f"event-{number}",
                "p_time": str(start + 20) if is_event else "",
                "network": "XX",
                "station": "SYN",
                "source": ("here", "there")[number // 4],
                "snr_db": 26 if is_event else "",
                "split": ("train", "test")[number // 4],
            }
        )
    return write_table(folder / "labels.csv", rows)
