"""Option types of commands that work on archives and write result stores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

INPUTS = "Inputs"
OUTPUT = "Output"
EVENTS = "Events"
ARCHIVES = "Archives and clusters"
MESSAGES = "Messages"

Sds = Annotated[
    list[str] | None,
    typer.Option(
        "--sds",
        metavar="ROOT",
        rich_help_panel=INPUTS,
        help="An SDS archive, ROOT/YEAR/NET/STA/CHAN.D/NET.STA.LOC.CHAN.D.YEAR.DAY; may be "
        "repeated.",
    ),
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="FILE|-",
        rich_help_panel=INPUTS,
        help="Names of inputs, one a line; - reads them from standard input.",
    ),
]
Null = Annotated[
    bool,
    typer.Option(
        "--null",
        "-0",
        rich_help_panel=INPUTS,
        help="Names of --files-from end with NUL, as `find -print0` writes them.",
    ),
]
Network = Annotated[
    list[str] | None,
    typer.Option(
        "--network",
        metavar="PATTERN",
        rich_help_panel=INPUTS,
        help="Only networks that match, with * and ?; may be repeated.",
    ),
]
Station = Annotated[
    list[str] | None,
    typer.Option(
        "--station",
        metavar="PATTERN",
        rich_help_panel=INPUTS,
        help="Only stations that match.",
    ),
]
Location = Annotated[
    list[str] | None,
    typer.Option(
        "--location",
        metavar="PATTERN",
        rich_help_panel=INPUTS,
        help="Only locations that match; -- is the empty one.",
    ),
]
Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channels",
        "--channel",
        metavar="PATTERN",
        rich_help_panel=INPUTS,
        help="Only channels that match, as 'BH?' or 'IU.ANMO.*.BH?'; may be repeated.",
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="TIME",
        rich_help_panel=INPUTS,
        help="Samples before this time (UTC) are taken not to be there.",
    ),
]
End = Annotated[
    str | None,
    typer.Option(
        "--end",
        metavar="TIME",
        rich_help_panel=INPUTS,
        help="Samples at and after this time (UTC) are taken not to be there.",
    ),
]
NewerThan = Annotated[
    str | None,
    typer.Option(
        "--newer-than",
        metavar="AGE|TIME",
        rich_help_panel=INPUTS,
        help="Only station-days with a file that has changed since then, as 2d, 12h or a time.",
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
        help="Probability from which on an onset is an event; as --threshold by default.",
    ),
]
EventSnr = Annotated[
    float | None,
    typer.Option(
        "--event-snr",
        metavar="DB",
        rich_help_panel=EVENTS,
        help="Events that stand out of the noise before them by less, in dB, are left out.",
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
        help="... with onsets within this time, in seconds, where --inventory does not say where "
        "they are.",
    ),
]
Resume = Annotated[
    bool | None,
    typer.Option(
        "--resume/--no-resume",
        rich_help_panel=ARCHIVES,
        help="Go on with what is in the folder (the default), or do all of it again.",
        show_default=False,
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        rich_help_panel=ARCHIVES,
        help="Try again what failed before, also if it has not changed.",
    ),
]
ScanOnly = Annotated[
    bool,
    typer.Option(
        "--scan-only",
        rich_help_panel=ARCHIVES,
        help="Read headers into the folder's journal and stop; once, before an array of shards.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        rich_help_panel=ARCHIVES,
        help="Do station-days in N processes, which share the cores.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        rich_help_panel=ARCHIVES,
        help="Send station-days to a Dask cluster that shares the folders.",
    ),
]
DaskLocal = Annotated[
    int | None,
    typer.Option(
        "--dask-local",
        metavar="N",
        rich_help_panel=ARCHIVES,
        help="Start a Dask cluster of N workers on this machine.",
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        rich_help_panel=ARCHIVES,
        help="Do the I-th of N parts of the station-days, as one task of an array job.",
    ),
]
SummaryJson = Annotated[
    Path | None,
    typer.Option(
        "--summary-json",
        metavar="FILE",
        rich_help_panel=MESSAGES,
        help="Write the summary there too, as JSON.",
    ),
]
