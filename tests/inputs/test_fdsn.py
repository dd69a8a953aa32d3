"""FDSN web services: what is asked for, what comes, and what becomes of faults of servers."""

import io
import time

import obspy
import pytest
from archives import around_midnight
from fdsn_server import serving

from quake.errors import ParameterError
from quake.inputs.copies import Copies
from quake.inputs.fdsn import Fdsn
from quake.inputs.scheme import SchemeError, Wanted
from quake.inputs.schemes import scheme_of
from quake.inputs.selection import Selection, parse_moment
from quake.inputs.station_metadata import fetch_stations
from quake.inputs.transfer import Patience, Transfers
from quake.stations.orientation import read_orientations
from quake.waveforms.file_state import FileState
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.times import NS_PER_S

# Each eight minutes around the beginning of its day.
TRACES = [
    *around_midnight("ALFA", "2021-03-04").traces(),
    *around_midnight("ALFA", "2021-03-05").traces(),
    *around_midnight("BETA", "2021-03-04", location="00").traces(),
]
DAY = "XX.ALFA..HH?/2021-03-04"


def wanted(start, end, margin_days=0, **patterns):
    times = {"start_ns": parse_moment(start), "end_ns": parse_moment(end)}
    return Wanted(Selection(**patterns, **times), margin_days)


@pytest.fixture
def server():
    with serving(TRACES) as running:
        yield running


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def fdsn(pauses):
    """The scheme, which notes pauses and makes none."""
    return Fdsn(Transfers(Patience(silence_s=0.5, request_s=20), pauses.append))


def fetched(fdsn, server, tmp_path, name=DAY):
    path = tmp_path / "copy"
    return fdsn.fetch(server.uri(name), path), path


def names(found, server):
    return [state.path.removeprefix(f"fdsn://{server.node}/") for state in found.files]


# --- what a URI stands for ----------------------------------------------------------------


def test_each_channel_set_and_day_is_a_file(fdsn, server):
    found = fdsn.find(server.uri("XX.*.*.HH?"), wanted("2021-03-04", "2021-03-06"))
    assert names(found, server) == [
        "XX.ALFA..HH?/2021-03-04",
        "XX.ALFA..HH?/2021-03-05",
        "XX.BETA.00.HH?/2021-03-04",
        "XX.BETA.00.HH?/2021-03-05",
    ]
    assert not server.asked()


def test_days_beside_the_selected_ones_are_named_for_stores(fdsn, server):
    found = fdsn.find(server.uri("XX.ALFA..HH?"), wanted("2021-03-04", "2021-03-05", 1))
    days = ["2021-03-03", "2021-03-04", "2021-03-05"]
    assert names(found, server) == [f"XX.ALFA..HH?/{day}" for day in days]


def test_of_a_part_of_a_day_no_more_is_asked_for(fdsn, server, tmp_path):
    when = wanted("2021-03-04T00:00:30", "2021-03-04T00:01:30")
    (state,) = fdsn.find(server.uri("XX.ALFA..HHZ"), when).files
    fdsn.fetch(state.path, tmp_path / "copy")
    (request,) = server.asked()
    assert [str(t)[11:19] for t in request.times] == ["00:00:30", "00:01:30"]
    (trace,) = obspy.read(tmp_path / "copy")
    assert trace.id == "XX.ALFA..HHZ"
    assert len(trace) == 60 * 50 + 1


def test_days_before_a_station_began_are_not_asked_for(fdsn, server):
    found = fdsn.find(server.uri("XX.ALFA..HH?"), wanted("2021-02-01", "2021-03-04T00:04:00"))
    first, *_ = names(found, server)
    assert first == "XX.ALFA..HH?/2021-03-03"


def test_a_selection_of_codes_holds(fdsn, server):
    when = wanted("2021-03-04", "2021-03-05", stations=("B*",))
    assert names(fdsn.find(server.uri("XX.*.*.HH?"), when), server) == ["XX.BETA.00.HH?/2021-03-04"]
    when = wanted("2021-03-04", "2021-03-05", channels=("HHZ",))
    assert names(fdsn.find(server.uri("XX.BETA.00.*"), when), server) == [
        "XX.BETA.00.HHZ/2021-03-04"
    ]


def test_several_channels_are_divided_by_commas(fdsn, server):
    when = wanted("2021-03-04", "2021-03-05")
    found = fdsn.find(server.uri("XX.ALFA..HH?,XX.BETA.00.HH?"), when)
    assert names(found, server) == ["XX.ALFA..HH?/2021-03-04", "XX.BETA.00.HH?/2021-03-04"]
    # ALFA.00 and BETA.-- are no part of it, though one request asks for all.
    assert len(server.asked("station")) == 1


