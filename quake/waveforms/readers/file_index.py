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
from quake.waveforms.readers.mseed import RawTrace, Selection, join_traces, read_records
from quake.waveforms.readers.record_headers import (
    LONGEST_BYTES,
    RecordPlaces,
    beside_records,
    find_records,
)

PIECE_BYTES = 2 << 20
"""Size of a piece: small beside an hour of most files, large beside what a call costs."""

# Of bytes that are decoded at once.
_RANGE_BYTES = 32 << 20

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
    """Read the headers of a miniSEED file, and divide it into pieces."""
    status = os.fstat(file.fileno())
    all_traces: list[list[RawTrace]] = []
    complaints: list[str] = []
    pieces: list[Piece] = []
    n_read = n_headers = n_calibrations = at = 0
    memory = np.empty(min(PIECE_BYTES, status.st_size), np.int8)
    while at < status.st_size:
        data, records = _next_piece(file, at, status.st_size, memory)
        if not len(data):
            break
        traces, texts = read_records(data, records, headonly=True, at=at)
        n_read += records.n_bytes
        if records.n_bytes < len(data):
            n_found, n_bytes = beside_records(data, records)
            n_headers += n_found
            n_read += n_bytes
        n_calibrations += records.n_calibrations
        pieces.append(Piece(at, at + len(data), _times(traces)))
        all_traces.append(traces)
        complaints += texts
        at += len(data)
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
    """
    parts: list[list[RawTrace]] = []
    complaints: list[str] = []
    for begin, end in ranges:
        data = _bytes(file, begin, np.empty(end - begin, np.int8))
        traces, texts = read_records(data, selection=selection, at=begin)
        parts.append([t for t in traces if t.channel.id == selection.channel_set])
        complaints += texts
    return join_traces(parts), list(dict.fromkeys(complaints))


def _next_piece(
    file: BinaryIO, at: int, size: int, memory: NDArray[np.int8]
) -> tuple[NDArray[np.int8], RecordPlaces]:
    """Read a piece, which ends with a record, or at the end of the file; into memory if it fits.

    A record that is longer than a piece makes it longer; no record is as long as the most that is
    decoded at once.
    """
    length = PIECE_BYTES
    while True:
        n_bytes = min(length, size - at)
        if n_bytes > len(memory):
            memory = np.empty(n_bytes, np.int8)
        data = _bytes(file, at, memory[:n_bytes])
        is_last = len(data) < length or at + length >= size or length > 2 * LONGEST_BYTES
        records = find_records(data, is_last=is_last)
        if records.end or is_last:
            return data[: records.end], records
        length *= 2


def _bytes(file: BinaryIO, at: int, memory: NDArray[np.int8]) -> NDArray[np.int8]:
    """Fill memory with bytes of a file; what of it was filled."""
    file.seek(at, io.SEEK_SET)
    n_read = file.readinto(memory)  # type: ignore[attr-defined]
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
    return (selection.start_ns is None or selection.start_ns <= last_ns) and (
        selection.end_ns is None or selection.end_ns >= first_ns
    )
