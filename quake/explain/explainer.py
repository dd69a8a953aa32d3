"""Explain what a model says of one window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quake.data.transforms import BandSelect, STFTTransform, build_transform
from quake.errors import ParameterError
from quake.explain.class_map import class_map, log_odds
from quake.explain.explanation import Change, Explanation
from quake.explain.model_file import refuse_graph
from quake.explain.occlusion import HiddenPart, band_parts, component_parts, hide, time_parts
from quake.model_file.safetensors_file import load_model
from quake.models.network import Network
from quake.waveforms.ids import COMPONENTS
from quake.windows.grid import Window

N_STRETCHES = 12
"""Of a window: five seconds each in a minute."""


class Explainer:
    """Says of a window what the model saw in it, and what of that spoke for a class.

    Runs on the CPU, in float32.

    Parameters
    ----------
    model : path of a model file
        Not of an ONNX file: gradients cannot be taken through that.

    Attributes
    ----------
    card : ModelCard

    Raises
    ------
    ModelError
        If the file is missing, damaged or incompatible.
    ParameterError
        If it is an exported graph.
    """

    def __init__(self, model: str | Path) -> None:
        refuse_graph(model)
        self.card, network = load_model(model)
        assert isinstance(network, Network)
        self._network = network.eval().requires_grad_(False)
        self._transform = build_transform(self.card.preprocessing)

    def explain(self, window: Window, name: str | None = None) -> Explanation:
        """Explain a window.

        Parameters
        ----------
        window : Window
            With the status "usable".
        name : str, optional
            Class; the most probable one by default.

        Raises
        ------
        LabelError
            If the model does not know the class.
        ParameterError
            If the window is not usable.
        """
        if window.status != "usable":
            raise ParameterError(
                f"{window.id}: the window is {window.status} ({' '.join(window.flags)}), so no "
                "model saw it"
            )
        spectrogram = self._spectrogram(window.samples)
        whole = self._logits(spectrogram[None])
        names = self.card.labels.names
        index = int(whole[0].argmax()) if name is None else self.card.labels.index(name)
        odds = float(log_odds(whole, index)[0])
        frequencies_hz, seconds = self._axes(spectrogram)
        return Explanation(
            name=names[index],
            probability=float(torch.softmax(whole, 1)[0, index]),
            log_odds=odds,
            components=self._components(spectrogram, window.components, index, odds),
            bands=self._bands(spectrogram, index, odds),
            times=self._times(spectrogram, seconds, index, odds),
            map=class_map(self._network, spectrogram.clone(), index),
            spectrogram=spectrogram.numpy(),
            frequencies_hz=frequencies_hz,
            seconds=seconds,
        )

    def _spectrogram(self, samples: NDArray[np.float32]) -> Tensor:
        """What the network sees, (3, F, T), of samples (3, N)."""
        with torch.inference_mode():
            spectrogram: Tensor = self._transform(samples[None])[0]
        return spectrogram.clone()  # outside of inference mode, for gradients

    def _logits(self, spectrograms: Tensor) -> Tensor:
        """Calibrated logits (B, K), float64, of spectrograms (B, 3, F, T)."""
        with torch.no_grad():
            logits: Tensor = self._network(spectrograms).double()
        return logits / self.card.calibration.temperature

    def _axes(self, spectrogram: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Frequencies of the rows in Hz, and centres of the columns in seconds."""
        p = self.card.preprocessing
        _, n_rows, n_columns = spectrogram.shape
        rows = self._first_row + np.arange(n_rows)
        columns = self._stft.first_column + np.arange(n_columns)
        row_hz, column_s = p.sampling_rate_hz / p.nperseg, p.hop_samples / p.sampling_rate_hz
        return rows * np.float64(row_hz), columns * np.float64(column_s)

    @property
    def _stft(self) -> STFTTransform:
        return next(m for m in self._transform.modules() if isinstance(m, STFTTransform))

    @property
    def _first_row(self) -> int:
        return next(m.first for m in self._transform.modules() if isinstance(m, BandSelect))

    def _components(
        self, spectrogram: Tensor, recorded: str, index: int, odds: float
    ) -> dict[str, Change]:
        parts = component_parts(spectrogram.shape)
        ends = [self.card.preprocessing.band_hz] * len(parts)
        changes = self._changes(spectrogram, parts, ends, index, odds)
        return {c: v for c, v in zip(COMPONENTS, changes, strict=True) if c in recorded}

    def _bands(self, spectrogram: Tensor, index: int, odds: float) -> tuple[Change, ...]:
        p = self.card.preprocessing
        row_hz = p.sampling_rate_hz / p.nperseg
        parts = band_parts(spectrogram.shape, self._first_row)
        bounds = [
            [row_hz * (self._first_row + row - 0.5) for row in part.rows]  # half-way between rows
            for part in parts
        ]
        ends = [(max(low, p.band_hz[0]), min(high, p.band_hz[1])) for low, high in bounds]
        return self._changes(spectrogram, parts, ends, index, odds)

    def _times(
        self, spectrogram: Tensor, seconds: NDArray[np.float64], index: int, odds: float
    ) -> tuple[Change, ...]:
        window_s = self.card.preprocessing.window_s
        places = np.clip(seconds * N_STRETCHES / window_s, 0, N_STRETCHES - 1).astype(int).tolist()
        length_s = window_s / N_STRETCHES
        ends = [(length_s * place, length_s * (place + 1)) for place in dict.fromkeys(places)]
        parts = time_parts(spectrogram.shape, places)
        return self._changes(spectrogram, parts, ends, index, odds)

    def _changes(
        self,
        spectrogram: Tensor,
        parts: Sequence[HiddenPart],
        ends: Sequence[tuple[float, float]],
        index: int,
        odds: float,
    ) -> tuple[Change, ...]:
        logits = self._logits(torch.stack([hide(spectrogram, part) for part in parts]))
        found = torch.softmax(logits, 1)[:, index].tolist()
        left = log_odds(logits, index).tolist()
        return tuple(
            Change(low, high, probability, odds - without)
            for (low, high), probability, without in zip(ends, found, left, strict=True)
        )
