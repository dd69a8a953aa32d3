"""QuakeML is valid, and ObsPy reads back what went in, whatever the codes and the classes."""

import io
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from event_builders import event, onset, options, s_onset
from hypothesis import given, settings
from hypothesis import strategies as st
from obspy import UTCDateTime, read_events
from obspy.io.quakeml.core import _validate

from quake import __version__
from quake.errors import ParameterError
from quake.events import find_events
from quake.output.quakeml import write_quakeml
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.times import parse_time

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"
CREATED_NS = parse_time("2021-01-02T03:04:05Z")


@pytest.fixture(autouse=True)
def no_given_time(monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


def document(events, created_ns=CREATED_NS, **options):
    file = io.BytesIO()
    write_quakeml(file, events, created_ns=created_ns, **options)
    return file.getvalue()


def read_back(events, **options):
    data = document(events, **options)
    assert _validate(io.BytesIO(data), verbose=True)
    return read_events(io.BytesIO(data), format="QUAKEML")


NETWORK = event(60, 210, p=0.97, keys=("BK.MHC..BH?", "IU.ANMO.00.HN?"))


def test_an_event_has_type_and_certainty():
    (found,) = read_back([NETWORK])
    assert (found.event_type, found.event_type_certainty) == ("earthquake", "suspected")


def test_an_event_has_no_origin_and_a_pick_for_each_channel_set():
    (found,) = read_back([NETWORK])
    assert (found.origins, found.magnitudes) == ([], [])
    assert [pick.waveform_id.get_seed_string() for pick in found.picks] == [
        "BK.MHC..BHZ",
        "IU.ANMO.00.HNZ",
    ]
    assert [pick.time for pick in found.picks] == 2 * [UTCDateTime("2020-05-02T20:01:00Z")]


def test_picks_say_phase_uncertainty_and_how_they_were_made():
    (found,) = read_back([NETWORK])
    for pick in found.picks:
        assert (pick.evaluation_mode, pick.phase_hint) == ("automatic", "P")
        assert pick.time_errors.uncertainty == 0.1
        assert pick.method_id.id == "smi:local/quake/onset/589a6ed490a9"
        assert pick.comments[0].text == "class earthquake, probability 0.970"


def test_a_clear_s_is_a_pick_of_its_own_on_a_horizontal_component():
    events = find_events([onset(0), s_onset(4.5, uncertainty_s=0.3)], options())
    (found,) = read_back(events)
    p, s = found.picks
    assert (s.phase_hint, s.time - p.time, s.time_errors.uncertainty) == ("S", 4.5, 0.3)
    assert s.waveform_id.get_seed_string() == "XX.STA..HHN"


def test_amplitudes_are_counts_or_metres_a_second_and_belong_to_their_picks():
    (found,) = read_back([event(0, snr_db=20.0)])
    (amplitude,) = found.amplitudes
    assert (amplitude.generic_amplitude, amplitude.unit, amplitude.snr) == (1234.5, "other", 10.0)
    assert amplitude.pick_id == found.picks[0].resource_id
    assert amplitude.waveform_id.channel_code == "HHN"


def test_an_emergent_onset_claims_no_phase():
    (found,) = read_back(find_events([onset(0, is_emergent=True)], options()))
    (pick,) = found.picks
    assert (pick.phase_hint, pick.onset) == (None, "emergent")


@pytest.mark.filterwarnings("ignore")
def test_nonlinloc_gets_the_uncertainties_of_the_onsets():
    events = find_events([onset(0, uncertainty_s=0.12), s_onset(4, uncertainty_s=0.34)], options())
    catalogue = read_back(events)
    text = io.BytesIO()
    catalogue.write(text, format="NLLOC_OBS")
    lines = [line.split() for line in text.getvalue().decode().splitlines() if line.strip()]
    picks = {line[4]: line for line in lines if line[0] == "STA"}
    assert {phase: float(line[10]) for phase, line in picks.items()} == {"P": 0.12, "S": 0.34}


def _weight(pick):
    return pick.extra["nordic_pick_weight"]["value"] if "extra" in pick else 0


NORDIC = Path(__file__).resolve().parents[2] / "examples" / "nordic_from_quakeml.py"


@pytest.mark.filterwarnings("ignore")
def test_the_example_writes_nordic_with_weights_that_follow_from_the_uncertainties(tmp_path):
    events = find_events(
        [
            onset(0, uncertainty_s=0.05, key="BK.MHC..BH?"),
            s_onset(4.5, uncertainty_s=0.3, key="BK.MHC..BH?"),
            onset(90, uncertainty_s=2.0, key="IU.ANMO.00.BH?"),
        ],
        options(),
    )
    (tmp_path / "events.quakeml").write_bytes(document(events))
    command = [sys.executable, NORDIC, tmp_path / "events.quakeml", tmp_path / "events.out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    catalogue = read_events(str(tmp_path / "events.out"))
    found = [
        (pick.time, pick.phase_hint, _weight(pick))
        for event in catalogue
        for pick in event.picks
        if pick.phase_hint in ("P", "S")
    ]
    start = UTCDateTime("2020-05-02T20:00:00Z")
    assert [(t - start, phase, int(w)) for t, phase, w in found] == [
        (0.0, "P", 0),
        (4.5, "S", 3),
        (90.0, "P", 4),
    ]
    # A time stands in the header, for the format asks for one; no place is made up.
    assert [(o.latitude, o.longitude, o.depth) for e in catalogue for o in e.origins] == [
        (None, None, None)
    ] * 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("label", "quakeml", "seiscomp"),
    [
        ("earthquake", "earthquake", "earthquake"),
        ("explosion", "explosion", "explosion"),
        ("quarry_blast", "quarry blast", "quarry blast"),
        ("ice_quake", "ice quake", "ice quake"),
        ("avalanche", "avalanche", "avalanche"),
        ("landslide", "landslide", "landslide"),
        ("surface_event", "other event", "other"),
        ("volcano_tectonic", "other event", "other"),
    ],
)
def test_seiscomp_gets_the_type_of_the_table(label, quakeml, seiscomp, tmp_path):
    """By ObsPy's style sheet, and valid by SeisComP's schema."""
    (found,) = catalogue = read_back([event(0, label=label)])
    assert found.event_type == quakeml
    path = tmp_path / "events.scml"
    catalogue.write(str(path), format="SC3ML", version="0.13", validate=True)
    (kind,) = ElementTree.parse(path).getroot().iterfind(".//{*}event/{*}type")
    assert kind.text == seiscomp
    page = PAGE.read_text()
    assert f"| `{label}` | `{quakeml}` | `{seiscomp}` |" in page or label == "volcano_tectonic"


def test_the_first_comment_is_the_event_for_programs_and_the_second_for_readers():
    (found,) = read_back([NETWORK])
    first, second = found.comments
    assert json.loads(first.text) == NETWORK.to_dict()
    assert second.text == "class earthquake, probability 0.970"


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("explosion", "explosion"),
        ("quarry_blast", "quarry blast"),
        ("ice quake", "ice quake"),
        ("Landslide", "landslide"),
        ("induced_or_triggered_event", "induced or triggered event"),
    ],
)
def test_a_class_with_the_name_of_a_type_has_that_type(label, kind):
    (found,) = read_back([event(0, label=label)])
    assert found.event_type == kind
    assert "no event type" not in found.comments[1].text