def test_exact_codes_need_no_station_service(fdsn, server, tmp_path):
    server.has_stations = False
    when = wanted("2021-03-04", "2021-03-05")
    assert names(fdsn.find(server.uri("XX.ALFA.--.HH?"), when), server) == [DAY]
    with pytest.raises(SchemeError, match=r"404.*no such service"):
        fdsn.find(server.uri("XX.*..HH?"), when)


def test_nodes_have_the_names_that_obspy_knows():
    from quake.inputs.fdsn import _base_of

    assert _base_of("", "EARTHSCOPE") == "https://service.earthscope.org/fdsnws"
    assert _base_of("", "earthscope") == "https://service.earthscope.org/fdsnws"
    assert _base_of("", "geofon.gfz.de") == "https://geofon.gfz.de/fdsnws"
    assert _base_of("", "localhost:8080") == "http://localhost:8080/fdsnws"
    with pytest.raises(ParameterError, match=r"no node NOWHERE; there are .*EARTHSCOPE"):
        _base_of("", "NOWHERE")


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("fdsn://EARTHSCOPE", "nothing is no channel"),
        ("fdsn://EARTHSCOPE/UW.RCM", "UW.RCM is no channel"),
        ("fdsn://EARTHSCOPE/UW.RCM..HH?&x=1", "is no channel"),
        ("fdsn:///UW.RCM..HH?", "nothing is no node"),
        ("fdsn://EARTHSCOPE/UW.RCM..HH?/yesterday", "yesterday is no day"),
        ("fdsn://EARTHSCOPE/UW.RCM..HH?,UW.A..HH?/2021-03-04", "is no day of one channel set"),
    ],
)
def test_what_is_no_such_uri_is_refused(fdsn, uri, fault):
    with pytest.raises(ParameterError, match=fault.replace("?", r"\?").replace(".", r"\.")):
        fdsn.find(uri, wanted("2021-03-04", "2021-03-05"))


def test_times_have_to_be_given(fdsn, server):
    with pytest.raises(ParameterError, match="give --start and --end"):
        fdsn.find(server.uri("XX.ALFA..HH?"), Wanted())


def test_codes_that_the_server_does_not_know_are_told(fdsn, server):
    with pytest.raises(SchemeError, match=r"knows no such channel between 2021-03-04.*check"):
        fdsn.find(server.uri("XX.GAMMA..HH?"), wanted("2021-03-04", "2021-03-05"))


@pytest.mark.parametrize(
    "table",
    ["<html>", "A|B|C", "XX|AL/FA||HHZ|" + "0|" * 11 + "2020-01-01|", "XX|A||HHZ||||||||||"],
)
def test_a_table_of_something_else_is_told(fdsn, server, table):
    server.table = lambda query: table.encode()
    with pytest.raises(SchemeError, match="something else than its text format"):
        fdsn.find(server.uri("XX.ALFA..HH?"), wanted("2021-03-04", "2021-03-05"))


# --- what is fetched ----------------------------------------------------------------------


def test_a_day_is_what_the_server_has_of_it(fdsn, server, tmp_path):
    result, path = fetched(fdsn, server, tmp_path)
    found = obspy.read(path)
    assert {trace.id for trace in found} == {f"XX.ALFA..HH{c}" for c in "ZNE"}
    of_day = [t for t in TRACES[:6] if t.stats.channel == "HHZ"]
    n_expected = sum(len(t.slice(*server.asked()[0].times)) for t in of_day)
    assert sum(len(t) for t in found.select(channel="HHZ")) == n_expected > 0
    assert result.state.size == path.stat().st_size
    assert result.has_data


def test_no_data_are_no_fault(fdsn, server, tmp_path):
    result, path = fetched(fdsn, server, tmp_path, "XX.ALFA..HH?/2021-03-10")
    assert not result.has_data
    assert path.stat().st_size == 0
    assert len(server.asked()) == 1


def test_a_day_that_has_not_begun_is_not_asked_for(fdsn, server, tmp_path):
    result, _ = fetched(fdsn, server, tmp_path, "XX.ALFA..HH?/2200-01-01")
    assert not result.has_data
    assert not server.asked()


