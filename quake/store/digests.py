"""Digest the inputs of a station-day, to tell whether they have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from quake.errors import WaveformError
from quake.store.entries import FileEntry
from quake.waveforms.copied import Copier, in_place, read_segments
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S
from quake.windows.station_days import DAY_NS, StationDay, day_of

if TYPE_CHECKING:
    from quake.waveforms.readers.file_index import FileIndex

# Longer than windows of the day before reach into a file; see `digest_of_inputs`.
_HEAD_NS = 600 * NS_PER_S


def heads_of(
    path: str, spans: Iterable[Span], index: FileIndex | None, copier: Copier = in_place
) -> tuple[tuple[ChannelSetId, str], ...]:
    """Digests of the first ten minutes of channel sets; they stay when a file grows.

    Parameters
    ----------
    path : str
        File, miniSEED.
    spans : of that file
    index : FileIndex, optional
        None of a SAC file, which has no heads: it is written at once.
    copier : Copier
        Brings files here that are elsewhere.

    Returns
    -------
    tuple of (ChannelSetId, str)
        Of those that begin soon after a midnight; no others concern the day before.
    """
    if index is None:
        return ()
    begins_ns: dict[ChannelSetId, int] = {}
    for span in spans:
        begins_ns[span.id] = min(begins_ns.get(span.id, span.start_ns), span.start_ns)
    heads = {
        key: _head(path, key, begin_ns, index, copier)
        for key, begin_ns in begins_ns.items()
        if begin_ns - day_of(begin_ns) < _HEAD_NS
    }
    return tuple((key, heads[key]) for key in sorted(heads) if heads[key])


def digest_of_inputs(
    day: StationDay,
    entries: Mapping[str, FileEntry],
    window_ns: int,
    *,
    has_failed: bool = False,
) -> str:
    """Digest of all that the windows of a station-day depend on.

    Of files with samples in the day, path, size and modification time, or the tag that a server has
    for their content. A file that is the same as one that was read before under another path or
    URI has the digest of that one. Of files that begin after
    it, as tomorrow's does, the first samples: windows reach no further, and it must not count that
    today more is added. Of files that end before it, when they end.

    Parameters
    ----------
    day : StationDay
    entries : mapping of path to FileEntry
    window_ns : int
        Length of a window.
    has_failed : bool
        Something could not be read: any change of any file may have mended it.
    """
    begin_ns, end_ns = day.day_ns, day.day_ns + DAY_NS
    files: list[tuple[str | int, ...]] = []
    known_as = {span.source: entries[span.source].identity for span in day.spans}
    for path, state in sorted(known_as.items(), key=lambda item: item[1].path):
        spans = [span for span in day.spans if span.source == path]
        head = dict(entries[path].heads).get(day.id) if 2 * window_ns <= _HEAD_NS else None
        if head and not has_failed and all(span.start_ns >= end_ns for span in spans):
            files.append((state.path, head))
        elif has_failed or any(span.end_ns > begin_ns for span in spans):
            files.append((state.path, state.size, state.version))
    low, high = begin_ns - 2 * window_ns, end_ns + 2 * window_ns
    parts = sorted(
        (
            known_as[s.source].path,
            s.code,
            max(s.start_ns, low),
            min(s.end_ns, high),
            s.sampling_rate_hz,
        )
        for s in day.spans
    )
    text = json.dumps([files, parts])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _head(path: str, key: ChannelSetId, begin_ns: int, index: FileIndex, copier: Copier) -> str:
    """Digest of samples; empty if they cannot be read."""
    try:
        segments, problems = read_segments(
            path, key, begin_ns, begin_ns + _HEAD_NS, index=index, copier=copier
        )
    except WaveformError:
        return ""
    digest = hashlib.sha256(json.dumps(problems).encode())
    for segment in segments:
        about = segment.code, segment.start_ns, segment.sampling_rate_hz, segment.samples.dtype.str
        digest.update(json.dumps(about).encode())
        digest.update(segment.samples.tobytes())
    return digest.hexdigest()[:16]
