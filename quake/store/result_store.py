"""Result store: a folder with one file a channel set and day, and a journal of what is done."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from quake.errors import OutputError, ParameterError
from quake.events.onset import are_current
from quake.files import write_whole
from quake.store.entries import DayEntry
from quake.store.fingerprint import check_fingerprint
from quake.store.journal import Journal
from quake.store.layout import ONSETS, day_of_date, windows_file
from quake.store.lock import Shard, StoreLock
from quake.store.plan import PlannedDay

logger = logging.getLogger(__name__)

_FOLDER = "_quake"
_JOURNAL = "journal.jsonl"


class Store:
    """Opens a store for writing, as a context; makes it where it is not there.

    Parameters
    ----------
    root : Path
    fingerprint : mapping
        Of `quake.store.fingerprint`: model and parameters of all results in it.
    shard : Shard, optional
        Of a run that does a part of the work beside others.

    Attributes
    ----------
    root : Path
        Absolute.
    journal : Journal
    temporary : Path
        Folder in it for files that are not complete; what a killed run left there is removed.

    Raises
    ------
    ParameterError
        On entering: results of other parameters are in it, another run is writing to it, or it
        cannot be written to.
    """

    def __init__(
        self, root: Path, fingerprint: Mapping[str, Any], shard: Shard | None = None
    ) -> None:
        self.root = root.absolute()
        self.fingerprint = fingerprint
        self.folder = self.root / _FOLDER
        name = "journal" if shard is None else f"journal-{shard.name}"
        self.journal = Journal(self.folder, name)
        self.temporary = self.folder / "tmp" / ("run" if shard is None else shard.name)
        self._lock = StoreLock(self.folder, shard)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Check, lock, and read the journal."""
        self._check()
        try:
            with ExitStack() as stack:
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(self._lock)
                self._check()
                self._clean()
                self._sign()
                stack.enter_context(self.journal)
                self._open = stack.pop_all()
        except OSError as error:
            raise ParameterError(
                f"--output {self.root}: cannot be written to ({error.strerror or error}); check "
                "its permissions and the free space, or name another folder"
            ) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Write the journal in order if all went well, and let others in."""
        with self._open:
            self._clean()
            if kind is None:
                self._compact()

    def find_done(
        self, day: PlannedDay, wanted: Collection[str], *, retry_failed: bool = False
    ) -> DayEntry | None:
        """Entry of a station-day that has been done, with its inputs and in the formats wanted.

        What has failed counts as done unless it is to be tried again. Results that somebody has
        removed, or that have another size, are to be made again.
        """
        entry = self.journal.days.get(day.key)
        if entry is None or entry.inputs != day.inputs(has_failed=entry.has_failed):
            return None
        if retry_failed and entry.has_failed:
            return None
        if entry.failed or not sum(entry.windows.values()):
            return entry
        return entry if self._has_all(entry, wanted, entry.outputs) else None

    def without_onsets(self, day: PlannedDay, wanted: Collection[str]) -> DayEntry | None:
        """Entry of a station-day that would be done if there were onsets of it.

        Onsets that an older version found, before there was an onset network, count as none.
        """
        entry = self.journal.days.get(day.key)
        if entry is None or entry.has_failed or entry.inputs != day.inputs(has_failed=False):
            return None
        outputs = dict(entry.outputs)
        size = outputs.pop(ONSETS, None)
        if size is not None and self._has(entry, ONSETS, size):
            return None
        is_done = self._has_all(entry, set(wanted) - {ONSETS}, outputs)
        return entry if is_done or not sum(entry.windows.values()) else None

    def formats_of(self, day: PlannedDay, wanted: Collection[str]) -> tuple[str, ...]:
        """Formats to write: those wanted, and those there already, which would be outdated."""
        entry = self.journal.days.get(day.key)
        return tuple(sorted({*wanted, *(entry.outputs if entry else ())}))

    def add(self, entry: DayEntry) -> None:
        """Take note of a station-day whose results are on disk; remove those that are no more.

        Raises
        ------
        OutputError
            If the journal cannot be written, or a file not be removed.
        """
        before = self.journal.days.get(entry.key)
        for name in (before.outputs if before else {}).keys() - entry.outputs.keys():
            path = self.path_of(entry, name)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(
                    f"{path}: is outdated and cannot be removed ({error.strerror or error})"
                ) from error
        self.journal.add_day(entry)

    def tidy(self) -> None:
        """Write the journal anew, each key once, and go on with it."""
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.journal.tidy(self.temporary)

    def path_of(self, entry: DayEntry, name: str) -> Path:
        """File of a station-day in a format."""
        return windows_file(self.root, entry.id, day_of_date(entry.date), name)

    def _has_all(
        self, entry: DayEntry, formats: Collection[str], outputs: Mapping[str, int]
    ) -> bool:
        return set(formats) <= outputs.keys() and all(
            self._has(entry, name, size) for name, size in outputs.items()
        )

    def _has(self, entry: DayEntry, name: str, size: int) -> bool:
        path = self.path_of(entry, name)
        try:
            return path.stat().st_size == size and (name != ONSETS or are_current(path))
        except OSError:
            return False

    @property
    def _parameters(self) -> Path:
        return self.folder / "run.json"

    def _check(self) -> None:
        """Refuse a store of other parameters before anything in it is touched."""
        if self.root.exists() and not self.root.is_dir():
            raise ParameterError(f"--output {self.root}: is a file, a folder was expected")
        for path in (self.folder, *self.folder.glob("*")):
            if path.is_symlink():  # journal and lock are written to in place
                raise ParameterError(
                    f"{path}: is a link, which may lead out of the store; put what it points to in "
                    "its place, or name another folder"
                )
        try:
            found = json.loads(self._parameters.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if next(self.folder.glob("journal*.jsonl"), None) is not None:
                raise ParameterError(
                    f"{self._parameters}: is gone, so that nobody knows which model and parameters "
                    f"the results beside it come from; remove {self.folder} to do all of them "
                    "again, or name another folder"
                ) from None
            return
        except (OSError, ValueError) as error:
            raise ParameterError(
                f"{self._parameters}: cannot be read ({error}), so that nobody knows what the "
                "results beside it come from; name another folder"
            ) from error
        check_fingerprint(self.root, found, self.fingerprint)

    def _sign(self) -> None:
        if not self._parameters.exists():
            text = json.dumps(self.fingerprint, indent=2) + "\n"
            write_whole(self._parameters, text.encode(), self.temporary)

    def _compact(self) -> None:
        """One journal, in order, unless other shards are still adding to theirs."""
        is_whole = self.journal.path.name == _JOURNAL
        if not self._lock.is_last():
            return
        if not is_whole:
            self.journal.close()
            with Journal(self.folder, "journal") as everything:
                self._rewrite(everything)
        elif self.journal.is_untidy:
            self._rewrite(self.journal)

    def _rewrite(self, journal: Journal) -> None:
        self.temporary.mkdir(parents=True, exist_ok=True)
        journal.compact(self.temporary)
        self._clean(everything=True)

    def _clean(self, *, everything: bool = False) -> None:
        """Remove what is not complete: of this shard, or of all if no other is running."""
        is_alone = everything or self.journal.path.name == _JOURNAL
        shutil.rmtree(self.temporary.parent if is_alone else self.temporary, ignore_errors=True)
