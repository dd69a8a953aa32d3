"""Explanation of one window: what spoke for a class and what against it, as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.explain.class_map import ClassMap


@dataclass(frozen=True)
class Change:
    """What hiding one part of a window changed.

    Attributes
    ----------
    low, high : float
        Ends of a band in Hz, or of a stretch of time in seconds since the start of the window; the
        high-pass corner and the end of the band for a component.
    probability : float
        Of the class, without the part.
    evidence : float
        By how much the log-odds of the class (natural logarithm) are lower without the part:
        positive where it spoke for the class, negative where it spoke against it.
    """

    low: float
    high: float
    probability: float
    evidence: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a model saw in one window, and what of it spoke for one class.

    Attributes
    ----------
    name : str
        The class.
    probability : float
        Of the class, calibrated.
    log_odds : float
        Natural logarithm of p / (1 - p).
    components : dict of "Z", "N", "E" to Change
        Those that were recorded and used, each hidden as one that is missing.
    bands : tuple of Change
        Half-octaves, made quiet.
    times : tuple of Change
        Stretches of a twelfth of the window, made quiet.
    map : ClassMap
    spectrogram : float32 array of shape (3, F, T)
        What the network saw: log10 magnitudes relative to the mean over time of each frequency.
    frequencies_hz : float64 array of shape (F,)
    seconds : float64 array of shape (T,)
        Centres of the columns since the start of the window.
    """

    name: str
    probability: float
    log_odds: float
    components: dict[str, Change]
    bands: tuple[Change, ...]
    times: tuple[Change, ...]
    map: ClassMap
    spectrogram: NDArray[np.float32]
    frequencies_hz: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def map_on_grid(self) -> NDArray[np.float64]:
        """Class map of shape (F, T), on the rows and columns of the spectrogram."""
        return self.map.on_grid(len(self.frequencies_hz), len(self.seconds))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, without the spectrogram."""
        stride, (n_rows, n_columns) = self.map.stride, self.map.cells.shape
        return {
            "class": self.name,
            "probability": self.probability,
            "log_odds": self.log_odds,
            "components": [
                {"component": name, **_without_ends(change)}
                for name, change in self.components.items()
            ],
            "bands": [_named(change, "low_hz", "high_hz") for change in self.bands],
            "times": [_named(change, "start_s", "end_s") for change in self.times],
            "map": {
                "layer": self.map.layer,
                "frequencies_hz": _places(self.frequencies_hz, stride, n_rows),
                "seconds": _places(self.seconds, stride, n_columns),
                "values": self.map.cells.round(4).tolist(),
            },
        }


def _without_ends(change: Change) -> dict[str, float]:
    values = _named(change, "low", "high")
    return {name: values[name] for name in ("probability", "evidence")}


def _named(change: Change, low: str, high: str) -> dict[str, float]:
    values = {name: round(value, 6) for name, value in asdict(change).items()}
    return {low: values.pop("low"), high: values.pop("high"), **values}


def _places(axis: NDArray[np.float64], stride: int, n_cells: int) -> Sequence[float]:
    """Where the centres of cells lie; the last may be beyond the axis, which goes on evenly."""
    step = float(axis[1] - axis[0]) if len(axis) > 1 else 0.0
    return [round(float(axis[0]) + step * stride * cell, 6) for cell in range(n_cells)]
