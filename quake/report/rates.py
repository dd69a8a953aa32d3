"""Lay out counts of events by hour and by column of a calendar as bars.

Places across are in percent of the width, so that a figure is as wide as the page allows and its
letters stay as large as the text around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from quake.report.calendar import Calendar

HEIGHT, TOP, BOTTOM = 150, 8, 126
LEFT, RIGHT = 5.0, 100.0
"""Pixels downwards, percent across."""

MAX_HOURS = 240

# Empty hours in a row that are still shown; more are folded into one.
_MAX_EMPTY = 12

_HOUR = timedelta(hours=1)
_FORMAT = "%Y-%m-%dT%H"
_MOST_TICKS = 5


@dataclass(frozen=True)
class RateBar:
    """Events of one class in one column: place, colour and text."""

    x: float
    y: float
    width: float
    height: float
    label: str
    text: str


@dataclass(frozen=True)
class RateFigure:
    """Bars of classes on top of each other.

    Attributes
    ----------
    title : str
    bars : sequence of RateBar
    breaks : sequence of float
        Where columns without anything were left out.
    x_ticks : sequence of (x, text)
    y_ticks : sequence of (y, text)
    """

    title: str
    bars: Sequence[RateBar]
    breaks: Sequence[float]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class _Column:
    name: str
    counts: Mapping[str, int]
    is_after_break: bool = False


def rates_by_hour(by_hour: Mapping[tuple[str, str], int], classes: Sequence[str]) -> RateFigure:
    """Events an hour; of a long time the last `MAX_HOURS`.

    Parameters
    ----------
    by_hour : mapping of (hour, class) to count
        Hours as in ``2020-05-02T20``, UTC.
    classes : in the order of the bars, from below
    """
    counts: dict[str, Counter[str]] = {}
    for (name, label), number in by_hour.items():
        counts.setdefault(name, Counter())[label] += number
    columns: list[_Column] = []
    before: datetime | None = None
    for name in sorted(counts):
        hour = datetime.strptime(name, _FORMAT)
        n_empty = 0 if before is None else (hour - before) // _HOUR - 1
        is_break = n_empty > _MAX_EMPTY
        if not is_break and before is not None:
            empty = (before + (i + 1) * _HOUR for i in range(n_empty))
            columns += [_Column(f"{time:{_FORMAT}}", {}) for time in empty]
        columns.append(_Column(name, counts[name], is_break))
        before = hour
    title = "Events an hour" + (f", the last {MAX_HOURS} hours" if columns[MAX_HOURS:] else "")
    return _figure(title, columns[-MAX_HOURS:], classes, lambda name: f"{name.replace('T', ' ')} h")


def rates_by_day(
    by_hour: Mapping[tuple[str, str], int], calendar: Calendar, classes: Sequence[str]
) -> RateFigure:
    """Events a day, or a longer unit of the calendar.

    Parameters
    ----------
    by_hour : mapping of (hour, class) to count
    calendar : Calendar
        That has all the days.
    classes : in the order of the bars, from below
    """
    counts: list[Counter[str]] = [Counter() for _ in calendar.columns]
    for (hour, label), number in by_hour.items():
        counts[calendar.column_of(hour[:10])][label] += number
    columns = [
        _Column(column.start.isoformat(), found, column.n_before > 0)
        for column, found in zip(calendar.columns, counts, strict=True)
    ]
    return _figure(f"Events a {calendar.unit}", columns, classes, str)


def _figure(
    title: str, columns: Sequence[_Column], classes: Sequence[str], name_of: Callable[[str], str]
) -> RateFigure:
    largest = max((sum(column.counts.values()) for column in columns), default=0) or 1
    step = (RIGHT - LEFT) / max(len(columns), 1)
    step = min(step, 3.0)
    bars: list[RateBar] = []
    for place, column in enumerate(columns):
        below = 0
        for label in classes:
            number = column.counts.get(label, 0)
            if not number:
                continue
            height = number / largest * (BOTTOM - TOP)
            y = BOTTOM - below / largest * (BOTTOM - TOP) - height
            text = f"{name_of(column.name)}: {number} {label}"
            bars.append(RateBar(LEFT + place * step, y, 0.85 * step, height, label, text))
            below += number
    breaks = [LEFT + i * step for i, column in enumerate(columns) if column.is_after_break]
    return RateFigure(
        title,
        bars,
        breaks,
        _x_ticks(columns, step, name_of),
        [(BOTTOM, "0"), (TOP, f"{largest:,}")],
    )


def _x_ticks(
    columns: Sequence[_Column], step: float, name_of: Callable[[str], str]
) -> list[tuple[float, str]]:
    """The first column, and others as far apart as their texts need."""
    room = (RIGHT - LEFT) / _MOST_TICKS
    found: list[tuple[float, str]] = []
    for place, column in enumerate(columns):
        x = LEFT + place * step
        if x > RIGHT - 0.7 * room:
            break
        if not found or x - found[-1][0] >= room:
            found.append((x, name_of(column.name)))
    return found
