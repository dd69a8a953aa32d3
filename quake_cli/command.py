"""Commands: loaded when they are needed, cheap to read, and with sections and defaults in help."""

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
from typer.core import TyperCommand, TyperGroup


def _predict_defaults() -> Mapping[str, Any]:
    from quake.inference.config import PredictConfig

    return {**vars(PredictConfig()), **_events_defaults()}


def _events_defaults() -> Mapping[str, Any]:
    from quake.events.options import EventOptions

    events = EventOptions(thresholds={"event": 0.5})
    return {
        "event_snr": events.min_snr_db,
        "min_stations": events.min_stations,
        "within": events.within_s,
    }


def _inspect_defaults() -> Mapping[str, Any]:
    from quake.inference.config import PredictConfig

    return vars(PredictConfig())


def _watch_defaults() -> Mapping[str, Any]:
    from quake.inference.config import PredictConfig
    from quake.live.follow import FollowOptions

    options = FollowOptions()
    return {
        **vars(PredictConfig()),
        "wait": options.wait_s,
        "end_after": options.end_after_s,
    }


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
    "events": _events_defaults,
    "inspect": _inspect_defaults,
    "watch": _watch_defaults,
    "train": _train_defaults,
    "evaluate": _evaluate_defaults,
}

# What parameters are made of, besides choices.
_EXPECTED: Mapping[type, str] = {
    bool: "yes or no",
    str: "a text",
    Path: "a path",
    int: "a whole number",
    float: "a number",
}


class Group(TyperGroup):
    """The program itself, the command that has commands."""

    def get_params(self, ctx: Any) -> Any:
        """All options, `--help` included."""
        return _read_plainly(super().get_params(ctx))


class LazyCommand(TyperCommand):
    """Stands for a command until it is called or asked for its help.

    The command is the function of its name in the module of its name in `quake_cli.commands`.
    """

    def make_context(
        self, info_name: Any, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Let the command itself parse; what follows is between it and its context."""
        return load(str(self.name)).make_context(info_name, args, parent, **extra)


def load(name: str) -> Any:
    """Load a command, as Click knows it."""
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    function = getattr(import_module(f"quake_cli.commands.{name}"), name)
    alone.command(name, cls=Command)(function)
    return typer.main.get_command(alone)


class Command(TyperCommand):
    """A command whose options are None unless given, and whose help shows what that stands for.

    The library's configuration has the defaults; it is loaded for the help of that command only.
    """

    def get_params(self, ctx: Any) -> Any:
        """All arguments and options, `--help` included."""
        return _read_plainly(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Fill in the defaults, then show help as ever."""
        defaults = _DEFAULTS.get(str(self.name), dict)()
        for parameter in self.params:
            value = defaults.get(str(parameter.name))
            if parameter.default is None and isinstance(value, int | float | str):
                parameter.default = f"{value:g}" if isinstance(value, float) else value
        super().format_help(ctx, formatter)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Show options below the heading that each asks for; without Rich, Typer does not."""
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


def _read_plainly(parameters: list[Any]) -> list[Any]:
    """Have words read here; Typer has Pydantic do it, which takes longer to load than ObsPy.

    A version of Typer that does not ask `get_runtime_param` reads as it would without this.
    """
    for parameter in parameters:
        kind = _kind_of(parameter)
        if kind is not None:
            parameter.get_runtime_param = partial(_Words, kind)
    return parameters


def _kind_of(parameter: Any) -> Any:
    """Type of a value of a parameter; None if only Typer knows how to read it."""
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    is_plain = isinstance(kind, type) and (kind in _EXPECTED or issubclass(kind, StrEnum))
    return kind if is_plain else None


@dataclass(frozen=True)
class _Words:
    """What was written on the command line for a parameter becomes values of a type."""

    kind: Any

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Take one word or several, as many as the parameter does; the name is Typer's.

        Raises
        ------
        BadParameter
        """
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        if several:
            return [self._read(word, param, ctx) for word in value]
        return self._read(value, param, ctx)

    def _read(self, word: Any, param: Any, ctx: Any) -> Any:
        try:
            return self.kind(word)
        except ValueError as error:
            what = _EXPECTED.get(self.kind) or f"one of {', '.join(self.kind)}"
            raise typer.BadParameter(f"{word}: {what} was expected", ctx, param) from error
