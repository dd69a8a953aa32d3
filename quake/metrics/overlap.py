"""Tell whether a model was trained on an event, from a sketch of all that it saw.

A model card has room for some kilobytes. It keeps the smallest digests of the events alone: a
sample that depends on nothing but the events themselves (bottom-k sketch, Cohen & Kaplan, 2007,
Summarizing data using bottom-k sketches). All events of a smaller training are kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGEST_SKETCH = 2048
_ANY_DIGEST = 2**32 - 1
# `quake.datasets.collection.merge` numbers the events of collections that are taken together.
_NUMBER_OF_COLLECTION = re.compile(r"^\d+:")


@dataclass(frozen=True)
class Overlap:
    """How many of some events a model was trained on.

    Attributes
    ----------
    looked_up : int
        Events that the sketch can tell of.
    seen : int
        Those of them that it was trained on.
    rows : tuple of int
        Indices of the rows of events that it was trained on, as far as the sketch can tell.
    """

    looked_up: int
    seen: int
    rows: tuple[int, ...]


def event_digest(group: str) -> int:
    """First four bytes of the SHA-256 of an event's name, as a number."""
    name = _NUMBER_OF_COLLECTION.sub("", group)
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def event_sketch(groups: Iterable[str]) -> dict[str, Any]:
    """Sketch of the events that a model is trained on, for its card.

    Returns
    -------
    dict
        events (number of all), largest (digest up to which the sketch can tell) and digests
        (base64, four bytes each, ascending).
    """
    found = sorted({event_digest(group) for group in groups})
    kept = found[:LARGEST_SKETCH]
    packed = np.array(kept, dtype=">u4").tobytes()
    return {
        "events": len(found),
        "largest": kept[-1] if len(found) > len(kept) else _ANY_DIGEST,
        "digests": base64.b64encode(packed).decode("ascii"),
    }


def overlap(sketch: Mapping[str, Any] | None, groups: Sequence[str]) -> Overlap | None:
    """Look up the events of rows in a sketch; None where there is no usable one."""
    try:
        packed = base64.b64decode((sketch or {})["digests"], validate=True)
        trained = set(np.frombuffer(packed, dtype=">u4").tolist())
        largest = int((sketch or {})["largest"])
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    digests = {group: event_digest(group) for group in set(groups)}
    seen = {group for group, digest in digests.items() if digest in trained}
    return Overlap(
        looked_up=sum(digest <= largest for digest in digests.values()),
        seen=len(seen),
        rows=tuple(i for i, group in enumerate(groups) if group in seen),
    )
