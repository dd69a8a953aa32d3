"""Pass what lies between two frequencies, for the eye.

What people look for in a record of local events lies between 1 and 20 Hz. Below are microseisms,
which are larger; above are machines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.errors import ParameterError
from quake.pictures.envelope import is_possible
from quake.waveforms.segments import Segment

Floats = NDArray[np.float64]

# The impulse response of the high-pass is down to a thousandth after so many periods.
_REACH_PERIODS = 4.0

# From this share of the Nyquist frequency on there is nothing to cut off.
_ALL = 0.9

# Lengths of FFTs that are quick, as multiples of powers of two.
_FACTORS = (1.0, 1.125, 1.25, 1.5, 1.6875, 1.875)


@dataclass(frozen=True)
class Band:
    """Lower and upper corner of what is drawn.

    Attributes
    ----------
    low_hz, high_hz : float

    Raises
    ------
    ParameterError
        If they are no band.
    """

    low_hz: float = 1.0
    high_hz: float = 20.0

    def __post_init__(self) -> None:
        """Refuse what is no band."""
        if not 0 < self.low_hz < self.high_hz < math.inf:
            raise ParameterError(
                f"a band must have two frequencies above 0, the lower one first, got "
                f"{self.low_hz:g} and {self.high_hz:g} Hz"
            )

    @classmethod
    def parse(cls, text: str) -> Band | None:
        """Read ``1-20``; ``raw`` is None.

        Raises
        ------
        ParameterError

        Examples
        --------
        >>> Band.parse("2-8"), Band.parse("raw")
        (Band(low_hz=2.0, high_hz=8.0), None)
        """
        if text == "raw":
            return None
        low, _, high = text.partition("-")
        try:
            return cls(float(low), float(high))
        except ValueError as error:
            raise ParameterError(
                f"{text!r} is no band; two frequencies in Hz were expected, as in 1-20, or raw"
            ) from error

    @property
    def reach_s(self) -> float:
        """How far a sample has an influence, s."""
        return _REACH_PERIODS / self.low_hz

    def fits(self, sampling_rate_hz: float) -> bool:
        """Whether records of a rate have anything in the band."""
        return self.low_hz < _ALL * sampling_rate_hz / 2

    def name(self, sampling_rate_hz: float) -> str:
        """What is shown of records of a rate.

        Examples
        --------
        >>> Band().name(100), Band().name(20), Band().name(1)
        ('1 to 20 Hz', 'above 1 Hz', 'unfiltered')
        """
        if not self.fits(sampling_rate_hz):
            return "unfiltered"
        if self.high_hz >= _ALL * sampling_rate_hz / 2:
            return f"above {self.low_hz:g} Hz"
        return f"{self.low_hz:g} to {self.high_hz:g} Hz"


def filtered(segment: Segment, band: Band | None) -> Segment:
    """Filter a segment without a delay.

    The response is that of Butterworth filters of order 4 which are run forward and backward,
    ``1 / (1 + (fl / f)^8) / (1 + (f / fh)^8)``. At its ends the segment is prolonged by its own
    point reflection, so that neither an offset nor a trend makes a step there.

    Parameters
    ----------
    segment : Segment
        NaN, infinite and absurd values are bridged, and are NaN in the result.
    band : Band or None
        None gives the segment as it is, as a rate does that has nothing in the band.
    """
    rate_hz = segment.sampling_rate_hz
    if band is None or not band.fits(rate_hz) or len(segment.samples) < 2:
        return segment
    samples, possible = _bridged(segment.samples)
    n_pad = min(math.ceil(band.reach_s * rate_hz), len(samples) - 1)
    longer = np.pad(samples, n_pad, mode="reflect", reflect_type="odd")
    longer -= np.linspace(longer[0], longer[-1], len(longer))
    n_fft = _quick_length(len(longer))
    spectrum = np.fft.rfft(longer, n_fft)
    frequencies_hz = np.asarray(np.fft.rfftfreq(n_fft, 1 / rate_hz), np.float64)
    spectrum *= _response(frequencies_hz, band, rate_hz)
    passed = np.fft.irfft(spectrum, n_fft)[n_pad : n_pad + len(samples)]
    if not possible.all():
        passed[~possible] = np.nan
    return replace(segment, samples=passed)


def _bridged(samples: NDArray[Any]) -> tuple[Floats, NDArray[np.bool_]]:
    """Samples with straight lines over bad ones, and which are good."""
    possible = is_possible(samples)
    values = np.where(possible, samples, 0).astype(np.float64)
    if not possible.all() and possible.any():
        good = np.flatnonzero(possible)
        values = np.interp(np.arange(len(values)), good, values[good])
    return values, possible


def _response(frequencies_hz: Floats, band: Band, rate_hz: float) -> Floats:
    with np.errstate(divide="ignore"):
        response: Floats = 1 / (1 + (band.low_hz / frequencies_hz) ** 8)
    if band.high_hz < _ALL * rate_hz / 2:
        response /= 1 + (frequencies_hz / band.high_hz) ** 8
    return response


def _quick_length(n_samples: int) -> int:
    power: int = 1 << (n_samples.bit_length() - 1)
    lengths = (math.ceil(power * factor) for factor in (*_FACTORS, 2.0))
    return next(length for length in lengths if length >= n_samples)
