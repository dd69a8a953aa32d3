"""Which window is taken for a time, and which for none."""

import pytest

from quake.errors import WaveformError
from quake.explain.window_choice import place_of, strongest, windows_at
from quake.inference.records import WindowRecord
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.times import NS_PER_S, parse_time
from quake.windows.grid import Recording, WindowGrid
from quake.windows.tasks import Task

ONE, TWO = ChannelSetId("XX", "ONE", "", "HH"), ChannelSetId("XX", "TWO", "", "HH")
GRID = WindowGrid.from_overlap(60.0, 0.5)
MIDNIGHT_NS = parse_time("2020-05-01T00:00:00Z")


def at(seconds):
    return MIDNIGHT_NS + round(seconds * NS_PER_S)


def task(id, *starts_s):
    record = Recording(at(starts_s[0]), at(starts_s[-1] + 60), 0)
    return Task(id, (), record, [at(start_s) for start_s in starts_s])


def record(id=ONE, start="2020-05-01T00:00:00.000000Z", **probabilities):
    label = max(probabilities, key=probabilities.get) if probabilities else None
    status = "ok" if probabilities else "no_data"
    return WindowRecord(str(id), start, start, label, status, probabilities, 1, "Z", 100, (), "")


@pytest.mark.parametrize(
    ("time_s", "start_s"),
    [(0, 0), (44.9, 0), (45, 0), (45.1, 30), (60, 30), (74, 30), (76, 60), (119.9, 60)],
)
def test_the_window_with_the_nearest_middle_is_taken(time_s, start_s):
    found = windows_at([task(ONE, 0, 30, 60)], GRID, at(time_s))
    assert found[ONE][1] == at(start_s)


def test_a_window_that_is_flush_with_the_end_of_a_record_counts_too():
    found = windows_at([task(ONE, 0, 30, 37.5)], GRID, at(67.4))
    assert found[ONE][1] == at(37.5)


def test_every_channel_set_has_its_own():
    found = windows_at([task(ONE, 0, 30), task(TWO, 15)], GRID, at(31))
    assert {id: start for id, (_, start) in found.items()} == {ONE: at(0), TWO: at(15)}


@pytest.mark.parametrize("time_s", [-0.1, 90, 1e6])
def test_a_time_outside_of_all_windows_is_refused(time_s):
    expected = "windows lie between 2020-05-01T00:00:00.000000Z and 2020-05-01T00:01:30.000000Z"
    with pytest.raises(WaveformError, match=expected):
        windows_at([task(ONE, 0, 30)], GRID, at(time_s))


def test_noise_is_not_strong():
    quiet = record(earthquake=0.1, noise=0.9)
    weak = record(start="2020-05-01T00:00:30.000000Z", earthquake=0.4, noise=0.6)
    assert strongest([quiet, weak, record()]) is weak
    assert strongest([record(), record()]) is None


def test_a_record_is_found_among_the_tasks_again():
    tasks = [task(TWO, 0), task(ONE, 0, 30)]
    found = place_of(record(ONE, "2020-05-01T00:00:30.000000Z"), tasks)
    assert found == (tasks[1], at(30))
