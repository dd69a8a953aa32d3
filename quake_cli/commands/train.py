"""``quake train``: a label table in, a model file and its measured quality out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli.messages import Messages, library_messages, silence
from quake_cli.options import Debug, Device, DeviceOption, Quiet

if TYPE_CHECKING:
    from quake.training.config import TrainConfig
    from quake.training.fit import TrainResult

_MODEL = "Model"
_SPECTROGRAM = "Windows and spectrograms"
_OPTIMISATION = "Optimisation"
_SPLIT = "Split"


class ClassWeights(StrEnum):
    """How the loss weighs classes."""

    BALANCED = "balanced"
    NONE = "none"


def train(
    context: typer.Context,
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS.csv",
            help="Label table: path, start, end, label; see docs/training.md.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the model there.")
    ] = None,
    install: Annotated[
        str | None,
        typer.Option("--install", metavar="NAME", help="Install the model under a name."),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option("--backbone", help="b0 ... b4, v2_s, v2_m.", rich_help_panel=_MODEL),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="imagenet|none|FILE",
            help="Where the backbone begins.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="NAME,NAME,...",
            help="Classes in the order wanted; all labels of the table by default.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option("--dropout", help="Before the classifier.", rich_help_panel=_MODEL),
    ] = None,
    freeze_backbone: Annotated[
        bool,
        typer.Option(
            "--freeze-backbone", help="Train the classifier alone.", rich_help_panel=_MODEL
        ),
    ] = False,
    window_s: Annotated[
        float | None,
        typer.Option("--window", help="Seconds in a window.", rich_help_panel=_SPECTROGRAM),
    ] = None,
    sampling_rate_hz: Annotated[
        float | None,
        typer.Option("--rate", help="Sampling rate in Hz.", rich_help_panel=_SPECTROGRAM),
    ] = None,
    nperseg: Annotated[
        int | None,
        typer.Option("--nperseg", help="Samples in a segment.", rich_help_panel=_SPECTROGRAM),
    ] = None,
    hop_samples: Annotated[
        int | None,
        typer.Option(
            "--hop", help="Samples from segment to segment.", rich_help_panel=_SPECTROGRAM
        ),
    ] = None,
    band_hz: Annotated[
        str | None,
        typer.Option(
            "--band",
            metavar="LOW,HIGH",
            help="Band in Hz; below it a high-pass cuts.",
            rich_help_panel=_SPECTROGRAM,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="At most.", rich_help_panel=_OPTIMISATION)
    ] = None,
    draws_per_epoch: Annotated[
        int | None,
        typer.Option(
            "--draws-per-epoch",
            help="Windows drawn in an epoch; as many as training rows by default.",
            rich_help_panel=_OPTIMISATION,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch-size", help="Windows in a step.", rich_help_panel=_OPTIMISATION),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", help="Largest one.", rich_help_panel=_OPTIMISATION),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option("--weight-decay", help="Of AdamW.", rich_help_panel=_OPTIMISATION),
    ] = None,
    label_smoothing: Annotated[
        float | None,
        typer.Option(
            "--label-smoothing", help="Of the training loss.", rich_help_panel=_OPTIMISATION
        ),
    ] = None,
    class_weights: Annotated[
        ClassWeights | None,
        typer.Option(
            "--class-weights", help="How the loss weighs them.", rich_help_panel=_OPTIMISATION
        ),
    ] = None,
    average: Annotated[
        float | None,
        typer.Option(
            "--average",
            metavar="DECAY",
            help="Moving average of the weights, as 0.995; 0 for none.",
            rich_help_panel=_OPTIMISATION,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            "--patience", help="Epochs without improvement.", rich_help_panel=_OPTIMISATION
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Of all random choices.", rich_help_panel=_OPTIMISATION),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Processes that draw.", rich_help_panel=_OPTIMISATION),
    ] = None,
    validation: Annotated[
        float | None, typer.Option("--validation", help="Share of rows.", rich_help_panel=_SPLIT)
    ] = None,
    test: Annotated[
        float | None, typer.Option("--test", help="Share of rows.", rich_help_panel=_SPLIT)
    ] = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            "--hold-out",
            metavar="source=NAME",
            help="Source that is tested on alone; may be repeated.",
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    min_snr_db: Annotated[
        float | None,
        typer.Option(
            "--min-snr",
            metavar="DB",
            help="Event rows with a lower snr_db are tested on only.",
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    notes: Annotated[
        Path | None,
        typer.Option(
            "--notes",
            metavar="FILE",
            help="Text for the card: what the data are, what the model is for and what it is not.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    device: DeviceOption = Device.AUTO,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a model on labelled waveforms, and measure it on rows that it has not seen.

    The figures go to standard output, the course of the training to standard error.
    """
    from quake_cli.cards import metric_sections
    from quake_cli.render import show_sections

    messages: Messages = context.obj
    targets = _targets(output, install)
    given = {
        "epochs": epochs,
        "draws_per_epoch": draws_per_epoch,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "class_weights": class_weights and class_weights.value,
        "average": average,
        "patience": patience,
        "seed": seed,
        "workers": workers,
        "validation": validation,
        "test": test,
        "min_snr_db": min_snr_db,
        "dropout": dropout,
        "notes": _text_of(notes),
    }
    signal = {
        "window_s": window_s,
        "sampling_rate_hz": sampling_rate_hz,
        "nperseg": nperseg,
        "hop_samples": hop_samples,
        "band_hz": _band(band_hz),
    }
    config = _config(
        signal,
        **given,
        **_names(backbone, weights, classes, hold_out),
        freeze_backbone=freeze_backbone,
        device=device.value,
    )
    with library_messages(messages):
        result = _run(messages, config, labels, targets)
    show_sections(metric_sections(result.card.metrics))
    messages.note(f"wrote {', '.join(map(str, targets))}")


