"""Revisions of events, by hand: which line is written when, and under which id."""

import json

import pytest
from event_builders import at, event
from hypothesis import given, settings
from hypothesis import strategies as st

from quake.live.revisions import COMPLETE, PRELIMINARY, WITHDRAWN, EventTracker, Revision
from quake.waveforms.times import parse_time

A, B = "XX.STA..HH?", "XX.STB..HH?"


def since(seconds=0.0):
    return parse_time(at(seconds))


def told(revisions):
    return [(r.id, r.number, r.state, r.event.onset) for r in revisions]


def update(tracker, *events, complete=False, since_s=0.0):
    return tracker.update(events, since(since_s), lambda event: complete)


def test_an_event_is_told_of_once_while_nothing_changes():
    tracker, first = EventTracker(), event(100)
    assert told(update(tracker, first)) == [(first.id, 1, PRELIMINARY, at(100))]
    assert update(tracker, first) == []


def test_when_all_has_come_it_is_complete_and_not_told_of_again():
    tracker, first = EventTracker(), event(100)
    update(tracker, first)
    assert told(update(tracker, first, complete=True)) == [(first.id, 2, COMPLETE, at(100))]
    assert update(tracker, first, complete=True) == []
    assert update(tracker, first, complete=False) == []


def test_what_is_complete_from_the_beginning_is_told_of_once():
    tracker = EventTracker()
    assert [r.state for r in update(tracker, event(100), complete=True)] == [COMPLETE]
    assert update(tracker, event(100), complete=True) == []


@pytest.mark.parametrize("moved_s", [0.4, -0.4])
def test_an_onset_that_moves_a_little_is_the_same(moved_s):
    tracker = EventTracker()
    update(tracker, event(100))
    assert update(tracker, event(100 + moved_s)) == []


@pytest.mark.parametrize("moved_s", [0.6, -9.9])
def test_an_onset_that_moves_has_a_revision_under_the_same_id(moved_s):
    tracker, first = EventTracker(), event(100)
    update(tracker, first)
    (revision,) = update(tracker, event(100 + moved_s))
    assert told([revision]) == [(first.id, 2, PRELIMINARY, at(100 + moved_s))]
    assert revision.to_dict()["event_id"] == event(100 + moved_s).id != first.id


def test_another_class_is_a_revision():
    tracker, first = EventTracker(), event(100)
    update(tracker, first)
    (revision,) = update(tracker, event(100, label="surface_event"))
    assert (revision.id, revision.number, revision.event.label) == (first.id, 2, "surface_event")


def test_a_station_that_joins_is_a_revision():
    tracker, first = EventTracker(), event(100, keys=(A,))
    update(tracker, first)
    (revision,) = update(tracker, event(100, keys=(A, B)))
    assert (revision.id, revision.event.channel_sets) == (first.id, (A, B))


def test_the_same_time_at_another_station_is_another_event():
    tracker = EventTracker()
    update(tracker, event(100, keys=(A,)))
    (revision,) = update(tracker, event(100, keys=(A,)), event(100, keys=(B,)))
    assert (revision.number, revision.event.channel_sets) == (1, (B,))


def test_an_event_that_is_gone_is_withdrawn_once_all_has_come():
    tracker, first = EventTracker(), event(100)
    update(tracker, first)
    assert update(tracker) == []
    assert told(update(tracker, complete=True)) == [(first.id, 2, WITHDRAWN, at(100))]
    assert update(tracker, complete=True) == []


def test_an_event_that_comes_back_has_its_id():
    tracker, first = EventTracker(), event(100)
    update(tracker, first)
    update(tracker, complete=True)
    assert told(update(tracker, event(101), complete=True)) == [(first.id, 3, COMPLETE, at(101))]


def test_what_lies_before_the_time_is_left_alone():
    tracker = EventTracker()
    update(tracker, event(100), event(500))
    assert update(tracker, event(500), complete=False, since_s=300) == []
    (revision,) = update(tracker, event(500), complete=True, since_s=300)
    assert revision.event.onset == at(500)
    assert [r.event.onset for r in tracker.incomplete] == [at(100)]


def test_of_two_near_ones_each_keeps_its_id():
    tracker, one, two = EventTracker(), event(100), event(104)
    update(tracker, one, two)
    moved = update(tracker, event(101), event(104.8))
    assert [(r.id, r.event.onset) for r in moved] == [(one.id, at(101)), (two.id, at(104.8))]


def test_a_new_one_between_others_is_new():
    tracker, one = EventTracker(), event(100)
    update(tracker, one)
    (new,) = update(tracker, event(100), event(103))
    assert (new.number, new.id) == (1, event(103).id)


def test_a_day_later_it_is_forgotten():
    tracker = EventTracker()
    update(tracker, event(100))
    update(tracker, event(100 + 86_401))
    assert [r.event.onset for r in tracker.incomplete] == [at(100 + 86_401)]


def test_a_tracker_that_was_told_what_another_has_told_goes_on_like_it():
    first, lines = EventTracker(), []
    for events, complete in ([[event(100)], False], [[event(100), event(300)], False]):
        lines += [json.dumps(r.to_dict()) for r in update(first, *events, complete=complete)]
    second = EventTracker(Revision.from_dict(json.loads(line)) for line in lines)
    final = (event(101, label="surface_event"), event(300))
    assert told(update(second, *final, complete=True)) == told(update(first, *final, complete=True))


def test_a_line_is_an_event_with_id_revision_and_state():
    (revision,) = update(EventTracker(), event(100, keys=(A, B)))
    values = revision.to_dict()
    assert {k: v for k, v in values.items() if k in event(100, keys=(A, B)).to_dict()} == event(
        100, keys=(A, B)
    ).to_dict()
    assert values.keys() - event(100).to_dict().keys() == {
        "event_id",
        "revision",
        "state",
        "written",
    }
    assert Revision.from_dict(json.loads(json.dumps(values))) == revision


@given(
    st.lists(
        st.lists(st.integers(0, 60), max_size=4, unique=True).map(sorted), min_size=1, max_size=8
    )
)
@settings(deadline=None, max_examples=60)
def test_whatever_is_seen_ids_are_never_used_for_two_and_numbers_follow(sightings):
    tracker, last, n_lines = EventTracker(), {}, {}
    for n, seconds in enumerate(sightings):
        is_last = n == len(sightings) - 1
        for r in update(tracker, *(event(5 * s) for s in seconds), complete=is_last):
            n_lines[r.id] = n_lines.get(r.id, 0) + 1
            assert r.number == n_lines[r.id]
            last[r.id] = r
    # The last lines of all are what was seen last.
    found = sorted(r.event.onset for r in last.values() if r.state == COMPLETE)
    assert found == sorted(event(5 * s).onset for s in sightings[-1])
    assert not [r for r in last.values() if r.state == PRELIMINARY]
