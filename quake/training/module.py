"""The Lightning module: a network with its transform, loss, schedule and validation metrics."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from quake.data.transforms import build_transform
from quake.models import EfficientNet
from quake.training.config import TrainConfig

_WARM_UP = 0.05


class WindowClassifier(pl.LightningModule):
    """Trains a network on windows.

    Parameters
    ----------
    model : EfficientNet
        Spectrograms (B, 3, F, T) to logits (B, K).
    config : TrainConfig
    class_weights : tensor of shape (K,)
        Of the loss.
    """

    def __init__(self, model: EfficientNet, config: TrainConfig, class_weights: Tensor) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.transform = build_transform(config.preprocessing)
        self.loss = nn.CrossEntropyLoss(class_weights, label_smoothing=config.label_smoothing)
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
        with torch.no_grad():
            spectrograms = self.transform(windows)
        logits: Tensor = self.model(spectrograms.contiguous(memory_format=torch.channels_last))
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of a batch of (windows, targets)."""
        windows, targets = batch
        loss: Tensor = self.loss(self(windows), targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Collect loss and metrics of a batch."""
        windows, targets = batch
        logits = self(windows)
        self.metrics.update(logits, targets)
        self.log(
            "validation_loss",
            self.validation_loss(logits, targets),
            on_epoch=True,
            batch_size=len(targets),
        )

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the whole validation part."""
        self.log_dict(self.metrics.compute())
        self.metrics.reset()

    def configure_optimizers(self) -> Any:
        """AdamW; warm-up and cosine decay over the whole run; no decay on norms and biases."""
        decayed = [p for p in self.model.parameters() if p.requires_grad and p.ndim > 1]
        others = [p for p in self.model.parameters() if p.requires_grad and p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": self.config.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self.config.learning_rate,
        )
        n_steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: _learning_rate_factor(step / n_steps)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _learning_rate_factor(progress: float) -> float:
    """Share of the largest learning rate at a share of the run (Loshchilov & Hutter, 2017)."""
    if progress < _WARM_UP:
        return (progress + 0.001) / (_WARM_UP + 0.001)
    return 0.5 * (1 + math.cos(math.pi * min((progress - _WARM_UP) / (1 - _WARM_UP), 1.0)))
