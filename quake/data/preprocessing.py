"""What is done to a record before the network sees it: one frozen, saved set of numbers.

It travels inside the model file, and `predict`, `evaluate` and `export` take it from there only,
so that a model can never be run with another rate, window or spectrogram than it was trained with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from quake.errors import ParameterError
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.times import NS_PER_S

_OF_ALL_COLUMNS = "log10 magnitude, mean over time removed per component and frequency"
_OF_COMPLETE_COLUMNS = (
    "log10 magnitude of complete columns, their mean over time removed per component and frequency"
)


@dataclass(frozen=True)
class Preprocessing:
    """Rate, window, spectrogram and band of a model.

    Attributes
    ----------
    sampling_rate_hz : float
        Every record is resampled to this rate.
    window_s : float
        Length of a window in seconds.
    nperseg, hop_samples : int
        Length of the Hann window and step of the STFT, in samples at `sampling_rate_hz`.
    band_hz : (float, float)
        Lowest and highest frequency of the spectrogram rows that the network sees; the lowest
        one is also the corner of the high-pass, and must be above 0.
    components : str
        Order of the components; always "ZNE".
    filter, detrend, normalisation : str
        Names of the only methods of this version; they are written into the file so that a later
        one can tell models apart.
    spectrogram : str
        Name of the method; models trained before gaps were left out have another one, see
        `leaves_gaps_out`.
    """

    sampling_rate_hz: float = 50.0
    window_s: float = 60.0
    nperseg: int = 64
    hop_samples: int = 32
    band_hz: tuple[float, float] = (0.7, 20.0)
    components: str = "".join(COMPONENTS)
    accepts_missing_components: bool = True
    filter: str = "Butterworth high-pass of order 4 at band_hz[0], forward and backward"
    detrend: str = "linear, each gap-free piece of a window"
    normalisation: str = "z-score per component"
    spectrogram: str = _OF_COMPLETE_COLUMNS

    def __post_init__(self) -> None:
        """Refuse numbers that no window or spectrogram can be made with.

        Raises
        ------
        ParameterError
        """
        low_hz, high_hz = self.band_hz
        nyquist_hz = self.sampling_rate_hz / 2
        checks = {
            "sampling_rate_hz must be positive": self.sampling_rate_hz > 0,
            "nperseg must be 2 or more": self.nperseg >= 2,
            "hop_samples must be from 1 to nperseg": 1 <= self.hop_samples <= self.nperseg,
            f"band_hz must be 0 < low < high <= {nyquist_hz:g} Hz (Nyquist)": 0
            < low_hz
            < high_hz
            <= nyquist_hz,
            "window_s must hold a whole number of samples, and one STFT segment at least": (
                self.n_samples >= self.nperseg
                and abs(self.n_samples - self.window_s * self.sampling_rate_hz) < 1e-6
            ),
            "components must be 'ZNE'": self.components == "".join(COMPONENTS),
        }
        for sentence, fulfilled in checks.items():
            if not fulfilled:
                raise ParameterError(f"preprocessing: {sentence}; got {self}")
        for name in ("filter", "detrend", "normalisation", "spectrogram"):
            known = [type(self).__dataclass_fields__[name].default]
            if name == "spectrogram":
                known.append(_OF_ALL_COLUMNS)
            if getattr(self, name) not in known:
                raise ParameterError(
                    f"preprocessing: {name} is {getattr(self, name)!r}, this version knows "
                    f"{' and '.join(map(repr, known))} only; update quake"
                )

    @property
    def leaves_gaps_out(self) -> bool:
        """Whether columns of the spectrogram that touch a gap are left out, as they should be.

        Models of before December 2026 take them as they come.
        """
        return self.spectrogram == _OF_COMPLETE_COLUMNS

    def with_gaps_left_in(self) -> Preprocessing:
        """Preprocessing of a model of before gaps were left out."""
        return replace(self, spectrogram=_OF_ALL_COLUMNS)

    @property
    def n_samples(self) -> int:
        """Samples in a window at the model's rate."""
        return round(self.window_s * self.sampling_rate_hz)

    @property
    def window_ns(self) -> int:
        """Length of a window in nanoseconds."""
        return round(self.window_s * NS_PER_S)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {**asdict(self), "band_hz": list(self.band_hz)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Read back what `to_dict` wrote.

        Raises
        ------
        ParameterError
            If a key is unknown or missing, or a value makes no sense.
        """
        known = {f.name for f in fields(cls)}
        if set(values) != known:
            raise ParameterError(
                f"preprocessing: keys {sorted(set(values) ^ known)} are unknown or missing; "
                "the model was written by another version of quake"
            )
        try:
            low_hz, high_hz = values["band_hz"]
            return cls(**{**values, "band_hz": (float(low_hz), float(high_hz))})
        except (TypeError, ValueError) as error:
            raise ParameterError(f"preprocessing: {error}") from error
