"""OpenVINO on the CPU: the same graph as for ONNX Runtime."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quake.errors import ModelError, ParameterError
from quake.inference.onnx_engine import usable_cores
from quake.model_file.card import ModelCard
from quake.model_file.graphs import open_graph
from quake.model_file.onnx_session import BATCH_SIZE
from quake.model_file.openvino_module import import_openvino


class OpenVinoEngine:
    """Runs a graph with OpenVINO: one thread a call, and as many calls at once as cores.

    Parameters
    ----------
    model : model file, or an ONNX file that `quake export` wrote
    threads : int, optional
        Calls at once; the cores of this process by default.

    Raises
    ------
    ModelError
        If the file cannot be used.
    ParameterError
        If OpenVINO is not installed.
    """

    name = "openvino"
    batch_size = BATCH_SIZE

    def __init__(self, model: Path, threads: int | None = None) -> None:
        try:
            openvino = import_openvino()
        except ImportError as error:
            raise ParameterError(
                "engine openvino was asked for, but OpenVINO is not installed; "
                "pip install 'quake[openvino]', or use --engine onnx"
            ) from error
        self.n_parallel = threads or usable_cores()
        self._graph = graph = open_graph(model)
        self.card: ModelCard = graph.card
        core = openvino.Core()
        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": str(self.n_parallel),
            "INFERENCE_NUM_THREADS": str(self.n_parallel),
            "INFERENCE_PRECISION_HINT": "f32",  # or it computes in bfloat16 where it can
        }
        try:
            read = core.read_model(graph.path)
            shape = read.input(0).partial_shape
            shape[0] = BATCH_SIZE  # or it would be compiled again for each size
            read.reshape(shape)
            self._model = core.compile_model(read, "CPU", settings)
        except RuntimeError as error:
            raise ModelError(
                f"{graph.path}: OpenVINO cannot load it ({str(error).splitlines()[0]}); "
                "use --engine onnx"
            ) from error
        self._of_thread = threading.local()

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities (B, K) of windows (B, 3, N)."""
        rows = [
            self._run(windows[first : first + BATCH_SIZE])
            for first in range(0, len(windows), BATCH_SIZE)
        ]
        return np.concatenate(rows).astype(np.float64)

    def _run(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._model.create_infer_request()
        batch = np.zeros((BATCH_SIZE, *windows.shape[1:]), np.float32)
        batch[: len(windows)] = windows
        found = self._of_thread.request.infer(batch)[0]
        return np.array(found[: len(windows)])
