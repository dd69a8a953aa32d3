"""Find the window that inputs and a time ask for, and what was said of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import ParameterError, WaveformError
from quake_cli.messages import Messages
from quake_cli.render.progress import ProgressBar
from quake_cli.request import InputRequest
from quake_cli.run_report import ADVICE, RunReport

if TYPE_CHECKING:
    from quake.explain.window_choice import ChosenWindow
    from quake.inference.classifier import Classifier
    from quake.inference.config import PredictConfig
    from quake.stations.orientation import Orientations
    from quake.waveforms.sources import FileSource
    from quake.windows.tasks import Task
    from quake_cli.inputs import Inputs

_MOST_NAMES = 5


class WindowFinder:
    """Reads inputs as `quake predict` does, and takes one window.

    Parameters
    ----------
    messages : Messages
    request : InputRequest
    model : Path
    config : PredictConfig
    orientations : Orientations, optional

    Attributes
    ----------
    failed : bool
        Whether an input could not be used.
    """

    def __init__(
        self,
        messages: Messages,
        request: InputRequest,
        model: Path,
        config: PredictConfig,
        orientations: Orientations | None,
    ) -> None:
        self.failed = False
        self._messages = messages
        self._request = request
        self._model = model
        self._config = config
        self._orientations = orientations

    def find(self, at_ns: int | None) -> ChosenWindow:
        """Find the window at a time, ns since the epoch, or the strongest one.

        Raises
        ------
        ParameterError
            If several channel sets have one.
        WaveformError
            If there is none, or the model can say nothing of it.
        """
        from quake.inference.classifier import Classifier

        classifier = Classifier(self._model, "cpu")  # the numbers of `quake predict`
        with tempfile.TemporaryDirectory(prefix="quake-") as spool:
            with ProgressBar(self._messages) as bar:
                chosen = self._choose(self._collect(Path(spool), at_ns), classifier, bar, at_ns)
            _refuse_unusable(chosen)
            return chosen

    def _collect(self, spool: Path, at_ns: int | None) -> Inputs:
        """Find files; in archives, those of the days around the time."""
        from quake.windows.station_days import DAY_NS

        selection = self._request.selection
        if at_ns is not None:
            selection = replace(selection, start_ns=at_ns - DAY_NS, end_ns=at_ns + DAY_NS)
        return replace(self._request, selection=selection).collect(spool)

    def _choose(
        self, inputs: Inputs, classifier: Classifier, bar: ProgressBar, at_ns: int | None
    ) -> ChosenWindow:
        from quake.explain.window_choice import ChosenWindow
        from quake.inputs.copies import copies_in
        from quake.waveforms.sources import FileSource

        report = RunReport(self._messages, inputs)
        source = FileSource(
            inputs.sources,
            inputs.names,
            lambda n_files: bar.update("reading headers", n_files, len(source.paths)),
            copies_in(inputs.spool, read_any=inputs.read_any),
        )
        try:
            tasks = self._tasks(source, classifier, report)
            if at_ns is None:
                task, start_ns = self._strongest(tasks, source, classifier, bar)
            else:
                task, start_ns = self._nearest(tasks, classifier, at_ns)
            return ChosenWindow.of(
                task,
                start_ns,
                source,
                lambda one: classifier.predict_tasks(
                    [one], source, self._config, self._orientations
                ),
            )
        finally:
            report.show(source.problems)
            self.failed = bool(report.failed or inputs.problems)

    def _tasks(self, source: FileSource, classifier: Classifier, report: RunReport) -> list[Task]:
        from quake.inputs.selection import select_spans
        from quake.waveforms.sources import select
        from quake.windows.station_days import station_days
        from quake.windows.tasks import tasks_of

        wanted = replace(self._request.selection, start_ns=None, end_ns=None)
        chosen, left_out = select(select_spans(dict(source.spans()), wanted))
        report.show(left_out)
        grid = self._config.grid(classifier.card)
        tasks = list(tasks_of(station_days(chosen, grid), grid))
        if not tasks:
            raise WaveformError(
                "no window in what was read; name a file with samples of a Z, N or E component, "
                "or look at --channels"
            )
        return tasks

    def _nearest(
        self, tasks: Sequence[Task], classifier: Classifier, at_ns: int
    ) -> tuple[Task, int]:
        from quake.explain.window_choice import windows_at

        found = windows_at(tasks, self._config.grid(classifier.card), at_ns)
        if len(found) > 1:
            names = [str(id) for id in found]
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            raise ParameterError(
                f"{len(names)} channel sets have a window at that time: "
                f"{', '.join(names[:_MOST_NAMES])}{more}; choose one with --channels, "
                f"as in --channels '{names[0]}'"
            )
        return next(iter(found.values()))

    def _strongest(
        self,
        tasks: Sequence[Task],
        source: FileSource,
        classifier: Classifier,
        bar: ProgressBar,
    ) -> tuple[Task, int]:
        from quake.explain.window_choice import place_of, strongest

        n_windows = sum(len(task.starts_ns) for task in tasks)
        records = []
        prediction = classifier.predict_tasks(tasks, source, self._config, self._orientations)
        for n_done, record in enumerate(prediction, start=1):
            records.append(record)
            bar.update("classifying", n_done, n_windows)
        best = strongest(records)
        if best is None:
            raise WaveformError(
                f"none of {n_windows} windows could be classified; quake predict says why"
            )
        where = f"{best.id} at {best.start}"
        self._messages.note(f"the strongest of {n_windows} windows is that of {where}")
        return place_of(best, tasks)


def _refuse_unusable(chosen: ChosenWindow) -> None:
    record = chosen.record
    if record.probabilities:
        return
    reasons = [ADVICE.get(flag.partition(":")[0], "") for flag in record.flags]
    said = "; ".join(filter(None, reasons)) or "look at the record"
    raise WaveformError(
        f"{record.id}, window of {record.start}: {record.status} ({' '.join(record.flags)}), so "
        f"there is nothing to explain; {said}"
    )
