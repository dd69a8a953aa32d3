"""Make local and regional earthquakes of a source, a path and a site.

The far field of a double couple with an omega-square spectrum is sent along the direct ray and the
head wave; each arrival is a causal pulse followed by scattered waves (Boore, 1983, makes ground
motion so, as noise under an envelope with the source's spectrum).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np

from quake.synth.path import Crust, Scattering
from quake.synth.records import EARTHQUAKE, Array, SyntheticRecord, count_samples
from quake.synth.source import corner_frequency_hz, moment_nm, omega_square, radiation
from quake.synth.spectra import (
    Spectrum,
    frequencies,
    log_uniform,
    minimum_phase,
    padded_length,
)
from quake.synth.stations import SiteResponse, draw_site

FREE_SURFACE = 2.0
# Root-mean-square radiation over the focal sphere (Boore and Boatwright, 1984).
MEAN_RADIATION = {"P": np.sqrt(4 / 15), "S": np.sqrt(2 / 5)}


@dataclass(frozen=True)
class Phase:
    """One arrival beside the direct ones, as seen at the station.

    Attributes
    ----------
    wave : str
        "P" or "S": how it moves the ground and which of the source's spectra it carries.
    travel_s : float
        Time since the origin.
    amplitude : float
        Over the direct wave's.
    """

    wave: str
    travel_s: float
    amplitude: float


@dataclass(frozen=True)
class Earthquake:
    """An earthquake and the way to one station.

    Attributes
    ----------
    magnitude : float
        Moment magnitude.
    distance_km, depth_km, azimuth_deg : float
        Epicentral distance, depth below the station, direction from epicentre to station.
    strike_deg, dip_deg, rake_deg : float
        Mechanism.
    stress_drop_mpa, density_kg_m3 : float
    p_corner_ratio : float
        Corner frequency of the P wave over that of the S wave (Madariaga, 1976: 1.5).
    incidence_deg : float or None
        Angle of the ray from the vertical at the surface; None bends the straight ray up as a
        soft surface does.
    crust : Crust
    site : SiteResponse
    p_scattering, s_scattering : Scattering
    phases : tuple of Phase
        Other arrivals: reflections, conversions, depth phases.
    echoes, echo_s : float
        Energy that the ground near the station scatters from each arrival, over the arrival's
        own, and the time in which its amplitude decays.
    surface_wave : float
        Peak of the surface waves over that of the direct S wave, about; 0 for none.
    surface_wave_km_s : (float, float)
        Group velocities at low (0.05 Hz) and high (2 Hz) frequency.
    """

    magnitude: float = 2.0
    distance_km: float = 20.0
    depth_km: float = 8.0
    azimuth_deg: float = 30.0
    strike_deg: float = 20.0
    dip_deg: float = 70.0
    rake_deg: float = 10.0
    stress_drop_mpa: float = 3.0
    density_kg_m3: float = 2700.0
    p_corner_ratio: float = 1.5
    incidence_deg: float | None = None
    crust: Crust = field(default_factory=Crust)
    site: SiteResponse = field(default_factory=SiteResponse)
    p_scattering: Scattering = field(default_factory=Scattering)
    s_scattering: Scattering = field(default_factory=Scattering)
    phases: tuple[Phase, ...] = ()
    echoes: float = 0.0
    echo_s: float = 0.3
    surface_wave: float = 0.0
    surface_wave_km_s: tuple[float, float] = (3.2, 2.0)

    @property
    def hypocentral_km(self) -> float:
        """Straight distance from source to station."""
        return float(np.hypot(self.distance_km, self.depth_km))

    @property
    def moment_nm(self) -> float:
        """Seismic moment, N m."""
        return moment_nm(self.magnitude)

    def corner_hz(self, wave: str) -> float:
        """Corner frequency of "P" or "S"."""
        corner = corner_frequency_hz(
            self.moment_nm, self.stress_drop_mpa, self.crust.velocity_km_s("S")
        )
        return corner * (self.p_corner_ratio if wave == "P" else 1.0)

    def travel_s(self, wave: str) -> float:
        """Time from the origin to the first wave of this kind, direct or along the Moho."""
        place = (wave, self.distance_km, self.depth_km)
        return min(self.crust.direct_s(*place), self.crust.head_wave_s(*place))

    def plateau_m_s(self, wave: str) -> float:
        """Low-frequency level of the far-field displacement spectrum, m s, without radiation.

        2 M0 / (4 pi rho v^3 R) (Aki and Richards, 2002, equation 4.32), where 2 is the free
        surface; spreading other than 1 / R starts at 1 km.
        """
        speed = 1000 * self.crust.velocity_km_s(wave)
        spread = 1000 * max(self.hypocentral_km, 0.05) ** self.crust.spreading
        return float(
            FREE_SURFACE * self.moment_nm / (4 * np.pi * self.density_kg_m3 * speed**3 * spread)
        )

    def displacement_spectrum(self, wave: str, frequency_hz: Array) -> Array:
        """Amplitude of the pulse's spectrum at the surface, m s; no radiation, no resonance."""
        shape = omega_square(frequency_hz, self.corner_hz(wave))
        way = self.crust.attenuation(frequency_hz, wave, self.travel_s(wave))
        return self.plateau_m_s(wave) * shape * way * self.site.loss(frequency_hz)

    def surface_incidence_deg(self) -> float:
        """Angle of the ray from the vertical where it comes out."""
        if self.incidence_deg is not None:
            return self.incidence_deg
        straight = np.arctan2(self.distance_km, max(self.depth_km, 1e-3))
        return float(np.degrees(np.arcsin(0.6 * np.sin(straight))))

    def motions(self) -> dict[str, Array]:
        """Direct amplitude of "P" and "S" in Z, N, E, over the mean radiation."""
        takeoff = 180 - np.degrees(np.arctan2(self.distance_km, max(self.depth_km, 1e-3)))
        p, sv, sh = radiation(
            self.strike_deg, self.dip_deg, self.rake_deg, self.azimuth_deg, takeoff
        )
        incidence, azimuth = np.radians([self.surface_incidence_deg(), self.azimuth_deg])
        radial = np.array([0.0, np.cos(azimuth), np.sin(azimuth)])
        transverse = np.array([0.0, -np.sin(azimuth), np.cos(azimuth)])
        up = np.array([1.0, 0.0, 0.0])
        along = up * np.cos(incidence) + radial * np.sin(incidence)
        across = radial * np.cos(incidence) - up * np.sin(incidence)
        return {
            "P": p / MEAN_RADIATION["P"] * along,
            "S": (sv * across + sh * transverse) / MEAN_RADIATION["S"],
        }


