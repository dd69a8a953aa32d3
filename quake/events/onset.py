"""An onset: what was found at one channel set, before it is said which onsets are events.

Onsets do not depend on thresholds, so that a store keeps them and events can be made of them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from quake.waveforms.times import NS_PER_S, format_time, parse_time


@dataclass(frozen=True)
class Onset:
    """Something that arrives at a channel set.

    Attributes
    ----------
    id : str
        Channel set, as in ``IU.ANMO.00.BH?``.
    time : str
        UTC, ISO 8601.
    uncertainty_s : float
    p, s : float
        How probably it is a P and how probably an S, see `quake.events.picks`.
    s_after : float
        How probably what follows is the S that belongs to it, see `quake.events.pairs`.
    probabilities : mapping of class to float
        Of the window that begins 15 s before it; empty of what is taken for an S.
    snr_db, peak_amplitude, peak_component, dominant_frequency_hz, duration_s, is_cut
        See `quake.events.measure.Measurement`.
    components : str
        That were recorded and used.
    flags : tuple of str
        Of the window, see docs/output.md.
    windows : tuple of str
        Starts of the windows of the grid that made one look here, UTC.
    model : str
        First twelve digits of the SHA-256 of the model file.
    network : str
        The same of the onset network.
    is_emergent : bool
        Nothing sharp was found; the onset is that of the envelope.
    """

    id: str
    time: str
    uncertainty_s: float
    p: float
    s: float
    s_after: float
    probabilities: Mapping[str, float]
    snr_db: float
    peak_amplitude: float
    peak_component: str
    dominant_frequency_hz: float
    duration_s: float
    is_cut: bool
    components: str
    flags: tuple[str, ...]
    windows: tuple[str, ...]
    model: str
    network: str
    is_emergent: bool = False

    @property
    def time_ns(self) -> int:
        """Time, ns since the epoch."""
        return parse_time(self.time)

    @property
    def end_ns(self) -> int:
        """Time of the return to the noise, ns since the epoch."""
        return self.time_ns + round(self.duration_s * NS_PER_S)

    @property
    def end(self) -> str:
        """The same as text."""
        return format_time(self.end_ns)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        values = asdict(self)
        return {
            **values,
            "probabilities": dict(self.probabilities),
            "flags": list(self.flags),
            "windows": list(self.windows),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Onset:
        """Read back what `to_dict` wrote.

        Raises
        ------
        ValueError
            If it was found by a version without an onset network.
        TypeError, KeyError
            If something is missing or unknown.
        """
        if _is_old(values):
            raise ValueError("found by a version of quake without an onset network")
        return cls(
            **{
                **values,
                "flags": tuple(values["flags"]),
                "windows": tuple(values["windows"]),
            }
        )


def onsets_as_bytes(onsets: Iterable[Onset]) -> bytes:
    """Lines of JSON, one an onset."""
    lines = (json.dumps(onset.to_dict(), allow_nan=False) for onset in onsets)
    return "".join(f"{line}\n" for line in lines).encode()


def onsets_of_bytes(content: bytes) -> list[Onset]:
    """Read back what `onsets_as_bytes` wrote.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it is something else.
    """
    return [Onset.from_dict(json.loads(line)) for line in content.splitlines()]


def are_current(path: Path) -> bool:
    """Whether the onsets of a file were found by an onset network, as far as its first one says.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        line = file.readline()
    try:
        return not (line and _is_old(json.loads(line)))
    except ValueError:
        return True  # it is damaged, and not old; who reads it says so


def _is_old(values: Any) -> bool:
    return isinstance(values, Mapping) and "rise_db" in values and "network" not in values


def unique(onsets: Iterable[Onset]) -> Iterator[Onset]:
    """Onsets by channel set and time, each once.

    Windows of two days may speak of one onset at midnight; all of them are named.
    """
    ordered = sorted(onsets, key=lambda o: (o.id, o.time_ns, o.is_emergent))
    for _, same in groupby(ordered, key=lambda o: (o.id, o.time_ns, o.is_emergent)):
        several = list(same)
        windows = tuple(sorted({start for onset in several for start in onset.windows}))
        yield replace(several[0], windows=windows)
