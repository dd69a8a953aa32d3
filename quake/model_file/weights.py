"""List trained weights by name, each with the facts about it; `quake.models` shows them.

It is done as torchvision does it: an entry binds the weights to their preprocessing, classes and
figures, so that none of them can be used with those of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.model_file.card import ModelCard
from quake.model_file.identity import model_sha256
from quake.model_file.registry import ModelEntry, bundled_folder, find_model, list_models
from quake.model_file.safetensors_file import SUFFIX, load_card, load_model

if TYPE_CHECKING:
    from torch import nn

_LICENCE = "MIT"  # of the package, and so of the models in it

_COUNTS, _INTERVALS = ("rows", "events"), ("accuracy", "macro_f1")


@dataclass(frozen=True)
class ModelMeta:
    """Facts about a model file; all of them are of the file that is there.

    Attributes
    ----------
    name : str
    origin : str
        "bundled", "installed", "fetched" or "file".
    path : str
    backbone : str
    classes : tuple of str
        In the order of the outputs.
    sampling_rate_hz, window_s : float
        Of the windows that it takes.
    sha256 : str
        64 hexadecimal digits.
    size_bytes : int
    licence : str or None
        None where the file does not say.
    metrics : mapping of part to mapping of figure to value
        Rows, events, accuracy and macro F1 of each part that was measured; figures with an interval
        are (value, low, high). `ModelCard.metrics` has all of them.
    sources : tuple of str
        Names of the data sets that it was trained on.
    """

    name: str
    origin: str
    path: str
    backbone: str
    classes: tuple[str, ...]
    sampling_rate_hz: float
    window_s: float
    sha256: str
    size_bytes: int
    licence: str | None
    metrics: Mapping[str, Mapping[str, Any]]
    sources: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        values = asdict(self)
        return {**values, "classes": list(self.classes), "sources": list(self.sources)}


def meta_of(entry: ModelEntry) -> ModelMeta:
    """Take the facts from a model file.

    Raises
    ------
    ModelError
        If it cannot be read.
    """
    card, path = entry.card, entry.path
    said = card.training.get("licence") or (_LICENCE if entry.origin == "bundled" else None)
    return ModelMeta(
        name=entry.name,
        origin=entry.origin,
        path=str(path),
        backbone=str(card.network.get("backbone")),
        classes=card.labels.names,
        sampling_rate_hz=card.preprocessing.sampling_rate_hz,
        window_s=card.preprocessing.window_s,
        sha256=model_sha256(path),
        size_bytes=path.stat().st_size,
        licence=None if said is None else str(said),
        metrics=_metrics(card),
        sources=_sources(card),
    )


def _metrics(card: ModelCard) -> dict[str, dict[str, Any]]:
    """Figures of each part, as far as they are ones: cards of strangers may hold anything."""
    parts = {part: found for part, found in card.metrics.items() if isinstance(found, Mapping)}
    figures = {
        part: {
            **{n: found[n] for n in _COUNTS if isinstance(found.get(n), int)},
            **{n: found[n] for n in _INTERVALS if _is_interval(found.get(n))},
        }
        for part, found in parts.items()
    }
    return {part: found for part, found in figures.items() if "accuracy" in found}


def _is_interval(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(number is None or isinstance(number, int | float) for number in value)
    )


def _sources(card: ModelCard) -> tuple[str, ...]:
    rows = card.training.get("rows")
    train = rows.get("train") if isinstance(rows, Mapping) else None
    return tuple(sorted(map(str, train))) if isinstance(train, Mapping) else ()


class Weights(Enum):
    """The models that come with the package.

    Examples
    --------
    >>> Weights.DEFAULT is Weights.B0
    True
    >>> Weights.B0.meta.classes
    ('earthquake', 'surface_event', 'noise')
    """

    B0 = "b0"
    DEFAULT = "b0"

    @property
    def path(self) -> Path:
        """The model file."""
        return bundled_folder() / f"{self.value}{SUFFIX}"

    @property
    def card(self) -> ModelCard:
        """All that is in the file but the weights."""
        return load_card(self.path)

    @property
    def meta(self) -> ModelMeta:
        """Facts about the file."""
        return meta_of(ModelEntry(self.value, self.path, "bundled", self.card))

    def load(self) -> nn.Module:
        """Build the network and fill in the weights; it is in evaluation mode, on the CPU."""
        return load_model(self.path)[1]

    def transforms(self) -> nn.Module:
        """Build what turns a window (3, N) at the model's rate into the network's input."""
        from quake.data.transforms import build_transform

        return build_transform(self.card.preprocessing)


def list_weights() -> list[ModelMeta]:
    """All models that can be used by name: installed, bundled and fetched ones."""
    entries, _ = list_models()
    return [meta_of(entry) for entry in entries]


def get_weights(name: str | Path) -> ModelMeta:
    """Facts about one model.

    Parameters
    ----------
    name : str or Path
        As `quake.model_file.registry.find_model` takes it; an address is fetched if need be.

    Raises
    ------
    ModelError, ParameterError
        As `find_model`.
    """
    path = find_model(name, may_download=True)
    for entry in list_models()[0]:
        if entry.path == path:
            return meta_of(entry)
    return meta_of(ModelEntry(path.stem, path, "file", load_card(path)))
