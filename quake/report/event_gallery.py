"""Read what is shown of events, and say where label rows lie in files."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quake.errors import QuakeError
from quake.events import Arrival, Event, parse_channel_set
from quake.pictures.event_view import EventView, view_event
from quake.report.gallery import SpanFinder
from quake.store.journal import DayKey
from quake.waveforms.ids import COMPONENTS, FILES
from quake.waveforms.readers.file_index import FileIndex
from quake.waveforms.sources import SpanSource
from quake.waveforms.times import NS_PER_S, format_time, parse_time

logger = logging.getLogger(__name__)

# What is shown of an event: so much before its onset, and until it is over.
_BEFORE_S, _SHORTEST_S, _LONGEST_S = 10.0, 20.0, 65.0

# Of an event that several stations saw, these have a picture.
_MOST_STATIONS = 6

# A row of a label table, as those that models of quake are trained on.
_ROW_BEFORE_NS, _ROW_AFTER_NS = 15 * NS_PER_S, 45 * NS_PER_S

# Files whose index is kept.
_INDEXES = 64


@dataclass(frozen=True)
class ArrivalTime:
    """A stretch around an event at one channel set, as `SpanFinder` looks for it."""

    key: DayKey
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class StationView:
    """What an event looks like at one channel set.

    Attributes
    ----------
    arrival : Arrival
    view : EventView
    """

    arrival: Arrival
    view: EventView


@dataclass(frozen=True)
class LabelRow:
    """Where the waveform of an event at a channel set lies, for a label table.

    Attributes
    ----------
    path : str
        Absolute; several files are divided by ``;``.
    start, end, onset : str
        UTC, ISO 8601.
    network, station, channel_set : str
    snr_db : float
    """

    path: str
    start: str
    end: str
    onset: str
    network: str
    station: str
    channel_set: str
    snr_db: float


@dataclass(frozen=True)
class EventExhibit:
    """An event with what is shown of it.

    Attributes
    ----------
    event : Event
    is_doubt : bool
        It is none: an onset that the model was not certain of.
    views : sequence of StationView
        That with the largest SNR first.
    missing : str
        Why there are none; empty if there are.
    rows : sequence of LabelRow
    """

    event: Event
    is_doubt: bool
    views: Sequence[StationView]
    missing: str
    rows: Sequence[LabelRow]


def times_of(event: Event) -> list[ArrivalTime]:
    """Stretches of which files are wanted, one for each arrival."""
    return [_time_of(arrival) for arrival in event.arrivals]


def show_events(
    events: Sequence[tuple[Event, bool]],
    finder: SpanFinder,
    on_event: Callable[[], None] = lambda: None,
) -> list[EventExhibit]:
    """Read what is shown of events; those that cannot be read stay, with the reason.

    Parameters
    ----------
    events : sequence of (Event, whether it is a doubt)
    finder : SpanFinder
        That has seen all files.
    on_event : callable
        Called after each event.
    """
    reader = _Reader(finder)
    exhibits = []
    for event, is_doubt in events:
        exhibits.append(reader.exhibit(event, is_doubt))
        on_event()
    return exhibits


class _Reader:
    def __init__(self, finder: SpanFinder) -> None:
        self.finder = finder
        self._indexes: dict[str, FileIndex] = {}

    def exhibit(self, event: Event, is_doubt: bool) -> EventExhibit:
        rows = [row for arrival in event.arrivals if (row := self._row(arrival)) is not None]
        views: list[StationView] = []
        missing = "the journal knows of no file that holds it"
        clearest = sorted(event.arrivals, key=lambda a: -a.snr_db)[:_MOST_STATIONS]
        for arrival in clearest:
            components = COMPONENTS if arrival is clearest[0] else COMPONENTS[:1]
            found = self._view(event, arrival, components)
            if isinstance(found, str):
                missing = found or missing
            elif found.view.lines:
                views.append(found)
            else:
                missing = "nothing was recorded there"
        return EventExhibit(event, is_doubt, views, "" if views else missing, rows)

    def _view(self, event: Event, arrival: Arrival, components: Sequence[str]) -> StationView | str:
        wanted = _time_of(arrival)
        files = self.finder.files_of(wanted)
        changed = self.finder.changed(files)
        if changed or not files:
            return changed
        key = wanted.key[0]
        spans = self.finder.spans_near(wanted)
        while len(self._indexes) > _INDEXES:
            del self._indexes[next(iter(self._indexes))]
        source = SpanSource(key, spans, self._indexes)
        try:
            view = view_event(source, spans, key, *_ends(event), components=components)
        except (QuakeError, OSError) as error:
            logger.warning("%s: no picture of %s (%s)", arrival.channel_set, arrival.onset, error)
            return str(error)
        return StationView(arrival, view)

    def _row(self, arrival: Arrival) -> LabelRow | None:
        wanted = _time_of(arrival)
        files = self.finder.files_of(wanted)
        spans = [s for s in self.finder.spans_near(wanted) if s.source in files]
        if not spans:
            return None
        key = wanted.key[0]
        start_ns = max(arrival.onset_ns - _ROW_BEFORE_NS, min(s.start_ns for s in spans))
        end_ns = min(arrival.onset_ns + _ROW_AFTER_NS, max(s.end_ns for s in spans))
        return LabelRow(
            path=FILES.join(map(os.path.abspath, files)),
            start=format_time(start_ns),
            end=format_time(end_ns),
            onset=arrival.onset,
            network=key.network,
            station=key.station,
            channel_set=arrival.channel_set,
            snr_db=arrival.snr_db,
        )


def _time_of(arrival: Arrival) -> ArrivalTime:
    onset_ns = arrival.onset_ns
    key = parse_channel_set(arrival.channel_set), arrival.onset[:10]
    return ArrivalTime(key, onset_ns - _ROW_BEFORE_NS, onset_ns + _ROW_AFTER_NS)


def _ends(event: Event) -> tuple[int, int]:
    """Beginning and end of what is shown, ns since the epoch."""
    onset_ns = parse_time(event.onset)
    length_s = min(max(1.3 * event.duration_s + 5.0, _SHORTEST_S), _LONGEST_S)
    return onset_ns - round(_BEFORE_S * NS_PER_S), onset_ns + round(length_s * NS_PER_S)
