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
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import Any

from quake.errors import ParameterError, QuakeError
from quake.parallel.executor import Answer, Job, Lost, Opener, Raised, attempt
from quake.parallel.logs import collected_logs
from quake.parallel.replies import Reply

# Libraries that would take all cores in each process.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_OPENED = "opened"
_WATCH_S = 0.5
_PATIENCE_S = 2.0

# Processes in a row that may end before they can work: one may be an accident.
_FALSE_STARTS = 3


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
        QuakeError
            If processes die of it.
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
    again: list[Job] = []
    n_false_starts = 0
    try:
        while True:
            while len(busy) < n_workers:
                try:
                    job = again.pop() if again else next(jobs)
                except StopIteration:
                    break
                worker = idle.pop() if idle else _Worker(opener)
                busy[worker.connection] = (worker, job)
                worker.give(job)
            if not busy:
                return
            ready = wait(list(busy))
            for connection in [connection for connection in busy if connection in ready]:
                worker, job = busy[connection]
                said = worker.hear()
                if said == _OPENED:
                    n_false_starts = 0
                    continue
                del busy[connection]
                if isinstance(said, Reply):
                    idle.append(worker)
                    yield job, said.read()
                elif worker.is_open:
                    died(job)
                else:
                    n_false_starts += 1
                    again.append(job)
                    worker.raise_after(n_false_starts)
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
        self.is_open = False
        other.close()

    def give(self, job: Any) -> None:
        """Send a job; if the process is dead, `hear` says so."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(job)

    def hear(self) -> Reply | str:
        """Receive what it says: an answer, that it can work, or nothing if it has died."""
        try:
            said: Reply | str = self.connection.recv()
        except (EOFError, OSError):
            self.stop()
            return ""
        except Exception as error:  # it could be sent, and cannot be read
            return Reply(_raised(error))
        self.is_open |= said == _OPENED
        return said

    def raise_after(self, n_false_starts: int) -> None:
        """Give up if too many have ended as this one.

        Raises
        ------
        QuakeError
        """
        if n_false_starts >= _FALSE_STARTS:
            raise QuakeError(
                f"{n_false_starts} processes in a row ended before they could work (exit code "
                f"{self._process.exitcode}); killed, or out of memory? Try fewer workers"
            )

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
                        connection.send(Reply.not_opened(error))
                        return
                    connection.send(_OPENED)
                answer = attempt(work, job)
            reply = Reply(answer, logs=tuple(logs))
            try:
                connection.send(reply)
            except OSError:
                raise
            except Exception as error:  # it cannot be pickled
                connection.send(replace(reply, answer=_raised(error)))


def _raised(error: Exception) -> Raised:
    return Raised(f"{type(error).__name__}: {error}", "")


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
