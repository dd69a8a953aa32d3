"""Compute what training makes small."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_FOCAL_GAMMA = 2.0


class FocalLoss(nn.Module):
    """Cross-entropy in which what is already told apart counts less.

    ``(1 - p)**gamma`` times the cross-entropy, p being the probability of the true class
    (Lin et al., 2017, Focal loss for dense object detection, arXiv 1708.02002).

    Parameters
    ----------
    weight : tensor of shape (K,)
        Of the classes.
    gamma : float
        0 is the cross-entropy.
    label_smoothing : float
    """

    def __init__(
        self, weight: Tensor, gamma: float = _FOCAL_GAMMA, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.weight: Tensor
        self.register_buffer("weight", weight)
        self.gamma = gamma
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B, K), and (B,) or (B, K), -> (), the mean over the batch, weighted by class."""
        entropy = nn.functional.cross_entropy(
            logits, targets, reduction="none", label_smoothing=self.label_smoothing
        )
        if not targets.is_floating_point():
            targets = nn.functional.one_hot(targets, logits.shape[1]).to(logits.dtype)
        probability = (torch.softmax(logits, dim=1) * targets).sum(1)
        weight = targets @ self.weight
        return (weight * (1 - probability) ** self.gamma * entropy).sum() / weight.sum()


def build_loss(name: str, weight: Tensor, label_smoothing: float) -> nn.Module:
    """Build the loss of the training part: "cross-entropy" or "focal"."""
    if name == "focal":
        return FocalLoss(weight, label_smoothing=label_smoothing)
    return nn.CrossEntropyLoss(weight, label_smoothing=label_smoothing)
