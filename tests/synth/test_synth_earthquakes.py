"""Earthquakes: what was put in is measured in the samples."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import curve_fit

from quake.synth import (
    Crust,
    Earthquake,
    Phase,
    Scattering,
    SiteResponse,
    draw_earthquake,
    earthquake,
)
from quake.synth.spectra import minimum_phase

RATE_HZ = 100.0
NO_SCATTERING = Scattering(energy_ratio=0.0)
# North of the source, so that N is radial and E transverse.
CLEAN = Earthquake(
    magnitude=3.0,
    distance_km=30.0,
    depth_km=40.0,
    azimuth_deg=0.0,
    strike_deg=20.0,
    crust=Crust(vp_km_s=5.0, vp_vs=2.0, moho_km=90.0, q0=600.0),
    site=SiteResponse(kappa_s=0.02),
    p_scattering=NO_SCATTERING,
    s_scattering=NO_SCATTERING,
)


def record(event, p_s=10.0, window_s=60.0, seed=0):
    return earthquake(
        event, np.random.default_rng(seed), window_s=window_s, sampling_rate_hz=RATE_HZ, p_s=p_s
    )


def onset(samples, share=0.05):
    """First sample above a share of the peak."""
    return int(np.argmax(np.abs(samples) > share * np.abs(samples).max()))


def test_p_and_s_come_when_distance_and_velocity_say():
    made = record(CLEAN)
    # 50 km at 5 and 2.5 km/s: S comes ten seconds after P.
    assert (made.p_s, made.s_s) == pytest.approx((10.0, 20.0))
    assert (made.p_index, made.s_index) == (1000, 2000)
    assert abs(onset(made.samples[0]) - 1000) <= 5
    assert abs(onset(made.samples[2]) - 2000) <= 5  # SH is on E, P is not


def test_nothing_comes_before_the_first_wave():
    made = record(replace(CLEAN, p_scattering=Scattering(), s_scattering=Scattering()))
    assert np.abs(made.samples[:, :980]).max() < 1e-3 * np.abs(made.samples).max()


def test_head_waves_come_first_at_200_km():
    crust = Crust(vp_km_s=6.0, moho_km=35.0)
    made = record(replace(CLEAN, distance_km=200.0, depth_km=10.0, crust=crust))
    assert made.truth["p_phase"] == made.truth["s_phase"] == "head"
    assert abs(onset(made.samples[0], 0.02) - 1000) <= 20


def test_p_moves_along_the_ray_and_s_across_it():
    made = record(replace(CLEAN, incidence_deg=30.0))
    z, n, e = made.samples[:, 1000:1700]
    assert np.abs(e).max() < 0.005 * np.abs(z).max()
    assert n == pytest.approx(np.tan(np.radians(30)) * z, abs=0.005 * np.abs(z).max())
    z, n, _ = made.samples[:, 2000:2100]
    assert z == pytest.approx(-np.tan(np.radians(30)) * n, abs=0.02 * np.abs(n).max())


def displacement_spectrum(samples):
    frequency_hz = np.fft.rfftfreq(samples.size, 1 / RATE_HZ)[1:]
    velocity = np.abs(np.fft.rfft(samples))[1:] / RATE_HZ
    return frequency_hz, velocity / (2 * np.pi * frequency_hz)


def test_plateau_corner_and_fall_off_come_back_from_a_fit():
    crust = replace(CLEAN.crust, q0=1e9)
    event = replace(CLEAN, site=SiteResponse(kappa_s=0.0), crust=crust, incidence_deg=0.0)
    made = record(event, window_s=120.0)
    frequency_hz, spectrum = displacement_spectrum(made.samples[0, 900:1900])

    def model(f, log_plateau, log_corner, power):
        return log_plateau - np.log(1 + (f / np.exp(log_corner)) ** power)

    band = (frequency_hz > 0.4) & (frequency_hz < 20)
    fit, _ = curve_fit(model, frequency_hz[band], np.log(spectrum[band]), (-20, 1, 1.5))
    p_radiation = abs(event.motions()["P"][0]) * np.sqrt(4 / 15)
    assert np.exp(fit[0]) == pytest.approx(event.plateau_m_s("P") * p_radiation, rel=0.05)
    assert np.exp(fit[1]) == pytest.approx(event.corner_hz("P"), rel=0.05)
    assert fit[2] == pytest.approx(2.0, abs=0.05)


def test_plateau_is_that_of_the_far_field():
    event = replace(CLEAN, magnitude=2.0)
    moment, rho, speed, distance = 10**12.1, 2700, 5000, 50000
    assert event.plateau_m_s("P") == pytest.approx(
        2 * moment / (4 * np.pi * rho * speed**3 * distance)
    )
    assert event.plateau_m_s("S") / event.plateau_m_s("P") == pytest.approx(2.0**3)


def test_high_frequencies_are_lost_with_kappa():
    pair = [
        record(replace(CLEAN, site=SiteResponse(kappa_s=k))).samples[0, 900:1900]
        for k in (0.01, 0.06)
    ]
    f, low = displacement_spectrum(pair[0])
    high = displacement_spectrum(pair[1])[1]
    at = [np.argmin(abs(f - hz)) for hz in (5, 15)]
    measured = np.log(high[at] / low[at])
    assert measured == pytest.approx(-np.pi * 0.05 * f[at], rel=0.05)


def energy(samples):
    return float((samples**2).sum())


def test_scattered_energy_is_in_the_asked_ratio_to_the_direct():
    ratio = 6.0
    # Not the draw of one event: the mean over twenty. S alone, below its mean radiation's size.
    scattering = Scattering(energy_ratio=ratio, rise_s=0.5, coda_share=0.2)
    direct = record(CLEAN).samples[:, 1950:]
    size = float(np.linalg.norm(CLEAN.motions()["S"]))
    with_coda = [
        record(replace(CLEAN, s_scattering=scattering), seed=seed).samples[:, 1950:] - direct
        for seed in range(20)
    ]
    measured = np.mean([energy(part) for part in with_coda]) / (energy(direct) / size**2)
    assert measured == pytest.approx(ratio, rel=0.1)


def test_an_extra_phase_repeats_the_pulse_at_its_time():
    plain = record(CLEAN).samples
    late = Phase("P", CLEAN.travel_s("P") + 3.0, -0.5)
    extra = record(replace(CLEAN, phases=(late,))).samples - plain
    assert extra[0, 1300:1800] == pytest.approx(
        -0.5 * plain[0, 1000:1500], abs=1e-4 * np.abs(plain[0]).max()
    )


def test_surface_waves_come_at_their_group_velocity_and_roll_backwards():
    event = replace(CLEAN, distance_km=90.0, depth_km=1.0, magnitude=3.5, strike_deg=100.0)
    event = replace(event, surface_wave_km_s=(1.5, 1.5))
    with_waves = record(replace(event, surface_wave=1.0), p_s=5.0, window_s=120.0)
    alone = with_waves.samples - record(event, p_s=5.0, window_s=120.0).samples
    arrival_s = 5.0 - event.travel_s("P") + 90 / 1.5
    assert np.argmax(np.abs(alone[0])) / RATE_HZ == pytest.approx(arrival_s, abs=1.0)
    # A quarter of a period apart: uncorrelated at the same time.
    assert abs(np.corrcoef(alone[0], alone[1])[0, 1]) < 0.1


def test_deeper_events_make_smaller_surface_waves_of_high_frequency():
    def centroid(depth_km):
        event = replace(CLEAN, distance_km=60.0, depth_km=depth_km)
        base = record(event, window_s=120.0).samples[0]
        waves = record(replace(event, surface_wave=1.0), window_s=120.0).samples[0] - base
        power = np.abs(np.fft.rfft(waves)) ** 2
        return np.average(np.fft.rfftfreq(waves.size, 1 / RATE_HZ), weights=power)

    assert centroid(8.0) < centroid(0.5)


def test_minimum_phase_keeps_the_amplitude_and_gathers_energy_at_the_start():
    f = np.fft.rfftfreq(2048, 0.01)
    amplitude = 1 / (1 + (f / 3.0) ** 2)
    spectrum = minimum_phase(amplitude)
    assert np.abs(spectrum) == pytest.approx(amplitude, rel=1e-6)
    pulse = np.fft.irfft(spectrum)
    # Brune's pulse, w^2 t exp(-w t), has 99.99 % of its energy within 12 / w.
    assert energy(pulse[: int(12 / (2 * np.pi * 3) * 100) + 1]) > 0.999 * energy(pulse)


def test_drawn_earthquakes_cover_what_networks_see():
    rng = np.random.default_rng(1)
    events = [draw_earthquake(rng) for _ in range(300)]
    for name, low, high in (
        ("magnitude", 0, 5),
        ("distance_km", 2, 300),
        ("depth_km", 0.5, 150),
    ):
        values = np.array([getattr(event, name) for event in events])
        assert low <= values.min()
        assert values.max() <= high * (1 + 1e-9)
        assert np.ptp(values) > 0.8 * (high - low)
