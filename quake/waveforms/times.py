"""Times: ISO 8601 text to integer nanoseconds since the epoch, and back. UTC, always."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from quake.errors import ParameterError

NS_PER_S = 1_000_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"(?<=\d)[.,](\d+)")


def parse_time(text: str) -> int:
    """Read an ISO 8601 time; without an offset it is UTC.

    Raises
    ------
    ParameterError
        If it is no such time.

    Examples
    --------
    >>> parse_time("1970-01-01T00:00:01.5Z")
    1500000000
    """
    fraction = _FRACTION.search(text)
    digits = fraction.group(1)[:9].ljust(9, "0") if fraction else "0"
    try:
        moment = datetime.fromisoformat(_FRACTION.sub("", text.strip()))
    except ValueError as error:
        raise ParameterError(
            f"{text!r} is not a time; expected ISO 8601 as in 2019-07-06T03:19:53.04Z"
        ) from error
    elapsed = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * NS_PER_S + int(digits)


def format_time(time_ns: int) -> str:
    """Write a time as ISO 8601 with six decimals, rounded to the nearest microsecond.

    Examples
    --------
    >>> format_time(1_500_000_000)
    '1970-01-01T00:00:01.500000Z'
    """
    microseconds = (time_ns + 500) // 1000
    seconds, microseconds = divmod(microseconds, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    date = datetime.fromordinal(_EPOCH.toordinal() + days)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    return f"{date:%Y-%m-%d}T{hours:02d}:{minutes:02d}:{seconds:02d}.{microseconds:06d}Z"
