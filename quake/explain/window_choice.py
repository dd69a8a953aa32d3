"""Choose the window of station-days that is nearest to a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from quake.classes import NOISE
from quake.errors import WaveformError
from quake.inference.prediction import Prediction
from quake.inference.records import WindowRecord
from quake.pictures.excerpt import read_excerpt
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import ChannelSet
from quake.waveforms.sources import Source
from quake.waveforms.times import format_time, parse_time
from quake.windows.grid import Window, WindowGrid
from quake.windows.tasks import Task


@dataclass(frozen=True, eq=False)
class ChosenWindow:
    """A window as the model takes it, as it was recorded, and what was said of it.

    Attributes
    ----------
    window : Window
    record : WindowRecord
    recorded : ChannelSet
        Its samples as they are in the files.
    """

    window: Window
    record: WindowRecord
    recorded: ChannelSet

    @classmethod
    def of(
        cls, task: Task, start_ns: int, source: Source, predict: Callable[[Task], Prediction]
    ) -> ChosenWindow:
        """Read and classify the window of a task that begins at a time, ns since the epoch."""
        prediction = predict(Task(task.id, task.spans, task.recording, [start_ns]))
        (record,), (window,) = prediction, prediction.windows()
        recorded = read_excerpt(source, task.spans, task.id, window.start_ns, window.end_ns)
        return cls(window, record, recorded)


def windows_at(
    tasks: Iterable[Task], grid: WindowGrid, time_ns: int
) -> dict[ChannelSetId, tuple[Task, int]]:
    """Of each channel set, the window whose middle is nearest to a time that lies in it.

    Parameters
    ----------
    tasks : iterable of Task
    grid : WindowGrid
    time_ns : int
        ns since the epoch.

    Returns
    -------
    dict of ChannelSetId to (Task, int)
        The window's task, and its start. Of two windows that are equally near, the earlier one.

    Raises
    ------
    WaveformError
        If no window holds the time; the message says between which times there are some.
    """
    tasks = list(tasks)
    found: dict[ChannelSetId, tuple[int, int, Task]] = {}
    for task in tasks:
        for start_ns in task.starts_ns:
            if not start_ns <= time_ns < start_ns + grid.window_ns:
                continue
            away_ns = abs(start_ns + grid.window_ns // 2 - time_ns)
            best = found.get(task.id)
            if best is None or (away_ns, start_ns) < best[:2]:
                found[task.id] = (away_ns, start_ns, task)
    if not found:
        raise WaveformError(_nothing_at(tasks, grid, time_ns))
    return {id: (task, start_ns) for id, (_, start_ns, task) in found.items()}


def strongest(records: Iterable[WindowRecord]) -> WindowRecord | None:
    """Window with the highest probability of a class that is not noise; None if none has any."""
    best, highest = None, -1.0
    for record in records:
        others = [p for name, p in record.probabilities.items() if name != NOISE]
        if max(others, default=-1.0) > highest:
            best, highest = record, max(others)
    return best


def place_of(record: WindowRecord, tasks: Iterable[Task]) -> tuple[Task, int]:
    """The task that a record came from, and the start of its window, ns since the epoch."""
    start_ns = parse_time(record.start)
    task = next(t for t in tasks if str(t.id) == record.id and _has(t, start_ns))
    return task, min(task.starts_ns, key=lambda s: abs(s - start_ns))


def _has(task: Task, start_ns: int) -> bool:
    """Whether a window begins then; times in records are rounded to microseconds."""
    return any(abs(start - start_ns) < 1000 for start in task.starts_ns)


def _nothing_at(tasks: list[Task], grid: WindowGrid, time_ns: int) -> str:
    time = format_time(time_ns)
    starts = [start for task in tasks for start in task.starts_ns]
    if not starts:
        return f"no window at {time}: there are no samples"
    first, last = format_time(min(starts)), format_time(max(starts) + grid.window_ns)
    return f"no window at {time}: windows lie between {first} and {last}; give a time with data"
