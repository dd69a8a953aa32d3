"""Compare backbones on one split with one budget: size, speed and quality side by side.

    python benchmarks/compare_backbones.py LABELS.csv --classes earthquake,surface_event,noise

With --imagenet FILE, B0 is also trained from ImageNet weights; where the table has soft labels,
also with these; and with columns of the spectrogram twice as close.

Trains every candidate from random weights, on the labels alone, through `quake.training.train`, on
the CPU with one thread, then times all of them in turns, in processor time: compare the ratios of
one run, not the times of two. What a training gave is kept in --results and not done again, so a
run that was killed goes on. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from quake.data.preprocessing import Preprocessing
from quake.data.transforms import build_transform
from quake.metrics.report import bootstrap_interval
from quake.models import build_model, network_config
from quake.training import TrainConfig, train
from quake.training.progress import EpochResult, Progress

ROUNDS = 7  # of all candidates in turns; the median is shown
INFERENCE_BATCHES = (1, 32)
TRAINING_BATCH = 32
SHORTEST_MEASUREMENT_S = 0.15
WINDOW_LENGTHS_S = (30, 60, 120, 240, 480, 960)


@dataclass(frozen=True)
class Candidate:
    """A backbone, the layers of its encoder (None: all) and its largest learning rate."""

    backbone: str
    depth: int | None = None
    learning_rate: float = 2e-3
    imagenet: bool = False
    soft_labels: float = 0.0
    hop_samples: int = 32

    @property
    def name(self) -> str:
        """As in hybrid-vit-tiny, depth 2."""
        variants = {
            f"depth {self.depth}": self.depth is not None,
            "ImageNet": self.imagenet,
            "soft labels": self.soft_labels > 0,
            f"hop {self.hop_samples}": self.hop_samples != 32,
        }
        return ", ".join([self.backbone, *(name for name, holds in variants.items() if holds)])

    @property
    def preprocessing(self) -> Preprocessing:
        """Of its windows."""
        return Preprocessing(hop_samples=self.hop_samples)


# Transformers take a smaller rate than convolutions, as in their papers; 2e-3 is the default of
# `quake train`.
CANDIDATES = (
    Candidate("b0"),
    Candidate("b0", learning_rate=1e-3, imagenet=True),
    Candidate("b0", learning_rate=1e-3, imagenet=True, soft_labels=0.6),
    Candidate("b0", learning_rate=1e-3, imagenet=True, soft_labels=0.6, hop_samples=16),
    Candidate("b1"),
    Candidate("v2_s"),
    Candidate("hybrid-vit-tiny", None, 5e-4),
    Candidate("hybrid-vit-tiny", 2, 5e-4),
    Candidate("hybrid-vit-small", None, 5e-4),
)
TIMED_BY_LENGTH = ("b0", "hybrid-vit-tiny", "hybrid-vit-small")


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    candidates = [
        c
        for c in CANDIDATES
        if (not options.only or c.name in options.only) and (options.imagenet or not c.imagenet)
    ]
    results = {c.name: [trained(c, seed, options) for seed in options.seeds] for c in candidates}
    n_classes = len(options.classes)
    networks = {c.name: network(c, n_classes) for c in candidates}
    print(f"{platform.machine()}, {os.cpu_count()} cores, one thread, torch {torch.__version__}")
    print(f"{options.epochs} epochs, seeds {options.seeds}, {', '.join(options.classes)}\n")
    print_table(speed_table(networks, {c.name: c.preprocessing for c in candidates}))
    print_table(quality_table(results))
    print_table(convergence_table(results))
    for table in length_tables({n: networks[n] for n in TIMED_BY_LENGTH if n in networks}):
        print_table(table)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--classes", type=lambda text: tuple(text.split(",")), required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--draws", type=int, help="windows an epoch; as many as rows by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--min-snr", type=float)
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="as in 'hybrid-vit-tiny, depth 2'"
    )
    parser.add_argument("--imagenet", type=Path, help="file of B0's ImageNet weights")
    parser.add_argument("--learning-rate", type=float, help="for all, instead of their own")
    parser.add_argument("--results", type=Path, default=Path("compare_backbones"))
    return parser.parse_args()


def trained(candidate: Candidate, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train a candidate, or take what an earlier run with the same settings kept."""
    config = TrainConfig(
        backbone=candidate.backbone,
        depth=candidate.depth,
        weights=str(options.imagenet) if candidate.imagenet else None,
        preprocessing=candidate.preprocessing,
        soft_labels=candidate.soft_labels,
        classes=options.classes,
        epochs=options.epochs,
        draws_per_epoch=options.draws,
        patience=options.epochs,
        min_snr_db=options.min_snr,
        learning_rate=options.learning_rate or candidate.learning_rate,
        seed=seed,
        accelerator="cpu",
        workers=0,
        cache=str(options.results / "decoded"),
    )
    settings = json.loads(json.dumps({**asdict(config), "table": str(options.labels.resolve())}))
    name = f"{candidate.name.replace(', ', '-').replace(' ', '_')}-{config.learning_rate:g}-{seed}"
    kept = options.results / f"{name}.json"
    if kept.exists() and (result := json.loads(kept.read_text()))["settings"] == settings:
        return result
    result = {
        "settings": settings,
        **run(config, options.labels, options.results / f"{name}.safetensors"),
    }
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result))
    return result


