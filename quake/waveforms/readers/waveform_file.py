"""Read spans and segments of miniSEED and SAC files, or of an ObsPy stream.

The format is found from the content. ObsPy's other formats are not tried, because one of them is
a pickle, which would run code from the file. ObsPy stops here: all else sees `Span` and `Segment`.
"""

from __future__ import annotations

import io
import logging
import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quake.errors import WaveformError
from quake.untrusted import refuse_special
from quake.waveforms.ids import ALIASES, ChannelSetId
from quake.waveforms.readers.compressed import (
    HEAD_BYTES,
    compression_of,
    fault_of_packed,
    unpacked,
    unpacked_head,
)
from quake.waveforms.readers.file_index import PIECE_BYTES, FileIndex, read_ranges, scan_records
from quake.waveforms.readers.mseed import (
    RawTrace,
    Selection,
    caught_warnings,
    first_line,
    trace_from_obspy,
)
from quake.waveforms.readers.record_headers import BLOCK_BYTES, header_starts
from quake.waveforms.segments import Segment, Span, duration_ns
from quake.waveforms.times import NS_PER_S, parse_time

if TYPE_CHECKING:
    from obspy import Stream, Trace

logger = logging.getLogger(__name__)

_ADVICE = "check the file, or leave it out"

_SAC_UNDEFINED = -12345.0
_SAC_BEGIN_AT = 5 * 4  # B
_SAC_VERSION_AT = 76 * 4  # NVHDR
_SAC_VERSIONS = (6, 7)
_SAC_TIME = ("nzyear", "nzjday", "nzhour", "nzmin", "nzsec", "nzmsec")
_SAC_TIME_SERIES = 1  # IFTYPE, of files without one too
_SAC_OTHERS = {2: "a spectrum", 3: "a spectrum", 51: "an image of three axes"}
_LONGEST_S = 1e9  # a record of thirty years

# No seismometer is slower or faster, but damaged headers are: they would ask for centuries, or for
# filters of gigabytes.
_SLOWEST_HZ, _FASTEST_HZ = 0.001, 100_000

# Nanoseconds since 1970 have 63 bits, in files of results too.
_FIRST_YEAR, _LAST_YEAR = 1678, 2261
_EARLIEST_NS = parse_time(f"{_FIRST_YEAR}-01-01")
_LATEST_NS = parse_time(f"{_LAST_YEAR + 1}-01-01")

_RECORD_TYPES = (b"D", b"R", b"Q", b"M", b"V")

# What digitisers of many makers call their logs, whatever the encoding.
_LOG_CHANNELS = {"LOG", "ACE", "OCF"}

# Samples in the wrong byte order differ by a quarter of 2^31 and more from one to the next.
_SWAP_SAMPLES = 100
_SWAP_LEAST = 2**30
_SWAP_RATIO = 256

# Clocks are followed where they are nearer to another sample.
_SLIP_SAMPLES = 0.501

# Where a damaged file is searched for a record.
_SEARCHED_BYTES = 1 << 16


def scan(path: str | Path) -> tuple[list[Span], list[str]]:
    """Read the headers of a file: what is in it and when, without its samples.

    Returns
    -------
    spans : list of Span
        One a trace that can be used.
    problems : list of str
        What is wrong with parts of the file whose other parts can be used; each one sentence.

    Raises
    ------
    WaveformError
        If the file is missing, unreadable, empty, neither miniSEED nor SAC, or holds no samples.
    """
    spans, problems, _ = scan_with_index(path)
    return spans, problems


class Remark(NamedTuple):
    """Something about a file that is no fault of it.

    Attributes
    ----------
    kind : str
        "text" and "empty": a channel of text, and one without samples. "control": headers of full
        SEED. "calibration": records that say that one is going on. "no_station": traces without a
        station's code. "drift": how far a channel's clock, as the headers have it, went away from
        counted samples, in all.
    name : str
        Channel, as in ``XX.STA..LOG``; empty if it is about the file.
    value : float
        Records, headers or traces; of a drift seconds.
    """

    kind: str
    name: str
    value: float


@dataclass(frozen=True)
class Contents:
    """What the headers of a file say.

    Attributes
    ----------
    spans : list of Span
        One a trace that can be used; none where all that it holds are texts and the like.
    problems : list of str
        What is wrong with parts of it; each one sentence.
    remarks : tuple of Remark
        What is in it beside, or is worth knowing.
    index : FileIndex or None
        Where in the file what is; None of a SAC file.
    """

    spans: list[Span]
    problems: list[str]
    remarks: tuple[Remark, ...] = ()
    index: FileIndex | None = None


