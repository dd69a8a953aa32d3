"""Fit how onsets become events: labelled records go in, the numbers of `quake.events` come out.

    python benchmarks/fit_events.py DATA CACHE --model MODEL [--network onsets.onnx]

All of it is done on development sources; CACHE is what ``onset_records.py`` wrote.

- Made sequences (records laid over each other, so that every P is known) and noise give candidates,
  true and false. What PhaseNet and EQTransformer see in a record beside its P is neither. The
  first table has, for sums of evidence (`quake.events.evidence`), how many of the true ones are
  found, how many of the found ones are true, and how many are found in a day of noise.
- Errors of onsets against the P and S of analysts give the numbers of `quake.events.uncertainty`.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from events import quiet_files, read_rows
from numpy.typing import NDArray
from obspy import Stream, Trace, UTCDateTime
from onset_records import EDGE, RATE_HZ, windowed
from scipy.optimize import minimize

from quake.errors import QuakeError
from quake.events.onset import Onset
from quake.events.picks import find_picks, peaks
from quake.inference import onsets as finding
from quake.inference.classifier import Classifier
from quake.inference.onset_network import N_SAMPLES, OnsetNetwork

SEQUENCES = ("quakemigrate", "uturuncu", "rocknet_luhu", "gmcwb2021")
QUIET = ("hvsrpy", "aries_remi", "noisepy_ci", "seismolive_fur", "seisio_erebus", "msnoise_pdf")
PICKED = ("quakemigrate", "uturuncu", "rocknet_luhu", "telica", "gmcwb2021")
SHARE = 0.75
LEAST_SNR_DB = 3.0
LENGTH_S = 1800.0
APART_S = 14.0
BEGIN = UTCDateTime(2020, 1, 1)

Samples = NDArray[np.float64]


class Candidate(NamedTuple):
    """A candidate, and whether it is a true P."""

    onset: Onset
    is_true: bool


def main() -> None:
    """Find, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--network", type=Path)
    parser.add_argument("--sequences", type=int, default=8)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if options.network is not None:
        network = OnsetNetwork(options.network)
        finding.bundled_network = lambda: network
    classifier = Classifier(options.model, threads=1)
    rows = read_rows(options.data / "labels.csv")
    found = [*of_sequences(classifier, options.cache, options.sequences)]
    noise, hours = of_noise(classifier, options.data, rows)
    print_sums([c for c in found if usable(c.onset)], [o for o in noise if usable(o)], hours)
    print_uncertainty([*errors_of(finding.bundled_network(), options.cache)])


class Shock(NamedTuple):
    """A record (3, N), and its P and what teachers see beside it, s after the first sample."""

    samples: Samples
    p_s: float
    others_s: Samples


def of_sequences(classifier: Classifier, cache: Path, n: int) -> Iterator[Candidate]:
    """Candidates of made sequences."""
    sources = [[*read_shocks(cache / f"{source}.npz")] for source in SEQUENCES]
    for seed in range(n):
        samples, p_s, others_s = sequence(sources, np.random.default_rng(seed))
        for onset in onsets_of(classifier, samples):
            time_s = onset.time_ns / 1e9 - BEGIN.timestamp
            is_true = bool(np.abs(time_s - p_s).min() <= 1.0)
            if is_true or np.abs(time_s - others_s).min(initial=np.inf) > 1.0:
                yield Candidate(onset, is_true)


