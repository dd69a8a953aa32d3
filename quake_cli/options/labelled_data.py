"""Declare options on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

_DATA = "Labelled data"


_ARCHIVE = "Archive with a catalogue"


def _seconds_of(option: str, text: str) -> Any:
    return typer.Option(option, metavar="S", help=text, rich_help_panel=_ARCHIVE)


Data = Annotated[
    list[Path],
    typer.Argument(
        metavar="DATA",
        help="Label table (CSV, Parquet), folder per class, SeisBench data set, or archive with "
        "--catalogue; several are taken together. See docs/data.md.",
        show_default=False,
    ),
]


Catalogue = Annotated[
    Path | None,
    typer.Option(
        "--catalogue",
        metavar="FILE",
        help="Label an archive by this QuakeML, or CSV of picks or event times.",
        rich_help_panel=_DATA,
    ),
]


CatalogueInventory = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        metavar="FILE",
        help="Compute arrivals with this StationXML, for a catalogue without picks.",
        rich_help_panel=_DATA,
    ),
]


LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column",
        metavar="NAME",
        help="Take labels from this column of a table or SeisBench data set; =earthquake for all.",
        rich_help_panel=_DATA,
    ),
]


LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        "--label-map",
        metavar="LABEL=CLASS",
        help="Take a label of the data for a class; may be repeated. @FILE: a CSV file of pairs.",
        rich_help_panel=_DATA,
    ),
]


BeforeP = Annotated[
    float | None,
    _seconds_of("--before-p", "Take so many seconds of an event before its P; 15 by default."),
]


AfterP = Annotated[
    float | None,
    _seconds_of("--after-p", "Take so many seconds of an event after its P; 45 by default."),
]


QuietTime = Annotated[
    float | None,
    _seconds_of(
        "--quiet-time", "Keep so many seconds around noise free of events; 120 by default."
    ),
]


NoiseLength = Annotated[
    float | None,
    _seconds_of(
        "--noise-length",
        "Cut noise so long, in seconds; 180 by default. Triggered archives have room for less.",
    ),
]


IgnoreSplit = Annotated[
    bool,
    typer.Option(
        "--ignore-split",
        help="Divide by event, whatever part the data say their rows are in.",
        rich_help_panel=_DATA,
    ),
]


Cache = Annotated[
    str | None,
    typer.Option(
        "--cache",
        metavar="DIR|none",
        help="Keep decoded windows there; in the user's cache folder by default.",
        rich_help_panel=_DATA,
    ),
]
