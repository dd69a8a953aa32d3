"""Plans: a selection chooses whole channel sets and days, and the journal adds what it knows."""

import os
from dataclasses import replace

import numpy as np
import pytest

from quake.inputs.selection import Selection
from quake.store.entries import FileEntry, state_of
from quake.store.journal import Journal
from quake.store.plan import Plan
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


def plan_of(folder, inputs, selection=None, others=(), **options):
    """Days of a plan over entries of files; the journal knows others too."""
    with Journal(folder) as journal:
        for entry in others:
            journal.add_file(entry)
        places = sorted(journal.add_file(entry) for entry in inputs)
        plan = Plan(journal, np.array(places, np.uint64), selection or Selection(), GRID, **options)
        return [day for key in plan.channel_sets() for day in plan.of(key).days]


def numbers_of(days):
    return [day.number for day in days]


def test_a_time_chooses_the_day_it_is_in_with_all_that_its_windows_touch(day_files, tmp_path):
    bounded = Selection(start_ns=DAY_NS + 5, end_ns=DAY_NS + 10)
    (day,) = plan_of(tmp_path, day_files.values(), bounded)
    assert day == plan_of(tmp_path, day_files.values())[1]
    assert {span.start_ns // DAY_NS for span in day.day.spans} == {0, 1, 2}


def test_one_component_chooses_its_channel_set(day_files, tmp_path):
    narrow = plan_of(tmp_path, day_files.values(), Selection(channels=("HHZ",)))
    assert narrow == plan_of(tmp_path, day_files.values())


def test_newer_than_chooses_days_with_a_file_that_is_newer(day_files, tmp_path):
    # The file of day 2 belongs to day 1 too: windows reach over midnight.
    entries = day_files.values()
    assert numbers_of(plan_of(tmp_path, entries, newer_than_ns=2)) == [1, 2]
    assert numbers_of(plan_of(tmp_path, entries, newer_than_ns=3)) == []


def test_a_run_over_one_file_keeps_what_the_journal_knows_of_the_day(day_files, tmp_path):
    some = plan_of(tmp_path, [day_files["Z1"]], others=day_files.values())
    whole = plan_of(tmp_path, day_files.values())
    assert some == whole  # it touches three days, by a window's length
    assert [day.inputs() for day in some] == [day.inputs() for day in whole]


def test_days_that_the_inputs_do_not_touch_are_not_planned(day_files, tmp_path):
    far = replace(day_files["Z0"].spans[0], start_ns=9 * DAY_NS, end_ns=10 * DAY_NS)
    other = replace(day_files["Z0"], spans=(far,))
    assert numbers_of(plan_of(tmp_path, [day_files["Z1"]], others=[other])) == [1]


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_files_that_are_not_as_they_were_are_not_known(day_files, tmp_path, change):
    path = tmp_path / "N1"
    path.unlink() if change == "gone" else path.write_bytes(b"longer")
    days = plan_of(tmp_path, [day_files["Z1"]], others=day_files.values())
    assert str(path) not in {span.source for day in days for span in day.day.spans}


def test_a_file_that_has_changed_counts_as_it_is_now(day_files, tmp_path):
    before = day_files["Z1"]
    shorter = replace(before.spans[0], end_ns=before.spans[0].end_ns - DAY_NS // 2)
    now = replace(before, spans=(shorter,))
    days = plan_of(tmp_path, [now], others=[before])
    assert {span.end_ns for day in days for span in day.day.spans} == {shorter.end_ns}


def test_a_channel_set_is_planned_the_same_a_second_time(day_files, tmp_path):
    """Even if a file that is no input has gone in the meantime."""
    with Journal(tmp_path) as journal:
        for entry in day_files.values():
            place = journal.add_file(entry)
        plan = Plan(journal, np.array([place], np.uint64), Selection(), GRID)
        first = plan.of(ID)
        (tmp_path / "N1").unlink()
        assert plan.of(ID).days == first.days


def test_what_cannot_be_used_is_left_out_with_a_reason(day_files, tmp_path):
    with Journal(tmp_path) as journal:
        odd = replace(day_files["Z1"], spans=(replace(day_files["Z1"].spans[0], code="X"),))
        plan = Plan(journal, np.array([journal.add_file(odd)], np.uint64), Selection(), GRID)
        (planned,) = map(plan.of, plan.channel_sets())
    assert planned.days == []
    assert ["component X is none of" in problem.message for problem in planned.left_out] == [True]
