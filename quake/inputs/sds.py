"""Find the day files of SDS archives, in order.

The layout is ``YEAR/NET/STA/CHAN.TYPE/NET.STA.LOC.CHAN.TYPE.YEAR.DAY``. Names alone are read: what
is in a file is told by its headers, later.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

from quake.inputs.selection import Selection
from quake.waveforms.ids import split_channel
from quake.waveforms.readers.compressed import plain_name
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem
from quake.waveforms.times import NS_PER_S

LAYOUT = "YEAR/NET/STA/CHAN.D/NET.STA.LOC.CHAN.D.YEAR.DAY"

# Windows reach over midnight, and day files overhang by seconds.
_MARGIN_DAYS = 1

_DAY_NS = 86_400 * NS_PER_S
_EPOCH_DAY = date(1970, 1, 1).toordinal()

# Waveforms are D; the others are detections, calibrations, responses, timing, logs, opaque data.
_WAVEFORMS = "D"
_CODE = re.compile(r"[A-Za-z0-9_-]+")
_TYPE = re.compile(r"[DECRTLOdecrtlo]")
_YEAR = re.compile(r"(?!0000)[0-9]{4}")
_CHANNEL_FOLDER = re.compile(rf"({_CODE.pattern})\.({_TYPE.pattern})")
_NAME = re.compile(
    rf"({_CODE.pattern})\.({_CODE.pattern})\.([A-Za-z0-9_-]*)\.({_CODE.pattern})"
    rf"\.({_TYPE.pattern})\.({_YEAR.pattern})\.([0-9]{{3}})"
)


class SdsName(NamedTuple):
    """The parts of a file name, in upper and lower case as found.

    Attributes
    ----------
    network, station, location, channel : str
    kind : str
        One letter: D are waveforms.
    year, day : int
        Day of the year, from 1.
    """

    network: str
    station: str
    location: str
    channel: str
    kind: str
    year: int
    day: int

    def __str__(self) -> str:
        """The file name."""
        return ".".join((*self[:5], f"{self.year:04d}", f"{self.day:03d}"))

    @property
    def is_waveform(self) -> bool:
        """Whether such a file holds waveforms."""
        return self.kind.upper() == _WAVEFORMS

    @property
    def days(self) -> int:
        """Days from the epoch to this day."""
        return _first_day(self.year) + self.day - 1


def parse_name(name: str) -> SdsName | None:
    """Read the name of a file in an SDS archive; None if it is no such name.

    Examples
    --------
    >>> parse_name("ML.ML02..BHZ.D.2020.123").day
    123
    >>> parse_name("ML.ML02..BHZ.D.2019.366") is None  # no such day
    True
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    network, station, location, channel, kind, year, day = match.groups()
    found = SdsName(network, station, location, channel, kind, int(year), int(day))
    return found if 1 <= found.day <= _days_of(found.year) else None


def miscoded(spans: Iterable[Span]) -> list[tuple[str, str]]:
    """Files whose names tell other codes than their headers do.

    Stations are selected by names, and once more by headers.

    Parameters
    ----------
    spans : what was found in files of any name

    Returns
    -------
    list of (path, channel)
        A channel that the name does not tell, as in ``XX.STA..HHZ``; in the order of the paths.
    """
    found: dict[str, str] = {}
    told: dict[str, tuple[str, str, str, str] | None] = {}
    for span in spans:
        if span.source not in told:
            name = parse_name(plain_name(os.path.basename(span.source)))  # noqa: PTH119
            told[span.source] = None if name is None else _codes(name)
        key = span.id
        codes = (key.network, key.station, key.location, key.band_instrument + span.code)
        if told[span.source] not in (None, codes):
            found.setdefault(span.source, ".".join(codes))
    return sorted(found.items())


def misnamed(spans: Iterable[Span]) -> list[tuple[str, int, int]]:
    """Files whose names tell another day than their headers do.

    A selection of times goes by the names, and takes the days before and after along: what lies
    farther away is not found.

    Parameters
    ----------
    spans : what was found in files of any name

    Returns
    -------
    list of (path, first, last)
        Start and end of what is in it, ns since the epoch; in the order of the paths.
    """
    found: dict[str, tuple[int, int]] = {}
    for span in spans:
        first, last = found.get(span.source, (span.start_ns, span.end_ns))
        found[span.source] = min(first, span.start_ns), max(last, span.end_ns)
    return [
        (path, first, last)
        for path, (first, last) in sorted(found.items())
        if (name := parse_name(plain_name(os.path.basename(path)))) is not None  # noqa: PTH119
        and not (
            (name.days - _MARGIN_DAYS) * _DAY_NS <= first
            and last <= (name.days + 1 + _MARGIN_DAYS) * _DAY_NS
        )
    ]


@dataclass
class SdsTally:
    """What a walk through an archive met beside the files that it found.

    Attributes
    ----------
    left_out : int
        Files that are no waveforms by their name, in the folders that were listed.
    n_unselected : int
        Folders and waveform files of the layout that are not selected.
    problems : list of Problem
        What could not be listed.
    """

    left_out: int = 0
    n_unselected: int = 0
    problems: list[Problem] = field(default_factory=list)


