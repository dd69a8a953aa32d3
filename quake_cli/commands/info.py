"""``quake info``: the card of a model."""

from __future__ import annotations

from typing import Annotated

import typer

from quake_cli.messages import Messages, library_messages
from quake_cli.options.messages import AsJson, Debug, Quiet
from quake_cli.options.model import MODEL_FORMS


def info(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help=f"Model: {MODEL_FORMS}. b0 by default.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show the card of a model: classes, preprocessing, training data, measured quality."""
    import json

    from quake.model_file.identity import model_hash
    from quake.model_file.safetensors_file import load_card
    from quake_cli.model_choice import named_model
    from quake_cli.render.cards import card_sections
    from quake_cli.render.sections import show_sections

    messages: Messages = context.obj
    with library_messages(messages):
        path = named_model(messages, model)
        card = load_card(path)
    if as_json:
        file = {"path": str(path), "hash": model_hash(path), "size_bytes": path.stat().st_size}
        typer.echo(json.dumps({"file": file, **json.loads(card.to_json())}, indent=2))
    else:
        show_sections(card_sections(path, card))
