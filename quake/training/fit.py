"""Run a training: configuration and labelled data become a model file."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from quake.classes import LabelSet
from quake.datasets.collection import Collection
from quake.datasets.decoding import decode
from quake.datasets.labels import LabelledSpan, choose_classes
from quake.datasets.opening import open_collection
from quake.errors import TrainingError
from quake.model_file.card import ModelCard
from quake.model_file.safetensors_file import load_model, save_model
from quake.models import build_model, network_config
from quake.models.network import Network
from quake.models.transfer import load_backbone
from quake.training.card import Predictions, build_card, figures, measure
from quake.training.config import TrainConfig
from quake.training.loaders import (
    Parts,
    check_classes,
    loss_weights,
    plain_loader,
    split,
    training_loader,
)
from quake.training.module import WindowClassifier
from quake.training.progress import Progress
from quake.training.run_folder import RunFolder
from quake.training.teachers import Teacher, open_teachers
from quake.training.watch import SaveToResume, Watch, averaging

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainResult:
    """What came out.

    Attributes
    ----------
    card : ModelCard
        Of the written model.
    left_out : mapping of label to number of rows
        Not among the classes.
    excluded : sequence of (LabelledSpan, str)
        Rows that could not be used, and why.
    test : Predictions or None
        Of the rows of the test part.
    windows_per_s : float
        Median over the epochs.
    main : bool
        False in all but the first process of a run on several devices; they write nothing.
    """

    card: ModelCard
    left_out: Mapping[str, int]
    excluded: Sequence[tuple[LabelledSpan, str]]
    test: Predictions | None
    windows_per_s: float
    main: bool = True


def is_main_process() -> bool:
    """Whether this is the first of the processes that Lightning or torchrun started."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK"))


def train(
    config: TrainConfig,
    data: Collection | str | Path,
    output: str | Path | None = None,
    progress: Progress | None = None,
    *,
    run: str | Path | None = None,
) -> TrainResult:
    """Train a model on labelled waveforms and write it.

    Rows are split by event into training, validation and test parts. Validation chooses the
    epoch and fits temperature and thresholds; the test part is used once, for the figures in the
    card.

    Parameters
    ----------
    config : TrainConfig
    data : Collection, or path of one, see `quake.datasets.opening.open_collection`
    output : path of the model file, optional
    progress : Progress, optional
    run : path of a run folder, optional
        A run that was killed goes on from its last epoch when it is given again, to the same
        model.

    Raises
    ------
    LabelError
        If the data, their labels or the split cannot be used.
    ParameterError
        If the run folder holds another run.
    WeightsError
        If pretrained weights were asked for and cannot be had.
    TrainingError
        If the loss stops being a number, or the disk is full.
    """
    progress = progress or Progress()
    collection = data if isinstance(data, Collection) else open_collection(Path(data))
    labels, spans, left_out = choose_classes(collection.spans, config.classes)
    folder = RunFolder(run, is_main_process()) if run is not None else None
    config, start = _starting_point(_as_started(config))
    if folder is not None:
        folder.claim(config, _fingerprint(spans))
    pl.seed_everything(config.seed, workers=True, verbose=False)
    model = _network(config, labels, start)
    teacher = _teacher(config, labels)
    examples, excluded = decode(
        spans,
        labels,
        config.preprocessing,
        lambda done: progress.decoding(done, len(spans)),
        cache=config.cache,
    )
    parts = split(config, examples)
    check_classes(parts, labels)
    progress.data(
        {name: Counter(e.span.label for e in part) for name, part in parts.items()},
        left_out,
        excluded,
    )
    if folder is not None:
        folder.write_split(parts)
    module, watch = _fit(config, labels, model, teacher, parts, progress, folder)
    card, test = _finish(config, labels, module, parts, collection.name, watch, folder, output)
    return TrainResult(
        card, left_out, excluded, test, _median_speed(watch.history), is_main_process()
    )


def _fingerprint(spans: Sequence[LabelledSpan]) -> str:
    """Digest of the rows: a run goes on with the data that it was begun with."""
    digest = hashlib.sha256()
    for span in spans:
        row = (str(span.path), span.start_ns, span.end_ns, span.label, span.split, span.soft)
        digest.update(repr(row).encode())
    return digest.hexdigest()[:16]


def _as_started(config: TrainConfig) -> TrainConfig:
    """Take the number of processes from torchrun, if that started this one."""
    started = os.environ.get("LOCAL_WORLD_SIZE")
    return replace(config, devices=int(started)) if started else config


def _starting_point(config: TrainConfig) -> tuple[TrainConfig, ModelCard | None]:
    """Take the preprocessing of the model that is gone on from."""
    if config.start_from is None:
        return config, None
    card, _ = load_model(config.start_from)
    return replace(config, preprocessing=card.preprocessing), card


def _network(config: TrainConfig, labels: LabelSet, start: ModelCard | None) -> Network:
    if start is None or config.start_from is None:
        model = build_model(
            network_config(
                config.backbone,
                num_classes=len(labels.names),
                dropout=config.dropout,
                depth=config.depth,
            ),
            weights=config.weights,
            strict_weights=True,
        )
    else:
        model = build_model(
            {**start.network, "num_classes": len(labels.names), "dropout": config.dropout}
        )
        _, trained = load_model(config.start_from)
        load_backbone(
            model,
            trained.state_dict(),
            old_classes=start.labels.names,
            new_classes=labels.names,
            source=config.start_from,
        )
    if config.freeze_backbone or config.freeze_epochs:
        model.freeze()
    return model


