"""Join the pieces of one component into disjoint segments, in time order.

Pieces that touch are joined, overlaps that agree are joined, and of overlaps that disagree only
the disputed samples are lost: nobody can say which of the two is true. The result does not
depend on the order of the pieces.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.segments import Segment, duration_ns
from quake.waveforms.times import NS_PER_S

_EMPTY, _VALID, _DISPUTED = 0, 1, 2

# Clocks of consecutive records jitter by fractions of a sample; beyond that it is a real gap.
_TOUCH_SAMPLES = 0.5


def join_segments(segments: Iterable[Segment]) -> list[Segment]:
    """Join what touches or agrees, and cut out what is disputed.

    Segments of different sampling rates are never joined; where they overlap, the higher rate
    stands, because samples at two rates can neither agree nor disagree.

    Parameters
    ----------
    segments : segments of one component, in any order

    Returns
    -------
    list of Segment, by start time; they do not overlap.
    """
    by_rate: dict[float, list[Segment]] = {}
    for segment in segments:
        if len(segment.samples):
            by_rate.setdefault(segment.sampling_rate_hz, []).append(segment)
    joined: list[Segment] = []
    if len(by_rate) == 1:
        (segments_of_rate,) = by_rate.values()
        return [piece for run in _runs(segments_of_rate) for piece in _paint(run)]
    for rate_hz in sorted(by_rate, reverse=True):
        pieces = [piece for run in _runs(by_rate[rate_hz]) for piece in _paint(run)]
        joined += [rest for piece in pieces for rest in _outside(piece, joined)]
    return sorted(joined, key=lambda segment: segment.start_ns)


@dataclass(frozen=True)
class Dispute:
    """Where pieces of one component contradict each other.

    Attributes
    ----------
    code : str
    start_ns, end_ns : int
        The end is exclusive; samples that agree may lie between.
    disputed_s : float
        Length of the samples that do not.
    sources : tuple of str
        Files of the pieces that reach into it, in order; one if a file contradicts itself.
    """

    code: str
    start_ns: int
    end_ns: int
    disputed_s: float
    sources: tuple[str, ...]


def disputes(segments: Iterable[Segment]) -> list[Dispute]:
    """Find what `join_segments` cuts out, one dispute a component and set of files.

    Parameters
    ----------
    segments : segments of any components, in any order
    """
    groups: dict[tuple[str, float], list[Segment]] = {}
    for segment in segments:
        if len(segment.samples):
            groups.setdefault((segment.code, segment.sampling_rate_hz), []).append(segment)
    found: dict[tuple[str, tuple[str, ...]], Dispute] = {}
    for _, group in sorted(groups.items()):
        for run in _runs(group):
            for dispute in _disputes_of(run):
                key = dispute.code, dispute.sources
                found[key] = _merged(found[key], dispute) if key in found else dispute
    return list(found.values())


def disputed_intervals(segments: Iterable[Segment]) -> list[tuple[int, int]]:
    """Say where the segments of one component contradict each other, ns since the epoch."""
    by_rate: dict[float, list[Segment]] = {}
    for segment in segments:
        if len(segment.samples):
            by_rate.setdefault(segment.sampling_rate_hz, []).append(segment)
    return sorted(
        interval
        for group in by_rate.values()
        for run in _runs(group)
        for interval in _disputed(run)
    )


def _disputes_of(run: list[Segment]) -> Iterator[Dispute]:
    for start_ns, end_ns in _disputed(run):
        inside = (s for s in run if s.start_ns < end_ns and s.end_ns > start_ns)
        sources = tuple(sorted({segment.source for segment in inside}))
        yield Dispute(run[0].code, start_ns, end_ns, (end_ns - start_ns) / NS_PER_S, sources)


def _merged(first: Dispute, second: Dispute) -> Dispute:
    return Dispute(
        first.code,
        min(first.start_ns, second.start_ns),
        max(first.end_ns, second.end_ns),
        first.disputed_s + second.disputed_s,
        first.sources,
    )


def _disputed(run: list[Segment]) -> Iterator[tuple[int, int]]:
    """Intervals of a run in which its segments contradict each other."""
    if not _overlap(run):
        return
    base = run[0]
    _, state = _painted(run)
    for start, stop in true_runs(state == _DISPUTED):
        rate_hz = base.sampling_rate_hz
        yield (
            base.start_ns + duration_ns(start, rate_hz),
            base.start_ns + duration_ns(stop, rate_hz),
        )


def _overlap(run: list[Segment]) -> bool:
    """Whether a segment of a run, in the order of time, begins before another one has ended."""
    end_ns = run[0].end_ns
    for segment in run[1:]:
        if segment.start_ns < end_ns:
            return True
        end_ns = max(end_ns, segment.end_ns)
    return False


def _runs(segments: list[Segment]) -> Iterator[list[Segment]]:
    """Group segments that touch or overlap."""
    # Length breaks ties, so that the time base does not depend on the order of the input.
    ordered = sorted(segments, key=lambda s: (s.start_ns, -len(s.samples)))
    run: list[Segment] = []
    end_ns = 0
    for segment in ordered:
        tolerance_ns = _TOUCH_SAMPLES * NS_PER_S / segment.sampling_rate_hz
        if run and segment.start_ns - end_ns > tolerance_ns:
            yield run
            run = []
        end_ns = max(end_ns, segment.end_ns) if run else segment.end_ns
        run.append(segment)
    if run:
        yield run


def _paint(run: list[Segment]) -> Iterator[Segment]:
    """Write all segments of a run on one time grid and yield the undisputed pieces."""
    if len(run) == 1:
        yield run[0]
        return
    base = run[0]
    values, state = _painted(run)
    for start, stop in true_runs(state == _VALID):
        yield Segment(
            base.code,
            base.start_ns + duration_ns(start, base.sampling_rate_hz),
            base.sampling_rate_hz,
            values[start:stop],
        )


def _painted(run: list[Segment]) -> tuple[NDArray[np.generic], NDArray[np.uint8]]:
    """Samples of a run on the grid of its first segment, and the state of each."""
    base = run[0]
    offsets = [
        round((segment.start_ns - base.start_ns) * base.sampling_rate_hz / NS_PER_S)
        for segment in run
    ]
    n_samples = max(o + len(s.samples) for o, s in zip(offsets, run, strict=True))
    values = np.zeros(n_samples, np.result_type(*(s.samples.dtype for s in run)))
    state = np.zeros(n_samples, np.uint8)
    for offset, segment in zip(offsets, run, strict=True):
        _write(
            values[offset : offset + len(segment.samples)],
            state[offset : offset + len(segment.samples)],
            segment.samples,
        )
    return values, state


def _write(values: NDArray[np.generic], state: NDArray[np.uint8], new: NDArray[np.generic]) -> None:
    """Write one segment over its part of the grid; mark samples that contradict the first one."""
    fresh = state == _EMPTY
    agree = (values == new) | ((values != values) & (new != new))  # NaN agrees with NaN
    state[~fresh & ~agree] = _DISPUTED
    values[fresh] = new[fresh]
    state[fresh] = _VALID


def _outside(piece: Segment, taken: list[Segment]) -> list[Segment]:
    """Cut away the samples whose time is taken already."""
    rate_hz = piece.sampling_rate_hz
    free = np.ones(len(piece.samples), np.bool_)
    for other in taken:
        # A thousandth of a sample: ends are rounded to nanoseconds.
        first = math.floor((other.start_ns - piece.start_ns) * rate_hz / NS_PER_S + 1e-3)
        stop = math.ceil((other.end_ns - piece.start_ns) * rate_hz / NS_PER_S - 1e-3)
        free[max(first, 0) : max(stop, 0)] = False
    if free.all():
        return [piece]
    return [
        Segment(
            piece.code,
            piece.start_ns + duration_ns(start, rate_hz),
            rate_hz,
            piece.samples[start:stop],
        )
        for start, stop in true_runs(free)
    ]


def true_runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and stop index of each run of True.

    >>> true_runs(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
