"""Run `quake watch`: follow what was asked for, and print, until it ends."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.errors import ParameterError
from quake_cli.messages import Messages
from quake_cli.request import ModelRequest

if TYPE_CHECKING:
    from quake.events import EventOptions
    from quake.inference.classifier import Classifier
    from quake.inference.config import PredictConfig
    from quake.inputs.selection import Selection
    from quake.live.archive_feed import ArchiveFeed
    from quake.live.commands import CommandOptions, Commands
    from quake.live.follow import FollowOptions
    from quake.live.live_events import LiveEventOptions
    from quake.live.metrics import WatchMetrics
    from quake.live.revisions import Revision
    from quake.live.seedlink_feed import SeedLinkArrivals
    from quake.store.result_store import Store
    from quake_cli.exits import Exit

SEEDLINK = "seedlink://"


@dataclass(frozen=True)
class WatchRequest:
    """What was asked for."""

    inputs: Sequence[str]
    is_sds: bool
    poll_s: float | None
    selection: Selection
    inventory: Path | None
    model: ModelRequest
    config: PredictConfig
    options: FollowOptions
    events: EventOptions | None
    event_formats: tuple[str, ...]
    command: CommandOptions | None
    output: str | None
    echo: bool
    metrics_file: Path | None


def run_watch(messages: Messages, request: WatchRequest) -> Exit:
    """Follow what was asked for, until it is interrupted or nothing comes any more."""
    from quake.live.follow import Follower
    from quake.store.fingerprint import fingerprint_of
    from quake.store.result_store import Store
    from quake_cli.exits import Exit
    from quake_cli.settings import orientations_of

    orientations = orientations_of(request.inventory)
    events = _events(request)
    with ExitStack() as stack:
        root = request.output or stack.enter_context(tempfile.TemporaryDirectory(prefix="quake-"))
        model = request.model
        fingerprint = fingerprint_of(
            *(model.path, model.card, request.config, model.device, model.engine),
            request.inventory,
        )
        store = stack.enter_context(Store(Path(root), fingerprint))
        feed = stack.enter_context(_feed(request, store))
        classifier = request.model.load()
        commands = _commands(request, stack)
        metrics = _metrics(request, classifier, feed, commands, stack)
        follower = Follower(
            classifier,
            request.config,
            feed,
            store,
            request.options,
            orientations=orientations,
            events=events,
            tell=_teller(request, commands, metrics),
            metrics=metrics,
        )
        messages.note(f"watching {', '.join(request.inputs)}; interrupt to end")
        n_windows = 0
        for record in follower.run():
            n_windows += 1
            if request.echo and events is None:
                _print(record.to_dict())
        messages.note(f"{n_windows} windows scored")
    return Exit.OK


def _events(request: WatchRequest) -> LiveEventOptions | None:
    from quake.events.station_facts import read_station_facts
    from quake.live.live_events import LiveEventOptions

    if request.events is None:
        return None
    facts = read_station_facts(request.inventory)
    return LiveEventOptions(request.events, request.event_formats, facts)


def _commands(request: WatchRequest, stack: ExitStack) -> Commands | None:
    from quake.live.commands import Commands

    return None if request.command is None else stack.enter_context(Commands(request.command))


def _metrics(
    request: WatchRequest,
    classifier: Classifier,
    feed: SeedLinkArrivals | ArchiveFeed,
    commands: Commands | None,
    stack: ExitStack,
) -> WatchMetrics | None:
    """What is counted, written once at the beginning, to see that it can be, and at the end."""
    from quake.live.metrics import WatchMetrics

    path = request.metrics_file
    if path is None:
        return None
    metrics = WatchMetrics(
        path,
        classifier.hash,
        reconnections=lambda: getattr(feed, "n_reconnections", 0),
        commands=lambda: {} if commands is None else commands.counts,
    )
    try:
        metrics.write()
    except OSError as error:
        raise ParameterError(
            f"--metrics-file {path}: cannot be written ({error.strerror or error}); name a file in "
            "a folder that is there"
        ) from error
    stack.callback(metrics.write_if_possible)
    return metrics


def _teller(
    request: WatchRequest, commands: Commands | None, metrics: WatchMetrics | None
) -> Callable[[Revision], None]:
    """Who hears of what is new of an event."""

    def tell(revision: Revision) -> None:
        if request.echo:
            _print(revision.to_dict())
        if commands is not None:
            commands.run(revision)
        if metrics is not None:
            metrics.count_revision(revision)

    return tell


def _feed(
    request: WatchRequest, store: Store
) -> AbstractContextManager[SeedLinkArrivals | ArchiveFeed]:
    if request.inputs[0].startswith(SEEDLINK):
        from quake.live.follow import needed_from
        from quake.live.seedlink import SeedLinkFeed, parse_address
        from quake.live.seedlink_feed import SeedLinkArrivals

        begin_ns: dict[str, int] = {}
        for key, time_ns in needed_from(store).items():
            name = f"{key.network}.{key.station}"
            begin_ns[name] = min(begin_ns.get(name, time_ns), time_ns)
        feed = SeedLinkFeed(
            parse_address(request.inputs[0]), begin_ns or request.selection.start_ns
        )
        return SeedLinkArrivals(feed, request.selection)
    from quake.live.archive_feed import ArchiveFeed

    return ArchiveFeed(
        request.inputs,
        lambda: _all_files(request),
        request.selection,
        store.journal,
        is_sds=request.is_sds,
        poll_s=request.poll_s,
    )


def _all_files(request: WatchRequest) -> list[Path]:
    """Files that are there; an empty folder is no mistake, it may be filled."""
    from quake.inputs.walk import Inputs

    found = Inputs()
    for root in request.inputs:
        if request.is_sds:
            found.add_sds(root, request.selection)
        else:
            found.add_folder(root)
    return list(found.files)


def _print(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values, allow_nan=False) + "\n")
    sys.stdout.flush()
