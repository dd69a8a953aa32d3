"""Keep copies of files that are elsewhere, as long as a run lasts.

Copies lie in one folder that the processes of a run share, each fetched once; those that were not
used for longest go when there are too many. Nobody removes a copy that is being read.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, NamedTuple

from quake.errors import WaveformError
from quake.inputs.scheme import Fetched
from quake.inputs.schemes import scheme_of
from quake.waveforms.file_state import FileState, content_of, is_uri, state_of

# Two years of a station of 100 Hz, or a month of a network.
_MOST_BYTES = 16 << 30

_HELD, _TOLD, _LOCK = ".data", ".json", ".lock"


def copies_in(spool: Path | None, *, read_any: bool = False) -> Copies:
    """Copies in a folder of a run, which goes with it; without one, in one of the process."""
    if spool is None:
        return Copies("", read_any=read_any)
    folder = spool / "copies"
    folder.mkdir(exist_ok=True)
    return Copies(str(folder), read_any=read_any)


class Copy(NamedTuple):
    """A copy, while it is held.

    Attributes
    ----------
    path : Path
    fetched : Fetched
    """

    path: Path
    fetched: Fetched


@dataclass(frozen=True)
class Copies:
    """A folder of copies, the same for all processes of a machine that are told of it.

    Attributes
    ----------
    folder : str
        Made where it is not there: on machines that do not share it, another one is, which goes
        with the process.
    most_bytes : int
        What all copies may take; no more than half of what is free.
    read_any : bool
        Make miniSEED of files of other formats, too.
    """

    folder: str
    most_bytes: int = _MOST_BYTES
    read_any: bool = False

    @contextmanager
    def __call__(self, source: str) -> Iterator[Path | None]:
        """Give a file of this machine, as a `Copier` does; paths are taken as they are."""
        if is_uri(source):
            with self.hold(source) as copy, self._read(copy.path) as path:
                yield path if copy.fetched.has_data else None
        else:
            with self._read(Path(source)) as path:
                yield path

    @contextmanager
    def _read(self, path: Path) -> Iterator[Path]:
        """Give a file that the readers read: itself, or what is made of it."""
        if not self.read_any or not _is_of_another_format(path):
            yield path
            return
        state = state_of(str(path))
        key = f"{path.absolute()}\0{state.size}\0{state.modified_ns}"
        with self._held(key, partial(_convert, path)) as copy:
            yield copy.path

    @contextmanager
    def hold(self, uri: str) -> Iterator[Copy]:
        """Fetch a file unless it is here, and keep it as long as the context lasts.

        Raises
        ------
        WaveformError
            If it cannot be had, or there is no room for it.
        """
        with self._held(uri, partial(scheme_of(uri).fetch, uri)) as copy:
            yield copy

    @contextmanager
    def _held(self, name: str, make: Callable[[Path], Fetched]) -> Iterator[Copy]:
        """Make a copy unless it is here, and keep it as long as the context lasts."""
        folder = _place(self.folder)
        base = folder / hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        with _file(base, _LOCK).open("a") as lock:
            while True:
                fcntl.flock(lock, fcntl.LOCK_SH)
                fetched = _told(base)
                if fetched is not None:
                    break
                fcntl.flock(lock, fcntl.LOCK_EX)
                if _told(base) is None:
                    self._make(make, folder, base)
            os.utime(lock.fileno())  # used now
            yield Copy(_file(base, _HELD), fetched)

    def ahead(self, uris: Sequence[str], at_once: int) -> Iterator[str]:
        """Give URIs in their order, each when it has been fetched, and others after it are.

        What cannot be had is given, too: who asks for it hears why.
        """
        waiting: deque[tuple[str, Future[None]]] = deque()
        with ThreadPoolExecutor(at_once, "quake-fetch") as threads:
            try:
                for uri in uris:
                    waiting.append((uri, threads.submit(self._hold_once, uri)))
                    if len(waiting) == at_once:
                        yield _finished(*waiting.popleft())
                while waiting:
                    yield _finished(*waiting.popleft())
            finally:
                for _, future in waiting:
                    future.cancel()

    def _hold_once(self, uri: str) -> None:
        with self.hold(uri):
            pass

    def _make(self, make: Callable[[Path], Fetched], folder: Path, base: Path) -> None:
        self._make_room(folder)
        part = _file(base, ".part")
        try:
            fetched = make(part)
            # An index of a file fits as long as size and time are the same.
            os.utime(part, ns=(_time_of(fetched), _time_of(fetched)))
            part.replace(_file(base, _HELD))
            told = [_values(fetched.state), fetched.content, fetched.has_data]
            part.write_text(json.dumps(told), encoding="utf-8")
            part.replace(_file(base, _TOLD))
        except OSError as error:
            raise WaveformError(
                f"{folder}: no copy can be written there ({error.strerror or error}); make room, "
                "or name another folder with TMPDIR"
            ) from error
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, folder: Path) -> None:
        """Remove what was not used for longest, but for what is being read."""
        copies = sorted((_used(path), path) for path in folder.glob(f"*{_HELD}"))
        sizes = {path: _size(path) for _, path in copies}
        total = sum(sizes.values())
        most_bytes = min(self.most_bytes, (total + shutil.disk_usage(folder).free) // 2)
        for _, path in copies:
            if total <= most_bytes:
                return
            if _removed(path):
                total -= sizes[path]


@lru_cache
def _place(folder: str) -> Path:
    """The folder, or one of this process where it is not there."""
    if os.path.isdir(folder):  # noqa: PTH112 - no error where a folder above is closed
        return Path(folder)
    own = Path(tempfile.mkdtemp(prefix="quake-"))
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return own


def _is_of_another_format(path: Path) -> bool:
    from quake.waveforms.readers.other_formats import other_format
    from quake.waveforms.readers.waveform_file import is_waveform_file

    return not is_waveform_file(path) and bool(other_format(path))


def _convert(path: Path, target: Path) -> Fetched:
    from quake.waveforms.readers.other_formats import write_as_mseed

    with target.open("w+b") as file:
        write_as_mseed(path, file)
    return Fetched(FileState(str(path), target.stat().st_size, 0), content_of(target))


def _finished(uri: str, future: Future[None]) -> str:
    future.exception()
    return uri


def _file(base: Path, suffix: str) -> Path:
    return base.with_name(base.name + suffix)


def _values(state: FileState) -> tuple[str, int, int, str]:
    return state.path, state.size, state.modified_ns, state.etag


def _told(base: Path) -> Fetched | None:
    """What was fetched; None if nothing was, or it is gone."""
    if not _file(base, _HELD).exists():
        return None
    try:
        state, content, has_data = json.loads(_file(base, _TOLD).read_text(encoding="utf-8"))
        return Fetched(FileState(*state), content, has_data)
    except (OSError, ValueError, TypeError):
        return None


def _time_of(fetched: Fetched) -> int:
    """A time for a copy that is another one if its content is."""
    return int(fetched.content[:7] or "0", 16) * 1_000_000_000


def _used(path: Path) -> float:
    try:
        return path.with_suffix(_LOCK).stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _removed(path: Path) -> bool:
    """Remove a copy unless somebody holds it."""
    with suppress(OSError), path.with_suffix(_LOCK).open("a") as lock:
        if _is_free(lock):
            path.with_suffix(_TOLD).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            return True
    return False


def _is_free(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
