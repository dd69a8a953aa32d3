"""The source of an earthquake: moment, corner frequency, omega-square spectrum, radiation."""

from __future__ import annotations

import numpy as np

from quake.synth.records import Array


def moment_nm(magnitude: float) -> float:
    """Seismic moment in N m of a moment magnitude (Hanks and Kanamori, 1979)."""
    return float(10 ** (1.5 * magnitude + 9.1))


def corner_frequency_hz(moment_nm: float, stress_drop_mpa: float, vs_km_s: float) -> float:
    """Corner frequency of the S wave of a circular fault (Brune, 1970, 1971).

    f = 2.34 v_s / (2 pi r), where the radius r is (7 M0 / 16 stress drop)^(1/3).

    Examples
    --------
    >>> round(corner_frequency_hz(moment_nm(3.0), stress_drop_mpa=3.0, vs_km_s=3.5), 2)
    7.25
    """
    radius_m = (7 * moment_nm / (16 * stress_drop_mpa * 1e6)) ** (1 / 3)
    return float(2.34 * vs_km_s * 1000 / (2 * np.pi * radius_m))


def omega_square(frequency_hz: Array, corner_hz: float) -> Array:
    """Displacement spectrum of the source over its plateau (Aki, 1967; Brune, 1970)."""
    return 1 / (1 + (frequency_hz / corner_hz) ** 2)


def radiation(
    strike_deg: float, dip_deg: float, rake_deg: float, azimuth_deg: float, takeoff_deg: float
) -> tuple[float, float, float]:
    """Radiation pattern of a double couple: P, SV and SH amplitude, from -1 to 1.

    Aki and Richards, Quantitative Seismology (2002), equations 4.89 to 4.91. The take-off angle
    counts from straight down.
    """
    dip, rake, takeoff = np.radians([dip_deg, rake_deg, takeoff_deg])
    phi = np.radians(azimuth_deg - strike_deg)
    sin_i, cos_i, sin_2i, cos_2i = (
        np.sin(takeoff),
        np.cos(takeoff),
        np.sin(2 * takeoff),
        np.cos(2 * takeoff),
    )
    strike_slip, dip_slip = np.cos(rake) * np.sin(dip), np.cos(rake) * np.cos(dip)
    thrust, steep = np.sin(rake) * np.sin(2 * dip), np.sin(rake) * np.cos(2 * dip)
    p = (
        strike_slip * sin_i**2 * np.sin(2 * phi)
        - dip_slip * sin_2i * np.cos(phi)
        + thrust * (cos_i**2 - sin_i**2 * np.sin(phi) ** 2)
        + steep * sin_2i * np.sin(phi)
    )
    sv = (
        steep * cos_2i * np.sin(phi)
        - dip_slip * cos_2i * np.cos(phi)
        + 0.5 * strike_slip * sin_2i * np.sin(2 * phi)
        - 0.5 * thrust * sin_2i * (1 + np.sin(phi) ** 2)
    )
    sh = (
        dip_slip * cos_i * np.sin(phi)
        + strike_slip * sin_i * np.cos(2 * phi)
        + steep * cos_i * np.cos(phi)
        - 0.5 * thrust * sin_i * np.sin(2 * phi)
    )
    return float(p), float(sv), float(sh)
