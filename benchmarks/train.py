"""`quake train` against a plain torchvision loop of the same network, batch and image size.

    python benchmarks/train.py [DATA] [--workers 0 1] [--backbone b0] [--threads 2] [--rounds 5]

Times, in windows a second:

- the loader alone: draw and augment;
- a plain loop: torchvision's network in plain NCHW, AdamW, cross entropy, images and targets that
  are in memory already, no augmentation, no spectrogram, no Lightning; and the same with the
  channels last, as `quake train` has them, which tells what all the rest of it costs;
- `quake train`: what `quake.training.train` does from the drawing of a window to the step of the
  optimiser, with its loader, and for how much of that time the network waited for a batch.

They take turns, so that a busy machine slows all alike: compare the ratios of one run, not the
rates of two. The first steps, and those for which the loader has nothing to draw any more, are not
timed. Without DATA the rows are synthetic, with seed 0.

Threads of torch sleep while they wait for each other (OMP_WAIT_POLICY, set it to choose). Beside
other programs, threads that spin make the plain loop, which waits most often, ten times slower.
"""

from __future__ import annotations

import argparse
import logging
import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # torch reads it when it is loaded

import platform
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
import torchvision
from torch import Tensor, nn
from torch.utils.data import DataLoader

from quake.data.transforms import build_transform
from quake.datasets.collection import Collection, ReadSpan
from quake.datasets.decoding import decode
from quake.datasets.labels import LabelledSpan, choose_classes
from quake.datasets.opening import open_collection
from quake.training import TrainConfig, fit, train
from quake.training.loaders import split, training_loader
from quake.training.progress import Progress
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import ChannelSet, Segment

CLASSES = ("earthquake", "surface_event", "noise")
N_SYNTHETIC = 300
RECORD_S = 150.0
WARM_UP = 3  # steps before the clock starts
PREFETCH = 2  # batches that a worker draws ahead, hence steps at the end beside an idle loader
LAYOUTS = (torch.contiguous_format, torch.channels_last)
GOAL = 0.95


class Turn(NamedTuple):
    """Windows a second, and the share of the time in which the network waited for them."""

    rate: float
    waited: float = 0.0


class Round(NamedTuple):
    """What took turns: a plain loop in each layout; loader and `quake train` by workers."""

    plain: list[Turn]
    ours: list[tuple[Turn, Turn]]


def main() -> None:
    options = parse_options()
    keep_quiet()
    if options.threads:
        torch.set_num_threads(options.threads)
    collection = open_collection(options.data) if options.data else synthetic_collection()
    config = TrainConfig(
        backbone=options.backbone,
        weights=None,
        classes=choose_classes(collection.spans)[0].names,
        epochs=1,
        batch_size=options.batch_size,
        draws_per_epoch=(WARM_UP + options.steps + PREFETCH) * options.batch_size,
        average=options.average,
        accelerator=options.accelerator,
        precision=options.precision,
    )
    images, targets = batch_of(config, collection)
    print_setting(config, options, images, len(collection.spans))
    rounds = [measure(config, options, collection, images, targets) for _ in range(options.rounds)]
    print_table(options.workers, rounds)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--backbone", default="b0", help="an EfficientNet")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20, help="timed in a turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of torch; by default what torch takes")
    parser.add_argument("--average", type=float, default=0.0, help="as of quake train")
    parser.add_argument("--accelerator", default="cpu")
    parser.add_argument("--precision", default="32")
    return parser.parse_args()


def keep_quiet() -> None:
    warnings.filterwarnings("ignore", module="pytorch_lightning.*")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)


@dataclass(frozen=True)
class Synthesiser:
    """Makes the waveform of a row: noise, with a burst at the onset of what is no noise.

    Arithmetic does not see the rest.
    """

    rate_hz: float

    def read(self, span: LabelledSpan, margin_ns: int) -> ReadSpan:
        """Read a row; its record ends where the row does."""
        rng = np.random.default_rng((0, span.row))
        n = round(RECORD_S * self.rate_hz)
        samples = rng.standard_normal((3, n)).astype(np.float32)
        if span.p_ns is not None:
            samples[:, n // 2 : n // 2 + n // 10] *= 10
        pieces = {
            component: [Segment(component, span.start_ns, self.rate_hz, row)]
            for component, row in zip("ZNE", samples, strict=True)
        }
        name = ChannelSetId("XX", "SYN", "", "BH")
        return ReadSpan(ChannelSet(name, pieces), span.start_ns, span.end_ns)

    def fingerprint(self, span: LabelledSpan) -> str:
        """Name of the row: its samples are always the same."""
        return f"synthetic:{span.row}"


def synthetic_collection() -> Collection:
    reader = Synthesiser(TrainConfig().preprocessing.sampling_rate_hz)
    spans = []
    for number in range(N_SYNTHETIC):
        start_ns = number * 10**13
        label = CLASSES[number % len(CLASSES)]
        spans.append(
            LabelledSpan(
                row=number,
                path=Path(f"{number}.mseed"),
                start_ns=start_ns,
                end_ns=start_ns + round(RECORD_S * 1e9),
                label=label,
                group=str(number),
                station="XX.SYN",
                source="synthetic",
                p_ns=None if label == "noise" else start_ns + round(RECORD_S / 2 * 1e9),
                reader=reader,
            )
        )
    return Collection("synthetic", spans)


def batch_of(config: TrainConfig, collection: Collection) -> tuple[Tensor, Tensor]:
    """Images and targets of the first batch that `quake train` would draw."""
    windows, targets = next(iter(loader_of(replace(config, workers=0), collection)))
    images = build_transform(config.preprocessing)(windows).contiguous()
    device = device_of(config)
    return images.to(device), targets.to(device)


def loader_of(config: TrainConfig, collection: Collection) -> DataLoader[Any]:
    labels, spans, _ = choose_classes(collection.spans, config.classes)
    examples, _ = decode(spans, labels, config.preprocessing)
    return training_loader(config, labels, split(config, examples))


def device_of(config: TrainConfig) -> torch.device:
    cuda = config.accelerator == "cuda" or (
        config.accelerator == "auto" and torch.cuda.is_available()
    )
    return torch.device("cuda" if cuda else "cpu")


def measure(
    config: TrainConfig,
    options: argparse.Namespace,
    collection: Collection,
    images: Tensor,
    targets: Tensor,
) -> Round:
    """One round: the plain loops, then for each number of workers the loader and `quake train`."""
    plain = [plain_loop(config, options.steps, images, targets, layout) for layout in LAYOUTS]
    ours = []
    for workers in options.workers:
        chosen = replace(config, workers=workers)
        ours.append((loader_alone(chosen, collection), quake_train(chosen, collection)))
    return Round(plain, ours)


def plain_loop(
    config: TrainConfig,
    n_steps: int,
    images: Tensor,
    targets: Tensor,
    layout: torch.memory_format,
) -> Turn:
    torch.manual_seed(config.seed)
    network = torchvision.models.get_model(
        f"efficientnet_{config.backbone}", weights=None, num_classes=len(config.classes or ())
    )
    network = network.to(images.device, memory_format=layout).train()
    images = images.contiguous(memory_format=layout)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate)
    loss_of = nn.CrossEntropyLoss()
    clock = Clock()
    for _ in range(WARM_UP + n_steps):
        optimizer.zero_grad()
        with torch.autocast(images.device.type, torch.bfloat16, config.precision == "bf16"):
            loss = loss_of(network(images), targets)
        loss.backward()
        optimizer.step()
        clock.step()
    return clock.turn(config.batch_size, stop=WARM_UP + n_steps)


