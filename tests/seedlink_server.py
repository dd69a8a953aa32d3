"""A SeedLink server, version 3, on loopback: records in, packets out to those who ask for them.

It speaks the protocol as the manual of SeisComP's server describes it. Each station has numbers of
its own, and only stations, selectors and times as there are accepted. Everything that happens to
real servers can be made to happen: dropped connections, restarts, damaged packets, refusals.
"""

import io
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree

import obspy
from obspy import Stream, UTCDateTime

RECORD_BYTES = 512
PACKET_BYTES = 8 + RECORD_BYTES
LAST_SEQUENCE = 0xFFFFFF
PATIENCE_S = 20


def records_of(stream, **options):
    """Records of 512 bytes, of all channels, in the order of their ends, as they would arrive."""
    data = io.BytesIO()
    stream.write(data, format="MSEED", reclen=RECORD_BYTES, **options)
    whole = data.getvalue()
    cut = [whole[at : at + RECORD_BYTES] for at in range(0, len(whole), RECORD_BYTES)]
    return sorted(cut, key=lambda record: Record.read(record).end)


def flipped(packet):
    """A packet in the codes, the time and the samples of which bits were flipped."""
    changed = bytearray(packet)
    for at in (17, 30, 32, 100, 300):
        changed[at] ^= 0xA5
    return bytes(changed)


@dataclass(frozen=True)
class Record:
    data: bytes
    network: str
    station: str
    location: str
    channel: str
    start: UTCDateTime
    end: UTCDateTime

    @classmethod
    def read(cls, data):
        (trace,) = obspy.read(io.BytesIO(data), format="MSEED", headonly=True)
        stats = trace.stats
        codes = (stats.network, stats.station, stats.location, stats.channel)
        return cls(data, *codes, stats.starttime, stats.endtime)

    @property
    def name(self):
        return f"{self.network}.{self.station}"


class Ring:
    """The newest records of one station, by their numbers since the beginning."""

    def __init__(self, first_sequence, depth):
        self.first_sequence, self.depth = first_sequence, depth
        self.n_gone = 0
        self.records = []

    def append(self, record):
        self.records.append(record)
        if self.depth is not None and len(self.records) > self.depth:
            self.records.pop(0)
            self.n_gone += 1

    @property
    def end(self):
        return self.n_gone + len(self.records)

    def sequence(self, index):
        return (self.first_sequence + index) & LAST_SEQUENCE

    def find(self, sequence):
        """The record of a number, or the next one that is still there."""
        ahead = (sequence - self.sequence(self.n_gone)) & LAST_SEQUENCE
        if ahead > LAST_SEQUENCE // 2:
            return self.n_gone
        return min(self.n_gone + ahead, self.end)


@dataclass
class Request:
    """What a client wants of one station."""

    selectors: list = field(default_factory=list)
    at: int | None = None
    begin: UTCDateTime | None = None
    end: UTCDateTime | None = None
    is_dialup: bool = False

    def wants(self, record):
        if self.begin is not None and record.end < self.begin:
            return False
        wanted = [s for s in self.selectors if not s.startswith("!")]
        unwanted = [s[1:] for s in self.selectors if s.startswith("!")]
        return (not wanted or any(_selects(s, record) for s in wanted)) and not any(
            _selects(s, record) for s in unwanted
        )


