"""View several classes as yes or no: event or noise, one class or the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from quake.classes import NOISE


@dataclass(frozen=True, eq=False)
class View:
    """A question with two answers.

    Attributes
    ----------
    name : str
        As in "event against noise".
    scores : (B,)
        Probability of the first answer, given that it is one of the two.
    positive : (B,)
        Whether the first answer is true.
    used : (B,)
        Windows of the classes that the question is about.
    """

    name: str
    scores: NDArray[np.float64]
    positive: NDArray[np.bool_]
    used: NDArray[np.bool_]


def binary_views(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], names: Sequence[str]
) -> list[View]:
    """All events against noise, then each class against each other, among their windows alone.

    With two classes there is one question.

    Parameters
    ----------
    probabilities : (B, K)
    targets : (B,)
    names : the K classes
    """
    views = []
    if NOISE in names:
        noise = names.index(NOISE)
        scores = 1 - probabilities[:, noise]
        everything = np.ones(len(targets), np.bool_)
        views.append(View("event against noise", scores, targets != noise, everything))
    if len(names) > 2 or not views:
        order = sorted(range(len(names)), key=lambda k: names[k] == NOISE)
        views += [_pair(probabilities, targets, names, a, b) for a, b in combinations(order, 2)]
    return views


def _pair(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    names: Sequence[str],
    a: int,
    b: int,
) -> View:
    # A window that is surely neither has no answer; half and half is all that can be said.
    both = probabilities[:, a] + probabilities[:, b]
    share = np.full(len(targets), 0.5)
    np.divide(probabilities[:, a], both, out=share, where=both > 0)
    used = (targets == a) | (targets == b)
    return View(f"{names[a]} against {names[b]}", share, targets == a, used)
