"""``quake train``: labelled waveforms in, a model file and its measured quality out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli.collections import (
    AfterP,
    BeforeP,
    Catalogue,
    Data,
    IgnoreSplit,
    Inventory,
    LabelColumn,
    LabelMap,
    NoiseLength,
    QuietTime,
    collect,
    cut_of,
)
from quake_cli.messages import Messages, library_messages, silence
from quake_cli.options import Debug, Device, Quiet

if TYPE_CHECKING:
    from quake.datasets.augmentation import Augmentation
    from quake.datasets.collection import Collection
    from quake.training.config import TrainConfig
    from quake.training.fit import TrainResult
    from quake.training.progress import Progress

_MODEL = "Model"
_SPECTROGRAM = "Windows and spectrograms"
_OPTIMISATION = "Optimisation"
_AUGMENTATION = "Augmentation"
_SPLIT = "Split"
_HARDWARE = "Hardware"


class ClassWeights(StrEnum):
    """How the loss weighs classes."""

    BALANCED = "balanced"
    SQRT = "sqrt"
    NONE = "none"


class Loss(StrEnum):
    """What training makes small."""

    CROSS_ENTROPY = "cross-entropy"
    FOCAL = "focal"


class Precision(StrEnum):
    """Of the arithmetic of the network."""

    AUTO = "auto"
    FULL = "32"
    BF16 = "bf16"


class LeaveOut(StrEnum):
    """What one training after the other is done without."""

    SOURCE = "source"
    STATION = "station"


def train(
    context: typer.Context,
    data: Data,
    catalogue: Catalogue = None,
    inventory: Inventory = None,
    before_p: BeforeP = None,
    after_p: AfterP = None,
    quiet_time: QuietTime = None,
    noise_length: NoiseLength = None,
    label_column: LabelColumn = None,
    label_map: LabelMap = None,
    ignore_split: IgnoreSplit = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the model there.")
    ] = None,
    install: Annotated[
        str | None,
        typer.Option("--install", metavar="NAME", help="Install the model under a name."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="DIR",
            help="Keep metrics, curves, models and checkpoints there; the same command goes on "
            "from there after a kill.",
        ),
    ] = None,
    leave_one_out: Annotated[
        LeaveOut | None,
        typer.Option(
            "--leave-one-out",
            help="Train once without each source (or station), test on it; needs --run.",
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    together: Annotated[
        list[str] | None,
        typer.Option(
            "--together",
            metavar="NAME,NAME",
            help="Sources of one network, left out together; may be repeated.",
            rich_help_panel=_SPLIT,
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            help="b0 ... b4, v2_s, v2_m, hybrid-vit-tiny ...: see `quake models`.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option("--depth", help="Layers of a transformer.", rich_help_panel=_MODEL),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH|NAME",
            help="Go on from a model of quake, perhaps with other classes.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="imagenet|none|FILE",
            help="Where the backbone begins; HybridViT at random ones by default.",
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
    freeze_epochs: Annotated[
        int | None,
        typer.Option(
            "--freeze-epochs",
            help="Train the classifier alone for so long, then everything.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
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
    loss: Annotated[
        Loss | None,
        typer.Option("--loss", help="What is made small.", rich_help_panel=_OPTIMISATION),
    ] = None,
    soft_labels: Annotated[
        float | None,
        typer.Option(
            "--soft-labels",
            metavar="SHARE",
            help="Share of soft labels (columns soft_CLASS of a label table) and of teachers in "
            "what is learnt; the rest is the label's.",
            rich_help_panel=_OPTIMISATION,
        ),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            "--teacher",
            metavar="MODEL",
            help="Learn from this model too: a model file, or seisbench:PhaseNet/stead where "
            "SeisBench is installed; may be repeated.",
            rich_help_panel=_OPTIMISATION,
        ),
    ] = None,
    mixup: Annotated[
        float | None,
        typer.Option(
            "--mixup",
            metavar="ALPHA",
            help="Mix pairs of windows, as 0.2; 0 for none.",
            rich_help_panel=_AUGMENTATION,
        ),
    ] = None,
    spec_augment: Annotated[
        int | None,
        typer.Option(
            "--spec-augment",
            metavar="N",
            help="Masks over frequency, and as many over time.",
            rich_help_panel=_AUGMENTATION,
        ),
    ] = None,
    synthetic: Annotated[
        float | None,
        typer.Option(
            "--synthetic",
            metavar="SHARE",
            help="Of the events, how many are synthetic ones on real noise.",
            rich_help_panel=_AUGMENTATION,
        ),
    ] = None,
    disturbance: Annotated[
        float | None,
        typer.Option(
            "--disturbance",
            metavar="SHARE",
            help="Of the windows of noise, how many get a synthetic disturbance.",
            rich_help_panel=_AUGMENTATION,
        ),
    ] = None,
    progressive: Annotated[
        int | None,
        typer.Option(
            "--progressive",
            metavar="STAGES",
            help="Let spectrograms grow to full size in so many stages.",
            rich_help_panel=_OPTIMISATION,
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
        typer.Option("--workers", help="Processes that draw.", rich_help_panel=_HARDWARE),
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
            metavar="source=NAME|station=NET.STA",
            help="Only test on it; may be repeated.",
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
    accelerator: Annotated[
        Device,
        typer.Option(
            "--accelerator",
            "--device",
            help="Where the network learns; auto takes CUDA if there is.",
            rich_help_panel=_HARDWARE,
        ),
    ] = Device.AUTO,
    devices: Annotated[
        int | None,
        typer.Option(
            "--devices", help="Processes, with a device each (DDP).", rich_help_panel=_HARDWARE
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            "--precision", help="auto is bf16 on CUDA, else 32.", rich_help_panel=_HARDWARE
        ),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            "--cache",
            metavar="DIR|none",
            help="Keep decoded windows there; in the user's cache folder by default.",
            rich_help_panel=_HARDWARE,
        ),
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a model on labelled waveforms, and measure it on rows that it has not seen.

    The figures go to standard output, the course of the training to standard error.
    """
    messages: Messages = context.obj
    given = {
        "depth": depth,
        "epochs": epochs,
        "draws_per_epoch": draws_per_epoch,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "class_weights": class_weights and class_weights.value,
        "loss": loss and loss.value,
        "soft_labels": soft_labels,
        "teachers": _teachers(teacher or ()),
        "mixup": mixup,
        "spec_augment": spec_augment,
        "progressive": progressive,
        "average": average,
        "patience": patience,
        "seed": seed,
        "workers": workers,
        "devices": devices,
        "precision": precision and precision.value,
        "validation": validation,
        "test": test,
        "min_snr_db": min_snr_db,
        "dropout": dropout,
        "freeze_epochs": freeze_epochs,
        "notes": _text_of(notes),
        "cache": _cache(cache),
    }
    signal = {
        "window_s": window_s,
        "sampling_rate_hz": sampling_rate_hz,
        "nperseg": nperseg,
        "hop_samples": hop_samples,
        "band_hz": _band(band_hz),
    }
    _refuse_contradictions(start_from, backbone, depth, weights, signal)
    config = _config(
        signal,
        **given,
        **_names(backbone, weights, classes, hold_out),
        augmentation=_augmentation(synthetic, disturbance),
        start_from=_start(start_from),
        freeze_backbone=freeze_backbone,
        accelerator=accelerator.value,
    )
    outcome: Callable[[Collection], None]
    if leave_one_out is not None:
        folder = _only_a_run_folder(run, output, install)
        teams = [names.split(",") for names in together or ()]
        outcome = partial(_leave_out, messages, config, folder, leave_one_out.value, teams)
    else:
        outcome = partial(_train, messages, config, _targets(output, install, run), run)
    with library_messages(messages):
        if run is None or not run.exists():  # a run that goes on has weights of its own
            _check_weights(config)
        outcome(
            collect(
                data,
                catalogue=catalogue,
                inventory=inventory,
                label_column=label_column,
                label_map=label_map,
                cut=cut_of(before_p, after_p, quiet_time, noise_length),
                ignore_split=ignore_split,
                messages=messages,
            )
        )


