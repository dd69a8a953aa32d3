"""Lay one component on one time axis, and say what is wrong with its samples.

Gaps are filled so that a filter can run over the whole at once, however many there are. What the
filter makes of the filling is thrown away afterwards.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.joining import true_runs
from quake.waveforms.segments import Segment
from quake.waveforms.times import NS_PER_S
from quake.windows.filled import least_samples, repeated, straight, wild

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

# Far above what any digitiser (2^31 counts) or unit gives, far below the square root of the
# largest double: sums of squares stay finite.
ABSURD_AMPLITUDE = 1e20

# Gaps this short are bridged and stay so: single samples that were lost, or were wild. Longer
# ones are cut out of windows.
_BRIDGED_S = 0.1

# A plateau this long at the extreme value may be a saturated digitiser or sensor.
PLATEAU_SAMPLES = 4

# Where windows are looked at first: nearly all move there, and need not be looked at as a whole.
_PROBES = np.linspace(0.02, 0.98, 12)

# What double precision leaves of a straight line after second differences, with room.
_ROUNDING = 8 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Timeline:
    """Samples of one component and one sampling rate between two times.

    Attributes
    ----------
    sampling_rate_hz : float
    samples : float64 array of shape (pad + n + pad,)
        Sample `pad` is at the origin. Finite everywhere; gaps are bridged.
    recorded : array of shape (n,)
        Where the recording has a sample, good or bad.
    valid : array of shape (n,)
        Where it has one that can be used: finite, possible, not filled, not wild.
    flat, line, wild : arrays of shape (n,)
        Stretches of one and the same value, or of a straight line, a second or longer; single
        samples that stand far out of their neighbours.
    pad : int
    """

    sampling_rate_hz: float
    samples: NDArray[np.float64]
    recorded: Mask
    valid: Mask
    flat: Mask
    line: Mask
    wild: Mask
    pad: int
    _sums: dict[str, NDArray[np.int32] | bool] = field(default_factory=dict, repr=False)

    @property
    def unpadded(self) -> NDArray[np.float64]:
        """The samples from the origin on, shape (n,)."""
        return self.samples[self.pad : self.pad + len(self.valid)]

    def count(self, mask: str, first: Counts, stop: Counts) -> Counts:
        """How many samples of windows [first, stop) are true in the mask of that name."""
        if mask not in self._sums:
            self._sums[mask] = _sums(getattr(self, mask))
        sums = self._sums[mask]
        if isinstance(sums, bool):
            return np.asarray((stop - first) * sums)
        return np.asarray(sums[stop] - sums[first], np.int64)

    def is_moving(self, first: Counts, stop: Counts) -> Mask:
        """Whether windows [first, stop) hold more than straight lines, each of shape (windows,)."""
        moving = np.zeros(len(first), np.bool_)
        for share in _PROBES:
            if moving.all():
                return moving
            middle = first + (share * (stop - first)).astype(np.int64)
            middle = np.clip(middle, 1, max(len(self.valid) - 2, 1))
            moving |= self._bends(middle)
        for i in np.flatnonzero(~moving):
            moving[i] = self._bends(np.arange(first[i] + 1, stop[i] - 1)).any()
        return moving

    def _bends(self, index: Counts) -> Mask:
        """Where a sample is not on a straight line with both its neighbours."""
        if len(self.valid) < 3:
            return np.zeros(len(index), np.bool_)
        x, there = self.unpadded, self.valid
        before, here, after = x[index - 1], x[index], x[index + 1]
        largest = np.maximum(np.maximum(np.abs(before), np.abs(here)), np.abs(after))
        bends = np.abs(before - 2 * here + after) > _ROUNDING * largest
        return np.asarray(bends & there[index - 1] & there[index] & there[index + 1])

    @cached_property
    def plateau(self) -> Mask:
        """Where a value is repeated a few times or more, shape (n,)."""
        return repeated(self.unpadded, self.valid, PLATEAU_SAMPLES)

    @cached_property
    def bridged(self) -> Mask:
        """Where samples can be shown: the valid ones, and gaps so short that they are bridged."""
        longest = int(_BRIDGED_S * self.sampling_rate_hz + 1e-9)
        if longest < 1 or self.valid.all():
            return self.valid
        gaps = [
            (start, stop)
            for start, stop in true_runs(~self.valid)
            if start > 0 and stop < len(self.valid) and stop - start <= longest
        ]
        if not gaps:
            return self.valid
        closed = self.valid.copy()
        for start, stop in gaps:
            closed[start:stop] = True
        return closed

    @property
    def bad(self) -> Mask:
        """Where the recording has NaN, Inf or an absurd amplitude, shape (n,)."""
        return self.recorded & ~self.valid & ~self.flat & ~self.line & ~self.wild


def _sums(mask: Mask) -> NDArray[np.int32] | bool:
    """Running sum of a mask, from 0 on; or what all of it is, as in most recordings."""
    if mask.all():
        return True
    if not mask.any():
        return False
    sums = np.zeros(len(mask) + 1, np.int32)
    np.cumsum(mask, dtype=np.int32, out=sums[1:])
    return sums


def timelines(
    segments: Sequence[Segment], origin_ns: int, end_ns: int, pads: dict[float, int]
) -> list[Timeline]:
    """Put the segments of one component on time axes that begin at an origin, one a rate.

    Parameters
    ----------
    segments : joined segments, in the order of time
        A sample lies at the point of the axis that is nearest to its time.
    origin_ns, end_ns : int
        ns since the epoch; what lies outside is left out.
    pads : mapping of sampling rate to the number of samples to add at both ends

    Returns
    -------
    list of Timeline, highest rate first
    """
    by_rate: dict[float, list[Segment]] = {}
    # Joined segments are in order and do not overlap, and neither do their ends.
    for position in range(bisect_right(segments, origin_ns, key=_end_ns), len(segments)):
        segment = segments[position]
        if segment.start_ns >= end_ns:
            break
        by_rate.setdefault(segment.sampling_rate_hz, []).append(segment)
    return [
        _timeline(by_rate[rate], origin_ns, end_ns, rate, pads[rate])
        for rate in sorted(by_rate, reverse=True)
    ]


def _end_ns(segment: Segment) -> int:
    return segment.end_ns


def index_at(time_ns: int, origin_ns: int, sampling_rate_hz: float) -> int:
    """Index of the sample nearest to a time."""
    # Halves are rounded up, not to the even neighbour, so that two samples in a row never share an
    # index; a half that fell short by the rounding of nanoseconds is one still.
    return math.floor((time_ns - origin_ns) * sampling_rate_hz / NS_PER_S + 0.5 + 1e-8)


def _timeline(
    segments: list[Segment], origin_ns: int, end_ns: int, rate_hz: float, pad: int
) -> Timeline:
    n = max(index_at(end_ns, origin_ns, rate_hz), 1)
    samples = np.zeros(n + 2 * pad)
    recorded = np.zeros(n, np.bool_)
    axis = samples[pad : pad + n]
    for segment in segments:
        at = index_at(segment.start_ns, origin_ns, rate_hz)
        first, stop = max(at, 0), min(at + len(segment.samples), n)
        if first < stop:
            axis[first:stop] = segment.samples[first - at : stop - at]
            recorded[first:stop] = True
    valid = recorded  # shared until something is found, which is rare
    if any(segment.samples.dtype.kind == "f" for segment in segments):
        with np.errstate(invalid="ignore"):
            possible = np.abs(axis) <= ABSURD_AMPLITUDE
        if not possible.all():
            valid = recorded & possible
            axis[~possible] = 0.0
    flat, line, single = _made_up(segments, axis, valid, rate_hz)
    if flat.any() or line.any() or single.any():
        valid = valid & ~flat & ~line & ~single
    padded = np.concatenate([np.zeros(pad, np.bool_), valid, np.zeros(pad, np.bool_)])
    bridge(samples, padded, pad)
    return Timeline(rate_hz, samples, recorded, valid, flat, line, single, pad)


def _made_up(
    segments: Sequence[Segment], axis: NDArray[np.float64], valid: Mask, rate_hz: float
) -> tuple[Mask, Mask, Mask]:
    """Where the samples are flat, on a line, or wild."""
    n_least = least_samples(rate_hz)
    quantum = max(_quantum(segment.samples) for segment in segments)
    flat = repeated(axis, valid, n_least)
    line = straight(axis, valid, n_least, quantum) & ~flat
    return flat, line, wild(axis, valid & ~flat & ~line, rate_hz, quantum)


def _quantum(samples: NDArray[Any]) -> float:
    """Step of the numbers of a recording: a count, or what the rounding of floats leaves."""
    if samples.dtype.kind != "f":
        return 1.0
    with np.errstate(invalid="ignore"):
        finite = np.abs(samples[np.abs(samples) <= ABSURD_AMPLITUDE])
    largest = float(finite.max(initial=0.0))
    return 4 * largest * float(np.finfo(samples.dtype).eps)


def bridge(samples: NDArray[np.float64], there: Mask, reach: int) -> None:
    """Fill gaps in place by what lies beside them, reflected oddly: no step, no kink.

    Where the two sides meet, in gaps shorter than twice the reach, they are cross-faded.

    Parameters
    ----------
    samples : array of shape (n,)
    there : array of shape (n,)
        False in gaps.
    reach : int
        How far from the edge of a gap its filling matters, samples.
    """
    # All gaps at once, cell by cell, without a loop over them: there may be thousands. Pieces and
    # gaps alternate, so the bounds are, from the first gap on, its start, its stop, and so on.
    edges = np.flatnonzero(there[1:] != there[:-1]) + 1
    bounds = np.concatenate(([0], edges, [len(there)]))
    first_gap = int(there[0])
    starts, stops = bounds[first_gap:-1:2], bounds[first_gap + 1 :: 2]
    if not len(starts) or not there.any():
        return
    lengths = stops - starts
    # Each cell knows the number of its gap, and how many cells of the gap come before it.
    gap = np.repeat(np.arange(len(starts)), lengths)
    cell = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    # The filter looks `reach` into a gap. Further in, filling matters only where a gap is so short
    # that both sides meet; the middle of a longer one stays as it is.
    near = (cell < 2 * reach) | (cell >= lengths[gap] - 2 * reach)
    gap, cell = gap[near], cell[near]
    left = _from_left(samples, starts, stops, gap, cell)
    right = _from_right(samples, starts, stops, gap, cell)
    weight = _weight_of_right(lengths[gap], cell, reach)
    # Before the first sample, and after the last one, there is one side only.
    weight[starts[gap] == 0] = 1.0
    weight[stops[gap] == len(there)] = 0.0
    samples[starts[gap] + cell] = (1 - weight) * left + weight * right


def _from_left(
    samples: NDArray[np.float64], starts: Counts, stops: Counts, gap: Counts, cell: Counts
) -> NDArray[np.float64]:
    """Reflect the piece before each gap about its last sample, as far as the piece goes."""
    last = np.maximum(starts - 1, 0)
    piece_first = np.concatenate(([0], stops[:-1]))
    source = np.maximum(last[gap] - 1 - cell, piece_first[gap])
    return np.asarray(2 * samples[last[gap]] - samples[np.maximum(source, 0)])


def _from_right(
    samples: NDArray[np.float64], starts: Counts, stops: Counts, gap: Counts, cell: Counts
) -> NDArray[np.float64]:
    """Reflect the piece after each gap about its first sample, as far as the piece goes."""
    final = len(samples) - 1
    first = np.minimum(stops, final)
    piece_last = np.concatenate((starts[1:] - 1, [final]))
    to_edge = (stops - starts)[gap] - cell
    source = np.minimum(first[gap] + to_edge, piece_last[gap])
    return np.asarray(2 * samples[first[gap]] - samples[np.minimum(source, final)])


def _weight_of_right(length: Counts, cell: Counts, reach: int) -> NDArray[np.float64]:
    """Share of what comes from the right: none within reach of the left edge if there is room."""
    # In a long gap the cells within reach of an edge are of that edge's side alone, and the fade is
    # between them; in a short one it goes over the whole gap.
    flank = np.clip(length // 2, 0, reach)
    flank = np.where(length < 2 * reach, 0, flank)
    share = (cell + 1 - flank) / np.maximum(length + 1 - 2 * flank, 1)
    return np.asarray(np.clip(share, 0.0, 1.0))
