"""Choose windows as `quake predict` cuts them, where a row says what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from quake.data.preprocessing import Preprocessing
from quake.datasets.augmentation import NO_AUGMENTATION
from quake.datasets.examples import Example
from quake.waveforms.times import NS_PER_S

_OVERLAP = 0.5  # as `quake predict` has it


@dataclass(frozen=True)
class Place:
    """Where a window lies: index of its example, and of the example's sample that it begins at."""

    example: int
    start: int


def places(examples: Sequence[Example], preprocessing: Preprocessing) -> list[Place]:
    """Full windows on the grid within each example; of events those that show it.

    A window shows an event if at least a quarter of it follows the onset, the least that
    training asks for.
    """
    return [
        Place(i, start)
        for i, example in enumerate(examples)
        for start in _starts(example, preprocessing)
    ]


def _starts(example: Example, preprocessing: Preprocessing) -> list[int]:
    n = preprocessing.n_samples
    hop = max(round(n * (1 - _OVERLAP)), 1)
    first = _phase(example, preprocessing, hop)
    starts = range(first, example.samples.shape[1] - n + 1, hop)
    if example.onset is None:
        return list(starts)
    latest = n * (1 - NO_AUGMENTATION.latest_onset)
    return [start for start in starts if 0 <= example.onset - start <= latest]


def _phase(example: Example, preprocessing: Preprocessing, hop: int) -> int:
    """Index of the first sample whose time is a multiple of the step since the epoch."""
    span = example.span
    known_ns = span.start_ns if example.onset is None or span.p_ns is None else span.p_ns
    known = example.onset or 0
    since_epoch = round(known_ns * preprocessing.sampling_rate_hz / 1e9) - known
    return -since_epoch % hop


class GridDataset(Dataset[tuple[Tensor, int]]):
    """Windows of examples at given places, cut as at prediction."""

    def __init__(
        self, examples: Sequence[Example], places: Sequence[Place], preprocessing: Preprocessing
    ) -> None:
        self.examples = examples
        self.places = places
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        """Count the windows."""
        return len(self.places)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Cut a window; float32 tensor of shape (3, N), index of the class."""
        place = self.places[index]
        example = self.examples[place.example]
        offset_ns = round(place.start * NS_PER_S / self.preprocessing.sampling_rate_hz)
        window = example.cut(example.start_ns + offset_ns, self.preprocessing, row=False)
        return torch.from_numpy(window), example.target