def loader_alone(config: TrainConfig, collection: Collection) -> Turn:
    clock = Clock()
    loader = loader_of(config, collection)
    for _ in loader:
        clock.step()
    # At the end a worker draws nothing any more, but what it has drawn ahead counts too.
    return clock.turn(config.batch_size, stop=len(loader))


def quake_train(config: TrainConfig, collection: Collection) -> Turn:
    """Train an epoch; the validation and the figures of the card after it are not timed."""
    clock = Clock()

    def watched(*args: Any) -> DataLoader[Any]:
        loader = training_loader(*args)
        loader.__class__ = WatchedLoader
        loader.clock = clock  # type: ignore[attr-defined]
        return loader

    with patch.object(fit, "training_loader", watched):
        train(config, collection, progress=Progress(batch=lambda done, total: clock.step()))
    return clock.turn(config.batch_size, stop=len(clock.ends) - PREFETCH)


class Clock:
    """Notes when each step was done, and how long it had waited for its batch."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.waits: list[float] = []

    def step(self) -> None:
        """Note the time, when the device has caught up."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # else the queue is timed, not the work
        self.ends.append(time.perf_counter())

    def turn(self, batch_size: int, stop: int) -> Turn:
        """Rate over the steps from the warm-up to `stop`."""
        elapsed_s = self.ends[stop - 1] - self.ends[WARM_UP - 1]
        rate = (stop - WARM_UP) * batch_size / elapsed_s
        return Turn(rate, sum(self.waits[WARM_UP:stop]) / elapsed_s)


class WatchedLoader(DataLoader[Any]):
    """A loader that tells how long its user waited for each batch."""

    clock: Clock

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Batches, each waited for."""
        batches = super().__iter__()
        while True:
            start = time.perf_counter()
            batch = next(batches, None)
            if batch is None:
                return
            self.clock.waits.append(time.perf_counter() - start)
            yield batch


def print_setting(
    config: TrainConfig, options: argparse.Namespace, images: Tensor, n_rows: int
) -> None:
    kind = f"rows of {options.data.name}" if options.data else "synthetic rows"
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads "
        f"(waiting: {os.environ['OMP_WAIT_POLICY']}), "
        f"torch {torch.__version__}, torchvision {torchvision.__version__}, seed {config.seed}\n"
    )
    print(
        f"{config.backbone}, batches of {config.batch_size} images of "
        f"{' x '.join(map(str, images.shape[1:]))}, {n_rows} {kind}, {device_of(config)}; "
        f"{options.rounds} rounds of {options.steps} steps\n"
    )
    print("Windows a second, and ratios: median of the rounds (range)\n")


def print_table(workers: Sequence[int], rounds: Sequence[Round]) -> None:
    print(
        "| workers | loader alone | plain loop | channels last | `quake train` | it / plain loop | "
        f"goal {GOAL:g} | it / channels last | it / loader | waited for data |"
    )
    print("| --: | --: | --: | --: | --: | --: | --- | --: | --: | --: |")
    plain, last = ([turns.plain[k].rate for turns in rounds] for k in range(len(LAYOUTS)))
    for column, number in enumerate(workers):
        loader = [turns.ours[column][0].rate for turns in rounds]
        trained = [turns.ours[column][1].rate for turns in rounds]
        cells = (
            str(number),
            *(spread(rates, ".0f") for rates in (loader, plain, last, trained)),
            spread(ratios(trained, plain), ".2f"),
            "reached" if statistics.median(ratios(trained, plain)) >= GOAL else "missed",
            spread(ratios(trained, last), ".2f"),
            spread(ratios(trained, loader), ".2f"),
            spread([100 * turns.ours[column][1].waited for turns in rounds], ".1f") + " %",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round."""
    return [our / their for our, their in zip(ours, theirs, strict=True)]


def spread(values: Sequence[float], form: str) -> str:
    """Median and range."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
