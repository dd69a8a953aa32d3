"""A label table that a network is trained on in seconds."""

import csv

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime

RATE_HZ = 20.0
RECORD_S = 30


@pytest.fixture(scope="session")
def tiny_table(tmp_path_factory):
    """Thirty-two records of 20 Hz from two sources, every second one with a burst at 12 s."""
    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(32):
        label = ("earthquake", "noise")[number % 2]
        start = UTCDateTime(2020, 1, 1) + 3600 * number
        samples = 1000 * rng.standard_normal((3, round(RECORD_S * RATE_HZ)))
        if label == "earthquake":
            samples[:, 240:320] *= 6
        station = f"S{number // 16}"
        traces = [
            Trace(
                row.astype(np.int32),
                {
                    "network": "XX",
                    "station": station,
                    "channel": f"BH{component}",
                    "starttime": start,
                    "sampling_rate": RATE_HZ,
                },
            )
            for component, row in zip("ZNE", samples, strict=True)
        ]
        Stream(traces).write(str(folder / f"{number}.mseed"), format="MSEED")
        rows.append(
            {
                "path": f"{number}.mseed",
                "start": str(start),
                "end": str(start + RECORD_S),
                "label": label,
                "event_id": f"event-{number}",
                "p_time": str(start + 12) if label == "earthquake" else "",
                "network": "XX",
                "station": station,
                "source": ("one", "two")[number // 16],
            }
        )
    table = folder / "labels.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table
