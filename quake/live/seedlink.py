"""Read records from a SeedLink server, as they arrive.

Version 3 of the protocol is spoken here, over a plain socket. The client of ObsPy 1.5
(`obspy.clients.seedlink`) was tried against a server first, and cannot run for months:

- in 1.5.1 it connects only with a time limit, and stops reading when that has passed;
- it takes the end of a connection for a pause, until its network timeout (120 s) is over;
- reading blocks for as long: meanwhile `terminate` is not seen, and no keepalive is sent;
- a refused station or selector appears in its log only, and there is one beginning for all;
- it prints, renames its logger, knows no IPv6, loses what it allocated for damaged records, and
  after the number FFFFFF asks for one of 25 bits.
"""

from __future__ import annotations

import logging
import queue
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import NamedTuple, Self
from urllib.parse import urlsplit
from xml.etree import ElementTree

import numpy as np

from quake.errors import ParameterError, WaveformError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.mseed import first_line, read_records
from quake.waveforms.readers.record_headers import find_records
from quake.waveforms.segments import Segment
from quake.waveforms.times import NS_PER_S, format_time

logger = logging.getLogger(__name__)

DEFAULT_PORT = 18000

EXAMPLE = "seedlink://geofon.gfz.de:18000/GE.STU..BH?,IU.ANMO.00.BHZ"

_HEAD_BYTES = 8
_RECORD_BYTES = 512
_PACKET_BYTES = _HEAD_BYTES + _RECORD_BYTES

# Where a packet begins: "SL" and its number, or that of an answer to INFO, then a record.
_PACKET_HEAD = re.compile(rb"SL(?:[0-9A-Fa-f]{6}|INFO [ *])[0-9 \0]{6}[DRQM][ \0]")
_MATCHED_BYTES = 16

_LAST_SEQUENCE = 0xFFFFFF

# Station, location, channel, network.
_CODES = re.compile(rb"[A-Za-z0-9 \0_-]{12}")

# A record of 512 bytes cannot hold more samples.
_MOST_SAMPLES = 7 * (_RECORD_BYTES - 48) // 4

_FUTURE_NS = 86_400 * NS_PER_S

# An answer to a command takes no longer.
_ANSWER_S = 30.0
_TICK_S = 1.0
_JOIN_S = 2.0

# Packets that wait to be read: 2 MiB. When it is full the server has to wait.
_MOST_WAITING = 4096

_FORMS = {
    "network": re.compile(r"[A-Za-z0-9?*]{1,8}"),
    "station": re.compile(r"[A-Za-z0-9?*]{1,8}"),
    "location": re.compile(r"[A-Za-z0-9?]{0,2}|[A-Za-z0-9?]?\*[A-Za-z0-9?]?"),
    "channel": re.compile(r"[A-Za-z0-9?]{3}|(?=.*\*)[A-Za-z0-9?*]{1,4}"),
}


@dataclass(frozen=True)
class Stream:
    """Channels that are asked for; each part may have ``?`` and ``*``, an empty location is one."""

    network: str
    station: str
    location: str
    channel: str

    def __str__(self) -> str:
        """As in ``GE.STU..BH?``."""
        return f"{self.network}.{self.station}.{self.location}.{self.channel}"

    @property
    def has_pattern_of_stations(self) -> bool:
        """Whether the server has to say which stations there are."""
        return any(sign in self.network + self.station for sign in "?*")

    @property
    def selector(self) -> str:
        """What SELECT is given: ``LLCCC``, or ``CCC`` for any location.

        There is no selector of the empty location that all servers know, none has ``*``, and
        ``??`` leaves out the empty location with some: `matches` chooses from what comes.

        Examples
        --------
        >>> Stream("GE", "STU", "10", "B*").selector
        '10B??'
        >>> Stream("GE", "STU", "", "BH?").selector
        'BH?'
        """
        is_plain = len(self.location) == 2 and "*" not in self.location and self.location != "??"
        return (self.location if is_plain else "") + _of_three(self.channel)

    def matches_station(self, network: str, station: str) -> bool:
        """Whether channels of a station are asked for."""
        return fnmatchcase(network, self.network) and fnmatchcase(station, self.station)

    def matches(self, network: str, station: str, location: str, channel: str) -> bool:
        """Whether a channel is asked for; ``??`` is also the empty location, two blanks in SEED."""
        return (
            self.matches_station(network, station)
            and any(fnmatchcase(name, self.location) for name in (location, f"{location:2}"))
            and fnmatchcase(channel, self.channel)
        )


