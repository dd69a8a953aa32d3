"""Draw long records as characters, a row an hour or a day.

A row has sixty characters, or fewer where the terminal is narrow: the highest probability of what
is not noise, in eighths, in the colour of its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quake_cli.render.strip import ASCII_LEVELS, BLOCKS, MARKS, level

if TYPE_CHECKING:
    from quake.inference.records import WindowRecord

NOISE = "noise"

_NS_PER_MIN = 60_000_000_000
_MINUTES = {"hour": 60, "day": 1440}  # in a row
_MOST_ROWS = {"hour": 48, "day": 62}
_NAME = 17  # as 2020-05-02 06:00, and a blank
_NARROWEST = 10


@dataclass(frozen=True)
class HourRow:
    """One row.

    Attributes
    ----------
    name : str
        Its date, and its hour if it is one.
    cells : str
        A character a minute, or a day's sixtieth.
    classes : tuple of str
        Class of each character; empty where none is shown.
    """

    name: str
    cells: str
    classes: tuple[str, ...]


class Hours:
    """Keeps the strongest window of each minute, while they are of one channel set.

    Parameters
    ----------
    classes : names of the classes
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = [name for name in classes if name != NOISE] or list(classes)
        self._id = ""
        self._minutes: dict[int, tuple[float, str, str]] | None = {}

    def add(self, record: WindowRecord) -> None:
        """Take a window; forget all of them where another channel set or too many days come."""
        from quake.waveforms.times import parse_time

        if self._minutes is None:
            return
        self._id = self._id or record.id
        if record.id != self._id or len(self._minutes) > _MOST_ROWS["day"] * _MINUTES["day"]:
            self._minutes = None
            return
        found = max((record.probabilities.get(name, -1.0), name) for name in self.classes)
        first = parse_time(record.start) // _NS_PER_MIN
        last = (parse_time(record.end) - 1) // _NS_PER_MIN
        for minute in range(first, last + 1):
            kept = self._minutes.get(minute)
            if kept is None or found[0] > kept[0]:
                self._minutes[minute] = (*found, record.status)

    def rows(self, width: int, *, ascii_only: bool) -> list[HourRow]:
        """Draw them, hours without a window left out; a heading comes first.

        No rows if there is nothing to be drawn, or more than a terminal should be filled with.
        """
        if not self._minutes:
            return []
        for unit in ("hour", "day"):
            n_minutes = _MINUTES[unit]
            numbers = sorted({minute // n_minutes for minute in self._minutes})
            if len(numbers) <= _MOST_ROWS[unit]:
                break
        else:
            return []
        n_cells = 60
        while n_cells > max(width - _NAME, _NARROWEST):
            n_cells //= 2
        each = n_minutes // n_cells
        what = "a minute" if each == 1 else f"{each} minutes"
        shown = ", ".join(self.classes)
        heading = HourRow(f"{self._id}, a row: 1 {unit}, a character: {what}; {shown}", "", ())
        return [heading, *(self._row(n, unit, n_cells, ascii_only) for n in numbers)]

    def _row(self, number: int, unit: str, n_cells: int, ascii_only: bool) -> HourRow:
        from quake.waveforms.times import format_time

        n_minutes = _MINUTES[unit]
        each = n_minutes // n_cells
        start = number * n_minutes
        cells, classes = "", []
        for first in range(start, start + n_minutes, each):
            cell, name = self._cell(range(first, first + each), ascii_only)
            cells += cell
            classes.append(name)
        time = format_time(start * _NS_PER_MIN)
        name = f"{time[:10]} {time[11:16]}" if unit == "hour" else time[:10]
        return HourRow(f"{name:{_NAME - 1}}", cells, tuple(classes))

    def _cell(self, minutes: range, ascii_only: bool) -> tuple[str, str]:
        assert self._minutes is not None
        found = [self._minutes[minute] for minute in minutes if minute in self._minutes]
        if not found:
            return " ", ""
        probability, name, status = max(found)
        if probability < 0:
            mark = MARKS[status]
            return ("." if ascii_only and status == "no_data" else mark), ""
        return level(probability, ASCII_LEVELS if ascii_only else BLOCKS), name
