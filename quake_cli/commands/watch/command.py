"""``quake watch``: score data that are being recorded, as soon as a window is complete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli.messages import Messages, library_messages
from quake_cli.options.choices import Device, EngineName, Format, LogFormat
from quake_cli.options.events import (
    EVENTS,
    Events,
    EventSnr,
    EventThreshold,
    MinStations,
    Within,
)
from quake_cli.options.inputs import (
    INPUTS,
    Channels,
    Inventory,
    Location,
    Network,
    Sds,
    Start,
    Station,
)
from quake_cli.options.messages import Debug, LogFileOption, LogFormatOption, Quiet
from quake_cli.options.model import Backbone, DeviceOption, Engine, Model, Threads
from quake_cli.options.windows import MinCoverage, Overlap, Threshold

if TYPE_CHECKING:
    from quake.live.commands import CommandOptions
    from quake.live.follow import FollowOptions

_SEEDLINK = "seedlink://"


def watch(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT",
            help="Folders that are written to, or seedlink://HOST:PORT/NET.STA.LOC.CHAN,...",
            show_default=False,
        ),
    ] = None,
    sds: Sds = None,
    network: Network = None,
    station: Station = None,
    location: Location = None,
    channels: Channels = None,
    start: Start = None,
    poll: Annotated[
        float | None,
        typer.Option(
            "--poll",
            metavar="S",
            rich_help_panel=INPUTS,
            help="Look for changes every S seconds; for network file systems, which tell of none.",
        ),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            "--wait",
            metavar="S",
            rich_help_panel=INPUTS,
            help="Do not wait for a component so many seconds behind the others.",
        ),
    ] = None,
    end_after: Annotated[
        float | None,
        typer.Option(
            "--end-after",
            metavar="S",
            rich_help_panel=INPUTS,
            help="Score the last window of a record that has not grown for so long.",
        ),
    ] = None,
    stop_after: Annotated[
        float | None,
        typer.Option(
            "--stop-after",
            metavar="S",
            rich_help_panel=INPUTS,
            help="End when nothing new has come for so long; never by default.",
        ),
    ] = None,
    inventory: Inventory = None,
    model: Model = None,
    backbone: Backbone = None,
    device: DeviceOption = Device.AUTO,
    engine: Engine = EngineName.AUTO,
    threads: Threads = None,
    overlap: Overlap = None,
    min_coverage: MinCoverage = None,
    threshold: Threshold = None,
    events: Events = False,
    event_threshold: EventThreshold = None,
    event_snr: EventSnr = None,
    min_stations: MinStations = None,
    within: Within = None,
    command: Annotated[
        str | None,
        typer.Option(
            "--exec",
            metavar="CMD",
            rich_help_panel=EVENTS,
            help="Run this command for each line about an event, with its JSON on standard input.",
        ),
    ] = None,
    exec_limit: Annotated[
        int | None,
        typer.Option(
            "--exec-limit",
            metavar="N",
            rich_help_panel=EVENTS,
            help="Run it at most so many times at once; 4 by default.",
        ),
    ] = None,
    exec_timeout: Annotated[
        float | None,
        typer.Option(
            "--exec-timeout",
            metavar="S",
            rich_help_panel=EVENTS,
            help="End it after so many seconds; 60 by default.",
        ),
    ] = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="Write the store's windows as parquet, csv, jsonl or mseed, and its events also "
            "as quakeml, geojson, snuffler, swarm or audacity.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Write a result store there, as `quake predict` does; without it results are "
            "printed only, and forgotten at the end.",
        ),
    ] = None,
    echo: Annotated[
        bool,
        typer.Option(
            "--print",
            help="Print JSON lines also when there is a store: windows, or events with --events.",
        ),
    ] = False,
    metrics_file: Annotated[
        Path | None,
        typer.Option(
            "--metrics-file",
            metavar="FILE",
            help="Write latencies, gaps and counts there every 15 s, for Prometheus.",
        ),
    ] = None,
    log_file: LogFileOption = None,
    log_format: LogFormatOption = LogFormat.TEXT,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Follow an archive that is being written, or a SeedLink server.

    Each window is scored once, as soon as it is complete, also across restarts; it runs until it is
    interrupted. Exit status: 0 ended by --stop-after, 130 or 143 interrupted, others as `quake
    predict`.
    """
    from quake.model_file.safetensors_file import load_card
    from quake_cli.commands.watch.run import WatchRequest, run_watch
    from quake_cli.model_choice import named_model
    from quake_cli.outputs import check_places
    from quake_cli.request import ModelRequest, events_of, selection_of
    from quake_cli.settings import check_classes, config_of, refuse_idle, thresholds_of

    messages: Messages = context.obj
    messages.open_log(log_file, log_format)
    with library_messages(messages):
        _check_inputs(inputs or [], sds or [])
        of_events = {
            "--event-threshold": event_threshold,
            "--event-snr": event_snr,
            "--min-stations": min_stations,
            "--within": within,
            "--exec": command,
            "--exec-limit": exec_limit,
            "--exec-timeout": exec_timeout,
        }
        refuse_idle(events, of_events)
        config = config_of(overlap, min_coverage, thresholds_of("--threshold", threshold or []))
        path = named_model(messages, model, backbone)
        card = load_card(path)
        check_classes("--threshold", config.thresholds or {}, card)
        thresholds = thresholds_of("--event-threshold", event_threshold or [])
        check_classes("--event-threshold", thresholds, card)
        of_windows, of_files = _formats(formats or [], events=events)
        check_places(of_files, inventory)
        return run_watch(
            messages,
            WatchRequest(
                inputs=[*(inputs or []), *(sds or [])],
                is_sds=bool(sds),
                poll_s=poll,
                selection=selection_of(network, station, location, channels, start, None),
                inventory=inventory,
                model=ModelRequest(path, card, device, engine, threads),
                config=config,
                options=_options(of_windows, wait, end_after, stop_after),
                events=(
                    events_of(card, thresholds, event_snr, min_stations, within) if events else None
                ),
                event_formats=of_files,
                command=_command(command, exec_limit, exec_timeout),
                output=output,
                echo=echo or output is None,
                metrics_file=metrics_file,
            ),
        )


