"""Measure events: a model and labelled records go in, tables of onsets and false events come out.

    python benchmarks/events.py DATA --model MODEL

DATA is a folder with labels.csv (path, start, end, label, source, p_time, snr_db), an SDS archive
``sds`` and ``sds_phasenet_onsets.csv`` (station, p_time), the onsets that PhaseNet sees in it.
"""

from __future__ import annotations

import argparse
import csv
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.errors import QuakeError
from quake.events import Event, EventOptions, find_events
from quake.inference.classifier import Classifier
from quake.inference.onsets import find_onsets
from quake.waveforms.sources import FileSource
from quake.waveforms.times import NS_PER_S, parse_time

PICKED = ("phasenet", "deepdenoiser", "eqcorrscan", "capuaf_ak_utu")
QUIET = ("hvsrpy", "hvsrlearn_mexico", "anmo_2024", "noisepy_ci", "seismolive_fur", "obspy_tests")
STATIONS = ("PB.B916", "ML.ML02", "UT.STN12")

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """Rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def events_of(classifier: Classifier, files: Sequence[Path], options: EventOptions) -> list[Event]:
    """Events of some files; none of what cannot be read."""
    try:
        return find_events(find_onsets(classifier, files), options)
    except QuakeError as error:
        print(f"# {files[0]}: {error}")
        return []


def seconds_of(events: Sequence[Event]) -> NDArray[np.float64]:
    """Onsets, s since the epoch."""
    return np.array([parse_time(event.onset) / NS_PER_S for event in events])


def measure_picks(
    classifier: Classifier, data: Path, rows: Sequence[Row], options: EventOptions, most: int
) -> None:
    """How far the nearest onset is from the analyst's P."""
    for source in PICKED:
        of_source = [
            row
            for row in rows
            if row["source"] == source and row["p_time"] and float(row["snr_db"] or 0) >= 6
        ]
        chosen = np.random.default_rng(0).permutation(len(of_source))[:most]
        errors_s, scaled = [], []
        for i in chosen:
            found = events_of(classifier, [data / of_source[i]["path"]], options)
            if not found:
                errors_s.append(np.inf)
                continue
            apart_s = np.abs(seconds_of(found) - parse_time(of_source[i]["p_time"]) / NS_PER_S)
            nearest = int(apart_s.argmin())
            errors_s.append(float(apart_s[nearest]))
            scaled.append(apart_s[nearest] / found[nearest].onset_uncertainty_s)
        errors = np.array(errors_s)
        shares = ", ".join(f"{(errors <= s).mean():.0%} within {s:g} s" for s in (0.5, 2.0, 5.0))
        near = errors[errors <= 2]
        print(
            f"{source}: {len(errors)} records, {shares}; median {np.median(near):.2f} s; "
            f"{(np.array(scaled) <= 1).mean():.0%} within the uncertainty",
            flush=True,
        )


def measure_stations(classifier: Classifier, data: Path, options: EventOptions) -> None:
    """How many of PhaseNet's onsets are found, and how many events it sees too."""
    onsets = read_rows(data / "sds_phasenet_onsets.csv")
    for station in STATIONS:
        name = station.partition(".")[2]
        files = sorted((data / "sds").glob(f"*/*/{name}/*/*"))
        begin_s = time.monotonic()
        found = events_of(classifier, files, options)
        wall_s = time.monotonic() - begin_s
        truth = [r["p_time"] for r in onsets if r["station"] == station]
        print(f"{station}: {len(found)} events, {len(truth)} onsets of PhaseNet, {wall_s:.0f} s")
        if not truth or not found:
            continue
        times_s = np.array([parse_time(t) / NS_PER_S for t in truth])
        apart_s = np.abs(times_s[:, None] - seconds_of(found))
        lengths_s = [event.duration_s for event in found]
        print(
            f"  {(apart_s.min(axis=1) <= 3).mean():.0%} of the onsets found within 3 s, "
            f"{(apart_s.min(axis=0) <= 3).mean():.0%} of the events seen by PhaseNet; "
            f"lengths {np.median(lengths_s):.0f} s (median), {max(lengths_s):.0f} s (largest); "
            f"{sum(e.s_onset is not None for e in found)} with S",
            flush=True,
        )


def quiet_files(data: Path, rows: Sequence[Row], source: str) -> Iterator[tuple[Path, float]]:
    """Files of a source in which there is noise alone, and their hours."""
    by_file: dict[str, set[str]] = {}
    for row in rows:
        if row["source"] == source:
            by_file.setdefault(row["path"], set()).add(row["label"])
    for path in sorted(name for name, labels in by_file.items() if labels == {"noise"}):
        spans = FileSource([data / path]).spans()
        hours = sum(
            (max(s.end_ns for s in some) - min(s.start_ns for s in some)) / NS_PER_S / 3600
            for some in spans.values()
        )
        yield data / path, hours


def measure_quiet(
    classifier: Classifier, data: Path, rows: Sequence[Row], options: EventOptions, most_h: float
) -> None:
    """False events a station-day."""
    total_h, total = 0.0, 0
    for source in QUIET:
        hours, n_events = 0.0, 0
        for path, some_h in quiet_files(data, rows, source):
            if hours >= most_h:
                break
            found = events_of(classifier, [path], options)
            hours, n_events = hours + some_h, n_events + len(found)
            for event in found:
                print(
                    f"#   {event.channel_sets[0]} {event.onset} {event.label} "
                    f"{event.probability:.2f} {event.snr_db:.1f} dB"
                )
        total_h, total = total_h + hours, total + n_events
        print(f"{source}: {n_events} events in {hours:.1f} h", flush=True)
    print(f"quiet and urban: {24 * total / max(total_h, 1e-9):.1f} events a station-day")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threshold", type=float, help="of all classes; the model's by default")
    parser.add_argument("--most", type=int, default=60, help="records of a source")
    parser.add_argument("--most-hours", type=float, default=3.0, help="of a quiet source")
    parser.add_argument("--only", choices=("picks", "stations", "quiet"), default=None)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = read_rows(options.data / "labels.csv")
    classifier = Classifier(options.model, threads=1)
    # By default those of the model, as `quake predict --events` has them.
    own = zip(classifier.card.labels.names, classifier.card.calibration.thresholds, strict=True)
    wanted = EventOptions({name: options.threshold or p for name, p in own if name != "noise"})
    parts: dict[str, Any] = {
        "stations": lambda: measure_stations(classifier, options.data, wanted),
        "quiet": lambda: measure_quiet(classifier, options.data, rows, wanted, options.most_hours),
        "picks": lambda: measure_picks(classifier, options.data, rows, wanted, options.most),
    }
    for name, measure in parts.items():
        if options.only in (None, name):
            measure()


if __name__ == "__main__":
    main()
