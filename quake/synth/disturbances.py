"""What fools detectors and is no event: each function draws one, alone, to be added to noise.

All take a random generator, a number of samples and a rate, and return a `Burst` of (3, N) samples
of any unit; `quake.synth.add_to` brings them to a level. Faults of the recorder that change what is
there, as clipping does, are in `quake.synth.faults`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from quake.errors import ParameterError
from quake.synth.records import NOISE, Array, SyntheticRecord, count_samples
from quake.synth.spectra import (
    band_noise,
    filtered,
    frequencies,
    log_uniform,
    padded_length,
    soft_band,
)
from quake.synth.stations import Instrument

Rng = np.random.Generator
SOUND_KM_S = 0.34


class Burst(NamedTuple):
    """A disturbance (3, N), and from when to when it lasts, in seconds from the first sample."""

    samples: Array
    start_s: float
    end_s: float


def _times(n_samples: int, rate_hz: float) -> Array:
    return np.arange(n_samples, dtype=np.float64) / rate_hz


def _anywhere(rng: Rng, n_samples: int, rate_hz: float) -> float:
    return float(rng.uniform(0, n_samples / rate_hz))


def _shares(rng: Rng, low: float = 0.2) -> Array:
    """How strongly each component is hit, (3, 1)."""
    shares: Array = rng.uniform(low, 1, (3, 1)) * rng.choice([-1, 1], (3, 1))
    return shares


def _high(rate_hz: float, wanted_hz: float) -> float:
    return min(wanted_hz, 0.45 * rate_hz)


def spindle(times_s: Array, centre_s: float, rise_s: float, decay_s: float, power: float) -> Array:
    """Envelope that rises to 1 at the centre and falls; half of it a rise or a decay time away."""
    away = times_s - centre_s
    width_s = np.where(away < 0, rise_s, decay_s)
    envelope: Array = 0.5 ** (np.abs(away / width_s) ** power)
    return envelope


def _harmonics(
    rng: Rng, times_s: Array, frequency_hz: Array, rate_hz: float, n_harmonics: int
) -> Array:
    """Sum of a gliding tone's harmonics with random strengths, (3, N), silent above Nyquist."""
    phase = 2 * np.pi * np.cumsum(frequency_hz) / rate_hz
    total = np.zeros((3, times_s.size))
    for order in range(1, n_harmonics + 1):
        audible = np.clip((0.45 - order * frequency_hz / rate_hz) / 0.1, 0, 1)
        strength = rng.exponential(1.0, (3, 1)) / order**0.5
        total += strength * audible * np.sin(order * phase + rng.uniform(0, 6.3, (3, 1)))
    return total


def _doppler(times_s: Array, centre_s: float, passage_s: float, speed_km_s: float) -> Array:
    """Factor on the frequency of a source that passes by, higher before than after."""
    away = (times_s - centre_s) / passage_s
    return 1 / (1 + speed_km_s / SOUND_KM_S * away / np.sqrt(1 + away**2))


