"""Divide windows into blocks that are read at once, and these into stretches filtered at once.

A window must not depend on its neighbours, so both divisions are such that the samples of a window
are the same whichever windows are asked for with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from quake.waveforms.times import NS_PER_S
from quake.windows.station_days import DAY_NS

# Samples of a component that are in memory at a time: three hours at 100 Hz.
_BLOCK_SAMPLES = 1_080_000

_MINUTE_NS = 60 * NS_PER_S


def blocks(
    starts_ns: Sequence[int], sampling_rate_hz: float, window_ns: int
) -> Iterator[list[int]]:
    """Divide windows into blocks whose samples fit in memory.

    Parameters
    ----------
    starts_ns : in order, ns since the epoch
    sampling_rate_hz : float
        Highest one of the recording.
    window_ns : int
        No block is shorter.

    Yields
    ------
    list of int
        Starts of the windows of a block.
    """
    block_ns = max(_block_ns(sampling_rate_hz), window_ns)
    # Counted from midnight and not from the first window: a window is in the same block whether
    # its day is done alone or with others.
    for _, block in groupby(
        starts_ns, key=lambda start: (start // DAY_NS, start % DAY_NS // block_ns)
    ):
        yield list(block)


def stretches(
    starts_ns: Sequence[int], rates_hz: Sequence[float], model_rate_hz: float
) -> Iterator[tuple[int, list[int]]]:
    """Divide the windows of a block into stretches, each filtered at once.

    Minutes hold a whole number of samples of all usual rates; counted from one, samples are where
    they are counted from any other. For the other rates each window is a stretch of its own, or
    its samples would be rounded to other instants in another block. So is a window that begins
    between two samples of the model, or of the recording: it would be rounded to one of them, and
    reach beyond its end into what may not be there.

    Yields
    ------
    origin_ns : int
        Time from which samples of the stretch are counted, ns since the epoch.
    starts_ns : list of int
    """
    for fits, some in groupby(
        starts_ns, lambda start: _begins_with_samples(start, rates_hz, model_rate_hz)
    ):
        several = list(some)
        if fits:
            yield several[0] // _MINUTE_NS * _MINUTE_NS, several
        else:
            yield from ((start_ns, [start_ns]) for start_ns in several)


def _block_ns(sampling_rate_hz: float) -> int:
    """Length of blocks: equal parts of a day, which begin and end where station-days do."""
    n_blocks = math.ceil(DAY_NS / NS_PER_S * sampling_rate_hz / _BLOCK_SAMPLES)
    return math.ceil(DAY_NS / n_blocks)


def _begins_with_samples(start_ns: int, rates_hz: Sequence[float], model_rate_hz: float) -> bool:
    """Whether there are samples of all rates, counted from the minute, at the start of a window."""
    since_s = start_ns % _MINUTE_NS / NS_PER_S
    return all(_is_whole(60 * rate_hz) for rate_hz in rates_hz) and all(
        _is_whole(since_s * rate_hz) for rate_hz in (*rates_hz, model_rate_hz)
    )


def _is_whole(number: float) -> bool:
    # A ten-thousandth of a sample: rates like 33.3333 Hz are written with a few decimals, and a
    # start is a whole number of nanoseconds.
    return abs(number - round(number)) < 1e-4