def _check_weights(config: TrainConfig) -> None:
    """Find out whether ImageNet weights can be had, before minutes of reading.

    Raises
    ------
    WeightsError
        If they cannot; the message says where they may be put.
    """
    from quake.models.backbones import EfficientNetBackbone, parse_backbone

    backbone = parse_backbone(config.backbone)
    is_wanted = config.weights == "imagenet" and config.start_from is None
    if is_wanted and isinstance(backbone, EfficientNetBackbone):
        from quake.models.weights import load_imagenet_weights

        load_imagenet_weights(backbone, strict=True)


def _train(
    messages: Messages,
    config: TrainConfig,
    targets: Sequence[Path],
    run: Path | None,
    collection: Collection,
) -> None:
    from quake.training.fit import train as run_training
    from quake_cli.cards import metric_sections
    from quake_cli.render import show_sections

    with _report(messages, config) as progress:
        result = run_training(
            config, collection, targets[0] if targets else None, progress, run=run
        )
    if not result.main:
        return
    for copy in targets[1:]:
        shutil.copyfile(targets[0], copy)
    show_sections(metric_sections(result.card.metrics, result.card.labels.names))
    messages.note(f"{result.windows_per_s:.0f} windows a second (median of the epochs)")
    _warn_of_seen(messages, config, result)
    written = [*map(str, targets), *([str(run / "model.safetensors")] if run else [])]
    messages.note(f"wrote {', '.join(written)}")


