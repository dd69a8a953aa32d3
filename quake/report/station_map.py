"""Arrange station-days and events by station and time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from quake.report.calendar import Calendar, make_calendar
from quake.report.stored_events import Station
from quake.store.entries import DayEntry
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval, clip, union
from quake.windows.station_days import DAY_NS

MAX_ROWS = 300
MAX_CELLS = 16_000


@dataclass
class Cell:
    """A station and a column of the calendar.

    Attributes
    ----------
    detections : int
        Events; or windows that are no noise and reach their threshold.
    windows : Counter
        By status.
    input_ns : int
        Time in which at least one channel set of the station recorded, ns.
    n_days : int
        Length of the column.
    n_failed : int
        Station-days without a result, because something failed.
    """

    n_days: int
    detections: int = 0
    windows: Counter[str] = field(default_factory=Counter)
    input_ns: int = 0
    n_failed: int = 0

    @property
    def no_data_share(self) -> float | None:
        """Share of the windows that are `no_data`; None without windows."""
        total = self.windows.total()
        return self.windows["no_data"] / total if total else None

    @property
    def coverage(self) -> float:
        """Share of the column's time in which the station recorded, 0 to 1."""
        return self.input_ns / (self.n_days * DAY_NS)


@dataclass(frozen=True)
class Row:
    """A station.

    Attributes
    ----------
    station : network and station code
    channel_sets : tuple of str
    cells : mapping of column to Cell
        Without those in which there is nothing.
    """

    station: Station
    channel_sets: tuple[str, ...]
    cells: Mapping[int, Cell]

    @property
    def detections(self) -> int:
        """Sum over the cells."""
        return sum(cell.detections for cell in self.cells.values())


@dataclass(frozen=True)
class StationMap:
    """What is shown, and of how many stations that is.

    Attributes
    ----------
    calendar : Calendar
    rows : sequence of Row
        In the order of the codes.
    n_stations : int
        Including those that are left out.
    """

    calendar: Calendar
    rows: Sequence[Row]
    n_stations: int


class MapMaker:
    """Collects the cells; station-days are added in the order of their channel sets.

    Parameters
    ----------
    stations : codes of all of them
    dates : all UTC dates
    """

    def __init__(self, stations: Iterable[Station], dates: Iterable[str]) -> None:
        self.stations = sorted(set(stations))
        self.calendar = make_calendar(dates, min(len(self.stations), MAX_ROWS), MAX_CELLS)
        self._cells: dict[Station, dict[int, Cell]] = defaultdict(dict)
        self._names: dict[Station, list[str]] = defaultdict(list)
        self._id: ChannelSetId | None = None
        self._input: list[Interval] = []  # of the channel set
        self._inputs: list[Interval] = []  # of those of its station before it
        self._columns = _column_by_date(self.calendar)

    def add_day(self, entry: DayEntry) -> None:
        """Count a station-day."""
        station = _station(entry.id)
        if entry.id != self._id:
            self._end_channel_set(station)
            self._id = entry.id
            self._names[station].append(str(entry.id))
        cell = self._cell(station, entry.date)
        cell.windows.update(entry.windows)
        cell.n_failed += bool(entry.failed)
        self._input = _extended(self._input, entry.coverage.input)

    def add_detections(self, station: Station, date: str, number: int) -> None:
        """Count what was found."""
        if number:
            self._cell(station, date).detections += number

    def finish(self) -> StationMap:
        """The table; of very many stations those with the most detections."""
        self._end_channel_set(None)
        rows = [
            Row(station, tuple(self._names[station]), self._cells[station])
            for station in self.stations
        ]
        if len(rows) > MAX_ROWS:
            rows = sorted(rows, key=lambda row: (-row.detections, row.station))[:MAX_ROWS]
            rows.sort(key=lambda row: row.station)
        return StationMap(self.calendar, rows, len(self.stations))

    def _cell(self, station: Station, date: str) -> Cell:
        number = self._columns[date]
        cells = self._cells[station]
        if number not in cells:
            cells[number] = Cell(self.calendar.columns[number].n_days)
        return cells[number]

    def _end_channel_set(self, following: Station | None) -> None:
        if self._id is None:
            return
        self._inputs = union([*self._inputs, *self._input])
        self._input = []
        if following != _station(self._id):
            self._end_station(self._cells[_station(self._id)])
            self._inputs = []

    def _end_station(self, cells: Mapping[int, Cell]) -> None:
        """Divide the time in which a station recorded among the columns."""
        for number, cell in cells.items():
            start_ns, end_ns = self.calendar.columns[number].span_ns
            parts = clip(self._inputs, start_ns, end_ns)
            cell.input_ns = sum(end - start for start, end in parts)


def _station(key: ChannelSetId) -> Station:
    return key.network, key.station


def _extended(known: list[Interval], more: list[Interval]) -> list[Interval]:
    """Union; in place where the new part follows on the known one, as days do."""
    if not (known and more) or min(more)[0] < known[-1][0]:
        return union([*known, *more])
    known[-1:] = union([known[-1], *more])
    return known


def _column_by_date(calendar: Calendar) -> dict[str, int]:
    return {
        (column.start + timedelta(days=day)).isoformat(): number
        for number, column in enumerate(calendar.columns)
        for day in range(column.n_days)
    }
