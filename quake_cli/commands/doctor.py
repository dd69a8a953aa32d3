"""``quake doctor``: whether this installation is sound."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from quake_cli.exits import Exit
from quake_cli.messages import Messages
from quake_cli.options.messages import AsJson, Debug, Quiet


def doctor(
    context: typer.Context,
    full: Annotated[
        bool, typer.Option("--full", help="Let each engine predict, not ONNX Runtime alone.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Check that this installation is sound, and say what to do where it is not.

    Python and packages, torch and CUDA, folders, the bundled model and what it says of a record.
    Broken packages cannot end it: what may crash or hang is looked at in a process of its own.

    Exit status: 0 sound, warnings or not; 1 something failed.
    """
    import json

    from quake import __version__
    from quake.doctor import Status, examine
    from quake_cli.render.checks import show_checks
    from quake_cli.render.progress import ProgressBar

    messages: Messages = context.obj
    with ProgressBar(messages) as bar:

        def show(name: str, done: int, total: int) -> None:
            with suppress(Exception):  # Rich, which draws it, may be what is broken
                bar.update(name, done, total)

        checks = list(examine(full=full, on_step=show))
    is_sound = all(check.status is not Status.FAILED for check in checks)
    if as_json:
        rows = [check.to_dict() for check in checks]
        typer.echo(json.dumps({"quake": __version__, "sound": is_sound, "checks": rows}, indent=2))
    else:
        show_checks(checks)
    return Exit.OK if is_sound else Exit.SOME_FAILED
