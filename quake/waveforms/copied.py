"""Read files that may be elsewhere, once somebody has copied them here.

The readers read files of this machine. What they say of a copy is said of what was copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from quake.errors import WaveformError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers import waveform_file
from quake.waveforms.readers.file_index import FileIndex
from quake.waveforms.readers.waveform_file import Contents, Remark
from quake.waveforms.segments import Segment

Copier = Callable[[str], AbstractContextManager[Path | None]]
"""Gives, for a path or URI, a file of this machine while the context is open; None if there is
nothing in it, and that is no fault."""

NO_DATA = "no_data"
"""Kind of the remark on a source of which a server says that it has no data."""


@contextmanager
def in_place(source: str) -> Iterator[Path]:
    """Take a path as it is; nothing is copied.

    Raises
    ------
    WaveformError
        If it is a URI.
    """
    from quake.waveforms.file_state import is_uri

    if is_uri(source):
        raise WaveformError(f"{source}: is on another machine, and was not copied; save it first")
    yield Path(source)


def contents_of(source: str, copier: Copier = in_place) -> Contents:
    """Read the headers of a file, see `waveform_file.contents_of`.

    Raises
    ------
    WaveformError
        As there, and if it cannot be copied.
    """
    with copier(source) as path:
        if path is None:
            return Contents([], [], (Remark(NO_DATA, "", 1),))
        with _named(path, source), _advised(path):
            found = waveform_file.contents_of(path)
    if str(path) == source:
        return found
    return replace(
        found,
        spans=[replace(span, source=source) for span in found.spans],
        problems=[text.replace(str(path), source) for text in found.problems],
    )


def read_segments(
    source: str,
    channel_set: ChannelSetId,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    index: FileIndex | None = None,
    copier: Copier = in_place,
) -> tuple[list[Segment], list[str]]:
    """Read samples between two times, see `waveform_file.read_segments`.

    Raises
    ------
    WaveformError
        As there, and if it cannot be copied.
    """
    with copier(source) as path:
        if path is None:
            return [], []
        with _named(path, source):
            segments, faults = waveform_file.read_segments(
                path, channel_set, start_ns, end_ns, index=index
            )
    if str(path) == source:
        return segments, faults
    return (
        [replace(segment, source=source) for segment in segments],
        [text.replace(str(path), source) for text in faults],
    )


def index_of(source: str, copier: Copier = in_place) -> FileIndex | None:
    """Where in a file what is, see `waveform_file.scan_with_index`.

    Raises
    ------
    WaveformError
        As there, and if it cannot be copied.
    """
    with copier(source) as path:
        if path is None:
            return None
        with _named(path, source):
            return waveform_file.scan_with_index(path)[2]


@contextmanager
def _advised(path: Path) -> Iterator[None]:
    """Have errors on files of other formats say what can be done."""
    try:
        yield
    except WaveformError as error:
        from quake.waveforms.readers.other_formats import advice_on

        advice = advice_on(path) if "neither miniSEED nor SAC" in str(error) else ""
        if not advice:
            raise
        raise WaveformError(f"{path}: {advice}") from error


@contextmanager
def _named(path: Path, source: str) -> Iterator[None]:
    """Have errors name what was copied."""
    try:
        yield
    except WaveformError as error:
        if str(path) == source:
            raise
        raise WaveformError(str(error).replace(str(path), source)) from error
