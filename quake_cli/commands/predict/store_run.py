"""Run `quake predict` into a result store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import ParameterError
from quake_cli.messages import Messages
from quake_cli.outputs import StorePlace
from quake_cli.render.progress import ProgressBar
from quake_cli.request import PredictRequest, fingerprint_of, of_whole_sets
from quake_cli.run_report import RunReport

if TYPE_CHECKING:
    from quake.inference.coverage import Coverage
    from quake.inference.summary import Summary
    from quake.parallel.executor import Executor, Lost, Raised
    from quake.pictures.album import Album
    from quake.store.journal import DayEntry, DayKey
    from quake.store.plan import Plan
    from quake.store.result_store import Store
    from quake.store.run import RunOptions
    from quake.store.station_work import ModelFiles, PictureJob, StationDayOpener
    from quake.waveforms.ids import ChannelSetId
    from quake_cli.exits import Exit
    from quake_cli.inputs import Inputs


# Windows of a day depend on the days beside it.
_MARGIN_DAYS = 1


def run_store(
    messages: Messages, request: PredictRequest, place: StorePlace
) -> tuple[Exit, RunReport]:
    """Do what is left to do of the station-days, and say how it went."""
    from quake.store.result_store import Store

    _refuse_streams(request)
    with (
        tempfile.TemporaryDirectory(prefix="quake-") as spool,
        ProgressBar(messages) as bar,
    ):
        request = replace(request, inputs=of_whole_sets(request.inputs))
        inputs = request.inputs.collect(Path(spool), _MARGIN_DAYS)
        _refuse_copies(inputs)
        request = _with_stations(request, inputs, Path(spool))
        report = RunReport(messages, inputs)
        metadata = request.metadata_of or request.inventory
        fingerprint = fingerprint_of(request.model, request.config, metadata)
        with Store(place.root, fingerprint, request.archive.shard) as store:
            status = _StoreRun(request, place, store, report, bar).run()
        return status, report


class _StoreRun:
    def __init__(
        self,
        request: PredictRequest,
        place: StorePlace,
        store: Store,
        report: RunReport,
        bar: ProgressBar,
    ) -> None:
        from quake.inputs.copies import copies_in

        self.request, self.place, self.store = request, place, store
        self.report, self.bar = report, bar
        self.executor = _executor(request)
        self.copies = copies_in(report.inputs.spool, read_any=report.inputs.read_any)
        self.coverage: dict[object, Coverage] = {}
        self.done_before: dict[DayKey, DayEntry] = {}

    def run(self) -> Exit:
        from quake.inference.summary import Summary

        plan = self._plan()
        if self.request.archive.scan_only:
            return self._close(Summary(), scanned_only=True, **self._to_do(plan))
        summary, counts = self._do(plan)
        self._draw_missing(plan)
        n_events = None
        if self.request.events is not None:
            from quake.store.events import write_store_events
            from quake_cli.request import stations_of

            n_events = write_store_events(
                self.store,
                self.request.events,
                self.place.event_formats,
                *stations_of(self.request.inventory),
            )
        shard = self.request.archive.shard
        return self._close(
            summary,
            station_days=counts,
            events=n_events,
            shard=None if shard is None else f"{shard.number}/{shard.count}",
            nothing_new=is_nothing_new(self.request, plan.jobs, plan.found),
        )

    def _plan(self) -> Plan:
        """Read headers that are not known yet, and divide what there is into station-days."""
        from quake.store.headers import read_headers
        from quake.store.plan import make_plan_of_store
        from quake.waveforms.sources import Problem

        inputs = self.report.inputs
        entries = read_headers(
            inputs.sources,
            self.store.journal,
            self.executor,
            remote=inputs.remote,
            copies=self.copies,
            retry_failed=self.request.archive.retry_failed,
            on_file=lambda done: self.bar.update("reading headers", done, inputs.n_sources),
        )
        self.report.remarks = {path: entry.remarks for path, entry in entries.items()}
        for path in sorted(entries):
            self.report.show([Problem(path, text) for text in entries[path].problems])
        grid = self.request.config.grid(self.request.model.card)
        wanted = self.request.inputs
        plan = make_plan_of_store(
            entries,
            self.store.journal,
            wanted.selection,
            grid,
            newer_than_ns=wanted.newer_than_ns,
        )
        self.report.found = plan.found
        self.report.show(plan.left_out)
        return plan

    def _to_do(self, plan: Plan) -> dict[str, object]:
        """Tell what a run without `--scan-only` would do."""
        from quake.store.run import divide

        division = divide(self.store, plan.jobs, self._options())
        dates = [job.key[1] for job in division.todo]
        return {
            "todo": len(plan.jobs),
            "to_do": {
                "station_days": len(division.todo),
                "channel_sets": len({job.key[0] for job in division.todo}),
                "first": min(dates, default=None),
                "last": max(dates, default=None),
                "seconds": round(sum(_length_s(job.input) for job in division.todo), 3),
                "done": len(division.done),
            },
        }

    def _do(self, plan: Plan) -> tuple[Summary, dict[str, int]]:
        """Do what is to be done; totals are of the whole plan, whenever it was done."""
        from quake.inference.summary import Summary
        from quake.store.run import divide, run_days

        division = divide(self.store, plan.jobs, self._options())
        summary = Summary()
        self.done_before = {entry.key: entry for entry in division.done}
        for entry in division.done:
            self._add(entry, summary)
        counts = {"done": 0, "done before": 0, "failed": 0}
        for entry in division.done:
            counts["failed" if entry.failed else "done before"] += 1
        total_s = sum(_length_s(job.input) for job in division.todo)
        done_s = 0.0
        if division.todo:
            days = run_days(self.store, division.todo, self._opener(), self.executor)
            for job, entry in days:
                self._add(entry, summary)
                counts["failed" if entry.failed else "done"] += 1
                done_s += _length_s(job.input)
                self.bar.update("classifying", done_s, total_s)
        summary.close(self.coverage.values())
        return summary, counts

    def _add(self, entry: DayEntry, summary: Summary) -> None:
        from quake.inference.coverage import Coverage

        summary.windows.update(entry.windows)
        summary.labels.update(entry.labels)
        self.coverage.setdefault(entry.id, Coverage()).merge(entry.coverage)
        self.report.add_day(entry)

    def _options(self) -> RunOptions:
        from quake.store.layout import ONSETS
        from quake.store.run import RunOptions

        archive = self.request.archive
        formats = self.place.formats
        if self.request.events is not None:
            formats = (*formats, ONSETS)
        return RunOptions(formats, archive.resume, archive.retry_failed, archive.shard)

    def _opener(self) -> StationDayOpener:
        from quake.store.station_work import StationDayOpener

        model, archive = self.request.model, self.request.archive
        return StationDayOpener(
            model=_model_files(self.request),
            root=str(self.store.root),
            temporary=str(self.store.temporary),
            config=self.request.config,
            device=model.device,
            engine=model.engine,
            threads=_threads(model.threads, archive.workers, archive.dask_local, archive.scheduler),
            orientations=self.request.orientations,
            album=self.request.album,
            copier=self.copies,
        )

    def _draw_missing(self, plan: Plan) -> None:
        """Draw what was done before without a picture; what is done now is drawn where it is done.

        Raises
        ------
        OutputError
            If a picture cannot be written.
        """
        from quake.errors import OutputError
        from quake.store.journal import OUTPUT_ADVICE
        from quake.store.station_work import NotWritten, PictureOpener

        album = self.request.album
        jobs = [] if album is None else list(self._pictures(album, plan))
        if album is None or not jobs:
            return
        answers = self.executor.run(PictureOpener(album, self.copies), jobs)
        for n_done, (job, answer) in enumerate(answers, start=1):
            if isinstance(answer, NotWritten):
                raise OutputError(f"{answer.message}; {OUTPUT_ADVICE}")
            if answer is not None:
                self._warn_of_no_picture(job, answer)
            self.bar.update("drawing", n_done, len(jobs))

    def _pictures(self, album: Album, plan: Plan) -> Iterator[PictureJob]:
        """Station-days with windows whose picture is not there, or is of other data."""
        from quake.output.windows import READABLE
        from quake.store.station_work import PictureJob

        for planned in plan.jobs:
            entry = self.done_before.get(planned.key)
            if entry is None or not sum(entry.windows.values()):
                continue
            if album.has(planned.day, entry.inputs):
                continue
            name = next((name for name in READABLE if name in entry.outputs), None)
            if name is None:
                self.report.messages.warning(
                    f"{entry.id} on {entry.date}: no picture of it, for its windows are there as "
                    f"{', '.join(entry.outputs)} alone; add --format {READABLE[0]}"
                )
            else:
                path = str(self.store.path_of(entry, name))
                yield PictureJob(planned.day, entry.inputs, path)

    def _warn_of_no_picture(self, job: PictureJob, answer: Lost | Raised) -> None:
        from quake.parallel.executor import Raised

        reason = answer.error if isinstance(answer, Raised) else answer.reason
        self.report.messages.warning(f"{job.windows}: no picture of it ({reason})")

    def _close(self, summary: Summary, **more: object) -> Exit:
        self.bar.close()
        return self.report.close(summary, (), self.request.inputs.selection.channels, **more)


def is_nothing_new(
    request: PredictRequest, chosen: Sequence[object], found: Mapping[ChannelSetId, object]
) -> bool | None:
    """True where `--newer-than` left nothing of what there is, which is no fault; else None."""
    return True if request.inputs.newer_than_ns is not None and found and not chosen else None


def _length_s(intervals: Iterable[tuple[int, int]]) -> float:
    from quake.waveforms.times import NS_PER_S

    return sum(end - start for start, end in intervals) / NS_PER_S


def _executor(request: PredictRequest) -> Executor:
    archive = request.archive
    if archive.scheduler is not None or archive.dask_local is not None:
        from quake.parallel.dask_cluster import DaskExecutor

        return DaskExecutor(archive.scheduler, archive.dask_local)
    if archive.workers > 1:
        from quake.parallel.processes import ProcessExecutor

        return ProcessExecutor(archive.workers)
    from quake.parallel.inline import InlineExecutor

    return InlineExecutor()


def _threads(
    threads: int | None, workers: int, dask_local: int | None, scheduler: str | None
) -> int | None:
    """Threads of each process, so that all together are as many as there are cores."""
    from quake.inference.onnx_engine import usable_cores

    if threads is not None:
        return threads
    if scheduler is not None:
        return 1  # whoever started the workers has divided the cores
    n_processes = dask_local or workers
    return None if n_processes == 1 and not dask_local else max(1, usable_cores() // n_processes)


def _model_files(request: PredictRequest) -> ModelFiles:
    from quake.store.station_work import ModelFiles

    model = request.model
    if request.archive.scheduler is None:
        return ModelFiles(str(model.path.absolute()))
    if model.engine in ("auto", "onnx"):
        from quake.model_file.graphs import open_graph

        return ModelFiles.to_send(model.path, open_graph(model.path).path)
    return ModelFiles.to_send(model.path, None)


def _with_stations(request: PredictRequest, inputs: Inputs, spool: Path) -> PredictRequest:
    """Ask servers of waveforms for their stations, too.

    Raises
    ------
    ParameterError
        If one does not answer: a store holds no results with and without.
    """
    from quake.errors import WaveformError

    try:
        return request.with_stations(inputs, spool, _MARGIN_DAYS)
    except WaveformError as error:
        raise ParameterError(
            f"{error}; a store is not begun without them: give --inventory, or run again later"
        ) from error


def _refuse_streams(request: PredictRequest) -> None:
    if "-" in request.inputs.arguments:
        raise ParameterError(
            "-: a result store keeps a journal of files, and standard input is none; write to a "
            "file with --output FILE, or save the stream first"
        )


def _refuse_copies(inputs: Inputs) -> None:
    """Named pipes: what was copied from them has another name in the next run."""
    for name in inputs.names.values():
        raise ParameterError(
            f"{name}: is a pipe; a result store keeps a journal of files: save what comes out of "
            "it first"
        )
