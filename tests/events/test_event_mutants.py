"""Names of events and their options: what no other test would notice if it changed."""

import hashlib

import pytest
from event_builders import event

from quake.errors import ParameterError
from quake.events import EventOptions, parse_channel_set


def test_what_is_no_channel_set_is_shown_beside_one_that_is():
    with pytest.raises(ParameterError) as error:
        parse_channel_set("IU.ANMO")
    assert str(error.value) == (
        "'IU.ANMO' is not a channel set; expected network, station, location, band and "
        "instrument as in IU.ANMO.00.BH?"
    )


def test_each_run_of_odd_characters_in_a_class_is_one_underscore_of_its_id():
    assert event(0, label="ice quake / avalanche").id.startswith(
        "20200502T200000Z-ice_quake_avalanche-"
    )


def test_codes_that_are_no_utf_8_have_an_id_of_their_own():
    odd, other = (event(0, keys=[f"XX.{code}..HH?"]) for code in ("\udcff", "\udcfe"))
    assert odd.id.isascii()
    assert odd.id != other.id


def test_a_threshold_may_be_certainty():
    assert EventOptions({"noise": 1}).thresholds == {"noise": 1}


def test_without_a_class_there_is_nothing_to_find():
    with pytest.raises(ParameterError) as error:
        EventOptions({})
    assert str(error.value) == "thresholds: no class makes events; name one class at least"


def test_an_id_is_a_digest_of_lines_that_anybody_can_write_down():
    """Ids are in stores and in the catalogues of others: they must not change."""
    found = event(0, keys=["XX.B..HH?", "XX.A..HH?"], label="earthquake")
    lines = f"earthquake\n{found.onset}\nXX.A..HH?\nXX.B..HH?"
    digest = hashlib.sha256(lines.encode()).hexdigest()
    assert digest.startswith(found.id.rpartition("-")[2])
