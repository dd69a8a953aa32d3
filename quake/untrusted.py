"""Open files that nobody vouches for: refuse what would never end."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from xml.parsers import expat

from quake.errors import QuakeError

_LONGEST_LINE = 16 << 20
_CHUNK_BYTES = 1 << 16


class UnsafeXMLError(QuakeError):
    """XML with a document type, which no format that is read here has."""


def refuse_special(path: Path) -> None:
    """Refuse pipes, sockets and devices: they may give nothing, or bytes without end.

    Raises
    ------
    OSError
        If it is one of these, or nothing is there.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(
            errno.EINVAL,
            "a pipe, socket or device; write what comes out of it to a file",
            str(path),
        )


def lines_of(file: TextIO) -> Iterator[str]:
    """Lines of a text file, as long as they are lines.

    Raises
    ------
    UnicodeError
        If one has more than 16 million characters, as files of other kinds have.
    """
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise UnicodeError(f"a line of more than {_LONGEST_LINE} characters")
        yield line


def refuse_document_type(path: Path) -> None:
    """Refuse XML that declares a document type: entities may be other files, or gigabytes.

    Raises
    ------
    UnsafeXMLError
        If it does, or is no XML up to its first element.
    OSError
        If it cannot be read.
    """
    refuse_special(path)
    parser = expat.ParserCreate()
    begun: list[str] = []

    def refuse(*declared: object) -> None:
        raise UnsafeXMLError(f"it declares a document type {declared[0]!r}; remove the declaration")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: begun.append(name)
    with path.open("rb") as file:
        while not begun:
            chunk = file.read(_CHUNK_BYTES)
            try:
                parser.Parse(chunk, not chunk)
            except expat.ExpatError as error:
                if not begun:
                    raise UnsafeXMLError(f"it is no XML: {error}") from error
            if not chunk:
                return
