"""Option types that commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from quake_cli.messages import Messages


class Device(StrEnum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class EngineName(StrEnum):
    """What runs the network."""

    AUTO = "auto"
    ONNX = "onnx"
    TORCH = "torch"
    OPENVINO = "openvino"


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    MSEED = "mseed"
    QUAKEML = "quakeml"
    GEOJSON = "geojson"
    SNUFFLER = "snuffler"
    SWARM = "swarm"
    AUDACITY = "audacity"


class LogFormat(StrEnum):
    """How messages are written."""

    TEXT = "text"
    JSON = "json"


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
        help="No progress, warnings and summary on standard error; errors stay.",
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
DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where the network runs; auto takes CUDA if there is.")
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
    typer.Option("--log-format", help="Of the log file; without one, of standard error."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]
