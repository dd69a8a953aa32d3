"""What changes in the course of a run: learning rate, size of the spectrograms, regularisation."""

from __future__ import annotations

import math
from dataclasses import dataclass

_WARM_UP = 0.05
_SMALLEST_FRACTION = 0.5
_LEAST_STRENGTH = 1 / 3


def learning_rate_factor(progress: float) -> float:
    """Share of the largest learning rate at a share of the run (Loshchilov & Hutter, 2017).

    A linear warm-up over the first twentieth, then a half cosine (arXiv 1608.03983).

    Examples
    --------
    >>> [round(learning_rate_factor(p), 3) for p in (0.05, 0.525, 1.0)]
    [1.0, 0.5, 0.0]
    """
    if progress < _WARM_UP:
        return (progress + 0.001) / (_WARM_UP + 0.001)
    return 0.5 * (1 + math.cos(math.pi * min((progress - _WARM_UP) / (1 - _WARM_UP), 1.0)))


def phase_factor(progress: float, starts_at: float) -> float:
    """The same schedule for what begins to learn later, squeezed into the rest of the run."""
    if progress < starts_at:
        return 0.0
    return learning_rate_factor((progress - starts_at) / (1 - starts_at))


@dataclass(frozen=True)
class ProgressiveStage:
    """A stage of progressive training.

    Attributes
    ----------
    fraction : float
        Of the height and width of the spectrograms.
    strength : float
        Of dropout, mixup and masks, relative to what was asked for.
    """

    fraction: float = 1.0
    strength: float = 1.0


def stage_of(epoch: int, epochs: int, n_stages: int) -> ProgressiveStage:
    """Stage of an epoch: images grow from half to full size, regularisation from a third to all.

    Tan & Le (2021), EfficientNetV2: smaller models and faster training, arXiv 2104.00298, section
    4: small images need weak regularisation. Their dropout goes from 0.1 to 0.3.

    Examples
    --------
    >>> [stage_of(epoch, 9, 3).fraction for epoch in (0, 3, 8)]
    [0.5, 0.75, 1.0]
    """
    if n_stages <= 1:
        return ProgressiveStage()
    share = min(epoch * n_stages // epochs, n_stages - 1) / (n_stages - 1)
    return ProgressiveStage(
        _SMALLEST_FRACTION + (1 - _SMALLEST_FRACTION) * share,
        _LEAST_STRENGTH + (1 - _LEAST_STRENGTH) * share,
    )
