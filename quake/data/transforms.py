"""Waveforms to spectrograms: z-score, STFT, band, logarithm, each a module without weights.

All take NumPy arrays or tensors, single ``(C, N)`` or batched ``(B, C, N)``, and return tensors
with the same leading axes, on the device they were given. Integers become float64; floats keep
their precision until `ToTensor` makes float32 of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quake.data.preprocessing import Preprocessing
from quake.errors import ParameterError

Array = NDArray[Any] | Tensor

# Relative to unit variance: 80 dB down; what lies lower was not recorded but resampled or rounded.
LOG_FLOOR = 1e-4

# A standard deviation below this share of the largest absolute value is what rounding leaves of a
# constant.
_EPS = 1e-7


def as_float_tensor(values: Array) -> Tensor:
    """View an array as a tensor of real floats; complex numbers become magnitudes.

    Raises
    ------
    ParameterError
        If there are no numbers in it.
    """
    if not isinstance(values, Tensor):
        array = np.asarray(values)
        if array.dtype.kind not in "iufcb":
            raise ParameterError(f"an array of numbers was expected, got dtype {array.dtype}")
        # Foreign byte order (big-endian miniSEED), negative strides and read-only memory are
        # unknown to torch.
        values = torch.from_numpy(np.require(array, array.dtype.newbyteorder("="), ["C", "W"]))
    if values.is_complex():
        return values.abs()
    return values if values.is_floating_point() else values.to(torch.float64)


def _waveforms(values: Array) -> Tensor:
    tensor = as_float_tensor(values)
    if tensor.ndim not in (2, 3) or tensor.shape[-1] == 0:
        raise ParameterError(
            f"waveforms have shape (C, N) or (B, C, N) with N > 0, got {tuple(tensor.shape)}"
        )
    return tensor


class ToTensor(nn.Module):
    """Make a float32 tensor of an array; complex values become magnitudes.

    Shapes are kept.
    """

    def forward(self, values: Array) -> Tensor:
        """Array or tensor of any shape -> float32 tensor of that shape."""
        return as_float_tensor(values).to(torch.float32)


class ZScore(nn.Module):
    """Remove the mean of each component and divide by its standard deviation.

    A constant component becomes zero: nothing is divided by nothing.

    Parameters
    ----------
    eps : float
        A standard deviation below this share of the largest absolute value counts as zero; it is
        what rounding leaves of a constant.

    Examples
    --------
    >>> ZScore()(np.array([[1.0, 3.0], [5.0, 5.0]]))
    tensor([[-1.,  1.],
            [ 0.,  0.]], dtype=torch.float64)
    """

    def __init__(self, eps: float = _EPS) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, waveforms: Array) -> Tensor:
        """(C, N) or (B, C, N) -> the same shape, mean 0 and variance 1 along N."""
        x = _waveforms(waveforms)
        # Dividing by the largest value first keeps squares of 1e20 and of 1e-25 representable.
        largest = x.abs().amax(-1, keepdim=True)
        safe = torch.where(largest > 0, largest, torch.ones_like(largest))
        x = x / safe
        x = x - x.mean(-1, keepdim=True)
        std = (x * x).mean(-1, keepdim=True).sqrt()
        return torch.where(std > self.eps, x / std.clamp_min(self.eps), torch.zeros_like(x))

    def extra_repr(self) -> str:
        """Show all parameters."""
        return f"eps={self.eps:g}"


class STFTTransform(nn.Module):
    """Short-time Fourier transform with a periodic Hann window.

    Agrees with ``scipy.signal.ShortTimeFFT(hann(nperseg, sym=False), hop, fs)``: column ``p`` is
    centred on sample ``p * hop``, samples before the beginning and after the end are zeros, and
    there is a column for each window that touches the signal.

    Parameters
    ----------
    nperseg : int
        Length of the window, samples.
    hop : int
        Step between columns, samples.
    output : {"magnitude", "power", "complex"}
        ``abs(S)``, ``abs(S)**2``, or S itself.

    Notes
    -----
    Row ``k`` is the frequency ``k * sampling_rate_hz / nperseg``. No scaling is applied.

    Examples
    --------
    >>> STFTTransform(nperseg=64, hop=32)(np.zeros((3, 3000))).shape
    torch.Size([3, 33, 95])
    """

    window: Tensor

    def __init__(self, nperseg: int = 64, hop: int = 32, output: str = "magnitude") -> None:
        super().__init__()
        if nperseg < 2 or not 1 <= hop <= nperseg:
            raise ParameterError(
                f"nperseg must be 2 or more and hop from 1 to nperseg, got {nperseg} and {hop}"
            )
        if output not in ("magnitude", "power", "complex"):
            raise ParameterError(
                f"output must be 'magnitude', 'power' or 'complex', got {output!r}"
            )
        self.nperseg, self.hop, self.output = nperseg, hop, output
        self.register_buffer(
            "window", torch.hann_window(nperseg, dtype=torch.float64), persistent=False
        )

    def forward(self, waveforms: Array) -> Tensor:
        """(C, N) or (B, C, N) -> (C, F, T) or (B, C, F, T); F = nperseg // 2 + 1."""
        x = _waveforms(waveforms)
        flat = self._pad(x.reshape(-1, x.shape[-1]))
        spectrum = torch.stft(
            flat,
            self.nperseg,
            self.hop,
            window=self.window.to(device=x.device, dtype=x.dtype),
            center=False,
            return_complex=True,
        )
        spectrum = spectrum.reshape(*x.shape[:-1], *spectrum.shape[-2:])
        if self.output == "complex":
            return spectrum * self._centre_phase(spectrum)
        magnitude = spectrum.abs()
        return magnitude if self.output == "magnitude" else magnitude.square()

    def n_columns(self, n_samples: int) -> int:
        """Columns for a signal of `n_samples` samples."""
        first, stop = self._columns(n_samples)
        return stop - first

    @property
    def first_column(self) -> int:
        """Index of the first column; column p is centred on sample p * hop."""
        return self._columns(self.nperseg)[0]

    def _columns(self, n_samples: int) -> tuple[int, int]:
        """First and stop index p of the columns; column p is centred on sample p * hop."""
        middle = self.nperseg // 2
        first = -((self.nperseg - middle - 1) // self.hop)
        # The first weight of the window is zero: it touches the signal from its second one on.
        # SciPy has the column centred at or just before the end in any case.
        last = max(n_samples // self.hop, (n_samples - 2 + middle) // self.hop)
        return first, last + 1

    def _pad(self, x: Tensor, value: float = 0.0) -> Tensor:
        first, stop = self._columns(x.shape[-1])
        before = self.nperseg // 2 - first * self.hop
        n_padded = (stop - first - 1) * self.hop + self.nperseg
        # A negative amount cuts samples that lie behind the last window.
        return nn.functional.pad(x, (before, n_padded - before - x.shape[-1]), value=value)

    def _centre_phase(self, spectrum: Tensor) -> Tensor:
        """Refer phases to the centre of each window, as ShortTimeFFT does; shape (F, 1)."""
        rows = torch.arange(spectrum.shape[-2], device=spectrum.device, dtype=torch.float64)
        phase = 2 * torch.pi * rows * (self.nperseg // 2) / self.nperseg
        return torch.polar(torch.ones_like(phase), phase)[:, None].to(spectrum.dtype)

    def extra_repr(self) -> str:
        """Show all parameters."""
        return f"nperseg={self.nperseg}, hop={self.hop}, output={self.output!r}"


class BandSelect(nn.Module):
    """Keep the rows of a spectrogram from one frequency to another, both included.

    Parameters
    ----------
    low_hz, high_hz : float
    sampling_rate_hz : float
    nperseg : int
        Of the STFT, whose row k is ``k * sampling_rate_hz / nperseg``.
    """

    def __init__(
        self, low_hz: float, high_hz: float, sampling_rate_hz: float, nperseg: int
    ) -> None:
        super().__init__()
        row_hz = sampling_rate_hz / nperseg
        self.first = int(np.ceil(low_hz / row_hz - 1e-9))
        self.last = int(np.floor(high_hz / row_hz + 1e-9))
        if self.last < self.first:
            raise ParameterError(
                f"no spectrogram row lies between {low_hz:g} and {high_hz:g} Hz: rows are "
                f"{row_hz:g} Hz apart; widen the band or raise nperseg"
            )

    def forward(self, spectrogram: Tensor) -> Tensor:
        """(..., F, T) -> (..., F', T)."""
        return spectrogram[..., self.first : self.last + 1, :]

    def extra_repr(self) -> str:
        """Show all parameters."""
        return f"rows {self.first} to {self.last}"


def _centred_logarithm(magnitude: Tensor, counted: Tensor, floor: float) -> Tensor:
    """Logarithm less its mean over the columns that count, (..., C, 1, T); zero in the others."""
    logarithm = torch.log10(magnitude + floor)
    n_columns = counted.sum(-1, keepdim=True).clamp_min(1)
    mean = (logarithm * counted).sum(-1, keepdim=True) / n_columns
    return (logarithm - mean) * counted


class LogMagnitude(nn.Module):
    """Logarithm of a magnitude relative to its mean over time, row by row.

    What is left does not depend on the spectrum of the site's noise nor on the response of the
    instrument, only on what changes within the window. Columns without any signal (gaps) are left
    out of the mean and are zero, as is a component of zeros.

    Parameters
    ----------
    floor : float
        Added before the logarithm; relative to a waveform of unit variance.
    """

    def __init__(self, floor: float = LOG_FLOOR) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, magnitude: Tensor) -> Tensor:
        """(..., C, F, T) -> the same shape, in decades."""
        there = (magnitude.amax(-2, keepdim=True) > self.floor).to(magnitude.dtype)
        return _centred_logarithm(magnitude, there, self.floor)

    def extra_repr(self) -> str:
        """Show all parameters."""
        return f"floor={self.floor:g}"


class CompleteColumns(nn.Module):
    """Which columns of an STFT have all samples that they are made of.

    A sample that is exactly zero is missing, see `quake.windows.cutting`. So is what lies before
    the window and after it.

    Parameters
    ----------
    stft : STFTTransform
    """

    def __init__(self, stft: STFTTransform) -> None:
        super().__init__()
        self.stft = stft

    def forward(self, waveforms: Tensor) -> Tensor:
        """(B, C, N) -> (B, C, 1, T): 1 for complete columns, 0 for the others."""
        missing = (waveforms == 0).to(torch.float32)
        columns = nn.functional.max_pool1d(
            self.stft._pad(missing, value=1.0), self.stft.nperseg, self.stft.hop
        )
        return (1 - columns).unsqueeze(-2)


class GapAwareZScore(nn.Module):
    """Remove the mean of each component and divide by its standard deviation, gaps left out.

    Samples that are exactly zero are missing; they stay zero and count for nothing.
    """

    def forward(self, waveforms: Tensor) -> Tensor:
        """(B, C, N) -> the same shape, mean 0 and variance 1 along N where there is data."""
        there = (waveforms != 0).to(waveforms.dtype)
        n = there.sum(-1, keepdim=True).clamp_min(1)
        # Dividing by the largest value first keeps squares of 1e20 and of 1e-25 representable.
        largest = waveforms.abs().amax(-1, keepdim=True)
        x = waveforms / torch.where(largest > 0, largest, torch.ones_like(largest))
        x = (x - x.sum(-1, keepdim=True) / n) * there
        std = ((x * x).sum(-1, keepdim=True) / n).sqrt()
        return torch.where(std > _EPS, x / std.clamp_min(_EPS), torch.zeros_like(x))


class CentredLogarithm(nn.Module):
    """Logarithm of a magnitude relative to its mean over the complete columns, row by row.

    What is left does not depend on the spectrum of the site's noise nor on the response of the
    instrument, only on what changes within the window. Incomplete columns are zero, which is what
    a column is in which nothing happens: whatever is missing, the others stay as they are.

    Parameters
    ----------
    floor : float
        Added before the logarithm; relative to a waveform of unit variance.
    """

    def __init__(self, floor: float = LOG_FLOOR) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, magnitude: Tensor, complete: Tensor) -> Tensor:
        """(..., C, F, T) and (..., C, 1, T) -> (..., C, F, T), in decades."""
        return _centred_logarithm(magnitude, complete, self.floor)

    def extra_repr(self) -> str:
        """Show all parameters."""
        return f"floor={self.floor:g}"


class GapAwareSpectrogram(nn.Module):
    """From windows to what the network sees; what touches a gap is left out.

    Parameters
    ----------
    preprocessing : Preprocessing
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        p = preprocessing
        self.stft = STFTTransform(p.nperseg, p.hop_samples)
        self.complete = CompleteColumns(self.stft)
        self.z_score = GapAwareZScore()
        self.band = BandSelect(*p.band_hz, p.sampling_rate_hz, p.nperseg)
        self.logarithm = CentredLogarithm()

    def forward(self, waveforms: Array) -> Tensor:
        """(C, N) or (B, C, N) -> (C, F', T) or (B, C, F', T)."""
        x = _waveforms(waveforms)
        batch = x if x.ndim == 3 else x[None]
        magnitude = self.band(self.stft(self.z_score(batch)))
        found: Tensor = self.logarithm(magnitude, self.complete(batch).to(magnitude.dtype))
        return found if x.ndim == 3 else found[0]


def build_transform(preprocessing: Preprocessing) -> nn.Sequential:
    """Chain of modules from windows (B, 3, N) to what the network sees, (B, 3, F', T)."""
    p = preprocessing
    if p.leaves_gaps_out:
        return nn.Sequential(GapAwareSpectrogram(p), ToTensor())
    return nn.Sequential(
        ZScore(),
        STFTTransform(p.nperseg, p.hop_samples),
        BandSelect(*p.band_hz, p.sampling_rate_hz, p.nperseg),
        LogMagnitude(),
        ToTensor(),
    )
