"""Windows as lines of a table, and the strip below it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from quake_cli.render.hours import NOISE, Hours
from quake_cli.render.sections import console, plain
from quake_cli.render.strip import MOST_WINDOWS, Strip, needs_ascii

if TYPE_CHECKING:
    from quake.inference.records import WindowRecord


_FLAGS_WIDTH = 21


_STYLES = {"ok": "green", "uncertain": "yellow", "no_data": "dim", "rejected": "red"}


class TableWriter:
    """Window records as lines of a table, as they come; below it a strip, on a terminal.

    Columns have fixed widths; where the terminal is wide, each class has its column. The strip
    shows records of one channel set, see `quake_cli.render.strip` and `quake_cli.render.hours`. A
    terminal gets from a long run the windows that are not noise; files and pipes get all.

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
        table.add_row(*(plain(cells[name]) for name, _ in self._columns), style=style)
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
