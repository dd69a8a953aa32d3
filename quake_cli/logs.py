"""Write log lines, as text or JSON, into a file that may be moved away."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path


def one_line(text: str) -> str:
    r"""Show line breaks and control characters, which file names may have, as escapes.

    Examples
    --------
    >>> one_line("a\nb")
    'a\\nb'
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )


def text_line(level: str, message: str) -> str:
    """As in ``2020-05-02T20:01:00.250Z quake[4711] error: day.mseed: ...``."""
    return f"{_now()} quake[{os.getpid()}] {level}: {one_line(message)}"


def json_line(level: str, message: str) -> str:
    """One JSON object, in ASCII, so that no encoding of a terminal or a pipe can harm it."""
    # File names that are no UTF-8 have halves of surrogate pairs, which readers of JSON refuse.
    readable = message.encode("utf-8", "backslashreplace").decode("utf-8")
    return json.dumps({"time": _now(), "level": level, "message": readable, "pid": os.getpid()})


def _now() -> str:
    """UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class LogFile:
    """A file that lines are appended to, by one process or several.

    Each line is one call to the system: lines of several processes do not mix, and none waits in
    a buffer (that of `logging.handlers.WatchedFileHandler` divides long lines, and keeps what a
    full disk did not take). There is nothing to close at the end of the program.

    Parameters
    ----------
    path : Path
        Made if there is none; its folder must exist. If the file is moved or removed later, as
        logrotate does, a new one is made.

    Raises
    ------
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()  # whatever becomes of the working directory
        self._lock = threading.Lock()
        self._is_torn = False
        self._fd = _open(self.path)

    def write(self, line: str) -> None:
        """Append a line, with its end.

        Raises
        ------
        OSError
            If it cannot be written, as on a full disk; the next one may be.
        """
        with self._lock:
            self._follow()
            # What a full disk has cut off must not run into the next line.
            begin = "\n" if self._is_torn else ""
            self._append(f"{begin}{line}\n".encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Close the file; nothing may be written afterwards."""
        with self._lock:
            os.close(self._fd)

    def _follow(self) -> None:
        """Open the file again if the path leads to another one now, or nowhere."""
        here = os.fstat(self._fd)
        try:
            there = self.path.stat()
        except FileNotFoundError:
            pass
        else:
            if os.path.samestat(here, there):
                return
        opened = _open(self.path)
        os.close(self._fd)
        self._fd, self._is_torn = opened, False

    def _append(self, data: bytes) -> None:
        n_written = os.write(self._fd, data)
        self._is_torn = n_written < len(data)
        if self._is_torn:  # the disk is full, and the next call says so
            os.write(self._fd, data[n_written:])
            self._is_torn = False


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
