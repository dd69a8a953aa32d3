"""Windows and events in seconds since a start, for tests whose truth is arithmetic."""

import json
from pathlib import Path

from quake.data.times import format_time, parse_time
from quake.data.waveform import NS_PER_S
from quake.events import Event, EventOptions
from quake.inference.records import WindowRecord

START_NS = parse_time("2020-05-02T20:00:00Z")
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "BK.MHC.jsonl"
MODEL = "589a6ed490a9"
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


def event(start_s, end_s=None, label="earthquake", p=0.9, keys=("XX.STA..HH?",), **changes):
    """An event whose peak is half a minute after its start."""
    values = {
        "label": label,
        "start": at(start_s),
        "end": at(start_s + 60 if end_s is None else end_s),
        "peak_time": at(start_s + 30),
        "peak_probability": p,
        "n_windows": 1,
        "channel_sets": tuple(keys),
        "model": MODEL,
    }
    return Event(**{**values, **changes})


def options(**changes):
    """Earthquakes and surface events from 0.5 on."""
    return EventOptions(**{"thresholds": {"earthquake": 0.5, "surface_event": 0.5}, **changes})


def golden_windows():
    """What the bundled model says of the record of an earthquake in examples/."""
    rows = map(json.loads, GOLDEN.read_text().splitlines())
    return [WindowRecord(**{**row, "flags": tuple(row["flags"])}) for row in rows]
