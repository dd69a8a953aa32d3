"""Write files that are there as a whole, on disk, or not at all.

All that `quake` writes and somebody may read meanwhile, or after a crash, goes through here:
a temporary name, `fsync`, a rename.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from quake.errors import ExportError


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that the user named for writing; it is there when the block ends without error.

    A link stays, and what it points to is replaced. What is no regular file (``/dev/stdout``, a
    named pipe) is written to as it is.

    Raises
    ------
    OSError
        If there is no room for it, or no permission.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    with renamed_file(path) as file:
        yield file


@contextmanager
def renamed_file(path: Path, temporary: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file of our own folders for writing; it replaces whatever has its name at the end.

    Links are replaced, not followed: others may have put them there.

    Parameters
    ----------
    path : Path
    temporary : folder in the same file system, optional
        Holds what is unfinished. It is made if need be. By default the file's own folder does.

    Raises
    ------
    OSError
        If there is no room for it, or no permission.
    """
    part = _unfinished(path, temporary)
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _unfinished(path: Path, temporary: Path | None) -> Path:
    """A name that nobody can guess, and so cannot have put a link at."""
    secret = secrets.token_hex(8)
    if temporary is None:
        return path.with_name(f".{path.name[:100]}.{secret}.part")
    temporary.mkdir(parents=True, exist_ok=True)
    return temporary / f"{os.getpid()}-{secret}.part"


def write_whole(path: Path, content: bytes, temporary: Path | None = None) -> None:
    """Write a file as `renamed_file` does; its folders are made.

    Raises
    ------
    OSError
        If there is no room for it, or no permission.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with renamed_file(path, temporary) as file:
        file.write(content)


@contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Write several files that belong together; all are renamed at the end, or none.

    It is for writers that open files themselves. They find a folder in which only they write.

    Parameters
    ----------
    paths : files of one folder, which is made if need be

    Yields
    ------
    list of Path
        The same names in a temporary folder beside them.

    Raises
    ------
    ExportError
        If the folder cannot be made or written to.
    """
    folder = _temporary_folder(paths[0])
    try:
        temporary = [folder / path.name for path in paths]
        yield temporary
        _rename_all(temporary, paths)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary_folder(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise _cannot_be_written(path, error) from error


def _rename_all(temporary: Sequence[Path], paths: Sequence[Path]) -> None:
    renamed: list[Path] = []
    try:
        for source in temporary:
            _finish(source)
        # A file that is read with another one comes after it.
        for source, path in reversed(list(zip(temporary, paths, strict=True))):
            source.replace(path)
            renamed.append(path)
    except BaseException as error:
        for path in renamed:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _cannot_be_written(paths[0], error) from error
        raise


def _finish(path: Path) -> None:
    """Bring it to the disk, and let others read it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.chmod(0o644)


def _cannot_be_written(path: Path, error: OSError) -> ExportError:
    return ExportError(f"{path}: cannot be written ({error.strerror or error})")
