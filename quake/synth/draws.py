"""Windows as a network sees them, everything drawn: signal, noise, disturbances, recorder."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from quake.errors import ParameterError
from quake.synth.background import draw_noise_model, noise
from quake.synth.disturbances import disturbance
from quake.synth.earthquakes import draw_earthquake, earthquake
from quake.synth.faults import FAULTS
from quake.synth.mixing import (
    SNR_SPAN_S,
    check_background,
    loudest_span,
    ratio_db,
    snr_band,
    upper_edge_hz,
)
from quake.synth.records import (
    EARTHQUAKE,
    LABELS,
    NOISE,
    SURFACE_EVENT,
    Array,
    SyntheticRecord,
    count_samples,
)
from quake.synth.stations import SiteResponse, draw_instrument, draw_site
from quake.synth.surface_events import draw_surface_event, surface_event

Rng = np.random.Generator

LOWEST_SNR_DB = 3.0
LARGEST_GAIN_DB = 600.0  # a disturbance that needs more than this has nothing in the window
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
    instrument, site = draw_instrument(rng, sampling_rate_hz), draw_site(rng)
    if background is None:
        model = draw_noise_model(rng)
        size = {"window_s": window_s, "sampling_rate_hz": sampling_rate_hz}
        ground = noise(model, rng, **size, site=site, instrument=instrument).samples
    else:
        check_background(background, n_samples)
        ground = background.astype(float)
        edge_hz = upper_edge_hz(ground, sampling_rate_hz)
        instrument = replace(instrument, upper_hz=min(instrument.upper_hz, edge_hz))
    quiet = snr_band(ground, sampling_rate_hz)
    record = SyntheticRecord(ground, sampling_rate_hz, NOISE)
    if label != NOISE:
        place_s = onset_s if onset_s is not None else rng.uniform(0.05, 0.6) * window_s
        event = _draw_event(rng, label, site, window_s, sampling_rate_hz, place_s)
        alone = instrument.record(event.samples, sampling_rate_hz)
        record = _on_background(rng, replace(event, samples=alone), ground, quiet)
    record = _as_recorded(rng, record, quiet)
    samples = record.samples
    if background is None:
        samples = instrument.digitise(samples, float(np.median(np.abs(quiet))) * 1.4826)
    own = {"instrument": asdict(instrument), "synthetic_background": background is None}
    return replace(record, samples=samples, truth={**record.truth, **own})


def _draw_event(
    rng: Rng,
    label: str,
    site: SiteResponse,
    window_s: float,
    sampling_rate_hz: float,
    onset_s: float,
) -> SyntheticRecord:
    """An event of the label alone, at a site."""
    size = {"window_s": window_s, "sampling_rate_hz": sampling_rate_hz}
    if label == EARTHQUAKE:
        shaken = replace(draw_earthquake(rng), site=site)
        return earthquake(shaken, rng, **size, p_s=onset_s)
    moved = replace(draw_surface_event(rng), site=site)
    return surface_event(moved, rng, **size, onset_s=onset_s)


def _on_background(
    rng: Rng, event: SyntheticRecord, background: Array, quiet: Array
) -> SyntheticRecord:
    """The event on the background, whose part in the band is `quiet`, at a drawn ratio."""
    rate_hz = event.sampling_rate_hz
    snr_db = LOWEST_SNR_DB + float(min(rng.gamma(2.0, 8.5), 60.0))
    in_band = snr_band(event.samples, rate_hz)
    loudest = loudest_span(in_band, rate_hz)
    start = min(max(event.onset_index or 0, 0), background.shape[1] - 1)
    first = (start, min(start + round(SNR_SPAN_S * rate_hz), background.shape[1]))
    gain_db = snr_db - ratio_db(in_band, quiet, loudest)
    missing = ~background.any(axis=1, keepdims=True)
    samples = background + np.where(missing, 0.0, event.samples * 10 ** (gain_db / 20))
    truth = {
        **event.truth,
        "snr_db": snr_db,
        "onset_snr_db": gain_db + ratio_db(in_band, quiet, first, floor_db=-99.0),
        "loudest_s": (loudest[0] / rate_hz, loudest[1] / rate_hz),
    }
    return replace(event, samples=samples, truth=truth)


def _as_recorded(rng: Rng, record: SyntheticRecord, quiet: Array) -> SyntheticRecord:
    """The record with disturbances and faults."""
    samples, added = _disturbed(rng, record, quiet)
    faults: list[str] = []
    if rng.random() < FAULTY[record.label]:
        faults = [str(rng.choice(list(FAULTS)))]
        samples = FAULTS[faults[0]](samples, rng)
    truth = {**record.truth, "disturbances": added, "faults": faults}
    return replace(record, samples=samples, truth=truth)


def _disturbed(
    rng: Rng, record: SyntheticRecord, quiet: Array
) -> tuple[Array, list[dict[str, Any]]]:
    """Samples with one to three disturbances added, and what they are.

    Beside an event they are weaker than it: the label says what the window shows first of all.
    """
    if rng.random() > DISTURBED[record.label]:
        return record.samples, []
    rate_hz = record.sampling_rate_hz
    window_s = record.samples.shape[1] / rate_hz
    loudest_db = record.truth.get("snr_db", 40.0) - 5
    samples, added = record.samples, []
    missing = ~samples.any(axis=1, keepdims=True)
    for _ in range(min(int(rng.geometric(0.65)), 3)):
        burst = disturbance(rng, window_s=window_s, sampling_rate_hz=rate_hz)
        wanted_db = float(rng.uniform(-5, loudest_db)) if loudest_db > -5 else -5.0
        gain_db = wanted_db - _burst_db(burst.samples, quiet, rate_hz)
        if gain_db < LARGEST_GAIN_DB:
            samples = samples + np.where(missing, 0.0, burst.samples * 10 ** (gain_db / 20))
            added.append({**burst.truth, "snr_db": wanted_db})
    return samples, added


def _burst_db(burst: Array, quiet: Array, rate_hz: float) -> float:
    """Ratio of a disturbance to noise in the band; -999 where it lies outside of the window.

    A few spikes do not move the 95th percentile of five seconds: they count by their peak over
    the noise's.
    """
    in_band = snr_band(burst, rate_hz)
    loudest = ratio_db(in_band, quiet, loudest_span(in_band, rate_hz), floor_db=-999.0)
    peak = float(np.abs(in_band).max() / max(float(np.abs(quiet).max()), 1e-300))
    return max(loudest, 20 * float(np.log10(peak + 1e-50)))
