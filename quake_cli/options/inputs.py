"""Declare options on inputs: files, stations, channels and times."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

INPUTS = "Inputs"


Sds = Annotated[
    list[str] | None,
    typer.Option(
        "--sds",
        metavar="ROOT",
        rich_help_panel=INPUTS,
        help="Read an SDS archive, ROOT/YEAR/NET/STA/CHAN.D/NET.STA.LOC.CHAN.D.YEAR.DAY; may be "
        "repeated.",
    ),
]


FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="FILE|-",
        rich_help_panel=INPUTS,
        help="Read the names of inputs there, one a line; - is standard input.",
    ),
]


Null = Annotated[
    bool,
    typer.Option(
        "--null",
        "-0",
        rich_help_panel=INPUTS,
        help="Expect NUL after each name of --files-from, as `find -print0` writes them.",
    ),
]


Network = Annotated[
    list[str] | None,
    typer.Option(
        "--network",
        metavar="PATTERN",
        rich_help_panel=INPUTS,
        help="Take only networks that match, with * and ?; may be repeated.",
    ),
]


Station = Annotated[
    list[str] | None,
    typer.Option(
        "--station",
        metavar="PATTERN",
        rich_help_panel=INPUTS,
        help="Take only stations that match.",
    ),
]


Location = Annotated[
    list[str] | None,
    typer.Option(
        "--location",
        metavar="PATTERN",
        rich_help_panel=INPUTS,
        help="Take only locations that match; -- is the empty one.",
    ),
]


Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channels",
        "--channel",
        metavar="PATTERN",
        rich_help_panel=INPUTS,
        help="Take only channels that match, as 'BH?' or 'IU.ANMO.*.BH?'; may be repeated.",
    ),
]


Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="TIME",
        rich_help_panel=INPUTS,
        help="Take samples from this time on (UTC), as if those before were not there.",
    ),
]


End = Annotated[
    str | None,
    typer.Option(
        "--end",
        metavar="TIME",
        rich_help_panel=INPUTS,
        help="Take samples before this time (UTC), as if those after were not there.",
    ),
]


NewerThan = Annotated[
    str | None,
    typer.Option(
        "--newer-than",
        metavar="AGE|TIME",
        rich_help_panel=INPUTS,
        help="Take only station-days with a file that has changed since then: 2d, 12h or a time.",
    ),
]


ReadAny = Annotated[
    bool,
    typer.Option(
        "--read-any",
        rich_help_panel=INPUTS,
        help="Read GSE1, GSE2, K-NET, SEISAN, GCF, ASDF and zip archives of miniSEED, too.",
    ),
]


Inventory = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        metavar="FILE",
        rich_help_panel=INPUTS,
        help="Turn components to true Z, N, E by this StationXML; it also gives events the "
        "distances between stations, and peaks in m/s.",
    ),
]
