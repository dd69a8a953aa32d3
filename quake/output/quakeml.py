"""QuakeML: events go in, a document of ObsPy's event classes comes out; see docs/events.md."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from quake import __version__
from quake.data.times import parse_time
from quake.data.waveform import NS_PER_S
from quake.errors import ParameterError
from quake.events.event import Event, parse_channel_set

if TYPE_CHECKING:
    from obspy.core.event import Catalog, Comment, CreationInfo, Pick

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

    return ObsPyEvent(
        resource_id=_resource("event", event.id),
        event_type=_event_type(event.label) or "other event",
        event_type_certainty="suspected",
        comments=_comments(event),
        picks=[
            _pick(event, number, channel_set)
            for number, channel_set in enumerate(event.channel_sets, start=1)
        ],
        creation_info=_creation_info(created_ns, event.model),
    )


def _event_type(label: str) -> str | None:
    """The type of QuakeML that has the name of a class."""
    from obspy.core.event.header import EventType

    name = label.replace("_", " ").lower()
    return name if name in EventType.values() else None


def _comments(event: Event) -> list[Comment]:
    """First all that we know, for programs; then, for readers, a class that QuakeML has not."""
    texts = [json.dumps(event.to_dict(), allow_nan=False)]
    if _event_type(event.label) is None:
        texts.append(f"class {event.label}, for which QuakeML has no event type")
    from obspy.core.event import Comment

    return [Comment(text=_xml(text), force_resource_id=False) for text in texts]


def _pick(event: Event, number: int, channel_set: str) -> Pick:
    """Start of an event, which is the start of a window, at one channel set."""
    from obspy import UTCDateTime
    from obspy.core.event import Pick, WaveformStreamID

    key = parse_channel_set(channel_set)
    return Pick(
        # A number, because codes may hold what an identifier may not.
        resource_id=_resource("pick", event.id, str(number)),
        time=UTCDateTime(ns=parse_time(event.start)),
        waveform_id=WaveformStreamID(
            network_code=_code(key.network),
            station_code=_code(key.station),
            location_code=_code(key.location),
            channel_code=_code(key.band_instrument, _CODE_LENGTH - 1) + "Z",
        ),
        method_id=_resource(event.model),
        evaluation_mode="automatic",
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