def _teacher(config: TrainConfig, labels: LabelSet) -> Teacher | None:
    if not config.teachers:
        return None
    return open_teachers(config.teachers, labels.names, config.preprocessing)


def _fit(
    config: TrainConfig,
    labels: LabelSet,
    model: Network,
    teacher: Teacher | None,
    parts: Parts,
    progress: Progress,
    folder: RunFolder | None,
) -> tuple[WindowClassifier, Watch]:
    weights = loss_weights(config, labels, parts)
    module = WindowClassifier(model.to(memory_format=torch.channels_last), config, weights, teacher)
    watch = Watch(progress, config.patience, folder)
    resume = _saved(folder, watch, progress)
    if resume is None or not _is_over(watch, config):
        trainer = _trainer(config, watch, folder)
        with _quiet_lightning(), _plain_interruption():
            trainer.fit(
                module,
                training_loader(
                    config,
                    labels,
                    parts,
                    trainer.global_rank,
                    trainer.world_size,
                    len(watch.history),
                ),
                plain_loader(config, labels, parts),
                ckpt_path=resume,
                weights_only=True,
            )
    if watch.best_state is None:
        raise TrainingError(
            "the validation loss was never a number; lower --learning-rate, or look at the data"
        )
    module.model.load_state_dict(watch.best_state)
    return module.cpu().eval(), watch


def _saved(folder: RunFolder | None, watch: Watch, progress: Progress) -> Path | None:
    """Find the checkpoint to go on from, and take up what the watch knew."""
    if folder is None or not folder.checkpoint.exists():
        return None
    try:
        saved = torch.load(folder.checkpoint, map_location="cpu", weights_only=True)
        watch.load_state_dict(saved["callbacks"][watch.state_key])
    except Exception as error:  # a damaged file fails in as many ways as there are bytes in it
        raise TrainingError(
            f"{folder.checkpoint}: cannot be read ({type(error).__name__}: {error}); remove it to "
            "train from the beginning"
        ) from error
    progress.resumed(int(saved["epoch"]) + 1)
    return folder.checkpoint


def _is_over(watch: Watch, config: TrainConfig) -> bool:
    """Whether a run was killed after its last epoch, before its model was written."""
    last = int(watch.history[-1]["epoch"])
    return last + 1 >= config.epochs or last - watch.best_epoch >= config.patience


def _trainer(config: TrainConfig, watch: Watch, folder: RunFolder | None) -> pl.Trainer:
    accelerator = {"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[config.accelerator]
    n_nodes = max(int(os.environ.get("WORLD_SIZE", "1")) // config.devices, 1)
    return pl.Trainer(
        accelerator=accelerator,
        devices=config.devices,
        num_nodes=n_nodes,
        strategy="ddp" if config.devices * n_nodes > 1 else "auto",
        precision=_precision(config),
        max_epochs=config.epochs,
        # The watch comes first: it must see the averaged weights before they are swapped back.
        callbacks=[watch, *averaging(config.average), *([SaveToResume(folder)] if folder else [])],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # ours knows of the other processes
        deterministic="warn",
    )


def _precision(config: TrainConfig) -> Any:
    on_cuda = config.accelerator == "cuda" or (
        config.accelerator == "auto" and torch.cuda.is_available()
    )
    if config.precision == "bf16" or (config.precision == "auto" and on_cuda):
        return "bf16-mixed"
    return "32-true"


def _finish(
    config: TrainConfig,
    labels: LabelSet,
    module: WindowClassifier,
    parts: Parts,
    data: str,
    watch: Watch,
    folder: RunFolder | None,
    output: str | Path | None,
) -> tuple[ModelCard, Predictions | None]:
    """Measure the best epoch, and write it with all that is known of it."""
    calibration, predictions = measure(config, labels, module, parts)
    metrics = {name: figures(found, labels) for name, found in predictions.items()}
    network = {**module.model.config.to_dict()}
    card = build_card(config, labels, network, calibration, metrics, parts, data)
    if is_main_process():
        state = module.model.state_dict()
        if output is not None:
            save_model(output, card, state)
        if folder is not None:
            folder.write_plots(watch.history, metrics, labels.names)
            save_model(folder.path / "last.safetensors", card, watch.last_state)
            save_model(folder.model, card, state)
            folder.finish()
    return card, predictions.get("test")


def _median_speed(history: Sequence[Mapping[str, float]]) -> float:
    speeds = sorted(row["windows_per_s"] for row in history)
    return speeds[len(speeds) // 2] if speeds else 0.0


@contextmanager
def _plain_interruption() -> Iterator[None]:
    """Give back Ctrl-C as what it is: Lightning exits the process, and ignores it from then on."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


class _quiet_lightning(warnings.catch_warnings):  # noqa: N801 - a context manager
    """Keep Lightning's advice on workers and hardware away from the program's output."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", module="pytorch_lightning.*")
        warnings.filterwarnings("ignore", category=UserWarning, message=".*num_workers.*")
