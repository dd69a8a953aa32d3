"""Select by codes and times what is wanted of the inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from fractions import Fraction

from quake.errors import ParameterError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S, format_time, parse_time

_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2}|\d{8}|(?P<year>\d{4})[-.](?P<day>\d{3}))"
    r"(?:[T ](?P<time>\d{2}(?::?\d{2}(?::?\d{2}(?:[.,]\d+)?)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?))?",
    re.ASCII,
)
_AGE = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smhdw])", re.ASCII)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WILDCARD = re.compile(r"[*?]")


@dataclass(frozen=True)
class Selection:
    """What is wanted; the rest of the inputs is treated as if it did not exist.

    Attributes
    ----------
    networks, stations, locations : tuple of str
        Patterns with ``*`` and ``?``, one of which has to match; none selects all. ``--`` is the
        empty location code.
    channels : tuple of str
        Patterns that match a channel code (``BH?``) or all codes (``IU.ANMO.*.BH?``).
    start_ns, end_ns : int or None
        Bounds in ns since the epoch, the end exclusive; None is unbounded.

    Raises
    ------
    ParameterError
        If the start is not before the end, or a pattern can match nothing.

    Examples
    --------
    >>> Selection(networks=("ML",), locations=("--",)).matches_codes("ML", "ML02", "", "BHZ")
    True
    """

    networks: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    start_ns: int | None = None
    end_ns: int | None = None

    def __post_init__(self) -> None:
        """Check, and write empty location codes in one way."""
        for name in ("networks", "stations", "locations", "channels"):
            object.__setattr__(self, name, _checked(name, getattr(self, name)))
        if self.start_ns is None or self.end_ns is None:
            return
        if self.start_ns >= self.end_ns:
            raise ParameterError(
                f"the start, {format_time(self.start_ns)}, is not before the end, "
                f"{format_time(self.end_ns)}; give an earlier start or a later end"
            )

    def __str__(self) -> str:
        """What is bounded, in words: ``network ML, from 2020-05-02T00:00:00.000000Z``."""
        parts = [
            f"{name[:-1]} {' or '.join(pattern or '--' for pattern in getattr(self, name))}"
            for name in ("networks", "stations", "locations", "channels")
            if getattr(self, name)
        ]
        parts += [
            f"{word} {format_time(time_ns)}"
            for word, time_ns in (("from", self.start_ns), ("until", self.end_ns))
            if time_ns is not None
        ]
        return ", ".join(parts) or "everything"

    def matches(self, span: Span) -> bool:
        """Whether the codes of a span match; its times are not looked at."""
        key = span.id
        return self.matches_codes(
            key.network, key.station, key.location, key.band_instrument + span.code
        )

    def matches_codes(self, network: str, station: str, location: str, channel: str) -> bool:
        """Whether these codes match."""
        location = _without_dashes(location)
        whole = f"{network}.{station}.{location}.{channel}"
        return (
            _any_matches(self.networks, network)
            and _any_matches(self.stations, station)
            and _any_matches(self.locations, location)
            and (_any_matches(self.channels, channel) or _any_matches(self.channels, whole))
        )

    def overlaps(self, start_ns: int, end_ns: int) -> bool:
        """Whether something between two times, ns since the epoch, is wanted."""
        return (self.end_ns is None or start_ns < self.end_ns) and (
            self.start_ns is None or end_ns > self.start_ns
        )

    def may_match(
        self, network: str, station: str | None = None, channel: str | None = None
    ) -> bool:
        """Whether codes that begin like this may match, while the others are not known yet.

        It may say yes where nothing matches in the end, but never no where something does.
        """
        return (
            _any_matches(self.networks, network)
            and (station is None or _any_matches(self.stations, station))
            and (
                not self.channels
                or any(_may_match(p, network, station, channel) for p in self.channels)
            )
        )


def of_whole_sets(selection: Selection) -> Selection:
    """What a result store is asked for: channel sets, not components of them.

    Examples
    --------
    >>> of_whole_sets(Selection(channels=("HHZ", "BH*"))).channels
    ('HH?', 'BH*')
    """
    channels = tuple(
        pattern if pattern.endswith("*") else f"{pattern[:-1]}?" for pattern in selection.channels
    )
    return replace(selection, channels=channels)


def select_spans(
    found: Mapping[ChannelSetId, Sequence[Span]], selection: Selection
) -> dict[ChannelSetId, list[Span]]:
    """Keep the spans that are wanted, as long as they are.

    Parameters
    ----------
    found : mapping of channel set to spans
    selection : Selection

    Returns
    -------
    dict
        Of channel set to spans that match and overlap the selected time, in the order of `found`;
        without the channel sets of which nothing is left.
    """
    kept = {
        key: [s for s in spans if selection.matches(s) and selection.overlaps(s.start_ns, s.end_ns)]
        for key, spans in found.items()
    }
    return {key: spans for key, spans in kept.items() if spans}


def parse_moment(text: str) -> int:
    """Read a time or a date, which stands for its midnight; without an offset it is UTC.

    Returns
    -------
    int
        ns since the epoch.

    Raises
    ------
    ParameterError
        If it is no such time.

    Examples
    --------
    >>> parse_moment("1970-01-02") == parse_moment("1970-002") == parse_moment("1970.002T00:00")
    True
    """
    match = _MOMENT.fullmatch(text.strip().upper())
    try:
        if match is None:
            raise ValueError(text)
        day = match["date"] if match["year"] is None else _date(match["year"], match["day"])
        return parse_time(f"{day}T{match['time'] or '00'}")
    except (ValueError, OverflowError) as error:
        raise ParameterError(
            f"{text!r} is not a time; expected ISO 8601 or year and day of the year, as in "
            "2020-05-02T12:30:00, 2020-05-02, 2020-123 or 2020.123"
        ) from error


def parse_age(text: str, now_ns: int) -> int:
    """Read how long ago something was, or when.

    Parameters
    ----------
    text : str
        A number and one of s, m, h, d, w, or a time as `parse_moment` takes it.
    now_ns : int
        The present, ns since the epoch.

    Returns
    -------
    int
        ns since the epoch.

    Raises
    ------
    ParameterError
        If it is neither.

    Examples
    --------
    >>> parse_age("1.5h", now_ns=6_000_000_000_000)
    600000000000
    """
    match = _AGE.fullmatch(text.strip())
    if match is not None:
        return now_ns - round(Fraction(match["number"]) * _UNITS_S[match["unit"]] * NS_PER_S)
    try:
        return parse_moment(text)
    except ParameterError as error:
        raise ParameterError(
            f"{text!r} is neither an age nor a time; expected one as in 90s, 30m, 12h, 2d, 1w, "
            "2020-05-02 or 2020-05-02T12:30:00"
        ) from error


def _checked(name: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """Patterns without dashes for an empty location code.

    Raises
    ------
    ParameterError
        If one can match nothing.
    """
    if isinstance(patterns, str):
        raise ParameterError(f"{name}: a sequence of patterns was expected, got {patterns!r}")
    kind = name[:-1]
    for pattern in patterns:
        if "," in pattern:
            raise ParameterError(
                f"{kind} {pattern!r}: no code has a comma; give several patterns one by one"
            )
        if "." in pattern and kind != "channel":
            raise ParameterError(
                f"{kind} {pattern!r}: no code has a dot; patterns of all codes, as in "
                "IU.ANMO.*.BH?, are for channels"
            )
        if not pattern and kind == "channel":
            raise ParameterError("channel '': a channel code is never empty; use * for all")
    if kind == "location":
        return tuple(_without_dashes(pattern) for pattern in patterns)
    return tuple(pattern.replace(".--.", "..") for pattern in patterns)


def _without_dashes(location: str) -> str:
    return "" if location == "--" else location


def _any_matches(patterns: Sequence[str], code: str) -> bool:
    return not patterns or any(fnmatchcase(code, pattern) for pattern in patterns)


def _may_match(pattern: str, network: str, station: str | None, channel: str | None) -> bool:
    """Whether a channel pattern may match, judged by its letters outside of the wildcards."""
    if "[" in pattern:  # what fnmatch knows beside * and ? is rare; it is matched at the end
        return True
    if channel is None:
        if "." not in pattern:
            return True
    elif fnmatchcase(channel, pattern):
        return True
    head = f"{network}." if station is None else f"{network}.{station}."
    tail = "" if channel is None else f".{channel}"
    if "*" not in pattern and len(pattern) < len(head) + len(tail):
        return False
    literals = _WILDCARD.split(pattern)
    first, last = literals[0], literals[-1]
    return (first.startswith(head) or head.startswith(first)) and (
        last.endswith(tail) or tail.endswith(last)
    )


def _date(year: str, day: str) -> date:
    """Date of a day of a year, from 1; ValueError if the year is shorter."""
    found = date(int(year), 1, 1) + timedelta(days=int(day) - 1)
    if found.year != int(year):
        raise ValueError(f"{year} has no day {day}")
    return found