@pytest.mark.parametrize("label", ["surface_event", "other", "tremor"])
def test_another_class_is_an_other_event_with_a_comment(label):
    (found,) = read_back([event(0, label=label)])
    assert found.event_type == "other event"
    assert label in found.comments[1].text
    assert json.loads(found.comments[0].text)["label"] == label


def test_creation_is_told():
    catalogue = read_back([NETWORK])
    info = catalogue[0].creation_info
    assert (info.agency_id, info.author, info.version) == (
        "quake",
        f"quake {__version__}",
        "589a6ed490a9",
    )
    assert info.creation_time == UTCDateTime("2021-01-02T03:04:05Z")
    assert catalogue.creation_info.creation_time == info.creation_time


def test_a_build_that_is_to_be_reproducible_sets_the_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    (found,) = read_back([NETWORK], created_ns=None)
    assert found.creation_info.creation_time == UTCDateTime("1970-01-02T00:00:00Z")


def test_a_given_time_counts_more_than_the_environment(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    (found,) = read_back([NETWORK])
    assert found.creation_info.creation_time == UTCDateTime("2021-01-02T03:04:05Z")


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "²"])
def test_a_time_of_the_environment_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(ParameterError, match=f"SOURCE_DATE_EPOCH is '{text}'"):
        document([NETWORK], created_ns=None)


def test_without_anything_given_the_time_is_now():
    before = UTCDateTime()
    (found,) = read_back([NETWORK], created_ns=None)
    assert before - 1e-6 <= found.creation_info.creation_time <= UTCDateTime()


def test_a_document_may_go_without_a_time():
    (found,) = read_back([NETWORK], created_ns=None, dated=False)
    assert found.creation_info.creation_time is None


def test_the_same_events_give_the_same_bytes_while_earlier_ones_are_in_use():
    kept = read_back([NETWORK, event(500)])
    assert document([NETWORK, event(500)]) == document([NETWORK, event(500)])
    assert len(kept) == 2


def test_identifiers_are_those_of_the_events():
    (found,) = read_back([NETWORK])
    assert found.resource_id.id == f"smi:local/quake/event/{NETWORK.id}"
    assert [pick.resource_id.id for pick in found.picks] == [
        f"smi:local/quake/pick/{NETWORK.id}/1",
        f"smi:local/quake/pick/{NETWORK.id}/2",
    ]


def test_identifiers_differ_within_a_document():
    events = [event(0), event(0, label="surface_event"), event(0, keys=("XX.STB..HH?",))]
    found = read_back(events)
    ids = [e.resource_id.id for e in found] + [p.resource_id.id for e in found for p in e.picks]
    assert len(set(ids)) == 6


def test_no_events_are_a_valid_document():
    assert len(read_back([])) == 0


codes = st.text(max_size=12)


@given(codes, codes, codes, codes, st.text(min_size=1, max_size=20), st.text(max_size=80))
@settings(max_examples=40, deadline=None)
def test_a_document_is_valid_whatever_codes_class_and_model(
    network, station, location, band, label, model
):
    key = str(ChannelSetId(network, station, location, band))
    one = event(0, label=label, keys=(key,), model=model)
    (found,) = read_back([one])
    assert json.loads(found.comments[0].text) == one.to_dict()
