"""Power at the right frequency, at the right time, of the right size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import noise, segment, sine

from quake.pictures.spectrogram import Spectrogram
from quake.waveforms.times import NS_PER_S

MINUTE_NS = 60 * NS_PER_S


def spectrogram_of(samples, rate_hz=100.0, end_ns=MINUTE_NS, start_ns=0, n_columns=1000):
    found = Spectrogram(0, end_ns, 20.0, rate_hz, n_columns)
    found.add(segment(samples, start_ns, rate_hz), 0, end_ns)
    return found


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 250.0])
@pytest.mark.parametrize("frequency_hz", [2.0, 5.0, 17.0])
def test_a_sine_has_its_peak_at_its_frequency_at_all_times(rate_hz, frequency_hz):
    found = spectrogram_of(sine(frequency_hz, round(60 * rate_hz), rate_hz), rate_hz)
    peaks_hz = found.frequencies_hz[found.decibels().argmax(axis=0)]
    assert abs(peaks_hz - frequency_hz).max() <= found.row_hz / 2 + 1e-9


def test_power_adds_up_to_half_the_square_of_the_amplitude():
    found = spectrogram_of(300 * sine(5.0, 6000, 100.0))
    power = (10 ** (found.decibels() / 10)).sum(axis=0) * found.row_hz
    np.testing.assert_allclose(power, 300**2 / 2, rtol=0.02)


def test_white_noise_is_as_loud_at_any_sampling_rate_per_hz():
    # The variance is spread over all frequencies up to half of the rate.
    for rate_hz in (50.0, 200.0):
        found = spectrogram_of(noise(round(60 * rate_hz), n_rows=1)[0], rate_hz, n_columns=10)
        expected = 10 * np.log10(1000**2 / (rate_hz / 2))
        assert abs(np.median(found.decibels()) - expected) < 1


def test_a_gap_is_empty_and_nothing_else_is():
    samples = noise(6000, n_rows=1)[0]
    found = Spectrogram(0, MINUTE_NS, 20.0, 100.0, 60)
    found.add(segment(samples[:2000]), 0, MINUTE_NS)
    found.add(segment(samples[4000:], 40 * NS_PER_S), 0, MINUTE_NS)
    empty = np.isnan(found.decibels()).all(axis=0)
    assert np.flatnonzero(empty).tolist() == list(range(20, 40))


def test_bad_values_make_a_gap():
    samples = noise(6000, n_rows=1)[0]
    samples[2000:4000] = np.nan
    samples[5000:5100] = 1e30
    found = spectrogram_of(samples, n_columns=60)
    empty = np.isnan(found.decibels()).all(axis=0)
    assert np.flatnonzero(empty).tolist() == [*range(20, 40), 50]


@given(cut=st.integers(0, 60), rate_hz=st.sampled_from([20.0, 100.0]))
def test_blocks_that_overlap_give_what_the_whole_gives(cut, rate_hz):
    samples = noise(round(60 * rate_hz), n_rows=1)[0]
    whole = Spectrogram(0, MINUTE_NS, 8.0, rate_hz, 30)
    blocks = Spectrogram(0, MINUTE_NS, 8.0, rate_hz, 30)
    whole.add(segment(samples, 0, rate_hz), 0, MINUTE_NS)
    cut_ns = cut * NS_PER_S
    hop = round(whole.piece_s / 2 * rate_hz)
    reach = 4 * hop  # whole steps: pieces lie as in the whole
    first = max(0, (round(cut * rate_hz) // hop) * hop - reach)
    last = round(cut * rate_hz) + reach
    blocks.add(segment(samples[:last], 0, rate_hz), 0, cut_ns)
    blocks.add(
        segment(samples[first:], round(first / rate_hz * NS_PER_S), rate_hz), cut_ns, 1 << 60
    )
    there = ~np.isnan(whole.decibels())
    assert (~np.isnan(blocks.decibels()) == there).all()
    np.testing.assert_allclose(blocks.decibels()[there], whole.decibels()[there], rtol=1e-9)


def test_a_record_of_three_seconds_is_full_of_columns():
    found = spectrogram_of(noise(300, n_rows=1)[0], end_ns=3 * NS_PER_S)
    assert found.power.shape[1] > 20
    assert not np.isnan(found.decibels()).any()


@pytest.mark.parametrize("samples", [np.ones(5), np.full(6000, 7), np.zeros(6000)])
def test_too_few_samples_and_those_that_do_not_move_give_nothing(samples):
    assert np.isnan(spectrogram_of(samples).decibels()).all()


def test_rows_above_the_nyquist_frequency_are_empty():
    found = Spectrogram(0, MINUTE_NS, 20.0, 20.0, 10)
    found.add(segment(noise(1200, n_rows=1)[0], 0, 20.0), 0, MINUTE_NS)
    is_above = found.frequencies_hz > 10.01
    assert is_above.any()
    assert np.isnan(found.decibels()[is_above]).all()
    assert not np.isnan(found.decibels()[~is_above]).any()
