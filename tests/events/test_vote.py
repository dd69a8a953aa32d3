"""Stations vote as one counts by hand, in whatever order their events come."""

from itertools import permutations

import pytest
from event_builders import at, event, options, window
from hypothesis import given
from hypothesis import strategies as st

from quake.data.times import parse_time
from quake.data.waveform import NS_PER_S
from quake.events import find_events
from quake.events.vote import vote

WITHIN_NS = 30 * NS_PER_S

A, B, C, D = (f"XX.{name}..HH?" for name in ("STA", "STB", "STC", "STD"))


def at_station(key, start_s, **changes):
    return event(start_s, keys=(key,), **changes)


def voted(events, min_stations=2, **changes):
    return vote(events, options(min_stations=min_stations, **changes))


def test_with_one_station_events_are_sorted_by_start_then_class_then_channel_sets():
    expected = [
        at_station(B, 0, label="surface_event"),
        at_station(A, 10),
        at_station(B, 10),
        at_station(A, 10, label="surface_event"),
        at_station(A, 20),
    ]
    assert vote(reversed(expected), options()) == expected


def test_two_stations_that_agree_make_one_event():
    one = at_station(B, 0, end_s=120, p=0.8, n_windows=3)
    other = at_station(A, 20, end_s=100, p=0.9, n_windows=2)
    (found,) = voted([one, other])
    assert (found.start, found.end) == (at(0), at(120))
    assert (found.peak_time, found.peak_probability) == (other.peak_time, 0.9)
    assert (found.n_windows, found.channel_sets) == (5, (A, B))
    assert found.id == event(0, keys=(A, B)).id


def test_the_latest_end_may_be_that_of_any_station():
    (found,) = voted([at_station(A, 0, end_s=60), at_station(B, 20, end_s=500)])
    assert found.end == at(500)


def test_of_equal_peaks_the_earliest_is_the_peak_of_the_network():
    late, early = at_station(A, 0, peak_time=at(300)), at_station(B, 20, peak_time=at(50))
    (found,) = voted([late, early])
    assert found.peak_time == at(50)


def test_starts_exactly_within_the_time_agree_and_a_microsecond_more_do_not():
    assert len(voted([at_station(A, 0), at_station(B, 30)])) == 1
    assert voted([at_station(A, 0), at_station(B, 30.000001)]) == []


def test_the_time_within_which_starts_agree_can_be_chosen():
    assert len(voted([at_station(A, 0), at_station(B, 100)], within_s=100)) == 1
    assert len(voted([at_station(A, 0), at_station(B, 0)], within_s=0)) == 1


def test_two_channel_sets_of_one_station_count_once():
    pair = [at_station("XX.STA.00.HH?", 0), at_station("XX.STA.10.BH?", 0)]
    assert voted(pair) == []
    (found,) = voted([*pair, at_station(B, 10)])
    assert found.channel_sets == ("XX.STA.00.HH?", "XX.STA.10.BH?", B)


def test_the_same_station_code_in_another_network_is_another_station():
    assert len(voted([at_station("XX.STA..HH?", 0), at_station("YY.STA..HH?", 0)])) == 1


def test_classes_vote_apart():
    assert voted([at_station(A, 0), at_station(B, 0, label="surface_event")]) == []


def test_what_too_few_stations_saw_is_dropped():
    events = [at_station(A, 0), at_station(B, 5), at_station(C, 500)]
    (found,) = voted(events)
    assert found.channel_sets == (A, B)
    assert voted(events, min_stations=3) == []


def test_a_cluster_is_measured_from_its_earliest_event_and_is_no_chain():
    # 0, 25 and 50 s: neighbours agree, the ends do not.
    (found,) = voted([at_station(A, 0), at_station(B, 25), at_station(C, 50)])
    assert found.channel_sets == (A, B)


def test_an_event_that_finds_too_few_leaves_the_others_to_the_next():
    # From 0 s on only A and B; from 25 s on B, C and D.
    events = [at_station(A, 0), at_station(B, 25), at_station(C, 40), at_station(D, 50)]
    (found,) = voted(events, min_stations=3)
    assert (found.start, found.channel_sets) == (at(25), (B, C, D))


def test_an_event_is_used_once():
    events = [at_station(A, 0), at_station(B, 20), at_station(C, 40), at_station(D, 60)]
    assert [e.channel_sets for e in voted(events)] == [(A, B), (C, D)]


def test_windows_of_two_stations_become_an_event_of_the_network():
    windows = [
        window(0, key=A),
        window(30, key=A, p=0.7),
        window(600, key=A),
        window(30, key=B, p=0.97),
        window(60, "surface_event", key=B),
    ]
    (found,) = find_events(windows, options(min_stations=2))
    assert (found.start, found.end, found.peak_time) == (at(0), at(90), at(60))
    assert (found.n_windows, found.peak_probability) == (3, 0.97)


def test_events_of_single_stations_are_sorted_by_time_not_by_channel_set():
    windows = [window(300, key=A), window(0, key=B), window(600, key=B)]
    found = find_events(windows, options())
    assert [e.start for e in found] == [at(0), at(300), at(600)]


events = st.lists(
    st.builds(
        lambda start_s, key, label, length_s, p: event(
            start_s, start_s + length_s, label, p, (key,)
        ),
        st.integers(0, 200),
        st.sampled_from([A, B, C, D, "XX.STA.10.BH?"]),
        st.sampled_from(["earthquake", "surface_event"]),
        st.sampled_from([60, 90]),
        st.sampled_from([0.5, 0.9]),
    ),
    max_size=12,
)


@given(events, st.integers(1, 3), st.randoms(use_true_random=False))
def test_the_vote_does_not_depend_on_the_order_of_the_input(some, min_stations, random):
    shuffled = random.sample(some, len(some))
    assert voted(shuffled, min_stations) == voted(some, min_stations)


@given(events, st.integers(2, 3))
def test_each_event_of_the_network_has_enough_stations_and_no_window_twice(some, min_stations):
    found = voted(some, min_stations)
    assert all(len(e.stations) >= min_stations for e in found)
    assert sum(e.n_windows for e in found) <= sum(e.n_windows for e in some)


@given(events)
def test_two_stations_that_agree_are_never_both_left_out(some):
    found = [(e.label, parse_time(e.start)) for e in voted(some)]
    for one, other in permutations(some, 2):
        start_ns = parse_time(one.start)
        apart_ns = parse_time(other.start) - start_ns
        agree = one.label == other.label and one.stations != other.stations
        if agree and 0 <= apart_ns <= WITHIN_NS:
            # Either these two, or the first of them had found others before.
            assert any(
                label == one.label and 0 <= start_ns - at_ns <= WITHIN_NS for label, at_ns in found
            )


@pytest.mark.parametrize("min_stations", [1, 2])
def test_no_events_give_no_events(min_stations):
    assert voted([], min_stations) == []
