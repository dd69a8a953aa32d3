"""Declare options on events."""

from __future__ import annotations

from typing import Annotated

import typer

EVENTS = "Events"


Events = Annotated[
    bool,
    typer.Option(
        "--events",
        rich_help_panel=EVENTS,
        help="Write events, which are onsets with a class; into a folder, beside the windows.",
    ),
]


EventThreshold = Annotated[
    list[str] | None,
    typer.Option(
        "--event-threshold",
        metavar="P|CLASS=P",
        rich_help_panel=EVENTS,
        help="Call onsets from this probability on events; 0.5 by default.",
    ),
]


EventSnr = Annotated[
    float | None,
    typer.Option(
        "--event-snr",
        metavar="DB",
        rich_help_panel=EVENTS,
        help="Leave events out that stand out of the noise before them by less, in dB.",
    ),
]


MinStations = Annotated[
    int | None,
    typer.Option(
        "--min-stations",
        metavar="N",
        rich_help_panel=EVENTS,
        help="Keep what at least N stations saw, as one event.",
    ),
]


Within = Annotated[
    float | None,
    typer.Option(
        "--within",
        metavar="S",
        rich_help_panel=EVENTS,
        help="Let onsets of one event lie within so many seconds, where --inventory does not say "
        "where stations are.",
    ),
]
