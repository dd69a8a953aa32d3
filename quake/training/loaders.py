"""Load batches of windows and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from quake.classes import NOISE, LabelSet
from quake.datasets.augmentation import NO_AUGMENTATION
from quake.datasets.dataset import (
    DrawSampler,
    Item,
    WindowDataset,
    class_weights,
    sampling_weights,
    soft_targets,
)
from quake.datasets.examples import Example
from quake.datasets.split import split_by_event
from quake.errors import LabelError
from quake.training.config import TrainConfig

Parts = Mapping[str, list[Example]]


def split(config: TrainConfig, examples: Sequence[Example]) -> dict[str, list[Example]]:
    """Divide examples into "train", "validation" and "test".

    Raises
    ------
    LabelError
        If nothing is left to train or validate on.
    """
    found = split_by_event(
        [example.span for example in examples],
        validation=config.validation,
        test=config.test,
        margin_s=config.preprocessing.window_s,
        hold_out=config.hold_out,
        seed=config.seed,
    )
    rows = {"train": found.train, "validation": found.validation, "test": found.test}
    parts = {
        name: [examples[i] for i in chosen if name == "test" or not _is_weak(examples[i], config)]
        for name, chosen in rows.items()
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


def check_classes(parts: Parts, labels: LabelSet) -> None:
    """Refuse a class that nothing can be learnt of.

    Raises
    ------
    LabelError
    """
    for k, name in enumerate(labels.names):
        n_train = sum(example.target == k for example in parts["train"])
        if not n_train:
            n = sum(example.target == k for part in parts.values() for example in part)
            raise LabelError(
                f"class {name!r}: none of its {n} rows is in the training part; it needs rows of "
                "two independent events at least, or leave it out with --classes"
            )


def loss_weights(config: TrainConfig, labels: LabelSet, parts: Parts) -> Tensor:
    """Weights of the classes in the loss, (K,), mean 1 over the training rows."""
    targets = [example.target for example in parts["train"]]
    n_classes = len(labels.names)
    if config.class_weights == "none":
        return torch.ones(n_classes)
    weights = class_weights(targets, n_classes)
    if config.class_weights == "sqrt":
        weights = weights.sqrt()
        weights = weights / weights[targets].mean()
    return weights


def training_loader(
    config: TrainConfig,
    labels: LabelSet,
    parts: Parts,
    rank: int = 0,
    n_ranks: int = 1,
    epoch: int = 0,
) -> DataLoader[Item]:
    """Draw augmented windows of the training part, for one of several processes.

    Workers begin to draw before Lightning tells the sampler the epoch: of a run that is resumed
    the loader has to know it.
    """
    examples = parts["train"]
    dataset = WindowDataset(
        examples,
        config.preprocessing,
        _noise_target(labels),
        config.augmentation,
        config.seed,
        labels.names,
        soft_targets(examples, labels.names, config.soft_labels),
        whole=bool(config.teachers),
    )
    sampler = DrawSampler(
        sampling_weights(examples),
        config.draws_per_epoch or len(examples),
        config.seed,
        rank,
        n_ranks,
    )
    sampler.set_epoch(epoch)
    return DataLoader(
        dataset,
        batch_size=config.batch_size,
        sampler=sampler,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        drop_last=len(sampler) > config.batch_size,  # batch norm fails on a last batch of one
        # Its own generator: the global one is seeded for each epoch, and must not depend on
        # how often loaders were started.
        generator=torch.Generator(),
    )


def plain_loader(
    config: TrainConfig, labels: LabelSet, parts: Parts, part: str = "validation"
) -> DataLoader[Item]:
    """One window of each row of a part, nothing changed."""
    dataset = WindowDataset(
        parts[part], config.preprocessing, _noise_target(labels), NO_AUGMENTATION, config.seed
    )
    return DataLoader(dataset, batch_size=config.batch_size, generator=torch.Generator())


def _noise_target(labels: LabelSet) -> int | None:
    return labels.names.index(NOISE) if NOISE in labels.names else None
