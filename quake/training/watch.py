"""Callbacks of the loop: what it reports, when it stops, and what a run needs to go on later."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor

from quake.training.module import WindowClassifier
from quake.training.progress import EpochResult, Progress

if TYPE_CHECKING:
    from quake.training.run_folder import RunFolder

_LARGE_PRIME = 1_000_003


class Watch(pl.Callback):
    """Reports progress, keeps the best weights in memory and stops when nothing improves.

    Its state is saved with each checkpoint, so that a resumed run knows what was best.
    """

    def __init__(self, progress: Progress, patience: int, folder: RunFolder | None) -> None:
        self.progress = progress
        self.patience = patience
        self.folder = folder
        self.best_loss = float("inf")
        self.best_epoch = -1
        self.best_state: dict[str, Tensor] | None = None
        self.history: list[dict[str, float]] = []
        self._validated: dict[str, Tensor] = {}
        self._started_s = 0.0
        self._windows_per_s = 0.0
        self._learning_rate = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed the epoch by its number: a resumed run then goes on as the first one would have."""
        assert isinstance(pl_module, WindowClassifier)
        torch.manual_seed(
            _epoch_seed(pl_module.config.seed, trainer.current_epoch, trainer.global_rank)
        )
        pl_module.begin_epoch(trainer.current_epoch)
        self._started_s = time.perf_counter()
        self._learning_rate = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Note the largest learning rate of the epoch; after its last step it may be zero."""
        rates = (group["lr"] for group in trainer.optimizers[0].param_groups)
        self._learning_rate = max(self._learning_rate, *rates)

    def on_train_batch_end(self, trainer: pl.Trainer, *args: Any, **kwargs: Any) -> None:
        """Report the batch."""
        done, total = trainer.fit_loop.batch_idx + 1, int(trainer.num_training_batches)
        self.progress.batch(done, total)
        if done == total:
            n_windows = total * trainer.world_size * int(trainer.train_dataloader.batch_size)  # type: ignore[union-attr]
            self._windows_per_s = n_windows / (time.perf_counter() - self._started_s)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keep what was validated: the moving average is swapped away right after this."""
        assert isinstance(pl_module, WindowClassifier)
        self._validated = copy.deepcopy(pl_module.model.state_dict())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Judge the epoch; its validation has run before."""
        assert isinstance(pl_module, WindowClassifier)
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        loss = metrics["validation_loss"]
        best = loss < self.best_loss
        if best:
            self.best_loss, self.best_epoch = loss, trainer.current_epoch
            self.best_state = self._validated
        shown = {**metrics, "windows_per_s": round(self._windows_per_s, 1)}
        self.history.append({"epoch": trainer.current_epoch, **shown, **self._settings(trainer)})
        self.progress.epoch(EpochResult(trainer.current_epoch, shown, best))
        if trainer.current_epoch - self.best_epoch >= self.patience:
            trainer.should_stop = True
        if self.folder is not None:
            self.folder.record(self.history, trainer)

    def _settings(self, trainer: pl.Trainer) -> dict[str, float]:
        module = trainer.lightning_module
        assert isinstance(module, WindowClassifier)
        return {
            "learning_rate": self._learning_rate,
            "backbone_frozen": float(module.model.is_frozen),
            "image_fraction": module.stage.fraction,
        }

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
            "best_state": self.best_state,
            "last_state": self._validated,
            "history": self.history,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up again."""
        self.best_loss = state_dict["best_loss"]
        self.best_epoch = state_dict["best_epoch"]
        self.best_state = state_dict["best_state"]
        self._validated = state_dict["last_state"]
        self.history = state_dict["history"]

    @property
    def last_state(self) -> dict[str, Tensor]:
        """Weights of the last epoch that was validated."""
        return self._validated


def _epoch_seed(seed: int, epoch: int, rank: int) -> int:
    return ((seed * _LARGE_PRIME + epoch) * _LARGE_PRIME + rank) % 2**63  # what torch takes


class SaveToResume(pl.Callback):
    """Writes a checkpoint after each epoch; comes after all callbacks whose state it holds."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write it, under a temporary name first."""
        self.folder.save_checkpoint(trainer)


def averaging(decay: float) -> list[pl.Callback]:
    """Build the callback that averages the weights; none if the decay is 0."""
    return [WeightAveraging(avg_fn=moving_average(decay))] if decay else []


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Exponential moving average whose decay grows to its value.

    Without that the random first weights would stay in it for long. After n steps the decay is
    (1 + n) / (10 + n) at most.

    Returns
    -------
    callable of (average so far, current value, number of values so far), for `WeightAveraging`
    """

    def follow(average: Tensor, current: Tensor, n_averaged: Tensor | int) -> Tensor:
        if not current.is_floating_point():
            return current  # batch norm's count of batches
        n = int(n_averaged)
        return torch.lerp(current, average, min(decay, (1 + n) / (10 + n)))

    return follow
