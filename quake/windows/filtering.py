"""Resample and high-pass a recording once, and make its windows forget what lies around them.

One linear-phase filter does both: a resampled output is a sum of inputs up to `reach_s` away. The
whole of a recording goes through it once, in blocks of FFTs. A window must not depend on what
lies outside of it, or its answer would change with where a file begins; the filter is linear, so
what the outside did to the two ends of a window is taken away again by one matrix product,
and what the window's own reflection does there is added.

NumPy alone is used, because importing ``scipy.signal`` takes longer than a whole short run.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.float64]

# In periods of the corner: the impulse response is down to 1e-6 of its peak there.
_REACH_PERIODS = 5.6

# Half the width of the anti-alias filter's impulse response, in samples of the lower rate; its
# transition is smooth, so that nothing to speak of is left further away.
_ANTI_ALIAS_REACH_SAMPLES = 32

# Transition of the anti-alias filter as shares of the lower Nyquist frequency.
_PASS, _STOP = 0.84, 1.0

# Blocks of the FFT are this many times as long as what is lost at their ends.
_BLOCK_REACHES = 16

# So many stay in the processor's caches.
_BLOCKS_AT_A_TIME = 4


@lru_cache(maxsize=64)
def ratio(sampling_rate_hz: float, model_rate_hz: float) -> tuple[int, int]:
    """Ratio of the model's rate to a recording's, as numerator and denominator.

    Rates whose ratio is no simple fraction (99.9987 Hz) are taken as the nearest one with terms
    under a thousand; over a block of the FFT the error in time is far below a sample.
    """
    largest_term = max(1000, round(sampling_rate_hz / model_rate_hz))
    found = Fraction(model_rate_hz / sampling_rate_hz).limit_denominator(largest_term)
    return found.numerator, found.denominator


@lru_cache(maxsize=16)
def recording_filter(
    sampling_rate_hz: float, model_rate_hz: float, corner_hz: float
) -> RecordingFilter:
    """The filter for one rate; the last few are kept."""
    return RecordingFilter(sampling_rate_hz, model_rate_hz, corner_hz)


@dataclass(frozen=True)
class RecordingFilter:
    """Brings samples to the model's rate and cuts off low frequencies, without a delay.

    The response is that of a Butterworth high-pass of order 4 that is run forward and backward,

        ``|H(f)|^2 = 1 / (1 + (tan(pi fc / fs) / tan(pi f / fs))^8)``

    (Oppenheim & Schafer, Discrete-Time Signal Processing, bilinear transform), times a low-pass
    with a cosine-shaped transition from 0.84 of the lower Nyquist frequency to 1 where the rate
    changes. Its impulse response ends after `reach_s`.
    A constant and a straight line give zero, so that nothing needs to be detrended.

    Parameters
    ----------
    sampling_rate_hz, model_rate_hz : float
        Of the input and of the output.
    corner_hz : float
        fc; the response is a half there.
    """

    sampling_rate_hz: float
    model_rate_hz: float
    corner_hz: float

    @cached_property
    def up_down(self) -> tuple[int, int]:
        """Outputs for how many inputs."""
        return ratio(self.sampling_rate_hz, self.model_rate_hz)

    @cached_property
    def reach_s(self) -> float:
        """How far an input acts."""
        lower_hz = min(self.sampling_rate_hz, self.model_rate_hz)
        return max(_REACH_PERIODS / self.corner_hz, _ANTI_ALIAS_REACH_SAMPLES / lower_hz)

    @cached_property
    def reach(self) -> int:
        """The same in input samples, and a whole number of outputs too."""
        _, down = self.up_down
        return down * int(np.ceil(self.reach_s * self.sampling_rate_hz / down))

    def apply(self, padded: Samples) -> Samples:
        """Filter a stretch of samples without a gap.

        Parameters
        ----------
        padded : array of shape (reach + n + reach,)
            The samples, and `reach` more before and after them, as `reflect` makes them.

        Returns
        -------
        array of shape (ceil(n * model_rate / rate),)
            The first output is at the time of the first of the n samples.
        """
        # Overlap-save: a product of spectra is a convolution on a circle, where what is beyond one
        # end of a block comes in at the other. That spoils `reach` inputs at both ends of a block,
        # so blocks overlap by twice that, and only the outputs between are kept.
        n = len(padded) - 2 * self.reach
        n_out = int(np.ceil(n * self.model_rate_hz / self.sampling_rate_hz - 1e-9))
        n_fft, step_out = self._block
        up, down = self.up_down
        n_blocks = -(-n_out // step_out)
        # From the exact rates, not from the fraction that stands for their ratio: its error starts
        # anew in each block instead of adding up over a day.
        firsts = self.input_index(np.arange(n_blocks) * step_out)
        missing = int(firsts[-1]) + n_fft - len(padded)
        if missing > 0:
            padded = np.concatenate([padded, np.zeros(missing)])
        blocks = sliding_window_view(padded, n_fft)
        outputs = np.empty((n_blocks, step_out))
        lost = self.reach // down * up
        for some in range(0, n_blocks, _BLOCKS_AT_A_TIME):
            which = slice(some, some + _BLOCKS_AT_A_TIME)
            spectra = np.fft.rfft(blocks[firsts[which]])
            found = self._outputs(spectra, n_fft, self._response)
            outputs[which] = found[:, lost : lost + step_out]
        return outputs.reshape(-1)[:n_out]

    def input_index(self, output_index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Index of the input nearest to an output, both counted from the same instant."""
        exact = output_index * (self.sampling_rate_hz / self.model_rate_hz)
        nearest: NDArray[np.int64] = np.floor(exact + 0.5 + 1e-9).astype(np.int64)
        return nearest

    def end_effects(self, outside: Samples, n_outputs: int, *, at_end: bool = False) -> Samples:
        """What samples outside of a window do to its outputs.

        Parameters
        ----------
        outside : array of shape (B, reach)
            Column k is the sample k + 1 samples before the first one of each window; or, at the
            end, after the last one.
        n_outputs : int
            Outputs of a window.
        at_end : bool
            Whether the samples are those after the last one.

        Returns
        -------
        array of shape (B, min(n_outputs, outputs within reach))
            From the first output on; or, at the end, from the last one backwards.
        """
        up, down = self.up_down
        n_inputs, response = self._response_at_end if at_end else self._response_at_start
        n_rows = min(n_outputs, self.reach // down * up)
        signal = np.zeros((len(outside), n_inputs))
        signal[:, -self.reach :] = outside[:, ::-1]  # a circle: just before the first one
        spectra = np.fft.rfft(signal)
        return self._outputs(spectra, n_inputs, response)[:, :n_rows]

    def _outputs(self, spectra: NDArray[Any], n_inputs: int, response: NDArray[Any]) -> Samples:
        """From spectra of blocks of inputs to outputs."""
        # A block is as long in time before and after, so its bins are as wide in Hz: to leave out
        # those above the lower Nyquist frequency, or to add empty ones, is to resample. An inverse
        # FFT divides by its own length, and the forward one was longer by down / up.
        up, down = self.up_down
        n_outputs = n_inputs // down * up
        n_kept = min(n_outputs // 2 + 1, spectra.shape[1])
        return np.fft.irfft(spectra[:, :n_kept] * response[:n_kept], n_outputs) * (up / down)

    @cached_property
    def _block(self) -> tuple[int, int]:
        """Inputs of a block of the FFT, and outputs that are kept of it."""
        # Multiples of `down` inputs give multiples of `up` outputs, without a rest.
        up, down = self.up_down
        lost = self.reach // down
        length = _smooth((_BLOCK_REACHES + 2) * lost)
        return down * length, up * (length - 2 * lost)

    @cached_property
    def _response(self) -> Samples:
        """Frequency response at the bins of a block."""
        return self._response_of(self._block[0])

    @cached_property
    def _response_at_start(self) -> tuple[int, Samples]:
        """Inputs of a block around one end of a window, and the response at its bins."""
        _, down = self.up_down
        n_inputs = down * _smooth(3 * self.reach // down + 1)
        return n_inputs, self._response_of(n_inputs)

    @cached_property
    def _response_at_end(self) -> tuple[int, NDArray[np.complex128]]:
        """The same, where the last sample is not at the time of the last output."""
        # Time runs backwards here: the end is treated as a beginning. Outputs are at every
        # `down / up`-th input from the first one on, so the last input comes that much, less one,
        # after the last output; a shift in time is a phase that grows with frequency.
        up, down = self.up_down
        n_inputs, response = self._response_at_start
        late = down / up - 1  # inputs from the last output to the last input
        cycles = np.arange(len(response)) / n_inputs
        return n_inputs, response * np.exp(2j * np.pi * cycles * late)

    def _response_of(self, n_inputs: int) -> Samples:
        """Frequency response of the kernel that ends after `reach`, for blocks of a length."""
        # Lags on a circle: the second half of a block are the negative ones. The kernel is even, so
        # its spectrum is real.
        lag = np.minimum(np.arange(n_inputs), n_inputs - np.arange(n_inputs))
        kernel = np.where(lag <= self.reach, self._kernel[np.minimum(lag, self.reach)], 0.0)
        response: Samples = np.fft.rfft(kernel).real
        return response

    @cached_property
    def _kernel(self) -> Samples:
        """Impulse response at lags from 0 to `reach`; it is symmetric."""
        n_fft, _ = self._block
        frequency_hz = np.arange(n_fft // 2 + 1) * (self.sampling_rate_hz / n_fft)
        kernel = np.fft.irfft(self._ideal(frequency_hz), n_fft)[: self.reach + 1]
        # An edge, however small, would spread over all frequencies: the last quarter fades out.
        kernel *= _smooth_step((self.reach + 1 - np.arange(self.reach + 1)) / (self.reach / 4))
        # What is cut off would let a constant through: with the sum of the kernel taken away, in a
        # shape too smooth to matter elsewhere, it gives zero to rounding. As the kernel is even, a
        # straight line then gives zero too.
        taper = 1 + np.cos(np.pi * np.arange(self.reach + 1) / (self.reach + 1))
        both_sides = np.where(np.arange(self.reach + 1) > 0, 2.0, 1.0)
        kernel -= taper * ((kernel @ both_sides) / (taper @ both_sides))
        return np.asarray(kernel, np.float64)

    def _ideal(self, frequency_hz: NDArray[Any]) -> Samples:
        nyquist_hz = self.model_rate_hz / 2
        # Above the model's Nyquist frequency the high-pass is one, as it is just below it.
        f = np.clip(frequency_hz, 1e-9, nyquist_hz * (1 - 1e-9))
        corner = np.tan(np.pi * self.corner_hz / self.model_rate_hz)
        response: Samples = 1 / (1 + (corner / np.tan(np.pi * f / self.model_rate_hz)) ** 8)
        if self.sampling_rate_hz == self.model_rate_hz:
            return response
        lower_hz = min(self.sampling_rate_hz, self.model_rate_hz) / 2
        share = (frequency_hz / lower_hz - _PASS) / (_STOP - _PASS)
        return response * _smooth_step(1 - share)


def _smooth_step(share: Samples) -> Samples:
    """From 0 at 0 to 1 at 1, with several derivatives that are zero at both."""
    share = np.clip(share, 0.0, 1.0)
    for _ in range(2):
        share = 0.5 - 0.5 * np.cos(np.pi * share)
    return share


def _smooth(n: int) -> int:
    """Smallest even number from n on without a prime factor above 5: FFTs of it are fast."""
    n += n % 2
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 2


def high_pass(samples: Samples, sampling_rate_hz: float, corner_hz: float) -> Samples:
    """Cut off the low frequencies of samples without a gap, shape (n,); see `RecordingFilter`."""
    from quake.windows.timeline import bridge

    found = recording_filter(sampling_rate_hz, sampling_rate_hz, corner_hz)
    padded = np.pad(samples.astype(np.float64), found.reach)
    there = np.zeros(len(padded), np.bool_)
    there[found.reach : -found.reach] = True
    bridge(padded, there, found.reach)
    return found.apply(padded)
