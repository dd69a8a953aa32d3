"""Check the headers of miniSEED records, and leave out records that cannot be.

libmseed believes what a header says: how many samples follow, how long the record is, where its
blockettes are. Of a damaged header it reads and writes outside of its buffers, which ends the
process, or asks for gigabytes. So headers are looked at here first. What is no record any more is
passed over by every reader, and its neighbours are read as if it were not there.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 128
"""Where a record does not begin, libmseed looks for one so many bytes further on."""

_FIXED_BYTES = 48
_QUALITY_AT = 6
_ACTIVITY_AT = 36

# Headers of volumes, abbreviations, stations and time spans: what full SEED has before the data.
_CONTROL = b"VAST"
_CONTROL_BYTES = 4096  # of a logical record, unless the volume says otherwise
_QUALITIES = b"DRQM"

# Powers of two that libmseed takes for the length of a record.
_SHORTEST, _LONGEST = 7, 20

# Bytes that a sample takes at least, by encoding (SEED manual 2.4, blockette 1000, and appendix B
# for Steim: four differences in a word of four bytes, or seven). 15 to 19, 31 and 33 are encodings
# that libmseed does not know.
_SAMPLE_BYTES = {
    0: 1.0,
    1: 2.0,
    3: 4.0,
    4: 4.0,
    5: 8.0,
    10: 1.0,
    11: 4 / 7,
    12: 3.0,
    13: 2.0,
    14: 2.0,
    16: 2.0,
    30: 2.0,
    32: 2.0,
}
_STEIM_1 = 10  # what records without a blockette 1000 have

# Lengths of blockettes, SEED manual 2.4, chapter 8. libmseed 2.19 has less for some of them, and
# copies more.
_BLOCKETTE_BYTES = {
    100: 12,
    200: 52,
    201: 60,
    300: 60,
    310: 60,
    320: 64,
    390: 28,
    395: 16,
    400: 16,
    500: 200,
    1000: 8,
    1001: 8,
}
_PLAIN_BYTES = 80  # blockettes of most records end before
_OPAQUE, _OPAQUE_BYTES = 2000, 15  # its length is in it
_DATA_ONLY = 1000

Blocks = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Found(NamedTuple):
    """A record: where it begins, how long it is, and why it cannot be one; empty if it can."""

    at: int
    size: int
    fault: str


def without_impossible(data: NDArray[np.int8]) -> tuple[NDArray[np.int8], list[str]]:
    """Make what cannot be a record look like none.

    Parameters
    ----------
    data : int8 array of shape (N,)
        Records, the first one at the beginning or a multiple of 128 bytes from it.

    Returns
    -------
    data : int8 array of shape (N,)
        The same one if nothing is wrong with it, or else a copy.
    faults : list of str
        What is left out and why, a sentence each.
    """
    blocks = _blocks(data)
    likely = _header_blocks(blocks)
    plain, sizes = _are_plain(blocks[likely])
    ends = likely * BLOCK_BYTES + sizes
    if plain.all() and (ends[:-1] <= likely[1:] * BLOCK_BYTES).all() and (ends <= len(data)).all():
        return data, []
    bad = [found for found in walk(data) if found.fault]
    return without(data, [found.at for found in bad]), [
        f"the record at offset {found.at} {found.fault}; it is left out" for found in bad
    ]


def without(data: NDArray[np.int8], starts: list[int]) -> NDArray[np.int8]:
    """Make records look like none, given where they begin."""
    if not starts:
        return data
    changed = data.copy()
    changed[np.asarray(starts) + _QUALITY_AT] = 0
    return changed


def header_starts(data: NDArray[np.int8]) -> Numbers:
    """Find where data records seem to begin, in bytes from the beginning, in order."""
    return _header_blocks(_blocks(data)) * BLOCK_BYTES


def walk(data: NDArray[np.int8]) -> Iterator[Found]:
    """Go from record to record as libmseed does, and judge each."""
    view = memoryview(data.tobytes())
    starts = header_starts(data).tolist()
    at = 0
    while (nth := bisect_right(starts, at - 1)) < len(starts):
        at = starts[nth]
        following = starts[nth + 1] if nth + 1 < len(starts) else None
        found = _judged(view, at, following)
        yield found
        at += BLOCK_BYTES if found.fault else found.size


def control_headers(data: NDArray[np.int8]) -> tuple[int, int]:
    """Find what is part of SEED and holds no data: control headers and blank records.

    Returns
    -------
    n_headers : int
        Control headers; one that is continued counts as often as it has records.
    n_bytes : int
        Of these and of blank records; none of what seems to be a data record.
    """
    blocks = _blocks(data)
    begins = blocks[:, 0]
    starts = np.flatnonzero((_IS_DIGIT | _IS_BLANK)[begins])
    numbers = blocks[starts, :6]
    numbered = _IS_DIGIT[numbers].all(axis=1)
    is_control = numbered & _IS_CONTROL[blocks[starts, _QUALITY_AT]]
    is_control &= _IS_CONTINUED[blocks[starts, 7]]
    is_blank = (_IS_SEQUENCE[numbers].all(axis=1)) & (blocks[starts, 6:] == _SPACE).all(axis=1)
    control, blank = starts[is_control], starts[is_blank]
    if not len(control) and not len(blank):
        return 0, 0
    data_starts = _header_blocks(blocks)
    others = np.union1d(control, data_starts)
    length = _logical_bytes(blocks, control) // BLOCK_BYTES
    covered = np.zeros(len(blocks), np.bool_)
    covered[blank] = True
    for at in control:
        following = np.searchsorted(others, at, side="right")
        end = others[following] if following < len(others) else len(blocks)
        covered[at : min(end, at + length)] = True
    covered[data_starts] = False
    return len(control), int(covered.sum()) * BLOCK_BYTES


def calibrations(data: NDArray[np.int8]) -> int:
    """Count the data records that say that a calibration is going on: activity flags, bit 0."""
    blocks = _blocks(data)
    return int((blocks[_header_blocks(blocks), _ACTIVITY_AT] & 1).sum())


def _logical_bytes(blocks: Blocks, control: Numbers) -> int:
    """Length of logical records, which blockette 10 of a volume header tells."""
    for at in control:
        head = bytes(blocks[at, :27])
        exponent = head[19:21]
        if head[_QUALITY_AT : _QUALITY_AT + 1] == b"V" and exponent.isdigit():
            return _length_or(int(exponent))
    return _CONTROL_BYTES


def _length_or(exponent: int) -> int:
    return 1 << exponent if _SHORTEST < exponent <= _LONGEST else _CONTROL_BYTES


# --- many at once -------------------------------------------------------------------------


def _table(values: bytes) -> Mask:
    table = np.zeros(256, np.bool_)
    table[list(values)] = True
    return table


_IS_QUALITY = _table(_QUALITIES)
_IS_SEQUENCE = _table(b"0123456789 \0")
_IS_BLANK = _table(b" \0")
_IS_DIGIT = _table(b"0123456789")
_IS_CONTROL = _table(_CONTROL)
_IS_CONTINUED = _table(b" *")
_SPACE = ord(" ")
_LEAST_BYTES = np.array([_SAMPLE_BYTES.get(code, 0.0) for code in range(256)])  # 0: unknown


def _blocks(data: NDArray[np.int8]) -> Blocks:
    n_blocks = len(data) // BLOCK_BYTES
    whole = np.ascontiguousarray(data[: n_blocks * BLOCK_BYTES])
    return whole.view(np.uint8).reshape(n_blocks, BLOCK_BYTES)


def _header_blocks(blocks: Blocks) -> Numbers:
    """Numbers of the blocks that libmseed takes for the beginning of a data record."""
    likely = np.flatnonzero(_IS_QUALITY[blocks[:, _QUALITY_AT]])
    head = blocks[likely, :27]
    return likely[
        _IS_SEQUENCE[head[:, :6]].all(axis=1)
        & _IS_BLANK[head[:, 7]]
        & (head[:, 24] <= 23)
        & (head[:, 25] <= 59)
        & (head[:, 26] <= 60)
    ]


def _are_plain(heads: Blocks) -> tuple[Mask, Numbers]:
    """Which headers are beyond doubt, as nearly all are; the others have to be looked at.

    Plain ones have a date, their blockettes are 100, 1000 and 1001 in the first 80 bytes, and
    their samples have room. Also the sizes of the records, bytes.
    """
    words, plain = _words(heads)
    exponent, encoding, has_length = _lengths(heads, words, plain)
    plain &= has_length & (exponent >= _SHORTEST) & (exponent <= _LONGEST)
    n_samples, data_at = words[:, 15].astype(np.int64), words[:, 22].astype(np.int64)
    sizes = 1 << np.clip(exponent, 0, _LONGEST).astype(np.int64)
    least = _LEAST_BYTES[encoding]
    fits = (n_samples == 0) | ((data_at >= _FIXED_BYTES) & (n_samples * least <= sizes - data_at))
    return np.asarray(plain & (least > 0) & fits), sizes


def _words(heads: Blocks) -> tuple[NDArray[np.uint16], Mask]:
    """Numbers of two bytes that each header begins with, and which of them have a date."""
    little = np.ascontiguousarray(heads[:, :_PLAIN_BYTES]).view("<u2")
    is_little = _is_date(little[:, 10], little[:, 11])
    if is_little.all():
        return little, is_little
    big = little.byteswap()
    is_big = _is_date(big[:, 10], big[:, 11])
    return np.where(is_little[:, None], little, big), is_little | is_big


def _lengths(heads: Blocks, words: NDArray[np.uint16], plain: Mask) -> tuple[Blocks, Blocks, Mask]:
    """Exponents of lengths, encodings, and which headers tell them, once.

    Headers with other blockettes than usual are struck off the plain ones.
    """
    rows = np.arange(len(heads))
    exponent, encoding = np.zeros(len(heads), np.uint8), np.zeros(len(heads), np.uint8)
    has_length = np.zeros(len(heads), np.bool_)
    at = words[:, 23].astype(np.int64)
    end = np.full(len(heads), _FIXED_BYTES)
    there = at != 0
    while there.any():
        plain &= ~there | ((at >= end) & (at <= _PLAIN_BYTES - 12) & (at % 2 == 0))
        there &= plain
        at = np.where(there, at, 0)
        kind = words[rows, at // 2]
        is_data_only = there & (kind == _DATA_ONLY)
        plain &= ~there | (kind == 100) | (kind == 1001) | (is_data_only & ~has_length)
        has_length |= is_data_only
        encoding = np.where(is_data_only, heads[rows, at + 4], encoding)
        exponent = np.where(is_data_only, heads[rows, at + 6], exponent)
        end = at + np.where(kind == 100, 12, 8)
        at = words[rows, at // 2 + 1].astype(np.int64)
        there &= plain & (at != 0)
    return exponent, encoding, has_length


def _is_date(year: Any, day: Any) -> Any:
    """Test for what libmseed takes for a year and a day in it."""
    return (year >= 1900) & (year <= 2100) & (day >= 1) & (day <= 366)


class Records(NamedTuple):
    """Data records of a buffer, in its order; arrays of shape (records,).

    Attributes
    ----------
    names : array of bytes
        Quality, station, location, channel and network, as in the header.
    starts_ns : int64 array
        Times of the first samples, corrected as the headers say.
    n_samples : int64 array
    """

    names: NDArray[np.bytes_]
    starts_ns: Numbers
    n_samples: Numbers


def records_of(data: NDArray[np.int8]) -> Records:
    """Read names, times and numbers of samples of what seem to be data records."""
    blocks = _blocks(data)
    heads = blocks[_header_blocks(blocks)]
    words, dated = _words(heads)
    heads, words = heads[dated], words[dated]
    names = np.ascontiguousarray(heads[:, [_QUALITY_AT, *range(8, 20)]]).view("S13").ravel()
    return Records(names, _starts_ns(heads, words), words[:, 15].astype(np.int64))


def _starts_ns(heads: Blocks, words: NDArray[np.uint16]) -> Numbers:
    """Times in headers: date, correction unless it was applied, and microseconds if there are."""
    numbers = words.astype(np.int64)
    years = (words[:, 10].astype(np.int64) - 1970).astype("datetime64[Y]")
    days = years.astype("datetime64[D]").astype(np.int64) + numbers[:, 11] - 1
    clock = heads[:, 24:27].astype(np.int64)
    seconds = days * 86_400 + clock[:, 0] * 3600 + clock[:, 1] * 60 + clock[:, 2]
    is_big = heads[:, 20].astype(np.int64) * 256 + heads[:, 21] == numbers[:, 10]
    big = np.ascontiguousarray(heads[:, 40:44]).view(">i4").ravel()
    little = np.ascontiguousarray(heads[:, 40:44]).view("<i4").ravel()
    applied = (heads[:, 36] & 2).astype(np.bool_)
    correction = np.where(applied, 0, np.where(is_big, big, little))
    ticks = numbers[:, 14] + correction
    return np.asarray(
        seconds * 1_000_000_000 + ticks * 100_000 + _microseconds_of(heads, words) * 1000, np.int64
    )


def _microseconds_of(heads: Blocks, words: NDArray[np.uint16]) -> Numbers:
    """Of blockettes 1001, as far as they are where most records have them."""
    rows, found = np.arange(len(heads)), np.zeros(len(heads), np.int64)
    at = words[:, 23].astype(np.int64)
    for _ in range(4):
        at = np.where((at >= _FIXED_BYTES) & (at <= _PLAIN_BYTES - 8) & (at % 2 == 0), at, 0)
        kind = words[rows, at // 2]
        microseconds = heads[rows, at + 5].astype(np.int8)
        found = np.where((at > 0) & (kind == 1001), microseconds, found)
        at = np.where(at > 0, words[rows, at // 2 + 1].astype(np.int64), 0)
    return found


# --- one at a time ------------------------------------------------------------------------


class _ImpossibleError(ValueError):
    """What is said of a record that cannot be one."""


def _judged(view: memoryview, at: int, following: int | None) -> Found:
    """Judge one record.

    Parameters
    ----------
    view : all bytes
    at : where it begins
    following : where the next one seems to begin
    """
    try:
        return Found(at, _size(view, at, following), "")
    except _ImpossibleError as error:
        return Found(at, BLOCK_BYTES, str(error))


def _size(view: memoryview, at: int, following: int | None) -> int:
    order = _order(view, at)
    (n_samples,) = struct.unpack_from(f"{order}H", view, at + 30)
    data_at, blockette_at = struct.unpack_from(f"{order}HH", view, at + 44)
    left = len(view) - at
    encoding, size = _STEIM_1, 0
    for kind, begin, end in _chain(view[at:], order, blockette_at):
        if kind == _DATA_ONLY:
            if size:
                raise _ImpossibleError("has two blockettes 1000")
            encoding, size = view[at + begin + 4], _length(view[at + begin + 6])
        if size and end > size:
            raise _ImpossibleError(f"of {size} bytes has a blockette {kind} up to byte {end}")
    if not size:
        size = _distance(left) if following is None else following - at
    _check_samples(n_samples, encoding, data_at, size)
    if following is not None and following < at + size and _is_sound(view, following):
        raise _ImpossibleError(
            f"claims {size} bytes, where the next one begins after {following - at}"
        )
    return size


def _is_sound(view: memoryview, at: int) -> bool:
    """Whether there is a header that could be one, whatever follows."""
    try:
        _size(view, at, None)
    except _ImpossibleError:
        return False
    return True


def _order(view: memoryview, at: int) -> str:
    """Byte order of a header: the one in which it has a date, as libmseed decides it."""
    for order in "<>":
        if _is_date(*struct.unpack_from(f"{order}HH", view, at + 20)):
            return order
    raise _ImpossibleError("has no date from 1900 to 2100")


def _chain(record: memoryview, order: str, at: int) -> Iterator[tuple[int, int, int]]:
    """Blockettes of a record: type, and where each begins and ends."""
    end = _FIXED_BYTES
    while at:
        if at < end:
            raise _ImpossibleError(f"has a blockette at byte {at}, within what goes before it")
        if at + 8 > len(record):
            raise _ImpossibleError(f"has a blockette at byte {at}, outside of it")
        kind, following, length = struct.unpack_from(f"{order}HHH", record, at)
        if kind != _OPAQUE:
            length = _BLOCKETTE_BYTES.get(kind, 0)
        if not length or (kind == _OPAQUE and length < _OPAQUE_BYTES):
            raise _ImpossibleError(f"has a blockette of type {kind} and unknown length")
        end = at + length
        if end > len(record):
            raise _ImpossibleError(f"has a blockette {kind} that ends outside of it")
        yield kind, at, end
        at = following


def _length(exponent: int) -> int:
    if not _SHORTEST <= exponent <= _LONGEST:
        raise _ImpossibleError(f"claims 2^{exponent} bytes")
    return int(1 << exponent)


def _distance(left: int) -> int:
    """Length of a last record that does not tell it."""
    if left & (left - 1) or left > 1 << _LONGEST:
        raise _ImpossibleError("does not tell its length")
    return left


def _check_samples(n_samples: int, encoding: int, data_at: int, size: int) -> None:
    if encoding not in _SAMPLE_BYTES:
        raise _ImpossibleError(f"has the encoding {encoding}, which is unknown")
    if not n_samples:
        return
    if not _FIXED_BYTES <= data_at < size:
        raise _ImpossibleError(f"of {size} bytes has its samples at byte {data_at}")
    if n_samples * _SAMPLE_BYTES[encoding] > size - data_at:
        raise _ImpossibleError(f"claims {n_samples} samples, more than {size} bytes can hold")
