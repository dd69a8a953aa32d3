"""Feed on folders that are being written to."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

from quake.errors import QuakeError, WaveformError
from quake.inputs.sds import parse_name
from quake.inputs.selection import Selection
from quake.store.digests import digest_of_inputs
from quake.store.entries import FileEntry, FileState, state_of
from quake.store.headers import scan_file
from quake.store.journal import Journal
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.compressed import plain_name
from quake.waveforms.readers.file_index import FileIndex
from quake.waveforms.readers.waveform_file import is_waveform_file
from quake.waveforms.segments import Span
from quake.waveforms.sources import BoundedSource, Source, SpanSource, clipped
from quake.windows.station_days import StationDay

logger = logging.getLogger(__name__)

# Changes are gathered for so long: a record is written in pieces, and stations write together.
_DEBOUNCE_MS = 500
_STEP_MS = 50
_TIMEOUT_MS = 200

# Time between two looks at all files, and how many times longer than a look it is at least.
_SWEEP_S = 300.0
_SWEEP_SHARE = 20


class ArchiveFeed:
    """Files that grow and files that are added, as a context.

    Parameters
    ----------
    roots : folders
    all_files : callable
        Gives the files that are there; called when changes are watched already, and every five
        minutes from then on.
    selection : Selection
        What is wanted of them.
    journal : Journal
        Files that it knows are not read again, and what is read at the beginning is added to it.
    is_sds : bool
        Files must have names of SDS; otherwise any waveform file is read.
    poll_s : float, optional
        Look for changes so often, instead of being told of them: network file systems do not tell.

    Raises
    ------
    QuakeError
        If a folder cannot be watched.
    """

    def __init__(
        self,
        roots: Iterable[str | Path],
        all_files: Callable[[], Iterable[Path]],
        selection: Selection,
        journal: Journal,
        *,
        is_sds: bool = False,
        poll_s: float | None = None,
    ) -> None:
        self.roots = [Path(root) for root in roots]
        self.selection = selection
        self._journal = journal
        self.is_sds = is_sds
        self._all_files = all_files
        self._changes = _Changes(self.roots, poll_s)
        self._entries: dict[str, FileEntry] = {}
        self._files_of: dict[ChannelSetId, set[str]] = defaultdict(set)
        self._warned: set[str] = set()
        self._next_sweep_s = 0.0
        self._indexes = _Indexes()

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._changes.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._changes.stop()

    def wait(self, timeout_s: float) -> dict[ChannelSetId, int]:
        """Channel sets with news and the time from which on there are any, see `Feed`."""
        if time.monotonic() >= self._next_sweep_s:
            paths = self._sweep()
        else:
            paths = sorted(
                {path for name in self._changes.get(timeout_s) for path in self._at(name)}
            )
        news: dict[ChannelSetId, int] = {}
        for path in paths:
            for key, time_ns in self._read(path).items():
                news[key] = min(news.get(key, time_ns), time_ns)
        return news

    @property
    def source(self) -> Source:
        """The files; a new source each time, or what is said of them would pile up in it."""
        files = SpanSource(ChannelSetId("", "", "", ""), (), self._indexes)
        return BoundedSource(files, self.selection.start_ns, self.selection.end_ns)

    def spans(self, channel_set: ChannelSetId) -> list[Span]:
        """What the headers of all its files say."""
        return [
            span
            for path in sorted(self._files_of.get(channel_set, ()))
            for span in self._entries[path].spans
            if span.id == channel_set
        ]

    def digest(self, day: StationDay, window_ns: int, *, has_failed: bool) -> str:
        """Digest of the inputs of a station-day, as `quake predict` has it in the journal."""
        return digest_of_inputs(day, self._entries, window_ns, has_failed=has_failed)

    def forget(self, channel_set: ChannelSetId, before_ns: int) -> None:
        """Nothing is kept of samples."""

    def _sweep(self) -> list[str]:
        """All files: at the beginning, and now and then, because a system may fail to tell."""
        begin_s = time.monotonic()
        paths = [os.path.abspath(path) for path in self._all_files()]  # noqa: PTH100
        for path in paths:
            if path not in self._entries and self._known(path) is None:
                self._journal.add_file(scan_file(path))
        self._journal.sync()
        took_s = time.monotonic() - begin_s
        self._next_sweep_s = time.monotonic() + max(_SWEEP_S, _SWEEP_SHARE * took_s)
        return paths

    def _at(self, name: str) -> Iterator[str]:
        """Files that a change is about; of a new folder nothing is told of what was in it."""
        path = Path(name)
        if not path.is_dir():
            names = [name]
        else:
            names = [str(below) for below in path.rglob("*") if below.is_file()]
        yield from filter(self._is_wanted, names)

    def _is_wanted(self, path: str) -> bool:
        name = Path(path).name
        if name.startswith("."):
            return False
        if self.is_sds:
            return parse_name(plain_name(name)) is not None
        try:
            return Path(path).is_file() and is_waveform_file(path)
        except (WaveformError, OSError):
            return path in self._entries

    def _read(self, path: str) -> dict[ChannelSetId, int]:
        """Read the headers of a file; what is in it now and was not before is news."""
        before = self._entries.get(path)
        if before is not None and before.state == state_of(path):
            return {}
        entry = self._known(path) or scan_file(path)
        if entry.state == FileState(path, 0, 0):
            return self._drop(path)
        # Not written: the journal would have a line for each record that is added to a file.
        self._journal.files.remembered[path] = entry
        entry = replace(entry, spans=tuple(self._chosen(entry)))
        self._warn(entry)
        known = {(s.id, s.code): s.end_ns for s in before.spans} if before else {}
        self._entries[path] = entry
        news: dict[ChannelSetId, int] = {}
        for span in entry.spans:
            self._files_of[span.id].add(path)
            since_ns = min(known.get((span.id, span.code), span.start_ns), span.end_ns)
            if span.end_ns > since_ns or since_ns == span.start_ns:
                news[span.id] = min(news.get(span.id, since_ns), since_ns)
        return news

    def _known(self, path: str) -> FileEntry | None:
        """What the journal has of a file, unless it has changed."""
        entry = self._journal.files.get(path)
        return entry if entry is not None and entry.state == state_of(path) else None

    def _chosen(self, entry: FileEntry) -> list[Span]:
        wanted = [span for span in entry.spans if self.selection.matches(span)]
        by_set: dict[ChannelSetId, list[Span]] = defaultdict(list)
        for span in wanted:
            by_set[span.id].append(span)
        cut = clipped(by_set, self.selection.start_ns, self.selection.end_ns)
        return [span for spans in cut.values() for span in spans]

    def _drop(self, path: str) -> dict[ChannelSetId, int]:
        """Forget a file that is gone; what was scored stays."""
        before = self._entries.pop(path, None)
        for span in before.spans if before else ():
            self._files_of[span.id].discard(path)
        return {}

    def _warn(self, entry: FileEntry) -> None:
        """Warn of a file once; one whose last record is being written is no reason to."""
        path = entry.state.path
        for text in entry.problems:
            if entry.spans or entry.state.size == 0:
                logger.debug("%s", text)
            elif path not in self._warned:
                self._warned.add(path)
                logger.warning("%s", text)


class _Indexes(dict[str, FileIndex]):
    """Indexes of the files that were read last; those of files that have grown are outdated."""

    _MOST = 512

    def __setitem__(self, path: str, index: FileIndex) -> None:
        if len(self) >= self._MOST:
            del self[next(iter(self))]
        super().__setitem__(path, index)

    def __contains__(self, path: object) -> bool:
        index = self.get(str(path))
        if index is None:
            return False
        state = state_of(str(path))
        # The size is that of what is in a compressed file.
        is_packed = plain_name(str(path)) != str(path)
        return index.modified_ns == state.modified_ns and (is_packed or index.size == state.size)


class _Changes:
    """Names of files that were changed, from a thread that watches."""

    def __init__(self, roots: list[Path], poll_s: float | None) -> None:
        self._roots, self._poll_s = roots, poll_s
        self._found: queue.SimpleQueue[set[str] | Exception] = queue.SimpleQueue()
        self._watching, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="quake-watch", daemon=True)

    def start(self) -> None:
        """Begin, and wait until no change is missed any more."""
        self._thread.start()
        self._watching.wait(60)

    def stop(self) -> None:
        """End, and wait for the thread."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def get(self, timeout_s: float) -> set[str]:
        """Files that were changed since the last call; waits for the first one."""
        changed: set[str] = set()
        try:
            self._take(self._found.get(timeout=timeout_s), changed)
            while True:
                self._take(self._found.get_nowait(), changed)
        except queue.Empty:
            return changed

    def _take(self, found: set[str] | Exception, changed: set[str]) -> None:
        if isinstance(found, Exception):
            folders = ", ".join(map(str, self._roots))
            raise QuakeError(
                f"{folders}: cannot be watched ({found}); check that the folders are there and "
                "may be read, or give --poll 10"
            ) from found
        changed |= found

    def _watch(self) -> None:
        from watchfiles import watch

        try:
            for changes in watch(
                *self._roots,
                watch_filter=None,
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                stop_event=self._stopped,
                rust_timeout=_TIMEOUT_MS,
                yield_on_timeout=True,
                raise_interrupt=False,
                force_polling=self._poll_s is not None,
                poll_delay_ms=round(1000 * (self._poll_s or 0.3)),
                ignore_permission_denied=True,
            ):
                self._watching.set()
                if changes:
                    self._found.put({path for _, path in changes})
        except Exception as error:
            self._found.put(error)
        finally:
            self._watching.set()
