"""The executor of a Dask cluster, on real scheduler and worker processes of this machine."""

import contextlib
import os
import socket
import sys
import threading
import time

import pytest
from dask_programs import TESTS, Cluster
from parallel_work import Squares

from quake.errors import ModelError, ParameterError, QuakeError
from quake.parallel.executor import Lost, Raised

distributed = pytest.importorskip("distributed")

from quake.parallel.dask_cluster import DaskExecutor  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",  # Dask's and Tornado's own
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(scope="module")
def cluster():
    started = Cluster()
    started.add_workers(2)
    yield started
    started.close()


@pytest.fixture
def executor(cluster):
    return DaskExecutor(cluster.address)


@pytest.fixture
def squares(tmp_path):
    return Squares(str(tmp_path))


def numbers(found):
    return {job: answer[0] for job, answer in found}


def test_each_job_has_its_answer_and_the_work_is_opened_once_a_worker(executor, squares, tmp_path):
    jobs = [("square", number) for number in range(40)]
    found = list(executor.run(squares, jobs))
    assert numbers(found) == {job: job[1] ** 2 for job in jobs}
    assert len(list(tmp_path.glob("opened-*"))) == len({answer[1] for _, answer in found})


def test_an_error_of_a_job_is_its_answer(executor, squares):
    found = dict(executor.run(squares, [("raise", 1), ("square", 2)]))
    assert isinstance(found["raise", 1], Raised)
    assert found["raise", 1].error == "ValueError: 1 is a bad number"
    assert found["square", 2][0] == 4


def test_what_cannot_be_opened_ends_the_run_with_that_error(executor, tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        list(executor.run(Squares(str(tmp_path), "missing"), [("square", 1)]))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unreadable", "FileNotFoundError: .*No such file or directory: 'model.onnx'"),
        ("unpicklable", "TwoArgumentsError: model.onnx is broken"),
        ("die", "workers of the cluster die before they can work"),
    ],
)
def test_any_error_of_the_opener_ends_the_run(executor, fault, said, tmp_path):
    with pytest.raises(QuakeError, match=said):
        list(executor.run(Squares(str(tmp_path), fault), [("square", 1), ("square", 2)]))


def test_an_answer_that_cannot_be_sent_or_read_is_an_error(executor, squares):
    jobs = [("unpicklable", 0), ("unreadable", 1), ("raise unpicklable", 2), ("square", 3)]
    found = dict(executor.run(squares, jobs))
    assert isinstance(found["unpicklable", 0], Raised)
    assert isinstance(found["unreadable", 1], Raised)
    assert found["raise unpicklable", 2].error == "TwoArgumentsError: a job that fails"
    assert found["square", 3][0] == 9


def test_warnings_of_the_work_are_logged_here(executor, squares, caplog):
    list(executor.run(squares, [("warn", 3)]))
    assert ("quake.data", "3 is odd") in [(r.name, r.getMessage()) for r in caplog.records]


def test_a_worker_that_is_killed_costs_a_retry(executor, squares):
    jobs = [("die once" if n == 7 else "square", n) for n in range(30)]
    assert numbers(executor.run(squares, jobs)) == {job: job[1] ** 2 for job in jobs}


def test_a_poisonous_job_is_lost_and_the_others_are_done(executor, squares):
    jobs = [("die" if n == 5 else "square", n) for n in range(20)]
    found = dict(executor.run(squares, jobs))
    assert isinstance(found.pop(("die", 5)), Lost)
    assert numbers(found.items()) == {job: job[1] ** 2 for job in jobs if job[0] != "die"}


@pytest.mark.slow
def test_two_runs_on_one_cluster_do_not_meet(cluster, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    jobs = [("square", number) for number in range(10)]
    runs = [DaskExecutor(cluster.address).run(Squares(str(f)), jobs) for f in (first, second)]
    found = [dict([next(run)]) for run in runs]
    for answers, run in zip(found, runs, strict=True):
        answers.update(run)
        assert {job: answer[0] for job, answer in answers.items()} == {
            job: job[1] ** 2 for job in jobs
        }
    assert list(first.glob("opened-*"))
    assert list(second.glob("opened-*"))


def test_a_run_that_is_broken_off_leaves_nothing_to_do(cluster, executor, squares):
    answers = executor.run(squares, (("square", n) for n in range(1000)))
    next(answers)
    answers.close()
    with distributed.Client(cluster.address) as client:
        for _ in range(100):
            if not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
                return
            time.sleep(0.1)
        raise AssertionError("tasks are left at the scheduler")


@pytest.mark.slow
def test_a_scheduler_that_dies_is_said_in_one_sentence(tmp_path, capfd):
    mortal = Cluster()
    try:
        mortal.add_workers()
        timer = threading.Timer(2.0, mortal.programs[0].kill)
        timer.start()
        with pytest.raises(QuakeError, match="the connection to the Dask scheduler is lost"):
            list(DaskExecutor(mortal.address).run(Squares(str(tmp_path)), [("sleep", 1)]))
        timer.join()
    finally:
        mortal.close()
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_workers_may_come_late(squares, caplog):
    late = Cluster()
    try:
        timer = threading.Timer(1.0, late.add_workers)
        timer.start()
        found = numbers(DaskExecutor(late.address).run(squares, [("square", 3)]))
        timer.join()
        assert found == {("square", 3): 9}
    finally:
        late.close()


def test_a_scheduler_that_is_not_there_is_said(squares, monkeypatch):
    monkeypatch.setattr("quake.parallel.dask_cluster._CONNECT_S", 1.0)
    with pytest.raises(ParameterError, match="no Dask scheduler can be reached"):
        list(DaskExecutor("tcp://127.0.0.1:9").run(squares, [("square", 1)]))


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_an_address_where_something_else_listens_is_said(squares, monkeypatch, says):
    monkeypatch.setattr("quake.parallel.dask_cluster._CONNECT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server, says), daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ParameterError, match="something else is there, not a Dask scheduler"):
            list(DaskExecutor(address).run(squares, [("square", 1)]))


def _answer(server, says):
    connections = []
    with contextlib.suppress(OSError):
        while True:
            connections.append(server.accept()[0])
            connections[-1].sendall(says)


def test_the_address_of_a_worker_is_none_of_a_scheduler(cluster, squares):
    with distributed.Client(cluster.address) as client:
        address = next(iter(client.scheduler_info()["workers"]))
    with pytest.raises(ParameterError, match="Worker is there, not a Dask scheduler"):
        list(DaskExecutor(address).run(squares, [("square", 1)]))


@pytest.mark.parametrize(
    "address", ["nonsense", "127.0.0.1:notaport", "tcp://", "tcp://host:99999"]
)
def test_an_address_that_is_none_is_said(squares, address):
    with pytest.raises(ParameterError, match="is no address of a Dask scheduler"):
        list(DaskExecutor(address).run(squares, [("square", 1)]))


def test_without_dask_the_option_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ParameterError, match=r"pip install \"quake\[dask\]\""):
        DaskExecutor("tcp://127.0.0.1:8786")


def test_a_local_cluster_ends_with_its_run(squares, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", TESTS)
    found = list(DaskExecutor(n_local_workers=2).run(squares, [("square", n) for n in range(6)]))
    assert numbers(found) == {("square", n): n**2 for n in range(6)}
    for process in {answer[1] for _, answer in found}:
        assert _has_ended(process)


def _has_ended(pid):
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
