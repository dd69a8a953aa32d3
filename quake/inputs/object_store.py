"""List and copy what object stores and web servers have, by way of fsspec.

Each scheme says in a few lines how its file system is opened, and what it calls a version.
"""

from __future__ import annotations

import importlib
import os
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

from quake.errors import ParameterError
from quake.inputs.day_files import is_wanted, may_lead_to, parse_day_file
from quake.inputs.scheme import MOST_BYTES, Fetched, Found, SchemeError, Wanted, parts_of
from quake.waveforms.file_state import FileState, content_of
from quake.waveforms.readers.compressed import plain_name
from quake.waveforms.sources import Problem

# What is asked for at a time: most day files at once, and memory is bounded.
_CHUNK_BYTES = 16 << 20

_N_ATTEMPTS, _PAUSE_S = 4, 0.5

_WAVEFORM_SUFFIXES = (".mseed", ".miniseed", ".ms", ".sac", ".seed")


class ObjectStore(ABC):
    """Files that fsspec lists and opens, as a scheme."""

    at_once = 8
    magic = re.compile(r"[*?\[]")
    """What makes a pattern of a name."""

    package = "fsspec"
    """What has to be installed."""

    def __init__(self) -> None:
        self._opened: tuple[int, Any] | None = None

    @abstractmethod
    def open(self) -> Any:
        """Open the file system; what it needs is installed."""

    @abstractmethod
    def state(self, uri: str, about: Mapping[str, Any]) -> FileState:
        """Read what fsspec says of a file."""

    def name_of(self, uri: str) -> str:
        """What the file system calls it."""
        return uri.partition("://")[2]

    def uri_of(self, name: str, like: str) -> str:
        """What the user calls it; `like` is another URI of the same server."""
        return f"{parts_of(like)[0]}://{name.lstrip('/')}"

    def list_folder(self, name: str, head: str) -> list[Mapping[str, Any]]:
        """List what is in a folder and begins with some letters, page by page."""
        listed = self.files.ls(name, detail=True)
        return [about for about in listed if _last(about).startswith(head)]

    @property
    def files(self) -> Any:
        """The file system, opened once in each process.

        Raises
        ------
        ParameterError
            If a package is not installed.
        """
        if self._opened is None or self._opened[0] != os.getpid():
            try:
                importlib.import_module(self.package)
            except ImportError as error:
                raise ParameterError(
                    f"such URIs need the package {self.package}, which is not installed "
                    f"({error}); pip install 'quake[remote]'"
                ) from error
            self._opened = os.getpid(), self.open()
        return self._opened[1]

    def find(self, uri: str, wanted: Wanted) -> Found:
        """Say which files a URI, a folder or a pattern stands for.

        Raises
        ------
        SchemeError
            If there is nothing of that name, or it cannot be asked for.
        """
        files = self.files
        found = Found()
        with _explained(uri):
            if self.magic.search(self.name_of(uri)):
                matches = list(self._matches(uri))
                if not matches:
                    raise SchemeError(f"{uri}: no file matches this pattern; check it")
                for about in matches:
                    self._add(about, uri, wanted, found, is_named=True)
            else:
                name = self.name_of(uri).rstrip("/")
                is_folder = uri.endswith("/") or "/" not in name
                about = {"name": name, "type": "directory"} if is_folder else files.info(name)
                if about["type"] == "directory":
                    self._add(about, uri, wanted, found, is_named=True)
                else:
                    found.files.append(self._checked(self.state(uri, about)))
        return found

    def fetch(self, uri: str, path: Path) -> Fetched:
        """Copy a file, piece by piece.

        Raises
        ------
        SchemeError
            If it cannot be had, or changes meanwhile.
        OSError
            If it cannot be written.
        """
        name = self.name_of(uri)
        with _explained(uri):
            state = self._checked(self.state(uri, self.files.info(name)))
        with path.open("w+b") as target:
            self.copy(state, target)
            n_bytes = target.tell()
        with _explained(uri):
            # What came at once is of one version.
            is_same = state.size <= _CHUNK_BYTES or self.is_unchanged(
                state, self.state(uri, self.files.info(name))
            )
        if n_bytes != state.size or not is_same:
            raise SchemeError(f"{uri}: changed while it was read; run the same command again")
        return Fetched(state, content_of(path))

    def is_unchanged(self, known: FileState, listed: FileState) -> bool:
        """Whether size and tag, or time, are the same."""
        return known.is_version_of(listed)

    def describe(self, uri: str, wanted: Wanted, path: Path) -> bool:
        """Buckets have no station service."""
        return False

    def copy(self, state: FileState, target: BinaryIO) -> None:
        """Write a file, whose size is known, piece by piece.

        Raises
        ------
        SchemeError
            If it cannot be read.
        OSError
            If it cannot be written.
        """
        name = self.name_of(state.path)
        for begin in range(0, state.size, _CHUNK_BYTES):
            end = min(begin + _CHUNK_BYTES, state.size)
            with _explained(state.path):
                piece = self._piece(name, begin, end)
            target.write(piece)

    def _piece(self, name: str, begin: int, end: int) -> bytes:
        """Some bytes of a file; what fails is asked for again, after a pause."""
        for attempt in range(1, _N_ATTEMPTS + 1):
            try:
                piece: bytes = self.files.cat_file(name, start=begin, end=end)
                if len(piece) != end - begin:
                    raise OSError(f"{len(piece)} of {end - begin} bytes came")
            except (FileNotFoundError, PermissionError):
                raise
            except Exception:  # fsspec's file systems raise what their clients do
                if attempt == _N_ATTEMPTS:
                    raise
                time.sleep(_PAUSE_S * 2 ** (attempt - 1))
            else:
                return piece
        raise AssertionError

    def _matches(self, uri: str) -> Iterator[Mapping[str, Any]]:
        """Files and folders that match a pattern, one part of the name after the other."""
        parts = self.name_of(uri).split("/")
        n_plain = next(n for n, part in enumerate(parts) if self.magic.search(part))
        yield from self._below("/".join(parts[:n_plain]), parts[n_plain:])

    def _below(self, folder: str, parts: list[str]) -> Iterator[Mapping[str, Any]]:
        part, rest = parts[0], parts[1:]
        if part == "**":
            yield from self._below(folder, rest or ["*"])
        head = self.magic.split(part)[0]
        for about in self.list_folder(folder, "" if part == "**" else head):
            is_folder = about["type"] == "directory"
            if part == "**":
                if is_folder:
                    yield from self._below(about["name"].rstrip("/"), parts)
            elif not fnmatchcase(_last(about), part):
                continue
            elif not rest:
                yield about
            elif is_folder and not self.magic.search("/".join(rest)):
                name = "/".join((about["name"].rstrip("/"), *rest))
                if self.files.exists(name):
                    yield self.files.info(name)
            elif is_folder:
                yield from self._below(about["name"].rstrip("/"), rest)

    def _add(
        self,
        about: Mapping[str, Any],
        uri: str,
        wanted: Wanted,
        found: Found,
        *,
        is_named: bool = False,
    ) -> None:
        """Add a file if it is wanted, or what is in a folder."""
        name = str(about["name"]).rstrip("/")
        if about["type"] == "directory":
            folders = name.split("/")
            if not is_named and not may_lead_to(folders, wanted):
                found.n_unselected += 1
                return
            for below in sorted(self.list_folder(name, ""), key=lambda one: str(one["name"])):
                if str(below["name"]).rstrip("/") != name:
                    self._add(below, uri, wanted, found)
            return
        day_file = parse_day_file(_last(about))
        if day_file is not None and not is_wanted(day_file, wanted):
            found.n_unselected += 1
        elif day_file is None and not is_named and not _says_waveform(name):
            found.n_others += 1
        else:
            self._add_state(self.uri_of(name, uri), about, found)

    def _add_state(self, uri: str, about: Mapping[str, Any], found: Found) -> None:
        try:
            found.files.append(self._checked(self.state(uri, about)))
        except SchemeError as error:
            found.problems.append(Problem(uri, str(error)))

    def _checked(self, state: FileState) -> FileState:
        if state.size > MOST_BYTES:
            raise SchemeError(
                f"{state.path}: {state.size} bytes, more than {MOST_BYTES}, as no day of a station "
                "has; save it first if it is right"
            )
        return state