def sds_files(
    root: str | Path, selection: Selection | None = None, tally: SdsTally | None = None
) -> Iterator[Path]:
    """Find the waveform files of an archive that can hold something of a selection.

    Folders of other years, networks, stations and channels are not listed. A file is found by its
    name if its codes match, and its day is selected or next to one that is.

    Parameters
    ----------
    root : folder
    selection : Selection, optional
        All by default.
    tally : SdsTally, optional
        Receives the counts and problems.

    Yields
    ------
    Path
        In sorted order, folder by folder.
    """
    selection = selection or Selection()
    tally = SdsTally() if tally is None else tally
    first, last = _days(selection)
    for folder in _channel_folders(str(root), selection, tally):
        listing = list_folder(folder, tally.problems)
        tally.left_out += listing.n_others
        for name in listing.files:
            found = parse_name(plain_name(name))
            if found is None or not found.is_waveform:
                tally.left_out += 1
            elif first <= found.days <= last and selection.matches_codes(*_codes(found)):
                yield Path(folder, name)
            else:
                tally.n_unselected += 1


def _codes(name: SdsName) -> tuple[str, str, str, str]:
    location = "" if name.location == "--" else name.location
    return name.network, name.station, location, _spelt_as_read(name.channel)


def _spelt_as_read(channel: str) -> str:
    """The channel code as it is once read: the component is a capital letter."""
    return "".join(split_channel(channel))


def _days(selection: Selection) -> tuple[float, float]:
    """First and last day of files to be read, in days since the epoch."""
    first, last = float("-inf"), float("inf")
    if selection.start_ns is not None:
        first = selection.start_ns // _DAY_NS - _MARGIN_DAYS
    if selection.end_ns is not None:
        last = (selection.end_ns - 1) // _DAY_NS + _MARGIN_DAYS
    return first, last


def _first_day(year: int) -> int:
    return date(year, 1, 1).toordinal() - _EPOCH_DAY


def _days_of(year: int) -> int:
    return date(year, 12, 31).timetuple().tm_yday


# Folders ----------------------------------------------------------------------------------------


def _channel_folders(root: str, selection: Selection, tally: SdsTally) -> Iterator[str]:
    """Yield the lowest folders of the layout; links are followed, which cannot go in a circle."""
    below = partial(_below, tally)
    years = partial(_has_days, _days(selection))
    for _, of_year in below(root, _YEAR, years):
        for network, of_network in below(of_year, _CODE, selection.may_match):
            stations = partial(selection.may_match, network)
            for station, of_station in below(of_network, _CODE, stations):
                channels = partial(_has_channel, selection, network, station)
                for _, folder in below(of_station, _CHANNEL_FOLDER, channels):
                    yield folder


def _below(
    tally: SdsTally, folder: str, layout: re.Pattern[str], is_wanted: Callable[[str], bool]
) -> Iterator[tuple[str, str]]:
    """Yield name and path of the folders in a folder that fit the layout and are wanted."""
    listing = list_folder(folder, tally.problems)
    tally.left_out += len(listing.files) + listing.n_others
    for name in listing.folders:
        if not layout.fullmatch(name):
            continue
        if is_wanted(name):
            yield name, os.path.join(folder, name)  # noqa: PTH118 - millions of names
        else:
            tally.n_unselected += 1


def _has_days(days: tuple[float, float], name: str) -> bool:
    year = int(name)
    return _first_day(year) <= days[1] and _first_day(year) + _days_of(year) > days[0]


def _has_channel(selection: Selection, network: str, station: str, name: str) -> bool:
    return selection.may_match(network, station, _spelt_as_read(name.rpartition(".")[0]))


class Listing(NamedTuple):
    """What is in a folder, each in the order of the names.

    Attributes
    ----------
    files, folders : list of str
        Their names; links are what they lead to.
    links : set of str
        The names of both that are links.
    n_others : int
        Links to nothing, pipes and the like.
    """

    files: list[str]
    folders: list[str]
    links: set[str]
    n_others: int


def list_folder(folder: str, problems: list[Problem]) -> Listing:
    """List a folder, without a look at each file where the system allows it.

    Parameters
    ----------
    folder : str
    problems : list of Problem
        Receives what is wrong with the folder, or with one name in it; the rest is listed.
    """
    files: list[str] = []
    folders: list[str] = []
    links: set[str] = set()
    n_others = 0
    by_kind = {"file": files, "folder": folders}
    try:
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                if entry.is_symlink():
                    links.add(entry.name)
                kind = _kind(entry, problems)
                if kind in by_kind:
                    by_kind[kind].append(entry.name)
                n_others += kind == "other"
    except OSError as error:
        problems.append(_problem(folder, "cannot be listed", error))
    files.sort()
    folders.sort()
    return Listing(files, folders, links, n_others)


def _kind(entry: os.DirEntry[str], problems: list[Problem]) -> str:
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
    except OSError as error:
        if error.errno != errno.ELOOP:  # a link to itself is as good as a link to nothing
            problems.append(_problem(entry.path, "cannot be followed", error))
            return "nothing"
    if entry.is_symlink() and not entry.name.startswith("."):
        # Archives are put together of links to other disks, which may not be mounted.
        message = f"{entry.path}: a link to nothing; mount what it leads to, mend or remove it"
        problems.append(Problem(entry.path, message))
        return "nothing"
    return "other"


def _problem(path: str, what: str, error: OSError) -> Problem:
    message = f"{path}: {what} ({error.strerror or error}); check its permissions"
    return Problem(path, message)
