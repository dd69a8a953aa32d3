"""Write docs/man/: what the help of every command says, as manual pages for man(1).

    python docs/site/generate_man.py

The pages are in the repository, because a wheel installs them without running the program; a test
compares the two.
"""

import re
from pathlib import Path

from generate_commands import commands, tables

from quake import __version__
from quake_cli.app import app
from quake_cli.command import load
from quake_cli.exits import Exit

FOLDER = Path(__file__).resolve().parents[1] / "man"

_STATUSES = {
    Exit.OK: "All inputs are done.",
    Exit.SOME_FAILED: "Some inputs failed; the results of the others are complete.",
    Exit.USAGE: "The command line makes no sense.",
    Exit.NOTHING_USABLE: "Nothing of the input can be used.",
    Exit.MODEL: "The model is missing, damaged or incompatible.",
    Exit.INTERRUPTED: "Interrupted.",
    Exit.TERMINATED: "Terminated.",
}

_VARIABLES = {
    "QUAKE_MODEL_DIR": "Folder of installed models, instead of the one in the user's data folder.",
    "XDG_CACHE_HOME": "Folder of caches, instead of ~/.cache: models that were fetched, graphs, "
    "decoded records.",
    "HF_ENDPOINT": "Where hf:// addresses of models are fetched, instead of the Hugging Face hub.",
}


def pages():
    """Texts of all pages, by the names of their files."""
    found = {f"quake-{name}.1": command_page(name, line) for name, line in commands()}
    return {"quake.1": program_page(), **found}


def program_page():
    """Write the page of the program: what it does, its commands, statuses and variables."""
    parts = [
        _head("quake"),
        _section("NAME", f"quake \\- {_plain(_sentence(app.info.help))}"),
        _section("SYNOPSIS", ".B quake\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]"),
        _section("DESCRIPTION", _plain(app.info.help)),
        _section("COMMANDS", _items((f"\\fBquake\\-{n}\\fR(1)", line) for n, line in commands())),
        _section(
            "OPTIONS",
            _items(
                [
                    ("\\fB\\-\\-version\\fR", "Show the version and exit."),
                    (
                        "\\fB\\-h\\fR, \\fB\\-\\-help\\fR",
                        "Show help and exit; so does every command.",
                    ),
                ]
            ),
        ),
        _section("EXIT STATUS", _items((str(int(s)), text) for s, text in _STATUSES.items())),
        _section("ENVIRONMENT", _items((_bold(n), text) for n, text in _VARIABLES.items())),
        _see_also(name for name, _ in commands()),
    ]
    return "".join(parts)


def command_page(name, line):
    """Write the page of one command: usage, what it does, arguments and options."""
    command = load(name)
    names = app.info.context_settings or {}
    context = command.make_context(f"quake {name}", [], resilient_parsing=True, **names)
    command.format_help(context, context.make_formatter())  # fills in the defaults
    pieces = _plain(" ".join(command.collect_usage_pieces(context)))
    paragraphs = [" ".join(part.split()) for part in (command.help or "").split("\n\n")]
    parts = [
        _head(f"quake-{name}"),
        _section("NAME", f"quake\\-{name} \\- {_plain(_sentence(line))}"),
        _section("SYNOPSIS", f"\\fBquake {name}\\fR {pieces}"),
        _section("DESCRIPTION", "\n.PP\n".join(map(_plain, paragraphs))),
    ]
    for heading, rows in tables(command, context).items():
        parts.append(_section(heading.upper(), _items((_bold(what), text) for what, text in rows)))
    return "".join([*parts, _see_also(["quake"])])


def _head(name):
    """Title line; without a date, so that the same help gives the same page."""
    return f'.TH {name.upper().replace("-", chr(92) + "-")} 1 "" "quake {__version__}" "quake"\n'


def _section(heading, text):
    return f".SH {_plain(heading)}\n{text}\n"


def _items(rows):
    return "\n".join(f".TP\n{what}\n{_plain(text)}" for what, text in rows)


def _see_also(names):
    pages = [name if name == "quake" else f"quake\\-{name}" for name in names]
    return _section("SEE ALSO", ", ".join(f"\\fB{name}\\fR(1)" for name in pages))


def _sentence(text):
    """The text without its full stop, as `apropos` shows it."""
    return text.rstrip(".")


def _bold(text):
    """The names of an option in bold type, what follows them as it is."""
    return re.sub(
        r"(?<![\w\\-])(-{1,2}[\w-]+|[A-Z_]{4,})", lambda m: f"\\fB{m[1]}\\fR", text
    ).replace("-", "\\-")


def _plain(text):
    """Text without what roff would take for its own."""
    text = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    return "\\&" + text if text.startswith((".", "'")) else text


def main():
    """Write all pages, and remove those of commands that are gone."""
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.1"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
