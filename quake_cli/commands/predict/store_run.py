"""Run `quake predict` into a result store."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import ParameterError
from quake_cli.messages import Messages
from quake_cli.outputs import StorePlace
from quake_cli.render.progress import ProgressBar
from quake_cli.request import InputRequest, PredictRequest
from quake_cli.run_report import RunReport

if TYPE_CHECKING:
    from quake.store.request import ArchiveRequest
    from quake.store.result import ArchiveProgress, ArchiveResult
    from quake_cli.exits import Exit
    from quake_cli.inputs import Inputs


def run_store(
    messages: Messages, request: PredictRequest, place: StorePlace
) -> tuple[Exit, RunReport]:
    """Do what is left to do of the station-days, and say how it went."""
    from quake.inputs.naming import MARGIN_DAYS
    from quake.store.archive_run import run_archive

    _refuse_streams(request)
    with (
        tempfile.TemporaryDirectory(prefix="quake-") as spool,
        ProgressBar(messages) as bar,
    ):
        inputs = _of_whole_sets(request.inputs).collect(Path(spool), MARGIN_DAYS)
        asked = _archive_request(request, place, inputs)
        asked.find_inputs()  # refuses copies before anything is said of the others
        report = RunReport(messages, inputs)

        def show(progress: ArchiveProgress) -> None:
            report.show(progress.problems)
            if progress.total:
                bar.update(progress.stage, progress.done, progress.total)

        result = run_archive(asked, show)
        bar.close()
        return _close(report, asked, result), report


def _archive_request(request: PredictRequest, place: StorePlace, inputs: Inputs) -> ArchiveRequest:
    from quake.store.request import ArchiveRequest

    model, archive = request.model, request.archive
    return ArchiveRequest(
        inputs=inputs,
        output=place.root,
        model=model.path,
        card=model.card,
        selection=request.inputs.selection,
        newer_than_ns=request.inputs.newer_than_ns,
        config=request.config,
        device=model.device,
        engine=model.engine,
        threads=model.threads,
        formats=place.formats,
        events=request.events,
        event_formats=place.event_formats,
        inventory=request.inventory,
        orientations=request.orientations,
        album=request.album,
        **vars(archive),
    )


def _close(report: RunReport, request: ArchiveRequest, result: ArchiveResult) -> Exit:
    """Say what is left to be said."""
    report.findings = result.findings
    report.add_channel_sets(result.channel_sets)
    channels = request.selection.channels
    if result.to_do is not None:
        to_do = dict(vars(result.to_do), seconds=round(result.to_do.seconds, 3))
        planned = to_do.pop("planned")
        return report.close(
            result.summary, (), channels, scanned_only=True, todo=planned, to_do=to_do
        )
    shard = request.shard
    return report.close(
        result.summary,
        (),
        channels,
        station_days=dict(result.station_days),
        events=result.n_events,
        shard=None if shard is None else f"{shard.number}/{shard.count}",
        nothing_new=result.nothing_new or None,
    )


def _of_whole_sets(request: InputRequest) -> InputRequest:
    from quake.inputs.selection import of_whole_sets

    return replace(request, selection=of_whole_sets(request.selection))


def _refuse_streams(request: PredictRequest) -> None:
    if "-" in request.inputs.arguments:
        raise ParameterError(
            "-: a result store keeps a journal of files, and standard input is none; write to a "
            "file with --output FILE, or save the stream first"
        )
