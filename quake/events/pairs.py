"""Pair each P with the S that belongs to it.

The S of a local earthquake is larger than its P, which may hardly stand out of the coda of the
event before. A clear S therefore says that the most probable P before it is one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.times import NS_PER_S

LEAST_P = 0.2
"""Less probable ones are no P, whatever follows."""

_CLEAR_S = 0.5

# S-P of events up to 100 km away: those further away have a P of their own, or none that helps.
_LONGEST_NS, _SHORTEST_NS = 12 * NS_PER_S, NS_PER_S // 2


def paired_s(times_ns: Sequence[int], phases: NDArray[np.float64]) -> list[float]:
    """How probably the S that belongs to each candidate is one; 0 where there is none.

    Of the candidates between a clear S and the clear S before it, 12 s at most, the one that is
    most probably a P is paired with it.

    Parameters
    ----------
    times_ns : ns since the epoch, in the order of time
    phases : array of shape (candidates, 2)
        How probably each is a P, and an S.
    """
    found = [0.0] * len(times_ns)
    since_ns: int | None = None
    for number, time_ns in enumerate(times_ns):
        p, s = float(phases[number, 0]), float(phases[number, 1])
        if s < _CLEAR_S or s < p:
            continue
        first_ns = time_ns - _LONGEST_NS
        if since_ns is not None:
            first_ns = max(first_ns, since_ns + 1)
        since_ns = time_ns
        before = [i for i in range(number) if first_ns <= times_ns[i] <= time_ns - _SHORTEST_NS]
        if not before:
            continue
        best = max(before, key=lambda i: (float(phases[i, 0]), -i))
        if phases[best, 0] >= LEAST_P:
            found[best] = max(found[best], s)
    return found
