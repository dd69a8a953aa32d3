"""Measure a model file on labelled data: predictions, and figures of their quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from quake.classes import NOISE, LabelSet, canonical_label
from quake.data.preprocessing import Preprocessing
from quake.data.transforms import build_transform
from quake.datasets.augmentation import NO_AUGMENTATION
from quake.datasets.collection import Collection
from quake.datasets.dataset import Item, WindowDataset
from quake.datasets.decoding import decode
from quake.datasets.examples import Example
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError, ParameterError
from quake.evaluation.grid import GridDataset, places
from quake.evaluation.options import EvaluateOptions, EvaluateProgress
from quake.metrics.calibration import softmax
from quake.metrics.overlap import Overlap, overlap
from quake.metrics.report import summarise
from quake.model_file.card import ModelCard
from quake.model_file.safetensors_file import load_model
from quake.models.device import choose_device

Windows = Dataset[tuple[Tensor, int]] | Dataset[Item]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came out.

    Attributes
    ----------
    card : ModelCard
        Of the model.
    data : str
        Name of the labelled data.
    spans : list of LabelledSpan
        Row of each of the B windows; its label is the model's name of the class.
    probabilities : (B, K)
    left_out : Counter
        Rows whose label the model does not know, by label.
    excluded : list of (LabelledSpan, str)
        Rows that could not be used, and why.
    unplaced : list of LabelledSpan
        Rows that hold no full window of the grid.
    trained_on : Overlap or None
        Events that the model was trained on; None where its card does not tell.
    options : EvaluateOptions
    missing : dict or None
        What missing data do, as `quake.evaluation.losses.summarise_losses` gives it.
    """

    card: ModelCard
    data: str
    spans: list[LabelledSpan]
    probabilities: NDArray[np.float64]
    left_out: Counter[str]
    excluded: list[tuple[LabelledSpan, str]]
    unplaced: list[LabelledSpan]
    trained_on: Overlap | None
    options: EvaluateOptions
    missing: dict[str, Any] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Classes of the model."""
        return self.card.labels.names

    @cached_property
    def targets(self) -> NDArray[np.int64]:
        """Class of each window, (B,)."""
        return np.array([self.names.index(span.label) for span in self.spans], np.int64)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Figures, as `quake.metrics.report.summarise` gives them."""
        return summarise(
            self.probabilities,
            self.targets,
            self.names,
            [span.source for span in self.spans],
            [span.group for span in self.spans],
            [span.snr_db for span in self.spans],
            stations=[span.station for span in self.spans],
            thresholds=self.card.calibration.thresholds,
        )


def evaluate(
    model: str | Path,
    collection: Collection,
    options: EvaluateOptions | None = None,
    progress: EvaluateProgress | None = None,
) -> Evaluation:
    """Let a model classify labelled rows that it should not have been trained on.

    Parameters
    ----------
    model : path of a model file
    collection : Collection
    options : EvaluateOptions, optional
    progress : EvaluateProgress, optional

    Raises
    ------
    ModelError
        If the model file cannot be used.
    LabelError
        If no row is left: of the part, with a label that the model knows, with a waveform.
    ParameterError
        If the data name no parts, or an option makes no sense.
    """
    options, progress = options or EvaluateOptions(), progress or EvaluateProgress()
    device = choose_device(options.device)
    card, network = load_model(model)
    spans = _of_part(collection, options.part)
    spans, left_out = _known(spans, card.labels, options.count_as)
    examples, excluded = decode(
        spans,
        card.labels,
        card.preprocessing,
        lambda done: progress.decoding(done, len(spans)),
        cache=options.cache,
    )
    windows, rows, unplaced = _windows(examples, card, options)
    logits = _logits(network, card.preprocessing, windows, device, options.batch_size, progress)
    finite = [bool(np.isfinite(row).all()) for row in logits]
    if not any(finite):
        raise LabelError(f"{collection.name}: the network gives no number for any window")
    found = [examples[i].span for i in rows]
    kept = [span for span, ok in zip(found, finite, strict=True) if ok]
    lost = [span for span, ok in zip(found, finite, strict=True) if not ok]
    return Evaluation(
        card=card,
        data=collection.name,
        spans=kept,
        probabilities=softmax(logits[np.array(finite)], card.calibration.temperature),
        left_out=left_out,
        excluded=[*excluded, *((span, "the network gives no number") for span in lost)],
        unplaced=unplaced,
        trained_on=overlap(card.training.get("trained_on"), [span.group for span in kept]),
        options=options,
        missing=_missing(card, network, examples, options, progress),
    )


