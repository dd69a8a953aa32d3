"""An event knows its name, its stations and its row."""

import dataclasses
import pickle
import re

import pytest
from event_builders import START_NS, event

from quake.errors import ParameterError
from quake.events import Event, parse_channel_set
from quake.events.amplitude import Sensitivities, Sensitivity, with_velocities
from quake.waveforms.ids import ChannelSetId


def test_the_id_tells_second_and_class():
    assert re.fullmatch(r"20200502T200100Z-earthquake-[0-9a-f]{8}", event(60).id)


@pytest.mark.parametrize(
    "other",
    [
        event(60.25),
        event(60, label="explosion"),
        event(60, keys=("XX.STB..HH?",)),
        event(60, keys=("XX.STA..HH?", "XX.STB..HH?")),
    ],
)
def test_another_onset_class_or_channel_set_is_another_id(other):
    assert other.id != event(60).id


def test_what_an_event_grows_to_is_not_in_its_id():
    assert event(60, 400, p=0.7, snr_db=40.0).id == event(60).id


@pytest.mark.parametrize("label", ["séisme / tir", "../../x", "a b", "地震", "\x00"])
def test_the_id_can_be_a_file_name_whatever_the_class(label):
    assert re.fullmatch(r"[A-Za-z0-9_-]+", event(0, label=label).id)


def test_classes_that_look_alike_in_ids_have_different_ones():
    assert event(0, label="a b").id != event(0, label="a/b").id


def test_the_row_has_the_fields_of_the_schema_in_their_order():
    row = event(60, keys=("XX.STA..HH?", "XX.STB.00.BH?")).to_dict()
    assert list(row) == [
        "id",
        "label",
        "onset",
        "onset_uncertainty_s",
        "end",
        "duration_s",
        "probability",
        "probabilities",
        "snr_db",
        "peak_amplitude",
        "peak_velocity_m_s",
        "dominant_frequency_hz",
        "s_onset",
        "s_onset_uncertainty_s",
        "s_minus_p_s",
        "distance_km",
        "flags",
        "windows",
        "channel_sets",
        "arrivals",
        "model",
    ]
    assert row["onset"] == "2020-05-02T20:01:00.000000Z"
    assert row["channel_sets"] == ["XX.STA..HH?", "XX.STB.00.BH?"]


def test_two_channel_sets_of_a_station_are_one_station():
    keys = ("XX.STA..HH?", "XX.STA.10.BH?", "AA.STA..HH?")
    assert event(0, keys=keys).stations == (("AA", "STA"), ("XX", "STA"))


def test_an_event_goes_to_another_process_and_cannot_be_changed():
    one = event(0)
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.label = "noise"


@pytest.mark.parametrize(
    "key",
    [
        ChannelSetId("IU", "ANMO", "00", "BH"),
        ChannelSetId("BK", "MHC", "", "BH"),
        ChannelSetId("", "", "", ""),
        ChannelSetId("XX", "ST.A", "00", "HH"),
        ChannelSetId("XX", "S?", "?", "H?"),
    ],
)
def test_the_name_of_a_channel_set_is_read_back(key):
    assert parse_channel_set(str(key)) == key


def test_what_is_no_channel_set_is_refused_with_an_example():
    with pytest.raises(ParameterError, match=r"'IU.ANMO' is not.*IU\.ANMO\.00\.BH\?"):
        parse_channel_set("IU.ANMO")


def test_an_event_without_arrivals_is_none():
    with pytest.raises(ParameterError, match="at least one arrival"):
        Event("earthquake", ())


def test_peaks_are_in_metres_a_second_where_the_sensitivity_is_known():
    key = ChannelSetId("XX", "STA", "", "HH")
    known = Sensitivities({(key, "N"): (Sensitivity(START_NS, START_NS + 10**12, 1e9),)})
    assert with_velocities(event(0), known).peak_velocity_m_s == 1.2345e-6
    assert with_velocities(event(-1), known).peak_velocity_m_s is None
    assert with_velocities(event(0, peak_component="Z"), known).peak_velocity_m_s is None
