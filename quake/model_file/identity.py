"""Identity of a model: the hash of its file, and the versions that made it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from quake.errors import ModelError
from quake.untrusted import refuse_special

HASH_DIGITS = 12
"""Of the SHA-256, in records and names."""


def model_hash(path: str | Path) -> str:
    """Twelve hexadecimal digits of the file's SHA-256: which model said so.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    return model_sha256(path)[:HASH_DIGITS]


def model_sha256(path: str | Path) -> str:
    """SHA-256 of a model file, 64 hexadecimal digits.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    try:
        refuse_special(Path(path))
        found = Path(path).stat()
        return _digest(str(path), found.st_ino, found.st_size, found.st_mtime_ns)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error


@lru_cache(maxsize=8)
def _digest(path: str, *state: int) -> str:
    """SHA-256 of a file; the state that it is in tells when it has to be read again."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Of quake and of the libraries whose numbers end up in a model."""
    from importlib.metadata import version

    names = ("torch", "torchvision", "numpy", "scipy", "obspy", "safetensors")
    import quake

    return {"quake": quake.__version__, **{name: version(name) for name in names}}
