"""Declare options on result stores: what is done again, where, and by how many."""

from __future__ import annotations

from typing import Annotated

import typer

ARCHIVES = "Archives and clusters"

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