def earthquake(
    event: Earthquake,
    rng: np.random.Generator,
    *,
    window_s: float,
    sampling_rate_hz: float,
    p_s: float,
) -> SyntheticRecord:
    """Ground velocity of an earthquake at the surface, without noise and instrument.

    Parameters
    ----------
    event : Earthquake
    rng : numpy.random.Generator
        Draws the scattered waves.
    window_s, sampling_rate_hz : float
    p_s : float
        Time of the first P wave, seconds after the first sample.

    Returns
    -------
    SyntheticRecord
        `truth` has the parameters, `corner_hz`, `p_phase` and `s_phase` ("direct" or "head").

    Raises
    ------
    ParameterError
        If the window is too short.
    """
    n_samples = count_samples(window_s, sampling_rate_hz)
    origin_s = p_s - event.travel_s("P")
    spectrum = _velocity_spectrum(event, rng, n_samples, sampling_rate_hz, origin_s)
    samples = np.fft.irfft(spectrum, padded_length(n_samples), axis=1)[:, :n_samples]
    s_s = origin_s + event.travel_s("S")
    return SyntheticRecord(
        samples, sampling_rate_hz, EARTHQUAKE, p_s, s_s, {**asdict(event), **_derived(event)}
    )


def _derived(event: Earthquake) -> dict[str, object]:
    place = (event.distance_km, event.depth_km)
    first = {
        wave: "head"
        if event.crust.head_wave_s(wave, *place) < event.crust.direct_s(wave, *place)
        else "direct"
        for wave in "PS"
    }
    return {
        "corner_hz": event.corner_hz("S"),
        "moment_nm": event.moment_nm,
        "p_phase": first["P"],
        "s_phase": first["S"],
    }


