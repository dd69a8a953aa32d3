"""Declare options on windows: where they lie, and what is said of them."""

from __future__ import annotations

from typing import Annotated

import typer

WINDOWS = "Windows"

Overlap = Annotated[
    float | None,
    typer.Option(
        "--overlap",
        rich_help_panel=WINDOWS,
        help="Let each window repeat this share of the one before it.",
    ),
]
MinCoverage = Annotated[
    float | None,
    typer.Option(
        "--min-coverage",
        rich_help_panel=WINDOWS,
        help="Leave components out that have data in a smaller share of a window.",
    ),
]
Threshold = Annotated[
    list[str] | None,
    typer.Option(
        "--threshold",
        metavar="P|CLASS=P",
        rich_help_panel=WINDOWS,
        help="Call windows below this probability uncertain, for all classes or one; may be "
        "repeated. The model has its own by default.",
    ),
]
