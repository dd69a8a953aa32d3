"""Uncertainty of onsets: how probable a phase is in, how far its time may be from an analyst's out.

A phase that the network is sure of is near the analyst's; an unsure one may be far off. The line
was fitted to picks of analysts (``benchmarks/fit_events.py``); docs/events.md says how many of the
true onsets of other sources lie within it.
"""

from __future__ import annotations

import math

EMERGENT_S = 5.0
"""Of an onset of which one cannot say where it is to a few seconds."""

# Logarithm of the uncertainty on the log-odds of the phase: three of four errors are smaller.
_CONSTANT, _SLOPE = -1.63, -0.55

# Analysts differ among themselves by some hundredths of a second.
_LEAST_S, _LARGEST_S = 0.05, 2.0


def uncertainty_s(probability: float) -> float:
    """Uncertainty of an onset, s.

    Parameters
    ----------
    probability : float
        That it is the phase that it is taken for.

    Examples
    --------
    >>> round(uncertainty_s(0.5), 2), round(uncertainty_s(0.9), 2)
    (0.2, 0.06)
    """
    if probability >= 1:
        return _LEAST_S
    if probability <= 0:
        return _LARGEST_S
    odds = math.log(probability / (1 - probability))
    return min(max(math.exp(_CONSTANT + _SLOPE * odds), _LEAST_S), _LARGEST_S)
