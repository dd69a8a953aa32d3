"""Labelled windows that a network of integers is calibrated on, and measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quake.classes import NOISE
from quake.datasets.augmentation import NO_AUGMENTATION
from quake.datasets.collection import Collection
from quake.datasets.dataset import WindowDataset
from quake.datasets.decoding import decode
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError
from quake.model_file.card import ModelCard


@dataclass(frozen=True, eq=False)
class LabelledWindows:
    """Windows of labelled rows, one a row, placed as the figures in a model card are measured.

    Attributes
    ----------
    windows : float32 array of shape (n, 3, N)
    targets : int64 array of shape (n,)
        Index of the class.
    spans : list of LabelledSpan
        Row of each window.
    excluded : list of (LabelledSpan, str)
        Rows that could not be used, and why.
    """

    windows: NDArray[np.float32]
    targets: NDArray[np.int64]
    spans: list[LabelledSpan]
    excluded: list[tuple[LabelledSpan, str]]


def read_labelled_windows(
    card: ModelCard, collection: Collection, progress: Callable[[int], None] = lambda done: None
) -> LabelledWindows:
    """Decode the rows of a collection that show a class of the model.

    Parameters
    ----------
    card : ModelCard
    collection : Collection
    progress : callable of the number of rows done

    Raises
    ------
    LabelError
        If no row can be used.
    """
    names = card.labels.names
    known = [span for span in collection.spans if span.label in names]
    if not known:
        raise LabelError(f"{collection.name}: no row has a label of {', '.join(names)}")
    examples, excluded = decode(known, card.labels, card.preprocessing, progress)
    noise = names.index(NOISE) if NOISE in names else None
    dataset = WindowDataset(examples, card.preprocessing, noise, NO_AUGMENTATION)
    drawn = [dataset[i] for i in range(len(dataset))]
    return LabelledWindows(
        windows=np.stack([item[0].numpy() for item in drawn]),
        targets=np.array([example.target for example in examples], np.int64),
        spans=[example.span for example in examples],
        excluded=excluded,
    )
