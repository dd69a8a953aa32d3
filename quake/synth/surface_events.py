"""Landslides, rockfalls, avalanches and debris flows: many impacts under a slow envelope.

Such signals begin without a clear P or S, swell and fade over seconds to minutes in the shape of
a spindle, and have most of their energy between 1 and 10 Hz, less at high frequency the farther
the station (Hibert et al., 2011, JGR 116, F04032; Dammeier et al., 2011, JGR 116, F04019).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

import numpy as np

from quake.synth.records import SURFACE_EVENT, Array, SyntheticRecord, count_samples
from quake.synth.spectra import (
    Spectrum,
    frequencies,
    log_uniform,
    minimum_phase,
    padded_length,
)
from quake.synth.stations import SiteResponse, draw_site

ONSET_SHARE = 0.1


@dataclass(frozen=True)
class Pulse:
    """One surge of a mass movement.

    Attributes
    ----------
    peak_s : float
        Time of its largest amplitude after that of the first surge.
    rise_s, decay_s : float
        Times from a tenth of the peak up to it, and back.
    amplitude : float
    sharpness : float
        2 is a bell, 1 an exponential rise and fall, larger ones have a flat top.
    """

    peak_s: float = 0.0
    rise_s: float = 15.0
    decay_s: float = 25.0
    amplitude: float = 1.0
    sharpness: float = 1.5

    def envelope(self, times_s: Array) -> Array:
        """Amplitude over time; a tenth of the peak `rise_s` before and `decay_s` after it."""
        distance_s = times_s - self.peak_s
        width_s = np.where(distance_s < 0, self.rise_s, self.decay_s)
        return self.amplitude * 10.0 ** -((np.abs(distance_s) / width_s) ** self.sharpness)


@dataclass(frozen=True)
class SurfaceEvent:
    """A mass movement and the way to one station.

    Attributes
    ----------
    kind : str
        What it stands for; no part of the arithmetic.
    pulses : tuple of Pulse
    impacts_per_s : float
        Mean rate of impacts; few of them are heard one by one, many become noise.
    impact_spread : float
        Standard deviation of the logarithm of their amplitudes.
    roughness : float
        Standard deviation of the logarithm of a slow random factor on the envelope.
    centre_hz : float
        Frequency at which velocity is largest at the source.
    low_slope, high_slope : float
        Powers of frequency below and above it.
    distance_km, velocity_km_s, q : float
        High frequencies fall as exp(-pi f distance / (q velocity)).
    ring_s : float
        Decay time of the scattered waves of a single impact.
    late_share, late_hz, late_s : float
        Share of the energy in surface waves, which come `late_s` later, ring three times as long
        and lie below `late_hz`.
    coherence : float
        Share of the energy with the same motion in all components, as that of Rayleigh waves.
    azimuth_deg : float
        Direction of that motion.
    horizontal : float
        Amplitude of the horizontal components over that of the vertical, about.
    long_period : float
        Amplitude of the slow push on the ground by the accelerating mass (0.01 to 0.1 Hz) over
        the envelope's; 0 for none.
    site : SiteResponse
    """

    kind: str = "rockfall"
    pulses: tuple[Pulse, ...] = (Pulse(),)
    impacts_per_s: float = 20.0
    impact_spread: float = 1.0
    roughness: float = 0.3
    centre_hz: float = 4.0
    low_slope: float = 2.0
    high_slope: float = 2.0
    distance_km: float = 5.0
    velocity_km_s: float = 1.5
    q: float = 60.0
    ring_s: float = 1.5
    late_share: float = 0.3
    late_hz: float = 3.0
    late_s: float = 1.0
    coherence: float = 0.4
    azimuth_deg: float = 60.0
    horizontal: float = 1.0
    long_period: float = 0.0
    site: SiteResponse = field(default_factory=SiteResponse)

    def envelope(self, times_s: Array) -> Array:
        """Expected amplitude over time, the first surge's peak at time 0."""
        return np.sqrt(sum(pulse.envelope(times_s) ** 2 for pulse in self.pulses))

    def onset_s(self) -> float:
        """Time when a tenth of the largest amplitude is passed; the first surge's peak is 0."""
        first = min(p.peak_s - 2 * p.rise_s for p in self.pulses)
        last = max(p.peak_s + p.decay_s for p in self.pulses)
        times_s = np.linspace(first, last, 4000)
        envelope = self.envelope(times_s)
        return float(times_s[np.argmax(envelope >= ONSET_SHARE * envelope.max())])

    def amplitude_spectrum(self, frequency_hz: Array) -> Array:
        """Velocity spectrum of an impact at the station; any unit."""
        ratio = frequency_hz / self.centre_hz
        source = ratio**self.low_slope / (1 + ratio ** (self.low_slope + self.high_slope))
        lost = np.pi * frequency_hz * self.distance_km / (self.q * self.velocity_km_s)
        return source * np.exp(-np.minimum(lost, 200)) * self.site.loss(frequency_hz)


