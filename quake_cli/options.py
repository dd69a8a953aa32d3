"""Option types that commands share, and how help shows the library's defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from quake_cli.messages import Messages


class Device(StrEnum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


def _set_quiet(context: typer.Context, value: bool) -> None:
    messages: Messages = context.obj
    messages.quiet = value


def _set_debug(context: typer.Context, value: bool) -> None:
    messages: Messages = context.obj
    messages.debug = value


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=_set_quiet,
        help="No progress, warnings and summary on standard error; errors stay.",
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=_set_debug,
        is_eager=True,
        help="Show tracebacks and all that the libraries log.",
    ),
]
DeviceOption = Annotated[
    Device, typer.Option("--device", help="Where the network runs; auto takes CUDA if there is.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]


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


class LibraryDefaults(TyperCommand):
    """A command whose options are None unless given, and whose help shows what that stands for.

    The library's configuration has the defaults; it is loaded for the help of that command only.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Fill in the defaults, then show help as ever."""
        defaults = _DEFAULTS[str(self.name)]()
        for parameter in self.params:
            value = defaults.get(str(parameter.name))
            if parameter.default is None and isinstance(value, int | float | str):
                parameter.default = f"{value:g}" if isinstance(value, float) else value
        super().format_help(ctx, formatter)
