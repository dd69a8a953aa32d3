"""Run over an archive: a request in, a result store and what it came to out."""

from __future__ import annotations

import logging
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import OutputError, ParameterError
from quake.events.station_facts import read_station_facts
from quake.inference.coverage import Seconds
from quake.inference.summary import Summary
from quake.inputs.copies import Copies, copies_in
from quake.inputs.findings import Findings
from quake.inputs.walk import Inputs
from quake.model_file.card import ModelCard
from quake.model_file.safetensors_file import load_card
from quake.output.windows import READABLE
from quake.parallel.executor import Executor, Raised
from quake.store.entries import DayEntry
from quake.store.events import write_store_events
from quake.store.fingerprint import fingerprint_of
from quake.store.headers import read_headers
from quake.store.journal import OUTPUT_ADVICE
from quake.store.layout import ONSETS
from quake.store.plan import ChannelSetPlan, Plan, PlannedDay
from quake.store.request import ArchiveRequest
from quake.store.result import ArchiveProgress, ArchiveResult, ChannelSetResult, ToDo
from quake.store.result_store import Store
from quake.store.run import Division, RunOptions, length_s, run_days
from quake.store.station_work import (
    ModelFiles,
    NotWritten,
    PictureJob,
    PictureOpener,
    StationDayOpener,
)
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.sources import Problem

if TYPE_CHECKING:
    from quake.pictures.album import Album

logger = logging.getLogger(__name__)

OnProgress = Callable[[ArchiveProgress], None]


def run_archive(
    request: ArchiveRequest, on_progress: OnProgress = lambda progress: None
) -> ArchiveResult:
    """Classify what is in an archive, and keep the windows in a result store.

    Work that the store has already is left out, so that the same request goes on where it was
    stopped, and does again what has changed since. Files that cannot be read do not stop the
    others: they are among the problems of the result.

    Parameters
    ----------
    request : ArchiveRequest
    on_progress : callable
        Hears how far the run is, and of problems as they are met.

    Returns
    -------
    ArchiveResult

    Raises
    ------
    ParameterError
        If there is no request, the store holds results of another model or of other parameters,
        another run is writing to it, or something asked for does not exist.
    ModelError
        If the model file is missing or damaged.
    OutputError
        If a result cannot be written; those written before stay.

    Examples
    --------
    >>> import tempfile
    >>> from quake.model_file.registry import find_model
    >>> with tempfile.TemporaryDirectory() as store:
    ...     result = run_archive(ArchiveRequest("examples", store, find_model()))
    >>> result.station_days
    {'done': 1, 'done before': 0, 'failed': 0}
    """
    _check(request)
    inputs = request.find_inputs()
    card = request.card or load_card(request.model)
    with tempfile.TemporaryDirectory(prefix="quake-") as spool:
        request = request.with_stations(inputs, Path(spool))
        how = request.device, request.engine, request.inventory, request.metadata_of
        fingerprint = fingerprint_of(request.model, card, request.config, *how)
        copies = copies_in(Path(spool), read_any=inputs.read_any)
        with Store(Path(request.output), fingerprint, request.shard) as store:
            return _ArchiveRun(request, inputs, card, store, copies, on_progress).run()


def _check(request: object) -> None:
    """Refuse what is no request, as a path is."""
    if not isinstance(request, ArchiveRequest):
        raise ParameterError(
            f"an ArchiveRequest was expected, got {request!r}; write "
            "quake.predict_archive(quake.ArchiveRequest(INPUTS, OUTPUT, MODEL))"
        )


