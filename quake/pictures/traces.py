"""Read what is drawn of each component between two times.

Samples are read block by block, and what is kept of them does not grow with the record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quake.pictures.envelope import Envelope, is_possible
from quake.pictures.excerpt import read_excerpt
from quake.pictures.spectrogram import Spectrogram
from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.intervals import Interval, union, without
from quake.waveforms.joining import true_runs
from quake.waveforms.segments import ChannelSet, Segment, Span, component_map
from quake.waveforms.sources import Source
from quake.waveforms.times import NS_PER_S

Floats = NDArray[np.float64]

# Samples of a component that are in memory at a time.
_BLOCK_SAMPLES = 1_080_000

# Whatever a header says of the rate.
_SHORTEST_BLOCK_S = 60.0

# Up to so many samples a column, they are drawn themselves.
_SAMPLES_PER_COLUMN = 3

# Of a segment, to find out whether it has counts or physical units.
_LOOKED_AT = 1000


@dataclass
class Trace:
    """What is drawn of one component.

    Attributes
    ----------
    component : "Z", "N" or "E"
    start_ns, end_ns : int
        Of the picture, ns since the epoch.
    envelope : Envelope
    samples : list of Segment, or None
        None where there are too many of them to be drawn one by one.
    channels : set of str
        Codes it was recorded with.
    is_whole : bool
        Whether all samples are whole numbers, as those of digitisers are.
    """

    component: str
    start_ns: int
    end_ns: int
    envelope: Envelope
    samples: list[Segment] | None
    channels: set[str] = field(default_factory=set)
    is_whole: bool = True
    _recorded: list[Interval] = field(default_factory=list)
    _shortest_ns: int = 0

    def add(self, segment: Segment, band_instrument: str) -> None:
        """Take in a segment."""
        self.envelope.add(segment)
        if self.samples is not None:
            self.samples.append(segment)
        self.channels.add(band_instrument + segment.code)
        self.is_whole &= _is_whole(segment.samples)
        step_ns = NS_PER_S / segment.sampling_rate_hz
        self._shortest_ns = max(self._shortest_ns, round(1.5 * step_ns))
        self._recorded.append((segment.start_ns, segment.end_ns))

    @property
    def unit(self) -> str:
        """Of the samples: whole numbers are counts, of others nobody knows."""
        return "counts" if self.is_whole else "file units"

    @property
    def power_unit(self) -> str:
        """Of the power of the samples per Hz."""
        return "count²/Hz" if self.is_whole else "(file unit)²/Hz"

    @property
    def is_recorded(self) -> bool:
        """Whether there is anything of it."""
        return bool(self._recorded)

    @property
    def gaps(self) -> list[Interval]:
        """Times without samples, longer than one and a half sampling intervals; in order.

        Bad values are gaps too; where there are any, the whole column is.
        """
        missing = without([(self.start_ns, self.end_ns)], union(self._recorded))
        bounds_ns = np.linspace(self.start_ns, self.end_ns, len(self.envelope.bad) + 1)
        bad = [(int(bounds_ns[a]), int(bounds_ns[b])) for a, b in true_runs(self.envelope.bad)]
        return union([*((a, b) for a, b in missing if b - a > self._shortest_ns), *bad])

    def points(self) -> tuple[Floats, Floats]:
        """Seconds since the start of the picture, and counts, of a line; NaN where it breaks."""
        if self.samples is None:
            length_s = (self.end_ns - self.start_ns) / NS_PER_S
            return _points_of_envelope(self.envelope.low, self.envelope.high, length_s)
        return _points_of_samples([self._points_of(s) for s in self.samples])

    def _points_of(self, segment: Segment) -> tuple[Floats, Floats]:
        since_s = (segment.start_ns - self.start_ns) / NS_PER_S
        counts = segment.samples.astype(np.float64)
        counts[~is_possible(counts)] = np.nan
        return since_s + np.arange(len(counts)) / segment.sampling_rate_hz, counts


@dataclass
class Traces:
    """All that is drawn of the samples of a channel set between two times.

    Attributes
    ----------
    start_ns, end_ns : int
        ns since the epoch.
    traces : dict of component to Trace
    shown : str
        Component of the spectrogram; empty if there is none.
    spectrogram : Spectrogram or None
    """

    start_ns: int
    end_ns: int
    traces: dict[str, Trace]
    shown: str
    spectrogram: Spectrogram | None

    def add(self, channel_set: ChannelSet, from_ns: int, until_ns: int) -> None:
        """Take in a block; the spectrogram counts what lies between the two times."""
        for component in COMPONENTS:
            for segment in channel_set.segments.get(component, []):
                self.traces[component].add(segment, channel_set.id.band_instrument)
                if component == self.shown and self.spectrogram is not None:
                    self.spectrogram.add(segment, from_ns, until_ns)

    def gaps(self) -> list[Interval]:
        """Times at which any component lacks that is there at others; in order."""
        return union(
            gap for trace in self.traces.values() if trace.is_recorded for gap in trace.gaps
        )


def _is_whole(samples: NDArray[np.generic]) -> bool:
    """Whether samples are whole numbers, also where they are stored as others; a few tell."""
    few = samples[:_LOOKED_AT]
    return samples.dtype.kind in "iu" or bool((few == np.rint(few)).all())


def open_traces(
    start_ns: int,
    end_ns: int,
    rates_hz: Mapping[str, Sequence[float]],
    top_hz: float,
    n_columns: int,
) -> Traces:
    """Prepare to draw.

    Parameters
    ----------
    start_ns, end_ns : int
        ns since the epoch.
    rates_hz : mapping of component to its sampling rates
        Of those that were recorded.
    top_hz : float
        Highest frequency of the spectrogram; it ends at the Nyquist frequency anyway.
    n_columns : int
        Width of a panel, pixels.
    """
    length_s = (end_ns - start_ns) / NS_PER_S
    most = _SAMPLES_PER_COLUMN * n_columns
    traces = {
        component: Trace(
            component,
            start_ns,
            end_ns,
            Envelope(start_ns, end_ns, n_columns),
            [] if length_s * max(rates_hz.get(component, [0.0]), default=0.0) <= most else None,
        )
        for component in COMPONENTS
    }
    shown = next((c for c in COMPONENTS if rates_hz.get(c)), "")
    spectrogram = None
    if shown:
        top_hz = min(top_hz, max(rates_hz[shown]) / 2)
        spectrogram = Spectrogram(start_ns, end_ns, top_hz, max(rates_hz[shown]), n_columns)
    return Traces(start_ns, end_ns, traces, shown, spectrogram)


def read_traces(
    source: Source,
    spans: Sequence[Span],
    id: ChannelSetId,
    start_ns: int,
    end_ns: int,
    top_hz: float,
    n_columns: int,
) -> Traces:
    """Read what is to be drawn.

    Parameters
    ----------
    source : Source
    spans : of the channel set
    id : ChannelSetId
    start_ns, end_ns : int
        ns since the epoch.
    top_hz : float
        Highest frequency of the spectrogram.
    n_columns : int
        Width of a panel, pixels.
    """
    spans = [s for s in spans if s.start_ns < end_ns and s.end_ns > start_ns]
    traces = open_traces(start_ns, end_ns, _rates(spans), top_hz, n_columns)
    highest_hz = max((span.sampling_rate_hz for span in spans), default=1.0)
    block_s = max(_BLOCK_SAMPLES / highest_hz, _SHORTEST_BLOCK_S)
    n_blocks = math.ceil((end_ns - start_ns) / NS_PER_S / block_s)
    bounds_ns = [start_ns + i * (end_ns - start_ns) // n_blocks for i in range(n_blocks + 1)]
    piece_s = traces.spectrogram.piece_s if traces.spectrogram is not None else 0.0
    reach_ns = round(piece_s * NS_PER_S) if n_blocks > 1 else 0
    for from_ns, until_ns in pairwise(bounds_ns):
        block = read_excerpt(source, spans, id, from_ns - reach_ns, until_ns + reach_ns)
        traces.add(block, from_ns, until_ns)
    return traces


def _rates(spans: Sequence[Span]) -> dict[str, Sequence[float]]:
    mapping = component_map(spans)
    return {
        component: sorted({s.sampling_rate_hz for s in spans if mapping.get(s.code) == component})
        for component in COMPONENTS
    }


def _points_of_envelope(low: Floats, high: Floats, length_s: float) -> tuple[Floats, Floats]:
    """Points of a line that goes through the smallest and the largest sample of each column."""
    middles = (np.arange(len(low)) + 0.5) * (length_s / len(low))
    return np.repeat(middles, 2), np.stack([low, high], axis=1).ravel()


def _points_of_samples(pieces: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    """Points of one line through pieces, with breaks between these."""
    nothing = np.array([np.nan])
    parts = [part for seconds, counts in pieces for part in ((seconds, counts), (nothing, nothing))]
    if not parts:
        return np.array([]), np.array([])
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
