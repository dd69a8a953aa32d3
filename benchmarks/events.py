"""Measure events: a model and labelled records go in, tables of onsets and false events come out.

    python benchmarks/events.py DATA --model MODEL [--network onsets.onnx]

Shares come with the 95 % interval of Wilson, counts of false events with that of Poisson. DATA is a
folder with labels.csv (path, start, end, label, source, p_time, snr_db), an SDS archive
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
from scipy.stats import chi2

from quake.errors import QuakeError
from quake.events import Event, EventOptions, find_events
from quake.events.options import EVENT_FROM
from quake.inference import onsets as finding
from quake.inference.classifier import Classifier
from quake.inference.onset_network import OnsetNetwork
from quake.waveforms.sources import FileSource
from quake.waveforms.times import NS_PER_S, parse_time

PICKED = ("phasenet", "deepdenoiser", "eqcorrscan", "capuaf_ak_utu")
QUIET = ("hvsrpy", "hvsrlearn_mexico", "anmo_2024", "noisepy_ci", "seismolive_fur", "obspy_tests")
NEAR_S = 3.0
STATIONS = ("PB.B916", "ML.ML02", "UT.STN12")

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """Rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def events_of(classifier: Classifier, files: Sequence[Path], options: EventOptions) -> list[Event]:
    """Events of some files; none of what cannot be read."""
    try:
        return find_events(finding.find_onsets(classifier, files), options)
    except QuakeError as error:
        print(f"# {files[0]}: {error}")
        return []


def seconds_of(events: Sequence[Event]) -> NDArray[np.float64]:
    """Onsets, s since the epoch."""
    return np.array([parse_time(event.onset) / NS_PER_S for event in events])


def share(hits: NDArray[np.bool_]) -> str:
    """A share with its 95 % interval (Wilson, 1927)."""
    n, z = max(len(hits), 1), 1.96
    p = hits.mean() if len(hits) else 0.0
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return f"{p:.0%} ({middle - half:.0%} to {middle + half:.0%})"


