"""Compute the power of a component by frequency and column of pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from quake.pictures.envelope import bad_columns, first_samples
from quake.waveforms.segments import Segment
from quake.waveforms.times import NS_PER_S
from quake.windows.timeline import ABSURD_AMPLITUDE

Floats = NDArray[np.float64]

# Length of what is transformed at a time: it tells frequencies 0.4 Hz apart, and times as far
# apart as a local earthquake is long. Short records get finer in time and coarser in frequency.
_PIECE_S = 2.56
_PIECES_OF_A_RECORD = 48
_SHORTEST_PIECE_S = 0.64
_FEWEST_SAMPLES = 16

# Pieces that are transformed at once, so that memory does not grow with the record.
_AT_ONCE = 1024


class Spectrogram:
    """Mean power of equal parts of a time.

    Parameters
    ----------
    start_ns, end_ns : int
        ns since the epoch; the end is exclusive.
    top_hz : float
        Highest frequency.
    rate_hz : float
        Highest sampling rate that will come; what has far lower ones is left out.
    most_columns : int
        There are fewer for records that are short.

    Attributes
    ----------
    frequencies_hz : array of shape (F,)
        Middles of the rows.
    row_hz : float
        Distance of two rows.
    power : array of shape (F, T)
        counts²/Hz, the sum over pieces.
    """

    def __init__(
        self, start_ns: int, end_ns: int, top_hz: float, rate_hz: float, most_columns: int
    ) -> None:
        self.start_ns, self.end_ns, self.top_hz = start_ns, end_ns, top_hz
        length_s = (end_ns - start_ns) / NS_PER_S
        shortest_s = max(min(_SHORTEST_PIECE_S, length_s / 4), _FEWEST_SAMPLES / rate_hz)
        self.piece_s = max(min(_PIECE_S, length_s / _PIECES_OF_A_RECORD), shortest_s)
        n_columns = int(min(most_columns, max(8 * length_s / self.piece_s, 1)))
        self.column_s = length_s / n_columns
        self.row_hz = 1 / self.piece_s
        # From 1: the mean of a piece says nothing.
        self.frequencies_hz = np.arange(1, math.floor(top_hz * self.piece_s + 1e-9) + 1.0)
        self.frequencies_hz *= self.row_hz
        self.power: Floats = np.zeros((len(self.frequencies_hz), n_columns))
        self._counts: Floats = np.zeros(self.power.shape)
        self._recorded = np.zeros(n_columns, np.bool_)

    def add(self, segment: Segment, from_ns: int, until_ns: int) -> None:
        """Take in samples.

        Parameters
        ----------
        segment : Segment
        from_ns, until_ns : int
            Pieces whose middles lie between these are counted: the samples of half a piece on
            either side may come more than once.
        """
        n_columns = self.power.shape[1]
        first, edges = first_samples(segment, self.start_ns, self.end_ns, n_columns)
        is_good = (edges[1:] > edges[:-1]) & ~bad_columns(segment, edges)
        self._recorded[first : first + len(is_good)] |= is_good
        rate_hz = segment.sampling_rate_hz
        n_piece = round(self.piece_s * rate_hz)
        hop = max(1, math.floor(min(self.piece_s / 2, self.column_s) * rate_hz))
        if not _FEWEST_SAMPLES / 4 <= n_piece <= len(segment.samples):
            return
        if not len(self.frequencies_hz):
            return
        pieces = np.lib.stride_tricks.sliding_window_view(segment.samples, n_piece)[::hop]
        middle_s = (np.arange(len(pieces)) * hop + n_piece / 2) / rate_hz
        since_s = (segment.start_ns - self.start_ns) / NS_PER_S
        low_s, high_s = (
            (max(from_ns, self.start_ns) - segment.start_ns) / NS_PER_S,
            (min(until_ns, self.end_ns) - segment.start_ns) / NS_PER_S,
        )
        chosen = np.flatnonzero((middle_s >= low_s) & (middle_s < high_s))
        columns = ((since_s + middle_s) / self.column_s).astype(np.int64).clip(0, n_columns - 1)
        for first in range(0, len(chosen), _AT_ONCE):
            some = chosen[first : first + _AT_ONCE]
            self._count(pieces[some[0] : some[-1] + 1], columns[some], rate_hz)

    def decibels(self) -> Floats:
        """Mean power, shape (F, T), in dB of 1 count²/Hz; NaN where nothing was recorded.

        Columns at the ends of what was recorded, where no piece has its middle, are as those
        beside them.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            decibels = 10 * np.log10(self.power / self._counts)
        decibels[~np.isfinite(decibels)] = np.nan
        return self._with_ends(decibels)

    def _count(
        self, pieces: NDArray[np.generic], columns: NDArray[np.int64], rate_hz: float
    ) -> None:
        spectra = _spectra(pieces, rate_hz)
        there = np.isfinite(spectra).all(axis=1)
        # Row k is k / piece_s at any rate, but for the rounding of the length of a piece.
        spectra, columns = spectra[there], columns[there]
        n_rows = min(len(self.frequencies_hz), spectra.shape[1] - 1)
        used, at = np.unique(columns, return_index=True)
        if not len(used):
            return
        sums = np.add.reduceat(spectra[:, 1 : 1 + n_rows], at, axis=0)
        self.power[:n_rows, used] += sums.T
        self._counts[:n_rows, used] += np.diff(np.append(at, len(columns)))

    def _with_ends(self, decibels: Floats) -> Floats:
        empty = np.isnan(decibels).all(axis=0)
        known = np.flatnonzero(~empty)
        wanted = np.flatnonzero(empty & self._recorded)
        if not (len(known) and len(wanted)):
            return decibels
        after = known[np.searchsorted(known, wanted).clip(max=len(known) - 1)]
        before = known[(np.searchsorted(known, wanted) - 1).clip(min=0)]
        nearest = np.where(abs(after - wanted) <= abs(wanted - before), after, before)
        is_near = abs(nearest - wanted) <= math.ceil(self.piece_s / self.column_s)
        decibels[:, wanted[is_near]] = decibels[:, nearest[is_near]]
        return decibels


def _spectra(pieces: NDArray[np.generic], rate_hz: float) -> Floats:
    """Power spectral density of pieces (P, N), shape (P, N // 2 + 1); NaN of bad ones."""
    x = pieces.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        x[~(np.abs(x) <= ABSURD_AMPLITUDE).all(axis=1)] = np.nan
        x -= x.mean(axis=1, keepdims=True)
        hann = np.hanning(x.shape[1] + 1)[:-1]
        transformed = np.fft.rfft(x * hann, axis=1)
        return np.asarray(np.abs(transformed) ** 2 * (2 / (rate_hz * (hann @ hann))))
