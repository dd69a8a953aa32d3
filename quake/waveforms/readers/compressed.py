"""Open compressed files: gzip, bzip2, xz and zip.

What was packed is written to a temporary file without a name, which goes with the process however
it ends, so that memory is bounded and a file of a day is unpacked once, not for each hour of it.
"""

from __future__ import annotations

import atexit
import bz2
import gzip
import lzma
import os
import re
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from quake.errors import WaveformError

# What files of each kind begin with.
_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zip": re.compile(rb"PK\x03\x04"),
}
_FOREIGN_MAGIC = {
    "zstd": b"\x28\xb5\x2f\xfd",
    "compress": b"\x1f\x9d",
    "lz4": b"\x04\x22\x4d\x18",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "rar": b"Rar!",
}

_SUFFIXES = (".gz", ".gzip", ".bz2", ".xz", ".zip")
_FOREIGN_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".zst", ".z", ".lz4", ".7z", ".rar")

# A tar archive has its name in the header of its first member.
_TAR_AT, _TAR = 257, b"ustar"
HEAD_BYTES = 512

_CHUNK_BYTES = 1 << 20

# Waveforms shrink to a third, or to a hundredth if they are constant. What grows more than that was
# made to fill disks.
_MOST_TIMES, _ALWAYS_BYTES = 200, 1 << 30

# Files that are kept unpacked: the days around one, of three components, and a few more.
_KEPT, _KEPT_BYTES = 12, 4 << 30

_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError)


def compression_of(head: bytes) -> str:
    """Kind of compression, told from the first bytes; empty if there is none.

    >>> compression_of(bytes.fromhex("1f8b08")), compression_of(b"000001D ")
    ('gzip', '')
    """
    return next((kind for kind, magic in _MAGIC.items() if magic.match(head)), "")


def fault_of_packed(head: bytes) -> str:
    """What is packed in a way that is not read here, and what to do; empty if it is not.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` of a file, or of what is in a compressed one.
    """
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return "a tar archive, where one file was expected; unpack it (tar xf), and name the folder"
    kind = next((kind for kind, magic in _FOREIGN_MAGIC.items() if head.startswith(magic)), "")
    return f"packed with {kind}, where gzip, bzip2, xz or zip was expected; unpack it" * bool(kind)


def may_hold_several(name: str) -> bool:
    """Whether a name says that a file has to be unpacked by hand, or may have to.

    >>> may_hold_several("2020.TAR.gz"), may_hold_several("a.zip"), may_hold_several("a.mseed.gz")
    (True, True, False)
    """
    plain = plain_name(name).lower()
    return name.lower().endswith(".zip") or plain.endswith(_FOREIGN_SUFFIXES)


def plain_name(name: str) -> str:
    """Name without the suffix of a compression.

    >>> plain_name("XX.STA..HHZ.D.2020.001.gz"), plain_name("a.mseed")
    ('XX.STA..HHZ.D.2020.001', 'a.mseed')
    """
    lower = name.lower()
    return next((name[: -len(s)] for s in _SUFFIXES if lower.endswith(s)), name)


def unpacked_head(path: Path, file: BinaryIO, kind: str, n_bytes: int) -> bytes:
    """Read the first bytes of what is in a compressed file, without unpacking it.

    Raises
    ------
    WaveformError
        If it is damaged, or a zip archive of several files.
    """
    with _explained(path, kind), _reader(path, file, kind) as packed:
        return packed.read(n_bytes)


@contextmanager
def unpacked(path: Path, file: BinaryIO, kind: str) -> Iterator[BinaryIO]:
    """Open what is in a compressed file; it has the modification time of that file.

    Raises
    ------
    WaveformError
        If it is damaged, unpacks to far more than waveforms do, holds several files, or there is no
        room for it.
    """
    status = os.fstat(file.fileno())
    key = (os.path.realpath(path), status.st_size, status.st_mtime_ns)
    with _CACHE.use(key) as kept:
        if kept.file is None:
            kept.file = _unpack(path, file, kind)
        kept.file.seek(0)
        yield kept.file


