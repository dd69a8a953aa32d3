"""An fdsnws-dataselect server of one record, for programs that ask a data centre."""

import io
import threading
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from obspy import Stream, UTCDateTime, read

_PARAMETERS = ("starttime", "endtime", "network", "station", "location", "channel")

_WADL = """<?xml version="1.0"?>
<application xmlns="http://wadl.dev.java.net/2009/02">
  <resources base="{base}/fdsnws/dataselect/1/">
    <resource path="query">
      <method name="GET" id="query">
        <request>{parameters}</request>
      </method>
    </resource>
  </resources>
</application>
"""


@contextmanager
def data_centre(path):
    """Serve a miniSEED file on this machine; yields the address of the server.

    Requests are answered with what they ask for, and 204 if that is nothing, as the
    specification of fdsnws-dataselect 1.1 says.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(read(str(path))))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(record):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            if parts.path == "/fdsnws/dataselect/1/application.wadl":
                base = f"http://{self.headers['Host']}"
                names = "".join(f'<param name="{n}" style="query"/>' for n in _PARAMETERS)
                self._send(200, _WADL.format(base=base, parameters=names).encode())
            elif parts.path == "/fdsnws/dataselect/1/query":
                found = _select(record, dict(parse_qsl(parts.query)))
                self._send(200 if found else 204, found)
            else:
                self._send(404, b"no such service")

        def _send(self, status, content):
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            """Say nothing."""

    return Handler


def _select(record, asked):
    """miniSEED of what matches; empty if nothing does."""
    found = Stream(
        trace
        for trace in record
        if all(
            fnmatchcase(getattr(trace.stats, name), asked.get(name, "*").replace("--", ""))
            for name in ("network", "station", "location", "channel")
        )
    ).slice(UTCDateTime(asked["starttime"]), UTCDateTime(asked["endtime"]))
    packed = io.BytesIO()
    if found:
        found.write(packed, format="MSEED")
    return packed.getvalue()
