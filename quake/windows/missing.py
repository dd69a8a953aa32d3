"""What may be missing of a recording: kinds of loss, drawn at random and inflicted on raw samples.

Training draws losses from one distribution for all classes, and `quake evaluate --missing` measures
each kind by itself; both do it to the samples of the recording before anything is filtered. So what
is missing looks in training as it does in an archive, and says nothing about the class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.errors import ParameterError
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.segments import ChannelSet, Segment, duration_ns
from quake.waveforms.times import NS_PER_S

KINDS = (
    "short",
    "start",
    "middle",
    "several",
    "component",
    "zeros",
    "repeated",
    "line",
    "spike",
)
"""A recording that ends early or begins late; a gap, several, in one component only; a gap filled
with zeros, with the last value or with a straight line; a single wild sample."""

_FILLED = ("zeros", "repeated", "line")

_SEVERAL = (3, 7)  # gaps, from and below
_SPIKE_TIMES_LARGEST = (30.0, 3000.0)

Interval = tuple[float, float]


@dataclass(frozen=True)
class DataLoss:
    """What is missing of one window.

    Attributes
    ----------
    kind : str
        One of `KINDS`; empty where nothing is missing.
    gaps : tuple of (float, float)
        From when to when, s since the window's start, in the order of time.
    components : str
        Those that lose it.
    size : float
        Of a wild sample: how many times the largest value.
    """

    kind: str = ""
    gaps: tuple[Interval, ...] = ()
    components: str = "".join(COMPONENTS)
    size: float = 0.0

    def shown(self, window_s: float) -> list[Interval]:
        """What is left of a window of all components, s since its start."""
        if self.kind in ("", "spike") or len(self.components) < len(COMPONENTS):
            return [(0.0, window_s)]
        left, at = [], 0.0
        for start, stop in self.gaps:
            if start > at:
                left.append((at, start))
            at = max(at, stop)
        return [*left, (at, window_s)] if at < window_s else left

    def shows(self, from_s: float, to_s: float, window_s: float) -> float:
        """Share of a stretch of the window, s since its start, that is left."""
        inside = (min(b, to_s) - max(a, from_s) for a, b in self.shown(window_s))
        return sum(max(length, 0.0) for length in inside) / (to_s - from_s)


NOTHING = DataLoss()


def draw_loss(kind: str, coverage: float, window_s: float, rng: np.random.Generator) -> DataLoss:
    """Draw a loss of a kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    coverage : float
        Share of the window that is left, above 0 and up to 1; means nothing for a wild sample.
    window_s : float
    rng : numpy.random.Generator

    Raises
    ------
    ParameterError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise ParameterError(f"{kind!r} is no kind of loss; there are {', '.join(KINDS)}")
    lost_s = (1 - coverage) * window_s
    if kind == "short":
        return DataLoss(kind, ((window_s - lost_s, window_s),))
    if kind == "start":
        return DataLoss(kind, ((0.0, lost_s),))
    if kind == "spike":
        at = float(rng.uniform(0.02, 0.98)) * window_s
        size = float(np.exp(rng.uniform(*np.log(_SPIKE_TIMES_LARGEST))))
        return DataLoss(kind, ((at, at),), _some_components(rng), size)
    n_gaps = int(rng.integers(*_SEVERAL)) if kind == "several" else 1
    gaps = _spread(lost_s, n_gaps, window_s, rng)
    components = _some_components(rng) if kind == "component" else "".join(COMPONENTS)
    return DataLoss(kind, gaps, components)


def _some_components(rng: np.random.Generator) -> str:
    """One component, or two."""
    chosen = rng.permutation(len(COMPONENTS))[: rng.integers(1, 3)]
    return "".join(COMPONENTS[i] for i in sorted(chosen))


def _spread(
    lost_s: float, n_gaps: int, window_s: float, rng: np.random.Generator
) -> tuple[Interval, ...]:
    """Gaps of a total length, anywhere in a window, that do not touch."""
    # Shares that add up to one: of the lost time for the gaps, of the rest for what lies between,
    # before and after them. With 2, few gaps are tiny; with 1, all places are as probable.
    lengths = rng.dirichlet(np.full(n_gaps, 2.0)) * lost_s
    between = rng.dirichlet(np.ones(n_gaps + 1)) * (window_s - lost_s)
    starts = np.cumsum(between[:-1]) + np.concatenate(([0.0], np.cumsum(lengths[:-1])))
    return tuple(
        (float(start), float(start + length)) for start, length in zip(starts, lengths, strict=True)
    )


