"""The smallest and the largest sample of each column, none left out."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import segment

from quake.pictures.envelope import Envelope
from quake.waveforms.times import NS_PER_S


def column_of(time_ns, start_ns, end_ns, n_columns):
    return (time_ns - start_ns) * n_columns // (end_ns - start_ns)


def test_five_columns_of_ten_samples():
    envelope = Envelope(0, 10 * NS_PER_S, 5)
    envelope.add(segment([3, -1, 4, 1, -5, 9, 2, 6, 5, 3], rate_hz=1.0))
    assert envelope.low.tolist() == [-1, 1, -5, 2, 3]
    assert envelope.high.tolist() == [3, 4, 9, 6, 5]


def test_columns_without_samples_are_empty():
    envelope = Envelope(0, 10 * NS_PER_S, 5)
    envelope.add(segment([1, 2], start_ns=4 * NS_PER_S, rate_hz=1.0))
    assert np.isnan(envelope.low).tolist() == [True, True, False, True, True]
    assert not envelope.is_empty
    assert Envelope(0, 1, 5).is_empty


def test_what_lies_outside_is_left_out():
    envelope = Envelope(2 * NS_PER_S, 4 * NS_PER_S, 2)
    envelope.add(segment([100, 100, 1, 2, -100], rate_hz=1.0))
    assert envelope.low.tolist() == envelope.high.tolist() == [1, 2]


@given(
    values=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=80),
    start=st.integers(-40, 40),
    n_columns=st.integers(1, 30),
    length=st.integers(1, 60),
    rate_hz=st.sampled_from([1.0, 20.0, 40.0, 50.0, 100.0, 125.0, 200.0]),
)
def test_every_extreme_sample_is_in_its_column(values, start, n_columns, length, rate_hz):
    step_ns = round(NS_PER_S / rate_hz)
    end_ns = length * step_ns
    envelope = Envelope(0, end_ns, n_columns)
    envelope.add(segment(np.array(values, np.int32), start * step_ns, rate_hz))
    low, high = [np.inf] * n_columns, [-np.inf] * n_columns
    for i, value in enumerate(values):
        time_ns = (start + i) * step_ns
        if 0 <= time_ns < end_ns:
            column = column_of(time_ns, 0, end_ns, n_columns)
            low[column], high[column] = min(low[column], value), max(high[column], value)
    np.testing.assert_array_equal(envelope.low, np.where(np.isinf(low), np.nan, low))
    np.testing.assert_array_equal(envelope.high, np.where(np.isinf(high), np.nan, high))


@given(
    values=st.lists(st.integers(-9, 9), min_size=2, max_size=60),
    cut=st.integers(1, 59),
    overlap=st.integers(0, 9),
)
def test_pieces_that_overlap_give_what_the_whole_gives(values, cut, overlap):
    whole, pieces = Envelope(0, NS_PER_S, 7), Envelope(0, NS_PER_S, 7)
    cut = min(cut, len(values))
    first = max(cut - overlap, 0)
    whole.add(segment(values))
    pieces.add(segment(values[:cut]))
    pieces.add(segment(values[first:], first * NS_PER_S // 100))
    np.testing.assert_array_equal(pieces.low, whole.low)
    np.testing.assert_array_equal(pieces.high, whole.high)


def test_bad_values_are_no_samples_and_their_columns_are_known():
    envelope = Envelope(0, 10 * NS_PER_S, 5)
    samples = [1.0, np.nan, 2.0, 3.0, np.inf, -np.inf, 4.0, 1e30, 5.0, 6.0]
    envelope.add(segment(samples, rate_hz=1.0))
    np.testing.assert_array_equal(envelope.low, [1, 2, np.nan, 4, 5])
    np.testing.assert_array_equal(envelope.high, [1, 3, np.nan, 4, 6])
    assert envelope.bad.tolist() == [True, False, True, True, False]
