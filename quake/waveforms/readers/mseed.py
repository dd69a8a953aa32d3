"""Read miniSEED records from memory, as traces without a gap.

libmseed does it, through the binding that ObsPy ships with. Its lists are walked here, because
ObsPy makes objects of them that take ten times as long as decoding where a day has thousands of
gaps. Neither sees a record that `quake.waveforms.readers.record_headers` found impossible.
Whatever is unusual is left to ObsPy's own reader, and so is everything if the binding is not as
expected.
"""

from __future__ import annotations

import ctypes
import io
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.ids import ChannelSetId, split_channel
from quake.waveforms.readers.record_headers import (
    BLOCK_BYTES,
    Records,
    header_starts,
    records_of,
    walk,
    without,
    without_impossible,
)

if TYPE_CHECKING:
    from obspy import Stream, Trace

_LONGEST_BYTES = 2**31 - 1  # libmseed counts bytes with C integers

_ASCII = 0  # SEED manual 2.4, blockette 1000

_NO_KIND = "\0"  # of headers alone

_ORDINARY_CODE = re.compile(r"\w*", re.ASCII)

# Of good SAC files too: 62.5 Hz is 0.016 s, which float32 misses by a nanosecond.
_HARMLESS = "Sample spacing read from SAC file"

_OFFSET = re.compile(r"(?<=offset[ =])\d+")


class Channel(NamedTuple):
    """What consecutive records must have in common; `name` is ``NET.STA.LOC.CHA``."""

    id: ChannelSetId
    code: str
    name: str
    quality: str


class RawTrace(NamedTuple):
    """Consecutive records, or another trace without a gap.

    Attributes
    ----------
    channel : Channel
    start_ns, last_ns : int
        Times of the first sample, and of the last one as the last record has it; ns.
    sampling_rate_hz : float
    n_samples : int
    n_records, record_bytes : int
        How many records there are, and the size of the first one; 0 of what is not miniSEED.
    kind : str
        Letter of the sample type; traces of different ones do not go together.
    samples : list of array, or None
        To be put together; None where only headers were read.
    is_text : bool
        Whether it is encoded as text, as logs are.
    fault : str
        Why it cannot be used, as far as its format tells; empty if it can.
    anchors : tuple of (int, int)
        Samples, counted from the first one, and their times in the headers of the records, ns;
        where a clock drifts, and where traces were joined.
    """

    channel: Channel
    start_ns: int
    last_ns: int
    sampling_rate_hz: float
    n_samples: int
    n_records: int
    record_bytes: int
    kind: str
    samples: list[NDArray[Any]] | None
    is_text: bool = False
    fault: str = ""
    anchors: tuple[tuple[int, int], ...] = ()

    @property
    def drift_ns(self) -> int:
        """What the last header has beyond the first one and the samples in between."""
        if not (self.sampling_rate_hz > 0 and self.n_samples):
            return 0
        counted_ns = round((self.n_samples - 1) / self.sampling_rate_hz * 1_000_000_000)
        return self.last_ns - self.start_ns - counted_ns

    @property
    def drifts(self) -> bool:
        """Whether counting samples leads to another sample than the headers do."""
        return abs(self.drift_ns) * self.sampling_rate_hz > 0.5 * 1_000_000_000 + 1e6


@dataclass(frozen=True)
class Selection:
    """Which records are wanted: those of a channel set that reach into the times, ns or None."""

    channel_set: ChannelSetId
    start_ns: int | None = None
    end_ns: int | None = None


def read_records(
    data: NDArray[np.int8],
    *,
    headonly: bool = False,
    selection: Selection | None = None,
    at: int = 0,
) -> tuple[list[RawTrace], list[str]]:
    """Read the records in a buffer.

    Parameters
    ----------
    data : int8 array of shape (N,)
        In memory: libmseed reads past the end of damaged records, which of a mapped file ends
        the process.
    headonly : bool
        Whether samples are not wanted.
    selection : Selection, optional
        What is decoded. A record of another channel set may come too.
    at : int
        Where in its file the buffer begins, bytes.

    Returns
    -------
    traces : list of RawTrace
        By channel as they appear first, then in the order of the buffer.
    complaints : list of str
        Lines that the reader wrote.

    Raises
    ------
    Exception
        Whatever ObsPy makes of damaged bytes.
    """
    data, faults = without_impossible(data)
    told = [_shifted(text, at) for text in faults]
    starts = header_starts(data)
    if not len(starts):
        return [], told
    # Full SEED has headers of other kinds before the records.
    first = int(starts[0])
    data, at = data[first:], at + first
    try:
        traces, complaints = _read(data, headonly, selection, at)
    except Exception:
        data, undecodable = _without_undecodable(data, headonly, selection)
        if not undecodable:
            raise
        traces, complaints = _read(data, headonly, selection, at)
        complaints = undecodable + complaints
    told += [_shifted(text, at) for text in complaints]
    if any(trace.drifts for trace in traces):
        traces = _anchored(traces, records_of(data))
    return traces, list(dict.fromkeys(told))


