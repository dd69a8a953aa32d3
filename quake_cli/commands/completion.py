"""``quake completion``: print the script that completes command lines in a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from quake_cli.completion import Shell


def completion(
    shell: Annotated[
        Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)
    ],
) -> None:
    """Print a script that lets bash, zsh or fish complete command lines.

    `quake completion bash > ~/.local/share/bash-completion/completions/quake` installs it;
    docs/completion.md has the places for other shells.
    """
    from quake_cli.app import app
    from quake_cli.completion import completion_script

    commands = {str(c.name): str(c.short_help) for c in app.registered_commands}
    typer.echo(completion_script(shell, commands), nl=False)
