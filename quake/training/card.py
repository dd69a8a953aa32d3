"""The card of a trained model: what it was trained on, and its quality on what it was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quake.classes import LabelSet
from quake.datasets.examples import Example
from quake.metrics.calibration import fit_temperature, fit_thresholds, softmax
from quake.metrics.overlap import event_sketch
from quake.metrics.report import summarise
from quake.model_file.card import Calibration, ModelCard
from quake.model_file.identity import versions
from quake.training.config import TrainConfig
from quake.training.loaders import Parts, plain_loader
from quake.training.module import WindowClassifier

# Where a run was done, and texts: neither is a setting of the training.
_NOT_SETTINGS = ("preprocessing", "augmentation", "notes", "cache")


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of the rows of a part.

    Attributes
    ----------
    probabilities : (B, K)
    targets : (B,)
    examples : the B rows
    """

    probabilities: NDArray[np.float64]
    targets: NDArray[np.int64]
    examples: list[Example]


def measure(
    config: TrainConfig, labels: LabelSet, module: WindowClassifier, parts: Parts
) -> tuple[Calibration, dict[str, Predictions]]:
    """Fit the calibration on the validation part, and predict it and the test part."""
    logits, targets = _logits(config, labels, module, parts, "validation")
    weights = module.validation_loss.weight
    assert isinstance(weights, torch.Tensor)
    row_weights = weights.double().cpu().numpy()[targets]
    temperature = fit_temperature(logits, targets, row_weights)
    probabilities = softmax(logits, temperature)
    calibration = Calibration(temperature, fit_thresholds(probabilities, targets, row_weights))
    found = {"validation": Predictions(probabilities, targets, parts["validation"])}
    if parts["test"]:
        logits, targets = _logits(config, labels, module, parts, "test")
        found["test"] = Predictions(softmax(logits, temperature), targets, parts["test"])
    return calibration, found


def _logits(
    config: TrainConfig, labels: LabelSet, module: WindowClassifier, parts: Parts, part: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits (B, K) and targets (B,) of one window of each row of a part."""
    logits, targets = [], []
    with torch.inference_mode():
        for windows, target, *_ in plain_loader(config, labels, parts, part):
            logits.append(module(windows).double().numpy())
            targets.append(target.numpy())
    return np.concatenate(logits), np.concatenate(targets)


def figures(predictions: Predictions, labels: LabelSet) -> dict[str, Any]:
    """Figures of a part, as `quake.metrics.report.summarise` gives them."""
    spans = [example.span for example in predictions.examples]
    return summarise(
        predictions.probabilities,
        predictions.targets,
        labels.names,
        [span.source for span in spans],
        [span.group for span in spans],
        [span.snr_db for span in spans],
    )


def build_card(
    config: TrainConfig,
    labels: LabelSet,
    network: Mapping[str, Any],
    calibration: Calibration,
    metrics: Mapping[str, Any],
    parts: Parts,
    data: str,
) -> ModelCard:
    """Put together all of a model file but the weights."""
    return ModelCard(
        network=network,
        labels=labels,
        preprocessing=config.preprocessing,
        calibration=calibration,
        training=_training_facts(config, parts, data),
        metrics=metrics,
        versions=versions(),
    )


def _training_facts(config: TrainConfig, parts: Parts, data: str) -> dict[str, Any]:
    settings = {k: v for k, v in asdict(config).items() if k not in _NOT_SETTINGS}
    for name in ("weights", "start_from"):  # where a file lay is nobody's business
        settings[name] = settings[name] and Path(settings[name]).name
    settings["teachers"] = [Path(name).name for name in config.teachers]
    return {
        "notes": config.notes,
        "table": data,
        "settings": {k: _plain(v) for k, v in settings.items()},
        "augmentation": {k: _plain(v) for k, v in asdict(config.augmentation).items()},
        "rows": {
            name: {
                source: dict(Counter(e.span.label for e in part if e.span.source == source))
                for source in sorted({e.span.source for e in part})
            }
            for name, part in parts.items()
        },
        "trained_on": event_sketch(
            example.span.group for name in ("train", "validation") for example in parts[name]
        ),
    }


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple) else value
