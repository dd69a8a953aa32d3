"""Tell whether a file has changed, here or elsewhere."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+-]+://")


@dataclass(frozen=True)
class FileState:
    """A file as it was: what tells whether it has changed.

    Attributes
    ----------
    path : str
        Path, or URI of what is elsewhere.
    size : int
        Bytes.
    modified_ns : int
        When it was modified, ns since the epoch; of what a server puts together when it is asked
        for, when that was.
    etag : str
        What the server has for its content; empty of files, and of servers that have none.
    """

    path: str
    size: int
    modified_ns: int
    etag: str = ""

    @property
    def version(self) -> int | str:
        """What changes when the content does: the tag if there is one, or the time."""
        return self.etag or self.modified_ns

    def is_version_of(self, other: FileState) -> bool:
        """Whether both are of the same content, by the means of the place that they are from."""
        return (self.path, self.size, self.version) == (other.path, other.size, other.version)


def is_uri(name: str) -> bool:
    """Whether a name is a URI, so that no file of this machine is meant.

    Examples
    --------
    >>> is_uri("s3://scedc-pds/a.ms"), is_uri("/srv/a.ms"), is_uri("C:/a.ms"), is_uri("a:b")
    (True, False, False, False)
    """
    return _URI.match(name) is not None


def state_of(path: str) -> FileState:
    """Size and modification time of a file; zeros if it is not there, as nothing of a URI is."""
    if is_uri(path):
        return FileState(path, 0, 0)
    try:
        status = os.stat(path)  # noqa: PTH116 - millions of them
    except (OSError, ValueError):  # a line of a journal may name what can be no path
        return FileState(path, 0, 0)
    return FileState(path, status.st_size, status.st_mtime_ns)


def content_of(path: Path) -> str:
    """Digest of all bytes of a file.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]
