"""Find records of miniSEED 2 and 3, and leave out those that cannot be.

libmseed stays within the bytes that it gets, and believes the rest: how long a record is, and how
many samples it has. Of a damaged header it would take the neighbours for samples, or centuries for
its time. So headers are looked at here first. What is no record is left out, and what is between
records is passed over: the neighbours are read as if it were not there.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymseed import MiniSEEDError, MS3Record, get_error_messages

BLOCK_BYTES = 128
"""Records of miniSEED 2 and headers of full SEED begin at multiples of so many bytes."""

LONGEST_BYTES = 10 << 20
"""No record that libmseed reads is longer."""

_FIXED_BYTES, _FIXED_BYTES_3 = 48, 40
_QUALITY_AT = 6
_ACTIVITY_AT, _CORRECTED = 36, 2  # activity flags, and the one of a correction that was applied
_CODES = slice(8, 20)  # station, location, channel, network

# Headers of volumes, abbreviations, stations and time spans: what full SEED has before the data.
_CONTROL = b"VAST"
_CONTROL_BYTES = 4096  # of a logical record, unless the volume says otherwise
_QUALITIES = b"DRQM"

# Powers of two for the length of a record, miniSEED 2.
_SHORTEST, _LONGEST = 7, 20

# Bytes that a sample takes at least, by encoding (SEED manual 2.4, blockette 1000, and appendix B
# for Steim: four differences in a word of four bytes, or seven). libmseed knows no others.
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
_TEXT = 0
_STEIM_1 = 10  # what records without a blockette 1000 have

_LAST_FRACTION, _ASCII = 9999, 127
_LATE = "times with a fraction of a second and more, which is added to them"
_FOREIGN = "codes with letters that are not ASCII; these are left out"

_ERROR = "Error: "  # what libmseed's messages begin with, if they are no warnings

# What libmseed misses of a record of unknown length.
_UNKNOWN_LENGTH = 40

_PLAIN_BYTES = 80  # blockettes of most records of miniSEED 2 end before
_DATA_ONLY = 1000

Bytes = NDArray[np.int8]
Blocks = NDArray[np.uint8]
Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class RecordPlaces(NamedTuple):
    """Records of a buffer, in its order.

    Attributes
    ----------
    starts, sizes : int64 arrays of shape (records,)
        Bytes.
    faults : list of str
        What is left out and why, a sentence each.
    end : int
        Where a record begins that goes on behind the buffer; its length if none does.
    n_calibrations : int
        Records that say that a calibration is going on.
    tell_length : bool
        Whether all do; of old ones only the next one tells where they end.
    have_others : bool
        Whether some hold text, or no samples.
    are_usual : bool
        Whether libmseed takes all headers as they are; unknown, if not.
    """

    starts: Numbers
    sizes: Numbers
    faults: list[str]
    end: int
    n_calibrations: int
    tell_length: bool
    have_others: bool
    are_usual: bool

    @property
    def n_bytes(self) -> int:
        """Size of all of them."""
        return int(self.sizes.sum())

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Bytes, from and to, of records that follow each other without a gap."""
        if not len(self.starts):
            return []
        ends = self.starts + self.sizes
        first = np.flatnonzero(np.append(True, self.starts[1:] != ends[:-1]))
        last = np.append(first[1:], len(ends)) - 1
        return list(zip(self.starts[first].tolist(), ends[last].tolist(), strict=True))


class _Heads(NamedTuple):
    """What many headers say; arrays of shape (records,)."""

    starts: Numbers
    sizes: Numbers
    n_samples: Numbers
    encodings: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    plain: Mask
    are_usual: bool


def find_records(data: Bytes, *, is_last: bool = True) -> RecordPlaces:
    """Find the records in a buffer.

    Parameters
    ----------
    data : int8 array of shape (N,)
        Records, and what is between them.
    is_last : bool
        Whether nothing follows, so that a record that goes on behind the end is a damaged one.
    """
    is_3 = data[:3].tobytes() == b"MS\x03"
    heads = _heads_3(data) if is_3 else _heads_2(_blocks(data))
    return _quick(data, heads, is_last) or _walked(data, is_last)


def header_starts(data: Bytes) -> Numbers:
    """Find where records seem to begin, at any byte, in order."""
    values = data.view(np.uint8)
    return np.union1d(_starts_2(values), _starts_3(values))


