"""What every generator of this package returns: samples whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.errors import ParameterError

Array = NDArray[np.float64]

EARTHQUAKE, SURFACE_EVENT, NOISE = "earthquake", "surface_event", "noise"
LABELS = (EARTHQUAKE, SURFACE_EVENT, NOISE)


@dataclass(frozen=True)
class SyntheticRecord:
    """A synthetic record of three components and what is true of it.

    Attributes
    ----------
    samples : (3, N) float64
        Ground velocity in m/s; Z, N, E.
    sampling_rate_hz : float
    label : str
        "earthquake", "surface_event" or "noise".
    onset_s : float or None
        Seconds from the first sample to the P wave of an earthquake, or to the moment when the
        envelope of a surface event passes a tenth of its largest value; None for noise.
    s_s : float or None
        Seconds from the first sample to the S wave of an earthquake. It may lie behind the end.
    truth : mapping
        Everything else that was drawn, in the units that its names say.
    """

    samples: Array
    sampling_rate_hz: float
    label: str
    onset_s: float | None = None
    s_s: float | None = None
    truth: Mapping[str, Any] = field(default_factory=dict)

    @property
    def p_s(self) -> float | None:
        """Seconds from the first sample to the P wave; None for all but earthquakes."""
        return self.onset_s if self.label == EARTHQUAKE else None

    @property
    def onset_index(self) -> int | None:
        """Sample nearest to the onset."""
        return _index(self.onset_s, self.sampling_rate_hz)

    @property
    def p_index(self) -> int | None:
        """Sample nearest to the P wave."""
        return _index(self.p_s, self.sampling_rate_hz)

    @property
    def s_index(self) -> int | None:
        """Sample nearest to the S wave; it may lie behind the end."""
        return _index(self.s_s, self.sampling_rate_hz)


def _index(time_s: float | None, sampling_rate_hz: float) -> int | None:
    return None if time_s is None else round(time_s * sampling_rate_hz)


def count_samples(window_s: float, sampling_rate_hz: float) -> int:
    """Samples in a window.

    Raises
    ------
    ParameterError
        If there are fewer than 64, too few to hold an event or a spectrum.
    """
    n_samples = round(window_s * sampling_rate_hz) if window_s * sampling_rate_hz < 1e8 else -1
    if not n_samples >= 64:
        raise ParameterError(
            f"a synthetic window needs 64 to 1e8 samples; got window_s={window_s:g} at "
            f"sampling_rate_hz={sampling_rate_hz:g}"
        )
    return n_samples