def scan_with_index(path: str | Path) -> tuple[list[Span], list[str], FileIndex | None]:
    """Scan, and say where in the file what is, so that reading some hours of it is fast.

    Returns
    -------
    spans, problems : as of `scan`
    index : FileIndex, or None of a SAC file

    Raises
    ------
    WaveformError
        As `scan`.
    """
    contents = contents_of(path)
    if not contents.spans:
        names = ", ".join(remark.name for remark in contents.remarks if remark.name)
        what = f"but {names or 'control headers'}, which hold none"
        raise WaveformError(f"{path}: no samples in it, {what}; leave it out")
    return contents.spans, contents.problems, contents.index


def contents_of(path: str | Path) -> Contents:
    """Read the headers of a file, and tell what is normal from what is a fault.

    Raises
    ------
    WaveformError
        If it is missing, unreadable, empty, neither miniSEED nor SAC, or nothing of it can be
        used or explained.
    """
    path = Path(path)
    n_unread = n_control = n_calibrations = 0
    index = None
    with _opened(path) as (file, waveform_format):
        if waveform_format == "SAC":
            traces, complaints = _read_sac_traces(file, headonly=True)
        else:
            scanned = scan_records(file)
            traces, complaints = scanned.traces, scanned.complaints
            n_unread, n_control = scanned.n_unread, scanned.n_control_headers
            n_calibrations, index = scanned.n_calibrations, scanned.index
            if not traces and not complaints and not n_control:
                raise WaveformError(f"{path}: no complete record in it; {_ADVICE}")
    problems = _complaints(path, complaints)
    counts = (("control", n_control), ("calibration", n_calibrations))
    remarks = [Remark(kind, "", n) for kind, n in counts if n]
    spans = []
    for trace in traces:
        kind = _kind_beside_waveforms(trace) if index else ""
        if kind:
            remarks.append(Remark(kind, trace.channel.name, trace.n_records))
        elif fault := _fault(trace):
            problems.append(f"{path}, {trace.channel.name}: {fault}; the trace is left out")
        else:
            spans.append(_span(trace, str(path)))
            if trace.drifts:
                remarks.append(Remark("drift", trace.channel.name, trace.drift_ns / NS_PER_S))
    n_nameless = sum(not span.id.station for span in spans)
    if n_nameless:
        remarks.append(Remark("no_station", "", n_nameless))
    if not spans and (problems or not remarks):
        raise WaveformError("; ".join(problems) or f"{path}: no samples in it; {_ADVICE}")
    problems += _unread_bytes(path, n_unread, index.size if index else 0)
    return Contents(spans, problems, _summed(remarks), index)


