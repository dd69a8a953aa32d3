"""What of a record is drawn: sines pass or do not, trends and offsets go, gaps stay gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.errors import ParameterError
from quake.pictures.band import Band, filtered
from quake.waveforms.segments import Segment

RATE_HZ = 100.0


def segment(samples, rate_hz=RATE_HZ):
    return Segment("Z", 0, rate_hz, np.asarray(samples))


def sine(frequency_hz, seconds=60):
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


@pytest.mark.parametrize(
    ("frequency_hz", "share"),
    # The response by hand: at a corner a half, an octave beyond it 1 / 257.
    [(0.5, 1 / 257), (1.0, 0.5), (5.0, 1.0), (20.0, 0.5), (40.0, 1 / 257)],
)
def test_a_sine_passes_by_the_response_of_the_filter(frequency_hz, share):
    found = filtered(segment(sine(frequency_hz)), Band()).samples
    inside = found[1000:-1000]
    assert np.sqrt(2 * np.mean(inside**2)) == pytest.approx(share, rel=0.01, abs=2e-4)


def test_a_sine_is_not_delayed():
    samples = sine(5.0)
    found = filtered(segment(samples), Band()).samples
    assert found[1000:-1000] == pytest.approx(samples[1000:-1000], abs=1e-3)


@given(st.floats(-1e9, 1e9), st.floats(-1e3, 1e3), st.integers(2, 3000))
def test_an_offset_and_a_trend_leave_nothing(offset, slope, n_samples):
    line = offset + slope * np.arange(n_samples)
    found = filtered(segment(line), Band()).samples
    assert abs(found).max() <= 1e-9 * max(abs(line).max(), 1)


def test_bad_values_are_bridged_and_stay_bad():
    samples = 100 * sine(5.0)
    samples[3000] = np.nan
    samples[4000] = 1e30
    found = filtered(segment(samples), Band()).samples
    assert np.flatnonzero(np.isnan(found)).tolist() == [3000, 4000]
    assert np.nanmax(abs(found)) < 120


def test_a_rate_that_has_nothing_in_the_band_is_drawn_as_it_is():
    slow = segment(np.arange(100.0), rate_hz=1.0)
    assert filtered(slow, Band()) is slow
    assert filtered(slow, None) is slow
    assert Band().name(1.0) == "unfiltered"


@pytest.mark.parametrize("text", ["", "1", "20-1", "0-5", "a-b", "1-inf", "nan-3", "1-2-3"])
def test_what_is_no_band_is_refused(text):
    with pytest.raises(ParameterError, match="band"):
        Band.parse(text)
