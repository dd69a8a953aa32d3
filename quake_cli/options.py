"""Option types that commands share."""

from __future__ import annotations

from enum import StrEnum
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
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]
