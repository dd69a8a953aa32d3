"""Windows as a network sees them, everything drawn: signal, noise, disturbances, recorder."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from quake.errors import ParameterError
from quake.synth.background import draw_noise_model, noise
from quake.synth.disturbances import disturbance
from quake.synth.earthquakes import draw_earthquake, earthquake
from quake.synth.faults import FAULTS
from quake.synth.mixing import add_to, check_background, measure_snr_db
from quake.synth.records import (
    EARTHQUAKE,
    LABELS,
    NOISE,
    SURFACE_EVENT,
    Array,
    SyntheticRecord,
    count_samples,
)
from quake.synth.stations import Instrument, draw_instrument
from quake.synth.surface_events import draw_surface_event, surface_event

Rng = np.random.Generator

LOWEST_SNR_DB = 3.0
# How often a window with this label has disturbances, and recorder's faults.
DISTURBED = {EARTHQUAKE: 0.15, SURFACE_EVENT: 0.1, NOISE: 0.6}
FAULTY = {EARTHQUAKE: 0.05, SURFACE_EVENT: 0.02, NOISE: 0.1}


def draw(
    rng: Rng,
    label: str | None = None,
    *,
    window_s: float,
    sampling_rate_hz: float,
    background: Array | None = None,
    onset_s: float | None = None,
) -> SyntheticRecord:
    """A random window: an earthquake or surface event on noise, or noise with disturbances.

    Parameters
    ----------
    rng : numpy.random.Generator
        The same state gives the same window.
    label : str or None
        "earthquake", "surface_event" or "noise"; None draws one.
    window_s, sampling_rate_hz : float
    background : (3, N) or None
        Real noise to add the signal or disturbances to, of the window's length and rate, in any
        unit; components of zeros stay zeros. None makes synthetic noise.
    onset_s : float or None
        When the event begins, in seconds from the first sample; None draws it between a
        twentieth and three fifths of the window.

    Returns
    -------
    SyntheticRecord
        `truth` has what was drawn: the event's parameters, `snr_db` (of its loudest five
        seconds), `onset_snr_db` (of the first five), `disturbances`, `faults`, `instrument`.

    Raises
    ------
    ParameterError
        If there is no such label, the window is too short, or the background does not fit.

    Examples
    --------
    >>> record = draw(np.random.default_rng(1), "earthquake", window_s=60, sampling_rate_hz=50)
    >>> record.samples.shape, record.label
    ((3, 3000), 'earthquake')
    """
    if label is not None and label not in LABELS:
        raise ParameterError(f"no synthetic {label!r}; there are {', '.join(LABELS)}")
    label = label or str(rng.choice(LABELS))
    n_samples = count_samples(window_s, sampling_rate_hz)
    instrument = draw_instrument(rng, sampling_rate_hz)
    real = background is not None
    if background is None:
        model = draw_noise_model(rng)
        made = noise(model, rng, window_s=window_s, sampling_rate_hz=sampling_rate_hz)
        background = instrument.record(made.samples, sampling_rate_hz)
    check_background(background, n_samples)
    record = SyntheticRecord(background.astype(float), sampling_rate_hz, NOISE)
    if label != NOISE:
        place_s = onset_s if onset_s is not None else rng.uniform(0.05, 0.6) * window_s
        record = _with_event(rng, label, background, sampling_rate_hz, instrument, place_s)
    return _as_recorded(rng, record, instrument, real)


def _with_event(
    rng: Rng,
    label: str,
    background: Array,
    sampling_rate_hz: float,
    instrument: Instrument,
    onset_s: float,
) -> SyntheticRecord:
    """An event of the label on the background, at a drawn ratio."""
    window_s = background.shape[1] / sampling_rate_hz
    size: dict[str, float] = {"window_s": window_s, "sampling_rate_hz": sampling_rate_hz}
    if label == EARTHQUAKE:
        event = earthquake(draw_earthquake(rng), rng, **size, p_s=onset_s)
    else:
        event = surface_event(draw_surface_event(rng), rng, **size, onset_s=onset_s)
    alone = instrument.record(event.samples, sampling_rate_hz)
    snr_db = LOWEST_SNR_DB + float(min(rng.gamma(2.0, 8.5), 60.0))
    samples = add_to(background, alone, snr_db, sampling_rate_hz=sampling_rate_hz)
    start = min(max(round(onset_s * sampling_rate_hz), 0), background.shape[1] - 1)
    first = (start, min(start + round(5 * sampling_rate_hz), background.shape[1]))
    loudest = measure_snr_db(alone, background, sampling_rate_hz)
    ratios = {
        "snr_db": snr_db,
        "onset_snr_db": snr_db
        - loudest
        + measure_snr_db(alone, background, sampling_rate_hz, first),
    }
    return SyntheticRecord(
        samples, sampling_rate_hz, label, onset_s, event.s_s, {**event.truth, **ratios}
    )


def _as_recorded(
    rng: Rng, record: SyntheticRecord, instrument: Instrument, real: bool
) -> SyntheticRecord:
    """The record with disturbances, faults and steps of the digitiser."""
    samples, added = _disturbed(rng, record)
    faults: list[str] = []
    if rng.random() < FAULTY[record.label]:
        faults = [str(rng.choice(list(FAULTS)))]
        samples = FAULTS[faults[0]](samples, rng)
    if not real:
        quiet = float(np.median(np.abs(samples))) * 1.4826
        samples = instrument.digitise(samples, quiet)
    truth = {
        **record.truth,
        "disturbances": added,
        "faults": faults,
        "instrument": asdict(instrument),
        "synthetic_background": not real,
    }
    return SyntheticRecord(
        samples, record.sampling_rate_hz, record.label, record.onset_s, record.s_s, truth
    )


def _disturbed(rng: Rng, record: SyntheticRecord) -> tuple[Array, list[dict[str, Any]]]:
    """Samples with one to three disturbances added, and what they are."""
    samples, added = record.samples, []
    if rng.random() > DISTURBED[record.label]:
        return samples, []
    window_s = samples.shape[1] / record.sampling_rate_hz
    for _ in range(min(int(rng.geometric(0.65)), 3)):
        burst = disturbance(rng, window_s=window_s, sampling_rate_hz=record.sampling_rate_hz)
        snr_db = float(rng.uniform(-3, 35) if record.label == NOISE else rng.uniform(-6, 3))
        audible = measure_or_none(burst.samples, samples, record.sampling_rate_hz)
        if audible is None:
            continue
        gain = 10 ** ((snr_db - audible) / 20)
        missing = ~samples.any(axis=1, keepdims=True)
        samples = samples + np.where(missing, 0.0, burst.samples * gain)
        added.append({**burst.truth, "snr_db": snr_db})
    return samples, added


def measure_or_none(signal: Array, background: Array, sampling_rate_hz: float) -> float | None:
    """`measure_snr_db`, or None where a burst lies outside of the window or has no such band."""
    try:
        return measure_snr_db(signal, background, sampling_rate_hz)
    except ParameterError:
        return None
