"""Write events as QuakeML, by ObsPy's event classes; see docs/events.md."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from quake import __version__
from quake.errors import ParameterError
from quake.events.event import Arrival, Event, parse_channel_set
from quake.waveforms.times import NS_PER_S, parse_time

if TYPE_CHECKING:
    from obspy.core.event import (
        Amplitude,
        Catalog,
        Comment,
        CreationInfo,
        Pick,
        WaveformStreamID,
    )

_PREFIX = "smi:local/quake"
_AGENCY = "quake"

# Lengths that the schema allows.
_CODE_LENGTH = 8
_VERSION_LENGTH = 64

# Damaged headers have codes with characters that XML cannot hold.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.-]")


def write_quakeml(
    file: BinaryIO, events: Sequence[Event], *, created_ns: int | None = None, dated: bool = True
) -> None:
    """Write events as QuakeML 1.2.

    Parameters
    ----------
    file : binary file
    events : sequence of Event
    created_ns : int, optional
        Time of creation that the document gives, ns since the epoch. By default the seconds in
        the environment's ``SOURCE_DATE_EPOCH``, or else now.
    dated : bool
        If False, no time of creation is given: the bytes depend on the events alone.

    Raises
    ------
    ParameterError
        If ``SOURCE_DATE_EPOCH`` is used and is no number of seconds.
    """
    if not dated:
        created_ns = None
    elif created_ns is None:
        created_ns = _now_ns()
    _catalogue(events, created_ns).write(file, format="QUAKEML")


def _now_ns() -> int:
    """Now, or what the standard for reproducible builds says that now is."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return time.time_ns()
    if not (text.isascii() and text.isdigit()):
        raise ParameterError(
            f"SOURCE_DATE_EPOCH is {text!r}; expected whole seconds since 1970, or unset it"
        )
    return int(text) * NS_PER_S


def _catalogue(events: Sequence[Event], created_ns: int | None) -> Catalog:
    from obspy.core.event import Catalog

    names = "\n".join(event.id for event in events)
    digits = hashlib.sha256(names.encode()).hexdigest()[:12]
    return Catalog(
        [_event(event, created_ns) for event in events],
        resource_id=_resource("catalogue", digits),
        creation_info=_creation_info(created_ns),
    )


def _event(event: Event, created_ns: int | None) -> Any:
    from obspy.core.event import Event as ObsPyEvent

    picks, amplitudes = [], []
    for number, arrival in enumerate(event.arrivals, start=1):
        p = _pick(event, str(number), arrival, "P")
        picks.append(p)
        amplitudes.append(_amplitude(event, str(number), arrival, p))
        if arrival.s_onset is not None:
            picks.append(_pick(event, f"{number}s", arrival, "S"))
    return ObsPyEvent(
        resource_id=_resource("event", event.id),
        event_type=_event_type(event.label) or "other event",
        event_type_certainty="suspected",
        comments=_comments(event),
        picks=picks,
        amplitudes=amplitudes,
        creation_info=_creation_info(created_ns, event.model),
    )


def _event_type(label: str) -> str | None:
    """The type of QuakeML that has the name of a class."""
    from obspy.core.event.header import EventType

    name = label.replace("_", " ").lower()
    return name if name in EventType.values() else None


def _comments(event: Event) -> list[Comment]:
    """First all that we know, for programs; then class and probability, for readers."""
    from obspy.core.event import Comment

    text = f"class {event.label}, probability {event.probability:.3f}"
    if _event_type(event.label) is None:
        text += "; QuakeML has no event type for it"
    texts = [json.dumps(event.to_dict(), allow_nan=False), text]
    return [Comment(text=_xml(text), force_resource_id=False) for text in texts]


def _pick(event: Event, name: str, arrival: Arrival, phase: str) -> Pick:
    """Onset of a phase at one channel set."""
    from obspy import UTCDateTime
    from obspy.core.event import Comment, Pick, QuantityError

    time, uncertainty_s = (
        (arrival.onset, arrival.onset_uncertainty_s)
        if phase == "P"
        else (arrival.s_onset, arrival.s_onset_uncertainty_s)
    )
    assert time is not None
    text = f"class {arrival.label}, probability {arrival.probability:.3f}"
    is_emergent = "emergent" in arrival.flags
    return Pick(
        # A number, because codes may hold what an identifier may not.
        resource_id=_resource("pick", event.id, name),
        time=UTCDateTime(ns=parse_time(time)),
        time_errors=QuantityError(uncertainty=uncertainty_s),
        waveform_id=_stream(arrival, "Z" if phase == "P" else _horizontal(arrival)),
        # Of something without a sharp onset, nobody knows which phase it is.
        phase_hint=None if is_emergent else phase,
        onset="emergent" if is_emergent else None,
        method_id=_resource("onset", arrival.model),
        evaluation_mode="automatic",
        comments=[Comment(text=_xml(text), force_resource_id=False)],
    )


def _amplitude(event: Event, number: str, arrival: Arrival, pick: Pick) -> Amplitude:
    """Peak amplitude at one channel set: in m/s where the sensitivity is known, else in counts."""
    from obspy.core.event import Amplitude

    velocity = arrival.peak_velocity_m_s
    return Amplitude(
        resource_id=_resource("amplitude", event.id, number),
        generic_amplitude=arrival.peak_amplitude if velocity is None else velocity,
        type="A",
        category="point",
        unit="other" if velocity is None else "m/s",
        snr=round(10 ** (arrival.snr_db / 20), 3),
        pick_id=pick.resource_id,
        waveform_id=_stream(arrival, arrival.peak_component),
        method_id=_resource("amplitude", "peak", "high-passed"),
        evaluation_mode="automatic",
    )


def _horizontal(arrival: Arrival) -> str:
    return next((c for c in "NE" if c in arrival.components), "Z")


def _stream(arrival: Arrival, component: str) -> WaveformStreamID:
    from obspy.core.event import WaveformStreamID

    key = parse_channel_set(arrival.channel_set)
    return WaveformStreamID(
        network_code=_code(key.network),
        station_code=_code(key.station),
        location_code=_code(key.location),
        channel_code=_code(key.band_instrument, _CODE_LENGTH - 1) + component,
    )


def _creation_info(created_ns: int | None, model: str | None = None) -> CreationInfo:
    from obspy import UTCDateTime
    from obspy.core.event import CreationInfo

    return CreationInfo(
        agency_id=_AGENCY,
        author=f"{_AGENCY} {__version__}",
        version=None if model is None else _xml(model)[:_VERSION_LENGTH],
        creation_time=None if created_ns is None else UTCDateTime(ns=created_ns),
    )


def _resource(*parts: str) -> Any:
    from obspy.core.event import ResourceIdentifier

    return ResourceIdentifier("/".join((_PREFIX, *(_NOT_IN_IDS.sub("_", part) for part in parts))))


def _code(text: str, length: int = _CODE_LENGTH) -> str:
    return _xml(text)[:length]


def _xml(text: str) -> str:
    return _NOT_XML.sub("?", text)