def _warn_of_seen(messages: Messages, config: TrainConfig, result: TrainResult) -> None:
    """Say so where the model that was gone on from knows events of the test part."""
    from quake.metrics.overlap import overlap
    from quake.model_file.safetensors_file import load_card

    if config.start_from is None or result.test is None:
        return
    groups = [example.span.group for example in result.test.examples]
    found = overlap(load_card(config.start_from).training.get("trained_on"), groups)
    if found is None:
        messages.warning(
            f"{config.start_from}: its card does not tell what it was trained on; if rows of the "
            "test part were among that, the figures flatter"
        )
    elif found.seen:
        messages.warning(
            f"{config.start_from} was trained on {found.seen} of the {found.looked_up} events of "
            "the test part that its card can tell of: the figures flatter the new model; measure "
            "it with `quake evaluate` on data that neither has seen, or hold such data out with "
            "--hold-out"
        )


def _leave_out(
    messages: Messages,
    config: TrainConfig,
    run: Path,
    by: str,
    together: Sequence[Sequence[str]],
    collection: Collection,
) -> None:
    from quake.training.fit import is_main_process
    from quake.training.leave_one_out import leave_one_out
    from quake_cli.cards import metric_sections
    from quake_cli.render import show_sections

    with _report(messages, config) as progress:
        result = leave_one_out(config, collection, run, by=by, together=together, progress=progress)
    for name, reason in result.divided.items():
        messages.warning(f"{name} was not left out as a whole but by event: it is {reason}")
    if is_main_process():
        show_sections(metric_sections({"held out": result.metrics}, result.labels.names))
        messages.note(f"wrote {run / 'leave_one_out.json'}")


@contextmanager
def _report(messages: Messages, config: TrainConfig) -> Iterator[Progress]:
    from quake.training.fit import is_main_process
    from quake.training.progress import Progress
    from quake_cli.render import ProgressBar
    from quake_cli.training import TrainingReport

    if not messages.debug:
        silence("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")
    if not is_main_process():
        messages.quiet = True
        yield Progress()
        return
    with ProgressBar(messages) as bar:
        yield TrainingReport(messages, bar, config.epochs).progress()


def _only_a_run_folder(run: Path | None, output: Path | None, install: str | None) -> Path:
    if run is None:
        raise ParameterError("--leave-one-out trains many models: say where with --run DIR")
    if output or install:
        raise ParameterError(
            "--leave-one-out measures, it makes no model to keep: leave out --output and --install"
        )
    return run


