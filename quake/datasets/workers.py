"""Decode rows in several processes, and give them back in order."""

from __future__ import annotations

import logging
import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from quake.data.preprocessing import Preprocessing
from quake.datasets.labels import LabelledSpan
from quake.datasets.rows import Outcome, outcome_of

logger = logging.getLogger(__name__)

_CHUNK = 16  # rows that are sent at once
_AHEAD = 3  # chunks a process that may wait; what is decoded too early takes memory

Warnings = list[tuple[str, str]]


def decode_in_processes(
    spans: Sequence[LabelledSpan], preprocessing: Preprocessing, workers: int
) -> Iterator[Outcome]:
    """Decode rows; the results are the same as in one process, and in the rows' order.

    If a process dies (of lack of memory, most likely), this one decodes the rest.

    Parameters
    ----------
    spans : rows
    preprocessing : Preprocessing
    workers : int
        Number of processes.
    """
    done = 0
    try:
        for outcomes in _chunks(spans, preprocessing, workers):
            done += len(outcomes)
            yield from outcomes
    except BrokenProcessPool:
        logger.warning(
            "a process that decoded rows has died; the other %d rows are decoded in this one",
            len(spans) - done,
        )
        yield from (outcome_of(span, preprocessing) for span in spans[done:])


def _chunks(
    spans: Sequence[LabelledSpan], preprocessing: Preprocessing, workers: int
) -> Iterator[list[Outcome]]:
    # Spawned: a fork of a process with threads, as ours has, may hang.
    context = multiprocessing.get_context("spawn")
    waiting: deque[Future[tuple[list[Outcome], Warnings]]] = deque()
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            for at in range(0, len(spans), _CHUNK):
                waiting.append(pool.submit(_decode, spans[at : at + _CHUNK], preprocessing))
                if len(waiting) > _AHEAD * workers:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()


def _result(future: Future[tuple[list[Outcome], Warnings]]) -> list[Outcome]:
    outcomes, warnings = future.result()
    for name, text in warnings:
        logging.getLogger(name).warning("%s", text)
    return outcomes


class _Collector(logging.Handler):
    """Keeps the warnings of a process, which nobody would see."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: Warnings = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append((record.name, record.getMessage()))


def _decode(
    spans: Sequence[LabelledSpan], preprocessing: Preprocessing
) -> tuple[list[Outcome], Warnings]:
    collector, library = _Collector(), logging.getLogger("quake")
    library.addHandler(collector)
    try:
        return [outcome_of(span, preprocessing) for span in spans], collector.found
    finally:
        library.removeHandler(collector)
