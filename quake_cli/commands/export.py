"""``quake export``: write a model as one graph from waveform to probability."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli.messages import Messages, library_messages
from quake_cli.options.messages import AsJson, Debug, Quiet
from quake_cli.options.model import MODEL_FORMS

if TYPE_CHECKING:
    from quake.export import ExportReport
    from quake.export.figures import CalibrationAndTest
    from quake.model_file.card import ModelCard
    from quake_cli.render.sections import Section


class ExportFormat(StrEnum):
    """What the file is for."""

    ONNX = "onnx"
    TORCH_EXPORT = "torch-export"
    TORCHSCRIPT = "torchscript"
    OPENVINO = "openvino"


def export(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL", help=f"Model: {MODEL_FORMS}. b0 by default.", show_default=False
        ),
    ] = None,
    format: Annotated[
        ExportFormat, typer.Option("--format", help="Write this format, see docs/export.md.")
    ] = ExportFormat.ONNX,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write this file; by default it is named as the model, in the current folder.",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="NAME",
            help="Take the installed or bundled model of this backbone.",
        ),
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Compute the network in float16, for GPUs that can.")
    ] = False,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Compute the network in 8-bit integers (onnx, openvino); needs --calibrate.",
        ),
    ] = False,
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(
            "--calibrate",
            metavar="DATA",
            help="Choose the integers by these labelled data, and measure what they cost; may be "
            "repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a model as one graph from waveform to probability, for programs without quake.

    The file is compared with the library on real and random windows, and is not written where
    probabilities differ by more than 1e-4 (5e-3 with --half).

    Exit status: 0 written, 1 not written because it differs or cannot be, 2 wrong usage, 3 nothing
    usable to calibrate on, 4 model missing or damaged, 130 or 143 interrupted.
    """
    messages: Messages = context.obj
    _refuse(half, int8, bool(calibrate), format)
    with library_messages(messages):
        from quake.model_file.identity import model_hash
        from quake_cli.model_choice import named_model

        path = named_model(messages, model, backbone)
        output = output or _default_output(path, format)
        facts = {"path": str(path), "hash": model_hash(path)}
        if int8:
            report, change = _export_int8(path, output, format, calibrate or [], messages)
        else:
            from quake.export import export_model

            report, change = export_model(path, output, format.value, half), None
    _show(report, change, facts, as_json)


def _refuse(half: bool, int8: bool, calibrate: bool, format: ExportFormat) -> None:
    """Refuse what does not go together, before torch is loaded."""
    if half and int8:
        raise ParameterError("--half and --int8 exclude each other; leave one out")
    if int8 and not calibrate:
        raise ParameterError("--int8 needs records to choose its integers by: --calibrate DATA")
    if calibrate and not int8:
        raise ParameterError("--calibrate belongs to --int8; add it, or leave --calibrate out")
    if int8 and format not in (ExportFormat.ONNX, ExportFormat.OPENVINO):
        raise ParameterError(f"--int8 is for the formats onnx and openvino, not for {format}")


def _export_int8(
    model: Path, output: Path, format: ExportFormat, data: Sequence[Path], messages: Messages
) -> tuple[ExportReport, dict[str, Any]]:
    """Export in 8-bit integers; also what they cost on other records than they were chosen by."""
    from quake.export import export_model
    from quake.export.figures import compare
    from quake.export.formats import find_format
    from quake.inference.torch_engine import TorchEngine

    engine = TorchEngine(model, "cpu")
    divided = _read_records(engine.card, data, messages)
    report = export_model(model, output, format.value, int8=divided.calibration.windows)
    run = find_format(format.value).run(output)
    found = compare(engine.probabilities, run, divided.test, engine.card.labels.names)
    head = {
        "calibrated_on": len(divided.calibration.windows),
        "divided_by": divided.divided_by,
        "trained_on": divided.n_trained_on,
    }
    return report, {**head, **found}


def _read_records(card: ModelCard, data: Sequence[Path], messages: Messages) -> CalibrationAndTest:
    from quake.export.figures import calibration_and_test
    from quake_cli.labelled_data import collect
    from quake_cli.render.progress import ProgressBar

    collection = collect(data, catalogue=None, label_column=None, label_map=None, messages=messages)
    with ProgressBar(messages) as bar:
        found = calibration_and_test(
            collection, card, progress=lambda done, total: bar.update("reading", done, total)
        )
    excluded = [*found.calibration.excluded, *found.test.excluded]
    if excluded:
        span, reason = excluded[0]
        messages.warning(f"{len(excluded)} rows are excluded; the first one, {span.row}: {reason}")
    if found.n_trained_on:
        messages.warning(
            f"the model was trained on the events of {found.n_trained_on} of the "
            f"{len(found.test.windows)} windows measured on: the figures flatter it"
        )
    return found


def _default_output(model: Path, format: ExportFormat) -> Path:
    from quake.export.formats import find_format

    return Path(f"{model.stem}{find_format(format.value).suffixes[0]}")


def _show(
    report: ExportReport, change: dict[str, Any] | None, model: dict[str, Any], as_json: bool
) -> None:
    from quake_cli.render.sections import Section, show_sections

    check = report.check
    if as_json:
        found = {
            "files": [str(path) for path in report.paths],
            "format": report.format,
            "precision": report.precision,
            "size_bytes": report.size_bytes,
            "largest_difference": check.largest_difference,
            "tolerance": report.tolerance,
            "windows": check.windows,
            "ms_per_window": check.ms_per_window,
        }
        typer.echo(json.dumps({"model": model, **found, "cost": change}, indent=2))
        return
    bound = "any is allowed" if report.tolerance is None else f"{report.tolerance:g} is allowed"
    rows = [
        ("model", f"{model['path']} ({model['hash']})"),
        *(("file", str(path)) for path in report.paths),
        ("format", f"{report.format}, {report.precision}"),
        ("size", f"{report.size_bytes / 1e6:.1f} MB"),
        ("largest difference", f"{check.largest_difference:.2g} in probability ({bound})"),
        ("windows compared", str(check.windows)),
        ("time", f"{check.ms_per_window:.2f} ms a window (batches of 32, one CPU thread)"),
    ]
    sections = [Section("Export", rows)]
    if change is not None:
        sections.append(_cost_section(change))
    show_sections(sections)


def _cost_section(change: dict[str, Any]) -> Section:
    from quake_cli.render.sections import Section

    rows = [
        (
            name,
            f"{figure['library']:.3f}",
            f"{figure['exported']:.3f}",
            _with_interval(figure["difference"]),
        )
        for name, figure in change["figures"].items()
        if figure["library"] is not None and figure["exported"] is not None
    ]
    title = (
        f"Figures on {change['windows']} windows of {change['events']} events; calibrated on "
        f"{change['calibrated_on']} others ({change['divided_by']}); the same label for "
        f"{100 * change['same_label']:.1f} %"
    )
    return Section(title, rows, ("", "library", "integers", "difference (95 %)"))


def _with_interval(figure: Sequence[float | None]) -> str:
    value, low, high = figure
    if value is None:
        return ""
    return (
        f"{value:+.3f}"
        if low is None or high is None
        else f"{value:+.3f} ({low:+.3f}, {high:+.3f})"
    )
