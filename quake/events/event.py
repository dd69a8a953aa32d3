"""An event: class, time and channel sets go in, one row of the schema comes out; docs/events.md."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from quake.data.waveform import ChannelSetId
from quake.errors import ParameterError

FIELDS = (
    "id",
    "label",
    "start",
    "end",
    "peak_time",
    "peak_probability",
    "n_windows",
    "channel_sets",
    "model",
)
"""Names of the schema, in its order."""

# Of the SHA-256: 32 bits beside second and class, which hardly ever agree for two events.
_HASH_DIGITS = 8

# Allowed in file names and in QuakeML's identifiers.
_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Event:
    """A stretch of time in which the windows of one or more channel sets say the same class.

    Attributes
    ----------
    id : str
        Made of second of start, class, and a hash of start, class and channel sets, as in
        ``20200502T200100Z-earthquake-3fa9c1d2``; ASCII letters, digits, ``_`` and ``-`` alone.
    label : str
        Class.
    start, end : str
        Of the first and the last window; UTC, ISO 8601; the end is exclusive.
    peak_time : str
        Middle of the window with the largest probability; UTC, ISO 8601.
    peak_probability : float
        The largest probability of the class.
    n_windows : int
        Windows that reach the threshold, of all channel sets together.
    channel_sets : tuple of str
        Sorted, as in ``IU.ANMO.00.BH?``.
    model : str
        First twelve digits of the SHA-256 of the model file.

    Examples
    --------
    >>> minute = ("2020-05-02T20:01:00.000000Z", "2020-05-02T20:02:00.000000Z")
    >>> event = Event("earthquake", *minute, "2020-05-02T20:01:30.000000Z", 0.9, 1,
    ...               ("IU.ANMO.00.BH?",), "589a6ed490a9")
    >>> event.id
    '20200502T200100Z-earthquake-4d048fac'
    >>> event.stations
    (('IU', 'ANMO'),)
    """

    id: str = field(init=False)
    label: str
    start: str
    end: str
    peak_time: str
    peak_probability: float
    n_windows: int
    channel_sets: tuple[str, ...]
    model: str

    def __post_init__(self) -> None:
        """Derive the id."""
        object.__setattr__(self, "id", _id(self.label, self.start, self.channel_sets))

    @property
    def stations(self) -> tuple[tuple[str, str], ...]:
        """Network and station codes of the channel sets: distinct, sorted."""
        keys = map(parse_channel_set, self.channel_sets)
        return tuple(sorted({(key.network, key.station) for key in keys}))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, in the order of the schema."""
        row = {name: getattr(self, name) for name in FIELDS}
        return {**row, "channel_sets": list(self.channel_sets)}


def parse_channel_set(text: str) -> ChannelSetId:
    """Read the name of a channel set back.

    Codes have no dots; where one has all the same, it is taken for a part of the station's.

    Raises
    ------
    ParameterError
        If there are less than four codes.

    Examples
    --------
    >>> parse_channel_set("BK.MHC..BH?")
    ChannelSetId(network='BK', station='MHC', location='', band_instrument='BH')
    """
    codes = text.removesuffix("?").split(".")
    if len(codes) < 4:
        raise ParameterError(
            f"{text!r} is not a channel set; expected network, station, location, band and "
            "instrument as in IU.ANMO.00.BH?"
        )
    return ChannelSetId(codes[0], ".".join(codes[1:-2]), codes[-2], codes[-1])


def _id(label: str, start: str, channel_sets: tuple[str, ...]) -> str:
    parts = "\n".join((label, start, *sorted(channel_sets)))
    digits = hashlib.sha256(parts.encode("utf-8", "backslashreplace")).hexdigest()[:_HASH_DIGITS]
    second = start[:19].replace("-", "").replace(":", "")
    return f"{second}Z-{_UNSAFE.sub('_', label)}-{digits}"
