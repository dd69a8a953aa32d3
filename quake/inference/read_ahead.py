"""Read ahead: one thread reads and cuts while others run the network; answers keep their order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Batch = TypeVar("Batch")
Answer = TypeVar("Answer")

# Batches that wait for each thread of the network: enough for it never to wait itself.
_WAITING = 3


class ReadAhead(Generic[Batch, Answer]):
    """Pairs of batch and answer, in the order of the batches, computed ahead of their use.

    Reading, decoding and filtering release the interpreter for most of their time, and so does
    the network: threads are enough to keep all cores busy, and share one copy of everything.

    Parameters
    ----------
    batches : iterator
        Consumed in a thread of its own; what it raises is raised where the pairs are used.
    work : callable from a batch to its answer
        Called in `n_parallel` threads.
    n_parallel : int
        Batches that are worked on at once; 0 does all in the calling thread, when it is asked for.
    """

    def __init__(
        self, batches: Iterator[Batch], work: Callable[[Batch], Answer], n_parallel: int
    ) -> None:
        self._batches = batches
        self._work = work
        self._in_turn = n_parallel == 0
        self._pool = ThreadPoolExecutor(max(n_parallel, 1), thread_name_prefix="quake-network")
        self._ready: queue.Queue[tuple[Batch, Future[Answer]] | BaseException | None] = queue.Queue(
            n_parallel * _WAITING
        )
        self._stopped = threading.Event()
        self._reader = threading.Thread(target=self._read, name="quake-reader", daemon=True)

    def __enter__(self) -> Self:
        """Begin to read."""
        if not self._in_turn:
            self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, wherever it is, and wait for the threads."""
        self._stopped.set()
        while self._reader.is_alive():
            self._drain()
            self._reader.join(0.05)
        self._drain()
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[Batch, Answer]]:
        """Yield the pairs; raises what reading or working raised."""
        if self._in_turn:
            yield from ((batch, self._work(batch)) for batch in self._batches)
            return
        while True:
            item = self._ready.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            batch, answer = item
            yield batch, answer.result()

    def _read(self) -> None:
        end: BaseException | None = None
        try:
            for batch in self._batches:
                if not self._put((batch, self._pool.submit(self._work, batch))):
                    return
        except BaseException as error:
            end = error
        self._put(end)

    def _put(self, item: tuple[Batch, Future[Answer]] | BaseException | None) -> bool:
        """Wait for room, unless all has been stopped."""
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def _drain(self) -> None:
        while True:
            try:
                item = self._ready.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, tuple):
                item[1].cancel()