class _ArchiveRun:
    def __init__(
        self,
        request: ArchiveRequest,
        inputs: Inputs,
        card: ModelCard,
        store: Store,
        copies: Copies,
        on_progress: OnProgress,
    ) -> None:
        self.copies = copies
        self.request, self.inputs, self.card, self.store = request, inputs, card, store
        self.on_progress = on_progress
        self.grid = request.config.grid(card)
        self.executor = _executor(request)
        self.problems: dict[Problem, None] = {}
        self.findings = Findings()
        self.channel_sets: dict[ChannelSetId, ChannelSetResult] = defaultdict(ChannelSetResult)
        self.station_days = {"done": 0, "done before": 0, "failed": 0}

    def run(self) -> ArchiveResult:
        self._tell(ArchiveProgress("reading headers"), self.inputs.problems)
        plan = self._plan()
        division = self._divide(plan)
        if self.request.scan_only:
            self.station_days = dict.fromkeys(self.station_days, 0)
            self.channel_sets.clear()
            return self._result(division, to_do=_to_do(division))
        self._do(division)
        self._draw_missing(plan, division)
        # A shard keeps its onsets: events are of all stations, and of the run after it.
        n_events = self._write_events() if self.request.shard is None else None
        return self._result(division, n_events=n_events)

    def _plan(self) -> Plan:
        """Read headers that are not known yet."""
        request, n_files = self.request, self.inputs.n_sources
        stage = "reading headers"
        places = read_headers(
            self.inputs.sources,
            self.store.journal,
            self.executor,
            remote=self.inputs.remote,
            copies=self.copies,
            retry_failed=request.retry_failed,
            on_file=lambda done: self.on_progress(ArchiveProgress(stage, done, n_files)),
        )
        plan = Plan(
            self.store.journal,
            places,
            request.selection,
            self.grid,
            newer_than_ns=request.newer_than_ns,
            uris=self.inputs.remote,
        )
        read = ArchiveProgress(stage, n_files, n_files)
        for entry in plan.with_problems():
            self._tell(read, [Problem(entry.state.path, text) for text in entry.problems])
        for entry in plan.without_spans():
            self.findings.add_file(entry.state.path, (), entry.remarks)
        return plan

    def _divide(self, plan: Plan) -> Division:
        """Find out what is to be done, and count what is done."""
        request = self.request
        formats = request.formats if request.events is None else (*request.formats, ONSETS)
        options = RunOptions(formats, request.resume, request.retry_failed, request.shard)
        division = Division(self.store, plan, options)
        # Of each channel set in a call, so that its files are forgotten before those of the next.
        problems = [p for key in plan.channel_sets() for p in self._divide_set(plan, key, division)]
        if not request.scan_only:
            self._tell(ArchiveProgress("classifying"), problems)
        return division

    def _divide_set(self, plan: Plan, key: ChannelSetId, division: Division) -> list[Problem]:
        """Divide one channel set; give what is wrong with the station-days that are done."""
        planned, n_files = plan.of(key), self.inputs.n_sources
        for entry in planned.files:
            if entry.spans[0].id == key:
                self.findings.add_file(entry.state.path, entry.spans, entry.remarks)
        self._tell(ArchiveProgress("reading headers", n_files, n_files), planned.left_out)
        problems: list[Problem] = []
        for done in division.divide(planned):
            problems += self._count(done, "done before")
        if key in self.channel_sets and not division.has_todo(key):
            self.channel_sets[key].close()
        return problems

    def _do(self, division: Division) -> None:
        """Do what is to be done."""
        if not division.n_todo:
            return
        left = dict(division.todo)
        done_s = 0.0
        jobs = division.jobs()
        for job, entry in run_days(self.store, jobs, self._opener(), self.executor):
            done_s += length_s(job.input)
            progress = ArchiveProgress("classifying", done_s, division.todo_s)
            self._tell(progress, self._count(entry, "done"))
            left[entry.id] -= 1
            if not left[entry.id]:
                self.channel_sets[entry.id].close()
            self.on_progress(progress)

    def _count(self, entry: DayEntry, how: str) -> list[Problem]:
        """Count a station-day; give what is wrong with it."""
        self.station_days["failed" if entry.failed else how] += 1
        self.channel_sets[entry.id].add(entry)
        problems = list(entry.problems)
        if entry.failed:
            name = f"{entry.id} on {entry.date}"
            message = f"{name}: {entry.failed}; --retry-failed tries it again"
            problems.append(Problem(name, message))
        return problems

    def _tell(self, progress: ArchiveProgress, problems: Iterable[Problem]) -> None:
        """Tell of problems that are new."""
        new = [problem for problem in dict.fromkeys(problems) if problem not in self.problems]
        if new:
            self.problems.update(dict.fromkeys(new))
            self.on_progress(replace(progress, problems=tuple(new)))

    def _opener(self) -> StationDayOpener:
        request = self.request
        return StationDayOpener(
            model=_model_files(request),
            root=str(self.store.root),
            temporary=str(self.store.temporary),
            config=request.config,
            device=request.device,
            engine=request.engine,
            threads=_threads(request),
            orientations=request.find_orientations(),
            album=request.album,
            copier=self.copies,
        )

    def _write_events(self) -> int | None:
        if self.request.events is None:
            return None
        facts = read_station_facts(self.request.inventory)
        return write_store_events(
            self.store, self.request.events, self.request.event_formats, facts
        )

    def _draw_missing(self, plan: Plan, division: Division) -> None:
        """Draw what was done before without a picture; what is done now is drawn where it is done.

        Raises
        ------
        OutputError
            If a picture cannot be written.
        """
        album = self.request.album
        if album is None:
            return
        missing = {
            key: array("i", self._without_picture(album, division.done_days(plan.of(key))))
            for key in plan.channel_sets()
        }
        n_missing = sum(map(len, missing.values()))
        if not n_missing:
            return
        jobs = (job for key, days in missing.items() for job in self._pictures(plan.of(key), days))
        answers = self.executor.run(PictureOpener(album, self.copies), jobs)
        for n_done, (job, answer) in enumerate(answers, start=1):
            if isinstance(answer, NotWritten):
                raise OutputError(f"{answer.message}; {OUTPUT_ADVICE}")
            if answer is not None:
                reason = answer.error if isinstance(answer, Raised) else answer.reason
                logger.warning("%s: no picture of it (%s)", job.windows, reason)
            self.on_progress(ArchiveProgress("drawing", n_done, n_missing))

    def _without_picture(self, album: Album, days: Iterable[PlannedDay]) -> Iterator[int]:
        """Numbers of days with windows whose picture is not there, or is of other data."""
        for day in days:
            entry = self.store.journal.days[day.key]
            if not sum(entry.windows.values()) or album.has(day.day, entry.inputs):
                continue
            if any(name in entry.outputs for name in READABLE):
                yield day.number
            else:
                logger.warning(
                    "%s on %s: no picture of it, for its windows are there as %s alone; add "
                    "--format %s",
                    *(entry.id, entry.date, ", ".join(entry.outputs), READABLE[0]),
                )

    def _pictures(self, planned: ChannelSetPlan, numbers: Iterable[int]) -> Iterator[PictureJob]:
        wanted = set(numbers)
        for day in planned.days:
            if day.number in wanted:
                entry = self.store.journal.days[day.key]
                name = next(name for name in READABLE if name in entry.outputs)
                windows = str(self.store.path_of(entry, name))
                has_onsets = ONSETS in entry.outputs
                onsets = str(self.store.path_of(entry, ONSETS)) if has_onsets else ""
                yield PictureJob(day.day, entry.inputs, windows, onsets)

    def _result(
        self, division: Division, *, n_events: int | None = None, to_do: ToDo | None = None
    ) -> ArchiveResult:
        summary = Summary(channel_sets=len(self.channel_sets))
        for found in self.channel_sets.values():
            summary.windows += found.windows
            summary.labels += found.labels
        summary.take(sum((found.seconds for found in self.channel_sets.values()), Seconds()))
        is_bounded = self.request.newer_than_ns is not None
        return ArchiveResult(
            store=self.store.root,
            summary=summary,
            station_days=self.station_days,
            channel_sets=dict(sorted(self.channel_sets.items())),
            problems=list(self.problems),
            n_events=n_events,
            to_do=to_do,
            nothing_new=is_bounded and bool(self.findings.channel_sets) and not division.n_planned,
            findings=self.findings,
        )


