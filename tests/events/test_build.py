"""Onsets become the events that one counts by hand."""

import pytest
from event_builders import at, onset, options, s_onset

from quake.errors import ParameterError
from quake.events import EventOptions, build_events
from quake.events.onset import onsets_as_bytes, onsets_of_bytes
from quake.events.pairs import paired_s


def built(*onsets, **changes):
    return list(build_events(onsets, options(**changes)))


def test_an_onset_is_an_event_with_its_measurements():
    (event,) = built(onset(12.5, prob=0.8))
    assert (event.label, event.onset, event.onset_uncertainty_s) == ("earthquake", at(12.5), 0.1)
    assert (event.end, event.duration_s) == (at(32.5), 20.0)
    assert event.probability == event.probabilities["earthquake"] > 0.8
    assert sum(event.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert (event.snr_db, event.peak_amplitude, event.dominant_frequency_hz) == (20.0, 1234.5, 5.4)
    assert event.windows == (at(0),)
    assert event.s_onset is event.s_minus_p_s is event.distance_km is None


def test_nothing_gives_nothing():
    assert built() == []


def test_a_class_needs_its_threshold():
    # What an even P with no S leaves of 0.9 is its share: see test_evidence.
    (event,) = built(onset(0))
    assert built(onset(0), thresholds={"earthquake": event.probability + 1e-6}) == []
    assert len(built(onset(0), thresholds={"earthquake": event.probability})) == 1
    assert built(onset(0, "noise", prob=0.999)) == []
    assert built(onset(0, prob=0.8), thresholds={"surface_event": 0.1}) == []


def test_what_is_hardly_a_p_is_no_event():
    assert built(onset(0, p=0.14)) == []
    assert len(built(onset(0, p=0.15))) == 1
    assert built(onset(0, p=0.3), min_p=0.31) == []


def test_what_is_rather_an_s_is_no_event():
    assert built(onset(0, p=0.5, s=0.51)) == []
    assert len(built(onset(0, p=0.5, s=0.5))) == 1


def test_what_hardly_stands_out_is_no_event():
    assert built(onset(0, snr_db=2.9)) == []
    assert len(built(onset(0, snr_db=2.9), min_snr_db=2)) == 1


def test_an_s_is_no_event_but_belongs_to_the_one_before_it():
    (event,) = built(onset(0), s_onset(4.0))
    assert (event.s_onset, event.s_onset_uncertainty_s) == (at(4), 0.1)
    # 4 s times 8.2 km/s.
    assert (event.s_minus_p_s, event.distance_km) == (4.0, 32.8)


def test_an_s_after_the_next_event_is_that_of_the_next():
    first, second = built(onset(0), onset(3), s_onset(6))
    assert (first.s_onset, second.s_onset) == (None, at(6))


def test_an_s_that_is_not_clear_is_none():
    (event,) = built(onset(0), s_onset(4.0, s=0.29))
    assert event.s_onset is None


def test_events_of_a_sequence_end_where_the_next_begins():
    first, second = built(onset(0), onset(8))
    assert (first.end, first.flags) == (at(8), ("followed",))
    assert (second.end, second.flags) == (at(28), ())


def test_of_onsets_closer_than_a_wave_train_the_surest_p_counts():
    (event,) = built(onset(0, p=0.7), onset(1.4, p=0.9))
    assert event.onset == at(1.4)
    assert len(built(onset(0, p=0.7), onset(1.5, p=0.9))) == 2


def test_the_same_onset_found_on_two_days_is_one_with_the_windows_of_both():
    one, other = onset(0, windows=(at(-30),)), onset(0, windows=(at(0),))
    (event,) = built(one, other)
    assert event.windows == (at(-30), at(0))


def test_an_emergent_onset_counts_where_nothing_sharp_is_near():
    emergent = onset(0, prob=0.9, is_emergent=True, uncertainty_s=5.0)
    (event,) = built(emergent)
    assert "emergent" in event.flags
    (event,) = built(emergent, onset(59))
    assert event.onset == at(59)
    assert len(built(emergent, onset(60))) == 2
    assert built(onset(0, prob=0.7, is_emergent=True)) == []


def test_channel_sets_are_apart():
    found = built(onset(0, key="XX.STB..HH?"), onset(0.5, key="XX.STA..HH?"))
    assert [e.channel_sets for e in found] == [("XX.STA..HH?",), ("XX.STB..HH?",)]


def test_events_do_not_depend_on_the_order_of_onsets():
    several = [onset(0), s_onset(3), onset(10, p=0.7), onset(11, p=0.8), s_onset(14)]
    assert built(*several) == built(*reversed(several))


def test_onsets_are_read_back_as_they_were_written():
    several = [onset(0), s_onset(3), onset(9, is_emergent=True)]
    assert onsets_of_bytes(onsets_as_bytes(several)) == several
    assert onsets_of_bytes(b"") == []


def seconds(*values):
    return [round(v * 1e9) for v in values]


@pytest.mark.parametrize(
    ("times_s", "phases", "expected"),
    [
        # A P and its S.
        ((0, 5), ((0.9, 0.0), (0.0, 0.8)), (0.8, 0)),
        # The most probable P of several.
        ((0, 2, 5), ((0.3, 0.0), (0.4, 0.0), (0.0, 0.8)), (0, 0.8, 0)),
        # Each S has its own, although the first P is the surest.
        ((0, 3, 6, 9), ((0.9, 0.0), (0.0, 0.9), (0.3, 0.0), (0.0, 0.7)), (0.9, 0, 0.7, 0)),
        # Too far away, too near, no P at all.
        ((0, 12.1), ((0.9, 0.0), (0.0, 0.8)), (0, 0)),
        ((0, 0.4), ((0.9, 0.0), (0.0, 0.8)), (0, 0)),
        ((0, 5), ((0.19, 0.0), (0.0, 0.8)), (0, 0)),
    ],
)
def test_an_s_says_which_p_it_belongs_to(times_s, phases, expected):
    import numpy as np

    assert paired_s(seconds(*times_s), np.array(phases)) == list(expected)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"thresholds": {}}, "no class"),
        ({"thresholds": {"earthquake": 1.1}}, "event threshold of earthquake .* got 1.1"),
        ({"thresholds": {"earthquake": float("nan")}}, "earthquake .* got nan"),
        ({"min_p": 1.5}, "min_p .* got 1.5"),
        ({"min_snr_db": float("inf")}, "min_snr_db .* got inf"),
        ({"within_s": -0.1}, "within_s .* got -0.1"),
        ({"min_stations": 0}, "min_stations .* got 0"),
        ({"min_stations": 1.5}, "min_stations .* got 1.5"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes, text):
    with pytest.raises(ParameterError, match=text):
        options(**changes)


def test_options_have_the_documented_defaults():
    assert EventOptions({"earthquake": 0.5}) == EventOptions(
        {"earthquake": 0.5}, 0.15, 3.0, 0.8, 1, 30.0
    )
