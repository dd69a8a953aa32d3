"""``quake inspect``: what the model saw in one window, and why it said what it said."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quake.errors import OutputError, ParameterError
from quake_cli.exits import Exit
from quake_cli.messages import Messages, library_messages
from quake_cli.options.inputs import Channels, Inventory, Location, Network, Sds, Station
from quake_cli.options.messages import Debug, Quiet
from quake_cli.options.model import Backbone, Model
from quake_cli.options.outputs import OUTPUT
from quake_cli.options.windows import MinCoverage, Overlap

if TYPE_CHECKING:
    from quake.explain.explanation import Explanation
    from quake.explain.window_choice import ChosenWindow
    from quake.inference.records import WindowRecord
    from quake.model_file.card import ModelCard


class InspectFormat(StrEnum):
    """How an explanation is written."""

    TEXT = "text"
    JSON = "json"


def inspect(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="miniSEED or SAC files, folders, quoted patterns, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="Take the window whose middle is nearest to this time (UTC); by default the one "
            "with the highest probability of anything but noise.",
        ),
    ] = None,
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="NAME", help="Explain this class; the most probable by default."
        ),
    ] = None,
    sds: Sds = None,
    network: Network = None,
    station: Station = None,
    location: Location = None,
    channels: Channels = None,
    inventory: Inventory = None,
    model: Model = None,
    backbone: Backbone = None,
    overlap: Overlap = None,
    min_coverage: MinCoverage = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PNG",
            rich_help_panel=OUTPUT,
            help="Draw a picture there.",
        ),
    ] = None,
    format: Annotated[
        InspectFormat | None,
        typer.Option(
            "--format",
            "-f",
            rich_help_panel=OUTPUT,
            help="Print text, which is the default without --output, or all numbers as one JSON "
            "object.",
        ),
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Show what the model saw in one window, and why it said what it said.

    Parts of the window are hidden from the model, to see what its answer hangs on; a map shows
    where in time and frequency the evidence for a class lies.

    Exit status: 0 done, 1 some inputs failed, 2 wrong usage, 3 no such window, or nothing usable
    in it, 4 model missing or damaged.
    """
    if not (inputs or sds):
        raise ParameterError(
            "no FILE: name files, folders or patterns, an archive with --sds, or - for standard "
            "input"
        )
    from quake.explain.model_file import refuse_graph
    from quake.model_file.safetensors_file import load_card
    from quake_cli import request as requests
    from quake_cli.commands.inspect.window_finder import WindowFinder
    from quake_cli.model_choice import named_model
    from quake_cli.settings import config_of, orientations_of

    messages: Messages = context.obj
    with library_messages(messages):
        selection = requests.selection_of(network, station, location, channels, at, None)
        path = named_model(messages, model, backbone)
        refuse_graph(path)
        card = load_card(path)
        _check(output, class_name, card)
        finder = WindowFinder(
            messages,
            requests.InputRequest(inputs or [], sds or [], None, False, selection, None),
            path,
            config_of(overlap, min_coverage, {}),
            orientations_of(inventory),
        )
        chosen = finder.find(selection.start_ns)
        explanation = _explain(path, chosen, class_name)
        if output is not None:
            _draw(output, chosen, explanation, card)
            messages.note(f"{output}: {chosen.record.id}, window of {chosen.record.start}")
        if format is InspectFormat.JSON:
            _write_json(chosen.record, explanation)
        elif output is None or format is InspectFormat.TEXT:
            _show(chosen.record, explanation)
    return Exit.SOME_FAILED if finder.failed else Exit.OK


def _check(output: Path | None, class_name: str | None, card: ModelCard) -> None:
    """Refuse what cannot be done before anything is read."""
    from quake.errors import LabelError

    if class_name is not None:
        try:
            card.labels.index(class_name)
        except LabelError as error:
            raise ParameterError(f"--class: {error}") from error
    if output is None:
        return
    if output.suffix.lower() != ".png":
        raise ParameterError(f"--output {output}: pictures are PNG; give a name that ends in .png")
    if output.is_dir():
        raise ParameterError(f"--output {output}: is a folder; the name of a file was expected")
    if not output.absolute().parent.is_dir():
        raise ParameterError(f"--output {output}: there is no folder {output.absolute().parent}")


def _explain(path: Path, chosen: ChosenWindow, class_name: str | None) -> Explanation:
    from quake.explain.explainer import Explainer

    return Explainer(path).explain(chosen.window, class_name)


def _draw(output: Path, chosen: ChosenWindow, explanation: Explanation, card: ModelCard) -> None:
    from quake.explain.picture import draw_explanation
    from quake.files import whole_file

    picture = draw_explanation(chosen, explanation, card)
    try:
        with whole_file(output) as file:
            file.write(picture)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be written ({error.strerror or error}); nothing was left there"
        ) from error


def _write_json(record: WindowRecord, explanation: Explanation) -> None:
    import json

    typer.echo(json.dumps({"window": record.to_dict(), **explanation.to_dict()}))


def _show(record: WindowRecord, explanation: Explanation) -> None:
    from quake_cli.commands.inspect.sections import inspection_sections
    from quake_cli.render.sections import show_sections
    from quake_cli.render.strip import needs_ascii

    ascii_only = needs_ascii(sys.stdout)
    show_sections(inspection_sections(record, explanation, ascii_only=ascii_only))
