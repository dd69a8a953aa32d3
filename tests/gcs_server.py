"""A stand-in for Google Cloud Storage on loopback: its JSON interface, as far as reading needs it.

https://cloud.google.com/storage/docs/json_api: objects are listed with a prefix, a delimiter and
pages, described, and downloaded, also in part.
"""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = 3


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.requests.append((url.path, query, self.headers.get("Authorization")))
        parts = url.path.strip("/").split("/")
        bucket, *rest = parts[parts.index("b") + 1 :]
        files = self.server.buckets.get(bucket)
        name = unquote("/".join(rest[1:]))
        if files is None or (name and name not in files):
            self.answer(404, json.dumps({"error": {"code": 404, "message": "not found"}}).encode())
        elif not name:
            self.answer(200, json.dumps(self.listed(bucket, files, query)).encode())
        elif query.get("alt") == "media":
            self.media(files[name])
        else:
            self.answer(200, json.dumps(self.about(bucket, name, files[name])).encode())

    def about(self, bucket, name, content):
        digest = base64.b64encode(hashlib.md5(content).digest()).decode()
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": bucket,
            "size": str(len(content)),
            "md5Hash": digest,
            "updated": "2024-05-06T07:08:09.000Z",
            "timeCreated": "2024-05-06T07:08:09.000Z",
        }

    def listed(self, bucket, files, query):
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        names, folders = [], set()
        for name in sorted(files):
            rest = name.removeprefix(prefix)
            if not name.startswith(prefix):
                continue
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            else:
                names.append(name)
        begin = int(query.get("pageToken", 0))
        page = {
            "kind": "storage#objects",
            "items": [self.about(bucket, n, files[n]) for n in names[begin : begin + PAGE]],
            "prefixes": sorted(folders) if not begin else [],
        }
        if begin + PAGE < len(names):
            page["nextPageToken"] = str(begin + PAGE)
        return page

    def media(self, content):
        begin, end = 0, len(content)
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin, end = int(first), int(last) + 1 if last else len(content)
        self.answer(206 if wanted else 200, content[begin:end])

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True


@contextmanager
def serving(buckets):
    """Serve buckets, mappings of name to bytes; gives the server, its `url` and `requests`."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.buckets, server.requests = buckets, []
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)
