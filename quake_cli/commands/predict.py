"""``quake predict``: waveforms in, one record a window, or one an event, out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli import archive_options as archives
from quake_cli.exits import Exit, status_of
from quake_cli.messages import Messages, library_messages
from quake_cli.options import (
    Debug,
    Device,
    DeviceOption,
    EngineName,
    Format,
    LogFileOption,
    LogFormat,
    LogFormatOption,
    Quiet,
)

if TYPE_CHECKING:
    from quake.events import EventOptions
    from quake.inference.classifier import PredictConfig
    from quake.model_file.card import ModelCard
    from quake.pictures.album import Album
    from quake.stations.orientation import Orientations
    from quake_cli.outputs import Destination, StorePlace
    from quake_cli.request import ModelRequest, PredictRequest

_MODEL = "Model"
_WINDOWS = "Windows"


def predict(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="miniSEED or SAC files, folders, quoted patterns as 'day/**/*.mseed', - for "
            "standard input, fdsn://NODE/NET.STA.LOC.CHAN, s3://BUCKET/..., gs://, https://.",
            show_default=False,
        ),
    ] = None,
    sds: archives.Sds = None,
    files_from: archives.FilesFrom = None,
    null: archives.Null = False,
    network: archives.Network = None,
    station: archives.Station = None,
    location: archives.Location = None,
    channels: archives.Channels = None,
    start: archives.Start = None,
    end: archives.End = None,
    newer_than: archives.NewerThan = None,
    read_any: archives.ReadAny = False,
    inventory: Annotated[
        Path | None,
        typer.Option(
            "--inventory",
            rich_help_panel=archives.INPUTS,
            help="StationXML; turns components to true Z, N, E, and says of events how far "
            "stations are apart and how large peaks are in m/s.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="PATH|NAME",
            rich_help_panel=_MODEL,
            help="Model file, or its name.",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="NAME",
            rich_help_panel=_MODEL,
            help="Take the installed or bundled model of this backbone; b0 if neither is given.",
        ),
    ] = None,
    device: DeviceOption = Device.AUTO,
    engine: Annotated[
        EngineName,
        typer.Option(
            "--engine",
            rich_help_panel=_MODEL,
            help="What runs the network; auto takes torch on CUDA and ONNX Runtime on the CPU.",
        ),
    ] = EngineName.AUTO,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            rich_help_panel=_MODEL,
            help="Of the CPU; by default as many as there are cores, for all workers together.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            rich_help_panel=_MODEL,
            help="Windows that the network takes at a time.",
        ),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(
            "--overlap",
            rich_help_panel=_WINDOWS,
            help="Share of a window that the next repeats.",
        ),
    ] = None,
    min_coverage: Annotated[
        float | None,
        typer.Option(
            "--min-coverage",
            rich_help_panel=_WINDOWS,
            help="Components with data in a smaller share of a window are unused.",
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            metavar="P|CLASS=P",
            rich_help_panel=_WINDOWS,
            help="Probability below which a window is uncertain, for all classes or one; may be "
            "repeated. Those of the model by default.",
        ),
    ] = None,
    events: archives.Events = False,
    event_threshold: archives.EventThreshold = None,
    event_snr: archives.EventSnr = None,
    min_stations: archives.MinStations = None,
    within: archives.Within = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="DIR",
            rich_help_panel=archives.OUTPUT,
            help="Draw each channel set and day there too: waveforms, spectrogram, probabilities "
            "and events, as PNG.",
        ),
    ] = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format",
            "-f",
            rich_help_panel=archives.OUTPUT,
            help="By default a table on a terminal, JSON lines in a pipe, and Parquet in a folder, "
            "where several may be given.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            rich_help_panel=archives.OUTPUT,
            help="Write there instead of standard output. The suffix of a file gives the format; "
            "a folder becomes a result store, with one file a channel set and day.",
        ),
    ] = None,
    resume: archives.Resume = None,
    retry_failed: archives.RetryFailed = False,
    scan_only: archives.ScanOnly = False,
    workers: archives.Workers = None,
    scheduler: archives.Scheduler = None,
    dask_local: archives.DaskLocal = None,
    shard: archives.ShardOption = None,
    summary_json: archives.SummaryJson = None,
    log_file: LogFileOption = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Say of each window of seismic records how probable each class is.

    Results alone go to standard output; problems and a summary go to standard error.

    Exit status: 0 all inputs done, 1 some failed, 2 wrong usage, 3 nothing usable,
    4 model missing or damaged, 130 or 143 interrupted.
    """
    if not (inputs or sds or files_from):
        raise ParameterError(
            "no INPUT: name files, folders or patterns, an archive with --sds, fdsn:// or s3://, "
            "or - for standard input"
        )

    from quake.model_file.registry import find_model
    from quake.model_file.safetensors_file import load_card
    from quake_cli import request as requests
    from quake_cli.outputs import StorePlace, choose_output, is_of_events

    messages: Messages = context.obj
    messages.open_log(log_file, log_format)
    with library_messages(messages):
        place = choose_output(output, formats or [], events=events)
        archive = requests.archive_of(
            is_store=isinstance(place, StorePlace),
            resume=resume,
            retry_failed=retry_failed,
            scan_only=scan_only,
            workers=workers,
            scheduler=scheduler,
            dask_local=dask_local,
            shard=shard,
        )
        config = config_of(
            overlap, min_coverage, thresholds_of("--threshold", threshold or []), batch_size
        )
        path = find_model(model, backbone)
        card = load_card(path)
        check_classes("--threshold", config.thresholds or {}, card)
        _check_traces(place, config, card)
        of_events = thresholds_of("--event-threshold", event_threshold or [])
        check_classes("--event-threshold", of_events, card)
        wants_events = events or is_of_events(place)
        of_pictures = {"--event-threshold": event_threshold}
        of_events_alone = {
            "--event-snr": event_snr,
            "--min-stations": min_stations,
            "--within": within,
        }
        _refuse_idle(wants_events, shard, {**({} if plot else of_pictures), **of_events_alone})
        event_options = None
        if wants_events or plot is not None:
            event_options = requests.events_of(
                card, config, of_events, event_snr, min_stations, within
            )
        model_request = requests.ModelRequest(path, card, device, engine, threads)
        return _run(
            messages,
            requests.PredictRequest(
                requests.InputRequest(
                    inputs or [],
                    sds or [],
                    files_from,
                    null,
                    requests.selection_of(network, station, location, channels, start, end),
                    requests.newer_than_of(newer_than),
                    read_any,
                ),
                model_request,
                config,
                orientations_of(inventory),
                inventory,
                event_options if wants_events else None,
                archive,
                _album(plot, model_request, config, inventory, event_options),
            ),
            place,
            summary_json,
        )