def _teachers(names: Sequence[str]) -> tuple[str, ...] | None:
    """Find the model files of teachers that are named."""
    from quake.model_file.registry import find_model
    from quake.training.teachers import SEISBENCH

    found = (name if name.startswith(SEISBENCH) else str(find_model(name)) for name in names)
    return tuple(found) or None


def _start(start_from: str | None) -> str | None:
    if start_from is None:
        return None
    from quake.model_file.registry import find_model

    return str(find_model(start_from))


def _refuse_contradictions(
    start_from: str | None,
    backbone: str | None,
    depth: int | None,
    weights: str | None,
    signal: dict[str, Any],
) -> None:
    """A model brings its network, weights and preprocessing along."""
    if start_from is None:
        return
    given = [
        option
        for option, value in (
            ("--backbone", backbone),
            ("--depth", depth),
            ("--weights", weights),
            ("--window", signal["window_s"]),
            ("--rate", signal["sampling_rate_hz"]),
            ("--nperseg", signal["nperseg"]),
            ("--hop", signal["hop_samples"]),
            ("--band", signal["band_hz"]),
        )
        if value is not None
    ]
    if given:
        raise ParameterError(f"--from {start_from} brings its own: leave out {', '.join(given)}")


def _augmentation(synthetic: float | None, disturbance: float | None) -> Augmentation | None:
    given = {"synthetic": synthetic, "disturbance": disturbance}
    shares = {name: share for name, share in given.items() if share is not None}
    if not shares:
        return None
    from quake.datasets.augmentation import Augmentation

    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ParameterError(f"--{name} {share:g}: a share from 0 to 1 was expected")
    return Augmentation(
        synthetic=shares.get("synthetic", 0.0), disturbance=shares.get("disturbance", 0.0)
    )


def _cache(text: str | None) -> str | None:
    if text == "none":
        return None
    if text is not None:
        return text
    from quake.datasets.cache import default_cache

    return str(default_cache())


def _targets(output: Path | None, install: str | None, run: Path | None) -> list[Path]:
    """Where the model goes; found out to be writable before hours of training."""
    from quake.model_file.registry import installed_path

    targets = [path for path in (output, install and installed_path(install)) if path]
    if not targets and run is None:
        raise ParameterError("say where the model goes: --output FILE, --install NAME or --run DIR")
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

    chosen = {k: v for k, v in given.items() if v is not None}
    if _begins_at_random(given["weights"], given["backbone"]):
        chosen["weights"] = None
    preprocessing = Preprocessing(**{k: v for k, v in signal.items() if v is not None})
    return TrainConfig(preprocessing=preprocessing, **chosen)


def _begins_at_random(weights: str | None, backbone: str | None) -> bool:
    """Whether random weights were asked for, or nothing was and ImageNet has none for it."""
    from quake.models.backbones import HybridViTBackbone, parse_backbone

    has_none = backbone is not None and isinstance(parse_backbone(backbone), HybridViTBackbone)
    return weights == "none" or (weights is None and has_none)


def _names(
    backbone: str | None, weights: str | None, classes: str | None, hold_out: list[str] | None
) -> dict[str, Any]:
    from quake.models.backbones import parse_backbone

    return {
        "backbone": parse_backbone(backbone).value if backbone else None,
        "weights": weights,
        "classes": tuple(name for name in classes.split(",") if name.strip()) if classes else None,
        "hold_out": tuple(_held_out(text) for text in hold_out or ()),
    }


def _text_of(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"--notes {path}: cannot be read as text ({error})") from error


def _held_out(text: str) -> tuple[str, str]:
    kind, _, name = text.partition("=")
    if kind not in ("source", "station") or not name:
        raise ParameterError(f"--hold-out {text}: source=NAME or station=NET.STA was expected")
    return kind, name


def _band(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low_hz, high_hz = map(float, text.split(","))
    except ValueError as error:
        raise ParameterError(f"--band {text}: two numbers were expected, as in 0.7,20") from error
    return low_hz, high_hz
