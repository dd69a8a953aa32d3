"""A server of model files on this machine, with the faults that servers have."""

import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ModelServer:
    """Serves bytes by path; remembers what was asked for.

    Attributes
    ----------
    files : dict of path to bytes
    moved : dict of path to address
    claimed : dict of path to int
        Lengths that are claimed instead of the true ones.
    without_length : set of paths
    statuses : dict of path to int
    asked : list of (path, headers)
    """

    def __init__(self):
        self.files, self.moved, self.claimed, self.statuses = {}, {}, {}, {}
        self.without_length = set()
        self.asked = []

    @contextmanager
    def running(self):
        """Answer in a thread, until the block ends."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(self):
        this = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                this.asked.append((self.path, dict(self.headers)))
                if path in this.moved:
                    self.send_response(302)
                    self.send_header("Location", this.moved[path])
                    self.end_headers()
                elif path in this.statuses:
                    self.send_error(this.statuses[path])
                elif path in this.files:
                    self._send(path, this.files[path])
                else:
                    self.send_error(404)

            def _send(self, path, content):
                self.send_response(200)
                if path not in this.without_length:
                    length = this.claimed.get(path, len(content))
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                with suppress(ConnectionError):  # who asked has heard enough
                    self.wfile.write(content)

            def log_message(self, *arguments):
                """Say nothing."""

        return Handler
