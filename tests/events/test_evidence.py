"""The odds of an event are those of its parts, by arithmetic; kinds keep their shares."""

import math

import pytest
from event_builders import onset, s_onset
from hypothesis import given
from hypothesis import strategies as st

from quake.events import evidence
from quake.events.evidence import event_probabilities


def odds(p):
    return math.log(p / (1 - p))


def test_the_odds_are_weighed_together():
    # noise 0.1, earthquake 0.8, surface event 0.1: an event with 0.9.
    found = event_probabilities(onset(0, prob=0.8, p=0.7, s_after=0.5))
    score = (
        evidence._MODEL * odds(0.9)
        + evidence._P * odds(0.7)
        + evidence._S * 0.5
        + evidence._CONSTANT
    )
    event = 1 / (1 + math.exp(-score))
    assert found["noise"] == pytest.approx(1 - event, abs=1e-6)
    assert found["earthquake"] == pytest.approx(event * 8 / 9, abs=1e-6)
    assert found["surface_event"] == pytest.approx(event / 9, abs=1e-6)


def test_what_was_not_classified_or_is_emergent_stays_as_it_is():
    assert event_probabilities(s_onset(0)) == {}
    emergent = onset(0, is_emergent=True, p=1.0)
    assert event_probabilities(emergent) == emergent.probabilities


def test_a_model_without_a_class_for_noise_is_believed():
    alone = onset(0, prob=0.8)
    given_ = {"blast": 0.7, "earthquake": 0.3}
    assert event_probabilities(onset(0, prob=0.8, probabilities=given_)) == given_
    assert alone.probabilities["noise"] == pytest.approx(0.1)


@given(
    prob=st.floats(0, 1),
    p=st.floats(0, 1),
    s_after=st.floats(0, 1),
)
def test_probabilities_stay_probabilities(prob, p, s_after):
    found = event_probabilities(onset(0, "noise", prob=prob, p=p, s_after=s_after))
    assert sum(found.values()) == pytest.approx(1, abs=1e-5)
    assert all(0 <= value <= 1 for value in found.values())


@given(p=st.floats(0.01, 0.98), s_after=st.floats(0, 0.9))
def test_a_surer_p_or_s_makes_an_event_more_probable(p, s_after):
    def noise(**changes):
        return event_probabilities(onset(0, prob=0.6, **changes))["noise"]

    base = noise(p=p, s_after=s_after)
    assert noise(p=p + 0.01, s_after=s_after) <= base
    assert noise(p=p, s_after=s_after + 0.1) <= base
