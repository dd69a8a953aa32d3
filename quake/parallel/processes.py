"""The executor of several processes of this machine: one job at a time in each.

The parent talks to each process through a pipe of its own, so that it knows which job a process had
that died. That job is done again when nothing else is: if its process dies again, it was the job.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from quake.errors import ParameterError, QuakeError
from quake.parallel.executor import Answer, Job, Lost, Opener, Raised, attempt
from quake.parallel.logs import LogLine, collected_logs, repeat

# Libraries that would take all cores in each process.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_WATCH_S = 0.5
_PATIENCE_S = 2.0


@dataclass(frozen=True)
class _Answered:
    """What a process says of a job."""

    answer: Any
    logs: list[LogLine]


@dataclass(frozen=True)
class _NotOpened:
    """What a process says if there is nothing that it could work with."""

    error: BaseException


class ProcessExecutor:
    """Does jobs in processes that are spawned, and end with this one however it ends.

    Parameters
    ----------
    n_workers : int

    Raises
    ------
    ParameterError
        If there is not one at least.
    """

    def __init__(self, n_workers: int) -> None:
        if n_workers < 1:
            raise ParameterError(f"the number of workers must be 1 or more, got {n_workers}")
        self.n_workers = n_workers

    def run(
        self, opener: Opener[Job, Answer], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Answer | Lost | Raised]]:
        """Yield each job with its answer, as they come.

        Raises
        ------
        Exception
            What the opener raises in a process.
        """
        suspects: list[Job] = []
        with _shared_cores(self.n_workers):
            yield from _round(opener, iter(jobs), self.n_workers, suspects.append)
            for suspect in suspects:
                yield from _alone(opener, suspect)


def _round(
    opener: Opener[Job, Answer],
    jobs: Iterator[Job],
    n_workers: int,
    died: Callable[[Job], None],
) -> Iterator[tuple[Job, Answer | Lost | Raised]]:
    """Do jobs in some processes at once; those whose process dies are handed to `died`."""
    idle: list[_Worker] = []
    busy: dict[Connection, tuple[_Worker, Job]] = {}
    try:
        while True:
            while len(busy) < n_workers:
                try:
                    job = next(jobs)
                except StopIteration:
                    break
                worker = idle.pop() if idle else _Worker(opener)
                busy[worker.connection] = (worker, job)
                worker.give(job)
            if not busy:
                return
            ready = wait(list(busy))
            for connection in [connection for connection in busy if connection in ready]:
                worker, job = busy.pop(connection)
                try:
                    answer = worker.take()
                except (EOFError, OSError):
                    worker.stop()
                    died(job)
                    continue
                idle.append(worker)
                yield job, answer
    finally:
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            worker.terminate()
        for worker in [*idle, *(worker for worker, _ in busy.values())]:
            worker.stop()


def _alone(opener: Opener[Job, Answer], job: Job) -> Iterator[tuple[Job, Answer | Lost | Raised]]:
    """Do a job while nothing else is done."""
    deaths: list[Job] = []
    yield from _round(opener, iter([job]), 1, deaths.append)
    if deaths:
        yield job, Lost("the process that worked on it died twice (killed, or out of memory?)")


class _Worker:
    """A process that waits for jobs at the other end of a pipe."""

    def __init__(self, opener: Opener[Any, Any]) -> None:
        # Spawned: a fork of a process with threads, as ours has, may hang.
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, opener, os.getpid()), name="quake-worker", daemon=True
        )
        self._process.start()
        other.close()

    def give(self, job: Any) -> None:
        """Send a job; if the process is dead, `take` says so."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(job)

    def take(self) -> Any:
        """Receive the answer.

        Raises
        ------
        EOFError, OSError
            If the process has died.
        Exception
            What its opener raised.
        """
        said = self.connection.recv()
        if isinstance(said, _NotOpened):
            raise said.error
        repeat(said.logs)
        return said.answer

    def terminate(self) -> None:
        """Tell it to end."""
        self._process.terminate()

    def stop(self) -> None:
        """End it, and wait for that."""
        self.terminate()
        self._process.join(_PATIENCE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()


def _serve(connection: Connection, opener: Opener[Any, Any], parent: int) -> None:
    """What a process does: open once, then one job after the other, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent acts
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    work: Callable[[Any], Any] | None = None
    with suppress(EOFError, OSError):
        while True:
            job = connection.recv()
            with collected_logs() as logs:
                if work is None:
                    try:
                        work = opener()
                    except Exception as error:
                        _say(connection, _NotOpened(error))
                        return
                answer = attempt(work, job)
            _say(connection, _Answered(answer, logs))


def _say(connection: Connection, said: _Answered | _NotOpened) -> None:
    """Send an answer, or what is wrong with it."""
    try:
        connection.send(said)
    except OSError:
        raise
    except Exception as error:  # it cannot be pickled
        if isinstance(said, _NotOpened):
            connection.send(_NotOpened(QuakeError(f"{type(said.error).__name__}: {said.error}")))
        else:
            connection.send(_Answered(Raised(f"{type(error).__name__}: {error}", ""), said.logs))


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, whatever it is doing."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)


@contextmanager
def _shared_cores(n_workers: int) -> Iterator[None]:
    """Let processes that are started meanwhile divide the cores, unless the user has done so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    added = [name for name in _THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, str(max(1, (cores or 1) // n_workers))))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
