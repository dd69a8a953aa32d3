"""Lock of a store: one run writes at a time, or several shards of one division of the work.

The operating system holds the lock and lets it go when a process ends, however it ends, so that a
lock never outlives its process.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from quake.errors import ParameterError

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Shard:
    """The `number`-th, from 1, of `count` parts.

    Raises
    ------
    ParameterError
        If the number is not from 1 to the count.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ParameterError(
                f"--shard {self.number}/{self.count}: I/N with I from 1 to N was expected, as in "
                "3/16"
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``3/16``.

        Raises
        ------
        ParameterError
            If it is something else.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if not found:
            raise ParameterError(f"--shard {text}: I/N was expected, as in 3/16")
        return cls(int(found[1]), int(found[2]))

    @property
    def name(self) -> str:
        """For file names, as in ``3-of-16``."""
        return f"{self.number}-of-{self.count}"


@dataclass(frozen=True)
class _Owner:
    pid: int
    host: str


class StoreLock:
    """Held while a run writes to a store.

    Parameters
    ----------
    folder : folder of the locks
    shard : Shard, optional
        Shards of one division may write at the same time, each of them once; a whole run excludes
        all others.

    Raises
    ------
    ParameterError
        On entering, if another process holds it; the message names the process.
    """

    def __init__(self, folder: Path, shard: Shard | None = None) -> None:
        self.folder, self.shard = folder, shard
        self._held = ExitStack()
        self._whole: IO[str]

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self.shard is None:
                self._whole = self._take(stack, "lock", fcntl.LOCK_EX)
                self._remove_locks_of_shards()
            else:
                # A shard that ends may be writing the journal anew.
                self._whole = self._take(stack, "lock", fcntl.LOCK_SH, patience_s=_PATIENCE_S)
                self._take(stack, f"lock-{self.shard.name}", fcntl.LOCK_EX)
                self._refuse_other_divisions(self.shard)
            self._held = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._held.close()

    def is_last(self) -> bool:
        """Whether no other shard is running; then none can begin until this one has ended."""
        if self.shard is None:
            return True
        if not _try(self._whole, fcntl.LOCK_EX):
            return False
        self._remove_locks_of_shards()
        return True

    def _take(self, stack: ExitStack, name: str, kind: int, patience_s: float = 0) -> IO[str]:
        path = self.folder / name
        file = stack.enter_context(path.open("a+", encoding="utf-8"))
        until_s = time.monotonic() + patience_s
        while not _try(file, kind):
            if time.monotonic() >= until_s:
                raise ParameterError(_refusal(self.folder.parent, path))
            time.sleep(0.2)
        if kind == fcntl.LOCK_EX:
            _sign(file)
            # Before the file is closed, and with it the lock let go: a lock that nobody holds
            # names nobody, also where the file system knows no locks.
            stack.callback(file.truncate, 0)
        return file

    def _remove_locks_of_shards(self) -> None:
        for path in self.folder.glob("lock-*-of-*"):
            path.unlink(missing_ok=True)

    def _refuse_other_divisions(self, shard: Shard) -> None:
        """With 2/3 beside 2/4 some station-days would be done twice, and some never."""
        for path in sorted(self.folder.glob("lock-*-of-*")):
            if path.name.endswith(f"-of-{shard.count}"):
                continue
            with suppress(FileNotFoundError), path.open("a+", encoding="utf-8") as file:
                if not _try(file, fcntl.LOCK_EX):
                    raise ParameterError(_refusal(self.folder.parent, path))


def _try(file: IO[str], kind: int) -> bool:
    """Lock without waiting; False if another process holds it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return not _lives_here(file)
    return True


def _lives_here(file: IO[str]) -> bool:
    """Where the file system knows no locks: whether the process that signed is alive.

    Of another machine nobody can tell; it is taken to be alive.
    """
    owner = _owner(file)
    if owner is None or (owner.host, owner.pid) == (socket.gethostname(), os.getpid()):
        return False
    if owner.host != socket.gethostname():
        return True
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sign(file: IO[str]) -> None:
    file.seek(0)
    file.truncate()
    json.dump({"pid": os.getpid(), "host": socket.gethostname()}, file)
    file.flush()


def _owner(file: IO[str]) -> _Owner | None:
    file.seek(0)
    try:
        owner = json.load(file)
        return _Owner(int(owner["pid"]), str(owner["host"]))
    except (ValueError, KeyError, TypeError):
        return None


def _owner_of(path: Path) -> _Owner | None:
    """Who holds a lock; None if nobody does, or it is not signed."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            return None if _try(file, fcntl.LOCK_EX) else _owner(file)
    except FileNotFoundError:
        return None


def _refusal(root: Path, path: Path) -> str:
    owners = [_owner_of(path), *map(_owner_of, sorted(path.parent.glob("lock-*-of-*")))]
    found = list(dict.fromkeys(f"process {o.pid} on {o.host}" for o in owners if o is not None))
    who = " and ".join(found) or "another process"
    return (
        f"--output {root}: in use by {who}, see {path}; wait for it to end, or name another folder"
    )
