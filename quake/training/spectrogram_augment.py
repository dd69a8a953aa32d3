"""Augmentations of spectrogram batches: masks, mixtures and sizes; choice apart from arithmetic.

All take and return float tensors of shape (B, C, F, T).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SMALLEST = 8  # rows or columns that are left of a spectrogram made smaller


class SpecAugment(nn.Module):
    """Mask bands of frequency and spans of time (Park et al., 2019, arXiv 1904.08779).

    Parameters
    ----------
    n_masks : int
        Of each kind.
    largest_share : float
        Of the rows or columns that one mask may cover; drawn from 0 up to that.

    Notes
    -----
    Masked cells are zero: the mean over time, for spectrograms whose rows have theirs removed.
    `strength`, from 0 to 1, scales the share; progressive training raises it.
    """

    def __init__(self, n_masks: int = 2, largest_share: float = 0.15) -> None:
        super().__init__()
        self.n_masks = n_masks
        self.largest_share = largest_share
        self.strength = 1.0

    def forward(self, spectrograms: Tensor) -> Tensor:
        """Draw masks for each spectrogram of the batch and lay them over it."""
        keep = torch.ones_like(spectrograms[:, :1])
        for axis in (2, 3):
            for _ in range(self.n_masks):
                start, stop = self.draw(len(keep), keep.shape[axis], keep.device)
                keep = keep * outside(start, stop, keep.shape[axis], axis)
        return spectrograms * keep

    def draw(self, n: int, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """First and stop index of a mask for each of n spectrograms, (n,) each."""
        share = self.largest_share * self.strength
        width = torch.rand(n, device=device) * share * length
        start = torch.rand(n, device=device) * (length - width)
        return start.round(), (start + width).round()

    def extra_repr(self) -> str:
        """Show all parameters."""
        return f"n_masks={self.n_masks}, largest_share={self.largest_share:g}"


def outside(start: Tensor, stop: Tensor, length: int, axis: int) -> Tensor:
    """Ones where an index is outside of [start, stop), as (B, 1, F, 1) or (B, 1, 1, T)."""
    index = torch.arange(length, device=start.device)
    kept = (index < start[:, None]) | (index >= stop[:, None])
    shape = [len(start), 1, 1, 1]
    shape[axis] = length
    return kept.view(shape).float()


def draw_share(alpha: float) -> float:
    """Share of the first of two mixed windows, from Beta(alpha, alpha), by torch's generator."""
    if alpha <= 0:
        return 1.0
    # Beta by two gammas; torch.distributions would load half of torch for it.
    gammas = torch._standard_gamma(torch.full((2,), alpha, dtype=torch.float64))
    return float(gammas[0] / gammas.sum().clamp_min(1e-12))


def mix(spectrograms: Tensor, other: Tensor, share: float) -> Tensor:
    """Mix each spectrogram with another of the batch (Zhang et al., 2018, arXiv 1710.09412).

    Parameters
    ----------
    spectrograms : (B, C, F, T)
    other : (B,)
        Index of the other one of each.
    share : float
        Of the first.
    """
    return share * spectrograms + (1 - share) * spectrograms[other]


def shrink(spectrograms: Tensor, fraction: float) -> Tensor:
    """Interpolate to a fraction of the height and width; bilinear, at least 8 each way."""
    if fraction >= 1:
        return spectrograms
    size = [max(round(n * fraction), min(_SMALLEST, n)) for n in spectrograms.shape[2:]]
    return nn.functional.interpolate(spectrograms, size=size, mode="bilinear", antialias=True)
