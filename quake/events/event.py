"""An event: an onset with a class at one or more channel sets; docs/events.md has its schema."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from quake.errors import ParameterError
from quake.events.onset import Onset
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.times import NS_PER_S, format_time, parse_time

FIELDS = (
    "id",
    "label",
    "onset",
    "onset_uncertainty_s",
    "end",
    "duration_s",
    "probability",
    "probabilities",
    "snr_db",
    "peak_amplitude",
    "peak_velocity_m_s",
    "dominant_frequency_hz",
    "s_onset",
    "s_onset_uncertainty_s",
    "s_minus_p_s",
    "distance_km",
    "flags",
    "windows",
    "channel_sets",
    "arrivals",
    "model",
)
"""Names of the schema, in its order."""

KM_PER_S_OF_S_P = 8.2
"""Distance that a second between S and P means: ``Vp Vs / (Vp - Vs)`` with 6.0 and 3.46 km/s."""

# Of the SHA-256: 32 bits beside second and class, which hardly ever agree for two events.
_HASH_DIGITS = 8

# Allowed in file names and in QuakeML's identifiers.
_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


@dataclass(frozen=True)
class Arrival:
    """An event at one channel set.

    Attributes
    ----------
    channel_set : str
        As in ``IU.ANMO.00.BH?``.
    label : str
        Class.
    onset : str
        UTC, ISO 8601.
    onset_uncertainty_s : float
    end : str
        Return to the noise, or the onset of the next event if that is before it.
    probability : float
        Of the class.
    probabilities : mapping of class to float
        Of all classes.
    phase_probability : float
        How probably the onset is a P.
    snr_db, peak_amplitude, peak_component, dominant_frequency_hz
        See `quake.events.measure.Measurement`.
    peak_velocity_m_s : float or None
        Peak amplitude divided by the channel's sensitivity, where that is known.
    s_onset : str or None
    s_onset_uncertainty_s : float or None
        Where an S is clear.
    components : str
    flags : tuple of str
    windows : tuple of str
        Starts of the windows of the grid that made one look here.
    model : str
    """

    channel_set: str
    label: str
    onset: str
    onset_uncertainty_s: float
    end: str
    probability: float
    probabilities: Mapping[str, float]
    phase_probability: float
    snr_db: float
    peak_amplitude: float
    peak_component: str
    peak_velocity_m_s: float | None
    dominant_frequency_hz: float
    s_onset: str | None
    s_onset_uncertainty_s: float | None
    components: str
    flags: tuple[str, ...]
    windows: tuple[str, ...]
    model: str

    @classmethod
    def of(cls, onset: Onset, label: str, s: Onset | None, following_ns: int | None) -> Arrival:
        """An onset that is an event, the S that belongs to it, and when the next event begins."""
        end_ns = onset.end_ns if following_ns is None else min(onset.end_ns, following_ns)
        states = {
            "emergent": onset.is_emergent,
            "cut": onset.is_cut and end_ns == onset.end_ns,
            "followed": end_ns < onset.end_ns,
        }
        return cls(
            channel_set=onset.id,
            label=label,
            onset=onset.time,
            onset_uncertainty_s=onset.uncertainty_s,
            end=format_time(end_ns),
            probability=onset.probabilities[label],
            probabilities=onset.probabilities,
            phase_probability=onset.p,
            snr_db=onset.snr_db,
            peak_amplitude=onset.peak_amplitude,
            peak_component=onset.peak_component,
            peak_velocity_m_s=None,
            dominant_frequency_hz=onset.dominant_frequency_hz,
            s_onset=None if s is None else s.time,
            s_onset_uncertainty_s=None if s is None else s.uncertainty_s,
            components=onset.components,
            flags=(*(name for name, holds in states.items() if holds), *onset.flags),
            windows=onset.windows,
            model=onset.model,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Arrival:
        """Read back what `to_dict` wrote.

        Raises
        ------
        TypeError, KeyError
            If something is missing or unknown.
        """
        lists = {name: tuple(values[name]) for name in ("flags", "windows")}
        return cls(**{**values, **lists})

    @property
    def station(self) -> tuple[str, str]:
        """Network and station code."""
        key = parse_channel_set(self.channel_set)
        return key.network, key.station

    @property
    def onset_ns(self) -> int:
        """Onset, ns since the epoch."""
        return parse_time(self.onset)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        return {
            **asdict(self),
            "probabilities": dict(self.probabilities),
            "flags": list(self.flags),
            "windows": list(self.windows),
        }


@dataclass(frozen=True)
class Event:
    """An onset with a class, at one channel set or at several that agree.

    Made of arrivals with `of_arrivals`, which says where its values come from.

    Attributes
    ----------
    id : str
        Made of second of onset, class, and a hash of onset, class and channel sets, as in
        ``20200502T200100Z-earthquake-3fa9c1d2``; ASCII letters, digits, ``_`` and ``-`` alone.
    label : str
        Class.
    onset : str
        The earliest one; UTC, ISO 8601.
    onset_uncertainty_s : float
        Its uncertainty.
    end : str
        The latest one.
    duration_s : float
        From the onset to the end.
    probability, probabilities
        Of the arrival that is most probably of this class.
    snr_db, peak_amplitude, peak_velocity_m_s, dominant_frequency_hz
        Of the arrival with the largest SNR.
    s_onset, s_onset_uncertainty_s, s_minus_p_s, distance_km
        Of the arrival with the largest SNR of those with a clear S; None without one.
    flags, windows, channel_sets : tuple of str
        Of all arrivals, each once; sorted.
    arrivals : tuple of Arrival
        By onset and channel set.
    model : str
        First twelve digits of the SHA-256 of the model file.
    """

    id: str = field(init=False)
    label: str
    arrivals: tuple[Arrival, ...]
    onset: str = field(init=False)
    onset_uncertainty_s: float = field(init=False)
    end: str = field(init=False)
    duration_s: float = field(init=False)
    probability: float = field(init=False)
    probabilities: Mapping[str, float] = field(init=False)
    snr_db: float = field(init=False)
    peak_amplitude: float = field(init=False)
    peak_velocity_m_s: float | None = field(init=False)
    dominant_frequency_hz: float = field(init=False)
    s_onset: str | None = field(init=False)
    s_onset_uncertainty_s: float | None = field(init=False)
    s_minus_p_s: float | None = field(init=False)
    distance_km: float | None = field(init=False)
    flags: tuple[str, ...] = field(init=False)
    windows: tuple[str, ...] = field(init=False)
    channel_sets: tuple[str, ...] = field(init=False)
    model: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive all else from the arrivals."""
        if not self.arrivals:
            raise ParameterError("an event has at least one arrival, got none")
        arrivals = tuple(sorted(self.arrivals, key=lambda a: (a.onset_ns, a.channel_set)))
        for name, value in _derived(self.label, arrivals).items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Event:
        """Read back what `to_dict` wrote; all else follows from class and arrivals.

        Raises
        ------
        TypeError, KeyError
            If something is missing or unknown.
        """
        arrivals = tuple(Arrival.from_dict(arrival) for arrival in values["arrivals"])
        return cls(str(values["label"]), arrivals)

    @property
    def stations(self) -> tuple[tuple[str, str], ...]:
        """Network and station codes of the channel sets: distinct, sorted."""
        return tuple(sorted({arrival.station for arrival in self.arrivals}))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, in the order of the schema."""
        row = {name: getattr(self, name) for name in FIELDS}
        lists = {name: list(row[name]) for name in ("flags", "windows", "channel_sets")}
        return {
            **row,
            **lists,
            "probabilities": dict(self.probabilities),
            "arrivals": [arrival.to_dict() for arrival in self.arrivals],
        }


def _derived(label: str, arrivals: tuple[Arrival, ...]) -> dict[str, Any]:
    """All attributes of an event but its class."""
    first = arrivals[0]
    surest = max(arrivals, key=lambda a: a.probabilities.get(label, 0.0))
    clearest = max(arrivals, key=lambda a: a.snr_db)
    with_s = max((a for a in arrivals if a.s_onset), key=lambda a: a.snr_db, default=None)
    end_ns = max(parse_time(a.end) for a in arrivals)
    channel_sets = _each_once(a.channel_set for a in arrivals)
    s_p_s = None if with_s is None else _s_minus_p_s(with_s)
    return {
        "id": _id(label, first.onset, channel_sets),
        "arrivals": arrivals,
        "onset": first.onset,
        "onset_uncertainty_s": first.onset_uncertainty_s,
        "end": format_time(end_ns),
        "duration_s": round((end_ns - first.onset_ns) / NS_PER_S, 2),
        "probability": surest.probabilities.get(label, 0.0),
        "probabilities": surest.probabilities,
        "snr_db": clearest.snr_db,
        "peak_amplitude": clearest.peak_amplitude,
        "peak_velocity_m_s": clearest.peak_velocity_m_s,
        "dominant_frequency_hz": clearest.dominant_frequency_hz,
        "s_onset": None if with_s is None else with_s.s_onset,
        "s_onset_uncertainty_s": None if with_s is None else with_s.s_onset_uncertainty_s,
        "s_minus_p_s": s_p_s,
        "distance_km": None if s_p_s is None else round(s_p_s * KM_PER_S_OF_S_P, 1),
        "flags": _each_once(flag for a in arrivals for flag in a.flags),
        "windows": _each_once(start for a in arrivals for start in a.windows),
        "channel_sets": channel_sets,
        "model": first.model,
    }


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _s_minus_p_s(arrival: Arrival) -> float:
    assert arrival.s_onset is not None
    return round((parse_time(arrival.s_onset) - arrival.onset_ns) / NS_PER_S, 2)


def parse_channel_set(text: str) -> ChannelSetId:
    """Read the name of a channel set back.

    Codes have no dots; where one has all the same, it is taken for a part of the station's.

    Raises
    ------
    ParameterError
        If there are less than four codes.

    Examples
    --------
    >>> parse_channel_set("BK.MHC..BH?")
    ChannelSetId(network='BK', station='MHC', location='', band_instrument='BH')
    """
    codes = text.removesuffix("?").split(".")
    if len(codes) < 4:
        raise ParameterError(
            f"{text!r} is not a channel set; expected network, station, location, band and "
            "instrument as in IU.ANMO.00.BH?"
        )
    return ChannelSetId(codes[0], ".".join(codes[1:-2]), codes[-2], codes[-1])


def _id(label: str, onset: str, channel_sets: tuple[str, ...]) -> str:
    parts = "\n".join((label, onset, *sorted(channel_sets)))
    digits = hashlib.sha256(parts.encode("utf-8", "backslashreplace")).hexdigest()[:_HASH_DIGITS]
    second = onset[:19].replace("-", "").replace(":", "")
    return f"{second}Z-{_UNSAFE.sub('_', label)}-{digits}"
