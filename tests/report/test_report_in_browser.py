"""The page in a browser: no errors, no network, no horizontal scroll, and cells that can be asked.

The browser is driven through a pipe with the messages of its developer tools: JSON, ended by NUL.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from quake.report import write_page

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here"),
]

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
]


class Browser:
    """One tab."""

    def __init__(self, folder):
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        self.events, self._waiting, self._number, self._session = [], b"", 0, None

        def plug():  # the browser reads 3 and writes 4, whatever numbers the pipes have here
            reads, writes = os.dup(to_read), os.dup(to_write)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.process = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={folder}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=plug,
        )
        os.close(to_read)
        os.close(to_write)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        os.close(self._write)
        self.process.terminate()
        self.process.wait(30)
        os.close(self._read)

    def call(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda found: found.get("id") == self._number)
        assert "error" not in answer, answer
        return answer["result"]

    def wait(self, method):
        return self._until(lambda found: found.get("method") == method)

    def value(self, expression):
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    def show(self, path, width, scheme="light"):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired")

    def click(self, selector):
        place = self.value(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView();"
            " const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    def _until(self, fits):
        while True:
            while b"\0" in self._waiting:
                text, _, self._waiting = self._waiting.partition(b"\0")
                found = json.loads(text)
                self.events.append(found)
                if fits(found):
                    return found
            chunk = os.read(self._read, 1 << 20)
            assert chunk, "the browser has gone"
            self._waiting += chunk

    def of(self, *methods):
        return [event["params"] for event in self.events if event.get("method") in methods]


@pytest.fixture
def browser(tmp_path):
    folder = tmp_path / "profile"
    found = Browser(folder)
    yield found
    found.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def path(with_events, survey, tmp_path, monkeypatch):
    found = tmp_path / "page.html"
    with found.open("wb") as file:
        write_page(file, survey(with_events))
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_the_page_without_errors_network_and_scrolling(
    browser, path, width, scheme
):
    browser.show(path, width, scheme)
    assert browser.value("document.documentElement.scrollWidth") <= width
    complaints = browser.of("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert complaints == []
    urls = {request["request"]["url"] for request in browser.of("Network.requestWillBeSent")}
    assert {url for url in urls if not url.startswith("data:")} == {path.as_uri()}
    light = browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")


def background(browser):
    """Of the cell of the first station and day: an event, a fifth no_data, a quarter recorded."""
    return browser.value("getComputedStyle(document.querySelector('td.n3')).backgroundColor")


def test_the_measure_of_the_map_is_chosen_without_any_script(browser, path):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.show(path, 1280)
    colours = []
    for letter in "enc":
        browser.click(f"label[for=show-{letter}]")
        colours.append(background(browser))
    assert len(set(colours)) == 3


def test_a_cell_that_is_clicked_says_what_it_is(browser, path):
    browser.show(path, 360)
    browser.click("td.n3")
    told = browser.value("document.querySelector('.told').textContent")
    assert told == "AA.ONE, 2020-05-01: 1 event; 5 windows, 20 % no_data; 25 % recorded"
