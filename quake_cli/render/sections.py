"""Small tables with titles, as people read them.

Rich is loaded when the first thing is drawn: most runs of `quake predict` draw nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from quake_cli.logs import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


# Where nobody watches; wide enough for three classes.
_FILE_WIDTH = 120


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
        screen.print(plain(section.title, "bold"))
        screen.print(Padding(_table(section), (0, 0, 1, 2), expand=False))


def _table(section: Section) -> Table:
    from rich.table import Table

    n_columns = max((len(row) for row in section.rows), default=len(section.columns))
    table = Table(box=None, pad_edge=False, show_header=bool(section.columns), header_style="dim")
    for number in range(n_columns):
        heading = plain(section.columns[number]) if section.columns else ""
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
        table.add_row(*map(plain, row))
    return table


def plain(text: str, style: str = "") -> Text:
    """A text that may be of a file, whatever it contains: no markup, no control characters."""
    from rich.text import Text

    return Text(one_line(text), style=style)


def _is_number(text: str) -> bool:
    return text in ("", "-") or text.replace(".", "").replace(",", "").isdigit()
