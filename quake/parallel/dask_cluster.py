"""The executor of a Dask cluster: jobs go to its workers, wherever they are, and answers come back.

Workers should have one thread each (``dask worker --nthreads 1``): the work of this library is done
one job at a time in a process, more threads wait for each other.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import re
import secrets
import socket
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from quake.errors import ParameterError, QuakeError
from quake.parallel.executor import Answer, Job, Lost, Opener, Raised, attempt
from quake.parallel.logs import collected_logs
from quake.parallel.replies import Reply

logger = logging.getLogger(__name__)

_CONNECT_S = 10.0
_LOOK_S = 5.0
_WARN_EVERY_S = 60.0

# Jobs that wait at the scheduler for each worker: enough for none to be idle between two.
_AHEAD = 3

# Of malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

# Runs whose work a worker keeps open: models are large.
_KEPT = 2


class DaskExecutor:
    """Does jobs on a Dask cluster.

    Parameters
    ----------
    address : str, optional
        Of a scheduler, as ``tcp://head:8786``.
    n_local_workers : int, optional
        Without an address: workers of a cluster that is started on this machine, and ended with
        the run.

    Raises
    ------
    ParameterError
        If Dask is not installed, neither or both are given, or the scheduler cannot be reached.
    """

    def __init__(self, address: str | None = None, n_local_workers: int | None = None) -> None:
        if (address is None) == (n_local_workers is None):
            raise ParameterError("a Dask cluster has an address, or a number of local workers")
        if n_local_workers is not None and n_local_workers < 1:
            raise ParameterError(f"the number of workers must be 1 or more, got {n_local_workers}")
        _distributed()
        self.address, self.n_local_workers = address, n_local_workers

    def run(
        self, opener: Opener[Job, Answer], jobs: Iterable[Job]
    ) -> Iterator[tuple[Job, Answer | Lost | Raised]]:
        """Yield each job with its answer, as they come.

        Raises
        ------
        Exception
            What the opener raises in a worker.
        QuakeError
            If the workers cannot load the library, or the scheduler is gone.
        """
        with ExitStack() as stack:
            stack.enter_context(_quiet())
            client = stack.enter_context(self._client())
            run = stack.enter_context(_Run(client, opener))
            stack.enter_context(_one_sentence(self.address or "the local cluster"))
            suspects: list[Job] = []
            yield from run.round(iter(jobs), None, suspects.append)
            for suspect in suspects:
                deaths: list[Job] = []
                yield from run.round(iter([suspect]), 1, deaths.append)
                if deaths:
                    yield suspect, Lost("workers of the cluster died each time they worked on it")

    @contextmanager
    def _client(self) -> Iterator[Any]:
        distributed = _distributed()
        with ExitStack() as stack:
            address: Any = self.address
            if self.n_local_workers is not None:
                address = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=self.n_local_workers,
                        threads_per_worker=1,
                        processes=True,
                        host="127.0.0.1",
                        dashboard_address="127.0.0.1:0",
                        silence_logs=logging.ERROR,
                    )
                )
            else:
                _check_reachable(str(self.address))
            client = distributed.Client(address, timeout=_CONNECT_S)
            yield stack.enter_context(client)


def _check_reachable(address: str) -> None:
    """Try to connect: a client of Dask that cannot leaves threads behind, and messages.

    Raises
    ------
    ParameterError
        If it is no address, or nobody listens there.
    """
    advice = (
        "start one with `dask scheduler`, and give the address that it shows, as tcp://host:8786"
    )
    found = re.fullmatch(r"(?:\w+://)?(\[[^]]+\]|[^:/]+):(\d+)", address)
    if not found or int(found[2]) > 0xFFFF:
        raise ParameterError(f"{address}: is no address of a Dask scheduler; {advice}")
    try:
        socket.create_connection((found[1].strip("[]"), int(found[2])), _CONNECT_S).close()
    except OSError as error:
        raise ParameterError(
            f"{address}: no Dask scheduler can be reached there within {_CONNECT_S:g} s "
            f"({error.strerror or error}); {advice}"
        ) from error
    kind = _kind_of(address)
    if kind != "Scheduler":
        raise ParameterError(f"{address}: {kind} is there, not a Dask scheduler; {advice}")


def _kind_of(address: str) -> str:
    """What listens at an address, in the words of Dask; `something else` if it is none of it."""

    async def identity() -> str:
        async with _distributed().core.rpc(address, timeout=_CONNECT_S) as there:
            return str((await there.identity())["type"])

    async def soon() -> str:
        return await asyncio.wait_for(identity(), _CONNECT_S)

    try:
        return asyncio.run(soon())
    except Exception:  # whatever Dask makes of what it hears
        return "something else"


class _Run:
    """Jobs of one run on a cluster, as a context; what is left of them is cancelled at its end."""

    def __init__(self, client: Any, opener: Opener[Any, Any]) -> None:
        self._client, self._opener = client, opener
        self._token = secrets.token_hex(8)
        self._futures: dict[Any, Any] = {}
        self._warned_s = -_WARN_EVERY_S
        self._is_opened = False

    def __enter__(self) -> _Run:
        # A task, and not scattered data: these are lost with the worker that holds them.
        self._shipped = self._client.submit(
            _as_it_is, self._opener, key=f"quake-opener-{self._token}", pure=False
        )
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(Exception):  # the cluster may be gone
            self._client.cancel([*self._futures, self._shipped], force=True)

    def round(
        self, jobs: Iterator[Any], at_once: int | None, died: Callable[[Any], None]
    ) -> Iterator[tuple[Any, Any]]:
        """Do jobs; those of which workers die are handed to `died`."""
        while True:
            self._fill(jobs, at_once)
            if not self._futures:
                return
            for future in self._finished(list(self._futures)):
                job = self._futures.pop(future)
                answer = self._answer(future, job)
                if answer is None:
                    died(job)
                else:
                    yield job, answer

    def _fill(self, jobs: Iterator[Any], at_once: int | None) -> None:
        """Have a few jobs for each worker at the scheduler."""
        most = at_once or max(1, _AHEAD * self._n_workers())
        while len(self._futures) < most:
            try:
                job = next(jobs)
            except StopIteration:
                return
            self._submit(job)

    def _submit(self, job: Any) -> None:
        key = f"quake-{self._token}-{secrets.token_hex(8)}"
        future = self._client.submit(
            _do, self._shipped, self._token, _Kept(job), key=key, pure=False
        )
        self._futures[future] = job

    def _n_workers(self) -> int:
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def _finished(self, futures: list[Any]) -> list[Any]:
        """Futures that are done; waits for one."""
        while True:
            with suppress(TimeoutError):
                _distributed().wait(futures, timeout=_LOOK_S, return_when="FIRST_COMPLETED")
            done = [future for future in futures if future.status != "pending"]
            if done:
                return done
            self._warn_of_no_workers()

    def _warn_of_no_workers(self) -> None:
        now_s = time.monotonic()
        if now_s - self._warned_s >= _WARN_EVERY_S and not self._n_workers():
            self._warned_s = now_s
            logger.warning("the Dask cluster has no workers; waiting for some")

    def _answer(self, future: Any, job: Any) -> Any:
        """What came back; None if workers died of it."""
        said = self._said(future)
        if said is None:
            self._check_opening()
            return None
        self._is_opened = True
        return said.read() if isinstance(said, Reply) else said

    def _said(self, future: Any) -> Reply | Raised | None:
        """What a worker replied; None if workers died of it."""
        if future.status == "finished":
            try:
                said: Reply = future.result()
            except Exception as unread:  # it could be sent
                return Raised(f"{type(unread).__name__}: {unread}", "")
            return said
        if self._client.status != "running":
            raise CancelledError  # not the job is at fault
        error = future.exception() if future.status == "error" else None
        if error is None or isinstance(error, _distributed().KilledWorker):
            return None
        if isinstance(error, ModuleNotFoundError | AttributeError | ImportError):
            raise QuakeError(
                f"the workers of the cluster cannot load what they need ({error}); install there "
                "the same version of quake as here"
            ) from error
        return Raised(f"{type(error).__name__}: {error}", "")

    def _check_opening(self) -> None:
        """Find out whether workers die before any job, where none has been done yet.

        Raises
        ------
        QuakeError
            If they do.
        """
        if self._is_opened:
            return
        key = f"quake-{self._token}-open"
        future = self._client.submit(_open, self._shipped, self._token, key=key, pure=False)
        said = self._said(self._finished([future])[0])
        if said is None:
            raise QuakeError(
                "workers of the cluster die before they can work (killed, or out of memory?); see "
                "their logs"
            )
        self._is_opened = True


@dataclass(frozen=True)
class _Kept:
    """A job that Dask passes on as it is: it would look for futures in tuples and lists."""

    job: Any


def _as_it_is(opener: Any) -> Any:
    return opener


_lock = threading.Lock()
_opened: OrderedDict[str, Callable[[Any], Any]] = OrderedDict()


def _do(opener: Opener[Any, Any], token: str, kept: _Kept) -> Reply:
    """Do a job, in a worker; the first one of a run opens what it needs."""
    with _lock, collected_logs() as logs:
        try:
            work = _work(opener, token)
        except Exception as error:
            return Reply.not_opened(error)
        return Reply(attempt(work, kept.job), logs=tuple(logs))


def _open(opener: Opener[Any, Any], token: str) -> Reply:
    """Open what the jobs of a run need, and do none."""
    with _lock:
        try:
            _work(opener, token)
        except Exception as error:
            return Reply.not_opened(error)
        return Reply()


def _work(opener: Opener[Any, Any], token: str) -> Callable[[Any], Any]:
    work = _opened.get(token)
    if work is None:
        _keep_memory()
        work = _opened[token] = opener()
        while len(_opened) > _KEPT:
            _opened.popitem(last=False)
    return work


def _keep_memory() -> None:
    """Let the C library keep freed memory, as it does in processes that Dask has not started.

    Dask has workers give memory back at once (``MALLOC_TRIM_THRESHOLD_``). Arrays of some
    megabytes, one after the other, are then asked of the system each time: a third more processor
    time. These are the values that glibc comes to by itself, see mallopt(3).
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL("libc.so.6")
        library.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        library.mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ParameterError(
            f'Dask is not installed ({error}); install it with: pip install "quake[dask]"'
        ) from error
    return distributed


@contextmanager
def _one_sentence(address: str) -> Iterator[None]:
    """Say in one sentence that the scheduler is gone, of which Dask has many ways to tell."""
    closed = _distributed().comm.CommClosedError
    try:
        yield
    except (CancelledError, asyncio.CancelledError, closed, TimeoutError) as error:
        raise QuakeError(
            f"{address}: the connection to the Dask scheduler is lost; what is done is done: start "
            "it again, and run the same command again"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from telling of workers that come and go: it is dealt with here."""
    names = [name for name in logging.Logger.manager.loggerDict if name.startswith("distributed")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
