"""What people see: results, cards and progress go in, a terminal's text comes out.

The only module that uses Rich, which is loaded when the first thing is drawn: most runs of
`quake predict` draw nothing.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from quake_cli.logs import one_line
from quake_cli.messages import Messages
from quake_cli.render.hours import NOISE, Hours
from quake_cli.render.strip import MOST_WINDOWS, Strip, needs_ascii

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table
    from rich.text import Text

    from quake.doctor.check import Check
    from quake.events.event import Event
    from quake.inference.records import WindowRecord

# Where nobody watches; wide enough for three classes.
_FILE_WIDTH = 120
_FLAGS_WIDTH = 21

# Headings and widths; 0 takes what is left, 17 of 80: two stations of most networks.
_EVENT_COLUMNS = (
    ("onset (UTC)", 23),
    ("label", 13),
    ("prob.", 5),
    ("SNR", 4),
    ("S-P", 5),
    ("length", 6),
    ("stations", 0),
)
_STATION_WIDTH = 8  # two letters of network, a dot, five of station

_STYLES = {"ok": "green", "uncertain": "yellow", "no_data": "dim", "rejected": "red"}

# In the order in which they are counted.
_CHECK_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}

# Work that is done sooner needs no bar.
_PATIENCE_S = 1.0


@dataclass(frozen=True)
class Section:
    """A small table with a title.

    Attributes
    ----------
    title : str
    rows : rows of cells
    columns : headings; without them the first cell of a row is its name
    """

    title: str
    rows: Sequence[Sequence[str]]
    columns: Sequence[str] = ()


def console(file: TextIO | None = None) -> Console:
    """Rich's console for a file, standard output by default."""
    from rich.console import Console

    file = file or sys.stdout
    width = None if file.isatty() else _FILE_WIDTH
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def show_sections(sections: Sequence[Section], file: TextIO | None = None) -> None:
    """Draw tables one below the other."""
    from rich.padding import Padding

    screen = console(file)
    for section in sections:
        screen.print(_text(section.title, "bold"))
        screen.print(Padding(_table(section), (0, 0, 1, 2), expand=False))


def show_checks(checks: Sequence[Check], file: TextIO | None = None) -> None:
    """Show what `quake doctor` found: a table on a terminal, a line a check elsewhere."""
    file = file or sys.stdout
    counts = Counter(check.status.value for check in checks)
    verdict = "not sound" if counts["failed"] else "sound"
    numbers = ", ".join(f"{counts[name]} {name}" for name in _CHECK_STYLES)
    if not (file.isatty() and _draw_checks(checks, file)):
        for check in checks:
            advice = f"; to do: {check.advice}" if check.advice else ""
            file.write(one_line(f"{check.status}: {check.name}: {check.found}{advice}") + "\n")
    file.write(f"{verdict}: {numbers}\n")


