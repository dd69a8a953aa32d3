"""Plans: a selection chooses whole channel sets and days, and the journal adds what it knows."""

import os

import pytest

from quake.inputs.selection import Selection
from quake.store.journal import FileEntry, Journal, state_of
from quake.store.plan import make_plan, make_plan_of_store
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.windows.grid import WindowGrid
from quake.windows.station_days import DAY_NS

ID = ChannelSetId("XX", "STA", "", "HH")
GRID = WindowGrid.from_overlap(60, 0.5)


@pytest.fixture
def day_files(tmp_path):
    """Entries of three components on three days, a file each, by component and day."""
    entries = {}
    for day in range(3):
        for code in "ZNE":
            path = tmp_path / f"{code}{day}"
            path.write_bytes(b"x")
            os.utime(path, ns=(day, day))
            span = Span(ID, code, day * DAY_NS, (day + 1) * DAY_NS, 100.0, str(path))
            entries[f"{code}{day}"] = FileEntry(state_of(str(path)), (span,))
    return entries


def by_path(entries):
    return {entry.state.path: entry for entry in entries}


def days_of(plan):
    return [job.day.day_ns // DAY_NS for job in plan.jobs]


def test_a_time_chooses_the_day_it_is_in_with_all_that_its_windows_touch(day_files):
    entries = by_path(day_files.values())
    bounded = Selection(start_ns=DAY_NS + 5, end_ns=DAY_NS + 10)
    (job,) = make_plan(entries, bounded, GRID).jobs
    assert job == make_plan(entries, Selection(), GRID).jobs[1]
    assert {span.start_ns // DAY_NS for span in job.day.spans} == {0, 1, 2}


def test_one_component_chooses_its_channel_set(day_files):
    entries = by_path(day_files.values())
    narrow = make_plan(entries, Selection(channels=("HHZ",)), GRID)
    assert narrow.jobs == make_plan(entries, Selection(), GRID).jobs


def test_newer_than_chooses_days_with_a_file_that_is_newer(day_files):
    entries = by_path(day_files.values())
    # The file of day 2 belongs to day 1 too: windows reach over midnight.
    assert days_of(make_plan(entries, Selection(), GRID, newer_than_ns=2)) == [1, 2]
    assert days_of(make_plan(entries, Selection(), GRID, newer_than_ns=3)) == []


def test_a_run_over_one_file_keeps_what_the_journal_knows_of_the_day(day_files, tmp_path):
    with Journal(tmp_path) as journal:
        for entry in day_files.values():
            journal.add_file(entry)
        some = by_path([day_files["Z1"]])
        plan = make_plan_of_store(some, journal, Selection(), GRID)
    whole = make_plan(by_path(day_files.values()), Selection(), GRID)
    assert plan.jobs == whole.jobs  # it touches three days, by a window's length


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_files_that_are_not_as_they_were_are_not_known(day_files, tmp_path, change):
    with Journal(tmp_path) as journal:
        for entry in day_files.values():
            journal.add_file(entry)
        path = tmp_path / "N1"
        path.unlink() if change == "gone" else path.write_bytes(b"longer")
        some = by_path([day_files["Z1"]])
        plan = make_plan_of_store(some, journal, Selection(), GRID)
    assert str(path) not in {span.source for job in plan.jobs for span in job.day.spans}