def _anchored(traces: list[RawTrace], records: Records) -> list[RawTrace]:
    """Give traces whose clock drifts the times of all their records."""
    by_name: dict[bytes, NDArray[np.int64]] = {}
    found = []
    for trace in traces:
        if trace.drifts:
            name = _name_in_headers(trace.channel)
            if name not in by_name:
                by_name[name] = np.flatnonzero(
                    (records.names == name.rstrip(b"\0")) & (records.n_samples > 0)
                )
            trace = trace._replace(anchors=_anchors(trace, records, by_name[name]))
        found.append(trace)
    return found


def _name_in_headers(channel: Channel) -> bytes:
    key = channel.id
    codes = (channel.quality, key.station, key.location, key.band_instrument + channel.code)
    parts = zip((*codes, key.network), (1, 5, 2, 3, 2), strict=True)
    return b"".join(text.encode("latin-1", "replace").ljust(n) for text, n in parts)


def _anchors(
    trace: RawTrace, records: Records, rows: NDArray[np.int64]
) -> tuple[tuple[int, int], ...]:
    """Times of the records of a trace; none where they do not add up to it."""
    for first in np.flatnonzero(records.starts_ns[rows] == trace.start_ns):
        sums = np.cumsum(records.n_samples[rows[first:]])
        last = int(np.searchsorted(sums, trace.n_samples))
        if last < len(sums) and sums[last] == trace.n_samples:
            starts_ns = records.starts_ns[rows[first + 1 : first + last + 1]]
            return tuple(zip(sums[:last].tolist(), starts_ns.tolist(), strict=True))
    return ()


def _shifted(text: str, n_bytes: int) -> str:
    """A sentence whose offsets count from the beginning of the file."""
    return _OFFSET.sub(lambda found: str(int(found[0]) + n_bytes), text)


def _read(
    data: NDArray[np.int8], headonly: bool, selection: Selection | None, at: int
) -> tuple[list[RawTrace], list[str]]:
    """Read what begins with a record."""
    with caught_warnings() as complaints:
        headers = _binding()
        ordinary = headers is not None and _is_ordinary(data, headers, at)
    direct = _read_directly(headers, data, headonly, selection) if ordinary else None
    if direct is not None:
        return direct[0], complaints + direct[1]
    with caught_warnings() as complaints:
        stream = _read_with_obspy(data, headonly, selection)
    return [trace_from_obspy(trace) for trace in stream], complaints


def _without_undecodable(
    data: NDArray[np.int8], headonly: bool, selection: Selection | None
) -> tuple[NDArray[np.int8], list[str]]:
    """Leave out the records that cannot be read by themselves, as damaged samples cannot."""
    starts = [found.at for found in walk(data) if not found.fault]

    def bad(first: int, stop: int) -> list[int]:
        """Of the records from the first to before the stop, by halves."""
        end = starts[stop] if stop < len(starts) else len(data)
        try:
            _read(data[starts[first] : end], headonly, selection, BLOCK_BYTES)
        except Exception:
            if stop - first == 1:
                return [starts[first]]
            middle = (first + stop) // 2
            return bad(first, middle) + bad(middle, stop)
        return []

    found = bad(0, len(starts)) if starts else []
    return without(data, found), [
        f"the record at offset {at} cannot be decoded; it is left out" for at in found
    ]


def record_bytes(data: NDArray[np.int8]) -> tuple[int, bool]:
    """Walk from record to record.

    Returns
    -------
    n_bytes : int
        How many of the bytes are in whole records, or are blank; not what else is between them.
    fits : bool
        Whether the last one ends where the buffer does; False where this cannot be found out.
    """
    headers = _binding()
    if headers is None or len(data) > _LONGEST_BYTES:
        return 0, False
    at = n_bytes = 0
    with _logged(headers):
        detect = headers.clibmseed.lib.ms_detect
        while at + BLOCK_BYTES <= len(data):
            size = detect(data[at:], len(data) - at)
            if size == 0 or at + size > len(data):
                return n_bytes, False
            is_blank = size < 0 and not data[at : at + BLOCK_BYTES].any()
            n_bytes += max(size, is_blank * BLOCK_BYTES)
            at += max(size, BLOCK_BYTES)
    return n_bytes, at == len(data)


def last_header(data: NDArray[np.int8]) -> int:
    """Find where the last record in a buffer seems to begin; 0 if none begins after the first."""
    starts = header_starts(data)
    return int(starts[-1]) if len(starts) else 0


