"""Run a network with torch, on the CPU or on CUDA."""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quake.data.transforms import build_transform
from quake.errors import DeviceError, ModelError, ParameterError
from quake.model_file.card import ModelCard
from quake.model_file.safetensors_file import load_model
from quake.models.device import choose_device
from quake.models.fold import fold_batch_norm

logger = logging.getLogger(__name__)

PRECISIONS = ("auto", "float32", "half")

HALF_TOLERANCE = 5e-3
"""Largest difference in probability between half precision and float32."""

_BATCH_SIZE_CPU = 32
_LARGEST_BATCH = 1024

# Windows whose memory is measured: enough that what does not grow with the batch counts little.
_MEASURED = 16

# Of the free memory; the rest is for what the allocator rounds up, and for workspaces that grow
# otherwise than the batch.
_SHARE = 0.5

# One batch is copied to the device while the other is computed.
_LANES_CUDA = 2


class TorchEngine:
    """Runs a model file with torch: all from waveform to probability is on the device.

    The spectrogram is computed in float32, the network in the chosen precision with its batch
    norms folded, the probabilities in float64.

    Parameters
    ----------
    path : model file
    device : {"auto", "cpu", "cuda"}
    precision : {"auto", "float32", "half"}
        "auto" is half on CUDA and float32 on the CPU. On CUDA, torch may round the factors of
        float32 convolutions to TF32 (`torch.backends.cudnn.allow_tf32`, a switch of the process).

    Attributes
    ----------
    card : ModelCard
    device : torch.device
    batch_size : int
        Windows that it takes at a time: 32 on the CPU; on CUDA, a power of two up to 1024 that
        fits the free memory. It becomes smaller when memory runs out.
    n_parallel : int
        Threads that may call `probabilities` at once; more of them wait for their turn.

    Raises
    ------
    ModelError
        If the file cannot be used.
    ParameterError
        If the device is unknown or not there, or the precision is unknown.
    DeviceError
        If the network does not fit into the device's memory.
    """

    name = "torch"

    def __init__(self, path: str | Path, device: str = "auto", *, precision: str = "auto") -> None:
        self.device = _numbered(choose_device(device))
        self._dtype = _dtype(precision, self.device)
        self.card: ModelCard
        self.card, network = load_model(path)
        self._transform = build_transform(self.card.preprocessing)
        self._network = fold_batch_norm(network)
        try:
            self._transform.to(self.device)
            self._network.to(self.device, self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
            on_cuda = self.device.type == "cuda"
            self.batch_size = self._fitting_batch_size() if on_cuda else _BATCH_SIZE_CPU
        except torch.OutOfMemoryError as error:
            raise DeviceError(_too_small("the network", self.device)) from error
        self.n_parallel = _LANES_CUDA if on_cuda else 1
        self._shrinking = threading.Lock()
        self._lanes: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
        for _ in range(self.n_parallel):
            self._lanes.put(_Lane(self.device))

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probabilities, (B, K), of windows (B, 3, N).

        Raises
        ------
        DeviceError
            If the device has not enough memory for a single window.
        ModelError
            If half precision is too small for what the network computes.
        """
        found = np.empty((len(windows), len(self.card.labels.names)))
        lane = self._lanes.get()
        try:
            first = 0
            while first < len(windows):
                chunk = windows[first : first + self.batch_size]
                rows = self._attempt(lane, chunk)
                if rows is None:
                    self._shrink(len(chunk))
                    continue
                self._check(chunk, rows)
                found[first : first + len(chunk)] = rows
                first += len(chunk)
        finally:
            self._lanes.put(lane)
        return found

    def forward(self, windows: Tensor) -> Tensor:
        """Probabilities (B, K), float64, of windows (B, 3, N), float32, all on the device.

        For benchmarks: no splitting, and the caller chooses stream and inference mode.
        """
        spectrograms = self._transform(windows)
        logits = self._network(
            spectrograms.to(dtype=self._dtype, memory_format=torch.channels_last)
        )
        return torch.softmax(logits.double() / self.card.calibration.temperature, dim=1)

    def _attempt(self, lane: _Lane, chunk: NDArray[np.float32]) -> NDArray[np.float64] | None:
        """Probabilities of a chunk; None if the memory was not enough."""
        try:
            with lane.stream, torch.inference_mode():
                # The copy back waits for this stream alone, without holding the interpreter.
                rows: NDArray[np.float64] = self.forward(lane.to_device(chunk)).cpu().numpy()
                return rows
        except torch.OutOfMemoryError:
            # Nothing is done about it here, where the error still holds the tensors.
            return None

    def _shrink(self, n_windows: int) -> None:
        """Take half of a number of windows that did not fit from now on.

        Raises
        ------
        DeviceError
            If it was one window.
        """
        torch.cuda.empty_cache()
        if n_windows == 1:
            raise DeviceError(_too_small("a single window", self.device))
        with self._shrinking:
            if n_windows // 2 >= self.batch_size:
                return  # another thread was faster
            self.batch_size = n_windows // 2
            logger.warning(
                "%s: not enough memory for %d windows at a time; going on with %d",
                self.device,
                n_windows,
                self.batch_size,
            )

    def _check(self, chunk: NDArray[np.float32], rows: NDArray[np.float64]) -> None:
        """Refuse what overflowed: half precision ends at 65504.

        Raises
        ------
        ModelError
        """
        lost = ~np.isfinite(rows).all(axis=1)
        if self._dtype != torch.float16 or not lost.any():
            return
        if np.isfinite(chunk[lost]).all(axis=(1, 2)).any():
            raise ModelError(
                "numbers in this network become too large for half precision; use "
                'precision="float32", or another engine'
            )

    def _fitting_batch_size(self) -> int:
        """Measure a small batch, and see how many windows fit into the free memory of now."""
        shape = (_MEASURED, 3, self.card.preprocessing.n_samples)
        with torch.inference_mode():
            windows = torch.zeros(shape, device=self.device)
            self.forward(windows)  # loads kernels, which take memory of their own once
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device) - windows.nbytes
            self.forward(windows)
            peak = torch.cuda.max_memory_allocated(self.device)
        # The lanes' streams do not wait for this one, on which also the weights were copied.
        torch.cuda.synchronize(self.device)
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(self.device)
        return _batch_that_fits(free, (peak - before) / _MEASURED, _LANES_CUDA)


class _Lane:
    """What one call at a time needs: a stream, and memory that the device can copy from by itself.

    Lanes belong to the engine and not to threads: threads come and go with each prediction, and
    what the allocator keeps for the stream of a thread that is gone serves no other.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cuda_stream = _new_stream(device)
        self._buffer = torch.empty(0)

    @property
    def stream(self) -> AbstractContextManager[None]:
        """Context in which the device works on this lane's stream; no change on the CPU."""
        if self._cuda_stream is None:
            return nullcontext()
        return torch.cuda.stream(self._cuda_stream)

    def to_device(self, windows: NDArray[np.float32]) -> Tensor:
        """Copy windows; on CUDA, the copy is only begun. Valid until the next call."""
        if self._cuda_stream is not None:
            # After an error the last copy may still be reading the buffer.
            self._cuda_stream.synchronize()
        if self._buffer.shape[1:] != windows.shape[1:] or len(self._buffer) < len(windows):
            self._buffer = torch.empty(
                windows.shape, dtype=torch.float32, pin_memory=self._cuda_stream is not None
            )
        buffer = self._buffer[: len(windows)]
        np.copyto(buffer.numpy(), windows)
        return buffer.to(self._device, non_blocking=True)


def _new_stream(device: torch.device) -> torch.cuda.Stream | None:
    if device.type != "cuda":
        return None
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _numbered(device: torch.device) -> torch.device:
    """Name the current CUDA device by its number: each thread has a current one of its own."""
    if device.type == "cuda":
        return torch.device("cuda", torch.cuda.current_device())
    return device


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision not in PRECISIONS:
        raise ParameterError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "auto":
        precision = "half" if device.type == "cuda" else "float32"
    return torch.float16 if precision == "half" else torch.float32


def _batch_that_fits(free_bytes: float, window_bytes: float, n_parallel: int) -> int:
    """Largest power of two, from 1 to 1024, of windows that fit `n_parallel` times."""
    n_windows = int(_SHARE * free_bytes / (n_parallel * max(window_bytes, 1)))
    return min(1 << max(n_windows.bit_length() - 1, 0), _LARGEST_BATCH)


def _too_small(what: str, device: torch.device) -> str:
    return (
        f"{what} does not fit into the free memory of {device}; close what else uses it, or run "
        "on the CPU (--device cpu)"
    )
