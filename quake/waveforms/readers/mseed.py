"""Read miniSEED 2 and 3 from memory, as traces without a gap.

libmseed does it, by way of pymseed. All records of a buffer are read at once; where that fails, one
by one, so that a damaged record costs itself alone.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymseed import (
    MiniSEEDError,
    MS3Record,
    MS3TraceList,
    configure_logging,
    get_error_messages,
    nstime2timestr,
)

from quake.waveforms.ids import ChannelSetId, split_channel
from quake.waveforms.leap_seconds import spans_leap_second
from quake.waveforms.readers.record_headers import (
    RecordPlaces,
    find_records,
    parsed,
    reason,
    with_usual_headers,
)
from quake.waveforms.times import NS_PER_S

if TYPE_CHECKING:
    from obspy import Trace

_TEXT = 0  # encoding, of both versions

_NO_KIND = "\0"  # of headers alone

_PUBLICATIONS = {"R": 1, "D": 2, "Q": 3, "M": 4}

# Codes without letters that stand for others in a pattern.
_ORDINARY = re.compile(r"[A-Za-z0-9-]*|\*", re.ASCII)

# Of good SAC files too: 62.5 Hz is 0.016 s, which float32 misses by a nanosecond.
_HARMLESS = "Sample spacing read from SAC file"

# libmseed also tells of what is unusual in headers, and harmless.
_DOUBT = "integrity check"
_MOST_MESSAGES = 1 << 16

_OFFSET = re.compile(r"(?<=offset[ =])\d+")

# With so many traces before it a later piece of a file is compared.
_COMPARED = 16

# Messages are kept for each thread, and not printed.
configure_logging(max_messages=_MOST_MESSAGES)


class Channel(NamedTuple):
    """What consecutive records must have in common; `name` is ``NET.STA.LOC.CHA``."""

    id: ChannelSetId
    code: str
    name: str
    publication: int


class RawTrace(NamedTuple):
    """Consecutive records, or another trace without a gap.

    Attributes
    ----------
    channel : Channel
    start_ns, last_ns : int
        Times of the first sample, and of the last one as the last record has it; ns.
    sampling_rate_hz : float
    n_samples : int
    n_records : int
        0 where nobody asked.
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
        counted_ns = round((self.n_samples - 1) / self.sampling_rate_hz * NS_PER_S)
        return self.last_ns - self.start_ns - counted_ns

    @property
    def drifts(self) -> bool:
        """Whether counting samples leads to another sample than the headers do."""
        return abs(self.drift_ns) * self.sampling_rate_hz > 0.5 * NS_PER_S + 1e6


@dataclass(frozen=True)
class Selection:
    """Which records are wanted: those of a channel set that reach into the times, ns or None."""

    channel_set: ChannelSetId
    start_ns: int | None = None
    end_ns: int | None = None

    def takes(self, trace: RawTrace) -> bool:
        """Whether a trace is wanted."""
        return (
            trace.channel.id == self.channel_set
            and (self.start_ns is None or trace.last_ns >= self.start_ns)
            and (self.end_ns is None or trace.start_ns <= self.end_ns)
        )

    def in_words(self) -> tuple[str | None, str | None, str | None]:
        """Say the same to libmseed, or less: a pattern of identifiers, and two times."""
        key, pattern = self.channel_set, None
        # An empty location may be written as dashes.
        codes = (key.network, key.station, key.location or "*", *key.band_instrument)
        if len(key.band_instrument) == 2 and all(map(_ORDINARY.fullmatch, codes)):
            pattern = f"FDSN:{'_'.join(codes)}_*"
        start, end = (
            None if time_ns is None else nstime2timestr(time_ns)
            for time_ns in (self.start_ns, self.end_ns)
        )
        return pattern, start, end


def read_records(
    data: NDArray[np.int8],
    records: RecordPlaces | None = None,
    *,
    headonly: bool = False,
    selection: Selection | None = None,
    at: int = 0,
) -> tuple[list[RawTrace], list[str]]:
    """Read the records in a buffer.

    Parameters
    ----------
    data : int8 array of shape (N,)
    records : RecordPlaces, optional
        Where they are, if that is known.
    headonly : bool
        Whether samples are not wanted.
    selection : Selection, optional
        What is decoded. A record of another channel set may come too.
    at : int
        Where in its file the buffer begins, bytes.

    Returns
    -------
    traces : list of RawTrace
        By channel, and in the order of time.
    complaints : list of str
        What is wrong with some of it.
    """
    if records is None:
        records = find_records(data)
    data, odd = with_usual_headers(data, records)
    try:
        traces, complaints = _together(data, records, headonly, selection)
    except MiniSEEDError:
        traces, complaints = _one_by_one(data, records, headonly, selection)
    if _over_leap_second(traces) or (not headonly and any(trace.drifts for trace in traces)):
        traces, _ = _one_by_one(data, records, headonly, selection)
    told = [_shifted(text, at) for text in [*records.faults, *odd, *complaints]]
    return traces, list(dict.fromkeys(told))