class SeedLinkServer:
    """The server, as a context.

    `connections` are all that there were, with the commands that came and what was sent.
    `info` is what is told of: "all", "id", where other levels are answered as unknown, or "none".
    """

    def __init__(
        self, stream=None, *, first_sequence=1, depth=None, info="all", has_past=True, port=0
    ):
        self.first_sequence, self.depth = first_sequence, depth
        self.info, self.has_past, self.port = info, has_past, port
        self.greeting = "SeedLink v3.1 (2024.001) :: SLPROTO:3.1\r\nA server for tests\r\n"
        self.rings = {}
        self.connections = []
        self.refused = set()
        self.changes = []
        self.n_until_drop = None
        self.changed = threading.Condition(threading.RLock())
        self.is_running = False
        if stream is not None:
            self.append(stream)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    def start(self):
        """Listen; after a stop, on the same port."""
        self.listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.listener.settimeout(0.02)
        self.port = self.listener.getsockname()[1]
        self.is_running = True
        self.thread = threading.Thread(target=self._accept, name="seedlink-server", daemon=True)
        self.thread.start()

    def stop(self):
        """End, with all connections; the records stay."""
        if not self.is_running:
            return
        self.is_running = False
        self.thread.join()
        self.listener.close()
        self.drop_connections()
        for connection in self.connections:
            connection.join()

    def url(self, streams):
        return f"seedlink://127.0.0.1:{self.port}/{streams}"

    def append(self, stream, **options):
        """Take records that have just arrived, a stream or one by one, and send them."""
        records = records_of(stream, **options) if isinstance(stream, Stream) else stream
        with self.changed:
            for record in map(Record.read, records):
                if record.name not in self.rings:
                    self.rings[record.name] = Ring(self.first_sequence, self.depth)
                self.rings[record.name].append(record)
            self.changed.notify_all()

    def drop_connections(self, *, reset=False):
        """Close all; with a reset, what is on the way is lost too."""
        for connection in list(self.connections):
            connection.drop(reset=reset)

    def drop_after(self, n_packets):
        """Reset the connection on which so many more packets were sent, once."""
        self.n_until_drop = n_packets

    def corrupt_next(self, change=flipped):
        """Let the next packet be changed on its way, by a function from bytes to bytes."""
        self.changes.append(change)

    def refuse(self, name):
        """Refuse a station, "NET.STA", or a selector, whatever the station."""
        self.refused.add(name)

    @property
    def n_sent(self):
        """Packets, by connection."""
        return [len(connection.sent) for connection in self.connections]

    def wait_until(self, is_true):
        """Wait for something to become true; it is looked at whenever anything happens."""
        with self.changed:
            assert self.changed.wait_for(is_true, PATIENCE_S)

    def note(self):
        with self.changed:
            self.changed.notify_all()

    def _accept(self):
        while self.is_running:
            with suppress(TimeoutError):
                accepted, _ = self.listener.accept()
                self.connections.append(Connection(self, accepted))
                self.note()