def inflict(channel_set: ChannelSet, loss: DataLoss, start_ns: int) -> ChannelSet:
    """Take from a recording what a loss takes from the window that begins at a time.

    Parameters
    ----------
    channel_set : ChannelSet
        Joined segments; left as it is.
    loss : DataLoss
    start_ns : int
        Start of the window, ns since the epoch.
    """
    if not loss.kind:
        return channel_set
    gaps = [(start_ns + round(a * NS_PER_S), start_ns + round(b * NS_PER_S)) for a, b in loss.gaps]
    changed = {
        component: _inflict(segments, loss, gaps) if component in loss.components else segments
        for component, segments in channel_set.segments.items()
    }
    return replace(channel_set, segments=changed)


def _inflict(
    segments: list[Segment], loss: DataLoss, gaps: Sequence[tuple[int, int]]
) -> list[Segment]:
    if loss.kind in _FILLED:
        return [_filled(segment, loss.kind, gaps) for segment in segments]
    if loss.kind == "spike":
        return [_spiked(segment, loss.size, gaps[0][0]) for segment in segments]
    for gap in gaps:
        segments = [piece for segment in segments for piece in without(segment, gap)]
    return segments


def within(channel_set: ChannelSet, start_ns: int, end_ns: int) -> ChannelSet:
    """Cut a recording to the samples from one time to another."""
    cut = {
        component: [
            inside
            for segment in segments
            for inside in [_slice(segment, *_indices(segment, (start_ns, end_ns)))]
            if len(inside.samples)
        ]
        for component, segments in channel_set.segments.items()
    }
    return replace(channel_set, segments=cut)


def without(segment: Segment, gap: tuple[int, int]) -> Iterable[Segment]:
    """Cut a stretch out of a segment, ns since the epoch; what is left of it."""
    first, stop = _indices(segment, gap)
    pieces = (_slice(segment, 0, first), _slice(segment, stop, len(segment.samples)))
    return [piece for piece in pieces if len(piece.samples)]


def _indices(segment: Segment, gap: tuple[int, int]) -> tuple[int, int]:
    """First and stop index of the samples of a segment from one time to another."""
    # Rounded up at both ends: a sample at the very end belongs to what follows. Times are rounded
    # to nanoseconds, which must not push a sample across.
    n, rate_hz = len(segment.samples), segment.sampling_rate_hz
    first, stop = (
        int(np.ceil((time_ns - segment.start_ns) * rate_hz / NS_PER_S - 1e-6)) for time_ns in gap
    )
    return min(max(first, 0), n), min(max(stop, 0), n)


def _slice(segment: Segment, first: int, stop: int) -> Segment:
    start_ns = segment.start_ns + duration_ns(first, segment.sampling_rate_hz)
    return replace(segment, start_ns=start_ns, samples=segment.samples[first:stop])


def _filled(segment: Segment, fill: str, gaps: Sequence[tuple[int, int]]) -> Segment:
    samples = np.array(segment.samples)
    for gap in gaps:
        first, stop = _indices(segment, gap)
        if first < stop:
            samples[first:stop] = _filling(samples, first, stop, fill)
    return replace(segment, samples=samples)


def _filling(samples: NDArray[Any], first: int, stop: int, fill: str) -> NDArray[Any]:
    before = samples[max(first - 1, 0)]
    if fill == "zeros":
        before = samples.dtype.type(0)
    after = samples[min(stop, len(samples) - 1)] if fill == "line" else before
    # As ObsPy's ``merge(fill_value="interpolate")`` does it: the ends are those of the data.
    line = np.linspace(float(before), float(after), stop - first + 2)[1:-1]
    return line.astype(samples.dtype)


def _spiked(segment: Segment, size: float, time_ns: int) -> Segment:
    first, _ = _indices(segment, (time_ns, time_ns))
    if first >= len(segment.samples) or segment.start_ns > time_ns:
        return segment
    samples = np.array(segment.samples)
    largest = float(np.abs(samples - np.median(samples)).max(initial=0.0))
    if samples.dtype.kind != "f":
        # Half of the type's range, as the sample it is added to may have the same sign.
        largest = min(largest * size, np.iinfo(samples.dtype).max / 2) / size
    samples[first] = samples[first] + samples.dtype.type(largest * size)
    return replace(segment, samples=samples)
