"""Read miniSEED and SAC through ObsPy: a path or a stream in, spans and segments out.

The format is found from the content. ObsPy's other formats are not tried, because one of them is
a pickle, which would run code from the file. ObsPy stops here: all else sees `Span` and `Segment`.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from quake.data.waveform import NS_PER_S, ChannelSetId, Segment, Span, duration_ns, split_channel
from quake.errors import WaveformError

if TYPE_CHECKING:
    from obspy import Stream, Trace

logger = logging.getLogger(__name__)

_ADVICE = "check the file, or leave it out"

_SKIPPED_BYTES = re.compile("Will skip bytes|Record will be skipped")

# Of good SAC files too: 62.5 Hz is 0.016 s, which float32 misses by a nanosecond.
_HARMLESS = "Sample spacing read from SAC file"

# No seismometer is slower or faster, but damaged headers are: they would ask for centuries.
_SAC_UNDEFINED = -12345.0

_SLOWEST_HZ, _FASTEST_HZ = 0.001, 100_000


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
    path = Path(path)
    stream, problems = _read(path, headonly=True)
    spans = []
    for trace in stream:
        fault = _fault(trace)
        if fault:
            problems.append(f"{path}, {trace.id}: {fault}; the trace is left out")
        else:
            spans.append(_span(trace, str(path)))
    if not spans:
        raise WaveformError("; ".join(problems) or f"{path}: no samples in it; {_ADVICE}")
    return spans, problems + _unread_bytes(path, stream)


def is_waveform_file(path: str | Path) -> bool:
    """Say from its first bytes whether a file is miniSEED or SAC, damaged or not.

    Raises
    ------
    WaveformError
        If it cannot be opened.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            _format(path, file)
    except OSError as error:
        raise WaveformError(
            f"{path}: cannot be read ({error.strerror or error}); check its permissions"
        ) from error
    except WaveformError:
        return False
    return True


def read_segments(
    path: str | Path,
    channel_set: ChannelSetId,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> tuple[list[Segment], list[str]]:
    """Read the samples of one channel set between two times.

    Parameters
    ----------
    path : miniSEED or SAC file
    channel_set : ChannelSetId
    start_ns, end_ns : int, optional
        Bounds in ns since the epoch; None reads from the beginning, or to the end.

    Returns
    -------
    segments : list of Segment
    problems : list of str
        What the decoder complained of.

    Raises
    ------
    WaveformError
        If the file cannot be read (any more).
    """
    path = Path(path)
    stream, problems = _read(path, start_ns=start_ns, end_ns=end_ns)
    return segments_from_stream(stream, channel_set), problems


def sac_p_ns(path: str | Path) -> int | None:
    """Arrival that a SAC file has in its header `a`, ns since the epoch; None if it has none.

    None also for files of another format, and for those that cannot be read.
    """
    try:
        stream, _ = _read(Path(path), headonly=True)
    except WaveformError:
        return None
    if not stream:
        return None
    stats = stream[0].stats
    header = stats.get("sac", {})
    if header.get("a", _SAC_UNDEFINED) == _SAC_UNDEFINED:
        return None
    return int(stats.starttime.ns) + round(float(header["a"] - header["b"]) * NS_PER_S)


def spans_from_stream(stream: Stream) -> list[Span]:
    """Describe the traces of an ObsPy stream, as `scan` does those of a file.

    Raises
    ------
    WaveformError
        If no trace can be used.
    """
    faults = {trace.id: _fault(trace) for trace in stream}
    spans = [_span(trace, "stream") for trace in stream if not _fault(trace)]
    if not spans:
        reasons = "; ".join(f"{key}: {fault}" for key, fault in faults.items() if fault)
        raise WaveformError(f"stream: no trace can be used ({reasons or 'it is empty'})")
    return spans


def segments_from_stream(stream: Stream, channel_set: ChannelSetId) -> list[Segment]:
    """Take the segments of one channel set out of an ObsPy stream; masked samples are gaps."""
    return [
        segment
        for trace in stream
        if not _fault(trace) and _channel_set(trace) == channel_set
        for segment in _segments(trace)
    ]


def _read(
    path: Path,
    *,
    headonly: bool = False,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> tuple[Stream, list[str]]:
    """Read a file with ObsPy, its exceptions as WaveformError and its warnings as problems."""
    try:
        with path.open("rb") as file, _obspy_warnings() as caught:
            waveform_format = _format(path, file)
            stream = _obspy_read(file, waveform_format, headonly, start_ns, end_ns)
    except WaveformError:
        raise
    except FileNotFoundError as error:
        raise WaveformError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise WaveformError(f"{path}: is a folder, a file was expected") from error
    except OSError as error:
        reason = error.strerror or _first_line(error)
        raise WaveformError(f"{path}: cannot be read ({reason})") from error
    except Exception as error:  # ObsPy raises whatever its C library or NumPy made of the bytes
        raise WaveformError(
            f"{path}: damaged {waveform_format} data ({_reason(error)}); {_ADVICE}"
        ) from error
    return stream, _complaints(path, caught)


def _complaints(path: Path, texts: list[str]) -> list[str]:
    """One sentence for all that ObsPy said while reading a file."""
    # Skipped bytes are said once, with their number, by `_unread_bytes`.
    texts = [text for text in texts if not _SKIPPED_BYTES.search(text)]
    if not texts:
        return []
    others = f" (and {len(texts) - 1} more like it)" if texts[1:] else ""
    return [f"{path}: {texts[0]}{others}; {_ADVICE}"]


def _obspy_read(
    file: BinaryIO, waveform_format: str, headonly: bool, start_ns: int | None, end_ns: int | None
) -> Stream:
    """Call ObsPy's reader of the format.

    Of miniSEED only records that reach into the bounds are decoded. Its bytes are given as an
    array: ObsPy would copy a file object twice, and map a named file, where libmseed's reading
    past the end of damaged records ends the process.
    """
    from obspy import UTCDateTime

    start = None if start_ns is None else UTCDateTime(ns=start_ns)
    end = None if end_ns is None else UTCDateTime(ns=end_ns)
    if waveform_format == "SAC":
        from obspy.io.sac.core import _read_sac

        stream = _read_sac(file, headonly=headonly)
    else:
        from obspy.io.mseed.core import _read_mseed

        data = np.fromfile(file, np.int8)
        stream = _read_mseed(data, starttime=start, endtime=end, headonly=headonly)
    return stream if start is None and end is None else stream.trim(start, end)


@contextmanager
def _obspy_warnings() -> Iterator[list[str]]:
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
            _first_line(w.message)
            for w in caught
            if not issubclass(w.category, DeprecationWarning | FutureWarning)
            and not str(w.message).startswith(_HARMLESS)
        )
    )


