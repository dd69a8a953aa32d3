"""Catalogues: QuakeML as ObsPy writes it, and tables as people write them."""

import pytest
from obspy import UTCDateTime
from obspy.core.event import (
    Arrival,
    Catalog,
    Event,
    Origin,
    Pick,
    ResourceIdentifier,
    WaveformStreamID,
)

from quake.datasets.catalogue import CataloguePick, read_catalogue
from quake.errors import LabelError
from quake.waveforms.times import parse_time

T0 = UTCDateTime("2021-03-04T05:06:07.123456Z")


def pick(station="A", phase="P", after_s=1.0, **kwargs):
    stream = WaveformStreamID("XX", station) if station else None
    return Pick(time=T0 + after_s, phase_hint=phase, waveform_id=stream, **kwargs)


def event(event_type=None, picks=(), origins=(), name="1"):
    return Event(
        resource_id=ResourceIdentifier(f"smi:local/{name}"),
        event_type=event_type,
        picks=list(picks),
        origins=list(origins),
    )


@pytest.fixture
def quakeml(tmp_path):
    def write(*events):
        path = tmp_path / "events.xml"
        Catalog(list(events)).write(path, "QUAKEML")
        return read_catalogue(path)

    return write


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "catalogue.csv"
        path.write_text(text, encoding="utf-8")
        return read_catalogue(path)

    return write


def reasons(catalogue):
    return [exclusion.reason for exclusion in catalogue.excluded]


def test_quakeml_gives_type_origin_and_picks(quakeml):
    origin = Origin(time=T0, latitude=47.5, longitude=-11.25, depth=7500.0)
    found = quakeml(event("quarry blast", [pick("A", "Pg"), pick("B", "S", 2.5)], [origin]))
    (entry,) = found.events
    assert (entry.event_id, entry.label, entry.row) == ("smi:local/1", "explosion", 1)
    assert entry.origin_ns == parse_time("2021-03-04T05:06:07.123456Z")
    assert (entry.latitude_deg, entry.longitude_deg, entry.depth_km) == (47.5, -11.25, 7.5)
    assert entry.picks == (
        CataloguePick("XX.A", "Pg", entry.origin_ns + 1_000_000_000),
        CataloguePick("XX.B", "S", entry.origin_ns + 2_500_000_000),
    )


def test_events_without_a_type_are_earthquakes_and_unknown_types_stay_what_they_are(quakeml):
    found = quakeml(event(None, [pick()], name="1"), event("sonic boom", [pick()], name="2"))
    assert [e.label for e in found.events] == ["earthquake", "sonic_boom"]


def test_the_earliest_p_of_a_station_counts(quakeml):
    found = quakeml(event(None, [pick("A", "Pg", 3), pick("A", "Pn", 2), pick("B", "Sg", 1)]))
    assert found.events[0].first_p() == {"XX.A": (T0 + 2).ns}


def test_the_phase_of_the_location_counts_more_than_the_hint(quakeml):
    first = pick("A", "S")
    origin = Origin(time=T0, latitude=0, longitude=0)
    origin.arrivals = [Arrival(pick_id=first.resource_id, phase="Pn")]
    assert quakeml(event(None, [first], [origin])).events[0].picks[0].phase == "Pn"


@pytest.mark.parametrize(
    ("phase", "is_p"),
    [
        *((phase, True) for phase in ("P", "Pn", "p", "iP", "EPg", "IPU0")),
        *((phase, False) for phase in ("S", "iS", "sP", "AML", "", "E")),
    ],
)
def test_phases_of_p_are_known_by_name(phase, is_p):
    assert CataloguePick("XX.A", phase, 0).is_p == is_p


def test_what_of_quakeml_is_not_used_is_named(quakeml):
    rejected, nowhere = pick("A", evaluation_status="rejected"), pick(None)
    found = quakeml(
        event(None, [pick(), rejected, nowhere], name="1"),
        event("not existing", [pick()], name="2"),
        event(None, [pick()], name="1"),
    )
    assert len(found.events) == 1
    assert len(found.events[0].picks) == 1
    assert reasons(found) == [
        "rejected by its author",
        "without a station",
        "its type is 'not existing'",
        "listed twice; the first one is used",
    ]