def parsed(record: memoryview, *, unpack_data: bool = False) -> MS3Record:
    """Parse the bytes of one record, also if it does not tell its length.

    Raises
    ------
    MiniSEEDError
        If libmseed cannot.
    """
    try:
        return MS3Record.parse(record, unpack_data=unpack_data)
    except MiniSEEDError as error:
        if error.status_code <= 0:
            raise
    # The header of a next record tells where this one ends.
    return MS3Record.parse(bytes(record) + bytes(record[:BLOCK_BYTES]), unpack_data=unpack_data)


def reason(error: Exception) -> str:
    """What libmseed or Python said, in letters that any terminal can show."""
    said = error.error_messages if isinstance(error, MiniSEEDError) else []
    return _shown((said or [str(error)])[-1])


def _shown(message: str) -> str:
    text = message.removeprefix(_ERROR).strip()
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def with_usual_headers(data: Bytes, records: RecordPlaces) -> tuple[Bytes, list[str]]:
    """Write headers of miniSEED 2 so that libmseed takes them, where instruments wrote others.

    Returns
    -------
    data : int8 array of shape (N,)
        The same one if nothing is odd, or else a copy.
    complaints : list of str
    """
    if records.are_usual:
        return data, []
    values = data.view(np.uint8)
    starts = records.starts[values[records.starts] != ord("M")]
    heads = values[starts[:, None] + np.arange(_FIXED_BYTES)]
    words = heads.view("<u2")
    is_little = _is_date(words[:, 10], words[:, 11])
    fractions = np.where(is_little, words[:, 14], words[:, 14].byteswap())
    late = starts[fractions > _LAST_FRACTION]
    foreign = heads[:, _CODES] > _ASCII
    if not len(late) and not foreign.any():
        return data, []
    changed = values.copy()
    for at in late.tolist():
        _carry_fraction(changed.data, at)
    rows, places = np.nonzero(foreign)
    changed[starts[rows] + places + _CODES.start] = _SPACE
    complaints = [_LATE] * bool(len(late)) + [_FOREIGN] * bool(len(rows))
    return changed.view(np.int8), complaints


def _carry_fraction(view: memoryview, at: int) -> None:
    """Put a fraction of a second and more into the time correction of a header, unless it is less.

    Some digitisers round a second up to 10,000 ten-thousandths.
    """
    order = next((o for o in "<>" if _is_date(*struct.unpack_from(f"{o}HH", view, at + 20))), "<")
    (fraction,) = struct.unpack_from(f"{order}H", view, at + 28)
    if fraction <= _LAST_FRACTION:
        return
    (correction,) = struct.unpack_from(f"{order}i", view, at + 40)
    is_applied = view[at + _ACTIVITY_AT] & _CORRECTED
    total = min(fraction + (0 if is_applied else correction), 2**31 - 1)
    struct.pack_into(f"{order}H", view, at + 28, 0)
    struct.pack_into(f"{order}i", view, at + 40, total)
    view[at + _ACTIVITY_AT] &= ~_CORRECTED & 255


