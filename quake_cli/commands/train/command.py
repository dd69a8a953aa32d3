"""``quake train``: train a model on labelled waveforms, and measure it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from quake_cli.commands.train.options import (
    Accelerator,
    Average,
    Backbone,
    BandHz,
    BatchSize,
    Classes,
    ClassWeighting,
    Depth,
    Devices,
    Disturbance,
    DrawsPerEpoch,
    Dropout,
    Epochs,
    FreezeBackbone,
    FreezeEpochs,
    From,
    HoldOut,
    HopSamples,
    Install,
    LabelSmoothing,
    LearningRate,
    LeaveOneOut,
    LossOption,
    MinSnrDb,
    Mixup,
    Notes,
    Nperseg,
    Output,
    Patience,
    PrecisionOption,
    Progressive,
    Run,
    SamplingRateHz,
    Seed,
    SoftLabels,
    SpecAugment,
    Synthetic,
    Teacher,
    Test,
    Together,
    Validation,
    WeightDecay,
    Weights,
    WindowS,
    Workers,
)
from quake_cli.commands.train.request import (
    augmentation_of,
    band_of,
    cache_of,
    config_of,
    names_of,
    only_a_run_folder,
    refuse_contradictions,
    start_of,
    targets_of,
    teachers_of,
    text_of,
)
from quake_cli.labelled_data import collect, cut_of
from quake_cli.messages import Messages, library_messages, silence
from quake_cli.options.choices import Device
from quake_cli.options.labelled_data import (
    AfterP,
    BeforeP,
    Cache,
    Catalogue,
    CatalogueInventory,
    Data,
    IgnoreSplit,
    LabelColumn,
    LabelMap,
    NoiseLength,
    QuietTime,
)
from quake_cli.options.messages import Debug, Quiet

if TYPE_CHECKING:
    from quake.datasets.collection import Collection
    from quake.training.config import TrainConfig
    from quake.training.fit import TrainResult
    from quake.training.progress import Progress


def train(
    context: typer.Context,
    data: Data,
    catalogue: Catalogue = None,
    inventory: CatalogueInventory = None,
    before_p: BeforeP = None,
    after_p: AfterP = None,
    quiet_time: QuietTime = None,
    noise_length: NoiseLength = None,
    label_column: LabelColumn = None,
    label_map: LabelMap = None,
    ignore_split: IgnoreSplit = False,
    output: Output = None,
    install: Install = None,
    run: Run = None,
    leave_one_out: LeaveOneOut = None,
    together: Together = None,
    backbone: Backbone = None,
    depth: Depth = None,
    start_from: From = None,
    weights: Weights = None,
    classes: Classes = None,
    dropout: Dropout = None,
    freeze_backbone: FreezeBackbone = False,
    freeze_epochs: FreezeEpochs = None,
    window_s: WindowS = None,
    sampling_rate_hz: SamplingRateHz = None,
    nperseg: Nperseg = None,
    hop_samples: HopSamples = None,
    band_hz: BandHz = None,
    epochs: Epochs = None,
    draws_per_epoch: DrawsPerEpoch = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    weight_decay: WeightDecay = None,
    label_smoothing: LabelSmoothing = None,
    class_weights: ClassWeighting = None,
    loss: LossOption = None,
    soft_labels: SoftLabels = None,
    teacher: Teacher = None,
    mixup: Mixup = None,
    spec_augment: SpecAugment = None,
    synthetic: Synthetic = None,
    disturbance: Disturbance = None,
    progressive: Progressive = None,
    average: Average = None,
    patience: Patience = None,
    seed: Seed = None,
    workers: Workers = None,
    validation: Validation = None,
    test: Test = None,
    hold_out: HoldOut = None,
    min_snr_db: MinSnrDb = None,
    notes: Notes = None,
    accelerator: Accelerator = Device.AUTO,
    devices: Devices = None,
    precision: PrecisionOption = None,
    cache: Cache = None,
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
        "teachers": teachers_of(messages, teacher or ()),
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
        "notes": text_of(notes),
        "cache": cache_of(cache),
    }
    signal = {
        "window_s": window_s,
        "sampling_rate_hz": sampling_rate_hz,
        "nperseg": nperseg,
        "hop_samples": hop_samples,
        "band_hz": band_of(band_hz),
    }
    refuse_contradictions(start_from, backbone, depth, weights, signal)
    config = config_of(
        signal,
        **given,
        **names_of(backbone, weights, classes, hold_out),
        augmentation=augmentation_of(synthetic, disturbance),
        start_from=start_of(messages, start_from),
        freeze_backbone=freeze_backbone,
        accelerator=accelerator.value,
    )
    outcome: Callable[[Collection], None]
    if leave_one_out is not None:
        folder = only_a_run_folder(run, output, install)
        teams = [names.split(",") for names in together or ()]
        outcome = partial(_leave_out, messages, config, folder, leave_one_out.value, teams)
    else:
        outcome = partial(_train, messages, config, targets_of(output, install, run), run)
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
    from quake_cli.render.cards import metric_sections
    from quake_cli.render.sections import show_sections

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
    from quake_cli.render.cards import metric_sections
    from quake_cli.render.sections import show_sections

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
    from quake_cli.commands.train.course import TrainingReport
    from quake_cli.render.progress import ProgressBar

    if not messages.debug:
        silence("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")
    if not is_main_process():
        messages.quiet = True
        yield Progress()
        return
    with ProgressBar(messages) as bar:
        yield TrainingReport(messages, bar, config.epochs).progress()
