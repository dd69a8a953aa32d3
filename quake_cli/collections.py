"""Labelled data on the command line: arguments go in, a collection comes out, and what it lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quake.errors import ParameterError
from quake_cli.messages import Messages

if TYPE_CHECKING:
    from quake.data.collection import Collection

_DATA = "Labelled data"
_SHOWN = 5  # of each run's exclusions; a data set can have thousands

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
        help="QuakeML, or CSV of picks or event times, for an archive.",
        rich_help_panel=_DATA,
    ),
]
Inventory = Annotated[
    Path | None,
    typer.Option(
        "--inventory",
        metavar="FILE",
        help="StationXML, for a catalogue without picks.",
        rich_help_panel=_DATA,
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column",
        metavar="NAME",
        help="Column of a SeisBench data set that says what a trace is; =earthquake for all.",
        rich_help_panel=_DATA,
    ),
]
LabelMap = Annotated[
    list[str] | None,
    typer.Option(
        "--label-map",
        metavar="VALUE=CLASS",
        help="What a value of that column means; may be repeated.",
        rich_help_panel=_DATA,
    ),
]


def collect(
    data: Sequence[Path],
    *,
    catalogue: Path | None,
    inventory: Path | None = None,
    label_column: str | None,
    label_map: Sequence[str] | None,
    messages: Messages,
) -> Collection:
    """Open all data as one collection, and say what of them is not used.

    Raises
    ------
    ParameterError, LabelError
        If an option makes no sense, or data cannot be read.
    """
    from quake.data.collection import merge, open_collection

    mapping = dict(_pair(text) for text in label_map or ())
    found = merge(
        [
            open_collection(
                path,
                catalogue=catalogue if path.is_dir() else None,
                inventory=inventory,
                label_column=label_column,
                label_map=mapping,
            )
            for path in data
        ]
    )
    tell_exclusions(found, messages)
    return found


def tell_exclusions(collection: Collection, messages: Messages) -> None:
    """Name the first exclusions and count all of them by reason."""
    for exclusion in collection.excluded[:_SHOWN]:
        messages.warning(f"not used: {exclusion.what}: {exclusion.reason}")
    if collection.excluded[_SHOWN:]:
        reasons = Counter(exclusion.reason for exclusion in collection.excluded)
        shown = "; ".join(f"{n} x {reason}" for reason, n in reasons.most_common(_SHOWN))
        messages.warning(f"not used: {len(collection.excluded)} in all: {shown}")


def _pair(text: str) -> tuple[str, str]:
    value, equals, name = text.partition("=")
    if not equals or not value or not name:
        raise ParameterError(f"--label-map {text}: VALUE=CLASS was expected, as in px=explosion")
    return value, name
