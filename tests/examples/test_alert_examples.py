"""The scripts of docs/watch.md for --exec, against a mail server and a web server of our own."""

import json
import socket
import subprocess
import sys
import threading
from email import message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from event_builders import event, onset, options, s_onset

from quake.events import find_events
from quake.live.revisions import Revision

ALERTS = Path(__file__).resolve().parents[2] / "examples" / "alerts"
KEYS = ("XX.STA..HH?", "XX.STB..HH?")


def line(number=1, state="preliminary"):
    found = event(100, keys=KEYS)
    return Revision(found.id, number, state, found, "2020-05-02T20:01:55Z").to_dict()


def run(script, *arguments, values):
    return subprocess.run(
        [sys.executable, ALERTS / script, *map(str, arguments)],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def mails():
    """A mail server that keeps what it gets."""
    server = MailServer()
    yield server
    server.close()


class MailServer:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.found = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                self._talk(stream)

    def _talk(self, stream):
        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        say("220 tests")
        for command in stream:
            name = command[:4].upper()
            if name == b"DATA":
                say("354 go on")
                content = b""
                while (row := stream.readline()) != b".\r\n":
                    content += row
                self.found.append(message_from_string(content.decode(), policy=default))
            say("221 bye" if name == b"QUIT" else "250 yes")
            if name == b"QUIT":
                return


def test_a_mail_says_what_where_and_when(mails):
    arguments = ("duty@example.org", "--smtp", mails.address, "--from", "quake@example.org")
    done = run("mail_event.py", *arguments, values=line())
    assert (done.returncode, done.stderr) == (0, "")
    (mail,) = mails.found
    assert mail["To"] == "duty@example.org"
    assert mail["Subject"] == "earthquake 2020-05-02T20:01:40 UTC, XX.STA..HH?, XX.STB..HH?"
    assert "probability 0.90" in mail.get_content()
    assert line()["id"] in mail.get_content()


def test_a_mail_has_the_distance_where_an_s_is_clear(mails):
    (found,) = find_events([onset(0), s_onset(4.5)], options())
    values = Revision(found.id, 1, "complete", found, "2020-05-02T20:01:55Z").to_dict()
    run("mail_event.py", "duty@example.org", "--smtp", mails.address, values=values)
    assert "S-P       4.5 s, about 36.9 km" in mails.found[0].get_content()


def test_a_withdrawal_answers_the_first_mail_and_other_revisions_are_no_mail(mails):
    for values in (line(), line(2, "complete"), line(3, "withdrawn")):
        run("mail_event.py", "duty@example.org", "--smtp", mails.address, values=values)
    first, second = mails.found
    assert second["Subject"].strip().startswith("withdrawn: earthquake")
    assert second["In-Reply-To"] == first["Message-ID"]


def test_with_all_every_revision_is_a_mail(mails):
    for values in (line(), line(2, "complete")):
        run("mail_event.py", "a@b.org", "--all", "--smtp", mails.address, values=values)
    assert len(mails.found) == 2


def test_a_mail_server_that_is_not_there_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    done = run("mail_event.py", "duty@example.org", "--smtp", address, values=line())
    assert done.returncode != 0
    assert "refused" in done.stderr


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.found.append((self.headers, json.loads(body)))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hook():
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.found, server.statuses = [], []
        server.url = f"http://127.0.0.1:{server.server_port}/quake"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_webhook_gets_the_line_as_it_is(hook):
    done = run("post_event.py", hook.url, values=line(2, "complete"))
    assert (done.returncode, done.stderr) == (0, "")
    ((headers, body),) = hook.found
    assert body == line(2, "complete")
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == f"{line()['id']}/2"


def test_chat_programs_get_a_sentence(hook):
    run("post_event.py", hook.url, "--text", values=line())
    assert hook.found[0][1] == {
        "text": "earthquake (0.90) at 2020-05-02T20:01:40 UTC, XX.STA..HH?, XX.STB..HH?, "
        "SNR 20 dB: preliminary, revision 1"
    }


def test_trouble_of_the_other_side_is_tried_again(hook):
    hook.statuses = [503, 500, 200]
    assert run("post_event.py", hook.url, "--wait", 0, values=line()).returncode == 0
    assert len(hook.found) == 3


@pytest.mark.parametrize(("statuses", "attempts"), [([404], 1), ([503] * 3, 3)])
def test_what_is_refused_is_a_failure(hook, statuses, attempts):
    hook.statuses = list(statuses)
    done = run("post_event.py", hook.url, "--wait", 0, values=line())
    assert done.returncode == 1
    assert f"HTTP Error {statuses[0]}" in done.stderr
    assert len(hook.found) == attempts


def test_other_schemes_are_refused():
    done = run("post_event.py", "file:///etc/passwd", values=line())
    assert done.returncode == 2
    assert "https:// was expected" in done.stderr