def _velocity_spectrum(
    event: Earthquake,
    rng: np.random.Generator,
    n_samples: int,
    sampling_rate_hz: float,
    origin_s: float,
) -> Spectrum:
    """Sum of all waves, (3, F)."""
    frequency_hz = frequencies(padded_length(n_samples), sampling_rate_hz)
    times_s = np.arange(n_samples) / sampling_rate_hz
    motions = event.motions()
    total = np.zeros((3, frequency_hz.size), complex)
    for wave, scattering in (("P", event.p_scattering), ("S", event.s_scattering)):
        pulses = _pulses(event, wave, motions[wave], frequency_hz, origin_s, times_s[-1])
        pulses *= _echoes(event, rng, n_samples, sampling_rate_hz)
        mean = MEAN_RADIATION[wave]
        for onset_s, travel_s, amplitude in _wave_trains(event, wave, origin_s):
            direction = motions[wave] / max(float(np.linalg.norm(motions[wave])), 1e-9)
            pulses += amplitude * scattering.spectrum(
                rng, direction, frequency_hz, times_s, onset_s, travel_s
            )
        total += mean * pulses * _velocity_pulse(event, wave, frequency_hz, sampling_rate_hz)
    if event.surface_wave > 0:
        total += _surface_waves(event, rng, frequency_hz, sampling_rate_hz, times_s, origin_s)
    return total * event.site.reverberation(frequency_hz) * _top_taper(frequency_hz)


def _top_taper(frequency_hz: Array) -> Array:
    """Gain that falls to 0 from 0.8 of Nyquist; a sharp end rings before the first wave."""
    position = np.clip((frequency_hz / frequency_hz[-1] - 0.8) / 0.2, 0, 1)
    taper: Array = np.cos(np.pi / 2 * position) ** 2
    return taper


def _velocity_pulse(
    event: Earthquake, wave: str, frequency_hz: Array, sampling_rate_hz: float
) -> Spectrum:
    """Causal velocity pulse whose displacement spectrum is the source's and the path's."""
    displacement = event.displacement_spectrum(wave, frequency_hz)
    causal = minimum_phase(displacement)
    return 2j * np.pi * frequency_hz * causal * sampling_rate_hz


def _wave_trains(event: Earthquake, wave: str, origin_s: float) -> list[tuple[float, float, float]]:
    """Onset, travel time and amplitude of what has a coda: the direct and the head wave."""
    place = (wave, event.distance_km, event.depth_km)
    direct_s, head_s = event.crust.direct_s(*place), event.crust.head_wave_s(*place)
    trains = [(origin_s + direct_s, direct_s, 1.0)]
    if head_s < direct_s:
        trains.append((origin_s + head_s, head_s, HEAD_WAVE_AMPLITUDE))
    return trains


# A head wave against the direct one, between 100 and 300 km; it falls faster, but the direct
# ray has lost more by Q.
HEAD_WAVE_AMPLITUDE = 0.35


def _pulses(
    event: Earthquake,
    wave: str,
    motion: Array,
    frequency_hz: Array,
    origin_s: float,
    end_s: float,
) -> Spectrum:
    """Spectrum (3, F) of unit pulses at the times of all unscattered waves of one kind."""
    trains = [(onset_s, amplitude) for onset_s, _, amplitude in _wave_trains(event, wave, origin_s)]
    trains += [(origin_s + p.travel_s, p.amplitude) for p in event.phases if p.wave == wave]
    comb = np.zeros(frequency_hz.size, complex)
    for onset_s, amplitude in trains:
        if -1.0 < onset_s < end_s:
            comb += amplitude * np.exp(-2j * np.pi * frequency_hz * onset_s)
    return motion[:, None].astype(complex) * comb