@pytest.mark.parametrize("fault", ["cut", "drop", "silent", 500, 502, 503, "late"])
def test_what_passes_is_tried_again_after_a_pause(fdsn, server, tmp_path, pauses, fault):
    whole, _ = fetched(fdsn, server, tmp_path)
    server.faults += [fault, fault]
    again, path = fetched(fdsn, server, tmp_path)
    assert again.content == whole.content
    assert path.stat().st_size == whole.state.size  # nothing is left of what was cut
    assert len(server.asked()) == 4
    first, second = pauses
    assert (min(first, second) >= 7) if fault == "late" else (first < second)


def test_pauses_double_and_end(fdsn, server, tmp_path, pauses):
    server.faults += [500] * 5
    with pytest.raises(SchemeError, match="the server answers 500 Error: something, 5 times in a"):
        fetched(fdsn, server, tmp_path)
    assert len(server.asked()) == 5
    for pause_s, expected_s in zip(pauses, [1, 2, 4, 8], strict=True):
        assert 0.8 * expected_s <= pause_s <= 1.2 * expected_s


def test_a_server_that_fails_on_and_on_is_left_alone(fdsn, server, tmp_path):
    server.faults += [500] * 100
    for _ in range(3):
        with pytest.raises(SchemeError, match="5 times in a row"):
            fetched(fdsn, server, tmp_path)
    with pytest.raises(SchemeError, match=r"not asked for, as 3 requests to .* have failed"):
        fetched(fdsn, server, tmp_path)
    assert len(server.asked()) == 15


def test_one_answer_makes_up_for_faults_before(fdsn, server, tmp_path):
    server.faults += [500] * 10 + [None] + [500] * 10
    for _ in range(2):
        with pytest.raises(SchemeError):
            fetched(fdsn, server, tmp_path)
    fetched(fdsn, server, tmp_path)
    for _ in range(2):
        with pytest.raises(SchemeError, match="5 times"):
            fetched(fdsn, server, tmp_path)


def test_a_slow_answer_is_waited_for(fdsn, server, tmp_path, pauses):
    whole, _ = fetched(fdsn, server, tmp_path)
    server.faults.append("slow")
    assert fetched(fdsn, server, tmp_path)[0].content == whole.content
    assert not pauses


def test_an_answer_without_end_of_time_is_given_up(server, tmp_path):
    fdsn = Fdsn(Transfers(Patience(n_attempts=1, request_s=0.2), lambda s: None))
    server.faults.append("slow")
    with pytest.raises(SchemeError, match=r"not done after 0\.2 s"):
        fetched(fdsn, server, tmp_path)


def samples_of(path):
    found = obspy.read(path)
    found.merge(method=1)  # halves share their middle sample
    found.sort()
    return [trace.data.tolist() for trace in found], [str(trace) for trace in found]


@pytest.mark.parametrize("longest_s", [86_400 / 2, 86_400 / 8])
def test_a_request_that_is_too_large_is_divided(fdsn, server, tmp_path, longest_s):
    _, path = fetched(fdsn, server, tmp_path)
    whole = samples_of(path)
    server.longest_s = longest_s
    fetched(fdsn, server, tmp_path)
    assert samples_of(path) == whole
    lengths = {end - start for start, end in (request.times for request in server.asked()[1:])}
    assert min(lengths) == longest_s


def test_a_server_that_gives_nothing_at_all_is_told(fdsn, server, tmp_path):
    server.longest_s = 1
    with pytest.raises(SchemeError, match=r"413 Error 413: more than can be given.*ask for less"):
        fetched(fdsn, server, tmp_path)
    # A day, its half, a quarter ... down to ten minutes: no more than one of each.
    assert len(server.asked()) == 9


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (400, "answers 400 Error: something; check the codes"),
        (401, "restricted data are not asked for"),
        (403, "restricted data are not asked for"),
        (404, "there is no such service"),
        ("html", r"something else than miniSEED, beginning with b'<html>"),
        ("large", "more than 4294967296 bytes"),
        ("redirect", "the server answers 302"),  # to a file of this machine
    ],
)
def test_what_does_not_pass_is_asked_for_once(fdsn, server, tmp_path, fault, expected):
    server.faults.append(fault)
    with pytest.raises(SchemeError, match=expected):
        fetched(fdsn, server, tmp_path)
    assert len(server.asked()) == 1


def test_an_answer_without_end_is_bounded(fdsn, server, tmp_path, monkeypatch):
    monkeypatch.setattr("quake.inputs.fdsn.MOST_BYTES", 1 << 20)
    server.faults.append("endless")
    with pytest.raises(SchemeError, match="more than 1048576 bytes, as no such answer has"):
        fetched(fdsn, server, tmp_path)