def a_day(count: int, hours: float) -> str:
    """Events a day with the 95 % interval of a Poisson number (Garwood, 1936)."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * count + 2) / 2
    days = max(hours, 1e-9) / 24
    return f"{count / days:.1f} a station-day ({low / days:.1f} to {high / days:.1f})"


def measure_picks(
    classifier: Classifier,
    data: Path,
    rows: Sequence[Row],
    options: EventOptions,
    sources: Sequence[str],
    most: int,
) -> None:
    """How far the nearest onset is from the analyst's P, and the nearest S from the analyst's."""
    for source in sources:
        of_source = [
            row
            for row in rows
            if row["source"] == source and row["p_time"] and float(row["snr_db"] or 0) >= 6
        ]
        chosen = np.random.default_rng(0).permutation(len(of_source))[:most]
        errors, scaled, s_errors, s_scaled = [], [], [], []
        for i in chosen:
            row = of_source[i]
            found = events_of(classifier, [data / row["path"]], options)
            nearest = _nearest(found, row["p_time"])
            errors.append(abs(nearest[0]))
            scaled.append(nearest[1])
            if row["s_time"]:
                s_nearest = _nearest_s(found, row["s_time"])
                s_errors.append(s_nearest[0])
                s_scaled.append(s_nearest[1])
        _print_errors(f"{source}: {len(errors)} P", np.array(errors), np.array(scaled))
        if s_errors:
            _print_errors(f"  {len(s_errors)} S", np.array(s_errors), np.array(s_scaled))


def _nearest(found: Sequence[Event], time: str) -> tuple[float, float]:
    """Distance of the nearest onset, in s and in its uncertainty."""
    if not found:
        return np.inf, np.inf
    apart_s = np.abs(seconds_of(found) - parse_time(time) / NS_PER_S)
    i = int(apart_s.argmin())
    return float(apart_s[i]), float(apart_s[i] / found[i].onset_uncertainty_s)


def _nearest_s(found: Sequence[Event], time: str) -> tuple[float, float]:
    """The same of the S of events."""
    at_s = parse_time(time) / NS_PER_S
    apart = [
        (abs(parse_time(e.s_onset) / NS_PER_S - at_s), e.s_onset_uncertainty_s)
        for e in found
        if e.s_onset is not None
    ]
    nearest_s, sigma_s = min(apart, default=(np.inf, 1.0))
    return nearest_s, nearest_s / (sigma_s or 1.0)


def _print_errors(title: str, errors: NDArray[np.float64], scaled: NDArray[np.float64]) -> None:
    near = errors <= 2
    middle_s = np.median(errors[near]) if near.any() else np.nan
    print(
        f"{title}, {share(errors <= 0.5)} within 0.5 s, {share(near)} within 2 s; median "
        f"{middle_s:.2f} s; of these {share(scaled[near] <= 1)} within the uncertainty, "
        f"{share(scaled[near] <= 2)} within twice",
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
            f"  {share(apart_s.min(axis=1) <= NEAR_S)} of the onsets found within 3 s, "
            f"{share(apart_s.min(axis=0) <= NEAR_S)} of the events seen by PhaseNet; "
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
    classifier: Classifier,
    data: Path,
    rows: Sequence[Row],
    options: EventOptions,
    sources: Sequence[str],
    most_h: float,
) -> None:
    """False events a station-day; those that somebody listed at the station are none."""
    total_h, total = 0.0, 0
    for source in sources:
        known_s = [
            parse_time(row[name]) / NS_PER_S
            for row in rows
            if row["source"] == source
            for name in ("p_time", "s_time")
            if row[name]
        ]
        hours, n_events = 0.0, 0
        for path, some_h in quiet_files(data, rows, source):
            if hours >= most_h:
                break
            found = events_of(classifier, [path], options)
            hours += some_h
            for event in found:
                onset_s = parse_time(event.onset) / NS_PER_S
                is_known = any(abs(onset_s - s) <= NEAR_S for s in known_s)
                n_events += not is_known
                print(
                    f"#   {event.channel_sets[0]} {event.onset} {event.label} "
                    f"{event.probability:.2f} {event.snr_db:.1f} dB{' (listed)' * is_known}"
                )
        total_h, total = total_h + hours, total + n_events
        print(f"{source}: {n_events} events in {hours:.1f} h, {a_day(n_events, hours)}", flush=True)
    print(f"all: {total} events in {total_h:.1f} h, {a_day(total, total_h)}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--network", type=Path, help="the one that ships by default")
    parser.add_argument("--threshold", type=float, default=EVENT_FROM, help="of all classes")
    parser.add_argument("--sources", default=",".join(PICKED), help="with picks of analysts")
    parser.add_argument("--quiet", default=",".join(QUIET), help="sources of noise")
    parser.add_argument("--most", type=int, default=60, help="records of a source")
    parser.add_argument("--most-hours", type=float, default=3.0, help="of a quiet source")
    parser.add_argument("--only", choices=("picks", "stations", "quiet"), default=None)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = read_rows(options.data / "labels.csv")
    classifier = Classifier(options.model, threads=1)
    if options.network is not None:
        network = OnsetNetwork(options.network)
        finding.bundled_network = lambda: network
    names = classifier.card.labels.names
    wanted = EventOptions({name: options.threshold for name in names if name != "noise"})
    sources, quiet = options.sources.split(","), options.quiet.split(",")
    parts: dict[str, Any] = {
        "stations": lambda: measure_stations(classifier, options.data, wanted),
        "quiet": lambda: measure_quiet(
            classifier, options.data, rows, wanted, quiet, options.most_hours
        ),
        "picks": lambda: measure_picks(
            classifier, options.data, rows, wanted, sources, options.most
        ),
    }
    for name, measure in parts.items():
        if options.only in (None, name):
            measure()


if __name__ == "__main__":
    main()