def vehicle(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """A car or lorry: 3 to 30 s of 2 to 40 Hz, with engine lines that glide as it passes.

    Amplitude falls with distance r as r^-0.5 to r^-1.5, and r^2 = closest^2 + (speed time)^2.
    """
    times_s = _times(n_samples, rate_hz)
    centre_s, passage_s = _anywhere(rng, n_samples, rate_hz), log_uniform(rng, 0.7, 6.0)
    envelope = (1 + ((times_s - centre_s) / passage_s) ** 2) ** -rng.uniform(0.5, 1.8)
    low_hz = log_uniform(rng, 2.0, 10.0)
    band = (low_hz, _high(rate_hz, low_hz * rng.uniform(1.5, 6)))
    road = band_noise(rng, n_samples, rate_hz, band) * rng.uniform(0.5, 1.2, (3, 1))
    engine_hz = log_uniform(rng, 4.0, 30.0) * _doppler(
        times_s, centre_s, passage_s, rng.uniform(0.005, 0.035)
    )
    engine = _harmonics(rng, times_s, engine_hz, rate_hz, int(rng.integers(1, 4)))
    samples = envelope * (road + rng.choice([0.0, 0.3, 1.0]) * engine)
    return Burst(samples, centre_s - 2 * passage_s, centre_s + 2 * passage_s)


def traffic(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """Two to eight vehicles one after the other."""
    passages = [vehicle(rng, n_samples, rate_hz) for _ in range(rng.integers(2, 7))]
    samples = sum(log_uniform(rng, 0.2, 1.0) * p.samples for p in passages)
    return Burst(
        np.asarray(samples), min(p.start_s for p in passages), max(p.end_s for p in passages)
    )


def train(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """A train: 20 to 120 s with a flat top, 2 to 30 Hz, at multiples of the rate of its bogies."""
    times_s = _times(n_samples, rate_hz)
    centre_s, half_s = _anywhere(rng, n_samples, rate_hz), log_uniform(rng, 10.0, 60.0)
    ramp_s = half_s * rng.uniform(0.1, 0.8)
    away = np.abs(times_s - centre_s)
    envelope = 1 / (1 + np.exp(np.clip((away - half_s) / ramp_s * 6, -50, 50)))
    bogie_hz = rng.uniform(0.7, 3.0) * _doppler(times_s, centre_s, half_s, rng.uniform(0.01, 0.07))
    lines = _harmonics(rng, times_s, bogie_hz, rate_hz, 8)
    low_hz = rng.uniform(1.5, 6)
    rumble = band_noise(
        rng, n_samples, rate_hz, (low_hz, _high(rate_hz, low_hz * rng.uniform(2, 6)))
    )
    share = rng.uniform(0.1, 0.7)
    samples = envelope * (share * lines + (1 - share) * rumble)
    return Burst(samples, centre_s - half_s - ramp_s, centre_s + half_s + ramp_s)


def footsteps(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """Steps of a person or animal: 1 to 2.5 a second, 8 to 40 Hz, coming and going."""
    times_s = _times(n_samples, rate_hz)
    centre_s, passage_s = _anywhere(rng, n_samples, rate_hz), log_uniform(rng, 2.0, 20.0)
    beat_s = np.cumsum(rng.normal(1 / rng.uniform(1, 2.5), 0.02, 400)) + centre_s - 80
    index = np.round(beat_s * rate_hz).astype(int)
    index = index[(index >= 0) & (index < n_samples)]
    impulses = np.zeros(n_samples)
    impulses[index] = rng.uniform(0.5, 1, index.size)
    impulses *= (1 + ((times_s - centre_s) / passage_s) ** 2) ** -1.5
    samples = _ringing(rng, impulses, rate_hz, rng.uniform(8, 40), rng.uniform(1, 5))
    return Burst(samples, centre_s - 2 * passage_s, centre_s + 2 * passage_s)


def _ringing(rng: Rng, impulses: Array, rate_hz: float, centre_hz: float, cycles: float) -> Array:
    """Impulses (N,) passed through a damped oscillator a component, (3, N)."""
    frequency_hz = frequencies(padded_length(impulses.size), rate_hz)
    own_hz = np.minimum(centre_hz * rng.uniform(0.8, 1.25, (3, 1)), 0.45 * rate_hz)
    ratio = 1j * frequency_hz / own_hz
    gain = ratio / (1 + ratio / (np.pi * cycles) + ratio**2)
    return _shares(rng) * filtered(np.broadcast_to(impulses, (3, impulses.size)), gain)


def machinery(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """A pump, fan or generator that starts and stops: lines that run up and down."""
    times_s = _times(n_samples, rate_hz)
    start_s = float(rng.uniform(-0.3, 0.9) * n_samples / rate_hz)
    end_s = max(start_s, 0.0) + log_uniform(rng, 5.0, 200.0)
    ramp_s = log_uniform(rng, 0.1, 5.0)
    running = np.clip((times_s - start_s) / ramp_s, 0, 1) * np.clip(
        (end_s - times_s) / ramp_s, 0, 1
    )
    nominal_hz = log_uniform(rng, 1.0, 0.4 * rate_hz)
    wobble = 1 + 0.003 * np.sin(2 * np.pi * times_s / rng.uniform(2, 20))
    speed_hz = nominal_hz * wobble * (0.3 + 0.7 * running)
    lines = _harmonics(rng, times_s, speed_hz, rate_hz, int(rng.integers(1, 6)))
    return Burst(running * lines, start_s, end_s)


def gust(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """Wind: broadband noise for 5 to 60 s, stronger and weaker at random."""
    times_s = _times(n_samples, rate_hz)
    centre_s = _anywhere(rng, n_samples, rate_hz)
    rise_s, decay_s = log_uniform(rng, 2.0, 30.0), log_uniform(rng, 2.0, 30.0)
    envelope = spindle(times_s, centre_s, rise_s, decay_s, rng.uniform(1.2, 3))
    flutter = band_noise(rng, n_samples, rate_hz, (0.05, 1.0), 1)
    low_hz = log_uniform(rng, 0.3, 8.0)
    roar = band_noise(
        rng, n_samples, rate_hz, (low_hz, _high(rate_hz, low_hz * rng.uniform(4, 40)))
    )
    samples = envelope * np.exp(0.5 * flutter) * roar * rng.uniform(0.3, 1, (3, 1))
    return Burst(samples, centre_s - 2 * rise_s, centre_s + 2 * decay_s)


def thunder(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """Claps and their rumble over 3 to 20 s: pulses of air pressure that push the ground."""
    times_s = _times(n_samples, rate_hz)
    start_s, decay_s = _anywhere(rng, n_samples, rate_hz), log_uniform(rng, 1.0, 7.0)
    after = np.maximum(times_s - start_s, 0)
    envelope = np.where(times_s > start_s, np.exp(-after / decay_s), 0.0)
    envelope *= -np.expm1(-after / log_uniform(rng, 0.02, 2.0))
    claps = rng.poisson(rng.uniform(0.5, 8) * envelope / rate_hz) * rng.lognormal(0, 0.8, n_samples)
    band = (rng.uniform(2, 8), _high(rate_hz, rng.uniform(12, 45)))
    rumble = envelope * band_noise(rng, n_samples, rate_hz, band)
    crack = _ringing(rng, claps, rate_hz, rng.uniform(5, 25), rng.uniform(0.5, 2))
    samples = _peak_one(crack) + rng.uniform(0.1, 1) * _peak_one(rumble)
    return Burst(samples, start_s, start_s + 4 * decay_s)


def _peak_one(samples: Array) -> Array:
    return samples / max(float(np.abs(samples).max()), 1e-300)


def air_blast(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """A sonic boom or a shot: an N-shaped pressure pulse of 0.05 to 0.4 s, then ringing ground."""
    start_s, length_s = _anywhere(rng, n_samples, rate_hz), log_uniform(rng, 0.05, 0.4)
    place = (_times(n_samples, rate_hz) - start_s) / length_s
    pulse = np.where((place >= 0) & (place <= 1), 1 - 2 * place, 0.0)
    ringing = _ringing(rng, pulse, rate_hz, log_uniform(rng, 3.0, 30.0), rng.uniform(1, 10))
    samples = _shares(rng) * pulse + _peak_one(ringing)
    return Burst(samples, start_s, start_s + length_s + 3.0)


def helicopter(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """A helicopter or propeller aircraft: harmonics of 10 to 40 Hz that glide down as it passes."""
    times_s = _times(n_samples, rate_hz)
    centre_s, passage_s = _anywhere(rng, n_samples, rate_hz), log_uniform(rng, 3.0, 40.0)
    blade_hz = rng.uniform(8, 40) * _doppler(times_s, centre_s, passage_s, rng.uniform(0.03, 0.12))
    envelope = (1 + ((times_s - centre_s) / passage_s) ** 2) ** -rng.uniform(0.5, 1.5)
    lines = _harmonics(rng, times_s, blade_hz, rate_hz, int(rng.integers(2, 6)))
    return Burst(envelope * lines, centre_s - 2 * passage_s, centre_s + 2 * passage_s)


def spikes(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """One to thirty wrong samples, on one component or all, bare or after the anti-alias filter."""
    count = int(np.ceil(log_uniform(rng, 0.5, 30.0)))
    index = np.sort(rng.integers(0, n_samples, count))
    impulses = np.zeros((3, n_samples))
    size = (
        rng.standard_normal((3, count))
        if rng.random() < 0.5
        else rng.choice([-1.0, 1.0], (3, count))
    )
    impulses[:, index] = size * (_on(rng))
    if rng.random() < 0.5:
        frequency_hz = frequencies(padded_length(n_samples), rate_hz)
        impulses = filtered(impulses, Instrument(0.01, 0.707, 0.4 * rate_hz).response(frequency_hz))
    return Burst(impulses, index[0] / rate_hz, (index[-1] + 1) / rate_hz)


def _on(rng: Rng) -> Array:
    """Which components are hit, (3, 1): all in half of the draws, else one."""
    if rng.random() < 0.5:
        return np.ones((3, 1))
    return np.eye(3)[:, [rng.integers(3)]]


def glitch(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """Response of the sensor to a sudden tilt or tick: a step of acceleration."""
    start_s = _anywhere(rng, n_samples, rate_hz)
    step = (_times(n_samples, rate_hz) >= start_s).astype(float)
    sensor = Instrument(log_uniform(rng, 0.05, 4.5), rng.uniform(0.3, 0.9), 0.4 * rate_hz)
    ground = np.cumsum(step) / rate_hz
    frequency_hz = frequencies(padded_length(n_samples), rate_hz)
    ramp = filtered(np.diff(ground, prepend=0.0) * rate_hz, sensor.response(frequency_hz))
    return Burst(
        _shares(rng, 0.1) * _on(rng) * ramp, start_s, start_s + 2 / max(sensor.corner_hz, 0.1)
    )


def offset(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """One to four steps of the zero line."""
    start_s = np.sort(rng.uniform(0, n_samples / rate_hz, int(rng.integers(1, 5))))
    times_s = _times(n_samples, rate_hz)
    steps = sum(rng.standard_normal((3, 1)) * (times_s >= start) for start in start_s)
    return Burst(np.asarray(_on(rng) * steps), float(start_s[0]), float(start_s[-1]) + 1.0)


def calibration(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """A calibration: pulses through the coil, a sine, a sawtooth or random telegraph noise."""
    times_s = _times(n_samples, rate_hz)
    start_s = _anywhere(rng, n_samples, rate_hz)
    length_s = log_uniform(rng, 2.0, 60.0)
    inside = (times_s >= start_s) & (times_s < start_s + length_s)
    period_s = log_uniform(rng, 0.05, 8.0)
    cycle = (times_s - start_s) / period_s
    bits = rng.integers(0, 2, int(n_samples / rate_hz / period_s) + 2)[
        np.maximum(cycle, 0).astype(int)
    ]
    shape = rng.integers(4)
    wave = [np.sign(np.sin(2 * np.pi * cycle)), np.sin(2 * np.pi * cycle), cycle % 1, bits][shape]
    sensor = Instrument(log_uniform(rng, 0.02, 2.0), rng.uniform(0.5, 0.9), 0.4 * rate_hz)
    frequency_hz = frequencies(padded_length(n_samples), rate_hz)
    samples = filtered(inside * wave.astype(float), sensor.response(frequency_hz))
    return Burst(_shares(rng, 0.6) * _on(rng) * samples, start_s, start_s + length_s)


def buzz(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """Electronic buzz in bursts: radio, disk or mains, at fixed frequencies, hard on and off."""
    times_s = _times(n_samples, rate_hz)
    period_s, start_s = log_uniform(rng, 0.5, 30.0), _anywhere(rng, n_samples, rate_hz)
    length_s = log_uniform(rng, 2.0, 60.0)
    duty = rng.uniform(0.05, 0.7)
    gate = ((times_s - start_s) % period_s < duty * period_s) & (times_s >= start_s)
    gate &= times_s < start_s + length_s
    tone_hz = np.full(n_samples, log_uniform(rng, 2.0, 0.4 * rate_hz))
    tone = _harmonics(rng, times_s, tone_hz, rate_hz, int(rng.integers(1, 5)))
    hiss = rng.standard_normal((3, n_samples))
    carrier = tone if rng.random() < 0.6 else hiss
    return Burst(_on(rng) * gate * carrier, start_s, start_s + length_s)


def ticks(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """Regular pulses: a clock, an electric fence, a pump, a pile driver; 0.2 to 15 s apart."""
    period_s = log_uniform(rng, 0.2, 15.0)
    start_s = float(rng.uniform(-0.5, 0.7) * n_samples / rate_hz)
    end_s = max(start_s, 0.0) + log_uniform(rng, 5.0, 200.0) + period_s
    beat_s = np.arange(start_s, end_s, period_s)
    index = np.round(beat_s * rate_hz).astype(int)
    index = index[(index >= 0) & (index < n_samples)]
    impulses = np.zeros(n_samples)
    impulses[index] = rng.lognormal(0, rng.uniform(0, 0.4), index.size)
    samples = _ringing(rng, impulses, rate_hz, log_uniform(rng, 2.0, 40.0), rng.uniform(0.5, 8))
    return Burst(samples, start_s, end_s)


def mass_centring(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """The sensor's masses are centred: motor noise for seconds, and a slow return from the stop."""
    times_s = _times(n_samples, rate_hz)
    start_s, length_s = _anywhere(rng, n_samples, rate_hz), log_uniform(rng, 1.0, 15.0)
    moving = (times_s >= start_s) & (times_s < start_s + length_s)
    motor = moving * band_noise(rng, n_samples, rate_hz, (1.0, _high(rate_hz, 30.0)))
    after = np.maximum(times_s - start_s, 0) / log_uniform(rng, 5.0, 60.0)
    back = (times_s >= start_s) * np.exp(-after) * np.cos(after)
    return Burst(
        _on(rng) * (_shares(rng) * back * log_uniform(rng, 1, 50) + motor),
        start_s,
        start_s + length_s,
    )


def tremor(rng: Rng, n_samples: int, rate_hz: float) -> Burst:
    """A steady narrow-banded hum that comes and goes in half a minute: surf, a river, a mill."""
    times_s = _times(n_samples, rate_hz)
    centre_s = _anywhere(rng, n_samples, rate_hz)
    rise_s, decay_s = log_uniform(rng, 10.0, 60.0), log_uniform(rng, 10.0, 60.0)
    low_hz = log_uniform(rng, 0.7, 12.0)
    band = (low_hz, _high(rate_hz, low_hz * rng.uniform(1.1, 2.0)))
    hum = band_noise(rng, n_samples, rate_hz, band) * rng.uniform(0.3, 1, (3, 1))
    return Burst(
        hum * spindle(times_s, centre_s, rise_s, decay_s, 2.0),
        centre_s - rise_s,
        centre_s + decay_s,
    )


DISTURBANCES: dict[str, Callable[[Rng, int, float], Burst]] = {
    function.__name__: function
    for function in (
        vehicle,
        traffic,
        train,
        footsteps,
        machinery,
        gust,
        thunder,
        air_blast,
        helicopter,
        spikes,
        glitch,
        offset,
        calibration,
        buzz,
        ticks,
        mass_centring,
        tremor,
    )
}


_COMMON = ("vehicle", "traffic", "gust", "footsteps", "tremor", "spikes")
_FREQUENCY = np.array([2.0 if kind in _COMMON else 1.0 for kind in DISTURBANCES])
_FREQUENCY /= _FREQUENCY.sum()


def disturbance(
    rng: Rng, kind: str | None = None, *, window_s: float, sampling_rate_hz: float
) -> SyntheticRecord:
    """One disturbance alone, without noise, with a peak of 1e-6 m/s.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : str or None
        A key of `DISTURBANCES`; None draws one.
    window_s, sampling_rate_hz : float

    Returns
    -------
    SyntheticRecord
        Labelled "noise"; `truth` has kind, start_s and end_s, which may lie outside the window.

    Raises
    ------
    ParameterError
        If there is no such kind, or the window is too short.
    """
    if kind is not None and kind not in DISTURBANCES:
        raise ParameterError(f"no disturbance {kind!r}; there are {', '.join(DISTURBANCES)}")
    n_samples = count_samples(window_s, sampling_rate_hz)
    kind = kind or str(rng.choice(list(DISTURBANCES), p=_FREQUENCY))
    burst = DISTURBANCES[kind](rng, n_samples, sampling_rate_hz)
    truth = {"kind": kind, "start_s": burst.start_s, "end_s": burst.end_s}
    return SyntheticRecord(1e-6 * _peak_one(burst.samples), sampling_rate_hz, NOISE, truth=truth)


def teleseism(
    rng: Rng, *, window_s: float, sampling_rate_hz: float, label: str = NOISE
) -> SyntheticRecord:
    """A wave train from thousands of kilometres away: below 2 Hz, minutes long, no S in the window.

    Parameters
    ----------
    rng : numpy.random.Generator
    window_s, sampling_rate_hz : float
    label : str
        What it is called; networks that look for local events call it noise.

    Returns
    -------
    SyntheticRecord
        Peak 1e-6 m/s; `onset_s` is that of its first wave unless the label is "noise".

    Raises
    ------
    ParameterError
        If the window is too short.
    """
    n_samples = count_samples(window_s, sampling_rate_hz)
    times_s = _times(n_samples, sampling_rate_hz)
    start_s = float(rng.uniform(0.05, 0.6) * window_s)
    frequency_hz = frequencies(padded_length(n_samples), sampling_rate_hz)
    total = np.zeros((3, n_samples))
    for late_s in (0.0, *rng.exponential(20.0, int(rng.integers(0, 4)))):  # depth phases
        after = np.maximum(times_s - start_s - late_s, 0)
        envelope = -np.expm1(-after / log_uniform(rng, 0.3, 4)) * np.exp(
            -after / rng.uniform(5, 60)
        )
        motion = np.array([[1.0], [0.25], [0.25]]) * rng.standard_normal(n_samples)
        total += (
            rng.uniform(0.3, 1) * envelope * (motion + 0.15 * rng.standard_normal((3, n_samples)))
        )
    gain = soft_band(frequency_hz, log_uniform(rng, 0.02, 0.5), log_uniform(rng, 0.6, 2.5), 2)
    samples = 1e-6 * _peak_one(filtered(total, gain))
    onset_s = None if label == NOISE else start_s
    return SyntheticRecord(samples, sampling_rate_hz, label, onset_s, truth={"start_s": start_s})
