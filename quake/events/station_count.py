"""Warn where fewer stations have onsets than have to agree on an event."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from quake.events.event import parse_channel_set
from quake.events.onset import Onset
from quake.events.options import EventOptions

logger = logging.getLogger(__name__)


def counting_stations(onsets: Iterable[Onset], options: EventOptions) -> Iterator[Onset]:
    """Pass onsets on; warn after the last one if they are of too few stations to be events.

    Parameters
    ----------
    onsets : iterable of Onset
        All of a run or a store.
    options : EventOptions
    """
    stations = set()
    for onset in onsets:
        key = parse_channel_set(onset.id)
        stations.add((key.network, key.station))
        yield onset
    if len(stations) < options.min_stations and options.min_stations > 1:
        logger.warning(
            "%s onsets; --min-stations %d needs %d",
            _have(len(stations)),
            options.min_stations,
            options.min_stations,
        )


def _have(n_stations: int) -> str:
    if n_stations == 0:
        return "no station has"
    return "only 1 station has" if n_stations == 1 else f"only {n_stations} stations have"
