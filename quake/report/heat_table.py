"""Lay out a station map: heads, cells with their levels and texts, legends.

A cell has one level of each measure. Which measure is shown is chosen in the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from quake.report.calendar import Calendar, Column
from quake.report.station_map import Cell, Row, StationMap

N_LEVELS = 6
"""Levels above none; a page has a colour for each."""

# Numbers are written into the cells where there is room for them.
_MAX_WIDE_COLUMNS = 62

# Upper edges of levels 1 to 5; level 0 is nothing at all, level 6 is what is above.
_NO_DATA_EDGES = (0.01, 0.05, 0.2, 0.5, 0.8)
_COVERAGE_EDGES = (0.2, 0.5, 0.8, 0.95, 0.999)


@dataclass(frozen=True)
class HeatCell:
    """A cell of the table; a break, or a place where there is nothing, has no classes.

    Attributes
    ----------
    classes : str
        Levels, as in ``e3 n0 c6``.
    text : str
        All that there is to say.
    numbers : tuple of str
        Detections, percentage of `no_data`, percentage recorded; short.
    is_break : bool
        Stands for columns that were left out.
    """

    classes: str = ""
    text: str = ""
    numbers: tuple[str, str, str] = ("", "", "")
    is_break: bool = False


@dataclass(frozen=True)
class HeatRow:
    """A station: name, what is behind it, and its cells."""

    name: str
    channel_sets: str
    cells: Sequence[HeatCell]


@dataclass(frozen=True)
class Head:
    """A cell of the head: short text, text in full, width in columns."""

    text: str
    full: str
    width: int = 1
    is_break: bool = False


@dataclass(frozen=True)
class Legend:
    """A measure: its letter, its name, and what each level stands for."""

    letter: str
    name: str
    levels: Sequence[tuple[str, str]]  # class of the style, text


@dataclass(frozen=True)
class HeatTable:
    """All that is shown of a map.

    Attributes
    ----------
    unit : of the columns: "day", "week", "month" or "year"
    groups, heads : the two lines of the head
    rows : sequence of HeatRow
    legends : sequence of Legend
    is_wide : bool
        Whether cells have room for numbers.
    n_stations : int
        Including those that are left out.
    """

    unit: str
    groups: Sequence[Head]
    heads: Sequence[Head]
    rows: Sequence[HeatRow]
    legends: Sequence[Legend]
    is_wide: bool
    n_stations: int


def make_heat_table(found: StationMap, what: str) -> HeatTable:
    """Lay a map out.

    Parameters
    ----------
    found : StationMap
    what : name of the detections, in the plural
    """
    calendar = found.calendar
    edges = detection_edges(
        max((c.detections for r in found.rows for c in r.cells.values()), default=0)
    )
    return HeatTable(
        unit=calendar.unit,
        groups=_groups(calendar),
        heads=[head for column in calendar.columns for head in _heads(column, calendar.unit)],
        rows=[_row(row, calendar, edges, what) for row in found.rows],
        legends=_legends(edges, what),
        is_wide=len(calendar.columns) <= _MAX_WIDE_COLUMNS,
        n_stations=found.n_stations,
    )


def detection_edges(largest: int) -> tuple[int, ...]:
    """Upper edges of the levels, growing by a constant factor to the largest number.

    Examples
    --------
    >>> detection_edges(1000), detection_edges(3)
    ((3, 10, 32, 100, 316, 1000), (1, 2, 3))
    """
    powers = (round(largest ** (level / N_LEVELS)) for level in range(1, N_LEVELS + 1))
    if largest <= N_LEVELS:
        return tuple(range(1, largest + 1))
    edges: list[int] = []
    for power in powers:
        edges.append(max(power, edges[-1] + 1 if edges else 1))
    return tuple(edges)


def level_of(value: float, edges: Sequence[float]) -> int:
    """Level of a value: 0 for none, else the first whose upper edge it does not exceed.

    Examples
    --------
    >>> [level_of(value, (1, 2, 5)) for value in (0, 1, 2, 3, 5, 6)]
    [0, 1, 2, 3, 3, 4]
    """
    return 0 if value <= 0 else 1 + sum(value > edge for edge in edges)


def percent(share: float) -> str:
    """A share as people read it: no rounding to 0 or 100 of what is neither.

    Examples
    --------
    >>> percent(0), percent(0.0004), percent(0.5), percent(0.9996), percent(1)
    ('0', '<1', '50', '>99', '100')
    """
    if 0 < share < 0.005:
        return "<1"
    return ">99" if 0.995 <= share < 1 else f"{100 * share:.0f}"


def _row(row: Row, calendar: Calendar, edges: Sequence[int], what: str) -> HeatRow:
    cells: list[HeatCell] = []
    for number, column in enumerate(calendar.columns):
        if column.n_before:
            cells.append(HeatCell(is_break=True))
        cell = row.cells.get(number)
        cells.append(HeatCell() if cell is None else _cell(cell, column, edges, what))
    return HeatRow(".".join(row.station), " ".join(row.channel_sets), cells)


def _cell(cell: Cell, column: Column, edges: Sequence[int], what: str) -> HeatCell:
    share = cell.no_data_share
    classes = [f"e{level_of(cell.detections, edges)}"]
    if share is not None:
        classes.append(f"n{level_of(share, _NO_DATA_EDGES)}")
    classes.append(f"c{level_of(cell.coverage, _COVERAGE_EDGES)}")
    if cell.n_failed:
        classes.append("x")
    numbers = (
        _short(cell.detections),
        "" if share is None else percent(share),
        percent(cell.coverage),
    )
    return HeatCell(" ".join(classes), _text(cell, column, what), numbers)


def _text(cell: Cell, column: Column, what: str) -> str:
    share = cell.no_data_share
    parts = [
        f"{_period(column)}: {_count(cell.detections, what)}",
        _count(cell.windows.total(), "windows")
        + ("" if share is None else f", {percent(share)} % no_data"),
        f"{percent(cell.coverage)} % recorded",
    ]
    if cell.n_failed:
        parts.append(f"{cell.n_failed} failed")
    return "; ".join(parts)


def _count(number: int, plural: str) -> str:
    return f"{number:,} {plural.removesuffix('s') if number == 1 else plural}"


def _period(column: Column) -> str:
    last = column.end - timedelta(days=1)
    return str(column.start) if last == column.start else f"{column.start} to {last}"


def _short(number: int) -> str:
    return str(number) if number < 1000 else f"{number / 1000:.0f}k"


def _heads(column: Column, unit: str) -> list[Head]:
    texts = {
        "day": f"{column.start:%d}",
        "week": f"{column.start:%d}",
        "month": f"{column.start:%m}",
        "year": f"{column.start:%Y}",
    }
    head = Head(texts[unit], _period(column))
    return [*_break(column, unit), head]


def _break(column: Column, unit: str) -> list[Head]:
    n_before = column.n_before
    if not n_before:
        return []
    return [Head("", f"{n_before} {unit}s without anything are left out", is_break=True)]


def _groups(calendar: Calendar) -> list[Head]:
    """Months above days and weeks, years above months."""
    heads = []
    for number, column in enumerate(calendar.columns):
        heads += _break(column, calendar.unit)
        start = column.start
        if calendar.unit == "week" and number:  # of the Thursday, as ISO 8601 has it for years
            start = min(start + timedelta(days=3), column.end - timedelta(days=1))
        name = f"{start:%Y}" if calendar.unit in ("month", "year") else f"{start:%Y-%m}"
        heads.append(Head(name, name))
    groups = []
    for (text, full, is_break), same in groupby(heads, lambda h: (h.text, h.full, h.is_break)):
        groups.append(Head(text, full, len(list(same)), is_break))
    return groups


def _legends(edges: Sequence[int], what: str) -> list[Legend]:
    return [
        Legend("e", what, [("e0", "0"), *_integer_levels("e", edges)]),
        Legend("n", "no_data, % of windows", _share_levels("n", _NO_DATA_EDGES)),
        Legend("c", "recorded, % of the time", _share_levels("c", _COVERAGE_EDGES)),
    ]


def _integer_levels(letter: str, edges: Sequence[int]) -> list[tuple[str, str]]:
    lower = [1, *(edge + 1 for edge in edges)]
    return [
        (f"{letter}{level}", str(high) if low == high else f"{low} to {high}")
        for level, (low, high) in enumerate(zip(lower, edges, strict=False), start=1)
    ]


def _share_levels(letter: str, edges: Sequence[float]) -> list[tuple[str, str]]:
    texts = ["0", *(f"to {100 * edge:g}" for edge in edges), "more"]
    return [(f"{letter}{level}", text) for level, text in enumerate(texts)]
