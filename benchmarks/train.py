"""What training waits for: the loader, the network, or nothing of both; ratios from one run.

    python benchmarks/train.py [DATA] [--workers 0 1 2] [--backbone b0] [--accelerator cuda]

Times, in windows a second, the loader alone (draw and augment), the network alone (spectrogram,
forward, backward and optimiser step on one batch that is there already), and both together as
`quake train` runs them. The three take turns, so that a busy machine slows all alike: compare the
shares of one run, not the rates of two. Without DATA the rows are synthetic, with seed 0.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from quake.data.collection import open_collection
from quake.data.examples import Example, decode
from quake.data.labels import LabelledSpan, LabelSet, choose_classes
from quake.data.preprocessing import Preprocessing
from quake.models import build_model, network_config
from quake.training.config import TrainConfig
from quake.training.loaders import training_loader
from quake.training.module import WindowClassifier

Loader = torch.utils.data.DataLoader
CLASSES = LabelSet(("earthquake", "surface_event", "noise"))
N_SYNTHETIC = 300
RECORD_S = 150.0
LOADER_BOUND, COMPUTE_BOUND = 1.2, 0.8  # loader time over network time; between them: balanced


def main() -> None:
    options = parse_options()
    warnings.filterwarnings("ignore", module="pytorch_lightning.*")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    config = TrainConfig(
        backbone=options.backbone,
        weights=None,
        batch_size=options.batch_size,
        accelerator=options.accelerator,
        precision=options.precision,
    )
    labels, examples = rows_of(options.data, config.preprocessing)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, seed {config.seed}"
    )
    print(
        f"{config.backbone}, batches of {config.batch_size}, {len(examples)} "
        f"{'rows of ' + options.data.name if options.data else 'synthetic rows'}"
    )
    print("windows a second, median of the turns\n")
    print("| workers | loader alone | network alone | both | loader / network time | bound by |")
    print("| --: | --: | --: | --: | --: | --- |")
    for workers in options.workers:
        print(line(replace(config, workers=workers), labels, examples, options), flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--backbone", default="b0")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--batches", type=int, default=8, help="timed in a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--accelerator", default="auto")
    parser.add_argument("--precision", default="auto")
    return parser.parse_args()


def rows_of(data: Path | None, preprocessing: Preprocessing) -> tuple[LabelSet, list[Example]]:
    if data is None:
        return CLASSES, synthetic_examples(preprocessing)
    labels, spans, _ = choose_classes(open_collection(data).spans, None)
    return labels, decode(spans, labels, preprocessing)[0]


def synthetic_examples(preprocessing: Preprocessing) -> list[Example]:
    """Noise, and a burst in the middle of what is no noise; arithmetic does not see the rest."""
    rng = np.random.default_rng(0)
    n = round(RECORD_S * preprocessing.sampling_rate_hz)
    examples = []
    for number in range(N_SYNTHETIC):
        target = number % len(CLASSES.names)
        label = CLASSES.names[target]
        samples = rng.standard_normal((3, n)).astype(np.float32)
        if label != "noise":
            samples[:, n // 2 : n // 2 + n // 10] *= 10
        span = LabelledSpan(
            row=number,
            path=Path(f"{number}.mseed"),
            start_ns=number * 10**13,
            end_ns=number * 10**13 + round(RECORD_S * 1e9),
            label=label,
            group=str(number),
            source="synthetic",
            station="XX.SYN",
            p_ns=None,
        )
        examples.append(Example(samples, "ZNE", target, None if label == "noise" else n // 2, span))
    return examples


def line(
    config: TrainConfig, labels: LabelSet, examples: list[Example], options: argparse.Namespace
) -> str:
    """Time one number of workers; the loaders keep their workers over the turns."""
    n_windows = (options.batches + 2) * config.batch_size
    config = replace(config, draws_per_epoch=n_windows)
    parts = {"train": examples, "validation": examples, "test": []}
    alone = training_loader(config, labels, parts)
    together = training_loader(config, labels, parts)
    batch = next(iter(training_loader(replace(config, workers=0), labels, parts)))
    rates: list[list[float]] = [[], [], []]
    for _ in range(options.turns):
        rates[0].append(loader_rate(alone, config.batch_size))
        rates[1].append(network_rate(config, labels, repeated(batch, options.batches + 2)))
        rates[2].append(network_rate(config, labels, together))
    loader, network, both = (statistics.median(turns) for turns in rates)
    ratio = network / loader
    bound = "loader" if ratio > LOADER_BOUND else "network" if ratio < COMPUTE_BOUND else "both"
    return (
        f"| {config.workers} | {loader:.0f} | {network:.0f} | {both:.0f} | {ratio:.2f} | {bound} |"
    )


def repeated(batch: object, n: int) -> Loader:
    """One batch again and again, which costs nothing."""
    return Loader([batch] * n, batch_size=None)


def loader_rate(loader: Loader, batch_size: int) -> float:
    """Windows a second from the second batch on: the first one starts the workers."""
    ends = [time.perf_counter() for _ in loader]
    return rate(ends, batch_size)


def network_rate(config: TrainConfig, labels: LabelSet, batches: Loader) -> float:
    """Windows a second of Lightning's loop over batches, from the second one on."""
    clock = Clock()
    cuda = config.accelerator == "cuda" or (
        config.accelerator == "auto" and torch.cuda.is_available()
    )
    trainer = pl.Trainer(
        accelerator={"cuda": "gpu"}.get(config.accelerator, config.accelerator),
        devices=1,
        precision="bf16-mixed" if cuda and config.precision != "32" else "32-true",
        max_epochs=1,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        limit_val_batches=0,
    )
    model = build_model(network_config(config.backbone, num_classes=len(labels.names)))
    module = WindowClassifier(
        model.to(memory_format=torch.channels_last), config, torch.ones(len(labels.names))
    )
    trainer.fit(module, batches)
    return rate(clock.ends, config.batch_size)


class Clock(pl.Callback):
    """Notes when each batch was done."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *args: object, **kwargs: object) -> None:
        """Note the time, when the device has caught up."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # else the queue is timed, not the work
        self.ends.append(time.perf_counter())


def rate(ends: list[float], batch_size: int) -> float:
    return (len(ends) - 2) * batch_size / (ends[-1] - ends[1])


if __name__ == "__main__":
    main()