def run(config: TrainConfig, labels: Path, output: Path) -> dict[str, Any]:
    """Metrics of each epoch and of the test part."""
    epochs: list[dict[str, float]] = []
    counts: dict[str, dict[str, int]] = {}

    def note(epoch: EpochResult) -> None:
        epochs.append(dict(epoch.metrics))
        loss, f1 = (epoch.metrics[f"validation_{name}"] for name in ("loss", "macro_f1"))
        print(f"{output.stem}: {epoch.epoch + 1} {loss:.3f} {f1:.3f}", file=sys.stderr)

    progress = Progress(
        data=lambda parts, *rest: counts.update({k: dict(v) for k, v in parts.items()}),
        epoch=note,
    )
    result = train(config, labels, output, progress)
    assert result.test is not None
    said = {
        "probabilities": result.test.probabilities.round(4).tolist(),
        "targets": result.test.targets.tolist(),
        "groups": [example.span.group for example in result.test.examples],
    }
    metrics = dict(result.card.metrics)
    return {"epochs": epochs, "rows": counts, "metrics": metrics, "test": said}


def network(candidate: Candidate, n_classes: int) -> nn.Module:
    config = network_config(candidate.backbone, num_classes=n_classes, depth=candidate.depth)
    return build_model(config).to(memory_format=torch.channels_last)


def speed_table(
    networks: dict[str, nn.Module], preprocessings: dict[str, Preprocessing]
) -> Iterator[list[str]]:
    """Parameters, ms a window by batch size, and windows a second in training."""
    works: dict[str, list[Callable[[], None]]] = {
        name: [
            *(inference(model, spectrograms(n, preprocessings[name])) for n in INFERENCE_BATCHES),
            training_step(model, spectrograms(TRAINING_BATCH, preprocessings[name])),
        ]
        for name, model in networks.items()
    }
    times = in_turns(works)
    first = next(iter(times))
    shape = "x".join(map(str, spectrograms(1, preprocessings[first]).shape[1:]))
    yield [
        f"network (input {shape})",
        "parameters",
        "million operations a window",
        *(f"ms a window, batch {n}" for n in INFERENCE_BATCHES),
        "training windows a second",
        f"training time / {first}",
    ]
    for name, (*inference_s, step_s) in times.items():
        yield [
            name,
            f"{sum(p.numel() for p in networks[name].parameters()) / 1e6:.2f} M",
            f"{operations(networks[name], spectrograms(1, preprocessings[name])) / 1e6:.0f}",
            *(f"{1e3 * s / n:.2f}" for s, n in zip(inference_s, INFERENCE_BATCHES, strict=True)),
            f"{TRAINING_BATCH / step_s:.0f}",
            f"{step_s / times[first][-1]:.2f}",
        ]


def spectrograms(n: int, preprocessing: Preprocessing) -> Tensor:
    """Of noise, shape (n, 3, F, T)."""
    torch.manual_seed(0)
    windows = torch.randn(n, 3, preprocessing.n_samples)
    transformed: Tensor = build_transform(preprocessing)(windows)
    return transformed.contiguous(memory_format=torch.channels_last)


def operations(model: nn.Module, batch: Tensor) -> int:
    """Multiplications and additions of convolutions and matrix products; no clock is needed."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.eval()(batch)
    return int(counter.get_total_flops())


def inference(model: nn.Module, batch: Tensor) -> Callable[[], None]:
    def work() -> None:
        model.eval()
        with torch.inference_mode():
            model(batch)

    return work


def training_step(model: nn.Module, batch: Tensor) -> Callable[[], None]:
    """Forward, backward and AdamW: what training costs without drawing the windows."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    targets = torch.arange(len(batch)) % 3

    def work() -> None:
        model.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), targets).backward()
        optimizer.step()

    return work


def in_turns(works: dict[str, list[Callable[[], None]]]) -> dict[str, list[float]]:
    """Median seconds of each piece of work over rounds in which every one has its turn."""
    seconds: dict[str, list[list[float]]] = {n: [[] for _ in w] for n, w in works.items()}
    for turn in range(ROUNDS + 1):
        for name, pieces in works.items():
            for i, work in enumerate(pieces):
                taken = seconds_of(work)
                if turn:  # the first one warms up
                    seconds[name][i].append(taken)
    return {name: [statistics.median(s) for s in rows] for name, rows in seconds.items()}


