"""Fit the phase head: labelled records go in, the weights of `quake.events.phase_head` come out.

Records of earthquakes with P and S (columns p_time and s_time of the label table) are laid over
each other, one to eight in 100 s at amplitudes that differ by up to 30 dB, as in a sequence.
Candidates near a true P are a P, near a true S an S, all others are neither. Sources that are to
measure events with must not be among those it is fitted to.

    python benchmarks/fit_phase_head.py DATA --sources eqcorrscan,sanxia_bcseis --held-out phasenet
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quake.data.preprocessing import Preprocessing
from quake.errors import QuakeError
from quake.events import phase_head
from quake.events.candidates import find_candidates
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.joining import join_segments
from quake.waveforms.segments import ChannelSet, component_map
from quake.waveforms.sources import FileSource
from quake.waveforms.times import NS_PER_S, parse_time
from quake.windows.cutting import Stretch

WEIGHTS = Path(phase_head.__file__).with_name("phase_head.json")
RATE_HZ = 50.0
LENGTH_S = 100.0
N = round(LENGTH_S * RATE_HZ)

Samples = NDArray[np.float64]


class Shock(NamedTuple):
    """An earthquake: samples (3, N), and its P and S, s after the first sample."""

    samples: Samples
    p_s: float
    s_s: float


def read_shocks(data: Path, sources: Sequence[str], most: int) -> list[Shock]:
    """Read records with P and S and three components, up to `most` of a source."""
    with (data / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["label"] == "earthquake" and row["p_time"] and row["s_time"]
        ]
    rng = np.random.default_rng(0)
    shocks = []
    for source in sources:
        of_source = [row for row in rows if row["source"] == source]
        some = (of_source[i] for i in rng.permutation(len(of_source))[:most])
        shocks += [shock for row in some if (shock := read_shock(data, row)) is not None]
    return shocks


def read_shock(data: Path, row: dict[str, str]) -> Shock | None:
    """Read one record at the model's rate; None if it is too short or lacks components."""
    source = FileSource([data / row["path"]])
    try:
        ((key, spans),) = source.spans().items()
    except (QuakeError, ValueError):
        return None
    p_ns, s_ns = parse_time(row["p_time"]), parse_time(row["s_time"])
    begin_ns = max(min(span.start_ns for span in spans), p_ns - 30 * NS_PER_S)
    end_ns = min(max(span.end_ns for span in spans), p_ns + 60 * NS_PER_S)
    seconds = (end_ns - begin_ns) // NS_PER_S
    mapping = component_map(spans)
    segments = source.read(spans, key, begin_ns, end_ns)
    joined = {c: join_segments(s for s in segments if mapping.get(s.code) == c) for c in COMPONENTS}
    if seconds < 25 or not all(joined.values()):
        return None
    preprocessing = replace(Preprocessing(), window_s=float(seconds))
    stretch = Stretch(ChannelSet(key, joined), begin_ns, end_ns, preprocessing)
    (window,) = stretch.windows([begin_ns], 0.0)
    samples = window.samples.astype(np.float64)
    if not (samples.std(axis=1) > 0).all():
        return None
    return Shock(samples, (p_ns - begin_ns) / NS_PER_S, (s_ns - begin_ns) / NS_PER_S)


def overlay(
    shocks: Sequence[Shock], n_shocks: int, rng: np.random.Generator
) -> tuple[Samples, Samples, Samples]:
    """Samples (3, N) with some shocks, and the times of their P and S, s."""
    samples = rng.standard_normal((3, N)) * 1e-4 * 10 ** rng.uniform(-1, 1)
    p_s, s_s = [], []
    for _ in range(n_shocks):
        shock = shocks[rng.integers(len(shocks))]
        at_s = rng.uniform(12, LENGTH_S - 20)
        shift = round((at_s - shock.p_s) * RATE_HZ)
        first, stop = max(shift, 0), min(shift + shock.samples.shape[1], N)
        piece = shock.samples[:, first - shift : stop - shift]
        taper = np.minimum(
            1.0, np.minimum(np.arange(stop - first), np.arange(stop - first)[::-1]) / 100
        )
        gain = 10 ** rng.uniform(-1.5, 0) / np.abs(shock.samples).max()
        samples[:, first:stop] += piece * taper * gain
        p_s.append(at_s)
        s_s.append(at_s + shock.s_s - shock.p_s)
    return samples, np.array(p_s), np.array(s_s)


