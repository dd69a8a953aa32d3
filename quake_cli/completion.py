"""Write the script that completes command lines in a shell."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from quake_cli.command import Command, _kind_of, load

# Capital words of a metavar that stand for what a shell can complete.
_PATHS = {"FILE", "DIR", "PATH", "ROOT", "DATA", "INPUT", "MODEL", "STORE"}


class Shell(StrEnum):
    """Which shell is to complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True)
class Value:
    """What may follow an option or stand as an argument.

    Attributes
    ----------
    words : tuple of str
    paths : bool
        Names of files and folders too.
    """

    words: tuple[str, ...] = ()
    paths: bool = False


@dataclass(frozen=True)
class Option:
    """An option.

    Attributes
    ----------
    names : tuple of str
        All spellings, as ``("--format", "-f")``.
    help : str
    value : Value or None
        None if nothing follows it.
    repeatable : bool
    """

    names: tuple[str, ...]
    help: str
    value: Value | None
    repeatable: bool


@dataclass(frozen=True)
class CommandWords:
    """What may follow the name of a command."""

    name: str
    help: str
    options: tuple[Option, ...]
    argument: Value


def completion_script(shell: Shell, commands: Mapping[str, str]) -> str:
    """Script that completes ``quake`` in a shell; nothing of the program runs at a key press.

    Parameters
    ----------
    shell : Shell
    commands : mapping of str to str
        First lines of the help of the commands, by their names.
    """
    known = _known_words()
    words = [command_words(name, line, known) for name, line in commands.items()]
    return {Shell.BASH: _bash, Shell.ZSH: _zsh, Shell.FISH: _fish}[shell](words)


def command_words(name: str, line: str, known: Mapping[str, tuple[str, ...]]) -> CommandWords:
    """Options and argument of a command.

    Parameters
    ----------
    name, line : str
        Of the command, and the first line of its help.
    known : mapping of str to tuple of str
        Words for parameters that take any text, by the names of the parameters.
    """
    command: Command = load(name)
    parameters = command.get_params(typer.Context(command))
    options = tuple(_option(p, known) for p in parameters if p.param_type_name == "option")
    values = [_value(p, known) for p in parameters if p.param_type_name == "argument"]
    return CommandWords(name, line, options, values[0] if values else Value())


def _known_words() -> dict[str, tuple[str, ...]]:
    from quake.model_file.registry import list_models
    from quake.models.backbones import BACKBONES

    models = tuple(entry.name for entry in list_models()[0])
    backbones = tuple(backbone.value for backbone in BACKBONES)
    return {"backbone": backbones, "model": models, "start_from": models}


def _option(parameter: Any, known: Mapping[str, tuple[str, ...]]) -> Option:
    return Option(
        names=(*parameter.opts, *parameter.secondary_opts),
        help=" ".join((parameter.help or "").split()),
        value=None if parameter.is_flag else _value(parameter, known),
        repeatable=parameter.multiple,
    )


def _value(parameter: Any, known: Mapping[str, tuple[str, ...]]) -> Value:
    """Choices and known words; words and paths that the metavar names, as in ``DIR|none``."""
    kind = _kind_of(parameter)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return Value(tuple(map(str, kind)))
    named = (parameter.metavar or "").split("|")
    words = tuple(word for word in named if re.fullmatch("[a-z]+", word))
    paths = kind is Path or not _PATHS.isdisjoint(named)
    return Value((*known.get(str(parameter.name), ()), *words), paths)


# Bash -------------------------------------------------------------------------------------------

# Words are broken at `=`, so `--format=csv` is three of them.
_BASH = """\
# Completion of quake for bash 4 and later, as `quake completion bash` prints it.

_quake() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local command=${{COMP_WORDS[1]}} words= paths=
    if [[ $current == = ]]; then
        current=
    elif [[ $previous == = ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    if ((COMP_CWORD == 1)); then
        words="{commands} --help --version"
    else
        case "$command $previous" in
{values}
            *)
                if [[ $current == -* ]]; then
                    case $command in
{options}
                    esac
                else
                    case $command in
{arguments}
                    esac
                fi
                ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [[ $paths ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
    fi
}}

complete -F _quake quake
"""


def _bash(commands: Sequence[CommandWords]) -> str:
    values = [line for command in commands for line in _bash_values(command)]
    return _BASH.format(
        commands=" ".join(command.name for command in commands),
        values=_indented(values, 12),
        options=_indented(map(_bash_options, commands), 24),
        arguments=_indented((f"{c.name}) {_bash_value(c.argument)} ;;" for c in commands), 24),
    )


