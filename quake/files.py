"""Files that appear when they are complete, and not at all if something goes wrong."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing; it is there when the block ends without an error.

    Written under a temporary name beside it and renamed. What is no regular file
    (``/dev/stdout``, a named pipe) is written to as it is.
    """
    path = path.resolve()  # a link stays, what it points to is replaced
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
