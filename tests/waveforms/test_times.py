"""Times: ISO 8601 and nanoseconds since the epoch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.errors import ParameterError
from quake.waveforms.times import format_time, parse_time

NS_PER_YEAR = 365 * 86_400 * 10**9


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01", 0),
        ("1970-01-02T00:00:00", 86_400 * 10**9),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:01.25", 1_250_000_000),
        ("1970-01-01 00:00:01,5", 1_500_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.5-00:30", 1_800_500_000_000),
        (" 1970-01-01T00:01 ", 60 * 10**9),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400 * 10**9),
    ],
)
def test_a_time_is_read(text, time_ns):
    assert parse_time(text) == time_ns


@pytest.mark.parametrize("text", ["", "yesterday", "2019-02-30", "2019-07-06T25:00:00", "1e9"])
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(ParameterError, match="expected ISO 8601 as in"):
        parse_time(text)


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1_000, "1969-12-31T23:59:59.999999Z"),
        (499, "1970-01-01T00:00:00.000000Z"),
        (999_999_500, "1970-01-01T00:00:01.000000Z"),
        (951_782_400 * 10**9, "2000-02-29T00:00:00.000000Z"),
    ],
)
def test_a_time_is_written_to_the_nearest_microsecond(time_ns, text):
    assert format_time(time_ns) == text


@given(st.integers(-70 * NS_PER_YEAR // 1000, 300 * NS_PER_YEAR // 1000))
def test_whole_microseconds_come_back_as_they_were(microseconds):
    assert parse_time(format_time(microseconds * 1000)) == microseconds * 1000
