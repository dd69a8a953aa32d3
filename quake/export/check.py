"""Compare an exported file with the library: how far probabilities differ, and how long they take.

Both run on the CPU, on one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from quake.export.probes import Windows, probe_windows
from quake.inference.torch_engine import TorchEngine

Run = Callable[[Windows], NDArray[np.float32]]

BATCH_SIZES = (1, 3, 32)
_ROUNDS = 7


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes
    ----------
    largest_difference : float
        Between a probability of the file and of the library; NaN where either gives no number.
    windows : int
        Real and random windows compared, each of them in batches of every size.
    ms_per_window : float
        Median of seven rounds of a batch of 32, after one that does not count.
    """

    largest_difference: float
    windows: int
    ms_per_window: float


def check(model: Path, run: Run) -> Comparison:
    """Compare with the library in float32.

    Parameters
    ----------
    model : model file
    run : callable
        From windows (B, 3, N) to probabilities (B, K), both float32.

    Raises
    ------
    ModelError
        If the model file cannot be used.
    """
    with one_thread():
        engine = TorchEngine(model, "cpu")
        windows = probe_windows(engine.card.preprocessing)
        expected = engine.probabilities(windows)
        largest = max(_difference(run, windows, expected, size) for size in BATCH_SIZES)
        return Comparison(largest, len(windows), _ms_per_window(run, windows))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _difference(run: Run, windows: Windows, expected: NDArray[np.float64], size: int) -> float:
    found = np.concatenate([run(windows[i : i + size]) for i in range(0, len(windows), size)])
    if found.shape != expected.shape:
        return float("nan")
    return float(np.abs(found - expected).max())


def _ms_per_window(run: Run, windows: Windows) -> float:
    batch = np.resize(windows, (max(BATCH_SIZES), *windows.shape[1:]))
    run(batch)
    rounds = []
    for _ in range(_ROUNDS):
        start = perf_counter()
        run(batch)
        rounds.append(perf_counter() - start)
    return median(rounds) * 1000 / len(batch)
