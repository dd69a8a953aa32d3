"""Where in a miniSEED file what is: pieces of it that begin and end with a record.

A file of a month is read piece by piece, and for some hours only the pieces that reach into them
are, so that memory is bounded and time is linear in the file, in whatever order its records are.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.mseed import (
    Channel,
    RawTrace,
    Selection,
    last_header,
    read_records,
    record_bytes,
)
from quake.waveforms.readers.record_headers import calibrations, control_headers, without_impossible

PIECE_BYTES = 2 << 20
"""Size of a piece: small beside an hour of most files, large beside what a call costs."""

# Of bytes that are decoded at once.
_RANGE_BYTES = 32 << 20

# libmseed looks for a blockette at the very end too.
_MARGIN_BYTES = 64

# Times of records are rounded to microseconds.
_ROUNDING_NS = 1000

_MICROSECONDS = 1_000_000

Times = dict[ChannelSetId, tuple[int, int]]


class Piece(NamedTuple):
    """Bytes `begin` to `end` of a file; of each channel set the first and the last time, ns."""

    begin: int
    end: int
    times: Times


@dataclass(frozen=True)
class FileIndex:
    """The pieces of a file, as it was when it was scanned."""

    size: int
    modified_ns: int
    pieces: list[Piece]

    def fits(self, file: BinaryIO) -> bool:
        """Say whether the file is still the one that was scanned."""
        status = os.fstat(file.fileno())
        return (status.st_size, status.st_mtime_ns) == (self.size, self.modified_ns)

    def ranges(self, selection: Selection) -> list[tuple[int, int]]:
        """Bytes, from and to, that hold what is selected; none is longer than it must be."""
        found: list[tuple[int, int]] = []
        for piece in self.pieces:
            if not _reaches(piece, selection):
                continue
            if found and found[-1][1] == piece.begin and piece.end - found[-1][0] <= _RANGE_BYTES:
                found[-1] = (found[-1][0], piece.end)
            else:
                found.append((piece.begin, piece.end))
        return found


@dataclass(frozen=True)
class Scan:
    """Headers of a miniSEED file.

    Attributes
    ----------
    traces : list of RawTrace
        Without samples.
    complaints : list of str
        Lines that the reader wrote.
    n_unread : int
        Bytes that are in no record that could be read, and are no part of SEED either.
    n_control_headers : int
        Records of full SEED that are there beside the data.
    n_calibrations : int
        Records that say that a calibration is going on.
    index : FileIndex
    """

    traces: list[RawTrace]
    complaints: list[str]
    n_unread: int
    n_control_headers: int
    n_calibrations: int
    index: FileIndex


def scan_records(file: BinaryIO) -> Scan:
    """Read the headers of a miniSEED file, and divide it into pieces.

    Raises
    ------
    Exception
        Whatever ObsPy makes of damaged bytes.
    """
    status = os.fstat(file.fileno())
    all_traces: list[list[RawTrace]] = []
    complaints: list[str] = []
    pieces: list[Piece] = []
    n_read = n_headers = n_calibrations = at = 0
    while at < status.st_size:
        end, traces, texts, n_bytes, n_found = _next_piece(file, at, status.st_size)
        n_calibrations += n_found
        if n_bytes < end - at:
            n_found, n_control_bytes = control_headers(_bytes(file, at, end - at))
            n_headers += n_found
            n_bytes = min(n_bytes + n_control_bytes, end - at)
        pieces.append(Piece(at, end, _times(traces)))
        all_traces.append(traces)
        complaints += texts
        n_read += n_bytes
        at = end
    return Scan(
        join_traces(all_traces),
        list(dict.fromkeys(complaints)),
        max(status.st_size - n_read, 0),
        n_headers,
        n_calibrations,
        FileIndex(status.st_size, status.st_mtime_ns, pieces),
    )


def read_ranges(
    file: BinaryIO, ranges: Iterable[tuple[int, int]], selection: Selection
) -> tuple[list[RawTrace], list[str]]:
    """Read what is selected in some ranges of bytes, which begin and end with a record.

    Returns
    -------
    traces : list of RawTrace
        Of the channel set alone; as of the whole file, up to the bounds of the records.
    complaints : list of str

    Raises
    ------
    Exception
        Whatever ObsPy makes of damaged bytes.
    """
    parts: list[list[RawTrace]] = []
    complaints: list[str] = []
    for begin, end in ranges:
        data = _bytes(file, begin, end - begin)
        traces, texts = read_records(data, selection=selection, at=begin)
        parts.append([t for t in traces if t.channel.id == selection.channel_set])
        complaints += texts
    return join_traces(parts), list(dict.fromkeys(complaints))


def join_traces(parts: Iterable[list[RawTrace]]) -> list[RawTrace]:
    """Join what was cut apart between pieces, as if they had been read at once.

    Parameters
    ----------
    parts : traces of one piece after the other
    """
    joined: dict[Channel, list[RawTrace]] = {}
    for part in parts:
        # One channel comes after the other, each once.
        for channel, some in groupby(part, attrgetter("channel")):
            later = list(some)
            earlier = joined.setdefault(channel, [])
            if earlier and _continues(earlier[-1], later[0]):
                earlier[-1] = _joined(earlier[-1], later.pop(0))
            earlier += later
    return [trace for traces in joined.values() for trace in traces]


def _next_piece(
    file: BinaryIO, at: int, size: int
) -> tuple[int, list[RawTrace], list[str], int, int]:
    """Read the headers of a piece.

    Where a cut proves wrong, the piece is made longer, up to the most that is decoded at once: no
    record is as long as that.

    Returns
    -------
    end : int
    traces : list of RawTrace
    complaints : list of str
    n_bytes : int
        Size of the records.
    n_calibrations : int
        Records that say that a calibration is going on.
    """
    length = PIECE_BYTES
    while True:
        data = _bytes(file, at, min(length, size - at))
        is_rest = len(data) < length or at + length == size
        is_longest = length >= _RANGE_BYTES
        if not is_rest:
            data = data[: last_header(data) or is_longest * length]
        if is_rest or len(data):
            traces, texts = read_records(data, headonly=True, at=at)
            n_bytes, fits = _size_of_records(data, traces, texts)
            if is_rest:
                return size, traces, texts, n_bytes, calibrations(data)
            if fits or is_longest:
                return at + len(data), traces, texts, n_bytes, calibrations(data)
        length *= 2


def _size_of_records(
    data: NDArray[np.int8], traces: list[RawTrace], complaints: list[str]
) -> tuple[int, bool]:
    """Size of the records that were read, bytes, and whether they were read to the last byte."""
    n_bytes = sum(trace.n_records * trace.record_bytes for trace in traces)
    if n_bytes == len(data) and not complaints:
        return n_bytes, True
    if any("will not be read" in text for text in complaints):
        return n_bytes, False
    # Records of two sizes, or something between them.
    walked, fits = record_bytes(without_impossible(data)[0])
    return walked or n_bytes, fits


def _bytes(file: BinaryIO, at: int, length: int) -> NDArray[np.int8]:
    """Bytes of a file; some more are behind them in memory, for a look beyond the end."""
    memory = np.zeros(length + _MARGIN_BYTES, np.int8)
    file.seek(at, io.SEEK_SET)
    n_read = file.readinto(memory[:length])  # type: ignore[attr-defined]
    return memory[:n_read]


def _times(traces: list[RawTrace]) -> Times:
    times: Times = {}
    for channel, some in groupby(traces, attrgetter("channel")):
        of_channel = list(some)
        first_ns = min(trace.start_ns for trace in of_channel)
        last_ns = max(trace.last_ns for trace in of_channel)
        first, last = times.get(channel.id, (first_ns, last_ns))
        times[channel.id] = (min(first, first_ns), max(last, last_ns))
    return times


def _reaches(piece: Piece, selection: Selection) -> bool:
    if selection.channel_set not in piece.times:
        return False
    first_ns, last_ns = piece.times[selection.channel_set]
    return (selection.start_ns is None or selection.start_ns <= last_ns + _ROUNDING_NS) and (
        selection.end_ns is None or selection.end_ns >= first_ns - _ROUNDING_NS
    )


def _continues(earlier: RawTrace, later: RawTrace) -> bool:
    """Say whether libmseed would have put the records of both into one trace."""
    if not (earlier.n_samples and later.n_samples and earlier.kind == later.kind):
        return False
    if not (earlier.sampling_rate_hz > 0 and later.sampling_rate_hz > 0):
        return False
    if abs(1 - earlier.sampling_rate_hz / later.sampling_rate_hz) >= 1e-4:
        return False
    interval = int(_MICROSECONDS / earlier.sampling_rate_hz)
    gap = (later.start_ns - earlier.last_ns) // 1000 - interval
    return abs(gap) <= int(0.5 * interval)


def _joined(earlier: RawTrace, later: RawTrace) -> RawTrace:
    samples = None
    if earlier.samples is not None and later.samples is not None:
        samples = [*earlier.samples, *later.samples]
    n_before = earlier.n_samples
    shifted = ((n_before + sample, time_ns) for sample, time_ns in later.anchors)
    return earlier._replace(
        anchors=(*earlier.anchors, (n_before, later.start_ns), *shifted),
        last_ns=later.last_ns,
        n_samples=earlier.n_samples + later.n_samples,
        n_records=earlier.n_records + later.n_records,
        samples=samples,
    )
