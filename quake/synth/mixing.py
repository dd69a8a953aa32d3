"""Signals added to noise at a known ratio.

The ratio is 20 log10 of the 95th percentile of the absolute amplitude between 1 and 20 Hz, signal
over noise, as in many picking data sets.
"""

from __future__ import annotations

import numpy as np

from quake.errors import ParameterError
from quake.synth.records import Array
from quake.synth.spectra import filtered, frequencies, padded_length, soft_band

SNR_BAND_HZ = (1.0, 20.0)
SNR_SPAN_S = 5.0
_PERCENTILE = 95


def snr_band(samples: Array, sampling_rate_hz: float) -> Array:
    """Part of (..., N) samples between 1 and 20 Hz, or to 0.8 of Nyquist where that is lower."""
    frequency_hz = frequencies(padded_length(samples.shape[-1]), sampling_rate_hz)
    high_hz = min(SNR_BAND_HZ[1], 0.4 * sampling_rate_hz)
    centred = samples - samples.mean(axis=-1, keepdims=True)
    return filtered(centred, soft_band(frequency_hz, SNR_BAND_HZ[0], high_hz))


def loudest_span(
    samples: Array, sampling_rate_hz: float, span_s: float = SNR_SPAN_S
) -> tuple[int, int]:
    """First and last-plus-one sample of the stretch with the greatest energy in all components."""
    n_span = min(max(round(span_s * sampling_rate_hz), 1), samples.shape[-1])
    energy = np.concatenate([[0.0], np.cumsum((samples**2).sum(axis=0))])
    start = int(np.argmax(energy[n_span:] - energy[:-n_span]))
    return start, start + n_span


def upper_edge_hz(background: Array, sampling_rate_hz: float) -> float:
    """Frequency above which a record has nothing, as one that was sampled at a lower rate.

    The highest half-hertz whose power is more than -40 dB of the median from 2 to 8 Hz; ambient
    noise falls less, an anti-alias filter more. Infinite where the record fills its band.
    """
    power = (np.abs(np.fft.rfft(background * np.hanning(background.shape[1]), axis=1)) ** 2).sum(0)
    n_bins = min(max(int(sampling_rate_hz), 8), power.size)
    edges = np.linspace(0, power.size, n_bins + 1).astype(int)
    binned = np.add.reduceat(power, edges[:-1]) / np.diff(edges)
    centres_hz = 0.5 * sampling_rate_hz * (np.arange(n_bins) + 0.5) / n_bins
    low_hz, high_hz = np.minimum([2.0, 8.0], [0.08 * sampling_rate_hz, 0.32 * sampling_rate_hz])
    typical = np.median(binned[(centres_hz >= low_hz) & (centres_hz <= high_hz)])
    last = int(np.flatnonzero(binned >= 1e-4 * typical)[-1])
    return np.inf if last >= 0.95 * n_bins else float(centres_hz[last])


def _level(samples: Array, start: int, stop: int) -> Array:
    level: Array = np.percentile(np.abs(samples[:, start:stop]), _PERCENTILE, axis=1)
    return level


def measure_snr_db(
    signal: Array,
    background: Array,
    sampling_rate_hz: float,
    span: tuple[int, int] | None = None,
) -> float:
    """Ratio of a signal alone to noise alone, on the vertical.

    Where there is no vertical, it is that of the better horizontal.

    Parameters
    ----------
    signal, background : (3, N)
    sampling_rate_hz : float
    span : (int, int) or None
        Samples of the signal to be measured; None takes the loudest five seconds.

    Raises
    ------
    ParameterError
        If no component has both.
    """
    in_band = snr_band(signal, sampling_rate_hz)
    span = span or loudest_span(in_band, sampling_rate_hz)
    return ratio_db(in_band, snr_band(background, sampling_rate_hz), span)


def ratio_db(
    signal: Array, background: Array, span: tuple[int, int], *, floor_db: float | None = None
) -> float:
    """`measure_snr_db` of (3, N) samples that are in the band already.

    Raises
    ------
    ParameterError
        If no component has both and there is no `floor_db` to return in that case.
    """
    loud, quiet = _level(signal, *span), _level(background, 0, background.shape[1])
    usable = (loud > 0) & (quiet > 0)
    if usable.any():
        ratio = 20 * np.log10(loud[usable] / quiet[usable])
        return float(ratio[0] if usable[0] else ratio.max())
    if floor_db is not None:
        return floor_db
    raise ParameterError(
        "no component has both signal and noise between 1 and 20 Hz, so there is no ratio; "
        "add noise to silent components, or leave such records out"
    )


def add_to(
    background: Array,
    signal: Array,
    snr_db: float,
    *,
    sampling_rate_hz: float,
    span: tuple[int, int] | None = None,
) -> Array:
    """Add a signal, scaled to a ratio, to noise.

    Parameters
    ----------
    background : (3, N)
        Noise, real or synthetic. Components that are zero throughout stay so: they are missing.
    signal : (3, N)
        Alone, without noise.
    snr_db : float
        What `measure_snr_db` says of the two after scaling.
    sampling_rate_hz : float
    span : (int, int) or None
        Samples of the signal whose level counts; None takes the loudest five seconds.

    Returns
    -------
    (3, N) float64

    Raises
    ------
    ParameterError
        If the shapes differ, a number is not finite, or no component has both signal and noise.
    """
    check_background(background, signal.shape[-1])
    missing = ~background.any(axis=1, keepdims=True)
    gain_db = snr_db - measure_snr_db(signal, background, sampling_rate_hz, span)
    return background + np.where(missing, 0.0, signal * 10 ** (gain_db / 20))


def check_background(background: Array, n_samples: int) -> None:
    """Refuse noise that nothing can be added to.

    Raises
    ------
    ParameterError
    """
    if background.shape != (3, n_samples):
        raise ParameterError(
            f"background has shape {background.shape}, expected (3, {n_samples}): Z, N, E, as "
            "long as the window"
        )
    if not np.isfinite(background).all():
        raise ParameterError("background holds NaN or infinite samples; fill or leave out gaps")
