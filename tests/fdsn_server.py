"""FDSN web services on loopback: traces in; miniSEED, tables, StationXML and any fault out.

dataselect and station answer as their specifications say, https://www.fdsn.org/webservices/. All
that happens to real servers can be made to happen to the next requests, one fault each.
"""

import io
import socket
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from obspy import Stream, UTCDateTime
from obspy.core.inventory import Channel, Inventory, Network, Station

PATIENCE_S = 20
DIRECTIONS = {"Z": (0, -90), "N": (0, 0), "E": (90, 0), "1": (0, 0), "2": (90, 0)}


@dataclass
class Request:
    service: str
    query: dict
    begun_s: float
    ended_s: float = 0.0

    @property
    def times(self):
        return UTCDateTime(self.query["starttime"]), UTCDateTime(self.query["endtime"])


@dataclass
class FdsnServer:
    """What the server has, what it was asked, and what it will do wrong.

    Attributes
    ----------
    traces : what it serves
    faults : what happens to the next requests for waveforms: a status code, or one of cut, drop,
        silent, html, large, endless, slow, late (429 with Retry-After)
    station_faults : the same, of stations
    longest_s : a longer time in one request is answered with 413
    azimuth_deg : what StationXML says of N
    """

    traces: list
    faults: deque = field(default_factory=deque)
    station_faults: deque = field(default_factory=deque)
    longest_s: float = 1e12
    azimuth_deg: float = 0.0
    has_stations: bool = True
    requests: list = field(default_factory=list)
    port: int = 0
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def node(self):
        return f"127.0.0.1:{self.port}"

    def uri(self, channels):
        return f"fdsn://{self.node}/{channels}"

    def asked(self, service="dataselect"):
        return [request for request in self.requests if request.service == service]

    @contextmanager
    def counted(self, service, query):
        request = Request(service, query, time.monotonic())
        with self._lock:
            self.requests.append(request)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1
            request.ended_s = time.monotonic()

    def matching(self, query):
        def matches(trace):
            stats = trace.stats
            return all(
                any(fnmatchcase(code or "--", pattern) for pattern in query[name].split(","))
                for name, code in (
                    ("network", stats.network),
                    ("station", stats.station),
                    ("location", stats.location),
                    ("channel", stats.channel),
                )
            )

        return [trace for trace in self.traces if matches(trace)]

    def waveforms(self, query):
        start, end = UTCDateTime(query["starttime"]), UTCDateTime(query["endtime"])
        found = Stream()
        for trace in self.matching(query):
            part = trace.slice(start, end)
            if len(part.data):
                found.append(part)
        if not found:
            return b""
        data = io.BytesIO()
        found.write(data, format="MSEED", reclen=512)
        return data.getvalue()

    def channels(self, query):
        begin, end = UTCDateTime(query["endafter"]), UTCDateTime(query["startbefore"])
        found = {}
        for trace in self.matching(query):
            if trace.stats.starttime < end and trace.stats.endtime > begin:
                found.setdefault(trace.id, []).append(trace)
        return found

    def table(self, query):
        lines = [
            "#Network|Station|Location|Channel|Latitude|Longitude|Elevation|Depth|Azimuth|Dip|"
            "SensorDescription|Scale|ScaleFreq|ScaleUnits|SampleRate|StartTime|EndTime"
        ]
        for name, traces in sorted(self.channels(query).items()):
            start = min(trace.stats.starttime for trace in traces)
            codes = "|".join(name.split("."))
            rate_hz = traces[0].stats.sampling_rate
            about = f"1.0|2.0|3.0|0.0|0.0|0.0|A sensor|1.0|1.0|M/S|{rate_hz}"
            lines.append(f"{codes}|{about}|{start.isoformat()}|")
        return "\n".join(lines).encode() + b"\n" if lines[1:] else b""

    def station_xml(self, query):
        networks = {}
        for name in sorted(self.channels(query)):
            network, station, location, code = name.split(".")
            azimuth, dip = DIRECTIONS[code[-1]]
            if code[-1] == "N":
                azimuth += self.azimuth_deg
            channel = Channel(
                code, location, 1.0, 2.0, 3.0, 0.0, azimuth, dip, start_date=UTCDateTime(1990, 1, 1)
            )
            networks.setdefault(network, {}).setdefault(station, []).append(channel)
        if not networks:
            return b""
        inventory = Inventory(
            [
                Network(
                    network,
                    [Station(s, 1.0, 2.0, 3.0, channels=some) for s, some in stations.items()],
                )
                for network, stations in networks.items()
            ]
        )
        data = io.BytesIO()
        inventory.write(data, format="STATIONXML")
        return data.getvalue()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        service = url.path.strip("/").split("/")[1]
        fdsn = self.server.fdsn
        with fdsn.counted(service, query), suppress(ConnectionError):
            if service == "station":
                self.station(fdsn, query)
            else:
                self.dataselect(fdsn, query)

    def station(self, fdsn, query):
        if not fdsn.has_stations:
            self.answer(404, b"no such service")
        elif fdsn.station_faults:
            self.fail(fdsn.station_faults.popleft(), b"<FDSNStationXML/>")
        else:
            make = fdsn.station_xml if query["format"] == "xml" else fdsn.table
            self.send(make(query), "text/plain")

    def dataselect(self, fdsn, query):
        start, end = UTCDateTime(query["starttime"]), UTCDateTime(query["endtime"])
        if fdsn.faults:
            fault = fdsn.faults.popleft()
            if fault is not None:
                self.fail(fault, fdsn.waveforms(query))
                return
        if end - start > fdsn.longest_s:
            self.answer(413, b"Error 413: more than can be given at once\n")
        else:
            self.send(fdsn.waveforms(query), "application/vnd.fdsn.mseed")

    def send(self, body, kind):
        self.answer(200 if body else 204, body, kind)

    def answer(self, code, body, kind="text/plain", **headers):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        if code != 204:
            self.send_header("Content-Length", str(headers.pop("length", len(body))))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if code != 204:
            self.wfile.write(body)

    def fail(self, fault, body):
        if isinstance(fault, int):
            self.answer(fault, b"Error: something\nin the server\n")
        else:
            getattr(self, fault)(body)

    def cut(self, body):
        self.answer(200, body[: len(body) // 2], length=len(body))
        self.hang_up()

    def drop(self, body):
        self.hang_up()

    def silent(self, body):
        self.connection.settimeout(PATIENCE_S)
        with suppress(OSError):
            self.connection.recv(1)  # until the other side gives up
        self.close_connection = True

    def html(self, body):
        self.answer(200, b"<html><body>Down for maintenance</body></html>", "text/html")

    def large(self, body):
        self.answer(200, body, length=1 << 40)
        self.hang_up()

    def late(self, body):
        self.answer(429, b"too many requests", Retry_After="7")

    def endless(self, body):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            while True:
                self.wfile.write(body or b"x" * 4096)

    def slow(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for at in range(0, len(body), 512):
            self.wfile.write(body[at : at + 512])
            time.sleep(0.001)

    def redirect(self, body):
        self.answer(302, b"", Location="file:///etc/passwd")
        self.hang_up()

    def hang_up(self):
        self.wfile.flush()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # of those who hung up


@contextmanager
def serving(traces, **options):
    """Serve on a free port of this machine, as long as the context lasts."""
    server = _Server(("127.0.0.1", 0), _Handler)
    fdsn = FdsnServer(list(traces), port=server.server_address[1], **options)
    server.fdsn = fdsn
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fdsn
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_S)
