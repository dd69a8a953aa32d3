"""Windows merge into the events that one counts by hand."""

import tracemalloc
from itertools import groupby, pairwise

import pytest
from event_builders import MODEL, at, golden_windows, options, window
from hypothesis import given
from hypothesis import strategies as st

from quake.data.times import parse_time
from quake.data.waveform import NS_PER_S
from quake.errors import ParameterError
from quake.events import EventOptions, merge_windows


def merged(windows, **changes):
    return list(merge_windows(windows, options(**changes)))


def spans(events):
    return [(e.start, e.end) for e in events]


def test_one_window_is_one_event():
    (event,) = merged([window(0, p=0.8)])
    assert event.to_dict() == {
        "id": event.id,
        "label": "earthquake",
        "start": at(0),
        "end": at(60),
        "peak_time": at(30),
        "peak_probability": 0.8,
        "n_windows": 1,
        "channel_sets": ["XX.STA..HH?"],
        "model": MODEL,
    }


def test_nothing_gives_nothing():
    assert merged([]) == []


def test_overlapping_windows_are_one_event_with_the_peak_of_the_most_probable():
    (event,) = merged([window(0, p=0.6), window(30, p=0.95), window(60, p=0.8)])
    assert spans([event]) == [(at(0), at(120))]
    assert (event.peak_time, event.peak_probability, event.n_windows) == (at(60), 0.95, 3)


def test_of_equal_peaks_the_earliest_counts():
    (event,) = merged([window(0, p=0.6), window(30, p=0.9), window(60, p=0.9)])
    assert event.peak_time == at(60)


def test_a_gap_as_long_as_the_bridge_is_bridged():
    # 60 s to 90 s: 30 s.
    assert spans(merged([window(0), window(90)])) == [(at(0), at(150))]


def test_a_gap_longer_than_the_bridge_divides_events():
    found = merged([window(0), window(90.000001)])
    assert spans(found) == [(at(0), at(60)), (at(90.000001), at(150.000001))]


def test_windows_that_touch_are_one_event_even_without_a_bridge():
    assert len(merged([window(0), window(60)], gap_s=0)) == 1
    assert len(merged([window(0), window(60.000001)], gap_s=0)) == 2


def test_windows_between_that_say_something_else_or_nothing_are_bridged():
    between = [window(30, "noise"), window(60, p=0.4), window(65, None, status="no_data")]
    (event,) = merged([window(0), *between, window(90)])
    assert (event.end, event.n_windows) == (at(150), 2)


def test_a_window_within_the_one_before_does_not_shorten_the_event():
    (event,) = merged([window(0, length_s=120), window(30), window(140)])
    assert spans([event]) == [(at(0), at(200))]


def test_a_window_at_the_threshold_counts_and_one_below_does_not():
    assert len(merged([window(0, p=0.5)])) == 1
    assert merged([window(0, p=0.499999)]) == []


def test_each_class_has_its_own_threshold():
    windows = [window(0, p=0.8), window(300, "surface_event", p=0.8)]
    found = merged(windows, thresholds={"earthquake": 0.9, "surface_event": 0.7})
    assert [e.label for e in found] == ["surface_event"]


def test_a_class_without_a_threshold_makes_no_event():
    assert merged([window(0, "noise", p=1.0)]) == []


def test_a_window_counts_for_its_label_alone():
    both = window(0, "surface_event", p=0.55)
    both.probabilities["earthquake"] = 0.45
    found = merged([both], thresholds={"earthquake": 0.1, "surface_event": 0.9})
    assert found == []


def test_an_uncertain_window_counts_where_the_threshold_of_events_is_lower():
    windows = [window(0, p=0.4, status="uncertain")]
    assert len(merged(windows, thresholds={"earthquake": 0.3})) == 1


@pytest.mark.parametrize("status", ["no_data", "rejected"])
def test_a_window_that_was_not_scored_never_counts(status):
    assert merged([window(0, status=status)], thresholds={"earthquake": 0}) == []


def test_one_class_begins_while_another_goes_on():
    windows = [
        window(0),
        window(30, "surface_event"),
        window(60),
        window(90, "surface_event"),
        window(400, "noise"),
    ]
    found = merged(windows)
    assert [(e.label, e.start, e.end) for e in found] == [
        ("earthquake", at(0), at(120)),
        ("surface_event", at(30), at(150)),
    ]


def test_an_event_as_long_as_the_minimum_stays_and_a_shorter_one_is_dropped():
    windows = [window(0), window(200), window(230)]
    assert spans(merged(windows, min_length_s=90)) == [(at(200), at(290))]
    assert merged(windows, min_length_s=90.000001) == []


def test_the_minimum_length_is_that_of_the_merged_event():
    assert len(merged([window(0), window(90)], min_length_s=150)) == 1


def test_channel_sets_are_apart():
    windows = [window(0, key="XX.STA..HH?"), window(30, key="XX.STA..HN?")]
    assert [e.channel_sets for e in merged(windows)] == [("XX.STA..HH?",), ("XX.STA..HN?",)]