@dataclass(frozen=True)
class SeedLinkAddress:
    """A server, and what is wanted of it."""

    host: str
    port: int
    streams: tuple[Stream, ...]

    def __str__(self) -> str:
        """The server, as in ``seedlink://localhost:18000``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"seedlink://{host}:{self.port}"


@dataclass(frozen=True, eq=False)
class ReceivedSamples:
    """Samples of one record."""

    id: ChannelSetId
    segment: Segment


def parse_address(url: str) -> SeedLinkAddress:
    """Read an address.

    Parameters
    ----------
    url : str
        ``seedlink://HOST[:PORT]/NET.STA.LOC.CHA,...``; location ``--`` is the empty one.

    Raises
    ------
    ParameterError
        If it is none; with an example of a right one.

    Examples
    --------
    >>> address = parse_address("seedlink://localhost/GE.STU.--.BH?,IU.ANMO.00.BHZ")
    >>> str(address), [str(stream) for stream in address.streams]
    ('seedlink://localhost:18000', ['GE.STU..BH?', 'IU.ANMO.00.BHZ'])
    """
    scheme, separator, rest = url.partition("://")
    if scheme.lower() != "seedlink" or not separator:
        raise _wrong(url, "does not begin with seedlink://")
    server, _, streams = rest.partition("/")
    host, port = _host_and_port(url, server)
    names = [name.strip() for name in streams.split(",")]
    if names == [""]:
        raise _wrong(url, "names no streams")
    return SeedLinkAddress(host, port, tuple(dict.fromkeys(_stream(url, name) for name in names)))


def _host_and_port(url: str, server: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{server}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _wrong(url, f"{server!r} is no host and port ({error})") from error
    if not host or parts.netloc != server or re.search(r"[@\s]", server) or port == 0:
        raise _wrong(url, f"{server!r} is no host and port")
    return host, DEFAULT_PORT if port is None else port


def _stream(url: str, name: str) -> Stream:
    parts = name.split(".")
    if len(parts) != len(_FORMS):
        raise _wrong(url, f"{name!r} is not network.station.location.channel")
    if parts[2] == "--":
        parts[2] = ""
    for part, (what, form) in zip(parts, _FORMS.items(), strict=True):
        if not form.fullmatch(part):
            raise _wrong(url, f"{part!r} in {name!r} is no {what} code, with ? and * or without")
    return Stream(*parts)


def _wrong(url: str, found: str) -> ParameterError:
    return ParameterError(f"{url}: {found}; expected an address as in {EXAMPLE}")


def _of_three(channel: str) -> str:
    """A pattern of three characters, with ``?`` alone, that lets pass at least what is wanted."""
    if channel.count("*") > 1:
        return "???"
    return channel.replace("*", "?" * max(4 - len(channel), 0))


# --- packets ------------------------------------------------------------------------------


class _Header(NamedTuple):
    """What is needed of the fixed header of a record."""

    network: str
    station: str
    location: str
    channel: str
    n_samples: int
    data_offset: int

    @property
    def station_name(self) -> str:
        return f"{self.network}.{self.station}"


class _Packet(NamedTuple):
    """Number and record; neither header nor number where bytes were no packet."""

    sequence: int | None
    header: _Header | None
    record: bytes


def _read_header(record: bytes) -> _Header | None:
    """Read the header of a record of 512 bytes, in whatever byte order; None if it is damaged."""
    if len(record) != _RECORD_BYTES or not _CODES.fullmatch(record, 8, 20):
        return None
    for order in "><":
        fields = struct.unpack_from(f"{order}HHBBBxHH", record, 20)
        year, day, hour, minute, second, fraction, n_samples = fields
        if not (1900 <= year <= 2100 and 1 <= day <= 366 and hour <= 23 and minute <= 59):
            continue
        if second <= 60 and fraction <= 9999 and n_samples <= _MOST_SAMPLES:
            (data_offset,) = struct.unpack_from(f"{order}H", record, 44)
            return _Header(
                _code(record[18:20]),
                _code(record[8:13]),
                _code(record[13:15]),
                _code(record[15:18]),
                n_samples,
                data_offset,
            )
    return None


def _code(field: bytes) -> str:
    return field.decode("ascii").strip(" \0")


def _decode(record: bytes) -> ReceivedSamples | None:
    """Decode a record; None if it holds text.

    Raises
    ------
    Exception
        If it is damaged: whatever the reader makes of it, or `ValueError`.
    """
    data = np.frombuffer(record, np.int8)
    records = find_records(data)
    traces, complaints = read_records(data, records)
    if complaints:
        raise ValueError(complaints[0])
    if records.n_bytes != _RECORD_BYTES or len(traces) != 1 or not traces[0].samples:
        raise ValueError("no record of 512 bytes with samples")
    trace, samples = traces[0], traces[0].samples[0]
    if samples.dtype.kind not in "iuf":
        return None
    if not 0 < trace.sampling_rate_hz < np.inf:
        raise ValueError(f"a sampling rate of {trace.sampling_rate_hz:g} Hz")
    if trace.start_ns > time.time_ns() + _FUTURE_NS:
        raise ValueError(f"a time in the future, {format_time(trace.start_ns)}")
    channel = trace.channel
    return ReceivedSamples(
        channel.id, Segment(channel.code, trace.start_ns, trace.sampling_rate_hz, samples)
    )


# --- one connection -----------------------------------------------------------------------


class _SilenceError(TimeoutError):
    """Nothing has come for so long that it is better to connect again."""


class _RefusalError(ConnectionError):
    """The server has sent ERROR in the place of a packet."""


class _Link:
    """One connection to a server: commands in, answers and packets out.

    Raises
    ------
    OSError
        From every method, when the connection is lost or an answer does not come.
    """

    def __init__(self, address: SeedLinkAddress, connect_s: float) -> None:
        self._socket = socket.create_connection((address.host, address.port), connect_s)
        self._socket.settimeout(_TICK_S)
        _keep_alive(self._socket)
        self._buffer = bytearray()
        self._heard_s = time.monotonic()

    def wake(self) -> None:
        """End a call in another thread, with an error."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def hello(self) -> str:
        """Ask for the first line of the server's name; the second one is not needed."""
        self.send("HELLO")
        first = self._line("HELLO")
        if first.lower().startswith("seedlink"):
            self._line("HELLO")
        return first

    def accepts(self, command: str) -> bool:
        """Send a command, and see whether the server agrees."""
        self.send(command)
        answer = self._line(command)
        if answer not in ("OK", "ERROR"):
            raise ConnectionError(f"{command} was answered with {answer!r}, neither OK nor ERROR")
        return answer == "OK"

    def stations(self) -> list[tuple[str, str]]:
        """Network and station codes of all stations; none if the server keeps them for itself."""
        self.send("INFO STATIONS")
        text = b""
        is_last = False
        while not is_last:
            try:
                head, record = self._next(_ANSWER_S)
            except _RefusalError:
                return []
            header = _read_header(record)
            if head[2:6] != b"INFO" or header is None:
                raise ConnectionError("INFO STATIONS was answered with something else")
            text += record[header.data_offset :][: header.n_samples]
            is_last = head[7:8] != b"*"
        try:
            # Entities that grow are stopped by expat 2.4.1 and later, and files are not read.
            root = ElementTree.fromstring(text.rstrip(b"\0"))  # nosec B314
        except ElementTree.ParseError as error:
            raise ConnectionError(f"the list of stations cannot be read ({error})") from error
        return [(s.get("network", ""), s.get("name", "")) for s in root.iter("station")]

    def packets(self, silence_s: float) -> Iterator[_Packet]:
        """Packets of data as they come, for ever."""
        while True:
            head, record = self._next(silence_s)
            if not head:
                yield _Packet(None, None, record)
            elif head[2:6] != b"INFO":
                yield _Packet(int(head[2:], 16), _read_header(record), record)

    def send(self, command: str) -> None:
        """Send a command."""
        self._socket.sendall(f"{command}\r".encode("ascii"))
        self._heard_s = time.monotonic()

    def _next(self, wait_s: float) -> tuple[bytes, bytes]:
        """Head and record of the next packet; no head before bytes that are none."""
        while (found := self._cut()) is None:
            if not self._receive() and time.monotonic() - self._heard_s > wait_s:
                raise _SilenceError(f"nothing came for {wait_s:g} s")
        return found

    def _cut(self) -> tuple[bytes, bytes] | None:
        """Cut the next packet off what has come, or what must be left out before it."""
        if self._buffer.startswith(b"END"):
            raise ConnectionResetError("the server has ended it")
        if self._buffer.startswith(b"ERROR"):
            raise _RefusalError("the server reports an error")
        if len(self._buffer) < _PACKET_BYTES:
            return None
        found = _PACKET_HEAD.search(self._buffer)
        begin = found.start() if found else len(self._buffer) - _MATCHED_BYTES + 1
        if begin > 0:
            return b"", self._take(begin)
        # A packet that was cut short must not take the beginning of the next one with it.
        following = _PACKET_HEAD.search(self._buffer, 1, _PACKET_BYTES + _MATCHED_BYTES - 1)
        if following and following.start() < _PACKET_BYTES:
            return b"", self._take(following.start())
        return self._take(_HEAD_BYTES), self._take(_RECORD_BYTES)

    def _take(self, n_bytes: int) -> bytes:
        taken = bytes(self._buffer[:n_bytes])
        del self._buffer[:n_bytes]
        return taken

    def _line(self, command: str) -> str:
        while b"\n" not in self._buffer:
            self._receive()
            if time.monotonic() - self._heard_s > _ANSWER_S or len(self._buffer) > 65536:
                raise TimeoutError(f"no answer to {command}")
        return self._take(self._buffer.index(b"\n") + 1).decode("latin-1").strip()

    def _receive(self) -> bool:
        """Wait for bytes, for a moment at most; whether any came."""
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return False
        if not data:
            raise ConnectionResetError("the other side has closed it")
        self._buffer += data
        self._heard_s = time.monotonic()
        return True


