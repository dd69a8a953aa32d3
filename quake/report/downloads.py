"""Pack what the script of a page writes files of.

The files are those that `quake predict --events` writes; the script only leaves out what a reader
has filtered away.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from collections.abc import Sequence
from typing import Any

from quake.events import Event
from quake.output.events import write_events
from quake.report.event_card import EventCard
from quake.report.event_gallery import EventExhibit
from quake.report.run_facts import RunFacts, store_name


def packed_files(events: Sequence[Event], classes: Sequence[str]) -> str:
    """Events as CSV, a row each, and as QuakeML; gzip, base64.

    Parameters
    ----------
    events : sequence of Event
    classes : names, in the order of the columns of CSV
    """
    files = {
        "head": _csv([], classes),
        "rows": [_csv([event], classes).removeprefix(_csv([], classes)) for event in events],
        "quakeml": _written(events, "quakeml", classes),
    }
    content = json.dumps(files, ensure_ascii=True).encode()
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")


def review_data(
    cards: Sequence[EventCard],
    exhibits: Sequence[EventExhibit],
    facts: RunFacts,
) -> dict[str, Any]:
    """What the script of a page has to know of events.

    Parameters
    ----------
    cards, exhibits : of the same events
    facts : RunFacts
        The name of the store is the source in label tables.
    """
    told = f"{facts.root}\0{facts.model}".encode("utf-8", "surrogateescape")
    return {
        "key": hashlib.sha256(told).hexdigest()[:16],
        "source": store_name(facts.root),
        "classes": list(facts.classes),
        "events": [_event(card, exhibit) for card, exhibit in zip(cards, exhibits, strict=True)],
    }


def _event(card: EventCard, exhibit: EventExhibit) -> dict[str, Any]:
    event = card.event
    return {
        "id": event.id,
        "doubt": card.is_doubt,
        "label": event.label,
        "onset": event.onset,
        "end": event.end,
        "p": event.probability,
        "margin": round(card.margin, 6),
        "snr": event.snr_db,
        "duration": event.duration_s,
        "sp": event.s_minus_p_s,
        "km": event.distance_km,
        "peak": event.peak_amplitude,
        "hz": event.dominant_frequency_hz,
        "stations": [".".join(filter(None, station)) for station in event.stations],
        "sets": list(event.channel_sets),
        "model": event.model,
        "rows": [vars(row) for row in exhibit.rows],
    }


def _csv(events: Sequence[Event], classes: Sequence[str]) -> str:
    return _written(events, "csv", classes)


def _written(events: Sequence[Event], name: str, classes: Sequence[str]) -> str:
    file = io.BytesIO()
    write_events(file, name, events, classes=classes, dated=False)
    return file.getvalue().decode("utf-8")
