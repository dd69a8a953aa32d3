"""From the source to the station: travel times, spreading, attenuation and scattering.

One homogeneous crust over a half-space: straight rays for Pg and Sg, head waves for Pn and Sn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quake.synth.records import Array
from quake.synth.spectra import Spectrum, padded_length

# Centres of the frequency bands in which coda decays by itself, Hz, for the interpolation of
# envelopes over the logarithm of frequency.
CODA_NODES_HZ = (1.0, 4.0, 16.0)


@dataclass(frozen=True)
class Crust:
    """Velocities and attenuation between source and station.

    Attributes
    ----------
    vp_km_s, vp_vs : float
        P velocity of the crust, and its ratio to the S velocity.
    moho_km, mantle_vp_km_s : float
        Depth of the boundary, and P velocity below it; the ratio to S is the crust's.
    q0, q_eta : float
        Q of S waves at 1 Hz, and its power of frequency: Q(f) = q0 f^q_eta (Aki, 1980).
    qp_qs : float
        Q of P waves over that of S waves.
    spreading : float
        Amplitudes fall as hypocentral distance to minus this power.
    """

    vp_km_s: float = 6.0
    vp_vs: float = 1.73
    moho_km: float = 35.0
    mantle_vp_km_s: float = 8.0
    q0: float = 200.0
    q_eta: float = 0.7
    qp_qs: float = 1.3
    spreading: float = 1.0

    def velocity_km_s(self, wave: str) -> float:
        """Velocity of "P" or "S" in the crust."""
        return self.vp_km_s if wave == "P" else self.vp_km_s / self.vp_vs

    def direct_s(self, wave: str, distance_km: float, depth_km: float) -> float:
        """Travel time of the straight ray."""
        return float(np.hypot(distance_km, depth_km)) / self.velocity_km_s(wave)

    def head_wave_s(self, wave: str, distance_km: float, depth_km: float) -> float:
        """Travel time along the mantle's roof; infinite where there is no such wave."""
        if depth_km >= self.moho_km or self.mantle_vp_km_s <= self.vp_km_s:
            return np.inf
        ratio = 1.0 if wave == "P" else self.vp_vs
        slow, fast = self.vp_km_s / ratio, self.mantle_vp_km_s / ratio
        cosine = np.sqrt(1 - (slow / fast) ** 2)
        legs_km = 2 * self.moho_km - depth_km
        if distance_km < legs_km * (slow / fast) / cosine:
            return np.inf
        return float(distance_km / fast + legs_km * cosine / slow)

    def attenuation(self, frequency_hz: Array, wave: str, travel_s: float) -> Array:
        """Amplitude left after a time on the way: exp(-pi f t / Q(f))."""
        q = self.q0 * np.maximum(frequency_hz, 0.1) ** self.q_eta
        if wave == "P":
            q = q * self.qp_qs
        return np.exp(-np.pi * frequency_hz * travel_s / np.maximum(q, 1.0))


def site_kappa(frequency_hz: Array, kappa_s: float) -> Array:
    """Loss under the station: exp(-pi kappa f) (Anderson and Hough, 1984)."""
    return np.exp(-np.pi * kappa_s * frequency_hz)


@dataclass(frozen=True)
class Scattering:
    """Scattered energy behind a phase.

    Attributes
    ----------
    energy_ratio : float
        Energy of the scattered waves over that of the direct wave. Large: an emergent onset.
    rise_s : float
        Time from the onset to the peak of the forward-scattered waves, which broadens pulses with
        distance (Sato, 1989). Their envelope is t exp(-t / rise), the shape of Saragoni and Hart
        (1974).
    coda_share : float
        Share of that energy in the late coda, whose amplitude decays with lapse time as
        t^-alpha exp(-pi f t / Qc(f)) (Aki and Chouet, 1975).
    coda_q0, coda_eta, coda_alpha : float
        Qc(f) = coda_q0 f^coda_eta, and alpha.
    isotropic : float
        Share of the energy that moves the ground in any direction; the rest in the direct wave's.
    """

    energy_ratio: float = 1.0
    rise_s: float = 0.3
    coda_share: float = 0.3
    coda_q0: float = 120.0
    coda_eta: float = 0.8
    coda_alpha: float = 1.0
    isotropic: float = 0.6

    def envelope(self, elapsed_s: Array, travel_s: float, frequency_hz: float) -> Array:
        """Expected amplitude of the scattered waves over time since the onset.

        Its squares add up to `energy_ratio`.
        """
        after = np.maximum(elapsed_s, 0)
        forward = after * np.exp(1 - after / self.rise_s) / self.rise_s
        qc = max(self.coda_q0 * frequency_hz**self.coda_eta, 5.0)
        coda = (1 + after / max(travel_s, 1.0)) ** -self.coda_alpha
        coda = coda * np.exp(-np.pi * frequency_hz * after / qc)
        coda = coda * (elapsed_s > 0) * -np.expm1(-after / self.rise_s)
        energy = (1 - self.coda_share) * _unit(forward**2) + self.coda_share * _unit(coda**2)
        return np.sqrt(self.energy_ratio * energy)

    def spectrum(
        self,
        rng: np.random.Generator,
        direction: Array,
        frequency_hz: Array,
        times_s: Array,
        onset_s: float,
        travel_s: float,
    ) -> Spectrum:
        """Random scattered waves of a unit pulse, (3, F), to be multiplied by its spectrum.

        White noise under the envelope of each band of frequency, summed.
        """
        n_samples = times_s.size
        n_fft = padded_length(n_samples)
        # The energy is that of the whole coda; what lies behind the window's end is cut off.
        elapsed_s = np.arange(n_fft) * (times_s[1] - times_s[0]) - onset_s
        # Single precision: it halves the time, and noise has no seventh digit.
        white = rng.standard_normal((4, n_samples), dtype=np.float32)
        along = (np.sqrt(1 - self.isotropic) * direction[:, None]).astype(np.float32)
        motion = along * white[3] + np.float32(np.sqrt(self.isotropic / 3)) * white[:3]
        total = np.zeros((3, frequency_hz.size), complex)
        for node_hz, share in zip(CODA_NODES_HZ, _node_shares(frequency_hz), strict=True):
            if share.any():
                envelope = self.envelope(elapsed_s, travel_s, node_hz)[:n_samples]
                trains = motion * envelope.astype(np.float32)
                total += share * np.fft.rfft(trains, n_fft, axis=1)
        return total


def _unit(energy: Array) -> Array:
    total = energy.sum()
    return energy / total if total > 0 else energy


def _node_shares(frequency_hz: Array) -> Array:
    """Weight of each node at each frequency, linear in its logarithm; the weights add up to 1."""
    nodes = np.log(CODA_NODES_HZ)
    return np.stack(
        [np.interp(np.log(frequency_hz), nodes, row) for row in np.eye(len(nodes), dtype=float)]
    )