def surface_event(
    event: SurfaceEvent,
    rng: np.random.Generator,
    *,
    window_s: float,
    sampling_rate_hz: float,
    onset_s: float,
) -> SyntheticRecord:
    """Ground velocity of a mass movement, without noise and instrument; peak 1e-6 m/s.

    Parameters
    ----------
    event : SurfaceEvent
    rng : numpy.random.Generator
        Draws the impacts.
    window_s, sampling_rate_hz : float
    onset_s : float
        When the envelope passes a tenth of its largest value, seconds after the first sample.

    Returns
    -------
    SyntheticRecord
        `truth` has the parameters.

    Raises
    ------
    ParameterError
        If the window is too short.
    """
    n_samples = count_samples(window_s, sampling_rate_hz)
    n_fft = _ringing_length(n_samples)
    frequency_hz = frequencies(n_fft, sampling_rate_hz)
    times_s = np.arange(n_samples) / sampling_rate_hz - onset_s + event.onset_s()
    envelope = event.envelope(times_s) * _rough(rng, n_samples, sampling_rate_hz, event.roughness)
    impacts = _impacts(event, rng, envelope, sampling_rate_hz)
    spectrum = np.fft.rfft(impacts, n_fft, axis=1)
    spectrum *= _greens_function(event, rng, n_samples, sampling_rate_hz)
    spectrum *= minimum_phase(event.amplitude_spectrum(frequency_hz))
    spectrum *= event.site.reverberation(frequency_hz)
    samples = np.fft.irfft(spectrum, n_fft, axis=1)[:, :n_samples]
    samples /= max(float(np.abs(samples).max()), 1e-300)
    if event.long_period > 0:
        samples += event.long_period * _push(event, times_s)
    truth = {**asdict(event), "end_s": onset_s - event.onset_s() + _last_s(event)}
    return SyntheticRecord(
        1e-6 * samples, sampling_rate_hz, SURFACE_EVENT, onset_s=onset_s, truth=truth
    )


