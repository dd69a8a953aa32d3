"""A browser without a window, driven through a pipe with the messages of its developer tools.

They are JSON, ended by NUL.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

FOUND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
CHROMIUM = Path(FOUND or "/usr/bin/chromium")

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

    def wait(self, method, since):
        """Wait for what is told after a number of messages; it may have come with an answer."""
        return self._until(lambda found: found.get("method") == method, since)

    def value(self, expression):
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

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
        since = len(self.events)
        self.call("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired", since)

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

    def _until(self, fits, since=None):
        for found in [] if since is None else self.events[since:]:
            if fits(found):
                return found
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

    def press(self, *keys):
        """Press keys, one after the other."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {}
            for kind in ("keyDown", "keyUp"):
                self.call("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def promised(self, expression):
        """Value of a promise."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    def download(self, folder, selector):
        """Click, and wait for the file that this gives."""
        self.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        since = len(self.events)
        self.click(selector)
        begun = self.wait("Page.downloadWillBegin", since)["params"]
        self._until(
            lambda found: (
                found.get("method") == "Page.downloadProgress"
                and found["params"]["state"] == "completed"
            ),
            since,
        )
        return folder / begun["suggestedFilename"]
