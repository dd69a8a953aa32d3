"""Run a training: configuration and label table in, model file and measured quality out."""

from __future__ import annotations

import copy
import logging
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor
from torch.utils.data import DataLoader

from quake.checkpoint import Calibration, ModelCard, save_model, versions
from quake.data.dataset import (
    NO_AUGMENTATION,
    Augmentation,
    DrawSampler,
    WindowDataset,
    class_weights,
    sampling_weights,
)
from quake.data.examples import Example, decode
from quake.data.labels import NOISE, LabelledSpan, LabelSet, choose_classes, read_label_table
from quake.data.split import split_by_event
from quake.errors import LabelError, TrainingError
from quake.models import EfficientNet, EfficientNetBackbone
from quake.metrics.calibration import fit_temperature, softmax
from quake.training.config import TrainConfig
from quake.training.module import WindowClassifier
from quake.metrics.report import summarise

logger = logging.getLogger(__name__)

_THRESHOLD = 0.5


@dataclass(frozen=True)
class EpochResult:
    """Metrics of one epoch: train_loss, validation_loss, validation_accuracy, ..."""

    epoch: int
    metrics: Mapping[str, float]
    best: bool


@dataclass(frozen=True)
class Progress:
    """Where a training run reports to; every field is a callable that may do nothing.

    Attributes
    ----------
    decoding : (done, total)
    data : (split counts as {part: {label: rows}}, rows left out by label, excluded rows)
    batch : (done, total in this epoch)
    epoch : EpochResult
    """

    decoding: Callable[[int, int], None] = lambda done, total: None
    data: Callable[
        [Mapping[str, Counter[str]], Counter[str], Sequence[tuple[LabelledSpan, str]]], None
    ] = lambda counts, left_out, excluded: None
    batch: Callable[[int, int], None] = lambda done, total: None
    epoch: Callable[[EpochResult], None] = lambda result: None


@dataclass(frozen=True)
class TrainResult:
    """What came out: the card of the written model and what was not used."""

    card: ModelCard
    left_out: Mapping[str, int]
    excluded: Sequence[tuple[LabelledSpan, str]]


def train(
    config: TrainConfig,
    table: str | Path,
    output: str | Path,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a model on a label table and write it.

    Rows are split by event into training, validation and test parts. Validation chooses the
    epoch and fits the temperature; the test part is used once, for the figures in the card.

    Parameters
    ----------
    config : TrainConfig
    table : path of a CSV label table, see `quake.data.labels.read_label_table`
    output : path of the model file
    progress : Progress, optional

    Raises
    ------
    LabelError
        If the table, its labels or the split cannot be used.
    WeightsError
        If pretrained weights were asked for and cannot be had.
    TrainingError
        If the loss stops being a number.
    """
    progress = progress or Progress()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    labels, spans, left_out = choose_classes(read_label_table(table), config.classes)
    model = EfficientNet(
        EfficientNetBackbone.parse(config.backbone),
        in_channels=3,
        num_classes=len(labels.names),
        dropout=config.dropout,
        freeze_backbone=config.freeze_backbone,
        weights=config.weights,
        strict_weights=True,
    )
    examples, excluded = decode(
        spans, labels, config.preprocessing, lambda done: progress.decoding(done, len(spans))
    )
    parts = _split(config, examples)
    progress.data(
        {name: Counter(e.span.label for e in part) for name, part in parts.items()},
        left_out,
        excluded,
    )
    module = _fit(config, labels, model, parts, progress)
    card = _card(config, labels, module, parts, Path(table))
    save_model(output, card, module.model.state_dict())
    return TrainResult(card, left_out, excluded)


def _split(config: TrainConfig, examples: list[Example]) -> dict[str, list[Example]]:
    split = split_by_event(
        [example.span for example in examples],
        validation=config.validation,
        test=config.test,
        margin_s=config.preprocessing.window_s,
        hold_out=config.hold_out,
        seed=config.seed,
    )
    parts = {
        name: [examples[i] for i in rows if name == "test" or not _is_weak(examples[i], config)]
        for name, rows in asdict(split).items()
    }
    for name in ("train", "validation"):
        if not parts[name]:
            raise LabelError(
                f"no row of the {name} part has snr_db of {config.min_snr_db:g} or more; "
                "lower --min-snr"
            )
    return parts


def _is_weak(example: Example, config: TrainConfig) -> bool:
    snr_db = example.span.snr_db
    return config.min_snr_db is not None and snr_db is not None and snr_db < config.min_snr_db


def _fit(
    config: TrainConfig,
    labels: LabelSet,
    model: EfficientNet,
    parts: Mapping[str, list[Example]],
    progress: Progress,
) -> WindowClassifier:
    targets = [example.target for example in parts["train"]]
    weights = (
        class_weights(targets, len(labels.names))
        if config.class_weights == "balanced"
        else torch.ones(len(labels.names))
    )
    module = WindowClassifier(model.to(memory_format=torch.channels_last), config, weights)
    watch = _Watch(progress, config.patience)
    trainer = pl.Trainer(
        accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[config.device],
        devices=1,
        max_epochs=config.epochs,
        # The watch comes first: it must see the averaged weights before they are swapped back.
        callbacks=[watch, *_averaging(config)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
    )
    with _quiet_lightning(), _plain_interruption():
        trainer.fit(module, _training_loader(config, labels, parts), _loader(config, labels, parts))
    if watch.best_state is None:
        raise TrainingError(
            "the validation loss was never a number; lower --learning-rate, or look at the data"
        )
    module.model.load_state_dict(watch.best_state)
    return module.cpu().eval()


def _averaging(config: TrainConfig) -> list[pl.Callback]:
    return [WeightAveraging(avg_fn=moving_average(config.average))] if config.average else []


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average whose decay grows to its value.

    Without that the random first weights would stay in it for long. After n steps the decay is
    (1 + n) / (10 + n) at most.

    Returns
    -------
    callable of (average so far, current value, number of values so far), for `WeightAveraging`
    """

    def follow(average: Tensor, current: Tensor, n_averaged: Tensor | int) -> Tensor:
        if not current.is_floating_point():
            return current  # batch norm's count of batches
        n = int(n_averaged)
        return torch.lerp(current, average, min(decay, (1 + n) / (10 + n)))

    return follow


class _Watch(pl.Callback):
    """Reports progress, keeps the best weights in memory and stops when nothing improves."""

    def __init__(self, progress: Progress, patience: int) -> None:
        self.progress = progress
        self.patience = patience
        self.best_loss = float("inf")
        self.best_epoch = -1
        self.best_state: dict[str, Tensor] | None = None
        self._validated: dict[str, Tensor] = {}

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        self.progress.batch(trainer.fit_loop.batch_idx + 1, int(trainer.num_training_batches))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, WindowClassifier)
        self._validated = copy.deepcopy(pl_module.model.state_dict())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Validation of an epoch runs before this hook does.
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        loss = metrics["validation_loss"]
        best = loss < self.best_loss
        if best:
            self.best_loss, self.best_epoch = loss, trainer.current_epoch
            self.best_state = self._validated
        self.progress.epoch(EpochResult(trainer.current_epoch, metrics, best))
        if trainer.current_epoch - self.best_epoch >= self.patience:
            trainer.should_stop = True


