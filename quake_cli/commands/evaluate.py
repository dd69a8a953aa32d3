"""``quake evaluate``: measure a model on labelled data."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli.exits import Exit
from quake_cli.labelled_data import collect, cut_of
from quake_cli.messages import Messages, library_messages
from quake_cli.options.choices import Device
from quake_cli.options.labelled_data import (
    AfterP,
    BeforeP,
    Cache,
    Catalogue,
    CatalogueInventory,
    Data,
    LabelColumn,
    LabelMap,
    NoiseLength,
    QuietTime,
)
from quake_cli.options.messages import AsJson, Debug, Quiet
from quake_cli.options.model import Backbone, BatchSize, DeviceOption, Model

if TYPE_CHECKING:
    from quake.datasets.collection import Collection
    from quake.evaluation import EvaluateOptions, Evaluation
    from quake_cli.render.sections import Section

_SHOWN = 5  # rows that could not be used; a data set can have thousands


class Part(StrEnum):
    """Which rows are measured on."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Placement(StrEnum):
    """Where windows lie in the rows."""

    ROW = "row"
    GRID = "grid"


def evaluate(
    context: typer.Context,
    data: Data,
    model: Model = None,
    backbone: Backbone = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Write report.json, predictions.csv, worst.csv and pictures of curves there.",
        ),
    ] = None,
    part: Annotated[
        Part | None,
        typer.Option("--part", help="Take only rows of this part, as the column `split` names it."),
    ] = None,
    placement: Annotated[
        Placement,
        typer.Option(
            "--placement",
            help="Cut windows so: row takes each row as a record of its own, as in model cards; "
            "grid takes all full windows that quake predict would cut.",
        ),
    ] = Placement.ROW,
    missing: Annotated[
        int,
        typer.Option(
            "--missing",
            metavar="ROWS",
            help="Take so many rows of each source and class, remove parts of them in every way "
            "that is known, and show how often the answer changes; 30 takes some minutes.",
        ),
    ] = 0,
    count_as: Annotated[
        list[str] | None,
        typer.Option(
            "--count-as",
            metavar="LABEL=CLASS",
            help="Take a label that the model lacks for one of its classes; may be repeated.",
        ),
    ] = None,
    catalogue: Catalogue = None,
    inventory: CatalogueInventory = None,
    before_p: BeforeP = None,
    after_p: AfterP = None,
    quiet_time: QuietTime = None,
    noise_length: NoiseLength = None,
    label_column: LabelColumn = None,
    label_map: LabelMap = None,
    device: DeviceOption = Device.AUTO,
    batch_size: BatchSize = None,
    cache: Cache = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Measure a model on labelled waveforms that it was not trained on.

    The model may also stand first, before the data: quake evaluate model.safetensors labels.csv.

    The figures go to standard output, problems to standard error. docs/evaluation.md says what
    each figure means.

    Exit status: 0 all rows judged, 1 some could not be read, 2 wrong usage, 3 nothing usable,
    4 model missing or damaged, 130 or 143 interrupted.
    """
    from quake.model_file.identity import model_hash
    from quake_cli.model_choice import named_model

    messages: Messages = context.obj
    options = _options(part, placement, count_as, device, batch_size, cache, missing)
    with library_messages(messages):
        model, labelled = _model_first(model, backbone, data)
        path = named_model(messages, model, backbone)
        _check_folder(output)
        collection = collect(
            labelled,
            catalogue=catalogue,
            inventory=inventory,
            label_column=label_column,
            label_map=label_map,
            cut=cut_of(before_p, after_p, quiet_time, noise_length),
            messages=messages,
        )
        found = _run(messages, path, collection, options)
        _tell(found, messages)
        facts = {"path": str(path), "hash": model_hash(path)}
        if output is not None:
            from quake.evaluation import write_evaluation

            written = write_evaluation(output, found, facts)
            messages.note(f"wrote {len(written)} files to {output}")
    _show(found, facts, as_json)
    return Exit.SOME_FAILED if found.excluded else Exit.OK


def _model_first(
    model: str | None, backbone: str | None, data: Sequence[Path]
) -> tuple[str | None, Sequence[Path]]:
    """Take a model file that stands before the data for the model: no data have its suffix."""
    from quake.model_file.safetensors_file import SUFFIX

    if data[0].suffix != SUFFIX:
        return model, data
    if model is not None or backbone is not None:
        raise ParameterError(f"{data[0]}: a second model; name one, as DATA or with --model")
    if not data[1:]:
        raise ParameterError(f"no DATA to measure {data[0]} on")
    return str(data[0]), data[1:]


def _options(
    part: Part | None,
    placement: Placement,
    count_as: Sequence[str] | None,
    device: Device,
    batch_size: int | None,
    cache: str | None,
    missing: int,
) -> EvaluateOptions:
    from quake.datasets.cache import default_cache
    from quake.evaluation import EvaluateOptions

    given: dict[str, Any] = {} if batch_size is None else {"batch_size": batch_size}
    return EvaluateOptions(
        part=part and part.value,
        placement=placement.value,
        count_as=dict(_pair(text) for text in count_as or ()),
        device=device.value,
        cache=None if cache == "none" else cache or str(default_cache()),
        missing=missing,
        **given,
    )


def _pair(text: str) -> tuple[str, str]:
    label, _, name = text.partition("=")
    if not label or not name:
        raise ParameterError(f"--count-as {text}: LABEL=CLASS was expected, as px=earthquake")
    return label, name


def _check_folder(output: Path | None) -> None:
    """Find out whether the folder can be written to, before minutes of work."""
    if output is None:
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output):
            pass
    except OSError as error:
        raise ParameterError(
            f"--output {output}: no folder to write to ({error.strerror or error})"
        ) from error


def _run(
    messages: Messages, path: Path, collection: Collection, options: EvaluateOptions
) -> Evaluation:
    from quake.evaluation import evaluate as measure
    from quake.evaluation.options import EvaluateProgress
    from quake_cli.render.progress import ProgressBar

    with ProgressBar(messages) as bar:
        progress = EvaluateProgress(
            decoding=lambda done, total: bar.update("reading", done, total),
            predicting=lambda done, total: bar.update("classifying", done, total),
        )
        return measure(path, collection, options, progress)


def _tell(found: Evaluation, messages: Messages) -> None:
    """Say what is not in the figures, and why they may flatter."""
    for span, reason in found.excluded[:_SHOWN]:
        messages.warning(f"row {span.row} is excluded: {reason}")
    if found.excluded[_SHOWN:]:
        messages.warning(
            f"{len(found.excluded) - _SHOWN} more rows are excluded, {len(found.excluded)} in all"
        )
    if found.unplaced:
        messages.note(f"{len(found.unplaced)} rows hold no full window of the grid")
    if found.left_out:
        rows = ", ".join(f"{n} {label}" for label, n in found.left_out.most_common())
        messages.warning(
            f"not among the model's classes: {found.left_out.total()} rows: {rows}; "
            "--count-as LABEL=CLASS takes them for one"
        )
    absent = [name for k, name in enumerate(found.names) if not (found.targets == k).any()]
    if absent:
        messages.warning(f"no row shows {', '.join(absent)}: the figures say nothing of that")
    if found.trained_on and found.trained_on.seen:
        messages.warning(
            f"the model was trained on {found.trained_on.seen} of the "
            f"{found.trained_on.looked_up} events that its card can tell of: the figures flatter "
            "it; take other data, or the test part with --part test"
        )


def _show(found: Evaluation, model: dict[str, Any], as_json: bool) -> None:
    from quake.evaluation.folder import as_json as report_of
    from quake_cli.render.figures import figure_sections, loss_sections
    from quake_cli.render.sections import show_sections

    report = {"model": model, **report_of(found)}
    if as_json:
        typer.echo(json.dumps(report, indent=2, allow_nan=False))
        return
    figures = {"classes": found.names, **found.metrics}
    title = "Quality, with 95 % intervals"
    show_sections(
        [_head(report), *figure_sections(figures, title), *loss_sections(found.missing or {})]
    )


def _head(report: dict[str, Any]) -> Section:
    from quake_cli.render.sections import Section

    data = report["data"]
    trained_on = data["trained_on"]
    seen = (
        "its card does not tell"
        if trained_on is None
        else f"{trained_on['events']} of {trained_on['events_looked_up']} looked up"
    )
    return Section(
        "Evaluation",
        [
            ("model", f"{report['model']['path']} ({report['model']['hash']})"),
            ("data", data["name"]),
            ("part", data["part"] or "all rows"),
            ("windows", f"{data['windows']} ({data['placement']})"),
            ("left out", f"{sum(data['left_out'].values())} rows of other labels"),
            ("excluded", f"{data['excluded']} rows"),
            ("events trained on", seen),
        ],
    )
