"""The onset network in torch: a one-dimensional U-Net with the shape of PhaseNet.

PhaseNet (Zhu & Beroza, 2019, Geophysical Journal International 216, 261-273) has five levels of 8
to 128 channels, kernels of 7 and strides of 4. Tensors are named as in SeisBench, so that the
published weights can be loaded and trained on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

N_SAMPLES = 3001
_KERNEL, _STRIDE, _EPS = 7, 4, 1e-3
_CHANNELS = (8, 16, 32, 64, 128)

# Zeros before and behind, level by level, that the published weights were trained with.
_PADS = ((3, 3), (2, 3), (1, 3), (2, 3))


def _same(n_in: int, n_out: int, *, bias: bool = False) -> nn.Conv1d:
    return nn.Conv1d(n_in, n_out, _KERNEL, padding=_KERNEL // 2, bias=bias)


def _norm(n: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(n, eps=_EPS)


class OnsetUNet(nn.Module):
    """Scores of neither, P and S at each sample.

    Takes windows (B, 3, 3001) of E, N, Z at 100 Hz, each component without its mean and over its
    standard deviation; gives scores (B, 3, 3001) before the softmax.
    """

    def __init__(self) -> None:
        super().__init__()
        self.inc = _same(3, _CHANNELS[0], bias=True)
        self.in_bn = _norm(_CHANNELS[0])
        self.down_branch = nn.ModuleList()
        for before, n in zip((_CHANNELS[0], *_CHANNELS), _CHANNELS, strict=False):
            level = [_same(before, n), _norm(n)]
            if n != _CHANNELS[-1]:
                level += [nn.Conv1d(n, n, _KERNEL, _STRIDE, bias=False), _norm(n)]
            self.down_branch.append(nn.ModuleList(level))
        self.up_branch = nn.ModuleList()
        for below, n in zip(_CHANNELS[:0:-1], _CHANNELS[-2::-1], strict=True):
            up = nn.ConvTranspose1d(below, n, _KERNEL, _STRIDE, bias=False)
            self.up_branch.append(nn.ModuleList([up, _norm(n), _same(2 * n, n), _norm(n)]))
        self.out = nn.Conv1d(_CHANNELS[0], 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores (B, 3, 3001)."""
        x = functional.relu(self.in_bn(self.inc(x)))
        skips = []
        for number, level in enumerate(self.down_branch):
            x = functional.relu(level[1](level[0](x)))
            if number < len(_PADS):
                skips.append(x)
                x = functional.pad(x, _PADS[number])
                x = functional.relu(level[3](level[2](x)))
        for (up, bn, conv, bn2), skip in zip(self.up_branch, reversed(skips), strict=True):
            x = functional.relu(bn(up(x)))[:, :, 1:-2]
            first = (x.shape[-1] - skip.shape[-1]) // 2
            x = torch.cat([skip, x[:, :, first : first + skip.shape[-1]]], dim=1)
            x = functional.relu(bn2(conv(x)))
        scores: Tensor = self.out(x)
        return scores


class FromWindows(nn.Module):
    """The network from the program's windows on.

    Takes windows (B, 3, 3001) of Z, N, E in any units; gives probabilities of P and S (B, 2, 3001).
    """

    def __init__(self, network: OnsetUNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, windows: Tensor) -> Tensor:
        """Probabilities (B, 2, 3001)."""
        # Scaled first, so that the squares of small units do not vanish in float32.
        largest = windows.abs().amax(dim=-1, keepdim=True)
        x = windows / torch.where(largest > 0, largest, torch.ones_like(largest))
        x = x - x.mean(dim=-1, keepdim=True)
        scale = (x * x).mean(dim=-1, keepdim=True).sqrt()
        x = x / torch.where(scale > 0, scale, torch.ones_like(scale))
        reversed_order = torch.stack([x[:, 2], x[:, 1], x[:, 0]], dim=1)
        return torch.softmax(self.network(reversed_order), dim=1)[:, 1:]