@contextmanager
def _plain_interruption() -> Iterator[None]:
    """Give back Ctrl-C as what it is: Lightning exits the process, and ignores it from then on."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


class _quiet_lightning(warnings.catch_warnings):  # noqa: N801 - a context manager
    """Keep Lightning's advice on workers and hardware away from the program's output."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", module="pytorch_lightning.*")
        warnings.filterwarnings("ignore", category=UserWarning, message=".*num_workers.*")


def _training_loader(
    config: TrainConfig, labels: LabelSet, parts: Mapping[str, list[Example]]
) -> DataLoader[tuple[Tensor, int]]:
    examples = parts["train"]
    dataset = WindowDataset(
        examples, config.preprocessing, _noise_target(labels), Augmentation(), config.seed
    )
    sampler = DrawSampler(
        sampling_weights(examples), config.draws_per_epoch or len(examples), config.seed
    )
    return DataLoader(
        dataset,
        batch_size=config.batch_size,
        sampler=sampler,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        drop_last=len(sampler) > config.batch_size,  # batch norm fails on a last batch of one
    )


def _loader(
    config: TrainConfig,
    labels: LabelSet,
    parts: Mapping[str, list[Example]],
    part: str = "validation",
) -> DataLoader[tuple[Tensor, int]]:
    dataset = WindowDataset(
        parts[part], config.preprocessing, _noise_target(labels), NO_AUGMENTATION, config.seed
    )
    return DataLoader(dataset, batch_size=config.batch_size)


def _noise_target(labels: LabelSet) -> int | None:
    return labels.names.index(NOISE) if NOISE in labels.names else None


def _card(
    config: TrainConfig,
    labels: LabelSet,
    module: WindowClassifier,
    parts: Mapping[str, list[Example]],
    table: Path,
) -> ModelCard:
    logits, targets = _logits(config, labels, module, parts, "validation")
    weights = module.loss.weight
    assert isinstance(weights, Tensor)
    temperature = fit_temperature(logits, targets, weights.double().cpu().numpy()[targets])
    return ModelCard(
        network=module.model.config.to_dict(),
        labels=labels,
        preprocessing=config.preprocessing,
        calibration=Calibration(temperature, (_THRESHOLD,) * len(labels.names)),
        training=_training_facts(config, parts, table),
        metrics={
            part: _figures(config, labels, module, parts, part, temperature)
            for part in ("validation", "test")
            if parts[part]
        },
        versions=versions(),
    )


def _figures(
    config: TrainConfig,
    labels: LabelSet,
    module: WindowClassifier,
    parts: Mapping[str, list[Example]],
    part: str,
    temperature: float,
) -> dict[str, Any]:
    logits, targets = _logits(config, labels, module, parts, part)
    return summarise(
        softmax(logits, temperature),
        targets,
        labels.names,
        [example.span.source for example in parts[part]],
        [example.span.group for example in parts[part]],
        [example.span.snr_db for example in parts[part]],
    )


def _logits(
    config: TrainConfig,
    labels: LabelSet,
    module: WindowClassifier,
    parts: Mapping[str, list[Example]],
    part: str,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits (B, K) and targets (B,) of one window of each row of a part."""
    logits, targets = [], []
    with torch.inference_mode():
        for windows, target in _loader(config, labels, parts, part):
            logits.append(module(windows).double().numpy())
            targets.append(target.numpy())
    return np.concatenate(logits), np.concatenate(targets)


def _training_facts(
    config: TrainConfig, parts: Mapping[str, list[Example]], table: Path
) -> dict[str, Any]:
    settings = {k: v for k, v in asdict(config).items() if k not in ("preprocessing", "notes")}
    return {
        "notes": config.notes,
        "table": table.name,
        "settings": {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()},
        "augmentation": asdict(Augmentation()),
        "rows": {
            name: {
                source: dict(Counter(e.span.label for e in part if e.span.source == source))
                for source in sorted({e.span.source for e in part})
            }
            for name, part in parts.items()
        },
    }
