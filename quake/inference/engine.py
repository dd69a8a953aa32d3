"""Engines: what runs a network. One is chosen by name, or by what the machine has."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from quake.errors import ParameterError
from quake.model_file.card import ModelCard

ENGINES = ("auto", "onnx", "torch", "openvino")
DEVICES = ("auto", "cpu", "cuda")

TOLERANCE = 1e-4
"""Largest difference in probability between two engines in float32; docs/engines.md."""


class Engine(Protocol):
    """Windows (B, 3, N) in, calibrated probabilities (B, K) out.

    Attributes
    ----------
    name : str
        As in `ENGINES`.
    card : ModelCard
    batch_size : int
        Windows that it likes at a time.
    n_parallel : int
        How many threads may call it at once, and should, to use the machine.
    """

    name: str
    card: ModelCard
    batch_size: int
    n_parallel: int

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Probabilities of any number of windows; the answer for one depends on it alone."""


def open_engine(
    model: str | Path, engine: str = "auto", device: str = "auto", threads: int | None = None
) -> Engine:
    """Load a model into an engine.

    Parameters
    ----------
    model : model file, or an ONNX file that `quake export` wrote
    engine : {"auto", "onnx", "torch", "openvino"}
        "auto" is torch on CUDA, and ONNX Runtime on the CPU.
    device : {"auto", "cpu", "cuda"}
        "auto" is CUDA if there is a device and the engine can use it.
    threads : int, optional
        Of the CPU; as many as this process may use by default.

    Raises
    ------
    ModelError
        If the file is missing, damaged or incompatible.
    ParameterError
        If the engine or the device is unknown, not there, or they do not go together.
    """
    if engine not in ENGINES:
        raise ParameterError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if device not in DEVICES:
        raise ParameterError(f"device must be one of {', '.join(DEVICES)}, got {device!r}")
    if threads is not None and threads < 1:
        raise ParameterError(f"threads must be 1 or more, got {threads}")
    if device == "cuda" and engine in ("onnx", "openvino"):
        raise ParameterError(
            f"engine {engine} runs on the CPU; for CUDA use --engine torch, or leave it out"
        )
    model = Path(model)
    if engine == "auto":
        engine = "torch" if _wants_cuda(model, device) else "onnx"
    if engine == "torch":
        return _torch_engine(model, device, threads)
    if engine == "openvino":
        from quake.inference.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(model, threads)
    from quake.inference.onnx_engine import OnnxEngine

    return OnnxEngine(model, threads)


def resolve_engine(model: str | Path, engine: str, device: str) -> tuple[str, str]:
    """Engine and device that "auto" stands for on this machine, without loading them."""
    on_cuda = engine in ("auto", "torch") and _wants_cuda(Path(model), device)
    if engine == "auto":
        engine = "torch" if on_cuda else "onnx"
    return engine, "cuda" if on_cuda else "cpu"


def _torch_engine(model: Path, device: str, threads: int | None) -> Engine:
    if model.suffix == ".onnx":
        raise ParameterError(
            f"{model}: engine torch runs model files, not ONNX; use --engine onnx, or name the "
            "model file that it was exported from"
        )
    import torch

    from quake.inference.torch_engine import TorchEngine

    if threads is not None:
        torch.set_num_threads(threads)
    return TorchEngine(model, device)


def _wants_cuda(model: Path, device: str) -> bool:
    if device == "auto":
        return model.suffix != ".onnx" and has_cuda_device()
    return device == "cuda"


def has_cuda_device() -> bool:
    """Ask the driver, if there is one, without loading torch."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        count = ctypes.c_int(0)
        return (
            driver.cuInit(0) == 0
            and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
            and count.value > 0
        )
    except (OSError, AttributeError):
        return False