def _missing(
    card: ModelCard,
    network: nn.Module,
    examples: Sequence[Example],
    options: EvaluateOptions,
    progress: EvaluateProgress,
) -> dict[str, Any] | None:
    if not options.missing:
        return None
    from quake.evaluation.losses import summarise_losses, trials

    # The trials run on the CPU, whatever the figures were measured on.
    network = network.cpu().eval()
    return summarise_losses(
        trials(card, network, examples, options.missing, options.seed, progress)
    )


def _of_part(collection: Collection, part: str | None) -> list[LabelledSpan]:
    if part is None:
        return list(collection.spans)
    counts = Counter(span.split for span in collection.spans)
    if not counts.keys() - {None}:
        raise ParameterError(
            f"{collection.name} names no parts (a column `split` with train, validation, test); "
            "leave out --part"
        )
    if not counts[part]:
        raise LabelError(
            f"{collection.name}: no row of the part {part!r}; there are "
            + ", ".join(f"{n} of {name or 'no part'}" for name, n in counts.most_common())
        )
    return [span for span in collection.spans if span.split == part]


def _known(
    spans: Sequence[LabelledSpan], labels: LabelSet, count_as: Mapping[str, str]
) -> tuple[list[LabelledSpan], Counter[str]]:
    """Rows whose label is a class of the model, or is taken for one."""
    taken_for = {
        canonical_label(label): labels.names[labels.index(name)] for label, name in count_as.items()
    }
    named = [replace(s, label=taken_for.get(s.label, s.label)) for s in spans]
    left_out = Counter(span.label for span in named if span.label not in labels.names)
    kept = [span for span in named if span.label in labels.names]
    if not kept:
        raise LabelError(
            f"no row has a label that the model knows ({', '.join(labels.names)}); the data have "
            + ", ".join(f"{label} ({n})" for label, n in left_out.most_common())
            + "; say what they are with --count-as LABEL=CLASS"
        )
    return kept, left_out


def _windows(
    examples: list[Example], card: ModelCard, options: EvaluateOptions
) -> tuple[Windows, list[int], list[LabelledSpan]]:
    """Windows, the example that each shows, and rows of which there is none."""
    if options.placement == "row":
        names = card.labels.names
        noise = names.index(NOISE) if NOISE in names else None
        whole = WindowDataset(examples, card.preprocessing, noise, NO_AUGMENTATION, options.seed)
        return whole, list(range(len(examples))), []
    found = places(examples, card.preprocessing)
    if not found:
        raise LabelError(
            f"none of {len(examples)} rows holds a full window of {card.preprocessing.window_s:g} "
            "s on the grid; --placement row fills short ones up"
        )
    placed = {place.example for place in found}
    unplaced = [e.span for i, e in enumerate(examples) if i not in placed]
    dataset = GridDataset(examples, found, card.preprocessing)
    return dataset, [place.example for place in found], unplaced


def _logits(
    network: nn.Module,
    preprocessing: Preprocessing,
    windows: Windows,
    device: torch.device,
    batch_size: int,
    progress: EvaluateProgress,
) -> NDArray[np.float64]:
    """Logits (B, K) of windows."""
    transform = build_transform(preprocessing)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    found: list[NDArray[np.float64]] = []
    n_windows, done = len(windows), 0  # type: ignore[arg-type]
    with torch.inference_mode():
        for batch, *_ in DataLoader(windows, batch_size=batch_size):
            spectrograms = transform(batch.to(device))
            logits = network(spectrograms.contiguous(memory_format=torch.channels_last))
            found.append(logits.double().cpu().numpy())
            done += len(batch)
            progress.predicting(done, n_windows)
    return np.concatenate(found)
