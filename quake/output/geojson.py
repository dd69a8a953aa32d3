"""Write GeoJSON: events and places of stations in, one point a station that saw an event out.

A point is where a station is. Nobody knows where the event was, so there is no point for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quake.events.event import Arrival, Event

if TYPE_CHECKING:
    from quake.stations.travel_times import Site

_LISTS = ("flags", "windows")


def geojson(events: Sequence[Event], sites: Mapping[str, Site]) -> str:
    """A feature collection (RFC 7946), with a feature an arrival; longitude and latitude, degrees.

    Parameters
    ----------
    events : sequence of Event
    sites : mapping of ``NETWORK.STATION`` to Site
        A station that is not in it has a feature without a geometry.
    """
    features = list(_features(events, sites))
    document = {"type": "FeatureCollection", "features": features}
    return json.dumps(document, allow_nan=False) + "\n"


def _features(events: Sequence[Event], sites: Mapping[str, Site]) -> Iterator[dict[str, Any]]:
    for event in events:
        for number, arrival in enumerate(event.arrivals, start=1):
            yield {
                "type": "Feature",
                "id": f"{event.id}/{number}",
                "geometry": _point(sites.get(".".join(arrival.station))),
                "properties": _properties(event, arrival),
            }


def _point(site: Site | None) -> dict[str, Any] | None:
    if site is None:
        return None
    return {"type": "Point", "coordinates": [site.longitude_deg, site.latitude_deg]}


def _properties(event: Event, arrival: Arrival) -> dict[str, Any]:
    """What the station saw, flat, as programs with maps and tables like it."""
    row = arrival.to_dict()
    probabilities = {f"p_{name}": p for name, p in row.pop("probabilities").items()}
    lists = {name: ";".join(row[name]) for name in _LISTS}
    network, station = arrival.station
    of_event = {
        "event": event.id,
        "event_label": event.label,
        "event_onset": event.onset,
        "event_probability": event.probability,
        "stations": len(event.stations),
        "network": network,
        "station": station,
    }
    return {**of_event, **row, **probabilities, **lists}