def _keep_alive(connection: socket.socket) -> None:
    """Have the system notice within two minutes that the other side is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):  # not every system has all of them
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


# --- the feed -----------------------------------------------------------------------------


class SeedLinkFeed:
    """Records of a SeedLink server, as a context.

    A thread receives them. When the connection breaks it makes a new one, and asks of each station
    for what follows on the last packet that came; a station that had sent nothing yet goes on with
    what is new, or with `begin_ns`. A server that counts anew after a restart does so too: which
    of its packets are known cannot be told then.

    Parameters
    ----------
    address : SeedLinkAddress
    begin_ns : int or mapping of "NET.STA" to int, optional
        Ask for data since then, ns since the epoch, of all stations or of some; of the others, and
        by default, for what is new. Whole records come, from the one that reaches into that second.
    reconnect_s : float
        Time between attempts to connect again.
    silence_s : float
        When nothing has come for so long, connect again.
    connect_s : float
        Longest time that connecting may take.

    Raises
    ------
    WaveformError
        On entry: if the server cannot be reached, is none, or refuses all streams.
    """

    def __init__(
        self,
        address: SeedLinkAddress,
        begin_ns: Mapping[str, int] | int | None = None,
        reconnect_s: float = 10.0,
        *,
        silence_s: float = 600.0,
        connect_s: float = 30.0,
    ) -> None:
        self.address = address
        self._begin_ns = begin_ns
        self._reconnect_s, self._silence_s, self._connect_s = reconnect_s, silence_s, connect_s
        self._sequences: dict[str, int] = {}
        self._warned: set[str] = set()
        self._link: _Link | None = None
        self._stopped = threading.Event()
        self._waiting: queue.Queue[_Packet | BaseException] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="quake-seedlink", daemon=True)

    def __enter__(self) -> Self:
        """Connect, and begin to receive."""
        try:
            link = self._open()
        except (OSError, UnicodeError) as error:
            raise WaveformError(f"{self.address}: {_explained(error)}") from error
        logger.info("%s: connected", self.address)
        self._link = link
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, and wait for the thread."""
        self._stopped.set()
        if self._link is not None:
            self._link.wake()
        if self._thread.is_alive():
            # It may be looking up a host, which nothing interrupts; it ends after that.
            self._thread.join(_JOIN_S)

    def read(self, timeout_s: float) -> list[ReceivedSamples]:
        """Take what has arrived since the last call.

        Parameters
        ----------
        timeout_s : float
            Wait for so long at most if nothing has.

        Returns
        -------
        list of ReceivedSamples
            In the order of each station's packets; empty if nothing came.
        """
        until_s = time.monotonic() + timeout_s
        while True:
            arrivals = [self._arrival(packet) for packet in self._received(until_s)]
            found = [arrival for arrival in arrivals if arrival is not None]
            if found or time.monotonic() >= until_s:
                return found

    # --- in the thread of the caller

    def _received(self, until_s: float) -> list[_Packet]:
        """What waits, or the first packet that comes."""
        found: list[_Packet] = []
        wait_s = max(until_s - time.monotonic(), 0)
        with suppress(queue.Empty):
            while len(found) < _MOST_WAITING:
                item = self._waiting.get(block=not found and wait_s > 0, timeout=wait_s)
                if isinstance(item, BaseException):
                    raise item
                found.append(item)
        return found

    def _arrival(self, packet: _Packet) -> ReceivedSamples | None:
        """Decode a packet, or leave it out, with a warning the first time."""
        header = packet.header
        if header is None:
            self._drop("a packet", "it is damaged")
            return None
        channel = header[:4]
        streams = self.address.streams
        if not any(stream.matches_station(*channel[:2]) for stream in streams):
            self._drop("a packet", f"{'.'.join(channel)} was not asked for")
            return None
        if header.n_samples == 0 or not any(stream.matches(*channel) for stream in streams):
            return None
        try:
            return _decode(packet.record)
        except Exception as error:
            self._drop(f"a packet of {header.station_name}", first_line(error))
            return None

    def _drop(self, what: str, reason: str) -> None:
        self._warn_once(
            what, f"{what} was left out: {reason}; further ones are left out without a warning"
        )

    def _warn_once(self, key: str, text: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            logger.warning("%s: %s", self.address, text)

    # --- in the thread of the feed

    def _run(self) -> None:
        link = self._link
        try:
            while link is not None:
                link = self._follow(link)
        except BaseException as error:
            self._put(error)

    def _follow(self, link: _Link) -> _Link | None:
        """Receive while the connection lasts; the next one, or None at the end."""
        try:
            for packet in link.packets(self._silence_s):
                if not self._put(packet):
                    return None
                self._note(packet)
        except OSError as error:
            return self._reconnected(error)
        finally:
            link.close()
        return None

    def _note(self, packet: _Packet) -> None:
        """Keep how far each station has come."""
        header = packet.header
        if header is None or packet.sequence is None:
            return
        # A damaged name is none that was asked for, mostly, and must not use up memory.
        if any(s.matches_station(header.network, header.station) for s in self.address.streams):
            self._sequences[header.station_name] = packet.sequence

    def _put(self, item: _Packet | BaseException) -> bool:
        """Wait for room, unless all has been stopped."""
        while not self._stopped.is_set():
            try:
                self._waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def _reconnected(self, error: OSError) -> _Link | None:
        """Try until there is a connection, or the end."""
        if self._stopped.is_set():
            return None
        # Stations may have nothing to say; that is no reason to alarm anybody.
        level = logging.INFO if isinstance(error, _SilenceError) else logging.WARNING
        logger.log(
            level,
            "%s: the connection broke (%s); connecting again every %g s",
            self.address,
            error,
            self._reconnect_s,
        )
        while not self._stopped.wait(self._reconnect_s):
            try:
                link = self._open()
            except WaveformError as failure:
                self._warn_once(str(failure), str(failure))
            except (OSError, UnicodeError) as failure:
                logger.debug("%s: %s", self.address, failure)
            else:
                logger.info("%s: connected again", self.address)
                return link
        return None

    def _open(self) -> _Link:
        """Connect, and ask for the streams.

        Raises
        ------
        WaveformError
            If it is no SeedLink server, or refuses all of them.
        OSError
        """
        link = _Link(self.address, self._connect_s)
        try:
            self._link = link
            if self._stopped.is_set():
                raise ConnectionAbortedError("closed")
            self._ask(link)
        except BaseException:
            link.close()
            raise
        return link

    def _ask(self, link: _Link) -> None:
        name = link.hello()
        if not name.lower().startswith("seedlink"):
            raise WaveformError(
                f"{self.address}: is no SeedLink server, it says {name[:60]!r}; check host and port"
            )
        stations, refused = self._stations(link)
        n_accepted = 0
        for (network, station), streams in stations.items():
            denied = self._subscribe(link, network, station, streams)
            n_accepted += len(streams) - len(denied)
            refused += denied
        self._judge(refused, n_accepted)
        link.send("END")

    def _judge(self, refused: list[str], n_accepted: int) -> None:
        names = ", ".join(dict.fromkeys(refused))
        if not n_accepted:
            raise WaveformError(
                f"{self.address}: has no {names}, or does not give it to this host; see what it "
                f"has with: slinktool -Q {self.address.host}:{self.address.port}"
            )
        if refused:
            self._warn_once(f"refused {names}", f"refuses {names}; going on without")

    def _stations(self, link: _Link) -> tuple[dict[tuple[str, str], list[Stream]], list[str]]:
        """Streams to ask for, by station; and patterns that fit none of the server's stations."""
        stations: dict[tuple[str, str], list[Stream]] = {}
        unknown: list[str] = []
        patterns = [stream for stream in self.address.streams if stream.has_pattern_of_stations]
        listed = link.stations() if patterns else []
        if patterns and not listed:
            raise WaveformError(
                f"{self.address}: does not list its stations, so that {patterns[0]} cannot be "
                "looked up; name each station"
            )
        for stream in self.address.streams:
            names = [(stream.network, stream.station)]
            if stream in patterns:
                names = [name for name in listed if stream.matches_station(*name)]
                unknown += [] if names else [str(stream)]
            for name in names:
                stations.setdefault(name, []).append(stream)
        return stations, unknown

    def _subscribe(
        self, link: _Link, network: str, station: str, streams: list[Stream]
    ) -> list[str]:
        """Ask for the streams of one station; names of those that are refused."""
        names = [f"{network}.{station}.{s.location}.{s.channel}" for s in streams]
        if not link.accepts(f"STATION {station} {network}"):
            return names
        accepted = [link.accepts(f"SELECT {stream.selector}") for stream in streams]
        if not any(accepted) or not self._begin(link, f"{network}.{station}"):
            return names
        return [name for name, is_accepted in zip(names, accepted, strict=True) if not is_accepted]

    def _begin(self, link: _Link, name: str) -> bool:
        """Ask for what follows on what came last, or for what came since a time, or what is new."""
        past = self._past(name)
        if past is not None:
            if link.accepts(past):
                return True
            self._warn_once(
                f"past {name}", f"{name}: gives nothing of the past; going on with what is new"
            )
        return link.accepts("DATA")

    def _past(self, name: str) -> str | None:
        sequence = self._sequences.get(name)
        if sequence is not None:
            return f"DATA {(sequence + 1) & _LAST_SEQUENCE:06X}"
        begin_ns = self._begin_ns
        if isinstance(begin_ns, Mapping):
            begin_ns = begin_ns.get(name)
        return None if begin_ns is None else f"TIME {_time_text(begin_ns)}"


def _time_text(time_ns: int) -> str:
    """Year, month, day, hour, minute and second, rounded down."""
    moment = datetime.fromtimestamp(time_ns // NS_PER_S, UTC)
    return ",".join(str(part) for part in moment.timetuple()[:6])


def _explained(error: Exception) -> str:
    """What is wrong with a server, and what to do."""
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"the host cannot be found ({error}); check its name"
    if isinstance(error, ConnectionRefusedError):
        return f"refuses the connection ({error}); check the port, and whether the server runs"
    if isinstance(error, TimeoutError):
        return f"does not answer ({error}); check the address, and firewalls on the way"
    return f"the connection failed ({error}); check the address and the network"
