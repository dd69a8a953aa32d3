"""Reads the waveform of labelled spans whose record is one miniSEED or SAC file."""

from __future__ import annotations

from collections.abc import Iterable

from quake.datasets.collection import ReadSpan
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError
from quake.waveforms.assembly import assemble
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.waveform_file import read_segments, scan
from quake.waveforms.segments import Span, component_map
from quake.waveforms.times import NS_PER_S


class FileReader:
    """Reads `LabelledSpan.path`; of several channel sets of the row's station, the fullest."""

    def read(self, span: LabelledSpan, margin_ns: int) -> ReadSpan:
        """Read a span and its margins, as far as the record reaches.

        Raises
        ------
        WaveformError, LabelError
            If the file cannot be read, or has nothing of use within the span.
        """
        headers, _ = scan(span.path)
        channel_set_id, recorded = _fullest(headers, span)
        # Where the record ends before the row, or the margin, does, so does the stretch.
        start_ns = max(span.start_ns - margin_ns, min(s.start_ns for s in recorded))
        end_ns = min(span.end_ns + margin_ns, max(s.end_ns for s in recorded))
        segments, _ = read_segments(
            span.path, channel_set_id, start_ns - NS_PER_S, end_ns + NS_PER_S
        )
        mapping = component_map(_headers_of(headers, channel_set_id))
        return ReadSpan(assemble(channel_set_id, segments, mapping), start_ns, end_ns)

    def fingerprint(self, span: LabelledSpan) -> str:
        """Path, size and time of change of the file: other ones mean other samples."""
        try:
            status = span.path.stat()
        except OSError:
            return f"{span.path}:missing"
        return f"{span.path.resolve()}:{status.st_size}:{status.st_mtime_ns}"


FILE_READER = FileReader()


def _headers_of(headers: Iterable[Span], channel_set_id: ChannelSetId) -> list[Span]:
    """Spans of one channel set."""
    return [header for header in headers if header.id == channel_set_id]


def _fullest(headers: list[Span], span: LabelledSpan) -> tuple[ChannelSetId, list[Span]]:
    """Choose the channel set with the most components within a row; the first of equals."""
    inside = [h for h in headers if h.start_ns < span.end_ns and h.end_ns > span.start_ns]
    if not inside:
        raise LabelError(
            f"{span.path}: no data between the row's start and end; check the table's times"
        )
    candidates = _of_station(span, sorted({header.id for header in inside}))
    best = max(
        candidates, key=lambda key: len(set(component_map(_headers_of(inside, key)).values()))
    )
    if not component_map(_headers_of(inside, best)):
        codes = ", ".join(sorted({header.code or "(none)" for header in inside}))
        raise LabelError(f"{span.path}: components {codes}, but Z, N, E, 1, 2 or 3 are needed")
    return best, _headers_of(inside, best)


def _of_station(span: LabelledSpan, candidates: list[ChannelSetId]) -> list[ChannelSetId]:
    """Those of the row's station; where a file has one station only, its name does not matter."""
    stations = sorted({f"{key.network}.{key.station}" for key in candidates})
    if len(stations) == 1 or not span.station.strip("."):
        return candidates
    found = [key for key in candidates if f"{key.network}.{key.station}" == span.station]
    if not found:
        raise LabelError(
            f"{span.path}: has stations {', '.join(stations)} between the row's start and end, but "
            f"not {span.station}; check the columns network and station"
        )
    return found