def test_a_table_of_picks_groups_them_by_event_id(table):
    found = table(
        "time,phase,network,station,event_id,event_type\n"
        "2021-03-04T05:06:07Z,P,XX,A,one,su\n"
        "2021-03-04T05:06:09Z,P,XX,B,one,su\n"
        "2021-03-04T05:06:08Z,P,XX,A,two,\n"
    )
    assert [(e.event_id, e.label, e.row, len(e.picks)) for e in found.events] == [
        ("one", "surface_event", 2, 2),
        ("two", "earthquake", 4, 1),
    ]


def test_picks_without_event_id_are_grouped_by_time_and_each_p_is_an_onset(table):
    found = table(
        "time,phase,network,station\n"
        "2021-03-04T05:06:20Z,P,XX,A\n"  # the second event of a pair
        "2021-03-04T05:06:00Z,P,XX,A\n"
        "2021-03-04T05:06:01Z,P,XX,B\n"
        "2021-03-04T05:06:04Z,S,XX,A\n"
        "2021-03-04T05:07:21Z,P,XX,A\n"  # 61 s after the last pick
    )
    assert [e.first_p() for e in found.events] == [
        {"XX.A": parse_time("2021-03-04T05:06:00Z"), "XX.B": parse_time("2021-03-04T05:06:01Z")},
        {"XX.A": parse_time("2021-03-04T05:06:20Z")},
        {"XX.A": parse_time("2021-03-04T05:07:21Z")},
    ]
    first, second, third = (e.group for e in found.events)
    assert first == second != third
    assert len({e.event_id for e in found.events}) == 3


def test_one_event_of_two_types_is_refused_with_both_lines(table):
    with pytest.raises(LabelError, match="event one is explosion in line 2 and noise in line 3"):
        table(
            "time,phase,network,station,event_id,event_type\n"
            "2021-03-04T05:06:07Z,P,XX,A,one,px\n"
            "2021-03-04T05:06:09Z,P,XX,B,one,no\n"
        )


def test_origins_as_comcat_writes_them(table):
    found = table(
        "time,latitude,longitude,depth,mag,id,type\n"
        "2019-07-06T03:19:53.040Z,35.77,-117.6,8,7.1,ci38457511,earthquake\n"
        "2019-07-06T03:20:00.000Z,35.77,-117.6,,1.1,ci1,quarry blast\n"
    )
    first, second = found.events
    assert (first.event_id, first.depth_km, first.picks) == ("ci38457511", 8.0, ())
    assert first.origin_ns == parse_time("2019-07-06T03:19:53.040Z")
    assert (second.label, second.depth_km) == ("explosion", None)


def test_origins_as_fdsn_services_write_them(table):
    found = table(
        "#EventID|Time|Latitude|Longitude|Depth/km|Author|EventType\n"
        "x1|2019-07-06T03:19:53.04|35.77|-117.6|8|me|landslide\n"
    )
    (entry,) = found.events
    assert (entry.event_id, entry.label, entry.depth_km) == ("x1", "surface_event", 8.0)


def test_rows_that_make_no_sense_are_named_all_at_once(table):
    with pytest.raises(LabelError) as error:
        table(
            "time,latitude,longitude\n"
            "yesterday,1,2\n"
            "2019-07-06T03:19:53Z,91,2\n"
            "2019-07-06T03:19:53Z,1,east\n"
            "2019-07-06T03:19:53Z,1,2\n"
        )
    message = str(error.value)
    assert "3 of 4 rows cannot be used" in message
    assert "line 2: 'yesterday' is not a time" in message
    assert "line 3: latitude 91 is not between -90 and 90" in message
    assert "line 4: longitude 'east' is not a number" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", r"found columns a, b; a catalogue is QuakeML, or a table with columns time"),
        ("time,latitude,longitude\n", "no rows"),
        ("", "no rows"),
        ("<html></html>", "no QuakeML"),
    ],
)
def test_what_is_no_catalogue_is_refused(table, text, message):
    with pytest.raises(LabelError, match=message):
        table(text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LabelError, match=r"absent\.xml: cannot be read"):
        read_catalogue(tmp_path / "absent.xml")