def _bash_values(command: CommandWords) -> Iterator[str]:
    """A line for all options of a command that take the same."""
    names: dict[Value, list[str]] = defaultdict(list)
    for option in command.options:
        if option.value is not None:
            names[option.value] += [f'"{command.name} {name}"' for name in option.names]
    for value, patterns in names.items():
        yield f"{'|'.join(patterns)}) {_bash_value(value)} ;;"


def _bash_value(value: Value) -> str:
    words = f'words="{" ".join(value.words)}"' if value.words else ""
    return " ".join(filter(None, [words, "paths=1" if value.paths else ""])) or ":"


def _bash_options(command: CommandWords) -> str:
    names = " ".join(name for option in command.options for name in option.names)
    return f'{command.name}) words="{names}" ;;'


# Zsh --------------------------------------------------------------------------------------------

# Loaded from $fpath, the file is the body of the function at its first call.
_ZSH = """\
#compdef quake
# Completion of quake for zsh, as `quake completion zsh` prints it.

_quake_words_or_files() {{
    compadd -- "$@"
    _files
}}

_quake() {{
    local -a commands=(
{commands}
    )
    if ((CURRENT == 2)); then
        _describe -t commands command commands
        compadd -- --help --version
        return
    fi
    local command=$words[2]
    shift words
    ((CURRENT--))
    case $command in
{cases}
    esac
}}

if [[ ${{funcstack[1]}} == _quake ]]; then
    _quake "$@"
else
    compdef _quake quake
fi
"""


def _zsh(commands: Sequence[CommandWords]) -> str:
    described = [_quoted(f"{c.name}:{c.help}") for c in commands]
    cases = [line for command in commands for line in _zsh_case(command)]
    return _ZSH.format(commands=_indented(described, 8), cases=_indented(cases, 8))


def _zsh_case(command: CommandWords) -> Iterator[str]:
    yield f"{command.name})"
    arguments = [_zsh_option(option) for option in command.options]
    if command.argument != Value():
        arguments.append(_quoted(f"*: :{_zsh_value(command.argument)}"))
    yield "    _arguments -s -S \\"
    yield from (f"        {argument} \\" for argument in arguments[:-1])
    yield f"        {arguments[-1]}"
    yield "    ;;"


def _zsh_option(option: Option) -> str:
    help_text = re.sub(r"([\[\]\\:])", r"\\\1", option.help)
    value = "" if option.value is None else f": :{_zsh_value(option.value)}"
    text = f"[{help_text}]{value}"
    excluded = "*" if option.repeatable else f"({' '.join(option.names)})"
    return " ".join(
        _quoted(f"{excluded}{name}{_zsh_equals(option, name)}{text}") for name in option.names
    )


def _zsh_equals(option: Option, name: str) -> str:
    return "=" if option.value is not None and name.startswith("--") else ""


def _zsh_value(value: Value) -> str:
    words = " ".join(value.words)
    if value.paths and words:
        return f" _quake_words_or_files {words}"  # the space: without what it would add itself
    return "_files" if value.paths else f"({words})" if words else " "


# Fish -------------------------------------------------------------------------------------------


def _fish(commands: Sequence[CommandWords]) -> str:
    lines = [
        "# Completion of quake for fish, as `quake completion fish` prints it.",
        "",
        "complete -c quake -f",
        "complete -c quake -n __fish_use_subcommand -l help -d 'Show help and exit.'",
        "complete -c quake -n __fish_use_subcommand -l version -d 'Show the version and exit.'",
    ]
    for command in commands:
        lines += _fish_command(command)
    return "\n".join(lines) + "\n"


def _fish_command(command: CommandWords) -> Iterator[str]:
    described = f"-a {command.name} -d {_fish_quoted(command.help)}"
    yield f"complete -c quake -n __fish_use_subcommand {described}"
    here = f"complete -c quake -n '__fish_seen_subcommand_from {command.name}'"
    if command.argument != Value():
        yield f"{here}{_fish_value(command.argument)}"
    for option in command.options:
        names = "".join(
            f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}"
            for name in option.names
        )
        value = "" if option.value is None else f" -r{_fish_value(option.value)}"
        yield f"{here}{names}{value} -d {_fish_quoted(option.help)}"


def _fish_value(value: Value) -> str:
    words = f" -a {_fish_quoted(' '.join(value.words))}" if value.words else ""
    return f"{words} {'-F' if value.paths else '-f'}"


def _fish_quoted(text: str) -> str:
    """In single quotes, where fish knows the backslash, which other shells do not."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


# Text -------------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _indented(lines: Iterable[str], by: int) -> str:
    return "\n".join(" " * by + line for line in lines)
