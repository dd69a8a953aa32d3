"""Say where results lie in a store: paths in Hive style."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

from quake.output.windows import SUFFIXES
from quake.waveforms.ids import ChannelSetId
from quake.windows.station_days import DAY_NS

_EPOCH = date(1970, 1, 1)

# All else is written as %XX: codes come from files, and must not name another folder. The dot
# divides location from channel, so it is no part of either.
_PLAIN = re.compile(r"[^A-Za-z0-9_-]")

# Hive's name for what is missing.
_NOTHING = "__HIVE_DEFAULT_PARTITION__"


def date_of(day_ns: int) -> str:
    """UTC date of a midnight, as in ``2020-05-02``."""
    return (_EPOCH + timedelta(days=day_ns // DAY_NS)).isoformat()


def day_of_date(text: str) -> int:
    """Midnight at which a date begins, ns since the epoch.

    Raises
    ------
    ValueError
        If it is no date.
    """
    return (date.fromisoformat(text) - _EPOCH).days * DAY_NS


ONSETS = "onsets"
"""What onsets are called among the formats of a station-day."""

FORMATS = (*SUFFIXES, ONSETS)
"""What there may be of a station-day."""


def day_folder(root: Path, channel_set: ChannelSetId, day_ns: int, what: str = "windows") -> Path:
    """Folder of the results of a channel set and day.

    Examples
    --------
    >>> day_folder(Path("store"), ChannelSetId("IU", "ANMO", "00", "BH"), 0).as_posix()
    'store/windows/network=IU/station=ANMO/channels=00.BH/date=1970-01-01'
    """
    key = channel_set
    channels = f"{_encoded(key.location)}.{_encoded(key.band_instrument)}"
    return Path(
        root,
        what,
        f"network={_encoded(key.network) or _NOTHING}",
        f"station={_encoded(key.station) or _NOTHING}",
        f"channels={channels}",
        f"date={date_of(day_ns)}",
    )


def windows_file(root: Path, channel_set: ChannelSetId, day_ns: int, name: str) -> Path:
    """File of the windows of a channel set and day in the format of that name, or of its onsets."""
    if name == ONSETS:
        return day_folder(root, channel_set, day_ns, ONSETS) / "onsets.jsonl"
    return day_folder(root, channel_set, day_ns) / f"windows{SUFFIXES[name]}"


def events_folder(root: Path, day_ns: int) -> Path:
    """Folder of the events that begin on a day."""
    return root / "events" / f"date={date_of(day_ns)}"


def _encoded(code: str) -> str:
    return _PLAIN.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), code)
