"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from quake.errors import ExportError


@contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Write under temporary names; rename at the end, unless an error ended it.

    Parameters
    ----------
    paths : files of one folder, which is made if need be

    Yields
    ------
    list of Path
        Of the same names, in a temporary folder beside.

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
