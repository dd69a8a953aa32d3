"""Divide dates into the columns of a map: days, weeks, months or years."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from quake.windows.station_days import DAY_NS

_EPOCH = date(1970, 1, 1)

MAX_COLUMNS = 400

# Empty columns in a row that are still shown; more are folded into one.
_MAX_EMPTY = 7

UNITS = ("day", "week", "month", "year")

# What 64 bits of nanoseconds hold, and a week or two less.
_YEARS = range(1678, 2262)


@dataclass(frozen=True)
class Column:
    """A stretch of whole UTC days.

    Attributes
    ----------
    start, end : date
        The end is exclusive.
    n_before : int
        Columns without anything in them that were left out before this one.
    """

    start: date
    end: date
    n_before: int = 0

    @property
    def n_days(self) -> int:
        """Number of days."""
        return (self.end - self.start).days

    @property
    def span_ns(self) -> tuple[int, int]:
        """Start and end, ns since the epoch."""
        return _ns(self.start), _ns(self.end)


@dataclass(frozen=True)
class Calendar:
    """Columns in the order of time.

    Attributes
    ----------
    unit : one of `UNITS`
    columns : sequence of Column
        Weeks begin on Monday. The first and the last one end with the dates that there are.
    """

    unit: str
    columns: Sequence[Column]

    def column_of(self, text: str) -> int:
        """Number of the column of a date, as in ``2020-05-02``, that was there."""
        starts = [column.start for column in self.columns]
        return bisect_right(starts, date.fromisoformat(text)) - 1


def check_date(text: str) -> None:
    """Refuse what is no date of a station-day.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> check_date("2020-05-02")
    """
    day = date.fromisoformat(text)
    if day.isoformat() != text or day.year not in _YEARS:
        raise ValueError(f"{text!r} is no date; one as in 2020-05-02 was expected")


def make_calendar(dates: Iterable[str], n_rows: int, max_cells: int) -> Calendar:
    """Choose the finest unit that gives no more cells than a page can hold.

    Parameters
    ----------
    dates : as in ``2020-05-02``
    n_rows, max_cells : int
        Rows of the map, and how many cells it may have.
    """
    found = sorted(map(date.fromisoformat, set(dates)))
    limit = min(MAX_COLUMNS, max(max_cells // max(n_rows, 1), 1))
    for unit in UNITS:
        calendar = Calendar(unit, _columns(found, unit))
        if len(calendar.columns) <= limit:
            break
    return calendar


def _columns(found: Sequence[date], unit: str) -> list[Column]:
    columns: list[Column] = []
    for start in sorted({_floor(day, unit) for day in found}):
        n_empty = 0
        if columns:
            empty = _between(columns[-1].end, start, unit)
            n_empty = len(empty)
            if n_empty <= _MAX_EMPTY:
                columns += empty
                n_empty = 0
        columns.append(Column(max(start, found[0]), min(_next(start, unit), _last(found)), n_empty))
    return columns


def _last(found: Sequence[date]) -> date:
    return found[-1] + timedelta(days=1)


def _between(start: date, end: date, unit: str) -> list[Column]:
    columns = []
    while start < end:
        following = _next(start, unit)
        columns.append(Column(start, following))
        start = following
    return columns


def _floor(day: date, unit: str) -> date:
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "year" else day


def _next(start: date, unit: str) -> date:
    if unit in ("day", "week"):
        return start + timedelta(days=1 if unit == "day" else 7 - start.weekday())
    if unit == "month":
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    return date(start.year + 1, 1, 1)


def _ns(day: date) -> int:
    return (day - _EPOCH).days * DAY_NS
