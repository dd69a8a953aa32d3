"""Phases along a record: cells of time in, how probable P and S are at each of their samples out.

Windows of the onset network begin every ten seconds, counted from the epoch, so that the answer
does not depend on where files, blocks and days begin. A window is cut from a stretch that belongs
to the cell in which it begins. What windows that overlap say of a sample is averaged: two or three
of them have to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from quake.inference.onset_network import N_SAMPLES, RATE_HZ, OnsetNetwork
from quake.waveforms.times import NS_PER_S

CELL_S = 30
_CELL_NS = CELL_S * NS_PER_S

HOP_S = 10

# Near the ends of a window the network sees too little.
_EDGE = round(1.0 * RATE_HZ)

# An onset has data before it: the beginning of a record is none.
_DATA_BEFORE = round(1.0 * RATE_HZ)

BEFORE_S, AFTER_S = 15, 75
"""What is known of phases around the beginning of a cell, s: as far as windows of events reach."""

# Cells in which windows begin that say something of it.
_HOMES = (-2, -1, 0, 1)

Windows = NDArray[np.float32]
Cut = Callable[[int, Sequence[int]], Windows]
"""Gives the windows (B, 3, 3001) that begin at some times, ns, in the cell of a number."""


class PhaseTraces:
    """Asks the network, each window once.

    Parameters
    ----------
    network : OnsetNetwork
    cut : callable
        See `Cut`.
    """

    def __init__(self, network: OnsetNetwork, cut: Cut) -> None:
        self._network = network
        self._cut = cut
        self._said: dict[int, tuple[Windows, NDArray[np.bool_]]] = {}

    def prepare(self, numbers: Sequence[int]) -> None:
        """Run the network for these cells, all windows together."""
        homes = sorted({n + home for n in numbers for home in _HOMES} - self._said.keys())
        if not homes:
            return
        windows = [self._cut(home, _starts_ns(home)) for home in homes]
        said = self._network.phases(np.concatenate(windows))
        per_home = len(_starts_ns(0))
        for i, home in enumerate(homes):
            there: NDArray[np.bool_] = np.any(windows[i], axis=1)
            self._said[home] = said[i * per_home : (i + 1) * per_home], there

    def around(self, number: int) -> NDArray[np.float64]:
        """Probabilities of P and S, (2, N) at 100 Hz, 15 s before the cell begins to 75 s after."""
        self.prepare([number])
        n = round((BEFORE_S + AFTER_S) * RATE_HZ)
        total, count = np.zeros((2, n)), np.zeros(n)
        for home in _HOMES:
            said, there = self._said[number + home]
            for start_ns, answer, shown in zip(_starts_ns(number + home), said, there, strict=True):
                since_s = (start_ns - number * _CELL_NS) // NS_PER_S
                at = round((since_s + BEFORE_S) * RATE_HZ)
                first, stop = max(at + _EDGE, 0), min(at + N_SAMPLES - _EDGE, n)
                if stop > first:
                    inside = slice(first - at, stop - at)
                    total[:, first:stop] += answer[:, inside] * _trusted(shown)[inside]
                    count[first:stop] += 1
        return total / np.maximum(count, 1)


def _starts_ns(home: int) -> list[int]:
    """Starts of the windows that begin in a cell, ns since the epoch."""
    return [home * _CELL_NS + s * NS_PER_S for s in range(0, CELL_S, HOP_S)]


def _trusted(shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where there is data, and has been for a second."""
    missing = np.cumsum(np.concatenate((np.zeros(_DATA_BEFORE + 1, np.int64), ~shown)))
    trusted: NDArray[np.bool_] = missing[_DATA_BEFORE + 1 :] == missing[: -_DATA_BEFORE - 1]
    # Before a window begins one does not know; its edge is left out anyway.
    trusted[:_DATA_BEFORE] = shown[:_DATA_BEFORE]
    return trusted
