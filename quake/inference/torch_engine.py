"""The torch engine: windows (B, 3, N) in, probabilities (B, K) out, on the CPU or on CUDA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from quake.checkpoint import ModelCard, load_model
from quake.data.transforms import build_transform
from quake.models.device import choose_device


class TorchEngine:
    """Runs a model file with torch.

    Parameters
    ----------
    path : model file
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    ModelError
        If the file cannot be used.
    ParameterError
        If the device is unknown or not there.
    """

    def __init__(self, path: str | Path, device: str = "auto") -> None:
        self.device = choose_device(device)
        self.card: ModelCard
        self.card, model = load_model(path)
        self._transform = build_transform(self.card.preprocessing)
        self._model = model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def probabilities(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Calibrated probabilities, (B, K), of windows (B, 3, N)."""
        with torch.inference_mode():
            spectrograms = self._transform(torch.from_numpy(windows).to(self.device))
            logits = self._model(spectrograms.contiguous(memory_format=torch.channels_last))
            scaled = logits.double() / self.card.calibration.temperature
            probabilities: NDArray[np.float64] = torch.softmax(scaled, dim=1).cpu().numpy()
        return probabilities