def _run(
    messages: Messages,
    request: PredictRequest,
    place: Destination | StorePlace,
    summary_json: Path | None,
) -> Exit:
    from quake_cli.outputs import StorePlace

    try:
        if isinstance(place, StorePlace):
            from quake_cli.store_run import run_store

            status, report = run_store(messages, request, place)
        else:
            from quake_cli.stream_run import run_stream

            status, report = run_stream(messages, request, place)
    except BaseException as error:
        # What looks at the file must not take that of the run before for this one's.
        ended = status_of(error)
        is_interruption = ended in (Exit.INTERRUPTED, Exit.TERMINATED)
        text = "interrupted" if is_interruption else str(error)
        told = {"exit_status": int(ended), "error": text or type(error).__name__}
        _write_summary(summary_json, told, request)
        raise
    _write_summary(summary_json, report.totals, request)
    return status


def _write_summary(path: Path | None, totals: Mapping[str, Any], request: PredictRequest) -> None:
    from quake import __version__
    from quake.files import whole_file
    from quake.model_file.identity import model_hash

    if path is None:
        return
    values = {**totals, "model": model_hash(request.model.path), "quake": __version__}
    try:
        with whole_file(path) as file:
            file.write(json.dumps(values, indent=2).encode() + b"\n")
    except OSError as error:
        raise ParameterError(
            f"--summary-json {path}: cannot be written ({error.strerror or error})"
        ) from error


def _check_traces(place: Destination | StorePlace, config: PredictConfig, card: ModelCard) -> None:
    """Refuse miniSEED where it cannot hold the classes or the step, before any work is done."""
    from quake_cli.outputs import StorePlace

    names = place.formats if isinstance(place, StorePlace) else (place.format.value,)
    if Format.MSEED.value in names:
        from quake.output.mseed_traces import class_codes, sampling_rate_hz

        class_codes(card.labels.names)
        sampling_rate_hz(config.grid(card).hop_ns)


def _refuse_idle(wants_events: bool, shard: str | None, options: dict[str, Any]) -> None:
    """Refuse options that would do nothing."""
    named = [name for name, value in options.items() if value is not None]
    if named and not wants_events:
        raise ParameterError(f"{', '.join(named)}: is about events; add --events")
    if wants_events and shard is not None:
        raise ParameterError(
            "--events: needs the windows of all stations, which a shard does not have; run the "
            "same command without --shard when all shards have ended"
        )


def _album(
    folder: Path | None,
    model: ModelRequest,
    config: PredictConfig,
    inventory: Path | None,
    events: EventOptions | None,
) -> Album | None:
    if folder is None or events is None:
        return None
    from quake_cli.request import album_of
    from quake_cli.store_run import fingerprint_of

    fingerprint = fingerprint_of(model, config, inventory)
    return album_of(folder, model.card, config, events, fingerprint)


def config_of(
    overlap: float | None,
    min_coverage: float | None,
    thresholds: Mapping[str, float],
    batch_size: int | None = None,
) -> PredictConfig:
    """What may be chosen when a model is applied; what was not given is as in the library."""
    from quake.inference.classifier import PredictConfig

    given: dict[str, Any] = {
        "overlap": overlap,
        "min_coverage": min_coverage,
        "batch_size": batch_size,
    }
    return PredictConfig(
        thresholds=thresholds,
        **{name: value for name, value in given.items() if value is not None},
    )


def thresholds_of(option: str, texts: list[str]) -> dict[str, float]:
    """Read ``0.8`` and ``earthquake=0.8``, several of them separated by commas."""
    thresholds = {}
    for text in ",".join(texts).split(",") if texts else []:
        name, _, value = text.rpartition("=")
        try:
            thresholds[name.strip()] = float(value)
        except ValueError as error:
            raise ParameterError(
                f"{option} {text}: a number or CLASS=NUMBER was expected, as in earthquake=0.8"
            ) from error
    return thresholds


def check_classes(option: str, thresholds: Mapping[str, float], card: ModelCard) -> None:
    """Refuse thresholds of classes that the model does not know."""
    from quake.errors import LabelError

    for name in filter(None, thresholds):
        try:
            card.labels.index(name)
        except LabelError as error:
            raise ParameterError(f"{option}: {error}") from error


def orientations_of(inventory: Path | None) -> Orientations | None:
    """Read how components are turned; None where they are taken as they are."""
    if inventory is None:
        return None
    from quake.errors import WaveformError
    from quake.stations.orientation import read_orientations

    try:
        return read_orientations(inventory)
    except WaveformError as error:
        raise ParameterError(f"--inventory: {error}") from error
