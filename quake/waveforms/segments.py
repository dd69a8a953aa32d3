"""Waveforms in memory: contiguous segments, the channel set they belong to, their orientation.

Times are integers, nanoseconds since 1970-01-01T00:00:00 UTC, so that no rounding depends on
where a file begins. An end is exclusive: the time at which the next sample would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.waveforms.ids import ALIASES, ChannelSetId
from quake.waveforms.times import NS_PER_S


@dataclass(frozen=True, eq=False)
class Segment:
    """Samples of one component without a gap.

    Attributes
    ----------
    code : str
        Component as written in the file: the last letter of the channel code (Z, N, E, 1, 2, 3).
    start_ns : int
        Time of the first sample, ns since the epoch.
    sampling_rate_hz : float
    samples : array of shape (N,)
        In the units and type of the file.
    source : str
        Path of the file it was read from; empty if there is none, or several.
    """

    code: str
    start_ns: int
    sampling_rate_hz: float
    samples: NDArray[Any]
    source: str = ""

    @property
    def end_ns(self) -> int:
        """Time at which the sample after the last one would be, ns since the epoch."""
        return self.start_ns + duration_ns(len(self.samples), self.sampling_rate_hz)


@dataclass(frozen=True)
class Span:
    """What a header says of a piece of one trace, without its samples.

    ``source`` is the path, or another name, of the input it comes from.
    """

    id: ChannelSetId
    code: str
    start_ns: int
    end_ns: int
    sampling_rate_hz: float
    source: str


@dataclass(frozen=True, eq=False)
class ChannelSet:
    """Joined segments of the up to three components of one channel set.

    Attributes
    ----------
    segments : mapping of "Z", "N", "E" to segments in the order of time
    rotation : array of shape (3, 3) or None
        Multiplied with (Z, N, E)-ordered samples it gives true Z, N, E; None where the samples
        are taken as they are.
    disputed : mapping of "Z", "N", "E" to intervals
        Where pieces contradicted each other, so that no samples are left; ns since the epoch.
    """

    id: ChannelSetId
    segments: Mapping[str, list[Segment]]
    rotation: NDArray[np.float64] | None = field(default=None)
    disputed: Mapping[str, list[tuple[int, int]]] = field(default_factory=dict)


def duration_ns(n_samples: int, sampling_rate_hz: float) -> int:
    """Length of `n_samples` samples in ns, to the nearest one."""
    return round(n_samples * NS_PER_S / sampling_rate_hz)


def component_map(pieces: Iterable[Span | Segment]) -> dict[str, str]:
    """Say which component each code of a channel set stands for.

    1 is N and 2 is E; 3 is Z. Where a true component and its alias were recorded at the same
    time, the true one is taken and the alias left out; where a station changed from one to the
    other, both are used.

    Returns
    -------
    dict of code to "Z", "N" or "E"; codes that are none of these are left out.
    """
    by_code: dict[str, list[Span | Segment]] = {}
    for piece in pieces:
        by_code.setdefault(piece.code, []).append(piece)
    mapping = {code: ALIASES[code] for code in by_code if code in ALIASES}
    for code, component in list(mapping.items()):
        rival = by_code.get(component, [])
        if code != component and _overlap(by_code[code], rival):
            del mapping[code]
    return mapping


def _overlap(first: Iterable[Span | Segment], second: Iterable[Span | Segment]) -> bool:
    second = list(second)
    return any(a.start_ns < b.end_ns and b.start_ns < a.end_ns for a in first for b in second)