@contextmanager
def caught_warnings() -> Iterator[list[str]]:
    """Collect the warnings of a block, each text once.

    ObsPy only warns where it gives up in the middle of a file, and on which thread or file that
    was is lost; here it becomes a problem of the file.
    """
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield texts
    texts.extend(
        dict.fromkeys(
            first_line(w.message)
            for w in caught
            if not issubclass(w.category, DeprecationWarning | FutureWarning)
            and not str(w.message).startswith(_HARMLESS)
        )
    )


def first_line(error: object) -> str:
    """First line of what an exception or a warning says, or the name of its type."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def trace_from_obspy(trace: Trace) -> RawTrace:
    """Take what is needed out of a trace of ObsPy."""
    stats = trace.stats
    described = stats.get("mseed", {})
    channel = _channel(
        stats.network,
        stats.station,
        stats.location,
        stats.channel,
        str(described.get("dataquality", "")),
    )
    return RawTrace(
        channel,
        int(stats.starttime.ns),
        int(stats.endtime.ns),
        float(stats.sampling_rate),
        int(stats.npts),
        int(described.get("number_of_records", 0)),
        int(described.get("record_length", 0)),
        trace.data.dtype.char if len(trace.data) else _NO_KIND,
        [np.ma.getdata(trace.data)] if len(trace.data) else None,
        described.get("encoding") == "ASCII",
    )


def _read_with_obspy(data: NDArray[np.int8], headonly: bool, selection: Selection | None) -> Stream:
    from obspy import UTCDateTime
    from obspy.io.mseed.core import _read_mseed

    start_ns, end_ns = (selection.start_ns, selection.end_ns) if selection else (None, None)
    start = None if start_ns is None else UTCDateTime(ns=start_ns)
    end = None if end_ns is None else UTCDateTime(ns=end_ns)
    return _read_mseed(data, starttime=start, endtime=end, headonly=headonly)


# --- the binding --------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _binding() -> Any | None:
    """Module of ObsPy that describes libmseed to ctypes; None if it is not as expected."""
    try:
        from obspy.io.mseed import headers

        library = headers.clibmseed.lib
        arguments = library.readMSEEDBuffer.argtypes
        fields = {name for name, *_ in headers.ContinuousSegment._fields_}
        codes = {name for name, *_ in headers.LinkedIDList._fields_}
        known = (
            len(arguments) == 9
            and callable(arguments[8])
            and fields >= {"starttime", "endtime", "samprate", "sampletype", "recordcnt"}
            and fields >= {"samplecnt", "encoding", "reclen", "next"}
            and codes >= {"network", "station", "location", "channel", "dataquality"}
            and codes >= {"firstSegment", "next"}
            and {name for name, *_ in headers.Selections._fields_}
            == {"srcname", "timewindows", "next"}
            and {name for name, *_ in headers.SelectTime._fields_}
            == {"starttime", "endtime", "next"}
            and library.lil_free
            and library.ms_detect
            and library.setupLogging
            and headers.ENCODINGS
            and headers.DATATYPES
            and isinstance(headers.HPTERROR, int)
        )
    except (ImportError, AttributeError, TypeError, ValueError, IndexError):
        return None
    return headers if known else None


# What libmseed says reaches the list of the thread that called it. The function lives as long as
# the process: libmseed keeps its address.
_said = threading.local()


def _hear(line: bytes) -> None:
    getattr(_said, "lines", []).append(line.decode(errors="replace"))


_HEAR = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(_hear)


@contextmanager
def _logged(headers: Any) -> Iterator[list[str]]:
    """Collect the lines that libmseed writes."""
    lines: list[str] = []
    _said.lines = lines
    headers.clibmseed.lib.setupLogging(_HEAR, _HEAR)
    try:
        yield lines
    finally:
        _said.lines = []


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Let signals wait until libmseed is done.

    It calls Python for memory, which is where a handler would run: what that raises goes no
    further than C, and Ctrl-C would be lost. Handlers run in the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    waiting: list[int] = []
    ours = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in ours:
        signal.signal(number, lambda number, frame: waiting.append(number))
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        for late in waiting:
            ours[signal.Signals(late)](late, None)


def _read_directly(
    headers: Any, data: NDArray[np.int8], headonly: bool, selection: Selection | None
) -> tuple[list[RawTrace], list[str]] | None:
    """Traces and complaints, or None where ObsPy's reader has to see to it.

    Raises
    ------
    ValueError
        If libmseed speaks of an error.
    """
    samples: list[NDArray[Any]] = []
    dtypes = {kind: np.dtype(ctype) for kind, ctype in headers.DATATYPES.items()}

    def allocate(n_samples: int, kind: bytes) -> int:
        # Without a type nothing could be decoded, and nothing will be written.
        array = np.empty(n_samples, dtypes[kind]) if kind in dtypes else np.empty(0)
        samples.append(array)
        return int(array.__array_interface__["data"][0])

    library = headers.clibmseed.lib
    callback = library.readMSEEDBuffer.argtypes[8](allocate)
    wanted = _selections(headers, selection) if selection else None
    with _logged(headers) as lines, _signals_deferred():
        found = library.readMSEEDBuffer(
            data, len(data), wanted, int(not headonly), -1, 0, 0, -1, callback
        )
    complaints: list[str] = []
    try:
        traces = list(_traces(headers, found, None if headonly else iter(samples), complaints))
    except StopIteration:
        return None
    finally:
        library.lil_free(found)
    error = next((line for line in lines if line.startswith("ERROR: ")), None)
    if error:
        raise ValueError(first_line(error[7:]))
    return traces, [
        *(first_line(line[6:]) for line in lines if line.startswith("INFO: ")),
        *complaints,
    ]


def _is_ordinary(data: NDArray[np.int8], headers: Any, at: int) -> bool:
    """Whether a buffer begins with a data record in an encoding that can be decoded."""
    from obspy.io.mseed.util import get_record_information

    if not BLOCK_BYTES <= len(data) <= _LONGEST_BYTES:
        return False
    if at:
        return True
    try:  # It warns of what is odd in the first record of a file.
        first = get_record_information(io.BytesIO(data[: 2**20].tobytes()))
    except Exception:  # It stumbles over what libmseed reads, as a leap second.
        return True
    return "encoding" not in first or first["encoding"] in headers.ENCODINGS


def _selections(headers: Any, selection: Selection) -> Any:
    """Describe to libmseed which records are decoded."""
    window = headers.SelectTime()
    window.starttime = _microseconds(selection.start_ns, headers.HPTERROR)
    window.endtime = _microseconds(selection.end_ns, headers.HPTERROR)
    # Codes with letters that ObsPy would drop are always read: which ones they are is found out
    # when they are decoded.
    odd = headers.Selections()
    odd.srcname = b"*[^0-9A-Za-z_]*"
    odd.timewindows = ctypes.pointer(window)
    key = selection.channel_set
    name = f"{key.network}_{key.station}_{key.location}_{key.band_instrument}"
    if not _ORDINARY_CODE.fullmatch(name):
        return odd
    named = headers.Selections()
    named.srcname = f"{name}?_?".encode()
    named.timewindows = ctypes.pointer(window)
    named.next = ctypes.pointer(odd)
    return named


def _microseconds(time_ns: int | None, unbounded: int) -> int:
    return unbounded if time_ns is None else (time_ns + 500) // 1000


def _traces(
    headers: Any, found: Any, samples: Iterator[NDArray[Any]] | None, complaints: list[str]
) -> Iterator[RawTrace]:
    """Walk the list of channels, and of each the list of its traces.

    Raises
    ------
    ValueError
        If an encoding is unknown.
    """
    while found:
        codes = found.contents
        network, station, location, name = (
            _code(part, getattr(codes, part).strip(), complaints)
            for part in ("network", "station", "location", "channel")
        )
        channel = _channel(network, station, location, name, codes.dataquality.decode("latin-1"))
        pointer = codes.firstSegment
        while pointer:
            segment = pointer.contents
            if segment.encoding not in headers.ENCODINGS:
                raise ValueError(f"encoding {segment.encoding}")
            data = None if samples is None else [next(samples)]
            yield RawTrace(
                channel,
                segment.starttime * 1000,
                segment.endtime * 1000,
                segment.samprate,
                segment.samplecnt if data is None else len(data[0]),
                segment.recordcnt,
                segment.reclen,
                _NO_KIND if data is None else segment.sampletype.decode("latin-1"),
                data,
                segment.encoding == _ASCII,
            )
            pointer = segment.next
        found = codes.next


def _code(part: str, code: bytes, complaints: list[str]) -> str:
    """Letters of a code; what is not ASCII is left out, with a complaint."""
    if code.isascii():
        return code.decode("ascii")
    from obspy.io.mseed.util import _decode_header_field

    with caught_warnings() as texts:
        text: str = _decode_header_field(part, code)
    complaints += texts
    return text


def _channel(network: str, station: str, location: str, channel: str, quality: str) -> Channel:
    band_instrument, code = split_channel(channel)
    location = "" if location == "--" else location  # how StationXML and others write blanks
    return Channel(
        ChannelSetId(network, station, location, band_instrument),
        code,
        f"{network}.{station}.{location}.{channel}",
        quality,
    )
