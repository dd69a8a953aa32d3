"""Write probabilities as miniSEED traces, one a class; see docs/output.md."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from quake.errors import ParameterError, WaveformError
from quake.events.event import parse_channel_set
from quake.inference.records import WindowRecord
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.times import NS_PER_S, parse_time

if TYPE_CHECKING:
    from obspy import Trace

# Third characters that SEED gives to components of data: vertical and horizontal, the axes of
# three tilted sensors, beams, and what data are rotated to.
_OF_DATA = frozenset("ZNEABCTRUVW123")

_DIGITS = "4567890"

# Lengths of the codes in the header of a miniSEED 2 record.
_LENGTHS = {"network": 2, "station": 5, "location": 2, "channel": 3}

_RECORD_BYTES = 4096

# A rate is stored as a ratio of two 16-bit numbers; libmseed does not find the very largest ones.
_LARGEST = 32766

# Times in records are rounded to microseconds, those in miniSEED too.
_ROUNDING_NS = 500
_NS_PER_US = 1000
_NS_PER_DAY = 86_400 * NS_PER_S
_LONG_AGO_NS = -(1 << 63)

_ON_THE_GRID = "D"


class WindowSample(NamedTuple):
    """The place of a window: its number on the grid, or None; the time of its middle, ns."""

    number: int | None
    time_ns: int
    record: WindowRecord


@dataclass(frozen=True)
class _Run:
    """Windows that follow each other; `quality` is the data quality indicator of the records."""

    samples: list[WindowSample]
    quality: str


def class_codes(classes: Sequence[str]) -> dict[str, str]:
    """Character that stands for each class at the end of a channel code.

    It is the first letter of the name that neither names a component of data nor stands for an
    earlier class; where there is none, a digit.

    Parameters
    ----------
    classes : names, in the order of the model

    Raises
    ------
    ParameterError
        If there are more classes than characters.

    Examples
    --------
    >>> class_codes(["earthquake", "surface_event", "noise"])
    {'earthquake': 'H', 'surface_event': 'S', 'noise': 'O'}
    """
    codes: dict[str, str] = {}
    for name in classes:
        letters = (c for c in name.upper() if c.isascii() and c.isalpha() and c not in _OF_DATA)
        free = (c for c in (*letters, *_DIGITS) if c not in codes.values())
        code = next(free, None)
        if code is None:
            raise ParameterError(
                f"class {name!r}: no character is left for it in the channel codes of miniSEED, "
                f"which {', '.join(codes)} have taken; use another format"
            )
        codes[name] = code
    return codes


def sampling_rate_hz(hop_ns: int) -> float:
    """Sampling rate of the traces; miniSEED 2 can store it exactly.

    Parameters
    ----------
    hop_ns : int
        Step of the windows' grid.

    Raises
    ------
    ParameterError
        If it cannot: times would be wrong by milliseconds at the end of a day.

    Examples
    --------
    >>> sampling_rate_hz(7_500_000_000)
    0.13333333333333333
    """
    hop_s = Fraction(hop_ns, NS_PER_S)
    if hop_ns < 1 or max(hop_s.numerator, hop_s.denominator) > _LARGEST:
        raise ParameterError(
            f"a step of {hop_ns / NS_PER_S:.9g} s between windows cannot be written to miniSEED "
            "exactly; take an overlap that makes it a multiple of 0.01 s, or another format"
        )
    return NS_PER_S / hop_ns


def write_probability_traces(
    file: BinaryIO, records: Iterable[WindowRecord], classes: Sequence[str], hop_ns: int
) -> None:
    """Write the probabilities of windows as traces that lie beside the data.

    Each class has a channel, whose code is the band and instrument code of the data and the
    class' character of `class_codes`. A sample belongs to the middle of its window. Windows
    without probabilities are gaps. The same records give the same bytes.

    A window that does not start on the grid is a trace of one sample. Readers join records whose
    times fit within half a sampling interval, and would move such a sample by as much; its
    records have another data quality indicator (R, Q or M) than those on the grid (D), so that
    ObsPy keeps them apart.

    Parameters
    ----------
    file : binary file
        Stays open.
    records : iterable of WindowRecord
        One channel set after the other, each by time. Those of one channel set and day are in
        memory at a time.
    classes : names, in the order of the model
    hop_ns : int
        Step of the windows' grid.

    Raises
    ------
    ParameterError
        If there are too many classes, or the step cannot be written exactly.
    WaveformError
        If a code is longer than miniSEED 2 allows.
    """
    codes = class_codes(classes)
    rate_hz = sampling_rate_hz(hop_ns)
    for (text, day), some in groupby(samples_of(records, hop_ns), _group):
        samples = [sample for sample in some if sample.record.probabilities]
        if not samples:
            continue
        runs = [_Run(some, _ON_THE_GRID) for some in runs_on_grid(samples)]
        runs += _alone(samples, day, hop_ns)
        traces = []
        for name, code in codes.items():
            header = {**_codes(parse_channel_set(text), code), "sampling_rate": rate_hz}
            traces += [_trace(run, name, header) for run in runs]
        file.write(_packed(traces))


def samples_of(records: Iterable[WindowRecord], hop_ns: int) -> Iterator[WindowSample]:
    """Say of each window where on the grid it is, and when its middle is.

    Parameters
    ----------
    records : iterable of WindowRecord
    hop_ns : int
        Step of the windows' grid.
    """
    for record in records:
        start_ns, end_ns = parse_time(record.start), parse_time(record.end)
        number = (start_ns + hop_ns // 2) // hop_ns
        is_on_grid = abs(start_ns - number * hop_ns) <= _ROUNDING_NS
        yield WindowSample(number if is_on_grid else None, (start_ns + end_ns) // 2, record)


def _group(sample: WindowSample) -> tuple[str, int]:
    return sample.record.id, parse_time(sample.record.start) // _NS_PER_DAY


def runs_on_grid(samples: Iterable[WindowSample]) -> list[list[WindowSample]]:
    """Windows on the grid, those together that have no gap between them.

    Parameters
    ----------
    samples : iterable of WindowSample
        Of one channel set, by time; those off the grid are left out.
    """
    runs: list[list[WindowSample]] = []
    last: int | None = None
    for sample in samples:
        if sample.number is None:
            continue
        if last is None or sample.number != last + 1:
            runs.append([])
        runs[-1].append(sample)
        last = sample.number
    return runs


def _alone(samples: Sequence[WindowSample], day: int, hop_ns: int) -> list[_Run]:
    """Windows off the grid, each with another quality than those within two steps of it.

    The quality that comes first is another one on the next day, which may be written by itself.
    """
    runs: list[_Run] = []
    last_ns = dict.fromkeys("MQR" if day % 2 else "RQM", _LONG_AGO_NS)
    for sample in samples:
        if sample.number is None:
            quality = max(last_ns, key=lambda q: min(sample.time_ns - last_ns[q], 2 * hop_ns))
            last_ns[quality] = sample.time_ns
            runs.append(_Run([sample], quality))
    return runs


def _codes(channel_set: ChannelSetId, code: str) -> dict[str, str]:
    codes = {
        "network": channel_set.network,
        "station": channel_set.station,
        "location": channel_set.location,
        "channel": channel_set.band_instrument + code,
    }
    for name, length in _LENGTHS.items():
        text = codes[name]
        if len(text) > length or not (text.isascii() and text.isprintable()):
            raise WaveformError(
                f"{channel_set}: {name} {text!r} cannot be written to miniSEED, which takes up to "
                f"{length} ASCII characters; leave the channel set out, or use another format"
            )
    return codes


def _trace(run: _Run, name: str, header: Mapping[str, object]) -> Trace:
    from obspy import Trace, UTCDateTime

    values = [sample.record.probabilities[name] for sample in run.samples]
    start_ns = run.samples[0].time_ns // _NS_PER_US * _NS_PER_US
    stats = {**header, "starttime": UTCDateTime(ns=start_ns), "mseed": {"dataquality": run.quality}}
    return Trace(np.array(values, np.float32), stats)


def _packed(traces: list[Trace]) -> bytes:
    """Records in memory: errors of the file would get lost in what libmseed calls back."""
    from obspy import Stream

    packed = io.BytesIO()
    Stream(traces).write(
        packed, format="MSEED", encoding="FLOAT32", reclen=_RECORD_BYTES, byteorder=">"
    )
    return packed.getvalue()
