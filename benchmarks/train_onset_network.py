"""Train the onset network: arrays of `onset_records.py` in, an ONNX file out.

    python benchmarks/train_onset_network.py CACHE --start FILE --output onsets.onnx --steps 9000

It begins at the published weights of PhaseNet (Zhu & Beroza 2019, MIT); with ``--steps 0`` they are
written as they are. A target is the analyst's P and S where there are any, and elsewhere what
PhaseNet and EQTransformer (Mousavi et al. 2020, MIT) say of the undisturbed record. The network
sees it shifted, laid over other events and noise at any ratio, stretched, with gaps, without
components.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from onset_unet import N_SAMPLES, FromWindows, OnsetUNet
from safetensors.torch import load_file, save_file
from torch.nn import functional

RATE_HZ = 100.0
WIDTH_S = 0.1
"""Standard deviation of a target, as PhaseNet's."""

CERTAIN = frozenset(
    (
        *("phasenet", "deepdenoiser", "eqcorrscan", "sanxia_bcseis", "quakemigrate", "telica"),
        *("rocknet_luhu", "coal", "elgin_sc", "gmcwb2021"),
    )
)
"""Sources with picks of analysts; others' picks are moved to the teachers' if these are near."""

MOVED_S = 1.5
SEEN = 0.1
LEAST_SNR_DB = 3.0

PHASENET_WEIGHT = 0.6

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A record (3, N) of Z, N, E, targets of P and S (2, N), and what of them counts (N,)."""

    samples: Samples
    targets: Samples
    weights: Samples
    p_index: int | None


def load_source(path: Path) -> list[Example]:
    """Examples of a source."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    ends = np.cumsum(arrays["lengths"])
    return [
        _example(path.stem, arrays, i, slice(end - n, end))
        for i, (end, n) in enumerate(zip(ends, arrays["lengths"], strict=True))
    ]


def _example(source: str, arrays: dict[str, NDArray[np.generic]], i: int, here: slice) -> Example:
    samples = arrays["samples"][:, here].astype(np.float32)
    phasenet, eqt = (arrays[name][:, here].astype(np.float32) for name in ("phasenet", "eqt"))
    targets = PHASENET_WEIGHT * phasenet + (1 - PHASENET_WEIGHT) * eqt
    weights = np.ones(samples.shape[1], np.float32)
    if arrays["labels"][i] == "noise":
        # Both have to see an event that nobody listed; one alone is a false one.
        if np.minimum(phasenet.max(), eqt.max()) > 0.3:
            return Example(samples, targets, weights, None)
        samples = _prolonged(samples)
        return Example(samples, np.zeros_like(samples[:2]), np.ones_like(samples[0]), None)
    seen = bool(arrays["snr_db"][i] >= LEAST_SNR_DB)
    p_index = None
    for row, name in enumerate(("p_s", "s_s")):
        time_s = float(arrays[name][i])
        if np.isfinite(time_s) and 0 <= time_s * RATE_HZ < samples.shape[1]:
            at = _put(targets, weights, row, time_s, sure=source in CERTAIN, seen=seen)
            p_index = at if row == 0 else p_index
    total = targets.sum(axis=0)
    return Example(samples, targets / np.maximum(total, 1), weights, p_index)


def _prolonged(samples: Samples) -> Samples:
    """Short noise, reflected until it fills more than a window: noise stays noise backwards."""
    missing = N_SAMPLES + 500 - samples.shape[1]
    while missing > 0:
        samples = np.pad(samples, ((0, 0), (0, min(missing, samples.shape[1] - 1))), "reflect")
        missing = N_SAMPLES + 500 - samples.shape[1]
    return samples


def _put(
    targets: Samples, weights: Samples, row: int, time_s: float, *, sure: bool, seen: bool
) -> int:
    """Write an analyst's onset into the targets, in place; its sample."""
    n = targets.shape[1]
    at = round(time_s * RATE_HZ)
    reach = round(MOVED_S * RATE_HZ)
    first, stop = max(at - reach, 0), min(at + reach, n)
    near = targets[row, first:stop]
    if not sure and near.max() >= SEEN:
        at = first + int(near.argmax())
    elif not (seen or near.max() >= SEEN) or not (sure or seen):
        weights[first:stop] = 0
        return at
    targets[row, first:stop] = 0
    away_s = (np.arange(n) - at) / RATE_HZ
    targets[row] = np.maximum(targets[row], np.exp(-0.5 * (away_s / WIDTH_S) ** 2))
    return at