def _echoes(
    event: Earthquake, rng: np.random.Generator, n_samples: int, sampling_rate_hz: float
) -> Spectrum:
    """Spectrum (3, F) of a unit pulse followed by what the ground near the station scatters."""
    if event.echoes == 0:
        return np.ones((3, 1), complex)
    n_fft = padded_length(n_samples)
    elapsed_s = np.arange(n_fft // 8) / sampling_rate_hz
    train = rng.standard_normal((3, elapsed_s.size)) * np.exp(-elapsed_s / event.echo_s)
    train *= np.sqrt(event.echoes / max(float((train**2).sum()) / 3, 1e-300))
    train[:, 0] += 1.0
    return np.fft.rfft(train, n_fft, axis=1)


def _surface_waves(
    event: Earthquake,
    rng: np.random.Generator,
    frequency_hz: Array,
    sampling_rate_hz: float,
    times_s: Array,
    origin_s: float,
) -> Spectrum:
    """Dispersed Rayleigh and Love waves, (3, F).

    Each frequency comes at distance / group velocity; its amplitude falls with depth over a third
    of a wavelength, and with Q. Rayleigh waves move the vertical a quarter of a period apart from
    the radial component.
    """
    low_km_s, high_km_s = event.surface_wave_km_s
    position = np.clip(np.log(frequency_hz / 0.05) / np.log(2 / 0.05), 0, 1)
    delay_s = event.distance_km / (low_km_s + (high_km_s - low_km_s) * position)
    phase = -2 * np.pi * np.cumsum(delay_s) * (frequency_hz[2] - frequency_hz[1])
    wavelength_km = high_km_s / frequency_hz
    shape = frequency_hz * omega_square(frequency_hz, event.corner_hz("S"))
    shape = shape * np.exp(-3 * event.depth_km / wavelength_km - frequency_hz / 3)
    shape = shape * event.crust.attenuation(frequency_hz, "S", float(delay_s.mean()))
    s_pulse = 2 * np.pi * frequency_hz * event.displacement_spectrum("S", frequency_hz)
    peak_ratio = _mean_amplitude(s_pulse) / max(_mean_amplitude(shape), 1e-300)
    size = event.surface_wave * peak_ratio * sampling_rate_hz
    # What comes after the window would come back at its beginning.
    late = (origin_s + delay_s - times_s[-1]) / (0.05 * times_s[-1])
    shape = shape / (1 + np.exp(np.clip(late, -50, 50)))
    shift = np.exp(1j * phase - 2j * np.pi * frequency_hz * origin_s)
    azimuth = np.radians(event.azimuth_deg)
    love = rng.uniform(0.2, 1.2) * rng.choice([-1, 1])
    radial = 0.8 + 0j
    motion = np.array(
        [
            1j,
            radial * np.cos(azimuth) - love * np.sin(azimuth),
            radial * np.sin(azimuth) + love * np.cos(azimuth),
        ]
    )
    waves = size * MEAN_RADIATION["S"] * motion[:, None] * (minimum_phase(shape) * shift)
    return _from(waves, times_s, origin_s + event.travel_s("S"))


def _from(spectrum: Spectrum, times_s: Array, start_s: float) -> Spectrum:
    """Spectrum (3, F) without what it has before a time, where it fades in over 2 s.

    Dispersion smears a wave packet to both sides of its arrival, and past the transform's end.
    """
    n_fft = padded_length(times_s.size)
    samples = np.fft.irfft(spectrum, n_fft, axis=1)[:, : times_s.size]
    fade = np.sin(np.pi / 2 * np.clip((times_s - start_s) / 2, 0, 1)) ** 2
    faded: Spectrum = np.fft.rfft(samples * fade, n_fft, axis=1)
    return faded


def _mean_amplitude(spectrum: Array) -> float:
    return float(np.sqrt(np.mean(spectrum**2)))


def draw_earthquake(rng: np.random.Generator) -> Earthquake:
    """An earthquake as networks see them: 2 to 300 km away, magnitude 0 to 5, mostly shallow."""
    distance_km = log_uniform(rng, 2.0, 300.0) if rng.random() < 0.7 else log_uniform(rng, 2, 60)
    depth_km = _draw_depth(rng, distance_km)
    reach = 2.0 * np.log10(np.hypot(distance_km, depth_km)) - 2.2
    magnitude = float(np.clip(reach + rng.exponential(0.9), 0.0, 5.0))
    crust = _draw_crust(rng, distance_km, depth_km)
    event = Earthquake(
        magnitude=magnitude,
        distance_km=distance_km,
        depth_km=depth_km,
        azimuth_deg=float(rng.uniform(0, 360)),
        strike_deg=float(rng.uniform(0, 360)),
        dip_deg=float(np.degrees(np.arccos(rng.uniform(0, 1)))),
        rake_deg=float(rng.uniform(-180, 180)),
        stress_drop_mpa=log_uniform(rng, 0.05, 30.0),
        p_corner_ratio=float(rng.uniform(1.0, 1.8)),
        crust=crust,
        site=draw_site(rng),
        p_scattering=_draw_scattering(rng, distance_km),
        s_scattering=_draw_scattering(rng, distance_km),
        echoes=log_uniform(rng, 0.1, 8.0),
        echo_s=log_uniform(rng, 0.05, 1.5),
        surface_wave=_draw_surface_wave(rng, distance_km, depth_km),
        surface_wave_km_s=_draw_group_velocities(rng, crust),
    )
    return _with_phases(event, rng)


def _draw_depth(rng: np.random.Generator, distance_km: float) -> float:
    if rng.random() < 0.1:
        return log_uniform(rng, 30.0, 150.0)
    return float(min(0.5 + rng.exponential(8.0), 30.0 + distance_km / 10))


def _draw_crust(rng: np.random.Generator, distance_km: float, depth_km: float) -> Crust:
    soft = depth_km < 8 and distance_km < 50 and rng.random() < 0.4  # volcanoes, basins
    vp_km_s = float(rng.uniform(2.5, 4.8) if soft else rng.uniform(5.2, 6.8))
    q0 = log_uniform(rng, 8.0, 80.0) if soft else log_uniform(rng, 30.0, 600.0)
    # Of an S wave that spends more than a second over Q, no band of a detector has anything left.
    s_travel_s = 1.75 * float(np.hypot(distance_km, depth_km)) / vp_km_s
    return Crust(
        vp_km_s=vp_km_s,
        vp_vs=float(np.clip(1.75 + 0.08 * rng.standard_normal(), 1.55, 2.2)),
        moho_km=float(rng.uniform(22, 60)),
        mantle_vp_km_s=float(rng.uniform(7.6, 8.3)),
        q0=max(q0, s_travel_s),
        q_eta=float(rng.uniform(0.2, 1.0)),
        qp_qs=float(rng.uniform(0.7, 2.2)),
        spreading=float(rng.uniform(0.9, 1.2)),
    )


def _draw_scattering(rng: np.random.Generator, distance_km: float) -> Scattering:
    return Scattering(
        energy_ratio=log_uniform(rng, 1.0, 300.0),
        rise_s=log_uniform(rng, 0.05, 2.5) * (1 + distance_km / 150),
        coda_share=float(rng.uniform(0.05, 0.95)),
        coda_q0=log_uniform(rng, 40.0, 400.0),
        coda_eta=float(rng.uniform(0.3, 1.1)),
        coda_alpha=float(rng.uniform(0.0, 2.0)),
        isotropic=float(rng.uniform(0.2, 0.95)),
    )


def _draw_surface_wave(rng: np.random.Generator, distance_km: float, depth_km: float) -> float:
    shallow = depth_km < min(10.0, distance_km / 4) and rng.random() < 0.5
    return log_uniform(rng, 0.1, 3.0) if shallow else 0.0


def _draw_group_velocities(rng: np.random.Generator, crust: Crust) -> tuple[float, float]:
    """At low and at high frequency: long waves run deeper, and faster."""
    vs_km_s = crust.velocity_km_s("S")
    return float(rng.uniform(0.75, 0.95) * vs_km_s), float(rng.uniform(0.35, 0.75) * vs_km_s)


def _with_phases(event: Earthquake, rng: np.random.Generator) -> Earthquake:
    """Add up to five reflections and conversions at times when such waves come."""
    p_s, s_s = event.travel_s("P"), event.travel_s("S")
    phases = []
    for _ in range(rng.integers(0, 6)):
        wave = "P" if rng.random() < 0.5 else "S"
        first_s = p_s if wave == "P" else s_s
        late_s = rng.exponential(0.2 * (s_s - p_s) + 0.3)
        phases.append(Phase(wave, first_s + late_s, float(rng.normal(0, 0.5))))
    if rng.random() < 0.3:  # S to P at the bottom of the sediments, before S
        phases.append(Phase("P", s_s - min(rng.uniform(0.05, 1.5), 0.5 * (s_s - p_s)), 0.6))
    return Earthquake(**{**vars(event), "phases": tuple(phases)})
