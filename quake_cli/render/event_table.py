"""Events as lines of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from quake_cli.render.sections import console, plain

if TYPE_CHECKING:
    from quake.events.event import Event


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
        table.add_row(*map(plain, _event_cells(event)))
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
