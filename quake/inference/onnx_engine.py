"""ONNX Runtime on the CPU: the graph from waveform to probability, without torch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quake.errors import ModelError
from quake.model_file.card import ModelCard
from quake.model_file.graphs import open_graph
from quake.model_file.onnx_session import BATCH_SIZE


class OnnxEngine:
    """Runs a graph with ONNX Runtime: one thread a call, and as many calls at once as cores.

    Convolutions of a network this small are shared badly between threads; batches are not.

    Parameters
    ----------
    model : model file, or an ONNX file that `quake export` wrote
    threads : int, optional
        Calls at once; the cores of this process by default.

    Raises
    ------
    ModelError
        If the file cannot be used.
    """

    name = "onnx"
    batch_size = BATCH_SIZE

    def __init__(self, model: Path, threads: int | None = None) -> None:
        self.n_parallel = threads or usable_cores()
        self._graph = open_graph(model)
        self.card: ModelCard = self._graph.card
        self._session = self._graph.session
        self._input = self._session.get_inputs()[0].name

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (B, K) of windows (B, 3, N).

        Raises
        ------
        ModelError
            If the graph cannot be run, or gives no numbers.
        """
        rows = [
            self._run(windows[first : first + BATCH_SIZE])
            for first in range(0, len(windows), BATCH_SIZE)
        ]
        found = np.concatenate(rows).astype(np.float64)
        lost = ~np.isfinite(found).all(axis=1)
        if lost.any() and np.isfinite(windows[lost]).all(axis=(1, 2)).any():
            raise ModelError(
                f"{self._graph.path}: gives probabilities that are no numbers; get the model again"
            )
        return found

    def _run(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = np.ascontiguousarray(windows, np.float32)
        if len(windows) < BATCH_SIZE:
            batch = np.zeros((BATCH_SIZE, *windows.shape[1:]), np.float32)
            batch[: len(windows)] = windows
        try:
            (found,) = self._session.run(None, {self._input: batch})
        except Exception as error:  # ONNX Runtime has a class of its own for each cause
            raise ModelError(
                f"{self._graph.path}: ONNX Runtime cannot run it ({str(error).splitlines()[0]})"
            ) from error
        return np.asarray(found)[: len(windows)]


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
