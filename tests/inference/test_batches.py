"""Batches: as many usable windows as the network takes, in order, and nothing waits without end."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import ID

from quake.inference.batches import batches
from quake.windows.grid import Recording, Window
from quake.windows.tasks import Task

TASK = Task(ID, (), Recording(0, 10**12, 0), ())


def windows(marks):
    """A window a letter: u is usable, any other is not; its start is its number."""
    for number, mark in enumerate(marks):
        status = "usable" if mark == "u" else "no_data"
        samples = np.zeros((3, 1), np.float32)
        yield TASK, Window(ID, number, number + 60, samples, status, 1.0, "ZNE", 100.0, ())


def divided(marks, size):
    """The letters of each batch."""
    return [
        "".join("u" if window.status == "usable" else "-" for _, window in batch)
        for batch in batches(windows(marks), size)
    ]


def test_a_batch_ends_with_the_last_window_that_the_network_takes():
    assert divided("uuuuu", 2) == ["uu", "uu", "u"]


def test_windows_that_cannot_be_used_come_along_in_their_turn():
    assert divided("-u--u-u", 2) == ["-u--u", "-u"]


def test_windows_that_cannot_be_used_do_not_wait_without_end():
    assert divided("-" * 17, 1) == ["-" * 8, "-" * 8, "-"]


def test_without_windows_there_is_no_batch():
    assert divided("", 4) == []


@given(st.text("u-", max_size=80), st.integers(1, 5))
def test_all_windows_come_once_in_order_with_their_task(marks, size):
    found = list(batches(windows(marks), size))
    assert [w.start_ns for batch in found for _, w in batch] == list(range(len(marks)))
    assert all(task is TASK for batch in found for task, _ in batch)
    assert all(sum(w.status == "usable" for _, w in batch) <= size for batch in found)