class Connection:
    """One client: a thread reads its commands, another one sends."""

    def __init__(self, server, accepted):
        accepted.settimeout(None)
        self.server, self.socket = server, accepted
        self.commands, self.sent = [], []
        self.requests = {}
        self.station = None
        self.is_invalid = self.is_batch = False
        self.lock = threading.Lock()
        self.is_open = True
        self.sender = threading.Thread(target=self._deliver, name="seedlink-sender", daemon=True)
        self.reader = threading.Thread(target=self._listen, name="seedlink-reader", daemon=True)
        self.reader.start()

    def drop(self, *, reset=False):
        if not self.is_open:
            return
        self.is_open = False
        with suppress(OSError):
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # It wakes the thread that reads, without which closing has no effect.
            self.socket.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
        if reset:
            self.socket.close()
        self.server.note()

    def join(self):
        for thread in (self.reader, self.sender):
            if thread.ident is not None:
                thread.join(PATIENCE_S)
        self.socket.close()

    # --- commands

    def _listen(self):
        buffer = b""
        while self.is_open:
            try:
                data = self.socket.recv(4096)
            except OSError:
                break
            if not data:
                break
            *lines, buffer = (buffer + data).replace(b"\n", b"\r").split(b"\r")
            for line in filter(None, lines):
                self._obey(line.decode("ascii", "replace"))
        self.drop()

    def _obey(self, line):
        self.commands.append(line)
        name, *arguments = line.split()
        method = getattr(self, f"_on_{name.lower()}", None)
        is_of_station = name.upper() in ("SELECT", "DATA", "FETCH", "TIME")
        try:
            if method is None or (self.is_invalid and is_of_station):
                raise ValueError(line)
            method(*arguments)
        except (ValueError, TypeError):
            self._say("ERROR\r\n")
        self.server.note()

    def _on_hello(self):
        self._say(self.server.greeting)

    def _on_capabilities(self, *names):
        self._agree()

    def _on_batch(self):
        self._say("OK\r\n")
        self.is_batch = True

    def _on_cat(self):
        names = (name.split(".") for name in sorted(self.server.rings))
        self._say("".join(f"{net:2} {sta:5} {sta}\r\n" for net, sta in names) + "END")

    def _on_bye(self):
        self.drop()

    def _on_station(self, station, network=""):
        name = f"{network}.{station}"
        self.is_invalid = name not in self.server.rings or name in self.server.refused
        if self.is_invalid:
            raise ValueError(name)
        self.station = name
        self.requests.setdefault(name, Request())
        self._agree()

    def _on_select(self, selector=None):
        request = self.requests.setdefault(self.station, Request())
        if selector is None:
            request.selectors.clear()
        else:
            if selector in self.server.refused:
                raise ValueError(selector)
            request.selectors.append(_checked(selector))
        self._agree()

    def _on_data(self, sequence=None, begin=None, *, is_dialup=False):
        request = self.requests.setdefault(self.station, Request())
        request.begin = None if begin is None else _time(begin)
        request.is_dialup = is_dialup
        self._place(request, None if sequence is None else _sequence(sequence))
        self._begin()

    def _on_fetch(self, *arguments):
        self._on_data(*arguments, is_dialup=True)

    def _on_time(self, begin, end=None):
        if not self.server.has_past:
            raise ValueError("TIME")
        request = self.requests.setdefault(self.station, Request())
        request.begin, request.end = _time(begin), None if end is None else _time(end)
        ring = self.server.rings.get(self.station)
        request.at = ring.n_gone if ring else 0
        self._begin()

    def _on_end(self):
        self.sender.start()

    def _on_info(self, level):
        known = {"ID": 0, "CAPABILITIES": 0, "STATIONS": 1, "STREAMS": 2}
        if self.server.info == "none":
            raise ValueError(level)
        detail = known.get(level.upper())
        is_told = detail == 0 or (detail is not None and self.server.info == "all")
        text = _xml(self.server.rings, detail if is_told else 0)
        with self.lock, suppress(OSError):
            self.socket.sendall(_info_packets(text, "INF" if is_told else "ERR"))

    def _place(self, request, sequence):
        """Set a request of one station to a number, or to what is new."""
        ring = self.server.rings.get(self.station)
        if ring is not None:
            request.at = ring.end if sequence is None else ring.find(sequence)

    def _begin(self):
        if self.station is None:
            self.sender.start()  # of a single station or all, there is no answer
        else:
            self._agree()

    def _agree(self):
        if not self.is_batch:
            self._say("OK\r\n")

    def _say(self, text):
        with self.lock, suppress(OSError):
            self.socket.sendall(text.encode("ascii"))

    # --- data

    def _deliver(self):
        with suppress(OSError):
            while self.is_open:
                with self.server.changed:
                    pending = self._pending()
                    if not pending:
                        if self._is_finished():
                            self._say("END")
                            return
                        self.server.changed.wait(1)
                for sequence, record in pending:
                    self._send(sequence, record)

    def _by_station(self):
        """Requests, those for all stations as one for each."""
        if None in self.requests:
            whole = self.requests.pop(None)
            for name, ring in self.server.rings.items():
                at = ring.end if whole.begin is None else ring.n_gone
                self.requests[name] = replace(whole, at=at)
        return self.requests

    def _pending(self):
        found = []
        for name, request in self._by_station().items():
            ring = self.server.rings[name]
            if request.at is None:
                continue
            for index in range(max(request.at, ring.n_gone), ring.end):
                record = ring.records[index - ring.n_gone]
                is_early = request.end is None or record.start <= request.end
                if request.wants(record) and is_early:
                    found.append((ring.sequence(index), record))
            request.at = ring.end
        return found

    def _is_finished(self):
        """Whether all windows were sent, and their ends are certain, or all that there was."""
        return all(
            request.is_dialup or self._is_past_end(self.server.rings[name], request)
            for name, request in self.requests.items()
            if request.at is not None
        )

    @staticmethod
    def _is_past_end(ring, request):
        if request.end is None:
            return False
        last = {r.location + r.channel: r.end for r in ring.records if request.wants(r)}
        return all(end >= request.end for end in last.values())

    def _send(self, sequence, record):
        packet = f"SL{sequence:06X}".encode("ascii") + record.data
        server = self.server
        if server.changes:
            packet = server.changes.pop(0)(packet)
        if server.n_until_drop == 0:
            server.n_until_drop = None
            self.drop(reset=True)
        with self.lock:
            self.socket.sendall(packet)
        self.sent.append((record.name, sequence))
        if server.n_until_drop is not None:
            server.n_until_drop -= 1
        server.note()