def seconds_of(work: Callable[[], None]) -> float:
    """Of one call, averaged over as many as the clock needs.

    Processor time: with one thread it is what passes on the wall of a machine that does nothing
    else, and other programs disturb it little.
    """
    n, start = 0, time.process_time()
    while (taken := time.process_time() - start) < SHORTEST_MEASUREMENT_S or not n:
        work()
        n += 1
    return taken / n


def quality_table(results: dict[str, list[dict[str, Any]]]) -> Iterator[list[str]]:
    """Of the test part, with 95 % intervals by event; one line a seed.

    The rows are the same for all, so the difference to the first is told more closely than the
    intervals of either suggest.
    """
    (_, (first, *_)), *_ = results.items()
    yield [
        "network",
        "seed",
        "macro-F1",
        "less that of the first",
        "ROC-AUC event / noise",
        "earthquake recall",
        "surface event recall",
    ]
    for name, runs in results.items():
        for result in runs:
            test = result["metrics"]["test"]
            yield [
                name,
                str(result["settings"]["seed"]),
                interval(test["macro_f1"]),
                "" if result is first else interval(difference(result["test"], first["test"])),
                # One class against the rest: of noise, that is noise against any event.
                interval(test["per_class"]["noise"]["roc_auc"]),
                interval(test["per_class"]["earthquake"]["recall"]),
                interval(test["per_class"].get("surface_event", {}).get("recall")),
            ]


def difference(one: dict[str, Any], other: dict[str, Any]) -> list[float]:
    """Macro-F1 of one less that of another, with its interval: the same events drawn for both."""
    targets, groups = np.array(one["targets"]), one["groups"]
    assert other["groups"] == groups  # else they were tested on different rows
    decided = [np.argmax(each["probabilities"], axis=1) for each in (one, other)]

    def statistic(rows: NDArray[np.int64]) -> float:
        ours, theirs = (macro_f1(each[rows], targets[rows]) for each in decided)
        return ours - theirs

    return [statistic(np.arange(len(targets))), *bootstrap_interval(statistic, groups)]


def macro_f1(decided: NDArray[np.int64], targets: NDArray[np.int64]) -> float:
    scores = []
    for k in np.unique(targets):
        hits = ((decided == k) & (targets == k)).sum()
        scores.append(2 * hits / ((decided == k).sum() + (targets == k).sum()))
    return float(np.mean(scores))


def convergence_table(results: dict[str, list[dict[str, Any]]]) -> Iterator[list[str]]:
    """Macro-F1 of the validation part by epoch, mean over the seeds."""
    n_epochs = len(next(iter(results.values()))[0]["epochs"])
    yield ["validation macro-F1 after epoch", *map(str, range(1, n_epochs + 1))]
    for name, runs in results.items():
        curves = [[epoch["validation_macro_f1"] for epoch in run["epochs"]] for run in runs]
        yield [name, *(f"{statistics.mean(values):.2f}" for values in zip(*curves, strict=True))]


def length_tables(networks: dict[str, nn.Module]) -> Iterator[Iterator[list[str]]]:
    """Operations and time of a window by its length.

    In brackets against half that length: 2 is linear, 4 quadratic.
    """
    batches = [spectrograms(1, Preprocessing(window_s=s)) for s in WINDOW_LENGTHS_S]
    counts = {
        name: [operations(model, batch) / 1e6 for batch in batches]
        for name, model in networks.items()
    }
    yield growth_table("million operations a window", "{:.0f}", counts)
    works = {
        name: [inference(model, batch) for batch in batches] for name, model in networks.items()
    }
    times = {name: [1e3 * s for s in seconds] for name, seconds in in_turns(works).items()}
    yield growth_table("ms a window", "{:.1f}", times)


def growth_table(title: str, form: str, rows: dict[str, list[float]]) -> Iterator[list[str]]:
    yield [title, *(f"{s} s" for s in WINDOW_LENGTHS_S)]
    for name, values in rows.items():
        growth = ["", *(f" ({after / before:.1f})" for before, after in pairwise(values))]
        yield [name, *(form.format(v) + g for v, g in zip(values, growth, strict=True))]


def interval(values: Sequence[float | None]) -> str:
    value, low, high = values
    return "-" if value is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


def print_table(rows: Iterator[list[str]]) -> None:
    head, *body = rows
    for row in (head, ["---"] * len(head), *body):
        print(f"| {' | '.join(row)} |", flush=True)
    print()


if __name__ == "__main__":
    main()
