"""Draw the windows of one channel set as a strip of characters.

One character stands for a window, or for some where the terminal is narrow: the highest probability
of each class, in eighths, along a time axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from quake.inference.records import WindowRecord

MOST_WINDOWS = 200
"""Longer runs have a row an hour, see `hours`, or a picture, `quake predict --plot`."""

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = " .:-=+*#"

# From what hides least to what hides most; of several windows the last one is shown.
MARKS = {"ok": " ", "uncertain": "?", "no_data": "·", "rejected": "x"}

_WIDEST = 200
_NARROWEST = 10  # characters for windows, whatever the width
_LONGEST_NAME = 16
_AXIS = "time (UTC)"

# Between labels of the axis.
_STEPS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_LABEL_CELLS = 8  # a mark, 06:39, and room


@dataclass(frozen=True)
class StripLine:
    """One line: what it is about, and a character a window."""

    name: str
    cells: str


class Strip:
    """Keeps the windows of a run while they are few enough, and of one channel set."""

    def __init__(self) -> None:
        self._records: list[WindowRecord] | None = []

    def add(self, record: WindowRecord) -> None:
        """Keep one, or forget all of them."""
        if self._records is None:
            return
        self._records.append(record)
        if len(self._records) > MOST_WINDOWS or record.id != self._records[0].id:
            self._records = None

    def lines(self, classes: Sequence[str], width: int, *, ascii_only: bool) -> list[StripLine]:
        """Draw them; no lines if there is nothing to be drawn."""
        return strip_lines(self._records or (), classes, width, ascii_only=ascii_only)


def needs_ascii(file: TextIO) -> bool:
    """Whether a file cannot take blocks and dots."""
    try:
        (BLOCKS + MARKS["no_data"]).encode(file.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def strip_lines(
    records: Sequence[WindowRecord], classes: Sequence[str], width: int, *, ascii_only: bool = False
) -> list[StripLine]:
    """Draw windows as characters.

    Parameters
    ----------
    records : windows of one channel set, in the order of time
    classes : names of the classes
    width : int
        Of the terminal, in characters.
    ascii_only : bool
        Draw without blocks.

    Returns
    -------
    list of StripLine
        A heading without cells, a line a class, a line of statuses if not all are "ok", and the
        time axis. Empty if there are fewer than two windows, or gaps that would leave most of the
        strip empty.
    """
    from quake.waveforms.times import parse_time

    if len(records) < 2:
        return []
    starts_ns = [parse_time(record.start) for record in records]
    hops_ns = sorted(after - before for before, after in pairwise(starts_ns))
    hop_ns = max(hops_ns[len(hops_ns) // 2], 1)
    columns = _columns(starts_ns, hop_ns)
    if columns[-1] >= 2 * MOST_WINDOWS:
        return []
    n_name = max(len(name[:_LONGEST_NAME]) for name in (*classes, _AXIS))
    n_cells = max(min(width, _WIDEST) - n_name - 1, _NARROWEST)
    each = -(-(columns[-1] + 1) // n_cells)
    cells = [column // each for column in columns]
    lines = [StripLine(_heading(records, each), "")]
    lines += [
        StripLine(name[:_LONGEST_NAME], _probabilities(records, cells, name, ascii_only))
        for name in classes
    ]
    marks = _statuses(records, cells, ascii_only)
    if marks.strip():
        lines.append(StripLine("status", marks))
    lines.append(StripLine(_AXIS, _axis(starts_ns, cells, each * hop_ns, n_cells)))
    return [StripLine(f"{line.name:{n_name}}", line.cells) for line in lines]


def _columns(starts_ns: Sequence[int], hop_ns: int) -> list[int]:
    """Place windows in time, each in a column of its own.

    Windows that are flush with an end of the record are nearer to their neighbour than the others.

    Examples
    --------
    >>> _columns([0, 30, 60, 71, 180], 30)
    [0, 1, 2, 3, 7]
    """
    columns = [0]
    for before, after in pairwise(starts_ns):
        columns.append(columns[-1] + max(round((after - before) / hop_ns), 1))
    return columns


def _heading(records: Sequence[WindowRecord], each: int) -> str:
    what = "1 window" if each == 1 else f"{each} windows"
    first, last = records[0].start.partition(".")[0], records[-1].end.partition(".")[0]
    if first[:10] == last[:10]:
        last = last[11:]
    return f"{records[0].id}, {first.rstrip('Z')} to {last.rstrip('Z')}, {what} a character"


def _probabilities(
    records: Sequence[WindowRecord], cells: Sequence[int], name: str, ascii_only: bool
) -> str:
    """Highest probability of a class in each cell; blank where no window has any."""
    levels = ASCII_LEVELS if ascii_only else BLOCKS
    highest: dict[int, float] = {}
    for record, cell in zip(records, cells, strict=True):
        if name in record.probabilities:
            highest[cell] = max(highest.get(cell, 0.0), record.probabilities[name])
    return "".join(
        level(highest[cell], levels) if cell in highest else " " for cell in range(cells[-1] + 1)
    )


def level(probability: float, levels: str) -> str:
    """Character for a probability, each for as much as the others.

    Examples
    --------
    >>> level(0.0, ASCII_LEVELS), level(0.5, ASCII_LEVELS), level(1.0, ASCII_LEVELS)
    (' ', '=', '#')
    """
    return levels[min(int(probability * len(levels)), len(levels) - 1)]


def _statuses(records: Sequence[WindowRecord], cells: Sequence[int], ascii_only: bool) -> str:
    order = list(MARKS)
    worst: dict[int, int] = {}
    for record, cell in zip(records, cells, strict=True):
        worst[cell] = max(worst.get(cell, 0), order.index(record.status))
    marks = "".join(MARKS[order[worst.get(cell, 0)]] for cell in range(cells[-1] + 1))
    return marks.replace(MARKS["no_data"], ".") if ascii_only else marks


def _axis(starts_ns: Sequence[int], cells: Sequence[int], cell_ns: int, n_cells: int) -> str:
    """Labels at round times, each with a mark at the window that begins then."""
    from quake.waveforms.times import NS_PER_S, format_time

    first_of: dict[int, int] = {}
    for start_ns, cell in zip(starts_ns, cells, strict=True):
        first_of.setdefault(cell, start_ns)
    step_ns = next((s for s in _STEPS_S if s * NS_PER_S >= _LABEL_CELLS * cell_ns), _STEPS_S[-1])
    step_ns *= NS_PER_S
    text = ""
    tick_ns = -(-starts_ns[0] // step_ns) * step_ns
    while tick_ns <= starts_ns[-1]:
        cell = min(first_of, key=lambda cell: abs(first_of[cell] - tick_ns))
        label = f"|{format_time(tick_ns)[11:16]}"
        is_there = abs(first_of[cell] - tick_ns) <= cell_ns
        if is_there and (not text or cell > len(text)) and cell + len(label) <= n_cells:
            text = f"{text:{cell}}{label}"
        tick_ns += step_ns
    return text or f"|{format_time(starts_ns[0])[11:19]}"
