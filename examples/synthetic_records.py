"""Draw one synthetic record of each class, say what is true of it, and write it if asked.

    python examples/synthetic_records.py [FOLDER]

With a folder, each record is written there as miniSEED, in nm/s, ready for `quake predict`.
"""

import sys
from pathlib import Path

import numpy as np

from quake import synth


def write(record: synth.SyntheticRecord, path: Path) -> None:
    from obspy import Stream, Trace, UTCDateTime

    header = {
        "network": "XX",
        "station": "SYNTH",
        "sampling_rate": record.sampling_rate_hz,
        "starttime": UTCDateTime(2020, 1, 1),
    }
    traces = [
        Trace(np.round(1e9 * row).astype(np.float32), {**header, "channel": f"HH{component}"})
        for component, row in zip("ZNE", record.samples, strict=True)
    ]
    Stream(traces).write(str(path), format="MSEED")


def describe(record: synth.SyntheticRecord) -> str:
    truth = record.truth
    if record.label == "earthquake":
        return (
            f"M {truth['magnitude']:.1f} at {truth['distance_km']:.0f} km, "
            f"P at {record.p_s:.1f} s, S at {record.s_s:.1f} s, {truth['snr_db']:.0f} dB"
        )
    if record.label == "surface_event":
        return f"{truth['kind']}, onset at {record.onset_s:.1f} s, {truth['snr_db']:.0f} dB"
    kinds = [disturbance["kind"] for disturbance in truth["disturbances"]]
    return f"disturbed by {', '.join(kinds) or 'nothing'}"


def main() -> None:
    rng = np.random.default_rng(7)
    for label in synth.LABELS:
        record = synth.draw(rng, label, window_s=60, sampling_rate_hz=100)
        print(f"{label}: {describe(record)}")
        if len(sys.argv) > 1:
            write(record, Path(sys.argv[1]) / f"{label}.mseed")


if __name__ == "__main__":
    main()
