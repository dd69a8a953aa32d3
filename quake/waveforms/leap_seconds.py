"""Tell whether a second was counted twice at a time.

UTC as computers count it has no second 60: what was recorded in it has the times of the second that
follows, so that two seconds of samples have one second of time.
"""

from __future__ import annotations

from quake.waveforms.times import NS_PER_S, parse_time

# Midnights after a leap second, of IERS Bulletin C; none has been announced since.
_MIDNIGHTS = [
    "1972-07-01",
    "1973-01-01",
    "1974-01-01",
    "1975-01-01",
    "1976-01-01",
    "1977-01-01",
    "1978-01-01",
    "1979-01-01",
    "1980-01-01",
    "1981-07-01",
    "1982-07-01",
    "1983-07-01",
    "1985-07-01",
    "1988-01-01",
    "1990-01-01",
    "1991-01-01",
    "1992-07-01",
    "1993-07-01",
    "1994-07-01",
    "1996-01-01",
    "1997-07-01",
    "1999-01-01",
    "2006-01-01",
    "2009-01-01",
    "2012-07-01",
    "2015-07-01",
    "2017-01-01",
]
_MIDNIGHTS_NS = tuple(map(parse_time, _MIDNIGHTS))

# Samples are counted on to the end of a record that begins before the leap second.
_NEAR_NS = 120 * NS_PER_S
_LONGEST_S = 1.1


def is_leap_second(start_ns: int, length_s: float) -> bool:
    """Whether samples that contradict each other are those of a second that was counted twice.

    Examples
    --------
    >>> midnight_ns = parse_time("2017-01-01")
    >>> is_leap_second(midnight_ns, 1.0), is_leap_second(midnight_ns, 60.0)
    (True, False)
    >>> is_leap_second(parse_time("2018-01-01"), 1.0)
    False
    """
    near = any(abs(start_ns - midnight_ns) <= _NEAR_NS for midnight_ns in _MIDNIGHTS_NS)
    return near and length_s <= _LONGEST_S


def spans_leap_second(first_ns: int, last_ns: int) -> bool:
    """Whether there was a leap second between two times.

    Examples
    --------
    >>> midnight_ns = parse_time("2017-01-01")
    >>> spans_leap_second(midnight_ns - 1, midnight_ns), spans_leap_second(midnight_ns, 2**62)
    (True, False)
    """
    return any(first_ns < midnight_ns <= last_ns for midnight_ns in _MIDNIGHTS_NS)