def test_text_of_a_server_cannot_steer_a_terminal(fdsn, server, tmp_path):
    server.faults.append(400)
    text = b"\x1b[2J\x1b]0;owned\x07\nsecond line"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fdsn_server._Handler.fail", lambda self, *a: self.answer(400, text))
        with pytest.raises(SchemeError) as raised:
            fetched(fdsn, server, tmp_path)
    assert str(raised.value).isprintable()


# --- what is done again -------------------------------------------------------------------


def test_a_day_is_complete_three_days_after_its_end(fdsn):
    uri = f"fdsn://EARTHSCOPE/{DAY}"
    end_ns = parse_moment("2021-03-05")
    listed = FileState(uri, 0, 0)
    for days, is_complete in ((0, False), (2.9, False), (3, True), (300, True)):
        known = FileState(uri, 512, end_ns + round(days * 86_400 * NS_PER_S), "a")
        assert fdsn.is_unchanged(known, listed) == is_complete
    assert not fdsn.is_unchanged(FileState(uri, 0, 0), listed)  # it could not be had


def test_the_state_of_a_day_is_its_content(fdsn, server, tmp_path):
    one, other = (fetched(fdsn, server, tmp_path)[0].state for _ in range(2))
    assert one.version == other.version
    assert one.modified_ns <= other.modified_ns <= time.time_ns()


# --- stations -----------------------------------------------------------------------------


def test_orientations_come_along(server, tmp_path, monkeypatch):
    server.azimuth_deg = 30.0
    when = wanted("2021-03-04", "2021-03-05")
    uris = [server.uri("XX.ALFA..HH?"), server.uri("XX.BETA.00.HH?")]
    orientations = read_orientations(fetch_stations(uris, when, tmp_path))
    for station, location in (("ALFA", ""), ("BETA", "00")):
        key = ChannelSetId("XX", station, location, "HH")
        codes = {"Z": "Z", "N": "N", "E": "E"}
        matrix = orientations.rotation(key, codes, parse_moment("2021-03-04"))
        # A sensor whose N points to 30 degrees: cos 30 degrees of it is north.
        assert matrix[1, 1] == pytest.approx(1 / 0.8660254, abs=1e-6)


def test_no_stations_are_no_fault(server, tmp_path):
    when = wanted("2021-03-04", "2021-03-05")
    assert fetch_stations([server.uri("XX.GAMMA..HH?")], when, tmp_path) is None


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"<html/>", "answers 'html', where FDSNStationXML was expected"),
        (b"no xml", "something else than StationXML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><FDSNStationXML/>', "declares a document type"),
    ],
)
def test_stations_of_something_else_are_told(server, tmp_path, body, fault):
    server.station_xml = lambda query: body
    with pytest.raises(SchemeError, match=fault):
        fetch_stations([server.uri("XX.ALFA..HH?")], wanted("2021-03-04", "2021-03-05"), tmp_path)


# --- copies -------------------------------------------------------------------------------


def test_a_copy_is_fetched_once(server, tmp_path):
    copies = Copies(str(tmp_path))
    uri = server.uri(DAY)
    for _ in range(3):
        with copies(uri) as path:
            data = path.read_bytes()
    assert len(server.asked()) == 1
    assert obspy.read(io.BytesIO(data))[0].stats.station == "ALFA"


def test_there_is_no_file_of_no_data(server, tmp_path):
    with Copies(str(tmp_path))(server.uri("XX.ALFA..HH?/2021-03-10")) as path:
        assert path is None


def test_copies_go_when_there_are_too_many_but_not_while_they_are_read(server, tmp_path):
    copies = Copies(str(tmp_path), most_bytes=1)
    one, other = server.uri(DAY), server.uri("XX.ALFA..HH?/2021-03-05")
    with copies(one) as path:
        with copies(other):
            assert path.exists()
        with copies(one) as again:
            assert again == path
    assert len(server.asked()) == 2
    with copies(other), copies(one):
        pass
    with copies(other):
        assert len(list(tmp_path.glob("*.data"))) <= 2


def test_a_uri_without_a_known_scheme_is_refused():
    with pytest.raises(ParameterError, match=r"ftp:// is no input; fdsn://, s3://"):
        scheme_of("ftp://host/a.mseed")
    with pytest.raises(ParameterError, match="followed by quake watch"):
        scheme_of("seedlink://host/XX.A..HH?")


def test_python_takes_a_day_of_a_server_as_it_takes_a_file(server):
    from quake.results.waveform_inputs import waveform_source

    source = waveform_source(server.uri(DAY))
    (spans,) = source.spans().values()
    assert {span.source for span in spans} == {server.uri(DAY)}
    assert {span.code for span in spans} == set("ZNE")
    assert not source.problems