class Mixer:
    """Draws windows: samples (3, 3001) of E, N, Z, targets (2, 3001), weights (3001,)."""

    def __init__(self, sources: dict[str, list[Example]], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.events = [[e for e in some if e.p_index is not None] for some in sources.values()]
        self.noise = [[e for e in some if e.p_index is None] for some in sources.values()]
        self.events = [some for some in self.events if some]
        self.noise = [some for some in self.noise if some]
        self.odds = [_odds(self.events), _odds(self.noise)]

    def draw(self) -> tuple[Samples, Samples, Samples]:
        """One window."""
        rng = self.rng
        samples = np.zeros((3, N_SAMPLES), np.float32)
        targets = np.zeros((2, N_SAMPLES), np.float32)
        weights = np.ones(N_SAMPLES, np.float32)
        n_events = int(rng.choice([0, 1, 2, 3, 4], p=[0.2, 0.4, 0.2, 0.12, 0.08]))
        if n_events == 0 or rng.random() < 0.35:
            self._add(samples, targets, weights, self._one(1), 1.0)
        for _ in range(n_events):
            gain = 10 ** rng.uniform(-1.2, 1.2) if samples.any() else 1.0
            self._add(samples, targets, weights, self._one(0), gain)
        _disturb(samples, rng)
        return normalised(samples)[::-1].copy(), targets, weights

    def _one(self, kind: int) -> Example:
        sources = (self.events, self.noise)[kind]
        some = sources[self.rng.choice(len(sources), p=self.odds[kind])]
        return some[self.rng.integers(len(some))]

    def _add(
        self, samples: Samples, targets: Samples, weights: Samples, example: Example, gain: float
    ) -> None:
        """Lay a record over what is there, in place."""
        rng = self.rng
        record, wanted, counts = _stretched(example, rng)
        n = record.shape[1]
        if example.p_index is None:
            at = int(rng.integers(-max(n - N_SAMPLES // 2, 1), N_SAMPLES // 2))
            if n >= N_SAMPLES and rng.random() < 0.8:
                at = -int(rng.integers(0, n - N_SAMPLES + 1))
        else:
            at = int(rng.uniform(-0.1, 0.95) * N_SAMPLES) - round(
                example.p_index * n / example.samples.shape[1]
            )
        first, stop = max(at, 0), min(at + n, N_SAMPLES)
        if stop - first < 100:
            return
        piece = slice(first - at, stop - at)
        part = _turned(record[:, piece], rng)
        below = samples[:, first:stop].copy()
        if below.any():
            scale = below.std() / max(float(part.std()), 1e-9)
            part = part * np.float32(scale * gain) * _taper(stop - first)
        samples[:, first:stop] += part
        # What is buried by the other cannot be asked for.
        targets[:, first:stop] *= _shows(below, part)
        added = wanted[:, piece] * _shows(part, below)
        targets[:, first:stop] = np.maximum(targets[:, first:stop], added)
        targets /= np.maximum(targets.sum(axis=0), 1)
        weights[first:stop] = np.minimum(weights[first:stop], counts[piece])


def _odds(sources: Sequence[Sequence[Example]]) -> NDArray[np.float64]:
    """A source counts with the square root of its records."""
    roots = np.sqrt([len(some) for some in sources])
    return np.asarray(roots / roots.sum())


def _stretched(example: Example, rng: np.random.Generator) -> tuple[Samples, Samples, Samples]:
    """The record as it is, or up to a third slower or faster."""
    if rng.random() > 0.25:
        return example.samples, example.targets, example.weights
    n = example.samples.shape[1]
    at = np.linspace(0, n - 1, round(n * 2 ** rng.uniform(-0.4, 0.4)))
    grid = np.arange(n)

    def taken(rows: Samples) -> Samples:
        return np.array([np.interp(at, grid, row) for row in np.atleast_2d(rows)], np.float32)

    return taken(example.samples), taken(example.targets), taken(example.weights)[0]


def _turned(samples: Samples, rng: np.random.Generator) -> Samples:
    """Another polarity, and other horizontal directions."""
    angle = rng.uniform(0, 2 * np.pi)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    z, n, e = samples * np.float32(rng.choice([-1, 1]))
    if not (n.any() and e.any()):
        return np.stack([z, n, e])
    return np.stack([z, c * n - s * e, s * n + c * e])


def _taper(n: int, edge: int = 50) -> Samples:
    ramp = np.minimum(np.arange(n), np.arange(n)[::-1]) / edge
    return np.minimum(ramp, 1).astype(np.float32)


def _shows(signal: Samples, over: Samples) -> Samples:
    """How well the second that follows each sample stands out of what lies over it, 0 to 1."""
    if not over.any():
        return np.ones(signal.shape[1], np.float32)
    energies = []
    for rows in (signal, over):
        total = np.cumsum(np.pad((rows.astype(np.float64) ** 2).sum(axis=0), (1, 101)))
        energies.append(total[101:-1] - total[:-102] + 1e-12)
    ratio_db = 10 * np.log10(energies[0] / energies[1])[: signal.shape[1]]
    return np.clip((ratio_db + 8) / 8, 0, 1).astype(np.float32)


def _disturb(samples: Samples, rng: np.random.Generator) -> None:
    """Take away components and stretches of time, in place."""
    if rng.random() < 0.12:
        samples[1:] = 0
    elif rng.random() < 0.08:
        samples[rng.integers(3)] = 0
    if rng.random() < 0.12:
        first = int(rng.integers(0, N_SAMPLES))
        samples[:, first : first + int(rng.integers(20, 1200))] = 0
    if rng.random() < 0.05:
        first = int(rng.integers(0, N_SAMPLES - 3))
        samples[rng.integers(3), first : first + 2] += samples.std() * rng.uniform(5, 30)


def normalised(samples: Samples) -> Samples:
    """Each component without its mean, over its standard deviation."""
    centred = samples - samples.mean(axis=-1, keepdims=True)
    scale = centred.std(axis=-1, keepdims=True)
    answer: Samples = centred / np.where(scale > 0, scale, 1)
    return answer


def train(
    network: OnsetUNet, mixer: Mixer, steps: int, batch: int, rate: float, checkpoint: Path
) -> OnsetUNet:
    """Train for some steps; gives the mean of its weights over the last ones."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-4)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    losses = []
    network.train()
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(step / 100, 1) * 0.5 * (1 + np.cos(np.pi * step / steps))
        loss = _loss(network, [mixer.draw() for _ in range(batch)])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(network)
        losses.append(loss.item())
        if step % 200 == 0:
            print(f"step {step} of {steps}: loss {np.mean(losses[-200:]):.5f}", flush=True)
            save_file(average.module.state_dict(), checkpoint)
    trained: OnsetUNet = average.module
    return trained


def _loss(network: OnsetUNet, drawn: Sequence[tuple[Samples, Samples, Samples]]) -> torch.Tensor:
    """Cross-entropy with the targets, mean over the samples that count."""
    x, y, w = (torch.from_numpy(np.stack(some)) for some in zip(*drawn, strict=True))
    target = torch.cat([1 - y.sum(dim=1, keepdim=True).clamp(max=1), y], dim=1)
    logs = functional.log_softmax(network(x), dim=1)
    return -((target * logs).sum(dim=1) * w).sum() / w.sum()


def load_network(path: Path) -> OnsetUNet:
    """The network with the weights of a file; PhaseNet's lack the counts of batches alone."""
    network = OnsetUNet()
    missing, unexpected = network.load_state_dict(load_file(path), strict=False)
    wrong = [name for name in missing if not name.endswith("num_batches_tracked")]
    if wrong or unexpected:
        raise SystemExit(f"{path}: not the tensors of the network: {wrong + unexpected}")
    return network


def write(network: OnsetUNet, path: Path, about: dict[str, object]) -> None:
    """Export as ONNX, with what the program has to know of it."""
    import onnx

    network.eval()
    torch.onnx.export(
        FromWindows(network).eval(),
        (torch.zeros(1, 3, N_SAMPLES),),
        path,
        input_names=["windows"],
        output_names=["phases"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"quake_onsets": json.dumps(about)})
    onnx.save(model, path)


def main() -> None:
    """Load, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--start", type=Path, required=True, help="published weights of PhaseNet")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--held-out", default="")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    network = load_network(options.start)
    held_out = set(filter(None, options.held_out.split(",")))
    about: dict[str, object] = {"started_at": "PhaseNet 190703", "held_out": sorted(held_out)}
    if options.steps > 0:
        paths = sorted(p for p in options.cache.glob("*.npz") if p.stem not in held_out)
        sources = {path.stem: load_source(path) for path in paths}
        print({name: len(some) for name, some in sources.items()}, flush=True)
        about["sources"] = sorted(sources)
        mixer = Mixer(sources, options.seed)
        checkpoint = options.output.with_suffix(".safetensors")
        network = train(network, mixer, options.steps, options.batch, options.rate, checkpoint)
        save_file(network.state_dict(), checkpoint)
    write(network, options.output, about)


if __name__ == "__main__":
    main()