def beside_records(data: Bytes, records: RecordPlaces) -> tuple[int, int]:
    """Find what is part of SEED and holds no data: control headers and blank blocks.

    Returns
    -------
    n_headers : int
        Control headers; one that is continued counts as often as it has records.
    n_bytes : int
        Of these and of blank blocks.
    """
    blocks = _blocks(data)
    numbers = blocks[:, :_QUALITY_AT]
    is_control = _IS_CONTROL[blocks[:, _QUALITY_AT]] & _IS_CONTINUED[blocks[:, 7]]
    is_control[is_control] = _IS_DIGIT[numbers[is_control]].all(axis=1)
    is_blank = (blocks[:, _QUALITY_AT:] == _SPACE).all(axis=1)
    is_blank[is_blank] = _IS_SEQUENCE[numbers[is_blank]].all(axis=1)
    beside = is_blank | ~blocks.any(axis=1)
    of_records = _covered(records, len(blocks))
    control = np.flatnonzero(is_control & ~of_records)
    others = np.union1d(control, records.starts // BLOCK_BYTES)
    length = _logical_bytes(blocks, control) // BLOCK_BYTES
    for at in control:
        following = np.searchsorted(others, at, side="right")
        end = others[following] if following < len(others) else len(blocks)
        beside[at : min(end, at + length)] = True
    return len(control), int((beside & ~of_records).sum()) * BLOCK_BYTES


def _covered(records: RecordPlaces, n_blocks: int) -> Mask:
    """Which blocks hold something of a record."""
    steps = np.zeros(n_blocks + 2, np.int64)
    np.add.at(steps, records.starts // BLOCK_BYTES, 1)
    ends = -(-(records.starts + records.sizes) // BLOCK_BYTES)
    np.add.at(steps, np.minimum(ends, n_blocks + 1), -1)
    return np.asarray(np.cumsum(steps)[:n_blocks] > 0)


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


def _quick(data: Bytes, heads: _Heads, is_last: bool) -> RecordPlaces | None:
    """The records, if there is no doubt about any of them, as of nearly all files."""
    starts, ends = heads.starts, heads.starts + heads.sizes
    if not len(starts) or not heads.plain.all() or (ends[:-1] > starts[1:]).any():
        return None
    is_full = starts[0] == 0 and ends[-1] >= len(data) and (ends[:-1] == starts[1:]).all()
    if not is_full and _any_outside(header_starts(data), starts, ends):
        return None
    is_cut = ends[-1] > len(data)
    n = len(starts) - int(is_cut)
    end = int(starts[-1]) if is_cut else int(ends[-1])
    return RecordPlaces(
        starts[:n],
        heads.sizes[:n],
        [],
        _end(data, end, is_cut, is_last),
        int((heads.flags[:n] & 1).sum()),
        True,
        bool((heads.n_samples[:n] == 0).any() or (heads.encodings[:n] == _TEXT).any()),
        heads.are_usual,
    )


def _any_outside(candidates: Numbers, starts: Numbers, ends: Numbers) -> bool:
    nth = np.searchsorted(starts, candidates, side="right") - 1
    return bool(((nth < 0) | (candidates >= ends[nth])).any())


def _end(data: Bytes, end: int, is_cut: bool, is_last: bool) -> int:
    """Where the next buffer begins, given where the last record ends, or begins if it is cut."""
    if is_last:
        return len(data)
    # A header may be cut too.
    return end if is_cut else max(end, (len(data) - _FIXED_BYTES) // BLOCK_BYTES * BLOCK_BYTES)


def _starts_2(values: Blocks) -> Numbers:
    """What libmseed takes for headers of miniSEED 2."""
    at = np.flatnonzero(_IS_QUALITY[values[_QUALITY_AT:]])
    at = at[at <= len(values) - _FIXED_BYTES]
    at = at[_IS_BLANK[values[at + 7]]]
    for place in range(_QUALITY_AT):
        at = at[_IS_SEQUENCE[values[at + place]]]
    return _with_clock(values, at, 24)


def _starts_3(values: Blocks) -> Numbers:
    """What libmseed takes for headers of miniSEED 3."""
    at = np.flatnonzero(values == ord("M"))
    at = at[at <= len(values) - _FIXED_BYTES_3]
    at = at[(values[at + 1] == ord("S")) & (values[at + 2] == 3)]
    return _with_clock(values, at, 12)


def _with_clock(values: Blocks, at: Numbers, place: int) -> Numbers:
    """Those of some places that have hour, minute and second so many bytes further on."""
    for number, most in enumerate((23, 59, 60)):
        at = at[values[at + place + number] <= most]
    return at


def _blocks(data: Bytes) -> Blocks:
    n_blocks = len(data) // BLOCK_BYTES
    whole = np.ascontiguousarray(data[: n_blocks * BLOCK_BYTES])
    return whole.view(np.uint8).reshape(n_blocks, BLOCK_BYTES)


def _heads_2(blocks: Blocks) -> _Heads:
    """Headers of miniSEED 2 that begin with a block.

    Plain ones have a date, their blockettes are 100, 1000 and 1001 in the first 80 bytes, and
    their samples have room.
    """
    likely = np.flatnonzero(_IS_QUALITY[blocks[:, _QUALITY_AT]])
    head = blocks[likely, :27]
    likely = likely[
        np.logical_and.reduce([_IS_SEQUENCE[head[:, place]] for place in range(_QUALITY_AT)])
        & _IS_BLANK[head[:, 7]]
        & (head[:, 24] <= 23)
        & (head[:, 25] <= 59)
        & (head[:, 26] <= 60)
    ]
    number, plain = _numbers(blocks, likely)
    exponent, encoding, has_length = _lengths(blocks, likely, number, plain)
    plain &= has_length & (exponent >= _SHORTEST) & (exponent <= _LONGEST)
    n_samples, data_at = number(30), number(44)
    sizes = 1 << np.clip(exponent, 0, _LONGEST).astype(np.int64)
    least = _LEAST_BYTES[encoding]
    fits = (n_samples == 0) | ((data_at >= _FIXED_BYTES) & (n_samples * least <= sizes - data_at))
    return _Heads(
        likely * BLOCK_BYTES,
        sizes,
        n_samples,
        encoding,
        blocks[likely, _ACTIVITY_AT],
        plain & (least > 0) & fits,
        bool((number(28) <= _LAST_FRACTION).all() and (blocks[likely, _CODES] <= _ASCII).all()),
    )


def _numbers(blocks: Blocks, rows: Numbers) -> tuple[Callable[[Any], Numbers], Mask]:
    """What gives the numbers of two bytes at some place in headers, and which have a date."""
    words = blocks.view("<u2")

    def dates(swap: bool) -> Mask:
        year, day = (words[rows, at // 2] for at in (20, 22))
        return np.asarray(_is_date(*((year.byteswap(), day.byteswap()) if swap else (year, day))))

    is_little = dates(swap=False)
    dated = is_little if is_little.all() else is_little | dates(swap=True)

    def number(at: Any) -> Numbers:
        found = words[rows, at // 2]
        return np.asarray(np.where(is_little, found, found.byteswap()), np.int64)

    return number, dated.copy()


def _lengths(
    blocks: Blocks, rows: Numbers, number: Callable[[Any], Numbers], plain: Mask
) -> tuple[Blocks, Blocks, Mask]:
    """Exponents of lengths, encodings, and which headers tell them, once.

    Headers with other blockettes than usual are struck off the plain ones.
    """
    exponent, encoding = np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.uint8)
    has_length = np.zeros(len(rows), np.bool_)
    at = number(46)
    end = np.full(len(rows), _FIXED_BYTES)
    there = at != 0
    while there.any():
        plain &= ~there | ((at >= end) & (at <= _PLAIN_BYTES - 12) & (at % 2 == 0))
        there &= plain
        at = np.where(there, at, 0)
        kind = number(at)
        is_data_only = there & (kind == _DATA_ONLY)
        plain &= ~there | (kind == 100) | (kind == 1001) | (is_data_only & ~has_length)
        has_length |= is_data_only
        encoding = np.where(is_data_only, blocks[rows, at + 4], encoding)
        exponent = np.where(is_data_only, blocks[rows, at + 6], exponent)
        end = at + np.where(kind == 100, 12, 8)
        at = number(at + 2)
        there &= plain & (at != 0)
    return exponent, encoding, has_length


def _is_date(year: Any, day: Any) -> Any:
    """Test for what libmseed takes for a year and a day in it."""
    return (year >= 1900) & (year <= 2100) & (day >= 1) & (day <= 366)


_HEAD_3 = np.dtype(
    {
        "names": ["flags", "year", "day", "encoding", "rate", "n_samples", "sid", "extra", "size"],
        "formats": ["u1", "<u2", "<u2", "u1", "<f8", "<u4", "u1", "<u2", "<u4"],
        "offsets": [3, 8, 10, 15, 16, 24, 33, 34, 36],
        "itemsize": _FIXED_BYTES_3,
    }
)


def _heads_3(data: Bytes) -> _Heads:
    """Headers of miniSEED 3 (FDSN, miniSEED 3, 2023); in plain ones the samples have room."""
    values = data.view(np.uint8)
    starts = _starts_3(values)
    heads = values[starts[:, None] + np.arange(_FIXED_BYTES_3)].view(_HEAD_3)[:, 0]
    n_samples, payload = heads["n_samples"].astype(np.int64), heads["size"].astype(np.int64)
    least = _LEAST_BYTES[heads["encoding"]]
    fits = (n_samples == 0) | ((least > 0) & (n_samples * least <= payload))
    dated = (heads["year"] > 0) & (heads["day"] >= 1) & (heads["day"] <= 366)
    sizes = _FIXED_BYTES_3 + heads["sid"].astype(np.int64) + heads["extra"] + payload
    plain = dated & fits & np.isfinite(heads["rate"]) & (sizes <= LONGEST_BYTES)
    return _Heads(starts, sizes, n_samples, heads["encoding"], heads["flags"], plain, True)


# --- one at a time ------------------------------------------------------------------------


class _Claim(NamedTuple):
    """What a header says, or why it is none."""

    size: int
    fault: str = ""
    is_calibration: bool = False
    tells_length: bool = True
    is_other: bool = False


def _walked(data: Bytes, is_last: bool) -> RecordPlaces:
    """Go from record to record, and judge each."""
    # What goes on behind the end can be judged too.
    padded = np.zeros(len(data) + LONGEST_BYTES, np.int8)
    padded[: len(data)] = data
    view = padded.data.cast("B")
    candidates = header_starts(data).tolist()
    claims = {at: _claim(view, at, len(data), is_last) for at in candidates}
    sound = [at for at, claim in claims.items() if not claim.fault]
    faults: list[str] = []
    found: list[tuple[int, _Claim]] = []
    end, is_cut = 0, False
    for at in candidates:
        if at < end or is_cut:
            continue
        claim = claims[at]
        fault = claim.fault or _swallows(at, claim.size, sound)
        if fault:
            faults.append(f"the record at offset {at} {fault}; it is left out")
        elif at + claim.size > len(data):
            end, is_cut = at, True
        else:
            found.append((at, claim))
            end = at + claim.size
    return RecordPlaces(
        np.array([at for at, _ in found], np.int64),
        np.array([claim.size for _, claim in found], np.int64),
        faults,
        _end(data, end, is_cut, is_last),
        sum(claim.is_calibration for _, claim in found),
        all(claim.tells_length for _, claim in found),
        any(claim.is_other for _, claim in found),
        False,
    )


def _swallows(at: int, size: int, sound: list[int]) -> str:
    """What is wrong with a record in whose bytes another one begins.

    Where the next one begins behind it, headers at odd places within it are copies among samples.
    """
    first, behind = bisect_right(sound, at), bisect_left(sound, at + size)
    inside = sound[first:behind]
    if behind < len(sound) and sound[behind] == at + size:
        inside = [start for start in inside if (start - at) % BLOCK_BYTES == 0]
    return (
        f"claims {size} bytes, where the next one begins after {inside[0] - at}" if inside else ""
    )


def _claim(padded: memoryview, at: int, length: int, is_last: bool) -> _Claim:
    """Read one header in a buffer of some length, behind which there are zeros."""
    longest = LONGEST_BYTES if padded[at] == ord("M") else 1 << _LONGEST
    if padded[at] != ord("M"):
        _carry_fraction(padded, at)
    try:
        return _judged(MS3Record.parse(padded[at : at + longest], validate_crc=False))
    except MiniSEEDError as error:
        if error.status_code <= 0:
            return _Claim(0, f"cannot be read ({reason(error)})")
        if error.status_code != _UNKNOWN_LENGTH:
            return _Claim(0, f"claims {longest + error.status_code} bytes")
    left = length - at
    if not is_last:
        return _Claim(left + 1)
    if left & (left - 1) or not 1 << _SHORTEST <= left <= 1 << _LONGEST:
        return _Claim(0, "does not tell its length")
    try:
        return _judged(parsed(padded[at:length]))
    except MiniSEEDError as error:
        return _Claim(0, f"cannot be read ({reason(error)})")


def _judged(record: MS3Record) -> _Claim:
    """Say whether a record can be what its header says."""
    said = [text for text in get_error_messages() if text.startswith(_ERROR)]
    encoding = _STEIM_1 if record.encoding < 0 else record.encoding
    n_samples, room, size = record.samplecnt, record.datalength, record.reclen
    fault = _fault_of_version_2(record) if record.formatversion == 2 else ""
    if said:
        fault = f"cannot be read ({_shown(said[-1])})"
    elif not fault and n_samples and encoding not in _SAMPLE_BYTES:
        fault = f"has the encoding {encoding}, which is unknown"
    elif not fault and n_samples and n_samples * _SAMPLE_BYTES[encoding] > room:
        fault = f"claims {n_samples} samples, more than {room} bytes can hold"
    return _Claim(
        size,
        fault,
        bool(record.flags & 1),
        record.encoding >= 0,
        not n_samples or encoding == _TEXT,
    )


def _fault_of_version_2(record: MS3Record) -> str:
    """What is wrong with places in a header that libmseed passes over; empty if nothing is."""
    size, head = record.reclen, bytes(record.record_mv[:_FIXED_BYTES])
    order = next((o for o in "<>" if _is_date(*struct.unpack_from(f"{o}HH", head, 20))), "")
    if size < 1 << _SHORTEST:
        return f"claims {size} bytes"
    if not order:
        return "has no date from 1900 to 2100"
    data_at, blockette_at = struct.unpack_from(f"{order}HH", head, 44)
    if blockette_at and not _FIXED_BYTES <= blockette_at <= size - 8:
        return f"has a blockette at byte {blockette_at}, outside of it"
    if record.samplecnt and not _FIXED_BYTES <= data_at < size:
        return f"of {size} bytes has its samples at byte {data_at}"
    return ""
