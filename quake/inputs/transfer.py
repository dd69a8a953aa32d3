"""Fetch over HTTP: an answer of bounded size, or the reason why there is none.

Servers are asked politely: one request at a time, again after a pause that doubles or that the
server names, and not at all any more once several requests in a row have failed.
"""

from __future__ import annotations

import email.utils
import http.client
import logging
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import BinaryIO, NamedTuple

from quake import __version__
from quake.inputs.scheme import SchemeError

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 16
_SHOWN_CHARACTERS = 200

# Of other codes no second request would be answered better.
_WORTH_ANOTHER = {408, 425, 429, 500, 502, 503, 504}

_FAILURES = (OSError, http.client.HTTPException)


class HttpAnswer(NamedTuple):
    """What a server said.

    Attributes
    ----------
    code : int
        Of HTTP.
    n_bytes : int
        Size of the body, which is in the file if the code is 200.
    headers : mapping
        With names in lower case.
    text : str
        First line of the body of an error.
    """

    code: int
    n_bytes: int
    headers: Mapping[str, str]
    text: str = ""


@dataclass(frozen=True)
class Patience:
    """How long is waited for a server.

    Attributes
    ----------
    n_attempts : int
    pause_s : float
        Before the second attempt; twice as long before the next, and so on.
    silence_s : float
        Without a byte.
    request_s : float
        For one request in all.
    longest_pause_s : float
        Of a server that names one, too.
    n_failures : int
        After so many requests in a row that failed, no more are made.
    """

    n_attempts: int = 5
    pause_s: float = 1.0
    silence_s: float = 60.0
    request_s: float = 900.0
    longest_pause_s: float = 120.0
    n_failures: int = 3


class _BrokenError(Exception):
    """A request that may go better another time."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class _NotWrittenError(Exception):
    """A fault of this machine, not of the server."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass
class Transfers:
    """Requests to the servers of one kind.

    Parameters
    ----------
    patience : Patience
    sleep : callable
        Waits for some seconds.
    """

    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    _failed: dict[str, int] = field(default_factory=dict)

    def get(self, url: str, file: BinaryIO, most_bytes: int, name: str = "") -> HttpAnswer:
        """Ask for a URL, and write what comes to the end of a file.

        Parameters
        ----------
        url : str
        file : binary file
        most_bytes : int
            Of an answer.
        name : str
            What the user calls it, for messages; the URL by default.

        Returns
        -------
        HttpAnswer
            Of any code that is no passing fault.

        Raises
        ------
        SchemeError
            If there is no answer after all attempts, or it has more than `most_bytes`.
        """
        name = name or url
        host = urllib.parse.urlsplit(url).netloc
        if self._failed.get(host, 0) >= self.patience.n_failures:
            raise SchemeError(
                f"{name}: not asked for, as {self.patience.n_failures} requests to {host} in a row "
                "have failed; run the same command again later"
            )
        begin, reason = file.tell(), ""
        for attempt in range(1, self.patience.n_attempts + 1):
            try:
                answer = self._once(url, file, most_bytes, name)
            except _NotWrittenError as error:
                raise error.error from error
            except _BrokenError as broken:
                reason = str(broken)
                file.seek(begin)
                file.truncate()
                if attempt < self.patience.n_attempts:
                    self._wait(url, attempt, broken)
            else:
                self._failed.pop(host, None)
                return answer
        self._failed[host] = self._failed.get(host, 0) + 1
        raise SchemeError(
            f"{name}: {reason}, {self.patience.n_attempts} times in a row; run the same command "
            "again later"
        )

    def _wait(self, url: str, attempt: int, broken: _BrokenError) -> None:
        pause_s = self.patience.pause_s * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)
        if broken.pause_s is not None:
            pause_s = max(pause_s, broken.pause_s)
        pause_s = min(pause_s, self.patience.longest_pause_s)
        logger.info("%s: %s; once more in %.1f s", url, broken, pause_s)
        self.sleep(pause_s)

    def _once(self, url: str, file: BinaryIO, most_bytes: int, name: str) -> HttpAnswer:
        request = urllib.request.Request(url, headers={"User-Agent": f"quake/{__version__}"})
        try:
            logger.debug("GET %s", url)
            with _opener().open(request, timeout=self.patience.silence_s) as response:
                return self._received(name, response, file, most_bytes)
        except urllib.error.HTTPError as error:
            with error:
                return _refused(error)
        except _FAILURES as error:
            raise _BrokenError(_reason(error)) from error

    def _received(
        self, name: str, response: http.client.HTTPResponse, file: BinaryIO, most_bytes: int
    ) -> HttpAnswer:
        until_s = time.monotonic() + self.patience.request_s
        announced, n_bytes = response.length, 0
        if announced is not None and announced > most_bytes:
            raise _too_large(name, most_bytes)
        while chunk := response.read1(_CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > most_bytes:
                raise _too_large(name, most_bytes)
            _write(file, chunk)
            if time.monotonic() > until_s:
                raise _BrokenError(f"not done after {self.patience.request_s:g} s")
        if announced is not None and n_bytes < announced:
            raise _BrokenError(f"cut off after {n_bytes} of {announced} bytes")
        return HttpAnswer(response.status, n_bytes, _lower(response.headers))


def _write(file: BinaryIO, chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise _NotWrittenError(error) from error


def _opener() -> urllib.request.OpenerDirector:
    """What opens HTTP and HTTPS and nothing else, wherever a server redirects to."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _refused(error: urllib.error.HTTPError) -> HttpAnswer:
    """What a server says with a code that is none of success."""
    try:
        body = error.read(4096)
    except _FAILURES:
        body = b""
    text = _first_line(body)
    if error.code in _WORTH_ANOTHER:
        pause_s = _pause(error.headers.get("Retry-After", ""))
        raise _BrokenError(f"the server answers {error.code} {text}".rstrip(), pause_s)
    return HttpAnswer(error.code, len(body), _lower(error.headers), text)


def _first_line(body: bytes) -> str:
    """The first line with something in it, as far as it can be shown."""
    lines = (line.strip() for line in body.decode("ascii", "replace").splitlines())
    text = next((line for line in lines if line), "")
    return "".join(letter for letter in text if letter.isprintable())[:_SHOWN_CHARACTERS]


def _pause(text: str) -> float | None:
    """What a server wants to be waited, seconds; as a number or as a date."""
    if text.strip().isdecimal():
        return float(text)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(until.timestamp() - time.time(), 0.0)


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return "".join(letter for letter in text if letter.isprintable())[:_SHOWN_CHARACTERS]


def _too_large(name: str, most_bytes: int) -> SchemeError:
    return SchemeError(
        f"{name}: more than {most_bytes} bytes, as no such answer has; ask for less, or save it "
        "first if it is right"
    )


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
