"""The Lightning module: a network with its transform, loss, schedule and validation metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from quake.data.transforms import build_transform
from quake.models.network import Network
from quake.training.config import TrainConfig
from quake.training.losses import build_loss
from quake.training.schedule import ProgressiveStage, learning_rate_factor, phase_factor, stage_of
from quake.training.spectrogram_augment import SpecAugment, draw_share, mix, shrink
from quake.training.teachers import Teacher


class WindowClassifier(pl.LightningModule):
    """Trains a network on windows.

    Parameters
    ----------
    model : Network
        Spectrograms (B, 3, F, T) to logits (B, K).
    config : TrainConfig
    class_weights : tensor of shape (K,)
        Of the loss.
    teacher : callable, optional
        Answers windows; see `quake.training.teachers`.
    """

    def __init__(
        self,
        model: Network,
        config: TrainConfig,
        class_weights: Tensor,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        self.teacher = teacher
        self.model = model
        self.config = config
        self.transform = build_transform(config.preprocessing)
        self.spec_augment = SpecAugment(config.spec_augment)
        self.stage = ProgressiveStage()
        self.loss = build_loss(config.loss, class_weights, config.label_smoothing)
        self.validation_loss = nn.CrossEntropyLoss(class_weights)
        n_classes = len(class_weights)
        self.metrics = MetricCollection(
            {
                "accuracy": MulticlassAccuracy(n_classes, average="micro"),
                "macro_f1": MulticlassF1Score(n_classes, average="macro"),
            },
            prefix="validation_",
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Windows (B, 3, N) to logits (B, K)."""
        return self._logits(self._spectrograms(windows))

    def _spectrograms(self, windows: Tensor) -> Tensor:
        # In single precision whatever the network runs in: the logarithm has no use for less.
        with torch.no_grad(), torch.autocast(windows.device.type, enabled=False):
            spectrograms: Tensor = self.transform(windows.float())
        return spectrograms

    def _logits(self, spectrograms: Tensor) -> Tensor:
        logits: Tensor = self.model(spectrograms.contiguous(memory_format=torch.channels_last))
        return logits

    def begin_epoch(self, epoch: int) -> None:
        """Enter the phase and the stage of an epoch; the same for a run that is resumed there."""
        config = self.config
        if config.freeze_epochs:
            if epoch < config.freeze_epochs:
                self.model.freeze()
            else:
                self.model.unfreeze()
        self.stage = stage_of(epoch, config.epochs, config.progressive)
        self.spec_augment.strength = self.stage.strength
        dropout = self.model.classifier[0]
        assert isinstance(dropout, nn.Dropout)
        dropout.p = config.dropout * self.stage.strength

    def training_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> Tensor:
        """Loss of a batch of (windows, targets), and whole windows where there is a teacher."""
        windows, targets, *whole = batch
        if self.teacher is not None:
            targets = self._taught(targets, whole[0], self.teacher)
        spectrograms = shrink(self._spectrograms(windows), self.stage.fraction)
        if self.config.spec_augment:
            spectrograms = self.spec_augment(spectrograms)
        loss = (
            self._mixed_loss(spectrograms, targets)
            if self.config.mixup
            else self.loss(self._logits(spectrograms).float(), targets)
        )
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(targets))
        assert isinstance(loss, Tensor)
        return loss

    def _taught(self, targets: Tensor, whole: Tensor, teacher: Teacher) -> Tensor:
        """Mix targets (B,) or (B, K) with what the teacher says of whole windows, (B, K)."""
        if not targets.is_floating_point():
            n_classes = len(self.validation_loss.weight)  # type: ignore[arg-type]
            targets = nn.functional.one_hot(targets, n_classes).to(whole.dtype)
        share = self.config.soft_labels
        return (1 - share) * targets + share * teacher(whole, targets)

    def _mixed_loss(self, spectrograms: Tensor, targets: Tensor) -> Tensor:
        share = draw_share(self.config.mixup * self.stage.strength)
        other = torch.randperm(len(targets)).to(targets.device)
        logits = self._logits(mix(spectrograms, other, share)).float()
        loss: Tensor = share * self.loss(logits, targets) + (1 - share) * self.loss(
            logits, targets[other]
        )
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Collect loss and metrics of a batch."""
        windows, targets = batch
        logits = self(windows).float()
        self.metrics.update(logits, targets)
        self.log(
            "validation_loss",
            self.validation_loss(logits, targets),
            on_epoch=True,
            batch_size=len(targets),
            sync_dist=True,
        )

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation part."""
        self.log_dict(self.metrics.compute(), sync_dist=True)
        self.metrics.reset()

    def configure_optimizers(self) -> Any:
        """AdamW; warm-up and cosine decay; no decay on norms and biases.

        A backbone that is frozen at first begins its own, lower schedule when it is let go.
        """
        config = self.config
        n_steps = max(int(self.trainer.estimated_stepping_batches), 1)
        starts_at = config.freeze_epochs / config.epochs
        head = self._groups(self.model.classifier, config.learning_rate)
        share = config.backbone_learning_rate if config.freeze_epochs else 1.0
        backbone = self._groups(self.model.features, config.learning_rate * share)
        whole: Callable[[int], float] = lambda step: learning_rate_factor(step / n_steps)  # noqa: E731
        later: Callable[[int], float] = lambda step: phase_factor(step / n_steps, starts_at)  # noqa: E731
        # Fused, a step takes a third of the time; but in mixed precision Lightning then refuses to
        # clip gradients.
        fused = True if self.trainer.precision == "32-true" else None
        optimizer = torch.optim.AdamW([*head, *backbone], fused=fused)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, [whole] * len(head) + [later if starts_at else whole] * len(backbone)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _groups(self, part: nn.Module, learning_rate: float) -> list[dict[str, Any]]:
        learns_later = self.config.freeze_epochs > 0
        parameters = [p for p in part.parameters() if p.requires_grad or learns_later]
        groups = [
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": self.config.weight_decay,
                "lr": learning_rate,
            },
            {
                "params": [p for p in parameters if p.ndim <= 1],
                "weight_decay": 0.0,
                "lr": learning_rate,
            },
        ]
        return [group for group in groups if group["params"]]
