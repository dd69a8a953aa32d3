"""Windows, onsets and events in seconds since a start, for tests whose truth is arithmetic."""

import json
from pathlib import Path

from quake.events import Arrival, Event, EventOptions, Onset
from quake.inference.records import WindowRecord
from quake.waveforms.times import NS_PER_S, format_time, parse_time

START_NS = parse_time("2020-05-02T20:00:00Z")
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "BK.MHC.jsonl"
MODEL = "589a6ed490a9"
NETWORK = "0123456789ab"
CLASSES = ("earthquake", "surface_event", "noise")


def at(seconds):
    """Text of a time that is some seconds after the start."""
    return format_time(START_NS + round(seconds * NS_PER_S))


def window(start_s, label="earthquake", p=0.9, key="XX.STA..HH?", status="ok", length_s=60.0):
    """A window; the other classes share what the label leaves."""
    probabilities = {name: round((1 - p) / 2, 6) for name in CLASSES}
    if label is not None:
        probabilities[label] = p
    return WindowRecord(
        id=key,
        start=at(start_s),
        end=at(start_s + length_s),
        label=label,
        status=status,
        probabilities=probabilities,
        coverage=1.0,
        components="ZNE",
        sampling_rate_hz=100.0,
        flags=(),
        model=MODEL,
    )


def onset(time_s, label="earthquake", prob=0.9, key="XX.STA..HH?", **changes):
    """A clear P; the other classes share what the label leaves."""
    probabilities = {name: round((1 - prob) / 2, 6) for name in CLASSES}
    probabilities[label] = prob
    values = {
        "id": key,
        "time": at(time_s),
        "uncertainty_s": 0.1,
        "p": 0.95,
        "s": 0.01,
        "s_after": 0.0,
        "probabilities": probabilities,
        "snr_db": 20.0,
        "peak_amplitude": 1234.5,
        "peak_component": "N",
        "dominant_frequency_hz": 5.4,
        "duration_s": 20.0,
        "is_cut": False,
        "components": "ZNE",
        "flags": (),
        "windows": (at(time_s // 30 * 30),),
        "model": MODEL,
        "network": NETWORK,
    }
    return Onset(**{**values, **changes})


def s_onset(time_s, s=0.9, **changes):
    """A clear S, which nobody has classified."""
    return onset(time_s, **{"p": 0.0, "s": s, "probabilities": {}, **changes})


def event(time_s, end_s=None, label="earthquake", p=0.9, keys=("XX.STA..HH?",), **changes):
    """An event with the same onset at each of some channel sets."""
    duration_s = 20.0 if end_s is None else end_s - time_s
    arrivals = []
    for key in keys:
        one = onset(time_s, label, p, key, duration_s=duration_s, **changes)
        arrivals.append(Arrival.of(one, label, None, None))
    return Event(label, tuple(arrivals))


def options(**changes):
    """Earthquakes and surface events from 0.5 on."""
    return EventOptions(**{"thresholds": {"earthquake": 0.5, "surface_event": 0.5}, **changes})


def golden_windows():
    """What the bundled model says of the record of an earthquake in examples/."""
    rows = map(json.loads, GOLDEN.read_text().splitlines())
    return [WindowRecord(**{**row, "flags": tuple(row["flags"])}) for row in rows]
