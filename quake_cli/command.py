"""Commands of the program: loaded when they are needed; their help has sections and defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from typer.core import TyperCommand


def _predict_defaults() -> Mapping[str, Any]:
    from quake.inference.classifier import PredictConfig

    return vars(PredictConfig())


def _train_defaults() -> Mapping[str, Any]:
    from quake.training.config import TrainConfig

    config = TrainConfig()
    band = ",".join(f"{hz:g}" for hz in config.preprocessing.band_hz)
    return {**vars(config.preprocessing), **vars(config), "band_hz": band}


def _evaluate_defaults() -> Mapping[str, Any]:
    from quake.evaluation.options import EvaluateOptions

    return {"batch_size": EvaluateOptions().batch_size}


_DEFAULTS: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "predict": _predict_defaults,
    "train": _train_defaults,
    "evaluate": _evaluate_defaults,
}


# Of what parameters are made, besides choices.
_EXPECTED = {str: "a text", Path: "a path", int: "a whole number", float: "a number"}


class LazyCommand(TyperCommand):
    """Stands for a command until it is called or asked for its help.

    The command is the function of its name in the module of its name in `quake_cli.commands`.
    """

    def make_context(
        self, info_name: Any, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Let the command itself parse; what follows is between it and its context."""
        return _load(str(self.name)).make_context(info_name, args, parent, **extra)


def _load(name: str) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    function = getattr(import_module(f"quake_cli.commands.{name}"), name)
    alone.command(name, cls=_Command)(function)
    command: Any = typer.main.get_command(alone)
    for parameter in command.params:
        kind = _plain_kind(parameter)
        if kind is not None:
            # Typer has Pydantic do this, which takes as long to load as ObsPy. A version of Typer
            # that does not ask this goes on as it would without.
            parameter.get_runtime_param = partial(_PlainValues, kind)
    return command


def _plain_kind(parameter: Any) -> type | None:
    """What a parameter is made of, if it is made of nothing that takes Typer to read."""
    descriptor = getattr(parameter, "type_descriptor", None)
    kind = getattr(descriptor, "annotation", None)
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    is_plain = isinstance(kind, type) and (kind in _EXPECTED or issubclass(kind, StrEnum))
    return kind if is_plain else None


@dataclass(frozen=True)
class _PlainValues:
    """Reads the words that were given for a parameter."""

    kind: type

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Turn a word, or several, into what the command takes; the name is Typer's.

        Raises
        ------
        BadParameter
        """
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        try:
            return [self.kind(word) for word in value] if several else self.kind(value)
        except ValueError as error:
            raise typer.BadParameter(self._expected(value), ctx=ctx, param=param) from error

    def _expected(self, value: Any) -> str:
        words = value if isinstance(value, list | tuple) else [value]
        what = _EXPECTED.get(self.kind) or f"one of {', '.join(map(str, self.kind))}"  # type: ignore[call-overload]
        return f"{', '.join(map(str, words))}: {what} was expected"


class _Command(TyperCommand):
    """A command whose options are None unless given, and whose help shows what that stands for.

    The library's configuration has the defaults; it is loaded for the help of that command only.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Fill in the defaults, then show help as ever."""
        defaults = _DEFAULTS.get(str(self.name), dict)()
        for parameter in self.params:
            value = defaults.get(str(parameter.name))
            if parameter.default is None and isinstance(value, int | float | str):
                parameter.default = f"{value:g}" if isinstance(value, float) else value
        super().format_help(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Show options below the heading that each asks for; without Rich, Typer drops them."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            row = parameter.get_help_record(ctx)
            if row is not None:
                sections.setdefault(_section_of(parameter), []).append((_short(row[0]), row[1]))
        for heading, rows in sections.items():
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _section_of(parameter: Any) -> str:
    usual = "Arguments" if parameter.param_type_name == "argument" else "Options"
    return getattr(parameter, "rich_help_panel", None) or usual


def _short(name: str) -> str:
    """Leave out what Typer shows of Python: ``INPUT <list[str]>``, ``--format <list[csv|jsonl]>``.

    Examples
    --------
    >>> _short("INPUT <list[str]>"), _short("--format <list[csv|jsonl]>"), _short("--depth <int>")
    ('INPUT', '--format <csv|jsonl>', '--depth <int>')
    """
    if not name.startswith("-"):
        return name.partition(" ")[0]
    return re.sub(r"<list\[(.*)\]>", r"<\1>", name)
