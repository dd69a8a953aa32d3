"""A real S3 server, moto's, on loopback; it counts what it is asked, and can be slow or fail."""

import logging
import threading
import time
import warnings
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class S3Server:
    """What the server was asked, and what it will do wrong.

    Attributes
    ----------
    delay_s : before each answer
    faults : status codes of the next answers to GET; None is none
    requests : list of (method, path and query, whether it was signed, range)
    """

    port: int = 0
    delay_s: float = 0.0
    faults: deque = field(default_factory=deque)
    requests: list = field(default_factory=list)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def gets(self, key):
        return [r for r in self.requests if r[0] == "GET" and key in r[1]]

    def client(self):
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="tester",
            aws_secret_access_key="secret",
        )

    def put(self, bucket, files):
        """Make a public bucket of files: a mapping of key to bytes."""
        client = self.client()
        client.create_bucket(Bucket=bucket, ACL="public-read")
        for key, content in files.items():
            client.put_object(Bucket=bucket, Key=key, Body=content, ACL="public-read")


class _Watched:
    """A WSGI application that is counted, slowed down and made to fail."""

    def __init__(self, application, server):
        self.application, self.server = application, server

    def __call__(self, environ, start_response):
        server = self.server
        path = environ["PATH_INFO"]
        query = environ.get("QUERY_STRING", "")
        is_signed = "HTTP_AUTHORIZATION" in environ
        method = environ["REQUEST_METHOD"]
        server.requests.append(
            (method, f"{path}?{query}", is_signed, environ.get("HTTP_RANGE", ""))
        )
        time.sleep(server.delay_s)
        if method == "GET" and server.faults:
            fault = server.faults.popleft()
            if fault is not None:
                start_response(f"{fault} Fault", [("Content-Length", "0")])
                return [b""]
        return self.application(environ, start_response)


def _forget_servers():
    """Drop what this process opened: quake and fsspec keep a file system with its address."""
    import s3fs

    from quake.inputs import schemes

    schemes._opened.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()


@contextmanager
def serving():
    """Serve on a free port of this machine, as long as the context lasts."""
    _forget_servers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        server = S3Server()
        application = DomainDispatcherApplication(create_backend_app)
        running = make_server("127.0.0.1", 0, _Watched(application, server), threaded=True)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server.port = running.server_port
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        _forget_servers()
        running.shutdown()
        running.server_close()
        thread.join(20)