def test_events_come_as_soon_as_a_window_shows_that_they_are_over():
    read = []

    def windows():
        for start_s in (0, 30, 120, 120.000001, 150):
            read.append(start_s)
            yield window(start_s, "earthquake" if start_s < 100 else "noise")

    events = merge_windows(windows(), options())
    assert next(events).end == at(90)
    assert read[-1] == 120.000001


def test_memory_does_not_grow_with_the_windows():
    def peak_bytes(n):
        windows = (window(30 * i, ("earthquake", "noise")[i // 8 % 2]) for i in range(n))
        tracemalloc.start()
        n_events = sum(1 for _ in merge_windows(windows, options()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert n_events == n // 16
        return peak

    peak_bytes(160)
    assert peak_bytes(4800) < peak_bytes(480) + 20_000


def test_windows_out_of_order_are_refused_with_their_times():
    with pytest.raises(ParameterError, match=rf"XX.STA..HH\?: .*{at(0)}.*after.*{at(30)}"):
        merged([window(30), window(0)])


def test_another_channel_set_begins_at_any_time():
    assert len(merged([window(300, key="XX.STA..HH?"), window(0, key="XX.STB..HH?")])) == 2


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"thresholds": {}}, "no class"),
        ({"thresholds": {"earthquake": 1.1}}, "event threshold of earthquake .* got 1.1"),
        ({"thresholds": {"earthquake": float("nan")}}, "earthquake .* got nan"),
        ({"gap_s": -1}, "gap_s .* got -1"),
        ({"gap_s": float("inf")}, "gap_s .* got inf"),
        ({"min_length_s": float("nan")}, "min_length_s .* got nan"),
        ({"within_s": -0.1}, "within_s .* got -0.1"),
        ({"min_stations": 0}, "min_stations .* got 0"),
        ({"min_stations": 1.5}, "min_stations .* got 1.5"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes, text):
    with pytest.raises(ParameterError, match=text):
        options(**changes)


def test_options_have_the_documented_defaults():
    defaults = EventOptions({"earthquake": 0.5})
    assert defaults == EventOptions({"earthquake": 0.5}, 30.0, 0.0, 1, 30.0)


def test_the_windows_of_a_real_earthquake_are_one_event():
    # Three windows: flush with the beginning of the record, on the grid, flush with the end.
    (event,) = merged(golden_windows(), thresholds={"earthquake": 0.5})
    assert spans([event]) == [("2008-02-05T06:38:45.670000Z", "2008-02-05T06:40:15.680000Z")]
    assert event.peak_time == "2008-02-05T06:39:15.670000Z"
    assert (event.peak_probability, event.n_windows) == (0.989324, 3)
    assert event.stations == (("BK", "MHC"),)


def test_a_higher_threshold_leaves_less_of_the_real_earthquake():
    (event,) = merged(golden_windows(), thresholds={"earthquake": 0.95})
    assert (event.end, event.n_windows) == ("2008-02-05T06:40:00.000000Z", 2)


# Windows at whole seconds, so that gaps meet the bridge exactly now and then.
window_lists = st.lists(
    st.builds(
        window,
        st.integers(0, 1500),
        st.sampled_from(["earthquake", "surface_event", "noise"]),
        st.sampled_from([0.4, 0.5, 0.7, 0.9]),
        st.sampled_from(["XX.STA..HH?", "XX.STB..HH?"]),
        st.sampled_from(["ok", "uncertain", "no_data", "rejected"]),
        st.sampled_from([60.0, 60.0, 20.0]),
    ),
    max_size=30,
).map(lambda windows: sorted(windows, key=lambda w: (w.id, w.start)))
gaps = st.sampled_from([0, 1, 30, 45])


def is_hit(record):
    return record.status in ("ok", "uncertain") and record.label != "noise"


@given(window_lists, gaps)
def test_merged_events_of_a_class_are_further_apart_than_the_bridge(windows, gap_s):
    events = sorted(merged(windows, gap_s=gap_s), key=lambda e: (e.channel_sets, e.label, e.start))
    for _, some in groupby(events, key=lambda e: (e.channel_sets, e.label)):
        for one, other in pairwise(some):
            assert parse_time(other.start) - parse_time(one.end) > gap_s * NS_PER_S


@given(window_lists, gaps)
def test_every_hit_lies_in_exactly_one_event(windows, gap_s):
    events = merged(windows, gap_s=gap_s)
    hits = [w for w in windows if is_hit(w) and w.probabilities[w.label] >= 0.5]
    for hit in hits:
        around = [
            e
            for e in events
            if (e.channel_sets, e.label) == ((hit.id,), hit.label)
            and e.start <= hit.start
            and hit.end <= e.end
        ]
        assert len(around) == 1
    assert sum(e.n_windows for e in events) == len(hits)


@given(window_lists, gaps)
def test_ends_and_peaks_of_events_are_those_of_hits(windows, gap_s):
    for event in merged(windows, gap_s=gap_s):
        hits = [
            w
            for w in windows
            if is_hit(w) and (w.id, w.label) == (event.channel_sets[0], event.label)
        ]
        assert event.start in {w.start for w in hits}
        assert event.end in {w.end for w in hits}
        inside = [w for w in hits if event.start <= w.start and w.end <= event.end]
        assert event.peak_probability == max(w.probabilities[w.label] for w in inside)