def examples(
    shocks: Sequence[Shock], n_overlays: int, seed: int
) -> tuple[Samples, NDArray[np.int64]]:
    """Features of candidates, and which of `PHASES` each is."""
    rng = np.random.default_rng(seed)
    parts = list(_examples(shocks, n_overlays, rng))
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def _examples(
    shocks: Sequence[Shock], n_overlays: int, rng: np.random.Generator
) -> Iterator[tuple[Samples, NDArray[np.int64]]]:
    for _ in range(n_overlays):
        samples, p_s, s_s = overlay(shocks, int(rng.integers(1, 9)), rng)
        index = np.array([c.index for c in find_candidates(samples, RATE_HZ)], np.int64)
        index = index[(index > 10 * RATE_HZ) & (index < N - 10 * RATE_HZ)]
        if not len(index):
            continue
        times_s = index[:, None] / RATE_HZ
        to_p, to_s = (np.abs(times_s - t).min(axis=1) for t in (p_s, s_s))
        phase = np.where((to_p < 0.6) & (to_p <= to_s), 0, np.where(to_s < 0.8, 1, 2))
        # What is a little further from a true one is neither right nor wrong.
        clear = (phase < 2) | (np.minimum(to_p, to_s) >= 2.0)
        features = phase_head.phase_features(samples, index[clear].tolist(), RATE_HZ)
        yield features, phase[clear]


def fit(x: Samples, y: NDArray[np.int64], n_hidden: int, epochs: int) -> dict[str, Any]:
    """Fit the perceptron, and give its weights as plain lists."""
    import torch

    torch.manual_seed(0)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-3
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], n_hidden),
        torch.nn.Tanh(),
        torch.nn.Linear(n_hidden, len(phase_head.PHASES)),
    )
    inputs = torch.tensor((x - mean) / scale, dtype=torch.float32)
    targets = torch.tensor(y)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    for _ in range(epochs):
        for some in torch.randperm(len(inputs)).split(256):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(inputs[some]), targets[some])
            loss.backward()
            optimiser.step()
        schedule.step()
    first, last = network[0], network[2]
    values = {
        "mean": mean,
        "scale": scale,
        "hidden": first.weight.detach().numpy().T,
        "hidden_bias": first.bias.detach().numpy(),
        "out": last.weight.detach().numpy().T,
        "out_bias": last.bias.detach().numpy(),
    }
    return {name: np.asarray(value, float).round(4).tolist() for name, value in values.items()}


def write_weights(weights: dict[str, Any], path: Path) -> None:
    """Write the weights, a line a list."""
    lines = [f'"{name}": {json.dumps(values)}' for name, values in weights.items()]
    text = "{\n" + ",\n".join(lines).replace("], [", "],\n[") + "\n}\n"
    path.write_text(text, encoding="utf-8")


def confusion(x: Samples, y: NDArray[np.int64], weights: dict[str, Any]) -> NDArray[np.int64]:
    """Rows are truths, columns what the head says."""
    w = {name: np.array(values) for name, values in weights.items()}
    hidden = np.tanh((x - w["mean"]) / w["scale"] @ w["hidden"] + w["hidden_bias"])
    said = (hidden @ w["out"] + w["out_bias"]).argmax(axis=1)
    table = np.zeros((len(phase_head.PHASES),) * 2, np.int64)
    np.add.at(table, (y, said), 1)
    return table


def main() -> None:
    """Fit, say how good it is on sources that were held out, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with labels.csv")
    parser.add_argument("--sources", default="eqcorrscan,sanxia_bcseis,quakemigrate,uturuncu")
    parser.add_argument("--held-out", default="phasenet")
    parser.add_argument("--most", type=int, default=150, help="records of a source")
    parser.add_argument("--overlays", type=int, default=4000)
    parser.add_argument("--hidden", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    shocks = read_shocks(options.data, options.sources.split(","), options.most)
    held_out = read_shocks(options.data, options.held_out.split(","), options.most)
    x, y = examples(shocks, options.overlays, seed=1)
    weights = fit(x, y, options.hidden, options.epochs)
    print(f"{len(shocks)} shocks, {len(y)} candidates; held out: {len(held_out)} shocks")
    print(confusion(*examples(held_out, max(options.overlays // 10, 1), seed=2), weights))
    write_weights(weights, options.output)


if __name__ == "__main__":
    main()
