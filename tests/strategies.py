"""Builders of synthetic records, and Hypothesis strategies that draw how they are cut."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from obspy import Stream, Trace, UTCDateTime
from obspy.core.inventory import Channel, Inventory, Network, Station
from pymseed import DataEncoding, MS3TraceList, nslc2sourceid

from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.segments import ChannelSet, Segment, duration_ns
from quake.waveforms.times import NS_PER_S, parse_time

START_NS = parse_time("2021-03-04T05:06:00Z")
ID = ChannelSetId("XX", "STA", "", "HH")

# The schema of docs/output.md, in its order.
FIELDS = [
    "id",
    "start",
    "end",
    "label",
    "status",
    "probabilities",
    "coverage",
    "components",
    "sampling_rate_hz",
    "flags",
    "model",
]


def noise(n_samples, seed=0, n_rows=3):
    """Float64 noise of a few thousand counts, (n_rows, n_samples)."""
    return 1000 * np.random.default_rng(seed).standard_normal((n_rows, n_samples))


def sine(frequency_hz, n_samples, rate_hz, offset_s=0.0):
    return np.sin(2 * np.pi * frequency_hz * (np.arange(n_samples) / rate_hz + offset_s))


def segment(samples, start_ns=0, rate_hz=100.0, code="Z"):
    return Segment(code, start_ns, rate_hz, np.asarray(samples))


def channel_set(*, rotation=None, key=ID, **components):
    """Channel set of arrays, segments or lists of segments, by component."""
    return ChannelSet(key, {c: _segments(value, c) for c, value in components.items()}, rotation)


def _segments(value, component):
    if isinstance(value, list):
        return value
    return [value if isinstance(value, Segment) else segment(value, code=component)]


def trace(samples, channel="HHZ", start_ns=START_NS, rate_hz=100.0, station="STA", location=""):
    header = {
        "network": "XX",
        "station": station,
        "location": location,
        "channel": channel,
        "sampling_rate": rate_hz,
        "starttime": UTCDateTime(ns=start_ns),
    }
    return Trace(np.asanyarray(samples), header)


def stream(rows, codes=COMPONENTS, band_instrument="HH", **kwargs):
    """One trace a row."""
    return Stream(
        [trace(row, band_instrument + c, **kwargs) for row, c in zip(rows, codes, strict=True)]
    )


def write(path, traces, **kwargs):
    """Write miniSEED, or the ``format`` given, and return the path."""
    options = {"format": "MSEED", **kwargs}
    if isinstance(traces, Trace):
        traces = Stream([traces])
    traces.write(str(path), **options)
    return path


def write_3(path, traces, encoding="STEIM2", reclen=512, identifier=""):
    """Write miniSEED 3, and return the path; times of the traces may have nanoseconds."""
    written = MS3TraceList()
    for one in [traces] if isinstance(traces, Trace) else traces:
        stats = one.stats
        codes = stats.network, stats.station, stats.location, stats.channel
        kind = {"i": "i", "f": "f" if one.data.dtype == np.float32 else "d"}[one.data.dtype.kind]
        written.add_data(
            identifier or nslc2sourceid(*codes),
            one.data,
            kind,
            stats.sampling_rate,
            starttime=stats.starttime.ns,
        )
    written.to_file(
        path,
        overwrite=True,
        max_record_length=reclen,
        encoding=DataEncoding[encoding],
        format_version=3,
    )
    return path


def cut_trace(whole, cuts):
    """Pieces of a trace between sample indices."""
    bounds = [0, *sorted(set(cuts)), len(whole.data)]
    rate_hz = whole.stats.sampling_rate
    return [
        trace(
            whole.data[a:b],
            whole.stats.channel,
            whole.stats.starttime.ns + duration_ns(a, rate_hz),
            rate_hz,
            whole.stats.station,
        )
        for a, b in pairwise(bounds)
    ]


def cuts(n_samples, max_size=4):
    """Sample indices at which a record of `n_samples` is cut."""
    return st.lists(st.integers(1, n_samples - 1), unique=True, max_size=max_size)


@st.composite
def covering_pieces(draw, n_samples=60):
    """Segments of one random array that cover it and may overlap, in any order; the array."""
    values = np.array(draw(st.lists(st.integers(-9, 9), min_size=n_samples, max_size=n_samples)))
    bounds = [0, *sorted(draw(cuts(n_samples))), n_samples]
    reach = draw(st.integers(0, 10))
    pieces = [
        segment(values[max(a - reach, 0) : b], max(a - reach, 0) * NS_PER_S // 100)
        for a, b in pairwise(bounds)
    ]
    return draw(st.permutations(pieces)), values


@st.composite
def any_pieces(draw):
    """Segments that may touch, overlap, agree or contradict each other."""
    piece = st.builds(
        lambda start, values: segment(values, start * NS_PER_S // 100),
        st.integers(0, 30),
        st.lists(st.integers(0, 1), min_size=1, max_size=12),
    )
    return draw(st.lists(piece, min_size=1, max_size=6))


def write_station_xml(path):
    """Write an inventory whose HH1 points to 30 degrees and whose HH2 points to 120."""

    def channel(code, azimuth, dip):
        return Channel(
            code, "", 0, 0, 0, 0, azimuth, dip, start_date=UTCDateTime(ns=START_NS), sample_rate=100
        )

    channels = [channel("HHZ", 0, -90), channel("HH1", 30, 0), channel("HH2", 120, 0)]
    channels.append(channel("HNZ", None, None))
    station = Station("STA", 0, 0, 0, channels=channels)
    Inventory([Network("XX", stations=[station])], source="test").write(str(path), "STATIONXML")
    return path
