"""Declare options on messages: what is said, where, and in which form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quake_cli.messages import Messages
from quake_cli.options.choices import LogFormat

MESSAGES = "Messages"


def _set_quiet(context: typer.Context, value: bool) -> None:
    messages: Messages = context.obj
    messages.quiet = value


def _set_debug(context: typer.Context, value: bool) -> None:
    messages: Messages = context.obj
    messages.debug = value


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=_set_quiet,
        help="Keep progress, warnings and summary off standard error; errors stay.",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=_set_debug,
        is_eager=True,
        help="Show tracebacks and all that the libraries log.",
    ),
]
LogFileOption = Annotated[
    Path | None,
    typer.Option(
        "--log-file",
        metavar="FILE",
        help="Append all messages to this file, with time and process id, --quiet or not.",
    ),
]
LogFormatOption = Annotated[
    LogFormat,
    typer.Option("--log-format", help="Write the log file so, or standard error without one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]

SummaryJson = Annotated[
    Path | None,
    typer.Option(
        "--summary-json",
        metavar="FILE",
        rich_help_panel=MESSAGES,
        help="Write the summary there too, as JSON.",
    ),
]