def read_shocks(path: Path) -> Iterator[Shock]:
    """Clear earthquakes of three components of a source."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    ends = np.cumsum(arrays["lengths"])
    for i, (end, n) in enumerate(zip(ends, arrays["lengths"], strict=True)):
        here = slice(end - n, end)
        samples = arrays["samples"][:, here].astype(np.float64)
        p_s = float(arrays["p_s"][i])
        clear = arrays["snr_db"][i] >= 10 and samples.any(axis=1).all()
        if arrays["labels"][i] == "noise" or not clear or not 0 <= p_s < n / RATE_HZ:
            continue
        said = np.maximum(arrays["phasenet"][0, here], arrays["eqt"][0, here])
        others_s = peaks(said.astype(np.float64), 0.2, round(RATE_HZ / 2)) / RATE_HZ
        yield Shock(samples, p_s, others_s[np.abs(others_s - p_s) > 1.0])


def sequence(
    sources: Sequence[Sequence[Shock]], rng: np.random.Generator
) -> tuple[Samples, Samples, Samples]:
    """Half an hour (3, N) of earthquakes in noise, times of their P and of others, s."""
    samples = rng.standard_normal((3, round(LENGTH_S * RATE_HZ)))
    p_s, others_s = [], []
    at_s = 60.0
    while at_s < LENGTH_S - 90:
        some = sources[rng.integers(len(sources))]
        shock = some[rng.integers(len(some))]
        before_s = min(shock.p_s, 4.0)
        first = round((shock.p_s - before_s) * RATE_HZ)
        piece = shock.samples[:, first : first + round(60 * RATE_HZ)]
        n = np.arange(piece.shape[1])
        fade = np.minimum(1, n / 100) * np.minimum(1, n[::-1] / 500)
        gain = 10 ** rng.uniform(0.5, 2.5) / np.abs(piece).max()
        at = round((at_s - before_s) * RATE_HZ)
        samples[:, at : at + piece.shape[1]] += gain * piece * fade
        p_s.append(at_s)
        others_s += [at_s + s - shock.p_s for s in shock.others_s]
        at_s = round(at_s + 2 + rng.exponential(APART_S), 2)
    return samples, np.array(p_s), np.array(others_s)


def onsets_of(classifier: Classifier, samples: Samples) -> list[Onset]:
    """Candidates that were classified."""
    traces = [
        Trace(
            (row * 1000).astype(np.int32),
            {"network": "XX", "station": "SEQ", "channel": f"HH{component}"}
            | {"sampling_rate": RATE_HZ, "starttime": BEGIN},
        )
        for component, row in zip("ZNE", samples, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sequence.mseed"
        Stream(traces).write(str(path), format="MSEED")
        return _sharp(finding.find_onsets(classifier, path))


def _sharp(onsets: Iterator[Onset]) -> list[Onset]:
    return [o for o in onsets if o.probabilities and not o.is_emergent]


def of_noise(
    classifier: Classifier, data: Path, rows: Sequence[dict[str, str]]
) -> tuple[list[Onset], float]:
    """Candidates of files in which nobody listed an event, and their hours."""
    found: list[Onset] = []
    hours = 0.0
    for source in QUIET:
        for path, some_h in quiet_files(data, rows, source):
            try:
                found += _sharp(finding.find_onsets(classifier, path))
                hours += some_h
            except QuakeError as error:
                print(f"# {path}: {error}")
    return found, hours


def usable(onset: Onset) -> bool:
    """Whether it is rather a P than an S, and strong enough."""
    return onset.p >= onset.s and onset.snr_db >= LEAST_SNR_DB


def print_sums(found: Sequence[Candidate], noise: Sequence[Onset], hours: float) -> None:
    """Print what sums of evidence find; the best ones for each number of false events."""
    is_true = np.array([c.is_true for c in found])
    print(f"{is_true.sum()} true, {(~is_true).sum()} false; {len(noise)} in {hours:.1f} h of noise")
    true_x, noise_x = evidence([c.onset for c in found]), evidence(noise)
    p, noise_p = np.array([c.onset.p for c in found]), np.array([o.p for o in noise])
    lines = []
    for model, s, least, least_p in product(
        (0.5, 0.75, 1.0), (0.0, 1.0, 2.0), np.arange(-1, 2, 0.25), (0.1, 0.15, 0.2, 0.25)
    ):
        weights = np.array([model, 1.0, s])
        said = (true_x @ weights >= least) & (p >= least_p)
        n_noise = ((noise_x @ weights >= least) & (noise_p >= least_p)).sum()
        precision, recall = is_true[said].mean(), said[is_true].mean()
        f1 = 2 * precision * recall / (precision + recall)
        lines.append((24 * n_noise / hours, f1, precision, recall, model, s, least, least_p))
    print("false a day, F1, precision, recall; weights of model and S, least sum, least P")
    for most in (1.0, 2.0, 4.0):
        for line in sorted((x for x in lines if x[0] <= most), key=lambda x: -x[1])[:5]:
            print("  ".join(f"{value:.2f}" for value in line))


def evidence(onsets: Sequence[Onset]) -> Samples:
    """Log-odds of the model and of the P, probability of the S, (onsets, 3)."""
    rows = [(1 - o.probabilities["noise"], o.p, o.s_after) for o in onsets]
    event, p, s_after = np.array(rows).reshape(-1, 3).T
    return np.stack([log_odds(event), log_odds(p), s_after], axis=1)


def log_odds(p: Samples) -> Samples:
    """Log-odds, bounded as in `quake.events.evidence`."""
    safe = np.clip(p, 1e-3, 1 - 1e-3)
    odds: Samples = np.log(safe / (1 - safe))
    return odds


class Error(NamedTuple):
    """How far a pick is from the analyst's, s, and how probable its phase is."""

    source: str
    probability: float
    error_s: float