def _to_do(division: Division) -> ToDo:
    first, last = division.dates or (None, None)
    return ToDo(
        planned=division.n_planned,
        station_days=division.n_todo,
        channel_sets=len(division.todo),
        first=first,
        last=last,
        seconds=division.todo_s,
        done=division.n_done,
    )


def _executor(request: ArchiveRequest) -> Executor:
    if request.scheduler is not None or request.dask_local is not None:
        from quake.parallel.dask_cluster import DaskExecutor

        return DaskExecutor(request.scheduler, request.dask_local)
    if request.workers > 1:
        from quake.parallel.processes import ProcessExecutor

        return ProcessExecutor(request.workers)
    from quake.parallel.inline import InlineExecutor

    return InlineExecutor()


def _threads(request: ArchiveRequest) -> int | None:
    """Threads of each process, so that all together are as many as there are cores."""
    from quake.inference.onnx_engine import usable_cores

    if request.threads is not None:
        return request.threads
    if request.scheduler is not None:
        return 1  # whoever started the workers has divided the cores
    n_processes = request.dask_local or request.workers
    is_alone = n_processes == 1 and not request.dask_local
    return None if is_alone else max(1, usable_cores() // n_processes)


def _model_files(request: ArchiveRequest) -> ModelFiles:
    path = Path(request.model)
    if request.scheduler is None:
        return ModelFiles(str(path.absolute()))
    if request.engine in ("auto", "onnx"):
        from quake.model_file.graphs import open_graph

        return ModelFiles.to_send(path, open_graph(path).path)
    return ModelFiles.to_send(path, None)
