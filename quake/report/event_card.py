"""Describe events with what is shown of them, as table rows and cards."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from quake.events import Event
from quake.pictures.event_view import EventView, ViewLine, short
from quake.pictures.time_axis import ticks
from quake.report.doubts import margin
from quake.report.event_gallery import EventExhibit, StationView
from quake.waveforms.times import NS_PER_S, parse_time

TRACE_PX, SPECTROGRAM_PX, AXIS_PX = 62, 84, 20
"""Heights of the parts of a drawing."""

_SPACE_PX = 4
_THUMBNAIL_COLUMNS = 75
_FREQUENCIES_HZ = (1.0, 2.0, 5.0, 10.0, 20.0)
_MOST_TICKS = 6

# Nearer to an edge, in percent, a time would be cut off on a telephone or reach its neighbour.
_EDGE = 8.0
_HALF_LETTER_PX = 5.0


@dataclass(frozen=True)
class Mark:
    """A line at a time: its place in percent, and its kind, ``p`` or ``s``."""

    x: float
    kind: str


@dataclass(frozen=True)
class Line:
    """A waveform: where its part begins, a path in so many columns, its name, half its height."""

    y: float
    path: str
    columns: int
    name: str
    reach: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Drawing:
    """What an event looks like.

    Attributes
    ----------
    height : float
        Pixels.
    lines : sequence of Line
    picture : str
        Data URI of the spectrogram; empty if there is none.
    picture_y : float
    frequencies : sequence of (y, text)
    ticks : sequence of (place in percent, text)
    marks : sequence of Mark
        Over the spectrogram.
    band : str
    """

    height: float
    lines: Sequence[Line]
    picture: str
    picture_y: float
    frequencies: Sequence[tuple[float, str]]
    ticks: Sequence[tuple[float, str]]
    marks: Sequence[Mark]
    band: str


@dataclass(frozen=True)
class EventCard:
    """An event, as a page shows it.

    Attributes
    ----------
    number : int
        From 1, in the order of time.
    event : Event
    is_doubt : bool
    date, clock : str
        Of the onset; the clock to the hundredth of a second.
    numbers : sequence of (name, text)
        All that was measured.
    probabilities : sequence of (class, text, share of 100)
    margin : float
        Between the two highest.
    stations : str
    flags : str
    thumbnail : str
        Path in a box of `thumbnail_columns` by `quake.pictures.event_view.HEIGHT`; empty without
        a picture.
    thumbnail_onset : float
        Where in it the onset is.
    drawing : Drawing or None
    missing : str
        Why there is none.
    """

    number: int
    event: Event
    is_doubt: bool
    date: str
    clock: str
    numbers: Sequence[tuple[str, str]]
    probabilities: Sequence[tuple[str, str, float]]
    margin: float
    stations: str
    flags: str
    thumbnail: str
    thumbnail_columns: int
    thumbnail_onset: float
    drawing: Drawing | None
    missing: str


def make_event_cards(exhibits: Sequence[EventExhibit], classes: Sequence[str]) -> list[EventCard]:
    """Describe events in their order."""
    return [_card(number, exhibit, classes) for number, exhibit in enumerate(exhibits, start=1)]


def path_of(high: Sequence[int | None], low: Sequence[int | None]) -> str:
    """A line down and up through the largest and smallest sample of each column.

    Examples
    --------
    >>> path_of([10, 20, None, 5], [30, 40, None, 5])
    'M0 10V30L1 20V40M3 5V5'
    """
    parts = []
    is_open = False
    for x, (top, bottom) in enumerate(zip(high, low, strict=True)):
        if top is None or bottom is None:
            is_open = False
            continue
        parts.append(f"{'L' if is_open else 'M'}{x} {top}V{bottom}")
        is_open = True
    return "".join(parts)


def shrunk(line: ViewLine, n_columns: int) -> tuple[list[int | None], list[int | None]]:
    """The same with fewer columns: largest of the largest, smallest of the smallest."""
    edges = [round(i * len(line.high) / n_columns) for i in range(n_columns + 1)]
    high, low = [], []
    for first, stop in pairwise(edges):
        tops = [v for v in line.high[first:stop] if v is not None]
        bottoms = [v for v in line.low[first:stop] if v is not None]
        high.append(min(tops, default=None))
        low.append(max(bottoms, default=None))
    return high, low


def _card(number: int, exhibit: EventExhibit, classes: Sequence[str]) -> EventCard:
    event = exhibit.event
    date, _, clock = event.onset.rstrip("Z").partition("T")
    first = exhibit.views[0].view if exhibit.views else None
    thumbnail, at, columns = "", 0.0, 1
    if first is not None:
        columns = min(_THUMBNAIL_COLUMNS, len(first.lines[0].high))
        thumbnail = path_of(*shrunk(first.lines[0], columns))
        at = columns * _share(parse_time(event.onset), first)
    return EventCard(
        number=number,
        event=event,
        is_doubt=exhibit.is_doubt,
        date=date,
        clock=clock[:11],
        numbers=_numbers(event),
        probabilities=_bars(event, classes),
        margin=margin(event.probabilities),
        stations=" ".join(".".join(filter(None, station)) for station in event.stations),
        flags=" ".join(event.flags),
        thumbnail=thumbnail,
        thumbnail_columns=columns,
        thumbnail_onset=at,
        drawing=_drawing(exhibit.views) if exhibit.views else None,
        missing=exhibit.missing,
    )


def _numbers(event: Event) -> list[tuple[str, str]]:
    """What was measured, as far as it was."""
    s_minus_p, distance = event.s_minus_p_s, event.distance_km
    speed = event.peak_velocity_m_s
    found = [
        ("onset uncertainty", f"{event.onset_uncertainty_s:.2f} s"),
        ("duration", f"{event.duration_s:.1f} s"),
        ("SNR", f"{event.snr_db:.1f} dB"),
        ("S-P", "" if s_minus_p is None else f"{s_minus_p:.1f} s"),
        ("distance from S-P", "" if distance is None else f"{distance:.0f} km"),
        ("peak", short(event.peak_amplitude)),
        ("peak velocity", "" if speed is None else f"{speed:.3g} m/s"),
        ("dominant frequency", f"{event.dominant_frequency_hz:.1f} Hz"),
    ]
    return [(name, text) for name, text in found if text]


def _bars(event: Event, classes: Sequence[str]) -> list[tuple[str, str, float]]:
    shares = [(name, event.probabilities.get(name, 0.0)) for name in classes]
    return [(name, f"{share:.3f}", 100 * min(max(share, 0.0), 1.0)) for name, share in shares]


def _drawing(views: Sequence[StationView]) -> Drawing:
    """All lines below each other; the spectrogram follows those of the clearest station."""
    y = 0.0
    lines: list[Line] = []
    picture, picture_y = "", 0.0
    frequencies: list[tuple[float, str]] = []
    for place, station in enumerate(views):
        view, marks = station.view, _marks(station)
        for line in view.lines:
            name = line.name if not place else f"{station.arrival.channel_set[:-1]} {line.name}"
            path, columns = path_of(line.high, line.low), len(line.high)
            lines.append(Line(y, path, columns, name, line.reach, marks))
            y += TRACE_PX + _SPACE_PX
        if not place and view.spectrogram:
            picture_y, picture = y, _data_uri(view.spectrogram)
            frequencies = [(y + at, text) for at, text in _frequencies(view)]
            y += SPECTROGRAM_PX + _SPACE_PX
    view = views[0].view
    return Drawing(
        height=y + AXIS_PX,
        lines=lines,
        picture=picture,
        picture_y=picture_y,
        frequencies=frequencies,
        ticks=_ticks(view),
        marks=_marks(views[0]),
        band=view.band,
    )


def _marks(station: StationView) -> list[Mark]:
    arrival, view = station.arrival, station.view
    marks = [Mark(100 * _share(arrival.onset_ns, view), "p")]
    if arrival.s_onset is not None:
        marks.append(Mark(100 * _share(parse_time(arrival.s_onset), view), "s"))
    return [mark for mark in marks if 0 <= mark.x <= 100]


def _share(time_ns: int, view: EventView) -> float:
    return (time_ns - view.start_ns) / (view.end_ns - view.start_ns)


def _frequencies(view: EventView) -> Iterable[tuple[float, str]]:
    low, top = (math.log10(hz) for hz in view.frequencies_hz)
    for hz in _FREQUENCIES_HZ:
        share = (math.log10(hz) - low) / (top - low)
        if 0 <= share <= 1:
            y = (1 - share) * SPECTROGRAM_PX
            yield min(max(y, _HALF_LETTER_PX), SPECTROGRAM_PX - _HALF_LETTER_PX), f"{hz:g}"


def _ticks(view: EventView) -> list[tuple[float, str]]:
    length_s = (view.end_ns - view.start_ns) / NS_PER_S
    seconds, texts = ticks(view.start_ns, view.end_ns, _MOST_TICKS)
    places = [(100 * s / length_s, text) for s, text in zip(seconds, texts, strict=True)]
    return [(x, text) for x, text in places if _EDGE <= x <= 100 - _EDGE]


def _data_uri(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")
