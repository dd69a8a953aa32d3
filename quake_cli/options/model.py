"""Declare options on the model, and on what runs it."""

from __future__ import annotations

from typing import Annotated

import typer

from quake_cli.options.choices import Device, EngineName

MODEL = "Model"

MODEL_FORMS = (
    "a file, the name of one that is installed or bundled, or an address with the hash of the file "
    "there, https://HOST/FILE#sha256=HASH or hf://ORG/REPO/FILE#sha256=HASH"
)

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="PATH|NAME|URL",
        rich_help_panel=MODEL,
        help=f"Use this model: {MODEL_FORMS}.",
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="NAME",
        rich_help_panel=MODEL,
        help="Take the installed or bundled model of this backbone; b0 if neither is given.",
    ),
]
DeviceOption = Annotated[
    Device,
    typer.Option(
        "--device",
        rich_help_panel=MODEL,
        help="Run the network there; auto takes CUDA if there is.",
    ),
]
Engine = Annotated[
    EngineName,
    typer.Option(
        "--engine",
        rich_help_panel=MODEL,
        help="Run the network with it; auto takes torch on CUDA and ONNX Runtime on the CPU.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        rich_help_panel=MODEL,
        help="Use so many CPU threads, for all workers together; one for each core by default.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        rich_help_panel=MODEL,
        help="Give the network so many windows at a time.",
    ),
]
