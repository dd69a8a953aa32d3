"""The run folder: what a training leaves behind, and what it needs to go on after a kill.

config.json, split.csv, metrics.csv, learning_curves.png, confusion.png, TensorBoard's events,
model.safetensors (the best epoch), last.safetensors, and resume.ckpt while the run is not done.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl

from quake.errors import ParameterError, TrainingError
from quake.files import write_whole
from quake.training.config import TrainConfig
from quake.waveforms.times import format_time

if TYPE_CHECKING:
    from quake.datasets.examples import Example

logger = logging.getLogger(__name__)

# What may differ when a run is resumed: none of it changes the result.
FREE = ("workers", "cache", "notes")


class RunFolder:
    """A folder of a run.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    main : bool
        Whether this process writes; of several devices, the first one's does.

    Raises
    ------
    ParameterError
        If it cannot be made.
    """

    def __init__(self, path: str | Path, main: bool = True) -> None:
        self.path = Path(path)
        self.main = main
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ParameterError(
                f"{self.path}: cannot be made a run folder ({error.strerror or error})"
            ) from error

    @property
    def model(self) -> Path:
        """The model of the best epoch; it is there when the run is done."""
        return self.path / "model.safetensors"

    @property
    def checkpoint(self) -> Path:
        """What a run that was killed goes on from."""
        return self.path / "resume.ckpt"

    def claim(self, config: TrainConfig, data: str) -> None:
        """Write the configuration, or compare it with the one that is there.

        Raises
        ------
        ParameterError
            If the folder holds a run with another configuration, or a finished one.
        """
        settings = {**_as_json(config), "data": data}
        known = self._known_settings()
        if known is None:
            self._write("config.json", json.dumps(settings, indent=1) + "\n")
            return
        different = sorted(
            name
            for name in known.keys() | settings.keys()
            if name not in FREE and known.get(name) != settings.get(name)
        )
        if different:
            raise ParameterError(
                f"{self.path}: holds a run with another configuration ({', '.join(different)} "
                "differ); resume it with the same options, or take another folder"
            )
        if self.model.exists():
            raise ParameterError(
                f"{self.path}: the run in it is finished; take another folder, or remove this one"
            )

    def _known_settings(self) -> dict[str, Any] | None:
        file = self.path / "config.json"
        if not file.exists():
            return None
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
            return known if isinstance(known, dict) else {}
        except (OSError, ValueError) as error:
            raise ParameterError(
                f"{file}: cannot be read ({error}); remove the folder and train again"
            ) from error

    def write_split(self, parts: Mapping[str, Sequence[Example]]) -> None:
        """Write which row is in which part, as a label table with a split column."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_SPLIT_COLUMNS)
        rows = [(e, part) for part, examples in parts.items() for e in examples]
        for example, part in sorted(rows, key=lambda row: row[0].span.row):
            writer.writerow(_split_row(example, part))
        self._write("split.csv", text.getvalue())

    def record(self, history: Sequence[Mapping[str, float]], trainer: pl.Trainer) -> None:
        """Write the metrics of all epochs so far."""
        columns = list(dict.fromkeys(name for row in history for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        self._write("metrics.csv", text.getvalue())
        self._to_tensorboard(history[-1])

    def _to_tensorboard(self, row: Mapping[str, float]) -> None:
        if not self.main:
            return
        from torch.utils.tensorboard import SummaryWriter

        try:
            with SummaryWriter(self.path / "tensorboard") as writer:
                for name, value in row.items():
                    if name != "epoch":
                        writer.add_scalar(name, value, int(row["epoch"]))
        except OSError as error:
            raise self._failure(self.path / "tensorboard", error) from error

    def save_checkpoint(self, trainer: pl.Trainer) -> None:
        """Write all that a run needs to go on, and rename it into place."""
        temporary = self.checkpoint.with_suffix(".partial")
        try:
            trainer.save_checkpoint(temporary)  # by all processes: they wait for each other
            if self.main:
                os.replace(temporary, self.checkpoint)  # noqa: PTH105 - keeps its OSError
        except (OSError, RuntimeError) as error:
            if self.main:
                temporary.unlink(missing_ok=True)
            # torch tells a full disk by a RuntimeError of its own.
            raise self._failure(self.checkpoint, error) from error

    def write_plots(
        self,
        history: Sequence[Mapping[str, float]],
        metrics: Mapping[str, Any],
        names: Sequence[str],
    ) -> None:
        """Draw learning curves, and the confusion matrix of the last part that was measured."""
        from quake.metrics.plots import plot_confusion, plot_learning_curves

        if not self.main:
            return
        columns = {
            name: [row.get(name, float("nan")) for row in history]
            for name in dict.fromkeys(name for row in history for name in row)
        }
        plot_learning_curves(self.path / "learning_curves.png", columns)
        part = "test" if "test" in metrics else "validation"
        if part in metrics:
            plot_confusion(
                self.path / "confusion.png", metrics[part]["confusion"], names, title=f"{part} part"
            )

    def finish(self) -> None:
        """Remove what only an unfinished run needs."""
        if self.main:
            self.checkpoint.unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        if not self.main:
            return
        target = self.path / name
        try:
            write_whole(target, text.encode())
        except OSError as error:
            raise self._failure(target, error) from error

    def _failure(self, target: Path, error: Exception) -> TrainingError:
        reason = getattr(error, "strerror", None) or str(error)
        return TrainingError(
            f"{target}: cannot be written ({reason}); make room or take another folder, then give "
            "the same command again: the run goes on from its last epoch"
        )


def _as_json(config: TrainConfig) -> dict[str, Any]:
    """Give the configuration in JSON types."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return values


_SPLIT_COLUMNS = (
    "path",
    "network",
    "station",
    "start",
    "end",
    "label",
    "source",
    "event_id",
    "p_time",
    "snr_db",
    "split",
)


def _split_row(example: Example, part: str) -> list[Any]:
    span = example.span
    network, _, station = span.station.partition(".")
    return [
        span.path.resolve(),
        network,
        station,
        format_time(span.start_ns),
        format_time(span.end_ns),
        span.label,
        span.source,
        span.group,
        "" if span.p_ns is None else format_time(span.p_ns),
        "" if span.snr_db is None else span.snr_db,
        part,
    ]