def errors_of(network: OnsetNetwork, cache: Path) -> Iterator[Error]:
    """Errors of picks within 2 s of those of analysts."""
    for source in PICKED:
        for shock in read_picked(cache / f"{source}.npz"):
            said = windowed(shock.samples, N_SAMPLES, 1000, EDGE, partial(ask, network))
            picks = find_picks(said.astype(np.float64), RATE_HZ)
            for row, time_s in enumerate((shock.p_s, shock.s_s)):
                near = [q for q in picks if (q.p >= q.s) == (row == 0)]
                near = [q for q in near if abs(q.sample / RATE_HZ - time_s) < 2]
                if near:
                    best = min(near, key=lambda q: abs(q.sample / RATE_HZ - time_s))
                    error_s = abs(best.index / RATE_HZ - time_s)
                    yield Error(source, max(best.p, best.s), error_s)


def ask(network: OnsetNetwork, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Phases of windows whose components are E, N, Z."""
    return network.phases(np.ascontiguousarray(windows[:, ::-1]))


class Picked(NamedTuple):
    """A minute around a P (3, N), and its P and S, s after the first sample."""

    samples: NDArray[np.float32]
    p_s: float
    s_s: float


def read_picked(path: Path) -> Iterator[Picked]:
    """Records that an analyst picked."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    ends = np.cumsum(arrays["lengths"])
    for i, (end, n) in enumerate(zip(ends, arrays["lengths"], strict=True)):
        p_s, s_s = (float(arrays[name][i]) for name in ("p_s", "s_s"))
        if arrays["labels"][i] == "noise" or not 0 <= p_s < n / RATE_HZ:
            continue
        first = max(round((p_s - 30) * RATE_HZ), 0)
        samples = arrays["samples"][:, end - n + first : min(end - n + first + 6000, end)]
        yield Picked(samples, p_s - first / RATE_HZ, s_s - first / RATE_HZ)


def print_uncertainty(errors: Sequence[Error]) -> None:
    """Print the line of log uncertainty on log-odds below which 75 % of the errors lie."""
    counts = Counter(error.source for error in errors)
    weight = np.array([counts[error.source] ** -0.5 for error in errors])
    x = log_odds(np.array([error.probability for error in errors]))
    y = np.log(np.maximum([error.error_s for error in errors], 0.01))

    def loss(line: Samples) -> float:
        above = y - line[0] - line[1] * x
        return float((weight * np.where(above > 0, SHARE * above, (SHARE - 1) * above)).sum())

    line = minimize(loss, [-1.5, -0.5], method="Nelder-Mead").x
    print(f"uncertainty: exp({line[0]:.2f} {line[1]:+.2f} log-odds) s")
    sigma_s = np.clip(np.exp(line[0] + line[1] * x), 0.05, 2)
    for source in counts:
        here = np.array([error.source == source for error in errors])
        shares = [(np.exp(y) <= k * sigma_s)[here].mean() for k in (1, 2)]
        print(f"{source}: {here.sum()} picks, {shares[0]:.0%} within it, {shares[1]:.0%} twice it")


if __name__ == "__main__":
    main()
