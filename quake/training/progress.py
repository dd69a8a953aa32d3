"""Report the course of a training to callables that the caller fills in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from quake.datasets.labels import LabelledSpan


@dataclass(frozen=True)
class EpochResult:
    """Metrics of one epoch: train_loss, validation_loss, validation_accuracy, windows_per_s, ..."""

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
    resumed : (epoch from which a run goes on)
    fold : (name of the fold, number, total) of a leave-one-out run
    """

    decoding: Callable[[int, int], None] = lambda done, total: None
    data: Callable[
        [Mapping[str, Counter[str]], Counter[str], Sequence[tuple[LabelledSpan, str]]], None
    ] = lambda counts, left_out, excluded: None
    batch: Callable[[int, int], None] = lambda done, total: None
    epoch: Callable[[EpochResult], None] = lambda result: None
    resumed: Callable[[int], None] = lambda epoch: None
    fold: Callable[[str, int, int], None] = lambda name, number, total: None
