"""Write docs/commands.md: what the help of every command says, as one page.

    python docs/site/generate_commands.py

The page is in the repository, so that it can be read on a code host; a test compares the two.
"""

from pathlib import Path

from quake_cli.app import app
from quake_cli.command import load

PAGE = Path(__file__).resolve().parents[1] / "commands.md"

HEAD = """# Commands

What `quake COMMAND --help` says. This page is generated: `python docs/site/generate_commands.py`
writes it again. Results go to standard output, all else to standard error; the exit status is
explained in [output.md](output.md#exit-status). `quake --version` prints the version.
"""


def page():
    """Write all commands, one below the other."""
    listed = [f"| [`quake {name}`](#quake-{name}) | {_cell(line)} |" for name, line in commands()]
    table = "\n".join(["| command | does |", "| --- | --- |", *listed])
    return "\n\n".join([HEAD.rstrip(), table, *(section(name) for name, _ in commands())]) + "\n"


def commands():
    """Names of the commands, and the first line of each help."""
    return [(command.name, command.short_help) for command in app.registered_commands]


def section(name):
    """Write one command: what it does, usage, arguments and options under their headings."""
    command = load(name)
    names = app.info.context_settings or {}
    context = command.make_context(f"quake {name}", [], resilient_parsing=True, **names)
    command.format_help(context, context.make_formatter())  # fills in the defaults
    parts = [f"## quake {name}", *_paragraphs(command.help or "")]
    pieces = " ".join(command.collect_usage_pieces(context))
    parts.append(f"```text\nquake {name} {pieces}\n```")
    for heading, rows in tables(command, context).items():
        lines = [f"| `{_plain(what)}` | {_cell(text)} |" for what, text in rows]
        parts.append("\n".join([f"| {heading.lower()} | |", "| --- | --- |", *lines]))
    return "\n\n".join(parts)


def tables(command, context):
    """Rows of the help, (name, text), by heading in the order of the help."""
    formatter = _Rows()
    command.format_options(context, formatter)
    return formatter.tables


class _Rows:
    """Takes what Click's formatter takes, and wraps nothing."""

    def __init__(self):
        self.tables = {}
        self._heading = ""

    def section(self, heading):
        self._heading = heading
        return self

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def write_dl(self, rows):
        self.tables[self._heading] = list(rows)


def _paragraphs(text):
    return [" ".join(part.split()) for part in text.split("\n\n")]


def _plain(text):
    return " ".join(text.split()).replace("|", "\\|")


def _cell(text):
    """Text in a cell: what would be markup is shown as it is."""
    text = " ".join(text.split()).replace("\\", "\\\\")
    for mark in "|*_<[":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\\[default: ", "[default: ").replace("\\[required]", "[required]")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