def time_of(value: object) -> int:
    """A time as file systems give it, ns since the epoch; 0 if there is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            try:
                value = parsedate_to_datetime(str(value))
            except ValueError:
                return 0
    if isinstance(value, datetime):
        return round(value.timestamp() * 1e6) * 1000
    return 0


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Say what went wrong in the terms of the user."""
    try:
        yield
    except (SchemeError, ParameterError):
        raise
    except FileNotFoundError as error:
        raise SchemeError(_not_found(uri, error)) from error
    except PermissionError as error:
        raise SchemeError(
            f"{uri}: may not be read ({_line(error)}); it is asked for anonymously unless the "
            "settings of fsspec say otherwise (docs/remote.md)"
        ) from error
    except Exception as error:  # clients of several packages, each with errors of its own
        if _is_of_connection(error):
            raise SchemeError(_unreached(uri, error)) from error
        raise SchemeError(
            f"{uri}: cannot be read ({_line(error)}); look whether the server is there, and run "
            "the same command again"
        ) from error


def _not_found(uri: str, error: FileNotFoundError) -> str:
    """Say whether a file is not there, or whether nobody could be asked: fsspec takes both for one.

    It raises the same error for a refused connection, whose cause tells it.
    """
    cause = error.__cause__
    status = getattr(cause, "status", None)  # of an answer, as aiohttp has it
    if isinstance(status, int) and status not in (404, 410):
        return f"{uri}: the server answers {status} {getattr(cause, 'message', '')}".rstrip()
    if _is_of_connection(cause):
        return _unreached(uri, cause)
    return f"{uri}: no such file or folder; check the name"


def _unreached(uri: str, cause: Exception) -> str:
    return (
        f"{uri}: the server cannot be reached ({_line(cause)}); look whether its name is right and "
        "it is there, and run the same command again"
    )


def _is_of_connection(cause: BaseException | None) -> TypeGuard[Exception]:
    """Whether nobody answered; of aiohttp, errors of connections are no OSErrors always."""
    if isinstance(cause, FileNotFoundError):
        return False
    kinds = {kind.__name__ for kind in type(cause).__mro__}
    return isinstance(cause, OSError) or "ClientConnectionError" in kinds


def _line(error: Exception) -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return "".join(letter for letter in text if letter.isprintable())[:200]


def _last(about: Mapping[str, Any]) -> str:
    return str(about["name"]).rstrip("/").rpartition("/")[2]


def _says_waveform(name: str) -> bool:
    return plain_name(name).lower().endswith(_WAVEFORM_SUFFIXES)
