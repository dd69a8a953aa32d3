"""Standard output that says its name where it cannot be written to: closed, or on a full disk."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import IO, Any, TextIO

from quake.errors import OutputError

NAME = "standard output"

_CLOSED = (
    f"{NAME}: is closed, and results would go nowhere; open it (> FILE), or name --output FILE"
)


class NamedRaw(io.RawIOBase):
    """Passes bytes on; what the system refuses becomes an error with the output's name.

    Parameters
    ----------
    raw : binary file without a buffer; None where it is closed
    name : str
    """

    def __init__(self, raw: Any, name: str) -> None:
        super().__init__()
        self._raw, self._name = raw, name

    @property
    def closed(self) -> bool:
        """As the file beneath: an interruption closes it, and what is buffered is lost."""
        return super().closed or (self._raw is not None and bool(self._raw.closed))

    def writable(self) -> bool:
        """It is written to, and not read."""
        return True

    def isatty(self) -> bool:
        """As the file beneath."""
        return self._raw is not None and bool(self._raw.isatty())

    def fileno(self) -> int:
        """As the file beneath."""
        if self._raw is None:
            raise io.UnsupportedOperation(f"{self._name} is closed")
        return int(self._raw.fileno())

    def write(self, content: Any) -> int:
        """Write as much as the system takes.

        Raises
        ------
        OutputError
        """
        if self._raw is None:
            raise OutputError(_CLOSED)
        try:
            return int(self._raw.write(content) or 0)
        except BrokenPipeError:  # the reader has seen enough
            raise
        except OSError as error:
            raise OutputError(cannot_be_written(self._name, error)) from error


def cannot_be_written(name: object, error: OSError) -> str:
    """Say which output the system refused, why, and what to do."""
    return (
        f"{name}: cannot be written ({error.strerror or error}), results are incomplete; make "
        "room, or see to the permissions, and run the same command again"
    )


def named_stdout(stream: TextIO | None) -> TextIO:
    """Standard output as it is to be used; a stream that is no file stays as it is."""
    if stream is None:
        # The number stays taken, or the next file that is opened would get what libraries print.
        os.open(os.devnull, os.O_WRONLY)
        return _text(None, "utf-8", line_buffering=True)
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # with PYTHONUNBUFFERED there is no buffer
    if not isinstance(raw, io.FileIO):
        return stream
    return _text(raw, stream.encoding, line_buffering=stream.isatty())


def _text(raw: Any, encoding: str, *, line_buffering: bool) -> TextIO:
    buffer: IO[bytes] = io.BufferedWriter(NamedRaw(raw, NAME))
    return io.TextIOWrapper(
        buffer,
        encoding,
        "backslashreplace",
        line_buffering=line_buffering,
    )


def forget(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, or the interpreter complains of it at its end."""
    with suppress(OSError, ValueError):  # no real file, as in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    if isinstance(raw, NamedRaw) and raw._raw is None:
        raw._raw = open(os.devnull, "wb", buffering=0)  # noqa: SIM115, PTH123 - to the end


def flush_or_forget() -> str:
    """Write what is buffered; where that fails, why, and it is forgotten."""
    try:
        sys.stdout.flush()
    except (OutputError, OSError, ValueError) as error:
        forget(sys.stdout)
        return str(error)
    return ""
