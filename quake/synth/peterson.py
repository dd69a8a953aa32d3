"""How quiet and how noisy seismic stations are: Peterson's low and high noise models.

J. Peterson (1993), Observations and modeling of seismic background noise, USGS Open-File Report
93-322, tables 3 and 4: power of acceleration, dB relative to 1 (m/s^2)^2/Hz, is A + B log10(P)
from the period P on, in seconds, up to the next row's.
"""

from __future__ import annotations

import numpy as np

from quake.synth.records import Array

# Period in s, A, B.
NEW_LOW_NOISE_MODEL = (
    (0.10, -162.36, 5.64),
    (0.17, -166.70, 0.00),
    (0.40, -170.00, -8.30),
    (0.80, -166.40, 28.90),
    (1.24, -168.60, 52.48),
    (2.40, -159.98, 29.81),
    (4.30, -141.10, 0.00),
    (5.00, -71.36, -99.77),
    (6.00, -97.26, -66.49),
    (10.00, -132.18, -31.57),
    (12.00, -205.27, 36.16),
    (15.60, -37.65, -104.33),
    (21.90, -114.37, -47.10),
    (31.60, -160.58, -16.28),
    (45.00, -187.50, 0.00),
    (70.00, -216.47, 15.70),
    (101.00, -185.00, 0.00),
    (154.00, -168.34, -7.61),
    (328.00, -217.43, 11.90),
    (600.00, -258.28, 26.60),
    (10000.00, -346.88, 48.75),
)
NEW_HIGH_NOISE_MODEL = (
    (0.10, -108.73, -17.23),
    (0.22, -150.34, -80.50),
    (0.32, -122.31, -23.87),
    (0.80, -116.85, 32.51),
    (3.80, -108.48, 18.08),
    (4.60, -74.66, -32.95),
    (6.30, 0.66, -127.18),
    (7.90, -93.37, -22.42),
    (15.40, 73.54, -162.98),
    (20.00, -151.52, 10.01),
    (354.80, -206.66, 31.63),
)


def _power_db(frequency_hz: Array, model: tuple[tuple[float, float, float], ...]) -> Array:
    rows = np.array(model)
    period_s = 1 / np.asarray(frequency_hz, float)
    row = np.clip(np.searchsorted(rows[:, 0], period_s, side="right") - 1, 0, None)
    power_db: Array = rows[row, 1] + rows[row, 2] * np.log10(period_s)
    return power_db


def low_noise_db(frequency_hz: Array) -> Array:
    """New Low Noise Model, dB relative to 1 (m/s^2)^2/Hz.

    Peterson stops at 10 Hz; above, the first row's line goes on.
    """
    return _power_db(frequency_hz, NEW_LOW_NOISE_MODEL)


def high_noise_db(frequency_hz: Array) -> Array:
    """New High Noise Model, dB relative to 1 (m/s^2)^2/Hz; above 10 Hz as for the low one."""
    return _power_db(frequency_hz, NEW_HIGH_NOISE_MODEL)


def velocity_power(acceleration_db: Array, frequency_hz: Array) -> Array:
    """Power density of velocity, (m/s)^2/Hz, from that of acceleration in dB."""
    power: Array = 10 ** (acceleration_db / 10) / (2 * np.pi * frequency_hz) ** 2
    return power