def _draw_checks(checks: Sequence[Check], file: TextIO) -> bool:
    """Draw the table; False if Rich, which may be what is broken, cannot be loaded."""
    try:
        from rich.table import Table
        from rich.text import Text
    except Exception:  # a broken package may raise anything
        return False
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("check", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("found, and what to do", overflow="fold")
    for check in checks:
        found = Text(one_line(check.found))
        if check.advice:
            found.append(f"\nto do: {one_line(check.advice)}", style="bold")
        table.add_row(check.name, Text(check.status, style=_CHECK_STYLES[check.status]), found)
    console(file).print(table)
    return True


def _table(section: Section) -> Table:
    from rich.table import Table

    n_columns = max((len(row) for row in section.rows), default=len(section.columns))
    table = Table(box=None, pad_edge=False, show_header=bool(section.columns), header_style="dim")
    for number in range(n_columns):
        heading = _text(section.columns[number]) if section.columns else ""
        numbers = [row[number] for row in section.rows if number < len(row)]
        table.add_column(
            heading,
            justify="right"
            if number and section.columns and all(map(_is_number, numbers))
            else "left",
            style="" if number or section.columns else "dim",
            overflow="fold",
        )
    for row in section.rows:
        table.add_row(*map(_text, row))
    return table


def _text(text: str, style: str = "") -> Text:
    """A text that may be of a file, whatever it contains: no markup, no control characters."""
    from rich.text import Text

    return Text(one_line(text), style=style)


def _is_number(text: str) -> bool:
    return text in ("", "-") or text.replace(".", "").replace(",", "").isdigit()


class TableWriter:
    """Window records as lines of a table, as they come; below it a strip, on a terminal.

    Columns have fixed widths; where the terminal is wide, each class has its column. The strip
    shows records of one channel set, see `quake_cli.render.strip` and `quake_cli.render.hours`. Of long runs a
    terminal gets the windows alone that are not noise; files and pipes get all of them.

    Parameters
    ----------
    file : text file
    classes : names of the classes
    """

    def __init__(self, file: TextIO, classes: Sequence[str]) -> None:
        self.file = file
        self.classes = classes
        self._console = console(file)
        self._columns = _columns(classes, self._console.width)
        self._header = True  # with the first window: messages on what was not read come before
        self._strip = Strip()
        self._hours = Hours(classes)
        self._is_long = False
        self._n_shown = 0
        self._left_out: Counter[str] = Counter()

    def expect(self, n_windows: int) -> None:
        """Say how many windows come, before the first one."""
        self._is_long = n_windows > MOST_WINDOWS and self.file.isatty() and NOISE in self.classes

    def shows(self, record: WindowRecord) -> bool:
        """Whether a window gets a line of its own."""
        return not self._is_long or (bool(record.probabilities) and record.label != NOISE)

    def write(self, record: WindowRecord) -> None:
        """Print one line, or more where flags are many, if the window gets one."""
        self._strip.add(record)
        self._hours.add(record)
        if self.shows(record):
            self._n_shown += 1
            self._print(record)
        else:
            self._left_out[NOISE if record.probabilities else record.status] += 1

    def _print(self, record: WindowRecord) -> None:
        from rich.table import Table

        table = Table(
            box=None,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            show_header=self._header,
            header_style="bold",
        )
        for name, width in self._columns:
            table.add_column(
                name,
                width=width or None,
                justify="right" if name in ("prob.", "cov.", *self.classes) else "left",
                overflow="fold",
            )
        cells = _cells(record, self.classes)
        style = _STYLES.get(record.status, "")
        table.add_row(*(_text(cells[name]) for name, _ in self._columns), style=style)
        self._console.print(table)
        self._header = False
        self.file.flush()

    def close(self) -> None:
        """Draw the strip, if somebody watches."""
        if not self.file.isatty():
            return
        from rich.text import Text

        from quake.pictures.palette import class_colours

        colours = class_colours(self.classes)
        ascii_only = needs_ascii(self.file)
        if self._is_long:
            counts = ", ".join(f"{n:,} {name}" for name, n in self._left_out.most_common())
            self._console.print(
                f"{self._n_shown:,} windows shown, not shown: {counts or 'none'}; a pipe or a file "
                "gets all"
            )
        lines = self._strip.lines(self.classes, self._console.width, ascii_only=ascii_only)
        if lines:
            self._console.print()
        else:
            self._draw_hours(colours, ascii_only=ascii_only)
        for line in lines:
            shown = Text(f"{line.name} {line.cells}".rstrip())
            shown.stylize(colours.get(line.name.strip(), ""), len(line.name))
            self._console.print(shown)
        self.file.flush()

    def _draw_hours(self, colours: Mapping[str, str], *, ascii_only: bool) -> None:
        from rich.text import Text

        rows = self._hours.rows(self._console.width, ascii_only=ascii_only) if self._is_long else []
        for row in rows:
            shown = Text(f"{row.name} {row.cells}".rstrip())
            for column, name in enumerate(row.classes, start=len(row.name) + 1):
                shown.stylize(colours.get(name, ""), column, column + 1)
            self._console.print(shown)


class EventTableWriter:
    """Events as lines of a table, as they come; readable in 80 columns.

    Parameters
    ----------
    file : text file
    """

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self._console = console(file)
        left = self._console.width - sum(width + 1 for _, width in _EVENT_COLUMNS)
        # Rich takes what is missing from the column without a width, until nothing is left of it.
        self._last_width = None if left >= _STATION_WIDTH else _STATION_WIDTH
        self._header = True  # with the first event, as windows have it

    def write(self, event: Event) -> None:
        """Print one line, or more where stations are many."""
        from rich.table import Table

        table = Table(
            box=None,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            show_header=self._header,
            header_style="bold",
        )
        for name, width in _EVENT_COLUMNS:
            table.add_column(
                name,
                width=width or self._last_width,
                justify="right" if name in ("prob.", "SNR", "S-P", "length") else "left",
                overflow="fold",
            )
        table.add_row(*map(_text, _event_cells(event)))
        self._console.print(table)
        self._header = False
        self.file.flush()

    def close(self) -> None:
        """Nothing is missing."""


def _event_cells(event: Event) -> tuple[str, ...]:
    """In the order of the columns."""
    return (
        event.onset[:-4],
        event.label,
        f"{event.probability:.3f}",
        f"{event.snr_db:.0f}",
        "-" if event.s_minus_p_s is None else f"{event.s_minus_p_s:.1f}",
        f"{event.duration_s:.1f}",
        " ".join(".".join(station) for station in event.stations),
    )


def _columns(classes: Sequence[str], width: int) -> list[tuple[str, int]]:
    """Heading and width of the columns; 0 takes what is left."""
    label_width = max(len("no_data"), *(len(name) for name in classes)) + 1
    head = [("id", 15), ("start (UTC)", 21), ("label", label_width)]
    tail = [("cov.", 4), ("cmp", 3), ("flags", 0)]
    wide = [
        *head,
        *((name, max(len(name), 5)) for name in classes),
        ("cov.", 4),
        ("cmp", 3),
        ("flags", 0),
    ]
    if sum(w + 1 for _, w in wide) + _FLAGS_WIDTH <= width:
        return wide
    return [*head, ("prob.", 5), *tail]


def _cells(record: WindowRecord, classes: Sequence[str]) -> dict[str, str]:
    label = record.label or record.status
    best = record.probabilities.get(record.label or "")
    probabilities = {
        name: f"{record.probabilities[name]:.3f}" if record.probabilities else "-"
        for name in classes
    }
    return {
        **probabilities,
        "id": record.id,
        "start (UTC)": _short_time(record.start),
        "label": label + ("?" if record.status == "uncertain" else ""),
        "prob.": "-" if best is None else f"{best:.3f}",
        "cov.": f"{100 * record.coverage:.0f}%",
        "cmp": record.components or "-",
        "flags": " ".join(record.flags),
    }


def _short_time(text: str) -> str:
    """Cut ``2012-08-25T05:14:44.600000Z`` after the tenths."""
    return text[: text.index(".") + 2] if "." in text else text


class ProgressBar:
    """A bar on standard error, if somebody watches and it takes longer than a second.

    Parameters
    ----------
    messages : Messages
        Its lines appear above the bar.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._wanted = messages.may_draw
        self._begin_s = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def update(self, what: str, done: float, total: float) -> None:
        """Say what is going on and how far it is."""
        if not self._wanted or time.monotonic() - self._begin_s < _PATIENCE_S:
            return
        progress = self._progress or self._start()
        if self._task is None or what != self._what:  # a new estimate of what remains
            if self._task is not None:
                progress.remove_task(self._task)
            self._task = progress.add_task(one_line(what), total=total)
            self._what = what
        progress.update(self._task, completed=done, total=total)

    def close(self) -> None:
        """Remove the bar for good."""
        self._wanted = False
        self.hide()

    def hide(self) -> None:
        """Remove the bar until the next update, for a line of results on the same terminal."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._task = None
            self._messages.show_line = self._show_line

    def _start(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        screen = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=screen,
            transient=True,
            # Standard output has results, which must not end up on standard error.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._progress.start()
        self._show_line = self._messages.show_line
        self._messages.show_line = lambda line: screen.print(line, soft_wrap=True)
        return self._progress