def _over_leap_second(traces: list[RawTrace]) -> bool:
    """Whether libmseed has joined records on either side of one, as if a second were missing."""
    first_ns = min((trace.start_ns for trace in traces), default=0)
    return spans_leap_second(first_ns, max((trace.last_ns for trace in traces), default=0))


def _shifted(text: str, n_bytes: int) -> str:
    """A sentence whose offsets count from the beginning of the file."""
    return _OFFSET.sub(lambda found: str(int(found[0]) + n_bytes), text)


def _together(
    data: NDArray[np.int8], records: RecordPlaces, headonly: bool, selection: Selection | None
) -> tuple[list[RawTrace], list[str]]:
    """Read all records at once.

    Raises
    ------
    MiniSEEDError
        If one of them cannot be read.
    """
    if not records.tell_length:
        return _one_by_one(data, records, headonly, selection)
    sourceid, start, end = selection.in_words() if selection else (None, None, None)
    complaints: list[str] = []
    with MS3TraceList() as found:
        for begin, stop in records.runs:
            found.add_buffer(
                data[begin:stop],
                unpack_data=not headonly,
                sourceid=sourceid,
                starttime=start,
                endtime=end,
                record_list=records.have_others,
                split_version=True,
            )
            complaints += _doubts()
        return list(_traces(found, headonly)), complaints


def _doubts() -> list[str]:
    """What libmseed said of the samples that it decoded just now."""
    return [text for text in get_error_messages() if _DOUBT in text]


def _traces(found: MS3TraceList, headonly: bool) -> Iterator[RawTrace]:
    for series in found:
        channel = _channel_of(series.sourceid, series.pubversion)
        for segment in series:
            listed = segment.recordlist
            yield RawTrace(
                channel,
                segment.starttime,
                segment.endtime,
                segment.samprate,
                segment.samplecnt,
                len(listed or ()),
                _NO_KIND if headonly else segment.sampletype or _NO_KIND,
                [segment.take_np_datasamples()] if segment.numsamples else None,
                listed is not None and listed[0].record.encoding == _TEXT,
            )


def _one_by_one(
    data: NDArray[np.int8], records: RecordPlaces, headonly: bool, selection: Selection | None
) -> tuple[list[RawTrace], list[str]]:
    """Read each record by itself, and leave out those that cannot be read."""
    view = np.ascontiguousarray(data).data.cast("B")
    parts: list[list[RawTrace]] = []
    complaints: list[str] = []
    for begin, size in zip(records.starts.tolist(), records.sizes.tolist(), strict=True):
        record = view[begin : begin + size]
        try:
            trace = _trace_of(parsed(record))
            if selection is not None and not selection.takes(trace):
                continue
            if not headonly:
                trace = _trace_of(parsed(record, unpack_data=True))
                complaints += _doubts()
        except (MiniSEEDError, OverflowError) as error:
            complaints.append(
                f"the record at offset {begin} cannot be decoded ({reason(error)}); it is left out"
            )
        else:
            parts.append([trace])
    return join_traces(parts), complaints


def _trace_of(record: MS3Record) -> RawTrace:
    """One record as a trace; its samples are copied, if they were decoded.

    Raises
    ------
    OverflowError
        If it is longer than any number.
    """
    start_ns, rate_hz, n_samples = record.starttime, record.samprate, record.samplecnt
    # Its own end leaves leap seconds out.
    length_ns = round((n_samples - 1) / rate_hz * NS_PER_S) if rate_hz > 0 and n_samples else 0
    return RawTrace(
        _channel_of(record.sourceid, record.pubversion),
        start_ns,
        start_ns + length_ns,
        rate_hz,
        n_samples,
        1,
        record.sampletype or _NO_KIND,
        [record.np_datasamples.copy()] if record.numsamples else None,
        record.encoding == _TEXT,
    )