def _checked(selector):
    """A selector, LLCCC, CCC, or either with a type, as it is."""
    pattern = selector.removeprefix("!").partition(".")[0]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789?"
    if len(pattern) not in (3, 5) or set(pattern) - set(letters):
        raise ValueError(selector)
    return selector


def _selects(selector, record):
    pattern = selector.partition(".")[0].rjust(5, "?")
    name = f"{record.location:2}{record.channel:3}"
    return all(wanted in ("?", found) for wanted, found in zip(pattern, name, strict=True))


def _sequence(text):
    sequence = int(text, 16)
    if not 0 <= sequence <= LAST_SEQUENCE:
        raise ValueError(text)
    return sequence


def _time(text):
    parts = [int(part) for part in text.split(",")]
    if len(parts) != 6:
        raise ValueError(text)
    return UTCDateTime(*parts)


def _xml(rings, detail):
    root = ElementTree.Element("seedlink", software="SeedLink v3.1", organization="Tests")
    for level in ("id", "capabilities", "stations", "streams"):
        ElementTree.SubElement(root, "capability", name=f"info:{level}")
    for name in ("dialup", "multistation", "window-extraction"):
        ElementTree.SubElement(root, "capability", name=name)
    for name, ring in sorted(rings.items()) if detail else ():
        network, station = name.split(".")
        element = ElementTree.SubElement(
            root,
            "station",
            name=station,
            network=network,
            description=station,
            begin_seq=f"{ring.sequence(ring.n_gone):06X}",
            end_seq=f"{ring.sequence(ring.end):06X}",
            stream_check="enabled",
        )
        for location, channel in sorted({(r.location, r.channel) for r in ring.records}):
            if detail > 1:
                ElementTree.SubElement(
                    element, "stream", location=location, seedname=channel, type="D"
                )
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _info_packets(text, channel):
    """Packets with text in log records, all but the last one marked."""
    size = RECORD_BYTES - 56
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    now = time.gmtime()
    packets = b""
    for number, piece in enumerate(pieces, 1):
        mark = b" " if number == len(pieces) else b"*"
        head = f"{number:06d}D INFO   {channel}SL".encode("ascii")
        when = struct.pack(">HHBBBxH", now.tm_year, now.tm_yday, now.tm_hour, now.tm_min, 0, 0)
        fixed = struct.pack(">HhhBBBBlHH", len(piece), 0, 0, 0, 0, 0, 1, 0, 56, 48)
        only_data = struct.pack(">HHBBBx", 1000, 0, 0, 1, 9)
        packets += b"SLINFO " + mark + head + when + fixed + only_data + piece.ljust(size, b"\0")
    return packets