def _summed(remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    """One remark a kind and channel."""
    values: dict[tuple[str, str], float] = {}
    for remark in remarks:
        key = remark.kind, remark.name
        values[key] = values.get(key, 0) + remark.value
    return tuple(Remark(kind, name, value) for (kind, name), value in sorted(values.items()))


def _kind_beside_waveforms(trace: RawTrace) -> str:
    """What a trace is that archives have beside waveforms; empty if it should be one of these."""
    name = trace.channel.name
    if not (name.isascii() and name.isprintable()):
        return ""
    if trace.n_samples < 1:
        return "empty"
    if not trace.sampling_rate_hz and name.rpartition(".")[2] in _LOG_CHANNELS:
        return "text"
    # Under the name of a component that is sampled, it is a fault.
    is_log = trace.is_text and (not trace.sampling_rate_hz or trace.channel.code not in ALIASES)
    return "text" if is_log else ""


def is_waveform_file(path: str | Path) -> bool:
    """Say from its first bytes whether a file is miniSEED or SAC, damaged or not.

    Raises
    ------
    WaveformError
        If it cannot be opened.
    """
    path = Path(path)
    try:
        refuse_special(path)
        with path.open("rb") as file:
            kind = compression_of(file.read(HEAD_BYTES))
            if not kind:
                _format(path, file)
                return True
            head = unpacked_head(path, file, kind, _SEARCHED_BYTES)
            # Of SAC the whole is looked at, unless the version in its header is none.
            if not _has_seed(head) and not _has_sac_version(head):
                return False
            with unpacked(path, file, kind) as packed:
                _format(path, packed)
    except (OSError, ValueError) as error:
        raise WaveformError(
            f"{path}: cannot be read ({_why(error)}); check its permissions"
        ) from error
    except WaveformError:
        return False
    return True


def packed_fault(path: str | Path) -> str:
    """Why a packed file has to be unpacked by hand, as a sentence; empty if it has not."""
    path = Path(path)
    try:
        refuse_special(path)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            kind = compression_of(head)
            fault = fault_of_packed(unpacked_head(path, file, kind, HEAD_BYTES) if kind else head)
    except WaveformError as error:
        return str(error)
    except OSError:
        return ""
    return f"{path}: {fault}" if fault else ""


def read_segments(
    path: str | Path,
    channel_set: ChannelSetId,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    index: FileIndex | None = None,
) -> tuple[list[Segment], list[str]]:
    """Read the samples of one channel set between two times.

    Parameters
    ----------
    path : miniSEED or SAC file
    channel_set : ChannelSetId
    start_ns, end_ns : int, optional
        Bounds in ns since the epoch; None reads from the beginning, or to the end.
    index : FileIndex, optional
        Of `scan_with_index`; without it, a large file is scanned first.

    Returns
    -------
    segments : list of Segment
        From the sample nearest to the start to the one nearest to the end.
    problems : list of str
        What the decoder complained of.

    Raises
    ------
    WaveformError
        If the file cannot be read (any more).
    """
    path = Path(path)
    selection = Selection(channel_set, start_ns, end_ns)
    with _opened(path) as (file, waveform_format):
        if waveform_format == "SAC":
            traces, complaints = _read_sac_traces(file)
        else:
            traces, complaints = read_ranges(file, _ranges(file, selection, index), selection)
    problems = _complaints(path, complaints)
    usable = []
    for trace in traces:
        # Headers do not tell of text where samples were expected.
        if trace.channel.id != channel_set or not trace.n_samples:
            continue
        if fault := _fault(trace):
            problems.append(f"{path}, {trace.channel.name}: {fault}; the trace is left out")
            continue
        usable.append(_turned(trace))
        if usable[-1] is not trace:
            problems.append(
                f"{path}, {trace.channel.name}: its samples are in another byte order than its "
                "headers say, and were turned; write the file again (ObsPy, dataselect)"
            )
    return _segments(usable, selection, str(path)), list(dict.fromkeys(problems))


def sac_p_ns(path: str | Path) -> int | None:
    """Arrival that a SAC file has in its header `a`, ns since the epoch; None if it has none.

    None also for files of another format, and for those that cannot be read.
    """
    try:
        with _opened(Path(path)) as (file, waveform_format), caught_warnings():
            if waveform_format != "SAC":
                return None
            stats = _read_sac(file, headonly=True)[0].stats
    except WaveformError:
        return None
    header = stats.get("sac", {})
    since_s = float(header.get("a", _SAC_UNDEFINED)) - float(header.get("b", 0.0))
    if header.get("a", _SAC_UNDEFINED) == _SAC_UNDEFINED or not abs(since_s) < _LONGEST_S:
        return None
    return int(stats.starttime.ns) + round(since_s * NS_PER_S)


def spans_from_stream(stream: Stream) -> list[Span]:
    """Describe the traces of an ObsPy stream, as `scan` does those of a file.

    Raises
    ------
    WaveformError
        If no trace can be used.
    """
    traces = [trace_from_obspy(trace) for trace in stream]
    faults = {trace.channel.name: _fault(trace) for trace in traces}
    spans = [_span(trace, "stream") for trace in traces if not _fault(trace)]
    if not spans:
        reasons = "; ".join(f"{key}: {fault}" for key, fault in faults.items() if fault)
        raise WaveformError(f"stream: no trace can be used ({reasons or 'it is empty'})")
    return spans


def segments_from_stream(stream: Stream, channel_set: ChannelSetId) -> list[Segment]:
    """Take the segments of one channel set out of an ObsPy stream; masked samples are gaps."""
    traces = [trace_from_obspy(piece) for trace in stream for piece in _unmasked(trace)]
    return _segments(map(_turned, traces), Selection(channel_set))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a file and find out its format; what goes wrong in the block is a WaveformError."""
    waveform_format = "waveform"
    try:
        refuse_special(path)
        with path.open("rb") as file, _plain(path, file) as plain:
            waveform_format = _format(path, plain)
            yield plain, waveform_format
    except WaveformError:
        raise
    except FileNotFoundError as error:
        raise WaveformError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise WaveformError(f"{path}: is a folder, a file was expected") from error
    except OSError as error:
        raise WaveformError(f"{path}: cannot be read ({_why(error)})") from error
    except Exception as error:  # ObsPy raises whatever its C library or NumPy made of the bytes
        raise WaveformError(
            f"{path}: damaged {waveform_format} data ({first_line(error)}); {_ADVICE}"
        ) from error


@contextmanager
def _plain(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    """The file itself, or what is in it if it is compressed."""
    kind = compression_of(file.read(HEAD_BYTES))
    if not kind:
        yield file
        return
    fault = fault_of_packed(unpacked_head(path, file, kind, HEAD_BYTES))
    if fault:
        raise WaveformError(f"{path}: {fault}")
    with unpacked(path, file, kind) as plain:
        yield plain


def _ranges(file: BinaryIO, selection: Selection, index: FileIndex | None) -> list[tuple[int, int]]:
    """Bytes of a miniSEED file, from and to, that have to be read."""
    size = file.seek(0, io.SEEK_END)
    if index is None and size <= PIECE_BYTES:
        return [(0, size)]
    if index is None or not index.fits(file):
        index = scan_records(file).index
    return index.ranges(selection)


def _complaints(path: Path, texts: list[str]) -> list[str]:
    """One sentence for all that was said while reading a file."""
    if not texts:
        return []
    others = f" (and {len(texts) - 1} more like it)" if texts[1:] else ""
    return [f"{path}: {texts[0]}{others}; {_ADVICE}"]


def _read_sac_traces(file: BinaryIO, headonly: bool = False) -> tuple[list[RawTrace], list[str]]:
    with caught_warnings() as complaints:
        traces = [
            trace_from_obspy(trace)._replace(fault=_sac_fault(trace.stats.sac))
            for trace in _read_sac(file, headonly)
        ]
    return traces, complaints


def _sac_fault(header: Mapping[str, Any]) -> str:
    """What makes a SAC file no record of known times; undefined values are missing, or -12345."""
    kind = int(header.get("iftype", _SAC_TIME_SERIES))
    if kind in _SAC_OTHERS:
        return f"holds {_SAC_OTHERS[kind]}, where a time series was expected"
    if not header.get("leven", True):
        return (
            "unevenly sampled (LEVEN is false), where even steps were expected; interpolate it "
            "(SAC: interpolate delta ...)"
        )
    undefined = [
        name for name in _SAC_TIME if header.get(name, _SAC_UNDEFINED) in (None, _SAC_UNDEFINED)
    ]
    if undefined:
        return (
            f"no reference time ({', '.join(undefined)} undefined), so that nobody knows when it "
            "was recorded; set it (SAC: chnhdr nzyear ...), or write miniSEED with times"
        )
    return ""


def _read_sac(file: BinaryIO, headonly: bool) -> Stream:
    from obspy.io.sac import core

    file.seek(0)
    fault = _sac_number_fault(file.read(_SAC_VERSION_AT + 4))
    if fault:
        raise ValueError(fault)
    file.seek(0)
    return core._read_sac(file, headonly=headonly)


def _sac_number_fault(head: bytes) -> str:
    """What is wrong with the step and the begin of a SAC header; empty if nothing is."""
    if not _has_sac_version(head):
        return ""
    version = int.from_bytes(head[_SAC_VERSION_AT : _SAC_VERSION_AT + 4], "little")
    order = "<" if version in _SAC_VERSIONS else ">"
    (step_s,), (begin_s,) = (struct.unpack_from(f"{order}f", head, at) for at in (0, _SAC_BEGIN_AT))
    if not 0 < step_s < math.inf:
        return f"its step DELTA is {step_s:g} s, one above 0 was expected"
    if not math.isfinite(begin_s):
        return f"its begin B is {begin_s:g}, seconds from the reference time were expected"
    return ""


def _format(path: Path, file: BinaryIO) -> str:
    """Find out from the content whether a file is miniSEED or SAC.

    Raises
    ------
    WaveformError
        If it is neither; the message tells an empty file from a foreign one.
    """
    size = file.seek(0, io.SEEK_END)
    if size == 0:
        raise WaveformError(f"{path}: empty file (0 bytes); {_ADVICE}")
    file.seek(0)
    head = file.read(_SEARCHED_BYTES)
    if _begins_like_seed(head) or head.startswith(b"MS\x03"):
        return "MSEED"
    if _is_sac(file):
        return "SAC"
    fault = fault_of_packed(head)
    if fault:
        raise WaveformError(f"{path}: {fault}")
    if _has_header(head):  # a damaged first record
        return "MSEED"
    if len(head) > _SAC_VERSION_AT + 4 and (fault := _sac_number_fault(head)):
        raise WaveformError(f"{path}: damaged SAC data ({fault}); {_ADVICE}")
    raise WaveformError(
        f"{path}: neither miniSEED nor SAC ({size} bytes, beginning with {head[:8]!r}); {_ADVICE}"
    )


def _has_header(head: bytes) -> bool:
    return len(header_starts(np.frombuffer(head, np.int8))) > 0


def _has_seed(head: bytes) -> bool:
    return bool(head) and (_begins_like_seed(head) or _has_header(head))


def _has_sac_version(head: bytes) -> bool:
    """Whether the header has the version that SAC files have, in either byte order."""
    version = head[_SAC_VERSION_AT : _SAC_VERSION_AT + 4]
    numbers = {int.from_bytes(version, "little"), int.from_bytes(version, "big")}
    return not numbers.isdisjoint(_SAC_VERSIONS)


def _begins_like_seed(head: bytes) -> bool:
    """Whether the first block that is not blank has a sequence number and a type of records.

    Records of data are of the types D, R, Q and M; a volume of full SEED begins with V.
    """
    at = next((n for n in range(0, len(head), BLOCK_BYTES) if head[n : n + BLOCK_BYTES].strip()), 0)
    sequence = head[at : at + 6].replace(b"\0", b" ").strip()
    return (not sequence or sequence.isdigit()) and head[at + 6 : at + 7] in _RECORD_TYPES


def _is_sac(file: BinaryIO) -> bool:
    from obspy.io.sac.core import _is_sac

    file.seek(0)
    return bool(_is_sac(file))


def _fault(trace: RawTrace) -> str:
    """Say why a trace cannot be used, or return an empty string."""
    rate_hz = trace.sampling_rate_hz
    if trace.fault:
        return trace.fault
    if trace.n_samples < 1:
        return "no samples"
    if not _SLOWEST_HZ <= rate_hz <= _FASTEST_HZ:
        return (
            f"sampling rate {rate_hz:g} Hz, one from {_SLOWEST_HZ:g} to {_FASTEST_HZ:g} Hz was "
            "expected"
        )
    end_ns = trace.start_ns + duration_ns(trace.n_samples, rate_hz)
    if trace.start_ns < _EARLIEST_NS or end_ns >= _LATEST_NS:
        return f"times before {_FIRST_YEAR} or after {_LAST_YEAR}"
    name = trace.channel.name
    if not (name.isascii() and name.isprintable()):  # others steer the terminal that shows them
        return "characters in its codes that are not printable ASCII, which no station has"
    if not trace.channel.code:
        return _why_no_code(name)
    if trace.samples and trace.samples[0].dtype.kind not in "iuf":
        return "text, not samples"
    return ""


def _why_no_code(name: str) -> str:
    if "." in name:
        return "no channel code, so its component is unknown"
    return "its identifier is none of FDSN, as in FDSN:XX_STA__H_H_Z"


def _unread_bytes(path: Path, n_unread: int, size: int) -> list[str]:
    if not n_unread:
        return []
    return [
        f"{path}: truncated or damaged, {n_unread} of {size} bytes could not be read; the "
        "rest is used; fetch the file again"
    ]


def _span(trace: RawTrace, source: str) -> Span:
    return Span(
        id=trace.channel.id,
        code=trace.channel.code,
        start_ns=trace.start_ns,
        end_ns=trace.start_ns
        + duration_ns(trace.n_samples, trace.sampling_rate_hz)
        + (trace.drift_ns if trace.drifts else 0),
        sampling_rate_hz=trace.sampling_rate_hz,
        source=source,
    )


def _unmasked(trace: Trace) -> Iterable[Trace]:
    return trace.split() if np.ma.is_masked(trace.data) else [trace]


def _segments(traces: Iterable[RawTrace], selection: Selection, source: str = "") -> list[Segment]:
    """Samples of the channel set, cut to the bounds."""
    return [
        segment
        for trace in traces
        if trace.channel.id == selection.channel_set and trace.samples and not _fault(trace)
        for segment in _trimmed(trace, selection, source)
    ]


def _trimmed(trace: RawTrace, selection: Selection, source: str) -> Iterator[Segment]:
    """Cut off what lies outside; of a bound between two samples the nearer one is taken."""
    if not trace.samples:
        return
    rate_hz, start_ns = trace.sampling_rate_hz, trace.start_ns
    samples = trace.samples[0] if len(trace.samples) == 1 else np.concatenate(trace.samples)
    samples = _followed(samples, trace)
    first, stop = 0, len(samples)
    # From the end, as ObsPy does: it decides which of two samples that are as near is taken.
    if selection.end_ns is not None:
        last_ns = start_ns + round((len(samples) - 1) / rate_hz * NS_PER_S)
        stop += min(_nearest_sample(selection.end_ns - last_ns, rate_hz), 0)
    if selection.start_ns is not None:
        first = max(_nearest_sample(selection.start_ns - start_ns, rate_hz), 0)
        start_ns += round(first / rate_hz * NS_PER_S)
    if first >= stop:
        return
    yield Segment(trace.channel.code, start_ns, rate_hz, _quiet(samples[first:stop]), source)


def _turned(trace: RawTrace) -> RawTrace:
    """The trace itself, or with samples in the other byte order, if only there they are smooth."""
    samples = trace.samples or ()
    if not any(map(_is_swapped, samples)):
        return trace
    return trace._replace(samples=[np.concatenate(samples).byteswap()])


def _is_swapped(samples: NDArray[Any]) -> bool:
    """Whether samples are smooth in the other byte order only.

    Then the values of a header's byte order are spread over all of 32 bits, as no digitiser's are.
    """
    if samples.dtype != np.int32 or len(samples) < _SWAP_SAMPLES:
        return False
    if max(int(samples.max()), -int(samples.min())) < _SWAP_LEAST:
        return False
    steps, turned = (
        float(np.median(np.abs(np.diff(values.astype(np.float64)))))
        for values in (samples, samples.byteswap())
    )
    return steps > _SWAP_LEAST / 4 and turned < steps / _SWAP_RATIO


def _followed(samples: NDArray[Any], trace: RawTrace) -> NDArray[Any]:
    """Samples at the times that the headers of the records have, to one sample.

    Where a clock has drifted by more than half a sample since the last time, the sample before a
    record is left out, or one is put there, on the line between its neighbours.
    """
    pieces, taken, shift = [], 0, 0
    for at, time_ns in trace.anchors:
        counted = (time_ns - trace.start_ns) * trace.sampling_rate_hz / NS_PER_S
        slip = counted - at - shift
        if abs(slip) <= _SLIP_SAMPLES:
            continue
        n_samples = max(round(slip), taken - at)
        pieces.append(samples[taken : at + min(n_samples, 0)])
        if n_samples > 0:
            pieces.append(_between(samples[at - 1], samples[at], n_samples))
        taken, shift = at, shift + n_samples
    return np.concatenate([*pieces, samples[taken:]]) if pieces else samples


def _between(before: Any, after: Any, n_samples: int) -> NDArray[Any]:
    """Samples on a straight line, in the type of the record."""
    line = np.linspace(float(before), float(after), n_samples + 2)[1:-1]
    kind = np.asarray(before).dtype
    return (np.rint(line) if kind.kind in "iu" else line).astype(kind)


def _quiet(samples: NDArray[Any]) -> NDArray[Any]:
    """Samples whose NaNs are quiet: of signalling ones NumPy warns wherever they are copied."""
    if samples.dtype.kind == "f" and (lost := np.isnan(samples)).any():
        samples = samples.copy()
        samples[lost] = np.nan
    return samples


def _nearest_sample(offset_ns: int, rate_hz: float) -> int:
    """Round half away from zero, times to microseconds, as ObsPy does."""
    position = round(offset_ns / NS_PER_S, 6) * rate_hz
    return int(math.copysign(math.floor(abs(position) + 0.5), position))


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or first_line(error)
