"""Stations vote as one counts by hand, in whatever order their events come."""

import pytest
from event_builders import at, event, onset, options
from hypothesis import given
from hypothesis import strategies as st

from quake.events import find_events
from quake.events.vote import vote
from quake.stations.travel_times import Site
from quake.waveforms.times import NS_PER_S, parse_time

A, B, C, D = (f"XX.{name}..HH?" for name in ("STA", "STB", "STC", "STD"))

# Along the equator a degree is 111.2 km: 22.2 s at 5 km/s.
ONE_DEGREE_APART = {"XX.STA": Site(0, 0), "XX.STB": Site(0, 1)}


def at_station(key, time_s, **changes):
    return event(time_s, keys=(key,), **changes)


def voted(events, min_stations=2, sites=None, **changes):
    return vote(events, options(min_stations=min_stations, within_s=30, **changes), sites)


def test_with_one_station_events_are_sorted_by_onset_then_class_then_channel_sets():
    expected = [
        at_station(B, 0, label="surface_event"),
        at_station(A, 10),
        at_station(B, 10),
        at_station(A, 10, label="surface_event"),
        at_station(A, 20),
    ]
    assert vote(reversed(expected), options()) == expected


def test_two_stations_that_agree_make_one_event_with_what_each_saw():
    one = at_station(B, 0, end_s=120, p=0.8, snr_db=30.0)
    other = at_station(A, 20, end_s=100, p=0.9, snr_db=10.0)
    (found,) = voted([one, other])
    assert (found.onset, found.end, found.duration_s) == (at(0), at(120), 120.0)
    assert (found.probability, found.snr_db) == (0.9, 30.0)
    assert found.channel_sets == (A, B)
    assert [(a.channel_set, a.onset) for a in found.arrivals] == [(B, at(0)), (A, at(20))]


def test_onsets_exactly_within_the_time_agree_and_a_microsecond_more_do_not():
    assert len(voted([at_station(A, 0), at_station(B, 30)])) == 1
    assert voted([at_station(A, 0), at_station(B, 30.000001)]) == []


def test_with_their_places_onsets_may_differ_by_the_travel_time_and_two_seconds():
    assert len(voted([at_station(A, 0), at_station(B, 24.2)], sites=ONE_DEGREE_APART)) == 1
    assert voted([at_station(A, 0), at_station(B, 24.3)], sites=ONE_DEGREE_APART) == []


def test_where_one_place_is_unknown_the_number_of_seconds_counts():
    sites = {"XX.STA": Site(0, 0)}
    assert len(voted([at_station(A, 0), at_station(B, 29)], sites=sites)) == 1


def test_two_channel_sets_of_one_station_count_once():
    pair = [at_station("XX.STA..HH?", 0), at_station("XX.STA..HN?", 0)]
    assert voted(pair) == []
    (found,) = voted([*pair, at_station(B, 1)])
    assert found.channel_sets == ("XX.STA..HH?", "XX.STA..HN?", B)


def test_the_same_station_code_in_another_network_is_another_station():
    assert len(voted([at_station("XX.STA..HH?", 0), at_station("YY.STA..HH?", 0)])) == 1


def test_stations_that_give_it_another_class_have_seen_it_too():
    several = [
        at_station(A, 0, p=0.9),
        at_station(B, 1, p=0.8),
        at_station(C, 2, label="surface_event", p=0.95),
    ]
    (found,) = voted(several, min_stations=3)
    # 0.9 + 0.8 against 0.95.
    assert found.label == "earthquake"
    assert [a.label for a in found.arrivals] == ["earthquake", "earthquake", "surface_event"]


def test_what_too_few_stations_saw_is_dropped():
    assert voted([at_station(A, 0), at_station(B, 10)], min_stations=3) == []


def test_a_sequence_gives_each_event_its_own_onsets():
    """Ten seconds apart, at three stations, although all lie within half a minute."""
    sequence = [
        at_station(key, 10 * n + d) for n in range(6) for key, d in ((A, 0), (B, 2), (C, 3))
    ]
    found = voted(sequence, min_stations=3)
    assert [e.onset for e in found] == [at(10 * n) for n in range(6)]
    assert all(e.channel_sets == (A, B, C) for e in found)


def test_a_cluster_is_no_chain():
    chain = [at_station(A, 0), at_station(B, 25), at_station(C, 50)]
    (found,) = voted(chain)
    assert found.channel_sets == (A, B)


def test_an_event_that_finds_too_few_leaves_the_others_to_the_next():
    (found,) = voted([at_station(A, 0), at_station(B, 40), at_station(C, 50)])
    assert (found.onset, found.channel_sets) == (at(40), (B, C))


def test_onsets_of_two_stations_become_an_event_of_the_network():
    onsets = [onset(0, key=A), onset(5, key=B)]
    (found,) = find_events(onsets, options(min_stations=2))
    assert found.channel_sets == (A, B)


some_events = st.lists(
    st.tuples(
        st.sampled_from([A, B, C, D]),
        st.integers(0, 200),
        st.sampled_from(["earthquake", "surface_event"]),
    ),
    max_size=20,
    unique=True,
).map(lambda rows: [at_station(key, s, label=label) for key, s, label in rows])


@given(some_events, st.integers(1, 4), st.randoms())
def test_the_vote_does_not_depend_on_the_order_of_the_input(some, min_stations, random):
    shuffled = list(some)
    random.shuffle(shuffled)
    assert voted(shuffled, min_stations) == voted(some, min_stations)


@given(some_events, st.integers(2, 4))
def test_each_event_of_the_network_has_enough_stations_and_no_onset_twice(some, min_stations):
    found = voted(some, min_stations)
    assert all(len(e.stations) >= min_stations for e in found)
    used = [(a.channel_set, a.onset, a.label) for e in found for a in e.arrivals]
    assert len(used) == len(set(used))


@given(some_events)
def test_two_stations_that_agree_are_never_both_left_out(some):
    kept = {(a.channel_set, a.onset, a.label) for e in voted(some) for a in e.arrivals}
    lost = [a for e in some for a in e.arrivals if (a.channel_set, a.onset, a.label) not in kept]
    for one in lost:
        for other in lost:
            apart_ns = abs(parse_time(one.onset) - parse_time(other.onset))
            assert one.station == other.station or apart_ns > 30 * NS_PER_S


@pytest.mark.parametrize("min_stations", [1, 2])
def test_no_events_give_no_events(min_stations):
    assert vote([], options(min_stations=min_stations)) == []
