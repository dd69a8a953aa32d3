"""Executors of this machine: complete answers, whatever becomes of the processes."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from parallel_work import Squares

from quake.errors import ModelError, ParameterError, QuakeError
from quake.parallel.executor import Lost, Raised
from quake.parallel.inline import InlineExecutor
from quake.parallel.processes import ProcessExecutor

EXECUTORS = [InlineExecutor(), ProcessExecutor(1), ProcessExecutor(2)]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Processes that are spawned find the work where the tests find it."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))


@pytest.fixture
def squares(tmp_path):
    return Squares(str(tmp_path))


def numbers(found):
    return {job: answer[0] for job, answer in found}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_job_has_its_answer(executor, squares):
    jobs = [("square", number) for number in range(20)]
    found = list(executor.run(squares, jobs))
    assert len(found) == 20
    assert numbers(found) == {job: job[1] ** 2 for job in jobs}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_no_jobs_are_no_answers(executor, squares):
    assert list(executor.run(squares, [])) == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_error_of_a_job_is_its_answer(executor, squares):
    found = dict(executor.run(squares, [("raise", 1), ("square", 2)]))
    assert isinstance(found["raise", 1], Raised)
    assert found["raise", 1].error == "ValueError: 1 is a bad number"
    assert "in work" in found["raise", 1].traceback
    assert found["square", 2][0] == 4


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_cannot_be_opened_ends_the_run_with_that_error(executor, tmp_path):
    squares = Squares(str(tmp_path), fault="missing")
    with pytest.raises(ModelError, match="no such model file"):
        list(executor.run(squares, [("square", 1), ("square", 2)]))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unreadable", "FileNotFoundError: .*No such file or directory: 'model.onnx'"),
        ("unpicklable", "TwoArgumentsError: model.onnx is broken"),
    ],
)
def test_any_error_of_the_opener_ends_the_run(fault, said, tmp_path):
    with pytest.raises(QuakeError, match=said):
        list(ProcessExecutor(2).run(Squares(str(tmp_path), fault), [("square", 1), ("square", 2)]))


def test_an_opener_of_which_processes_die_ends_the_run(tmp_path):
    with pytest.raises(QuakeError, match=r"ended before they could work \(exit code -9\)"):
        list(ProcessExecutor(2).run(Squares(str(tmp_path), "die"), [("square", 1), ("square", 2)]))


def test_a_process_that_dies_while_it_opens_is_replaced(tmp_path):
    jobs = [("square", n) for n in range(5)]
    found = list(ProcessExecutor(1).run(Squares(str(tmp_path), "die once"), jobs))
    assert numbers(found) == {job: job[1] ** 2 for job in jobs}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_jobs_are_drawn_as_they_are_needed(executor, squares):
    answers = executor.run(squares, (("square", number) for number in itertools.count()))
    assert len(list(itertools.islice(answers, 5))) == 5
    answers.close()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_warnings_of_the_work_are_logged_here(executor, squares, caplog):
    list(executor.run(squares, [("warn", 3)]))
    assert [(r.name, r.getMessage()) for r in caplog.records] == [("quake.data", "3 is odd")]


def test_the_work_is_opened_once_in_each_process(squares, tmp_path):
    found = list(ProcessExecutor(2).run(squares, [("square", n) for n in range(30)]))
    processes = {answer[1] for _, answer in found}
    assert len(processes) == 2
    assert len(list(tmp_path.glob("opened-*"))) == 2
    assert os.getpid() not in processes


def test_an_answer_that_cannot_be_sent_is_an_error(squares):
    found = dict(ProcessExecutor(1).run(squares, [("unpicklable", 1), ("square", 2)]))
    assert isinstance(found["unpicklable", 1], Raised)
    assert found["square", 2][0] == 4


def test_an_answer_that_cannot_be_read_is_an_error(squares):
    jobs = [("unreadable", 1), ("raise unpicklable", 2), ("square", 3)]
    found = dict(ProcessExecutor(1).run(squares, jobs))
    assert isinstance(found["unreadable", 1], Raised)
    assert found["raise unpicklable", 2].error == "TwoArgumentsError: a job that fails"
    assert found["square", 3][0] == 9


def test_a_process_that_dies_costs_a_retry(squares):
    jobs = [("die once" if n in (3, 4) else "square", n) for n in range(12)]
    assert numbers(ProcessExecutor(2).run(squares, jobs)) == {job: job[1] ** 2 for job in jobs}


def test_a_poisonous_job_is_lost_and_the_others_are_done(squares):
    jobs = [("die" if n == 5 else "square", n) for n in range(20)]
    found = dict(ProcessExecutor(2).run(squares, jobs))
    assert isinstance(found.pop(("die", 5)), Lost)
    assert numbers(found.items()) == {job: job[1] ** 2 for job in jobs if job[0] != "die"}


def test_no_process_is_left_where_the_consumer_stops(squares, tmp_path):
    answers = ProcessExecutor(2).run(squares, [("square", 1), ("sleep", 2), ("sleep", 3)])
    _, (_, process) = next(answers)
    answers.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize("n_workers", [0, -1])
def test_there_is_one_process_at_least(n_workers):
    with pytest.raises(ParameterError, match="must be 1 or more"):
        ProcessExecutor(n_workers)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_the_one_that_started_them(tmp_path, how):
    program = Path(__file__).resolve().parents[1] / "parallel_work.py"
    parent = subprocess.Popen([sys.executable, program, tmp_path], stderr=subprocess.DEVNULL)
    try:
        children = _wait_for(lambda: _pids(tmp_path, "sleeping-*"), 2)
        parent.send_signal(how)
        parent.wait()
        _wait_for(lambda: [pid for pid in children if not _is_alive(pid)], 2)
    finally:
        parent.kill()
        parent.wait()


def _pids(folder, pattern):
    return [int(path.name.rpartition("-")[2]) for path in folder.glob(pattern)]


def _wait_for(find, number):
    for _ in range(600):
        found = find()
        if len(found) == number:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{found} after a minute, {number} were expected")


def _is_alive(pid):
    """Whether a process runs; an orphan that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
