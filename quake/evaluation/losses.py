"""Measure how often missing data change the class that a model gives.

Each row is classified as it is, and again after each kind of loss at each coverage. A loss is
inflicted on the record before anything is filtered, as it comes in archives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from quake.classes import NOISE
from quake.data.transforms import build_transform
from quake.datasets.examples import Example
from quake.errors import LabelError
from quake.evaluation.options import EvaluateProgress
from quake.model_file.card import ModelCard
from quake.waveforms.times import NS_PER_S
from quake.windows.missing import KINDS, NOTHING, DataLoss, draw_loss

COVERAGES = (0.9, 0.8, 0.7, 0.6, 0.5)

# What must be left of an event for it to count: the seconds from the onset on that hold P and S of
# a local earthquake, and all of them.
_TELLING_S = 12.0
_TRIES = 30
_WINDOWS_AT_A_TIME = 64

# A wild sample has no coverage.
_UNGRADED = "spike"


@dataclass(frozen=True)
class Trial:
    """One row, what was inflicted on it, and what the model made of both.

    Attributes
    ----------
    source : str
    is_event : bool
        By its label.
    kind : str
        Of the loss.
    coverage : float
        Share of the row that was left.
    event_before, event_after : bool
        Whether the model took it for an event, whole and with the loss.
    """

    source: str
    is_event: bool
    kind: str
    coverage: float
    event_before: bool
    event_after: bool


def trials(
    card: ModelCard,
    network: nn.Module,
    examples: Sequence[Example],
    rows: int,
    seed: int = 0,
    progress: EvaluateProgress | None = None,
) -> list[Trial]:
    """Classify rows whole, and again with each kind of loss.

    Parameters
    ----------
    card, network : of the model, as `quake.model_file.safetensors_file.load_model` returns them
    examples : sequence of Example
    rows : int
        So many rows at most of each source and class, drawn at random.
    seed : int
    progress : EvaluateProgress, optional

    Returns
    -------
    list of Trial
        Events of which a loss leaves no onset to be seen are not tried with it.

    Raises
    ------
    LabelError
        If the model has no class for noise.
    """
    progress = progress or EvaluateProgress()
    if NOISE not in card.labels.names:
        raise LabelError(f"the model has no class {NOISE!r}, so it calls nothing an event")
    chosen = _choose(examples, rows, seed)
    noise = card.labels.names.index(NOISE)
    plans = [
        (example, loss, coverage)
        for number, example in enumerate(chosen)
        for loss, coverage in _losses(example, card, np.random.default_rng((seed, number)), noise)
    ]
    decided: list[bool] = []
    for first in range(0, len(plans), _WINDOWS_AT_A_TIME):
        some = plans[first : first + _WINDOWS_AT_A_TIME]
        windows = [_cut(example, card, loss) for example, loss, _ in some]
        decided += _is_event(card, network, np.stack(windows), noise)
        progress.predicting(len(decided), len(plans))
    whole = {
        id(example): event
        for (example, loss, _), event in zip(plans, decided, strict=True)
        if loss is NOTHING
    }
    return [
        Trial(
            example.span.source,
            example.target != noise,
            loss.kind,
            coverage,
            whole[id(example)],
            event,
        )
        for (example, loss, coverage), event in zip(plans, decided, strict=True)
        if loss is not NOTHING
    ]


def _choose(examples: Sequence[Example], rows: int, seed: int) -> list[Example]:
    of_kind: dict[tuple[str, int], list[Example]] = defaultdict(list)
    for example in examples:
        of_kind[example.span.source, example.target].append(example)
    rng = np.random.default_rng(seed)
    return [
        some[i]
        for _, some in sorted(of_kind.items(), key=lambda item: item[0])
        for i in sorted(rng.permutation(len(some))[:rows])
    ]


def _losses(
    example: Example, card: ModelCard, rng: np.random.Generator, noise: int
) -> Iterator[tuple[DataLoss, float]]:
    """Nothing, then each kind at each coverage; for events only what leaves the onset."""
    yield NOTHING, 1.0
    length_s, onset_s = _length_s(example, card), _onset_s(example, card, noise)
    for kind in KINDS:
        for coverage in (1.0,) if kind == _UNGRADED else COVERAGES:
            for _ in range(_TRIES):
                loss = draw_loss(kind, coverage, length_s, rng)
                if onset_s is None or _tells(loss, onset_s, length_s):
                    yield loss, coverage
                    break


def _length_s(example: Example, card: ModelCard) -> float:
    """Length of the part of a row that a window shows."""
    row_s = (example.span.end_ns - example.row_start_ns(card.preprocessing)) / NS_PER_S
    return min(row_s, card.preprocessing.window_s)


def _onset_s(example: Example, card: ModelCard, noise: int) -> float | None:
    """Onset of an event since the start of its window; None for noise."""
    span = example.span
    if example.target == noise:
        return None
    known_ns = span.p_ns if span.p_ns is not None else span.start_ns
    return max((known_ns - example.row_start_ns(card.preprocessing)) / NS_PER_S, 0.0)


def _tells(loss: DataLoss, onset_s: float, length_s: float) -> bool:
    stop_s = min(onset_s + _TELLING_S, length_s)
    if stop_s <= onset_s:
        return False
    # The gaps themselves, also those of one component, and those that are filled.
    return all(b <= onset_s - 0.5 or a >= stop_s for a, b in loss.gaps) or loss.kind == _UNGRADED


def _cut(example: Example, card: ModelCard, loss: DataLoss) -> NDArray[np.float32]:
    start_ns = example.row_start_ns(card.preprocessing)
    return example.cut(start_ns, card.preprocessing, loss, row=True)


def _is_event(
    card: ModelCard, network: nn.Module, windows: NDArray[np.float32], noise: int
) -> list[bool]:
    transform = build_transform(card.preprocessing)
    with torch.inference_mode():
        spectrograms = transform(torch.from_numpy(windows))
        logits = network(spectrograms.contiguous(memory_format=torch.channels_last))
    return [int(k) != noise for k in logits.argmax(1)]


def summarise_losses(found: Sequence[Trial]) -> dict[str, Any]:
    """Count, by kind and coverage, and by source.

    Returns
    -------
    dict
        ``kinds``: of each kind and coverage how many rows of ``noise`` and of ``events`` were
        tried, and which share the model called an event, ``whole`` and with the ``loss``.
        ``sources``: the same of each source over all kinds.
    """
    of_kind: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        graded = sorted({t.coverage for t in found if t.kind == kind}, reverse=True)
        of_kind[kind] = {
            f"{coverage:g}": _counts([t for t in found if (t.kind, t.coverage) == (kind, coverage)])
            for coverage in graded
        }
    sources = {
        source: _counts([t for t in found if t.source == source])
        for source in sorted({t.source for t in found})
    }
    return {"kinds": of_kind, "sources": sources, "all": _counts(found)}


def _counts(found: Sequence[Trial]) -> Mapping[str, Any]:
    return {
        name: {
            "trials": len(some),
            "whole": round(float(np.mean([t.event_before for t in some])), 4),
            "loss": round(float(np.mean([t.event_after for t in some])), 4),
        }
        for name, some in (
            ("noise", [t for t in found if not t.is_event]),
            ("events", [t for t in found if t.is_event]),
        )
        if some
    }
