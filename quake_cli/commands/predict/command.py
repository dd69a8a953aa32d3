"""``quake predict``: say of each window what it shows, or list events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli.exits import Exit, status_of
from quake_cli.messages import Messages, library_messages
from quake_cli.options.archives import (
    DaskLocal,
    Resume,
    RetryFailed,
    ScanOnly,
    Scheduler,
    ShardOption,
    Workers,
)
from quake_cli.options.choices import Device, EngineName, Format, LogFormat, PlotWidth
from quake_cli.options.events import Events, EventSnr, EventThreshold, MinStations, Within
from quake_cli.options.inputs import (
    Channels,
    End,
    FilesFrom,
    Inventory,
    Location,
    Network,
    NewerThan,
    Null,
    ReadAny,
    Sds,
    Start,
    Station,
)
from quake_cli.options.messages import Debug, LogFileOption, LogFormatOption, Quiet, SummaryJson
from quake_cli.options.model import Backbone, BatchSize, DeviceOption, Engine, Model, Threads
from quake_cli.options.outputs import OUTPUT
from quake_cli.options.windows import MinCoverage, Overlap, Threshold
from quake_cli.settings import (
    check_classes,
    config_of,
    orientations_of,
    refuse_idle,
    thresholds_of,
)

if TYPE_CHECKING:
    from quake.events import EventOptions
    from quake.inference.config import PredictConfig
    from quake.model_file.card import ModelCard
    from quake.pictures.album import Album, PictureStyle
    from quake_cli.outputs import Destination, StorePlace
    from quake_cli.request import ModelRequest, PredictRequest


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
    sds: Sds = None,
    files_from: FilesFrom = None,
    null: Null = False,
    network: Network = None,
    station: Station = None,
    location: Location = None,
    channels: Channels = None,
    start: Start = None,
    end: End = None,
    newer_than: NewerThan = None,
    read_any: ReadAny = False,
    inventory: Inventory = None,
    model: Model = None,
    backbone: Backbone = None,
    device: DeviceOption = Device.AUTO,
    engine: Engine = EngineName.AUTO,
    threads: Threads = None,
    batch_size: BatchSize = None,
    overlap: Overlap = None,
    min_coverage: MinCoverage = None,
    threshold: Threshold = None,
    events: Events = False,
    event_threshold: EventThreshold = None,
    event_snr: EventSnr = None,
    min_stations: MinStations = None,
    within: Within = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            metavar="DIR",
            rich_help_panel=OUTPUT,
            help="Draw each channel set and day there too: waveforms, spectrogram, probabilities "
            "and events, as PNG.",
        ),
    ] = None,
    plot_band: Annotated[
        str | None,
        typer.Option(
            "--plot-band",
            metavar="LOW-HIGH|raw",
            rich_help_panel=OUTPUT,
            help="Draw that band of the waveforms, Hz, as in 2-8; 1-20 by default.",
        ),
    ] = None,
    plot_width: Annotated[
        PlotWidth | None,
        typer.Option(
            "--plot-width",
            rich_help_panel=OUTPUT,
            help="Draw for desks, or for telephones; wide by default.",
        ),
    ] = None,
    helicorder: Annotated[
        int | None,
        typer.Option(
            "--helicorder",
            metavar="MINUTES",
            rich_help_panel=OUTPUT,
            help="Draw each day as lines of 15, 30 or 60 minutes too, with its events in colour.",
        ),
    ] = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            rich_help_panel=OUTPUT,
            help="Write table, csv, jsonl, parquet or mseed; events also as quakeml, geojson, "
            "snuffler, swarm or audacity. By default a table on a terminal, JSON lines in a pipe, "
            "and Parquet in a folder, where several may be given.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            rich_help_panel=OUTPUT,
            help="Write there instead of standard output. The suffix of a file gives the format; "
            "a folder becomes a result store, with one file a channel set and day.",
        ),
    ] = None,
    resume: Resume = None,
    retry_failed: RetryFailed = False,
    scan_only: ScanOnly = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    dask_local: DaskLocal = None,
    shard: ShardOption = None,
    summary_json: SummaryJson = None,
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

    from quake.model_file.safetensors_file import load_card
    from quake_cli import request as requests
    from quake_cli.model_choice import named_model
    from quake_cli.outputs import (
        StorePlace,
        check_places,
        choose_output,
        event_formats,
        is_of_events,
    )

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
        style = _style(plot, plot_band, plot_width, helicorder)
        path = named_model(messages, model, backbone)
        card = load_card(path)
        check_classes("--threshold", config.thresholds or {}, card)
        _check_traces(place, config, card)
        of_events = thresholds_of("--event-threshold", event_threshold or [])
        check_classes("--event-threshold", of_events, card)
        wants_events = events or is_of_events(place)
        check_places(event_formats(place), inventory)
        of_pictures = {"--event-threshold": event_threshold}
        of_events_alone = {
            "--event-snr": event_snr,
            "--min-stations": min_stations,
            "--within": within,
        }
        refuse_idle(wants_events, {**({} if plot else of_pictures), **of_events_alone})
        event_options = None
        if wants_events or plot is not None:
            event_options = requests.events_of(card, of_events, event_snr, min_stations, within)
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
                _album(plot, model_request, config, inventory, event_options, style),
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
            from quake_cli.commands.predict.store_run import run_store

            status, report = run_store(messages, request, place)
        else:
            from quake_cli.commands.predict.stream_run import run_stream

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


def _album(
    folder: Path | None,
    model: ModelRequest,
    config: PredictConfig,
    inventory: Path | None,
    events: EventOptions | None,
    style: PictureStyle | None,
) -> Album | None:
    if folder is None or events is None or style is None:
        return None
    from quake.inference.config import effective_thresholds
    from quake.pictures.album import open_album
    from quake.store.fingerprint import fingerprint_of

    fingerprint = fingerprint_of(
        model.path, model.card, config, model.device, model.engine, inventory
    )
    thresholds = effective_thresholds(model.card, config.thresholds or {})
    return open_album(folder, model.card, thresholds, events, fingerprint, style)


def _style(
    folder: Path | None, band: str | None, width: PlotWidth | None, line_minutes: int | None
) -> PictureStyle | None:
    """How pictures look; options about them make no sense without any."""
    options = {"--plot-band": band, "--plot-width": width, "--helicorder": line_minutes}
    named = [name for name, value in options.items() if value is not None]
    if named and folder is None:
        raise ParameterError(f"{', '.join(named)}: is about pictures; add --plot DIR")
    if folder is None:
        return None
    from quake.pictures.album import PictureStyle
    from quake.pictures.band import Band
    from quake.pictures.helicorder import MINUTES

    if line_minutes is not None and line_minutes not in MINUTES:
        raise ParameterError(f"--helicorder {line_minutes}: expected 15, 30 or 60 minutes a line")
    try:
        shown = Band() if band is None else Band.parse(band)
    except ParameterError as error:
        raise ParameterError(f"--plot-band: {error}") from error
    return PictureStyle(shown, (width or PlotWidth.WIDE).value, line_minutes)
