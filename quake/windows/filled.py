"""Find stretches that no instrument recorded: zeros, repeated values, straight lines.

Data centres, telemetry and processing fill gaps with zeros, with the last value, or with a straight
line from one side to the other (``merge(fill_value="interpolate")`` of ObsPy), and recorders and
telemetry produce single wild samples. All of these are gaps: `docs/conventions.md` has the policy.

Recordings are long and such stretches rare. Each search looks at a few samples first, and at all
of them only where those few leave room for a stretch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.joining import true_runs

Samples = NDArray[np.float64]
Mask = NDArray[np.bool_]

FILLED_S = 1.0
"""Seconds from which on a repeated value or a straight line is no recording."""

# Of a slow recorder a second holds few samples, which may well be alike.
_LEAST_SAMPLES = 20

# A line of integers is a staircase: it may leave the chord by a count, and must climb some steps.
_STAIRCASE_COUNTS = 1.01
_LEAST_RISE_COUNTS = 4.0

# Beside the line a sample or two may lie on it by chance.
_CHANCE_SAMPLES = 3

# A wild sample stands out of both its neighbours by so many times what any other sample within
# half a second does. What passed an anti-alias filter never comes near it: the first sample of
# the sharpest onset is followed by others.
_WILD_RATIO = 25.0
_WILD_NEIGHBOURHOOD_S = 0.5
_WILD_BLOCK_SAMPLES = 256
_WILD_BLOCK_SHARE = 0.2


def least_samples(sampling_rate_hz: float) -> int:
    """Samples from which on a repeated value or a straight line is no recording."""
    return max(round(FILLED_S * sampling_rate_hz), _LEAST_SAMPLES)


def straight(samples: Samples, there: Mask, n_least: int, quantum: float) -> Mask:
    """Where a straight, inclined line goes on for `n_least` samples or more.

    Parameters
    ----------
    samples : array of shape (n,)
    there : array of shape (n,)
        Where there is a sample.
    n_least : int
    quantum : float
        Step of the numbers: 1 for integers, what rounding leaves for floats.

    Returns
    -------
    array of shape (n,)
    """
    found = np.zeros(len(samples), np.bool_)
    for first, stop in _candidates(samples, n_least, quantum):
        bend = np.abs(np.diff(samples[first:stop], 2)) <= quantum * _STAIRCASE_COUNTS
        bend &= there[first : stop - 2] & there[first + 1 : stop - 1] & there[first + 2 : stop]
        for a, b in true_runs(bend):
            piece = slice(first + a, first + b + 2)
            if b + 2 - a >= n_least and _is_line(samples[piece], quantum):
                found[piece] = True
    return found


def _candidates(samples: Samples, n_least: int, quantum: float) -> Iterator[tuple[int, int]]:
    """Stretches that may hold a line: a quarter of its length apart, samples lie on one."""
    # At every quarter of the least length: a line has three looks at it and more, so two in a row
    # that show no bend are where one may be; its ends are up to a step further out.
    step = max(n_least // 4, 1)
    at = np.arange(1, len(samples) - 1, step)
    if not len(at):
        return
    bend = np.abs(samples[at - 1] - 2 * samples[at] + samples[at + 1])
    for a, b in true_runs(bend <= quantum * _STAIRCASE_COUNTS):
        if b - a >= 2:
            yield max(at[a] - step - 1, 0), min(at[b - 1] + step + 2, len(samples))


def _is_line(piece: Samples, quantum: float) -> bool:
    inner = piece[_CHANCE_SAMPLES:-_CHANCE_SAMPLES]
    steps = np.diff(inner)
    rise = inner[-1] - inner[0]
    if abs(rise) < _LEAST_RISE_COUNTS * quantum or steps.min() < 0 < steps.max():
        return False
    chord = inner[0] + rise * np.linspace(0.0, 1.0, len(inner))
    # Truncated, it leaves the line by a count to either side of zero; so do the chord's ends.
    return bool(np.ptp(inner - chord) <= 3 * quantum * _STAIRCASE_COUNTS)


def wild(samples: Samples, there: Mask, sampling_rate_hz: float, quantum: float) -> Mask:
    """Where a single sample stands far out of both its neighbours.

    Parameters
    ----------
    samples : array of shape (n,)
    there : array of shape (n,)
        Where there is a sample.
    sampling_rate_hz : float
    quantum : float
        Step of the numbers; what stands out by less than a hundred of these is not wild.

    Returns
    -------
    array of shape (n,)
    """
    found = np.zeros(len(samples), np.bool_)
    if len(samples) < 3:
        return found
    # bend[i] is of sample i + 1. A wild sample has its height there, and half of it on either side:
    # the two next to it are not counted among the others.
    bend = samples[1:-1] - 0.5 * (samples[:-2] + samples[2:])
    np.abs(bend, out=bend)
    bend[~(there[:-2] & there[1:-1] & there[2:])] = 0.0
    reach = max(round(_WILD_NEIGHBOURHOOD_S * sampling_rate_hz), 4)
    for i in _outstanding(bend, 100 * quantum):
        before, after = bend[max(i - reach, 0) : max(i - 1, 0)], bend[i + 2 : i + 2 + reach]
        others = max(before.max(initial=0.0), after.max(initial=0.0))
        if len(before) + len(after) >= reach and bend[i] > _WILD_RATIO * others:
            # Of a step, and beside a wild sample at an end, one neighbour is much the same.
            rises = samples[i + 1] - samples[[i, i + 2]]
            found[i + 1] = np.abs(rises).min() > 0.5 * bend[i]
    return found


def _outstanding(bend: Samples, least: float) -> Iterator[int]:
    """Index of the largest value of each block in which it makes up much of the sum."""
    # A wild sample and half of it on either side are twice its height. A fifth of the sum leaves
    # three times its height for all others of the block together.
    n_blocks = -(-len(bend) // _WILD_BLOCK_SAMPLES)
    padded = np.zeros(n_blocks * _WILD_BLOCK_SAMPLES)
    padded[: len(bend)] = bend
    blocks = padded.reshape(n_blocks, _WILD_BLOCK_SAMPLES)
    largest = blocks.max(axis=1)
    chosen = (largest > least) & (largest > _WILD_BLOCK_SHARE * blocks.sum(axis=1))
    for block in np.flatnonzero(chosen):
        yield int(block) * _WILD_BLOCK_SAMPLES + int(blocks[block].argmax())


def repeated(samples: Samples, there: Mask, n_least: int) -> Mask:
    """Where one value stands `n_least` times in a row or more, shape (n,)."""
    same = np.zeros(len(samples) + 1, np.int8)
    same[1:-1] = (samples[1:] == samples[:-1]) & there[1:] & there[:-1]
    # Of n_least - 1 pairs in a row one at least is looked at here.
    if not same[1 : -1 : max(n_least - 1, 1)].any():
        return np.zeros(len(samples), np.bool_)
    steps = np.diff(same)
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    long = stops - starts + 1 >= n_least
    # A run of pairs has one sample more than pairs; +1 where it begins and -1 behind its end make a
    # running sum that is one inside.
    inside = np.zeros(len(samples) + 1, np.int8)
    inside[starts[long]] += 1
    inside[stops[long] + 1] -= 1
    return np.cumsum(inside[:-1]).astype(np.bool_)
