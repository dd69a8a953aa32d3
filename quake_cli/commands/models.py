"""``quake models``: which backbones and models there are."""

from __future__ import annotations

import typer

from quake_cli.messages import Messages
from quake_cli.options.messages import AsJson, Debug, Quiet


def models(
    context: typer.Context, as_json: AsJson = False, quiet: Quiet = False, debug: Debug = False
) -> None:
    """List the backbones with their facts, and the bundled and installed models."""
    import json

    from quake.model_file.registry import installed_folder, list_models
    from quake_cli.render.cards import (
        backbone_facts,
        backbone_sections,
        model_facts,
        model_sections,
    )
    from quake_cli.render.sections import Section, show_sections

    messages: Messages = context.obj
    entries, problems = list_models()
    for problem in problems:
        messages.warning(problem)
    backbones, facts = backbone_facts(), [model_facts(entry) for entry in entries]
    if as_json:
        typer.echo(
            json.dumps({"backbones": backbones, "models": facts, "problems": problems}, indent=2)
        )
        return
    none = Section(
        "No model is bundled or installed", [("installed ones go to", str(installed_folder()))]
    )
    show_sections([*backbone_sections(backbones), *(model_sections(facts) or [none])])