def _channel_of(identifier: str, publication: int) -> Channel:
    """Take an FDSN source identifier apart; of others nothing but the name is known."""
    scheme, _, codes = identifier.partition(":")
    parts = [part.strip() for part in codes.split("_")]
    if scheme != "FDSN" or len(parts) < 3:
        return Channel(ChannelSetId("", "", "", ""), "", identifier, publication)
    # Stations of miniSEED 2 may have an underscore.
    network, middle, ends = parts[0], parts[1:-3], parts[-3:]
    if len(middle) < 2:
        middle, ends = parts[1:3], parts[3:]
    is_seed = all(len(part) <= 1 for part in ends)
    channel = ("" if is_seed else "_").join(ends)
    return _channel(network, "_".join(middle[:-1]), middle[-1], channel, publication)


def _channel(network: str, station: str, location: str, channel: str, publication: int) -> Channel:
    band_instrument, code = split_channel(channel)
    location = "" if location == "--" else location  # how StationXML and others write blanks
    return Channel(
        ChannelSetId(network, station, location, band_instrument),
        code,
        f"{network}.{station}.{location}.{channel}",
        publication,
    )


# --- pieces of a trace --------------------------------------------------------------------


def join_traces(parts: Iterable[list[RawTrace]]) -> list[RawTrace]:
    """Join what was cut apart between pieces, as if they had been read at once.

    Parameters
    ----------
    parts : traces of one piece after the other
    """
    joined: dict[Channel, list[RawTrace]] = {}
    for part in parts:
        for channel, some in groupby(part, attrgetter("channel")):
            _add(joined.setdefault(channel, []), list(some))
    return [
        trace
        for channel in sorted(joined)
        for trace in sorted(joined[channel], key=lambda trace: (trace.start_ns, -trace.last_ns))
    ]


def _add(traces: list[RawTrace], piece: list[RawTrace]) -> None:
    """Add what a piece has of a channel: to the ends of what is there, before it, or beside it.

    Traces of one piece do not continue each other.
    """
    open_ends = range(len(traces) - 1, max(len(traces) - 1 - _COMPARED, -1), -1)
    first_ns = min((traces[nth].start_ns for nth in open_ends), default=0)
    last_ns = max((traces[nth].last_ns for nth in open_ends), default=0)
    for trace in piece:
        reach_ns = 2 * NS_PER_S / trace.sampling_rate_hz if trace.sampling_rate_hz > 0 else 0
        is_near = trace.start_ns - last_ns <= reach_ns and first_ns - trace.last_ns <= reach_ns
        for nth in open_ends if is_near else ():
            if (whole := _touching(traces[nth], trace)) is not None:
                traces[nth] = whole
                break
        else:
            traces.append(trace)


def _touching(one: RawTrace, other: RawTrace) -> RawTrace | None:
    """Both as one trace, in the order of time; None if they do not touch."""
    if _continues(one, other):
        return _joined(one, other)
    return _joined(other, one) if _continues(other, one) else None


def _continues(earlier: RawTrace, later: RawTrace) -> bool:
    """Say whether libmseed would have put the records of both into one trace."""
    if not (earlier.n_samples and later.n_samples and earlier.kind == later.kind):
        return False
    if not (earlier.sampling_rate_hz > 0 and later.sampling_rate_hz > 0):
        return False
    if abs(1 - earlier.sampling_rate_hz / later.sampling_rate_hz) >= 1e-4:
        return False
    interval_ns = NS_PER_S / later.sampling_rate_hz
    return abs(later.start_ns - earlier.last_ns - interval_ns) <= 0.5 * interval_ns


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


# --- traces of ObsPy ----------------------------------------------------------------------


def trace_from_obspy(trace: Trace) -> RawTrace:
    """Take what is needed out of a trace of ObsPy."""
    stats = trace.stats
    described = stats.get("mseed", {})
    return RawTrace(
        _channel(
            stats.network,
            stats.station,
            stats.location,
            stats.channel,
            _PUBLICATIONS.get(str(described.get("dataquality", "")), 0),
        ),
        int(stats.starttime.ns),
        int(stats.endtime.ns),
        float(stats.sampling_rate),
        int(stats.npts),
        0,
        trace.data.dtype.char if len(trace.data) else _NO_KIND,
        [np.ma.getdata(trace.data)] if len(trace.data) else None,
        described.get("encoding") == "ASCII",
    )


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