def _run(
    messages: Messages, config: TrainConfig, labels: Path, targets: Sequence[Path]
) -> TrainResult:
    from quake.training.fit import train as run_training
    from quake_cli.render import ProgressBar
    from quake_cli.training import TrainingReport

    if not messages.debug:
        silence("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")
    with ProgressBar(messages) as bar:
        report = TrainingReport(messages, bar, config.epochs)
        result = run_training(config, labels, targets[0], report.progress())
    for copy in targets[1:]:
        shutil.copyfile(targets[0], copy)
    return result


def _targets(output: Path | None, install: str | None) -> list[Path]:
    """Where the model goes; found out to be writable before hours of training."""
    from quake.registry import installed_path

    targets = [path for path in (output, install and installed_path(install)) if path]
    if not targets:
        raise ParameterError("say where the model goes: --output FILE or --install NAME")
    for path in targets:
        if path.is_dir():
            raise ParameterError(f"{path}: is a folder, a model file was expected")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            raise ParameterError(
                f"{path}: cannot be written ({error.strerror or error})"
            ) from error
    return targets


def _config(signal: dict[str, Any], **given: Any) -> TrainConfig:
    """Keep the library's default for each option that was not given."""
    from quake.data.preprocessing import Preprocessing
    from quake.training.config import TrainConfig

    preprocessing = Preprocessing(**{k: v for k, v in signal.items() if v is not None})
    if given["weights"] == "none":
        return TrainConfig(
            preprocessing=preprocessing,
            **{k: v for k, v in given.items() if v is not None and k != "weights"},
            weights=None,
        )
    return TrainConfig(
        preprocessing=preprocessing, **{k: v for k, v in given.items() if v is not None}
    )


def _names(
    backbone: str | None, weights: str | None, classes: str | None, hold_out: list[str] | None
) -> dict[str, Any]:
    from quake.models.backbones import EfficientNetBackbone

    return {
        "backbone": EfficientNetBackbone.parse(backbone).value if backbone else None,
        "weights": weights,
        "classes": tuple(name for name in classes.split(",") if name.strip()) if classes else None,
        "hold_out": tuple(_source(text) for text in hold_out or ()),
    }


def _text_of(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"--notes {path}: cannot be read as text ({error})") from error


def _source(text: str) -> str:
    kind, _, name = text.partition("=")
    if kind != "source" or not name:
        raise ParameterError(f"--hold-out {text}: source=NAME was expected")
    return name


def _band(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low_hz, high_hz = map(float, text.split(","))
    except ValueError as error:
        raise ParameterError(f"--band {text}: two numbers were expected, as in 0.7,20") from error
    return low_hz, high_hz
