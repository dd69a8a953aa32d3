"""Evidence: what the model and the onset network say of an onset in, its probabilities out.

The model says what a minute shows; the onset network says whether a P arrives at that moment, and
whether an S follows. They err on different records: bursts of traffic that look like an event have
no P, and a P in the coda of another event is clear where the minute is a mixture. The odds of an
event are therefore weighed together. Numbers: ``benchmarks/fit_events.py``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from quake.classes import NOISE
from quake.events.onset import Onset

# Of the log-odds of the model, of the P, of the probability of the S, and what is the same for all.
_MODEL, _P, _S, _CONSTANT = 1.0, 1.0, 1.0, -0.5

# Beyond these odds nothing more is known.
_LEAST = 1e-3


def event_probabilities(onset: Onset) -> Mapping[str, float]:
    """Probabilities of all classes, given the P and the S too.

    The odds of an event change, and the shares of the kinds of events stay as the model has them.
    Those of an emergent onset are the model's own.

    Parameters
    ----------
    onset : Onset

    Returns
    -------
    mapping of class to float
        Empty if it was not classified. They add up to 1.
    """
    given = onset.probabilities
    kinds = sum(p for name, p in given.items() if name != NOISE)
    if NOISE not in given or onset.is_emergent or kinds <= 0:
        return given
    score = (
        _MODEL * _log_odds(1 - given[NOISE])
        + _P * _log_odds(onset.p)
        + _S * onset.s_after
        + _CONSTANT
    )
    event = 1 / (1 + math.exp(-score))
    share = event / kinds
    return {name: round(1 - event if name == NOISE else p * share, 6) for name, p in given.items()}


def _log_odds(p: float) -> float:
    safe = min(max(p, _LEAST), 1 - _LEAST)
    return math.log(safe / (1 - safe))