def _format(path: Path, file: BinaryIO) -> str:
    """Find out from the content whether a file is miniSEED or SAC.

    Raises
    ------
    WaveformError
        If it is neither; the message tells an empty file from a foreign one.
    """
    from obspy.io.mseed.core import _is_mseed
    from obspy.io.sac.core import _is_sac

    size = file.seek(0, io.SEEK_END)
    if size == 0:
        raise WaveformError(f"{path}: empty file (0 bytes); {_ADVICE}")
    for name, test in (("MSEED", _is_mseed), ("SAC", _is_sac)):
        file.seek(0)
        try:
            found = test(file)
        except Exception:  # a test that stumbles over the bytes does not recognise them
            found = False
        if found:
            file.seek(0)
            return name
    file.seek(0)
    head = file.read(8)
    if head.startswith(b"MS\x03"):
        raise WaveformError(
            f"{path}: miniSEED 3, which ObsPy does not read; convert it to miniSEED 2"
        )
    raise WaveformError(
        f"{path}: neither miniSEED nor SAC ({size} bytes, beginning with {head!r}); {_ADVICE}"
    )


def _fault(trace: Trace) -> str:
    """Say why a trace cannot be used, or return an empty string."""
    rate_hz = trace.stats.sampling_rate
    if trace.stats.npts < 1:
        return "no samples"
    if not _SLOWEST_HZ <= rate_hz <= _FASTEST_HZ:
        return (
            f"sampling rate {rate_hz:g} Hz, one from {_SLOWEST_HZ:g} to {_FASTEST_HZ:g} Hz was "
            "expected"
        )
    if not trace.stats.channel:
        return "no channel code, so its component is unknown"
    if len(trace.data) and not np.issubdtype(trace.data.dtype, np.number):
        return "text, not samples"
    return ""


def _unread_bytes(path: Path, stream: Stream) -> list[str]:
    """Compare a miniSEED file's size with the size of the records that were read from it."""
    described = [trace.stats.mseed for trace in stream if "mseed" in trace.stats]
    if len(described) < len(stream) or not described:
        return []
    n_read = sum(m.number_of_records * m.record_length for m in described)
    n_unread = path.stat().st_size - n_read
    if n_unread <= 0:
        return []
    return [
        f"{path}: truncated or damaged, {n_unread} of {n_unread + n_read} bytes could not be "
        "read; the rest is used; fetch the file again"
    ]


def _channel_set(trace: Trace) -> ChannelSetId:
    stats = trace.stats
    band_instrument, _ = split_channel(stats.channel)
    return ChannelSetId(stats.network, stats.station, stats.location, band_instrument)


def _span(trace: Trace, source: str) -> Span:
    stats = trace.stats
    start_ns = int(stats.starttime.ns)
    return Span(
        id=_channel_set(trace),
        code=split_channel(stats.channel)[1],
        start_ns=start_ns,
        end_ns=start_ns + duration_ns(stats.npts, stats.sampling_rate),
        sampling_rate_hz=float(stats.sampling_rate),
        source=source,
    )


def _segments(trace: Trace) -> Iterator[Segment]:
    pieces: Iterable[Trace] = trace.split() if np.ma.is_masked(trace.data) else [trace]
    for piece in pieces:
        yield Segment(
            code=split_channel(piece.stats.channel)[1],
            start_ns=int(piece.stats.starttime.ns),
            sampling_rate_hz=float(piece.stats.sampling_rate),
            samples=np.ma.getdata(piece.data),
        )


def _reason(error: Exception) -> str:
    text = _first_line(error)
    # What ObsPy says when libmseed finds nothing to decode in a stream.
    return "no complete record in it" if text.startswith("Cannot open file") else text


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
