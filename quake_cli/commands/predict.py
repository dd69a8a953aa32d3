"""``quake predict``: waveforms in, one record a window out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli.messages import Messages, library_messages
from quake_cli.options import Debug, Device, DeviceOption, EngineName, Format, Quiet

if TYPE_CHECKING:
    from quake.checkpoint import ModelCard
    from quake.data.orientation import Orientations
    from quake.inference.classifier import Classifier, PredictConfig, Prediction
    from quake_cli.exits import Exit
    from quake_cli.outputs import Destination
    from quake_cli.render import ProgressBar
    from quake_cli.report import RunReport


def predict(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="miniSEED or SAC files, folders, quoted patterns as 'day/**/*.mseed', "
            "or - for standard input.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="PATH|NAME", help="Model file, or its name.")
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="NAME",
            help="Take the installed or bundled model of this backbone; b0 if neither is given.",
        ),
    ] = None,
    device: DeviceOption = Device.AUTO,
    engine: Annotated[
        EngineName,
        typer.Option(
            "--engine",
            help="What runs the network; auto takes torch on CUDA and ONNX Runtime on the CPU.",
        ),
    ] = EngineName.AUTO,
    threads: Annotated[
        int | None,
        typer.Option("--threads", help="Of the CPU; by default as many as there are cores."),
    ] = None,
    overlap: Annotated[
        float | None, typer.Option("--overlap", help="Share of a window that the next repeats.")
    ] = None,
    min_coverage: Annotated[
        float | None,
        typer.Option(
            "--min-coverage", help="Components with data in a smaller share of a window are unused."
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            metavar="P|CLASS=P",
            help="Probability below which a window is uncertain, for all classes or one; may be "
            "repeated. Those of the model by default.",
        ),
    ] = None,
    channels: Annotated[
        list[str] | None,
        typer.Option(
            "--channels",
            metavar="PATTERN",
            help="Only channels that match, as 'BH?' or 'IU.ANMO.*.BH?'; may be repeated.",
        ),
    ] = None,
    inventory: Annotated[
        Path | None,
        typer.Option("--inventory", help="StationXML; turns components to true Z, N, E."),
    ] = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format",
            "-f",
            help="A table on a terminal and JSON lines elsewhere, by default. "
            "May be repeated if --output is a folder.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="Write there instead of standard output; the suffix .csv, .jsonl or .txt "
            "gives the format. A folder gets predictions.<suffix>.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", help="Windows that the network takes at a time.")
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Say of each window of seismic records how probable each class is.

    Results alone go to standard output; problems and a summary go to standard error.

    Exit status: 0 all inputs done, 1 some failed, 2 wrong usage, 3 nothing usable,
    4 model missing or damaged, 130 interrupted.
    """
    if not inputs:
        raise ParameterError("no INPUT: name files, folders or patterns, or - for standard input")

    from quake.checkpoint import load_card
    from quake.registry import find_model
    from quake_cli.outputs import choose_destinations

    messages: Messages = context.obj
    with library_messages(messages):
        config = _config(overlap, min_coverage, threshold, channels, batch_size)
        path = find_model(model, backbone)
        card = load_card(path)
        _check_classes(config, card)
        return _run(
            messages,
            inputs,
            _Model(path, card, device, engine, threads),
            config,
            _orientations(inventory),
            choose_destinations(output, formats or []),
        )


@dataclass(frozen=True)
class _Model:
    """What was asked for, before it is loaded."""

    path: Path
    card: ModelCard
    device: str
    engine: str
    threads: int | None

    def load(self) -> Classifier:
        from quake.inference.classifier import Classifier

        return Classifier(self.path, self.device, self.engine, self.threads)


def _run(
    messages: Messages,
    inputs: list[str],
    model: _Model,
    config: PredictConfig,
    orientations: Orientations | None,
    destinations: list[Destination],
) -> Exit:
    """Open what is read and written, and close it whatever happens."""
    from quake.inference.summary import Summary
    from quake_cli.inputs import collect
    from quake_cli.outputs import open_writers
    from quake_cli.render import ProgressBar
    from quake_cli.report import RunReport

    with (
        tempfile.TemporaryDirectory(prefix="quake-") as spool,
        open_writers(destinations, model.card.labels.names) as writers,
        ProgressBar(messages) as bar,
    ):
        found = collect(inputs, Path(spool))
        _spare_inputs(destinations, found.files)
        report = RunReport(messages, found)
        if not found.files:
            return report.close(Summary())

        prediction = _prediction(model.load(), config, orientations, report, bar)
        for record in prediction:
            if any(destination.is_terminal for destination in destinations):
                bar.close()  # the results show how far it is
            report.add(record, prediction.problems)
            for writer in writers:
                writer.write(record)
        bar.close()
        return report.close(prediction.summary, prediction.problems, config.channels)


def _prediction(
    classifier: Classifier,
    config: PredictConfig,
    orientations: Orientations | None,
    report: RunReport,
    bar: ProgressBar,
) -> Prediction:
    def scanned(n_files: int) -> None:
        report.show(source.problems)
        bar.update("reading headers", n_files, len(source.paths))
        if n_files == len(source.paths):
            bar.update("classifying", 0, 1)

    source = report.source(scanned)
    return classifier.predict_source(
        source,
        config,
        orientations,
        lambda done_s, total_s: bar.update("classifying", done_s, total_s),
    )


def _config(
    overlap: float | None,
    min_coverage: float | None,
    threshold: list[str] | None,
    channels: list[str] | None,
    batch_size: int | None,
) -> PredictConfig:
    from quake.inference.classifier import PredictConfig

    given: dict[str, Any] = {
        "overlap": overlap,
        "min_coverage": min_coverage,
        "batch_size": batch_size,
    }
    return PredictConfig(
        thresholds=_thresholds(threshold or []),
        channels=tuple(channels or ()),
        **{name: value for name, value in given.items() if value is not None},
    )


def _thresholds(texts: list[str]) -> dict[str, float]:
    """Read ``0.8`` and ``earthquake=0.8``, several of them separated by commas."""
    thresholds = {}
    for text in ",".join(texts).split(",") if texts else []:
        name, _, value = text.rpartition("=")
        try:
            thresholds[name.strip()] = float(value)
        except ValueError as error:
            raise ParameterError(
                f"--threshold {text}: a number or CLASS=NUMBER was expected, as in earthquake=0.8"
            ) from error
    return thresholds


def _check_classes(config: PredictConfig, card: ModelCard) -> None:
    from quake.errors import LabelError

    for name in filter(None, config.thresholds or {}):
        try:
            card.labels.index(name)
        except LabelError as error:
            raise ParameterError(f"--threshold: {error}") from error


def _orientations(inventory: Path | None) -> Orientations | None:
    if inventory is None:
        return None
    from quake.data.orientation import read_orientations
    from quake.errors import WaveformError

    try:
        return read_orientations(inventory)
    except WaveformError as error:
        raise ParameterError(f"--inventory: {error}") from error


def _spare_inputs(destinations: list[Destination], files: list[Path]) -> None:
    """Refuse to replace an input by the results."""
    written = {d.path.resolve() for d in destinations if d.path is not None}
    for file in files:
        if file.resolve() in written:
            raise ParameterError(f"--output {file}: is an input too; name another file")