def _ringing_length(n_samples: int) -> int:
    """Length of the transform: half a window of ringing after its end, and the filters' own."""
    return padded_length(3 * n_samples // 2)


def _last_s(event: SurfaceEvent) -> float:
    return max(pulse.peak_s + pulse.decay_s for pulse in event.pulses)


def _rough(
    rng: np.random.Generator, n_samples: int, sampling_rate_hz: float, roughness: float
) -> Array:
    """A random positive factor that changes over a second or so; median 1."""
    n_nodes = max(int(n_samples / sampling_rate_hz), 2) + 1
    place = np.linspace(0, n_nodes - 1, n_samples)
    return np.exp(roughness * np.interp(place, np.arange(n_nodes), rng.standard_normal(n_nodes)))


def _impacts(
    event: SurfaceEvent, rng: np.random.Generator, envelope: Array, sampling_rate_hz: float
) -> Array:
    """Impulses (3, N): Poisson many in each sample, their sizes log-normal.

    Rates follow the envelope, and sizes too: larger flows hit more often, and harder.
    """
    relative = envelope / max(float(envelope.max()), 1e-300)
    counts = rng.poisson(np.minimum(event.impacts_per_s / sampling_rate_hz * relative, 50.0))
    size = np.exp(event.impact_spread * rng.standard_normal(counts.size)) * np.sqrt(counts)
    sign = rng.choice([-1.0, 1.0], counts.size)
    # What is too small to be counted one by one still rumbles.
    rumble = 0.1 * rng.standard_normal(counts.size) * relative
    impulses = relative**0.5 * size * sign + rumble
    azimuth = np.radians(event.azimuth_deg)
    together = np.array([[1.0], [np.cos(azimuth)], [np.sin(azimuth)]]) * impulses
    apart = impulses * rng.standard_normal((3, counts.size))
    shares = np.array([[1.0], [event.horizontal], [event.horizontal]])
    mixed: Array = np.sqrt(event.coherence) * together + np.sqrt(1 - event.coherence) * apart
    mixed *= shares
    return mixed


def _greens_function(
    event: SurfaceEvent, rng: np.random.Generator, n_samples: int, sampling_rate_hz: float
) -> Spectrum:
    """Spectrum of the scattered waves of one impact, (3, F): body waves, then surface waves."""
    n_fft = _ringing_length(n_samples)
    elapsed_s = np.arange(n_samples // 2) / sampling_rate_hz
    body = _scattered(rng, elapsed_s, event.ring_s)
    body[:, 0] += 0.5
    late = _scattered(rng, elapsed_s - event.late_s, 3 * event.ring_s)
    low_pass = 1 / np.sqrt(1 + (frequencies(n_fft, sampling_rate_hz) / event.late_hz) ** 6)
    early, later = np.fft.rfft([body, late], n_fft, axis=-1)
    spectrum: Spectrum = (
        np.sqrt(1 - event.late_share) * early + np.sqrt(event.late_share) * low_pass * later
    )
    return spectrum


def _scattered(rng: np.random.Generator, elapsed_s: Array, decay_s: float) -> Array:
    """White noise (3, N) of energy 1 that rises for a fifth of its decay time."""
    after = np.maximum(elapsed_s, 0)
    white = rng.standard_normal((3, elapsed_s.size))
    white *= np.exp(-after / decay_s) * -np.expm1(-after / (0.2 * decay_s))
    scaled: Array = white / (np.sqrt((white**2).sum(axis=1, keepdims=True)) + 1e-300)
    return scaled


def _push(event: SurfaceEvent, times_s: Array) -> Array:
    """Velocity of the ground pushed back and forth once by the mass, (3, N), peak about 1."""
    pulse = event.pulses[0]
    width_s = 0.6 * (pulse.rise_s + pulse.decay_s)
    phase = 2 * np.pi * (times_s - pulse.peak_s) / width_s
    push = np.sin(phase) * np.exp(-0.5 * ((times_s - pulse.peak_s) / (0.6 * width_s)) ** 2)
    azimuth = np.radians(event.azimuth_deg)
    return np.outer([0.5, np.cos(azimuth), np.sin(azimuth)], push)


# Ranges that are drawn from, by kind: rise and decay in s, impacts a second, centre in Hz,
# number of surges.
KINDS: dict[str, dict[str, tuple[float, float]]] = {
    "rockfall": {
        "rise_s": (1.0, 15.0),
        "decay_s": (4.0, 40.0),
        "impacts_per_s": (2.0, 60.0),
        "centre_hz": (2.0, 12.0),
        "surges": (1, 6),
    },
    "landslide": {
        "rise_s": (3.0, 40.0),
        "decay_s": (10.0, 100.0),
        "impacts_per_s": (20.0, 500.0),
        "centre_hz": (0.8, 5.0),
        "surges": (1, 4),
    },
    "avalanche": {
        "rise_s": (5.0, 40.0),
        "decay_s": (5.0, 50.0),
        "impacts_per_s": (50.0, 1000.0),
        "centre_hz": (1.5, 7.0),
        "surges": (1, 3),
    },
    "debris_flow": {
        "rise_s": (10.0, 100.0),
        "decay_s": (30.0, 300.0),
        "impacts_per_s": (100.0, 2000.0),
        "centre_hz": (3.0, 15.0),
        "surges": (1, 4),
    },
    "ice_fall": {
        "rise_s": (0.8, 10.0),
        "decay_s": (3.0, 60.0),
        "impacts_per_s": (1.0, 30.0),
        "centre_hz": (1.0, 5.0),
        "surges": (1, 4),
    },
}
_WEIGHTS = {
    "rockfall": 0.3,
    "landslide": 0.3,
    "avalanche": 0.2,
    "debris_flow": 0.08,
    "ice_fall": 0.12,
}


def draw_surface_event(rng: np.random.Generator) -> SurfaceEvent:
    """A mass movement of any kind, 0.3 to 150 km away."""
    kind = str(rng.choice(list(_WEIGHTS), p=list(_WEIGHTS.values())))
    ranges = KINDS[kind]
    event = SurfaceEvent(
        kind=kind,
        pulses=_draw_pulses(rng, ranges),
        impacts_per_s=log_uniform(rng, *ranges["impacts_per_s"]),
        impact_spread=float(rng.uniform(0.2, 1.1)),
        roughness=float(rng.uniform(0.05, 0.4)),
        centre_hz=log_uniform(rng, *ranges["centre_hz"]),
        low_slope=float(rng.uniform(1.0, 3.5)),
        high_slope=float(rng.uniform(0.5, 3.5)),
        distance_km=log_uniform(rng, 0.3, 150.0),
        velocity_km_s=float(rng.uniform(0.6, 3.0)),
        q=log_uniform(rng, 20.0, 300.0),
        coherence=float(rng.uniform(0.05, 0.8)),
        azimuth_deg=float(rng.uniform(0, 360)),
        horizontal=log_uniform(rng, 0.7, 2.5),
        long_period=log_uniform(rng, 0.1, 3.0) if rng.random() < 0.2 else 0.0,
        site=draw_site(rng),
    )
    return replace(
        event,
        ring_s=log_uniform(rng, 0.5, 4.0) * (1 + event.distance_km / 60),
        late_share=float(rng.uniform(0.0, 0.8)),
        late_hz=log_uniform(rng, 1.0, 6.0),
        late_s=event.distance_km * float(rng.uniform(0.02, 0.15)),
    )


def _draw_pulses(
    rng: np.random.Generator, ranges: dict[str, tuple[float, float]]
) -> tuple[Pulse, ...]:
    n_surges = min(int(rng.geometric(0.55)), int(ranges["surges"][1]))
    rise_s, decay_s = log_uniform(rng, *ranges["rise_s"]), log_uniform(rng, *ranges["decay_s"])
    pulses: list[Pulse] = []
    peak_s = 0.0
    for _ in range(n_surges):
        slower = log_uniform(rng, 0.5, 2.0)
        pulses.append(
            Pulse(
                peak_s,
                rise_s * slower,
                decay_s * slower,
                log_uniform(rng, 0.2, 1.0) if pulses else 1.0,
                log_uniform(rng, 1.0, 4.0),
            )
        )
        peak_s += float(rng.exponential(0.8 * (rise_s + decay_s)))
    return tuple(pulses)
