"""Read the names of day files in archives of data centres: codes and day.

What a name does not tell is empty or None, and has to be looked up in the headers.

======================  ==========================================================================
SDS                     ``YEAR/NET/STA/CHAN.D/NET.STA.LOC.CHAN.D.YEAR.DAY``
SCEDC                   ``YEAR/YEAR_DAY/NETSTA__CHANLOC_YEARDAY.ms``, codes filled up with ``_``
NCEDC                   ``NET/YEAR/YEAR.DAY/STA.NET.CHAN.LOC.D.YEAR.DAY``
EarthScope              ``NET/YEAR/DAY/STA.NET.YEAR.DAY#VERSION``, all channels of a station
GeoNet                  ``YEAR/YEAR.DAY/STA.NET/YEAR.DAY.STA.LOC-CHAN.NET.D``
======================  ==========================================================================
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from quake.inputs.scheme import Wanted
from quake.inputs.sds import parse_name
from quake.waveforms.ids import split_channel
from quake.waveforms.readers.compressed import plain_name
from quake.waveforms.times import NS_PER_S

_DAY_NS = 86_400 * NS_PER_S
_EPOCH_DAY = date(1970, 1, 1).toordinal()

_NET, _STA, _LOC, _CHA = "[A-Z0-9]{1,2}", "[A-Z0-9]{1,5}", "[A-Z0-9]{0,2}", "[A-Z0-9]{3}"
_YEAR, _DAY = r"(?P<year>(?!0000)\d{4})", r"(?P<day>\d{3})"

_LAYOUTS = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?P<net>[A-Z0-9_]{{2}})(?P<sta>[A-Z0-9_]{{5}})(?P<cha>{_CHA})(?P<loc>[A-Z0-9_]{{2}})"
        rf"_{_YEAR}{_DAY}\.ms",
        rf"(?P<sta>{_STA})\.(?P<net>{_NET})\.(?P<cha>{_CHA})\.(?P<loc>{_LOC})\.D\.{_YEAR}\.{_DAY}",
        rf"(?P<sta>{_STA})\.(?P<net>{_NET})\.{_YEAR}\.{_DAY}(#\d+)?",
        rf"{_YEAR}\.{_DAY}\.(?P<sta>{_STA})\.(?P<loc>{_LOC})-(?P<cha>{_CHA})\.(?P<net>{_NET})\.D",
    )
)

# Folders of a year, of a day with its year, and of a day below that of a year.
_FOLDER = re.compile(rf"{_YEAR}([._]{_DAY})?", re.ASCII)
_FOLDER_OF_DAY = re.compile(r"\d{3}", re.ASCII)
_FOLDER_OF_NETWORK = re.compile(_NET, re.ASCII)


class DayFile(NamedTuple):
    """What the name of a file tells.

    Attributes
    ----------
    network, station, location : str
    channel : str
        Empty if all of the station are in it.
    day : int
        Days since the epoch.
    """

    network: str
    station: str
    location: str
    channel: str
    day: int


def parse_day_file(name: str) -> DayFile | None:
    """Read the name of a day file of any known archive; None if it is none of waveforms.

    Examples
    --------
    >>> parse_day_file("CIGMR__LHN___2017010.ms")[:4]
    ('CI', 'GMR', '', 'LHN')
    >>> parse_day_file("MERC.BK.HNZ.00.D.2022.254")[:4]
    ('BK', 'MERC', '00', 'HNZ')
    >>> parse_day_file("RCM.UW.2025.001#2")[:4]
    ('UW', 'RCM', '', '')
    """
    name = plain_name(name)
    for layout in _LAYOUTS:
        match = layout.fullmatch(name)
        day = None if match is None else _number(int(match["year"]), int(match["day"]))
        if match is not None and day is not None:
            found = match.groupdict()
            network, station, location, channel = (
                found.get(part, "").strip("_") for part in ("net", "sta", "loc", "cha")
            )
            return DayFile(network, station, location, channel, day)
    sds = parse_name(name)
    if sds is None or not sds.is_waveform:
        return None
    location = "" if sds.location == "--" else sds.location
    return DayFile(
        sds.network, sds.station, location, "".join(split_channel(sds.channel)), sds.days
    )


def is_wanted(found: DayFile, wanted: Wanted) -> bool:
    """Whether a day file can hold something that is wanted."""
    selection = wanted.selection
    if not _is_in_time(found.day, found.day + 1, wanted):
        return False
    if found.channel:
        return selection.matches_codes(*found[:4])
    return selection.may_match(found.network, found.station)


def may_lead_to(folders: list[str], wanted: Wanted) -> bool:
    """Whether files that are wanted may lie in a folder, as far as the names above them tell.

    Parameters
    ----------
    folders : names from the top to the folder in question
    wanted : Wanted
    """
    *above, name = folders
    match = _FOLDER.fullmatch(name)
    if match is not None:
        year = int(match["year"])
        first = _number(year, int(match["day"] or 1))
        if first is None:
            return True
        end = first + 1 if match["day"] else _number(year + 1, 1) or first + 366
        return _is_in_time(first, end, wanted)
    if above and _FOLDER_OF_DAY.fullmatch(name) and re.fullmatch(_YEAR, above[-1], re.ASCII):
        day = _number(int(above[-1]), int(name))
        return day is None or _is_in_time(day, day + 1, wanted)
    if above and above[-1] in ("continuous_waveforms", "miniseed"):
        return not _FOLDER_OF_NETWORK.fullmatch(name) or wanted.selection.may_match(name)
    return True


def _is_in_time(first: int, end: int, wanted: Wanted) -> bool:
    """Whether days, from one up to another, are wanted, or next to one that is."""
    margin = max(wanted.margin_days, 1)  # names are of days, samples overhang
    return wanted.selection.overlaps((first - margin) * _DAY_NS, (end + margin) * _DAY_NS)


def _number(year: int, day: int) -> int | None:
    """Days from the epoch to a day of a year; None if the year has no such day."""
    try:
        first = date(year, 1, 1).toordinal()
        n_days = date(year, 12, 31).timetuple().tm_yday
    except ValueError:
        return None
    return first - _EPOCH_DAY + day - 1 if 1 <= day <= n_days else None