def _check_inputs(inputs: Sequence[str], sds: Sequence[str]) -> None:
    if not inputs and not sds:
        raise ParameterError(
            "nothing to watch: name folders, an archive with --sds, or seedlink://HOST/STREAMS"
        )
    servers = [name for name in inputs if name.startswith(_SEEDLINK)]
    if servers and (len(inputs) > 1 or sds):
        raise ParameterError(f"{servers[0]}: a server is watched alone; start one run for each")
    if inputs and sds:
        raise ParameterError("--sds: is watched by itself; leave out the other inputs")
    for folder in [*inputs, *sds]:
        if folder not in servers and not Path(folder).is_dir():
            raise ParameterError(f"{folder}: is no folder; watch one that is there")


def _command(
    command: str | None, at_a_time: int | None, timeout_s: float | None
) -> CommandOptions | None:
    if command is None:
        if at_a_time is not None or timeout_s is not None:
            raise ParameterError("--exec-limit, --exec-timeout: are about --exec; add it")
        return None
    from quake.live.commands import CommandOptions

    given: dict[str, Any] = {"at_a_time": at_a_time, "timeout_s": timeout_s}
    return CommandOptions(command, **{k: v for k, v in given.items() if v is not None})


def _formats(formats: Sequence[Format], *, events: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Formats of windows and of events."""
    from quake.output.events import SUFFIXES as OF_EVENTS
    from quake.output.windows import READABLE, SUFFIXES

    names = [name.value for name in dict.fromkeys(formats)]
    known = dict.fromkeys((*SUFFIXES, *(OF_EVENTS if events else ())))
    for name in names:
        if name not in known:
            raise ParameterError(f"--format {name}: a store takes {', '.join(known)}")
    of_windows = tuple(name for name in names if name in SUFFIXES) or (READABLE[0],)
    of_events = tuple(name for name in names if name in OF_EVENTS) or (READABLE[0],)
    return of_windows, of_events if events else ()


def _options(
    names: Sequence[str],
    wait_s: float | None,
    end_after_s: float | None,
    stop_after_s: float | None,
) -> FollowOptions:
    from quake.live.follow import FollowOptions
    from quake.output.windows import READABLE

    if not set(names) & set(READABLE):
        raise ParameterError(
            f"--format {names[0]}: what was scored could not be read back after a restart; add "
            f"--format {READABLE[0]}"
        )
    given = {"wait_s": wait_s, "end_after_s": end_after_s, "stop_after_s": stop_after_s}
    for name, value in given.items():
        if value is not None and not value >= 0:
            raise ParameterError(
                f"--{name[:-2].replace('_', '-')} must not be negative, got {value}"
            )
    return FollowOptions(
        formats=tuple(names),
        **{k: v for k, v in given.items() if v is not None},
    )
