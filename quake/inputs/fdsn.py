"""Ask FDSN web services: ``fdsn://NODE/NET.STA.LOC.CHAN`` is a file a channel set and day.

A node is one of those that ObsPy's client knows by name, or a host. The station service says which
channel sets there were and when, the dataselect service gives a day of one at a time. Specified by
https://www.fdsn.org/webservices/fdsnws-dataselect-1.1.pdf and fdsnws-station-1.1.pdf.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import urlencode

from quake.errors import ParameterError
from quake.inputs.scheme import MOST_BYTES, Fetched, Found, SchemeError, Wanted, parts_of
from quake.inputs.selection import parse_moment
from quake.inputs.transfer import HttpAnswer, Transfers
from quake.waveforms.file_state import FileState, content_of
from quake.waveforms.ids import ALIASES, ChannelSetId
from quake.waveforms.readers.waveform_file import is_waveform_file
from quake.waveforms.times import NS_PER_S, format_time

_EXPECTED = "fdsn://NODE/NET.STA.LOC.CHAN was expected, as in fdsn://EARTHSCOPE/UW.RCM..HH?"
_STREAM = re.compile(r"([A-Z0-9?*]{1,8})\.([A-Z0-9?*]{1,8})\.([A-Z0-9?*-]{0,8})\.([A-Z0-9?*]{1,8})")
_CODE = re.compile(r"[A-Z0-9]{1,8}")
_LOCATION = re.compile(r"[A-Z0-9]{0,8}")
_TIME = r"\d{4}-\d{2}-\d{2}(?:T[0-9:.]+Z)?"
_DAY = re.compile(rf"({_TIME})(?:--({_TIME}))?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?", re.ASCII)

_DAY_NS = 86_400 * NS_PER_S
_MOST_TABLE_BYTES, _MOST_XML_BYTES = 64 << 20, 512 << 20
_MOST_CHANNELS, _MOST_DAYS = 200_000, 1_000_000

# Of a request that is too large, parts are asked for, down to this length.
_SHORTEST_NS = 600 * NS_PER_S

# Data come late; so long after a day its file is taken to be complete.
_LATE_NS = 3 * _DAY_NS


class _Stream(NamedTuple):
    """Patterns of codes, as of the station service; the location is "" or "--" if it is empty."""

    network: str
    station: str
    location: str
    channel: str


class _Epoch(NamedTuple):
    """A channel, and from when to when it was there."""

    id: ChannelSetId
    code: str
    start_ns: int
    end_ns: int


@dataclass
class Fdsn:
    """FDSN web services, as a scheme."""

    transfers: Transfers = field(default_factory=Transfers)

    at_once = 1

    def find(self, uri: str, wanted: Wanted) -> Found:
        """Say which channel sets and days a URI stands for.

        Raises
        ------
        ParameterError
            If the URI makes no sense, or no times were given.
        SchemeError
            If the station service cannot be asked.
        """
        node, streams, day = _parsed(uri)
        if day:
            return Found([FileState(uri, 0, 0)])
        first_ns, last_ns = _bounds(uri, wanted)
        base = _base_of(uri, node)
        days: dict[tuple[ChannelSetId, str], set[int]] = {}
        found = Found()
        for epoch in self._epochs(base, uri, streams, first_ns, last_ns):
            if not wanted.selection.matches_codes(*_codes(epoch)):
                found.n_unselected += 1
                continue
            key = epoch.id, _asked_as(epoch.code, streams, wanted)
            low, high = max(epoch.start_ns, first_ns), min(epoch.end_ns, last_ns)
            days.setdefault(key, set()).update(range(low // _DAY_NS, -(-high // _DAY_NS)))
        if sum(map(len, days.values())) > _MOST_DAYS:
            raise ParameterError(f"{uri}: more than {_MOST_DAYS} station-days; ask for fewer")
        found.files = [
            FileState(f"fdsn://{node}/{_name(key, code)}/{_day(number, first_ns, last_ns)}", 0, 0)
            for key, code in sorted(days)
            for number in sorted(days[key, code])
        ]
        if not found.files and not found.n_unselected:
            raise SchemeError(
                f"{uri}: {node} knows no such channel between {format_time(first_ns)} and "
                f"{format_time(last_ns)}; check the codes and times"
            )
        return found

    def fetch(self, uri: str, path: Path) -> Fetched:
        """Ask for a day of a channel set.

        Raises
        ------
        SchemeError
            If the server does not answer, refuses, or gives something else than miniSEED.
        OSError
            If it cannot be written.
        """
        _, streams, day = _parsed(uri)
        if not day:
            raise ParameterError(f"{uri}: a day was expected at its end, as in /2025-01-01")
        begin_ns, end_ns = _interval(day)
        end_ns = min(end_ns, time.time_ns())
        with path.open("w+b") as file:
            if end_ns > begin_ns:
                self._write_part(uri, streams[0], (begin_ns, end_ns), file)
            size = file.seek(0, io.SEEK_END)
        content = content_of(path)
        if size and not is_waveform_file(path):
            _refuse_content(uri, path)
        return Fetched(FileState(uri, size, time.time_ns(), content), content, size > 0)

    def is_unchanged(self, known: FileState, listed: FileState) -> bool:
        """Whether a day was asked for so long after its end that nothing is added any more."""
        day = _parsed(known.path)[2]
        return bool(day) and known.modified_ns >= _interval(day)[1] + _LATE_NS

    def describe(self, uri: str, wanted: Wanted, path: Path) -> bool:
        """Write StationXML, to the level of channels.

        Raises
        ------
        SchemeError
            If it cannot be had.
        """
        node, streams, day = _parsed(uri)
        first_ns, last_ns = _interval(day) if day else _bounds(uri, wanted)
        query = _station_query(streams, first_ns, last_ns, "xml")
        url = f"{_base_of(uri, node)}/station/1/query?{query}"
        with path.open("w+b") as file:
            answer = self.transfers.get(url, file, _MOST_XML_BYTES, uri)
        _refuse_code(uri, answer)
        return answer.code == 200 and answer.n_bytes > 0

    def _epochs(
        self, base: str, uri: str, streams: Sequence[_Stream], first_ns: int, last_ns: int
    ) -> Iterator[_Epoch]:
        """Ask the station service, or take exact codes as they are where there is none."""
        url = f"{base}/station/1/query?{_station_query(streams, first_ns, last_ns, 'text')}"
        table = io.BytesIO()
        answer = self.transfers.get(url, table, _MOST_TABLE_BYTES, uri)
        if answer.code == 404 and not any(map(_is_wild, streams)):
            for stream in streams:
                band_instrument, code = stream.channel[:-1], stream.channel[-1:]
                key = ChannelSetId(
                    stream.network, stream.station, _without_dashes(stream), band_instrument
                )
                for component in ALIASES if code in "?*" else code:
                    yield _Epoch(key, component, first_ns, last_ns)
            return
        _refuse_code(uri, answer)
        yield from _epochs_of(table.getvalue(), uri)

    def _write_part(
        self, uri: str, stream: _Stream, times_ns: tuple[int, int], file: BinaryIO
    ) -> None:
        """Ask for a time; where that is too much, for its halves."""
        begin_ns, end_ns = times_ns
        query = urlencode(
            {
                **_codes_query([stream]),
                "starttime": _time(begin_ns),
                "endtime": _time(end_ns),
                "nodata": "204",
            }
        )
        url = f"{_base_of(uri, parts_of(uri)[1])}/dataselect/1/query?{query}"
        answer = self.transfers.get(url, file, MOST_BYTES - file.tell(), uri)
        if answer.code == 413 and end_ns - begin_ns > _SHORTEST_NS:
            middle_ns = (begin_ns + end_ns) // 2
            self._write_part(uri, stream, (begin_ns, middle_ns), file)
            self._write_part(uri, stream, (middle_ns, end_ns), file)
            return
        _refuse_code(uri, answer)


def _parsed(uri: str) -> tuple[str, list[_Stream], str]:
    """Node, streams, and the day if there is one.

    Raises
    ------
    ParameterError
        If it is no such URI.
    """
    _, node, rest = parts_of(uri)
    names, _, day = rest.partition("/")
    streams = []
    for name in names.upper().split(","):
        match = _STREAM.fullmatch(name)
        if match is None:
            raise ParameterError(f"{uri}: {name or 'nothing'} is no channel; {_EXPECTED}")
        streams.append(_Stream(*match.groups()))
    if not _HOST.fullmatch(node.replace("+", "-")):
        raise ParameterError(f"{uri}: {node or 'nothing'} is no node; {_EXPECTED}")
    if day and (not _DAY.fullmatch(day) or len(streams) > 1):
        raise ParameterError(f"{uri}: {day} is no day of one channel set; {_EXPECTED}")
    return node, streams, day


def _base_of(uri: str, node: str) -> str:
    """Where the services of a node are: by its name, or HTTPS, or HTTP where there is a port.

    Raises
    ------
    ParameterError
        If it is neither the name of a node nor a host.
    """
    from obspy.clients.fdsn.header import URL_DEFAULT_SUBPATH, URL_MAPPING_SUBPATHS, URL_MAPPINGS

    name = node.upper()
    if name in URL_MAPPINGS:
        subpath = URL_MAPPING_SUBPATHS.get(name, URL_DEFAULT_SUBPATH)
        return f"{URL_MAPPINGS[name].rstrip('/')}{subpath}"
    host, _, port = node.partition(":")
    if not port and "." not in host:
        known = ", ".join(sorted(URL_MAPPINGS))
        raise ParameterError(f"{uri}: no node {node}; there are {known}, or give HOST:PORT")
    protocol = "http" if port and port != "443" else "https"
    return f"{protocol}://{node}{URL_DEFAULT_SUBPATH}"


def _bounds(uri: str, wanted: Wanted) -> tuple[int, int]:
    """Times to be asked for; with a margin, from midnight to midnight.

    Raises
    ------
    ParameterError
        If they are not both given.
    """
    start_ns, end_ns = wanted.selection.start_ns, wanted.selection.end_ns
    if start_ns is None or end_ns is None:
        raise ParameterError(
            f"{uri}: a web service has to be told the times; give --start and --end"
        )
    if not wanted.margin_days:
        return start_ns, end_ns
    first = start_ns // _DAY_NS - wanted.margin_days
    return first * _DAY_NS, (-(-end_ns // _DAY_NS) + wanted.margin_days) * _DAY_NS


def _station_query(streams: Sequence[_Stream], first_ns: int, last_ns: int, form: str) -> str:
    return urlencode(
        {
            **_codes_query(streams),
            "startbefore": _time(last_ns),
            "endafter": _time(first_ns),
            "level": "channel",
            "format": form,
            "nodata": "204",
        }
    )


def _codes_query(streams: Sequence[_Stream]) -> dict[str, str]:
    """Codes of all streams; what is too much is left out when the answer is read."""
    locations = [_without_dashes(stream) or "--" for stream in streams]
    return {
        "network": _listed([stream.network for stream in streams]),
        "station": _listed([stream.station for stream in streams]),
        "location": _listed(locations),
        "channel": _listed([stream.channel for stream in streams]),
    }


def _listed(codes: Sequence[str]) -> str:
    return ",".join(dict.fromkeys(codes))


def _without_dashes(stream: _Stream) -> str:
    return "" if stream.location == "--" else stream.location


def _is_wild(stream: _Stream) -> bool:
    """Whether wildcards stand for more than the component."""
    return bool({"?", "*"} & set("".join((*stream[:3], stream.channel[:-1]))))


def _epochs_of(table: bytes, uri: str) -> Iterator[_Epoch]:
    """Read the text format of the station service; lines that are none of it are left out."""
    streams = _parsed(uri)[1]
    lines = table.decode("utf-8", "replace").splitlines()
    if len(lines) > _MOST_CHANNELS:
        raise SchemeError(f"{uri}: more than {_MOST_CHANNELS} channels; ask for fewer")
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        try:
            epoch = _epoch(line)
        except (ValueError, IndexError) as error:
            raise SchemeError(
                f"{uri}: the station service answers something else than its text format "
                f"({line[:80]!r}); look whether the node is right"
            ) from error
        if epoch.code in ALIASES and any(_matches(epoch, stream) for stream in streams):
            yield epoch


def _epoch(line: str) -> _Epoch:
    """Read a line; ValueError or IndexError if it is none."""
    fields = [part.strip() for part in line.split("|")]
    network, station, location, channel = fields[:4]
    location = "" if location == "--" else location
    if not all(map(_CODE.fullmatch, (network, station, channel))):
        raise ValueError("codes")
    if not _LOCATION.fullmatch(location):
        raise ValueError("location")
    key = ChannelSetId(network, station, location, channel[:-1])
    start_ns = parse_moment(fields[15])
    end_ns = parse_moment(fields[16]) if len(fields) > 16 and fields[16] else 2**63 - 1
    return _Epoch(key, channel[-1], start_ns, end_ns)


def _matches(epoch: _Epoch, stream: _Stream) -> bool:
    codes = zip(_codes(epoch), (*stream[:2], _without_dashes(stream), stream.channel), strict=True)
    return all(fnmatchcase(code, pattern) for code, pattern in codes)


def _codes(epoch: _Epoch) -> tuple[str, str, str, str]:
    key = epoch.id
    return key.network, key.station, key.location, key.band_instrument + epoch.code


def _asked_as(code: str, streams: Sequence[_Stream], wanted: Wanted) -> str:
    """How a component is asked for: with the others, unless few were named."""
    patterns = [stream.channel for stream in streams]
    patterns += [pattern.rpartition(".")[2] for pattern in wanted.selection.channels]
    return "?" if all(pattern[-1] in "?*" for pattern in patterns) else code


def _name(key: ChannelSetId, code: str) -> str:
    return f"{key.network}.{key.station}.{key.location}.{key.band_instrument}{code}"


def _day(number: int, first_ns: int, last_ns: int) -> str:
    """Name of a day, or of the part of it that lies between two times."""
    begin_ns, end_ns = number * _DAY_NS, (number + 1) * _DAY_NS
    if first_ns <= begin_ns and end_ns <= last_ns:
        return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
    return f"{format_time(max(begin_ns, first_ns))}--{format_time(min(end_ns, last_ns))}"


def _interval(day: str) -> tuple[int, int]:
    """Times of a day, or of a part of one.

    Raises
    ------
    ParameterError
        If it has none.
    """
    begin, _, end = day.partition("--")
    begin_ns = parse_moment(begin)
    return begin_ns, parse_moment(end) if end else begin_ns + _DAY_NS


def _time(time_ns: int) -> str:
    """ISO 8601 without a zone, to the microsecond, as the services want it."""
    seconds, rest_ns = divmod(min(time_ns, parse_moment("2500-01-01")), NS_PER_S)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest_ns // 1000:06d}"


def _refuse_code(uri: str, answer: HttpAnswer) -> None:
    """Pass on data, and that there are none.

    Raises
    ------
    SchemeError
        Of all else.
    """
    if answer.code in (200, 204):
        return
    said = f"the server answers {answer.code} {answer.text}".rstrip()
    if answer.code in (401, 403):
        raise SchemeError(f"{uri}: {said}; restricted data are not asked for: save them first")
    if answer.code == 404:
        raise SchemeError(f"{uri}: {said}; there is no such service: check the node")
    raise SchemeError(f"{uri}: {said}; check the codes and times, or ask for less")


def _refuse_content(uri: str, path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(40)
    raise SchemeError(
        f"{uri}: the server answers with something else than miniSEED, beginning with {head!r}; "
        "try again later, or another node"
    )
