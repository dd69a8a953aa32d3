"""The onset network: windows in, how probable a P and an S are at each of their samples out.

A one-dimensional U-Net with the shape of PhaseNet (Zhu & Beroza, 2019, Geophysical Journal
International 216, 261-273), which ``benchmarks/train_onset_network.py`` writes. Its graph begins at
the samples: each component without its mean, over its standard deviation.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.data.preprocessing import Preprocessing
from quake.errors import ModelError
from quake.model_file.identity import model_hash
from quake.model_file.onnx_session import metadata_of, open_session

RATE_HZ = 100.0
N_SAMPLES = 3001

PREPROCESSING = Preprocessing(
    sampling_rate_hz=RATE_HZ,
    window_s=N_SAMPLES / RATE_HZ,
    nperseg=128,
    hop_samples=64,
    band_hz=(0.7, 20.0),
)
"""How records are cut for it: above 0.7 Hz; it has no spectrogram."""

_SHAPES = [["windows", [3, N_SAMPLES]], ["phases", [2, N_SAMPLES]]]


class OnsetNetwork:
    """Runs the network with ONNX Runtime, in one thread.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ModelError
        If the file is missing, or is no such network.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._session = open_session(path)
        self.hash = model_hash(path)
        found = [
            [tensor.name, list(tensor.shape)[1:]]
            for tensor in (*self._session.get_inputs(), *self._session.get_outputs())
        ]
        if found != _SHAPES:
            raise ModelError(
                f"{path}: its graph has {str(found)[:200]}; an onset network has {_SHAPES}; "
                "install quake again"
            )

    @property
    def about(self) -> dict[str, Any]:
        """What it was trained on; empty if the file does not say it."""
        about: dict[str, Any] = json.loads(metadata_of(self._session).get("quake_onsets", "{}"))
        return about

    def phases(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of P and S at each sample.

        Parameters
        ----------
        windows : array of shape (B, 3, 3001)
            Z, N, E at 100 Hz, in any units; zeros where there is no data.

        Returns
        -------
        array of shape (B, 2, 3001)
            Those of a window depend on it alone.
        """
        # One at a time: what else is in a batch changes the last digits, and costs no less.
        rows = [
            self._session.run(None, {"windows": windows[i : i + 1]})[0] for i in range(len(windows))
        ]
        return np.concatenate(rows) if rows else np.zeros((0, 2, N_SAMPLES), np.float32)


@lru_cache(maxsize=1)
def bundled_network() -> OnsetNetwork:
    """The network that comes with the package, loaded once a process."""
    return OnsetNetwork(Path(str(files("quake") / "bundled" / "onsets.onnx")))
