"""Join transforms, network and softmax: from waveforms (B, 3, N) to probabilities (B, K).

It is made of operators that every runtime has: the Fourier transform is a convolution with rows of
the DFT, and batch norms are part of the convolutions before them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from quake.data.preprocessing import Preprocessing
from quake.data.transforms import (
    BandSelect,
    CentredLogarithm,
    CompleteColumns,
    GapAwareZScore,
    LogMagnitude,
    STFTTransform,
    ZScore,
)
from quake.model_file.card import ModelCard
from quake.models.fold import fold_batch_norm

# Floats in the longest vector of today's processors.
_VECTOR = 16


class SpectralMagnitude(nn.Module):
    """Magnitudes of the STFT rows of a band, as a convolution with stride.

    The same numbers, but for rounding, as `STFTTransform` followed by `BandSelect`.

    Parameters
    ----------
    preprocessing : Preprocessing
    """

    basis: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        p = preprocessing
        band = BandSelect(*p.band_hz, p.sampling_rate_hz, p.nperseg)
        self.stft = STFTTransform(p.nperseg, p.hop_samples)
        self.n_rows = band.last - band.first + 1
        rows = torch.arange(band.first, band.last + 1, dtype=torch.float64)[:, None]
        # Whole turns do not matter, and without them the angles are exact in float64.
        turns = torch.remainder(rows * torch.arange(p.nperseg), p.nperseg) / p.nperseg
        angles = 2 * torch.pi * turns
        basis = torch.cat([angles.cos(), angles.sin()]) * self.stft.window
        self.register_buffer("basis", basis.to(torch.float32)[:, None], persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """(B, C, N) -> (B, C, F', T), float32."""
        batch, channels, n_samples = waveforms.shape
        padded = self.stft._pad(waveforms.reshape(-1, 1, n_samples))
        parts = nn.functional.conv1d(padded, self.basis, stride=self.stft.hop)
        real, imaginary = parts[:, : self.n_rows], parts[:, self.n_rows :]
        magnitude = torch.sqrt(real * real + imaginary * imaginary)
        return magnitude.reshape(batch, channels, self.n_rows, -1)


class AlignedLogMagnitude(nn.Module):
    """The same as `LogMagnitude`, over rows whose length is a multiple of 16.

    Runtimes sum rows in vectors that begin at round addresses. With another length each row begins
    elsewhere in a vector, and the answer for a window would depend, in its last digits, on its
    place in the batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.logarithm = LogMagnitude()

    def forward(self, magnitude: Tensor) -> Tensor:
        """(B, C, F, T) -> the same shape, in decades."""
        n_columns = magnitude.shape[-1]
        # Columns of zeros are gaps, which are left out of the mean.
        padded = nn.functional.pad(magnitude, (0, -n_columns % _VECTOR))
        found: Tensor = self.logarithm(padded)
        return found[..., :n_columns]


class GapAwareLogMagnitude(nn.Module):
    """From waveforms to logarithms of complete columns; as `GapAwareSpectrogram`.

    Rows are prolonged to a multiple of 16 columns while they are summed, see
    `AlignedLogMagnitude`.

    Parameters
    ----------
    preprocessing : Preprocessing
    """

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.z_score = GapAwareZScore()
        self.magnitude = SpectralMagnitude(preprocessing)
        self.complete = CompleteColumns(self.magnitude.stft)
        self.logarithm = CentredLogarithm()

    def forward(self, waveforms: Tensor) -> Tensor:
        """(B, C, N) -> (B, C, F', T), in decades."""
        magnitude = self.magnitude(self.z_score(waveforms))
        complete = self.complete(waveforms)
        n_columns = magnitude.shape[-1]
        more = (0, -n_columns % _VECTOR)
        found: Tensor = self.logarithm(
            nn.functional.pad(magnitude, more), nn.functional.pad(complete, more)
        )
        return found[..., :n_columns]


class WaveformToProbability(nn.Module):
    """All that a model does with windows that are cut, detrended and high-passed.

    Parameters
    ----------
    preprocessing : Preprocessing
    network : nn.Module
        From spectrograms (B, 3, F', T) to logits (B, K).
    temperature : float
    half : bool
        The network computes in float16. What is before it and after it does not: squares and
        logarithms of a spectrogram would not fit.
    """

    def __init__(
        self,
        preprocessing: Preprocessing,
        network: nn.Module,
        temperature: float,
        half: bool = False,
    ) -> None:
        super().__init__()
        self.spectrogram: nn.Module = (
            GapAwareLogMagnitude(preprocessing)
            if preprocessing.leaves_gaps_out
            else nn.Sequential(ZScore(), SpectralMagnitude(preprocessing), AlignedLogMagnitude())
        )
        self.network = network.half() if half else network
        self.temperature = temperature
        self.dtype = torch.float16 if half else torch.float32

    def forward(self, waveforms: Tensor) -> Tensor:
        """float32 (B, 3, N) -> float32 (B, K), rows of sum 1."""
        logits: Tensor = self.network(self.spectrogram(waveforms).to(self.dtype))
        return torch.softmax(logits.to(torch.float32) / self.temperature, dim=1)


def build_graph(card: ModelCard, network: nn.Module, half: bool = False) -> WaveformToProbability:
    """Join transforms, network, temperature and softmax; the network given is left as it is.

    Parameters
    ----------
    card : ModelCard
    network : nn.Module
        As `quake.model_file.safetensors_file.load_model` returns it.
    half : bool
        Whether the network computes in float16.

    Returns
    -------
    WaveformToProbability
        In evaluation mode, without gradients.
    """
    graph = WaveformToProbability(
        card.preprocessing, fold_batch_norm(network), card.calibration.temperature, half
    )
    return graph.eval().requires_grad_(False)
