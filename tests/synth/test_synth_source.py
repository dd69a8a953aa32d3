"""Source and path: truths from the formulas, by hand."""

import doctest

import numpy as np
import pytest

import quake.synth.draws
import quake.synth.source
from quake.synth.path import Crust, Scattering, site_kappa
from quake.synth.source import corner_frequency_hz, moment_nm, omega_square, radiation
from quake.synth.stations import Instrument, SiteResponse


def test_moment_of_magnitude_six_is_ten_to_the_18_1():
    assert moment_nm(6.0) == pytest.approx(10**18.1)


def test_corner_frequency_falls_by_ten_for_two_magnitudes():
    corners = [corner_frequency_hz(moment_nm(m), 3.0, 3.5) for m in (1.0, 3.0)]
    assert corners[0] / corners[1] == pytest.approx(10)


def test_corner_frequency_is_brunes():
    # f = 0.49 v (stress drop / moment)^(1/3), the form in which it is usually quoted.
    assert corner_frequency_hz(1e15, 10.0, 3.0) == pytest.approx(
        0.4906 * 3000 * (10e6 / 1e15) ** (1 / 3), rel=1e-3
    )


def test_omega_square_is_half_at_the_corner_and_falls_with_the_square():
    assert omega_square(np.array([5.0]), 5.0) == pytest.approx(0.5)
    high = omega_square(np.array([500.0, 1000.0]), 5.0)
    assert high[0] / high[1] == pytest.approx(4, rel=1e-3)


def test_vertical_strike_slip_pushes_at_45_degrees_and_shears_along_the_strike():
    assert radiation(0, 90, 0, 45, 90) == pytest.approx((1, 0, 0), abs=1e-12)
    assert radiation(0, 90, 0, 0, 90) == pytest.approx((0, 0, 1), abs=1e-12)


def test_mean_square_radiation_is_4_15ths_for_p_and_2_5ths_for_s():
    azimuths = np.arange(0, 360, 10)
    cosines = np.linspace(-1, 1, 201)
    takeoffs = np.degrees(np.arccos((cosines[1:] + cosines[:-1]) / 2))
    pattern = np.array([radiation(25, 40, 70, a, t) for a in azimuths for t in takeoffs])
    p, sv, sh = np.mean(pattern**2, axis=0)
    assert p == pytest.approx(4 / 15, rel=1e-3)
    assert sv + sh == pytest.approx(2 / 5, rel=1e-3)


def test_direct_wave_takes_distance_over_velocity():
    crust = Crust(vp_km_s=5.0, vp_vs=2.0)
    assert crust.direct_s("P", 30, 40) == pytest.approx(10)  # 3-4-5 triangle: 50 km
    assert crust.direct_s("S", 30, 40) == pytest.approx(20)


def test_head_wave_overtakes_at_the_crossover_distance():
    crust = Crust(vp_km_s=6.0, mantle_vp_km_s=8.0, moho_km=30.0)
    crossover_km = 2 * 30 * np.sqrt((8 + 6) / (8 - 6))
    for wave in "PS":
        assert crust.head_wave_s(wave, crossover_km, 0) == pytest.approx(
            crust.direct_s(wave, crossover_km, 0)
        )
    assert crust.head_wave_s("P", 200, 0) < crust.direct_s("P", 200, 0)
    assert crust.head_wave_s("P", 20, 0) == np.inf  # nearer than the critical distance
    assert crust.head_wave_s("P", 200, 40) == np.inf  # from below the Moho


def test_attenuation_and_kappa_are_exponential():
    crust = Crust(q0=100.0, q_eta=0.0, qp_qs=2.0)
    f = np.array([10.0])
    assert crust.attenuation(f, "S", 10.0) == pytest.approx(np.exp(-np.pi))
    assert crust.attenuation(f, "P", 10.0) == pytest.approx(np.exp(-np.pi / 2))
    assert site_kappa(f, 0.1) == pytest.approx(np.exp(-np.pi))


def test_scattered_energy_is_what_was_asked():
    scattering = Scattering(energy_ratio=7.0, rise_s=0.5, coda_share=0.4)
    envelope = scattering.envelope(np.arange(0, 600, 0.01) - 5, 10.0, 3.0)
    assert (envelope**2).sum() == pytest.approx(7.0)
    assert not envelope[:500].any()


def test_late_coda_decays_as_aki_and_chouet_say():
    scattering = Scattering(1.0, 0.2, 1.0, coda_q0=100, coda_eta=1.0, coda_alpha=1.0)
    envelope = scattering.envelope(np.array([20.0, 60.0]), 10.0, 4.0)
    # Lapse times 30 and 70 s; Qc(4 Hz) is 400.
    expected = (30 / 70) * np.exp(-np.pi * 4 * 40 / 400)
    assert envelope[1] / envelope[0] == pytest.approx(expected, rel=1e-6)


def test_soft_layer_amplifies_at_odd_multiples_of_its_frequency():
    site = SiteResponse(resonance_hz=2.0, reflection=0.5)
    gain = np.abs(site.reverberation(np.array([1e-9, 2.0, 4.0, 6.0])))
    assert gain[1] == pytest.approx([1, 3, 1, 3])  # (1 + r) / (1 - r) = 3
    assert np.all(SiteResponse(reflection=0.0).reverberation(np.array([1.0, 2.0])) == 1)


def test_sensor_is_flat_above_its_corner_and_falls_with_the_square_below():
    sensor = Instrument(corner_hz=1.0, damping=1 / np.sqrt(2), upper_hz=1000.0)
    gain = np.abs(sensor.response(np.array([0.001, 0.002, 1.0, 50.0])))
    assert gain[1] / gain[0] == pytest.approx(4, rel=1e-4)
    assert gain[2:] == pytest.approx([1 / np.sqrt(2), 1], rel=1e-3)


def test_digitiser_rounds_to_counts():
    sensor = Instrument(noise_counts=10)
    counts = sensor.digitise(np.array([0.26, -1.0]), quiet=1.0) / 0.1
    assert counts == pytest.approx([3, -10])


@pytest.mark.parametrize("module", [quake.synth, quake.synth.source, quake.synth.draws])
def test_examples_in_docstrings_hold(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
