"""``quake watch``: score data that are being recorded, as soon as a window is complete."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quake.errors import ParameterError
from quake_cli.messages import Messages, library_messages
from quake_cli.options.choices import Device, EngineName, Format, LogFormat
from quake_cli.options.inputs import INPUTS, Channels, Location, Network, Sds, Start, Station
from quake_cli.options.messages import Debug, LogFileOption, LogFormatOption, Quiet
from quake_cli.options.model import Backbone, DeviceOption, Engine, Model, Threads
from quake_cli.options.windows import MinCoverage, Overlap, Threshold

if TYPE_CHECKING:
    from quake.inference.config import PredictConfig
    from quake.inputs.selection import Selection
    from quake.live.follow import Feed, FollowOptions
    from quake.store.result_store import Store
    from quake_cli.exits import Exit
    from quake_cli.request import ModelRequest

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
    model: Model = None,
    backbone: Backbone = None,
    device: DeviceOption = Device.AUTO,
    engine: Engine = EngineName.AUTO,
    threads: Threads = None,
    overlap: Overlap = None,
    min_coverage: MinCoverage = None,
    threshold: Threshold = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format", "-f", help="Write the store's windows so: parquet, csv, jsonl, mseed."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Write a result store there, as `quake predict` does; without it windows are "
            "printed only, and forgotten at the end.",
        ),
    ] = None,
    echo: Annotated[
        bool,
        typer.Option("--print", help="Print windows as JSON lines also when there is a store."),
    ] = False,
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
    from quake_cli.model_choice import named_model
    from quake_cli.request import ModelRequest, selection_of
    from quake_cli.settings import check_classes, config_of, thresholds_of

    messages: Messages = context.obj
    messages.open_log(log_file, log_format)
    with library_messages(messages):
        _check_inputs(inputs or [], sds or [])
        config = config_of(overlap, min_coverage, thresholds_of("--threshold", threshold or []))
        path = named_model(messages, model, backbone)
        card = load_card(path)
        check_classes("--threshold", config.thresholds or {}, card)
        return _follow(
            messages,
            [*(inputs or []), *(sds or [])],
            _Request(
                selection_of(network, station, location, channels, start, None),
                ModelRequest(path, card, device, engine, threads),
                config,
                _options(formats or [], wait, end_after, stop_after),
                is_sds=bool(sds),
                poll_s=poll,
            ),
            output,
            echo=echo or output is None,
        )


class _Request:
    """What was asked for."""

    def __init__(
        self,
        selection: Selection,
        model: ModelRequest,
        config: PredictConfig,
        options: FollowOptions,
        *,
        is_sds: bool,
        poll_s: float | None,
    ) -> None:
        self.selection, self.model, self.config, self.options = selection, model, config, options
        self.is_sds, self.poll_s = is_sds, poll_s


def _follow(
    messages: Messages, inputs: Sequence[str], request: _Request, output: str | None, *, echo: bool
) -> Exit:
    from quake.live.follow import Follower
    from quake.store.fingerprint import fingerprint_of
    from quake.store.result_store import Store
    from quake_cli.exits import Exit

    model = request.model
    with ExitStack() as stack:
        root = output or stack.enter_context(tempfile.TemporaryDirectory(prefix="quake-"))
        fingerprint = fingerprint_of(
            model.path, model.card, request.config, model.device, model.engine
        )
        store = stack.enter_context(Store(Path(root), fingerprint))
        feed: Feed = stack.enter_context(_feed(inputs, request, store))
        classifier = model.load()
        follower = Follower(classifier, request.config, feed, store, request.options)
        messages.note(f"watching {', '.join(inputs)}; interrupt to end")
        n_windows = 0
        for record in follower.run():
            n_windows += 1
            if echo:
                _print(record.to_dict())
        messages.note(f"{n_windows} windows scored")
    return Exit.OK


def _feed(inputs: Sequence[str], request: _Request, store: Store) -> AbstractContextManager[Any]:
    if inputs[0].startswith(_SEEDLINK):
        from quake.live.follow import last_scored
        from quake.live.seedlink import SeedLinkFeed, parse_address
        from quake.live.seedlink_feed import SeedLinkArrivals

        begin_ns: dict[str, int] = {}
        for key, time_ns in last_scored(store).items():
            name = f"{key.network}.{key.station}"
            begin_ns[name] = min(begin_ns.get(name, time_ns), time_ns)
        feed = SeedLinkFeed(parse_address(inputs[0]), begin_ns or request.selection.start_ns)
        return SeedLinkArrivals(feed, request.selection)
    from quake.live.archive_feed import ArchiveFeed

    return ArchiveFeed(
        inputs,
        lambda: _all_files(inputs, request),
        request.selection,
        store.journal,
        is_sds=request.is_sds,
        poll_s=request.poll_s,
    )


def _all_files(inputs: Sequence[str], request: _Request) -> list[Path]:
    """Files that are there; an empty folder is no mistake, it may be filled."""
    from quake.inputs.walk import Inputs

    found = Inputs()
    for root in inputs:
        if request.is_sds:
            found.add_sds(root, request.selection)
        else:
            found.add_folder(root)
    return list(found.files)


def _print(values: dict[str, Any]) -> None:
    import json
    import sys

    sys.stdout.write(json.dumps(values, allow_nan=False) + "\n")
    sys.stdout.flush()


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


def _options(
    formats: Sequence[Format],
    wait_s: float | None,
    end_after_s: float | None,
    stop_after_s: float | None,
) -> FollowOptions:
    from quake.live.follow import FollowOptions
    from quake.output.windows import READABLE, SUFFIXES

    names = [name.value for name in dict.fromkeys(formats)] or [READABLE[0]]
    for name in names:
        if name not in SUFFIXES:
            raise ParameterError(f"--format {name}: a store takes {', '.join(SUFFIXES)}")
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