def _unpack(path: Path, file: BinaryIO, kind: str) -> BinaryIO:
    status = os.fstat(file.fileno())
    most_bytes = max(_MOST_TIMES * status.st_size, _ALWAYS_BYTES)
    target = tempfile.TemporaryFile(prefix="quake-")  # noqa: SIM115 - the cache closes it
    try:
        with _explained(path, kind), _reader(path, file, kind) as packed:
            n_bytes = 0
            while chunk := packed.read(_CHUNK_BYTES):
                n_bytes += len(chunk)
                if n_bytes > most_bytes:
                    raise WaveformError(
                        f"{path}: unpacks to more than {_MOST_TIMES} times its size, as no "
                        "waveforms do; unpack it by hand if it is right"
                    )
                _write(path, target, chunk)
        target.flush()
        os.utime(target.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
    except BaseException:
        target.close()
        raise
    return target


def _write(path: Path, target: BinaryIO, chunk: bytes) -> None:
    try:
        target.write(chunk)
        target.flush()
    except OSError as error:
        raise WaveformError(
            f"{path}: cannot be unpacked into {tempfile.gettempdir()} ({error.strerror or error}); "
            "make room there, or name another folder with TMPDIR"
        ) from error


@contextmanager
def _explained(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise WaveformError(
            f"{path}: damaged {kind} data ({str(error) or type(error).__name__}); fetch it again"
        ) from error
    except (RuntimeError, NotImplementedError) as error:  # of zip: a password, another method
        raise WaveformError(f"{path}: {kind} that cannot be read ({error}); unpack it") from error


@contextmanager
def _reader(path: Path, file: BinaryIO, kind: str) -> Iterator[BinaryIO]:
    file.seek(0)
    if kind == "zip":
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise WaveformError(
                    f"{path}: a zip archive of {len(members)} files, where one was expected; "
                    f"unpack it (unzip), and name what comes out"
                )
            with archive.open(members[0]) as packed:
                yield packed  # type: ignore[misc]
    elif kind == "gzip":
        with gzip.GzipFile(fileobj=file, mode="rb") as packed:
            yield packed  # type: ignore[misc]
    elif kind == "bzip2":
        with bz2.BZ2File(file) as packed:
            yield packed  # type: ignore[misc]
    else:
        with lzma.LZMAFile(file) as packed:
            yield packed  # type: ignore[misc]


# Kept files --------------------------------------------------------------------------------------

_Key = tuple[str, int, int]


@dataclass
class _Kept:
    """An unpacked file; who reads it has the lock, for it has one position."""

    file: BinaryIO | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)


class _Cache:
    """The unpacked files that were used last."""

    def __init__(self) -> None:
        self._kept: dict[_Key, _Kept] = {}
        self._lock = threading.Lock()

    @contextmanager
    def use(self, key: _Key) -> Iterator[_Kept]:
        """Give the file of a key, to nobody else meanwhile."""
        with self._lock:
            kept = self._kept.pop(key, None) or _Kept()
            self._kept[key] = kept
        with kept.lock:
            yield kept
        self._trim()

    def _trim(self) -> None:
        """Close what was not used for longest, unless somebody uses it."""
        with self._lock:
            sizes = {key: _size(kept) for key, kept in self._kept.items()}
            total = sum(sizes.values())
            for key in list(self._kept)[:-1]:
                if len(self._kept) <= _KEPT and total <= _KEPT_BYTES:
                    return
                kept = self._kept[key]
                if not kept.lock.acquire(blocking=False):
                    continue
                try:
                    if kept.file is not None:
                        kept.file.close()
                        kept.file = None
                    del self._kept[key]
                    total -= sizes[key]
                finally:
                    kept.lock.release()

    def forget(self) -> None:
        """Close all, at the end and in a process that was forked."""
        for kept in self._kept.values():
            if kept.file is not None:
                kept.file.close()
        self._kept.clear()
        self._lock = threading.Lock()


def _size(kept: _Kept) -> int:
    file = kept.file
    if file is None or file.closed:
        return 0
    return os.fstat(file.fileno()).st_size


_CACHE = _Cache()
atexit.register(_CACHE.forget)

# Parent and child would move one position.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CACHE.forget)
