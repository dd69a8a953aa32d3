"""Gather windows into batches of the size that the network takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quake.windows.grid import Window
from quake.windows.tasks import Task

Batch = list[tuple[Task, Window]]
"""Windows, each with the task that it belongs to."""

_MOST_PER_USABLE = 8  # windows that wait, for each that the network takes


def batches(windows: Iterable[tuple[Task, Window]], size: int) -> Iterator[Batch]:
    """Lists that end with the `size`-th usable window, or with the windows.

    Unusable windows wait with the others for their turn, but not without end: they are passed on
    when there are eight times as many as the network takes.
    """
    batch: Batch = []
    n_usable = 0
    for task, window in windows:
        batch.append((task, window))
        n_usable += window.status == "usable"
        if n_usable == size or len(batch) == _MOST_PER_USABLE * size:
            yield batch
            batch, n_usable = [], 0
    if batch:
        yield batch
