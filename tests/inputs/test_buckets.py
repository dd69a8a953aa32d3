"""Buckets and web servers: what patterns stand for, what is fetched, and what goes wrong."""

import functools
import hashlib
import http.server
import re
import socket
import socketserver
import threading
from contextlib import contextmanager

import gcs_server
import pytest
from s3_server import serving

from quake.errors import ParameterError
from quake.inputs import s3 as s3_module
from quake.inputs.copies import Copies
from quake.inputs.day_files import is_wanted, may_lead_to, parse_day_file
from quake.inputs.gs import GoogleStorage
from quake.inputs.s3 import S3
from quake.inputs.scheme import SchemeError, Wanted
from quake.inputs.selection import Selection, parse_moment
from quake.inputs.web import Web

SCEDC = "continuous_waveforms/2016/2016_183"
NCEDC = "continuous_waveforms/BK/2022/2022.254"
EARTHSCOPE = "miniseed/UW/2025/001"


def wanted(start=None, end=None, margin_days=0, **patterns):
    return Wanted(
        Selection(
            start_ns=None if start is None else parse_moment(start),
            end_ns=None if end is None else parse_moment(end),
            **patterns,
        ),
        margin_days,
    )


# --- names of data centres ----------------------------------------------------------------


def days(date):
    return parse_moment(date) // (86_400 * 10**9)


@pytest.mark.parametrize(
    ("name", "codes", "date"),
    [
        # As the data centres' pages have them.
        ("CIGMR__LHN___2017010.ms", ("CI", "GMR", "", "LHN"), "2017-01-10"),
        ("CILJR__BHZ10_2016183.ms", ("CI", "LJR", "10", "BHZ"), "2016-07-01"),
        ("MERC.BK.HNZ.00.D.2022.254", ("BK", "MERC", "00", "HNZ"), "2022-09-11"),
        ("KBG.NC.HHZ..D.2018.023", ("NC", "KBG", "", "HHZ"), "2018-01-23"),
        ("RCM.UW.2025.001#2", ("UW", "RCM", "", ""), "2025-01-01"),
        ("ANMO.IU.2024.015", ("IU", "ANMO", "", ""), "2024-01-15"),
        ("2022.002.WEL.10-HHZ.NZ.D", ("NZ", "WEL", "10", "HHZ"), "2022-01-02"),
        ("ML.ML02..BHZ.D.2020.123", ("ML", "ML02", "", "BHZ"), "2020-05-02"),
        ("ML.ML02..BHZ.D.2020.123.gz", ("ML", "ML02", "", "BHZ"), "2020-05-02"),
    ],
)
def test_names_of_day_files_tell_codes_and_day(name, codes, date):
    assert parse_day_file(name) == (*codes, days(date))


@pytest.mark.parametrize(
    "name", ["CIGMR__LHN___2017366.ms", "a.mseed", "index.parquet", "ML.ML02..LOG.L.2020.123", ""]
)
def test_other_names_tell_nothing(name):
    assert parse_day_file(name) is None


def test_a_file_is_wanted_with_the_days_beside_the_selected_ones():
    when = wanted("2016-07-02", "2016-07-03")
    for day, expected in (("182", False), ("183", True), ("184", True), ("185", True)):
        found = parse_day_file(f"CIGMR__HHZ___2016{day}.ms")
        assert is_wanted(found, when) == expected
    assert not is_wanted(parse_day_file("CIGMR__HHZ___2016184.ms"), wanted(channels=("BH?",)))
    # All channels of a station are in one file.
    assert is_wanted(parse_day_file("RCM.UW.2025.001#2"), wanted(channels=("BH?",)))
    assert not is_wanted(parse_day_file("RCM.UW.2025.001#2"), wanted(stations=("S*",)))


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("scedc-pds/continuous_waveforms/2015", False),
        ("scedc-pds/continuous_waveforms/2016", True),
        ("scedc-pds/continuous_waveforms/2016/2016_181", False),
        ("scedc-pds/continuous_waveforms/2016/2016_183", True),
        ("ncedc-pds/continuous_waveforms/BK/2016/2016.300", False),
        ("ncedc-pds/continuous_waveforms/BK", True),
        ("ncedc-pds/continuous_waveforms/NC", False),
        ("earthscope-geophysical-data/miniseed/BK/2016/183", True),
        ("earthscope-geophysical-data/miniseed/BK/2016/181", False),
        ("bucket/what/ever", True),
    ],
)
def test_folders_of_other_years_days_and_networks_are_not_listed(folder, expected):
    when = wanted("2016-07-02", "2016-07-03", networks=("BK",))
    assert may_lead_to(folder.split("/"), when) == expected


# --- S3 -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running():
    with serving() as server:
        server.put(
            "scedc-pds",
            {
                f"{SCEDC}/CIGMR__{channel}___2016183.ms": b"c" * 100
                for channel in ("HHZ", "HHN", "HHE", "BHZ")
            }
            | {
                f"{SCEDC}/CIGSC__HHZ___2016183.ms": b"d" * 100,
                f"{SCEDC}/AZBZN__HHZ___2016183.ms": b"a" * 100,
                "continuous_waveforms/2016/2016_184/CIGMR__HHZ___2016184.ms": b"e" * 100,
                "continuous_waveforms/2016/2016_200/CIGMR__HHZ___2016200.ms": b"f" * 100,
                "continuous_waveforms/2017/2017_001/CIGMR__HHZ___2017001.ms": b"g" * 100,
                "continuous_waveforms/index/csv/year=2016/index.csv": b"not waveforms",
            },
        )
        server.put(
            "ncedc-pds",
            {f"{NCEDC}/MERC.BK.HN{c}.00.D.2022.254": b"n" * 10 for c in "ZNE"},
        )
        server.put("earthscope-geophysical-data", {f"{EARTHSCOPE}/RCM.UW.2025.001#2": b"u" * 10})
        server.put("many", {f"a/{n:04}.mseed": b"" for n in range(1050)})
        server.put("own", {"a.mseed": b"A" * 70_000, "sub/b.txt": b"B", "sub/c.sac": b"C"})
        yield server


@pytest.fixture
def server(running, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
    running.requests.clear()
    running.faults.clear()
    return running


@pytest.fixture
def s3(server):
    return S3()


def keys(found):
    return [state.path.rpartition("/")[2] for state in found.files]


def test_the_documented_pattern_of_scedc(s3, server):
    found = s3.find(f"s3://scedc-pds/{SCEDC}/CI*", wanted())
    assert keys(found) == [
        "CIGMR__BHZ___2016183.ms",
        "CIGMR__HHE___2016183.ms",
        "CIGMR__HHN___2016183.ms",
        "CIGMR__HHZ___2016183.ms",
        "CIGSC__HHZ___2016183.ms",
    ]
    # The server left out AZ.
    (request,) = server.requests
    assert "2016_183%2FCI&" in request[1]
    assert not request[2], "signed, where nobody asked for it"


def test_a_folder_is_walked_as_far_as_times_and_codes_are_wanted(s3, server):
    when = wanted("2016-07-01", "2016-07-02", channels=("HH?",), stations=("GMR",))
    found = s3.find("s3://scedc-pds/continuous_waveforms/", when)
    assert keys(found) == [
        "CIGMR__HHE___2016183.ms",
        "CIGMR__HHN___2016183.ms",
        "CIGMR__HHZ___2016183.ms",
        "CIGMR__HHZ___2016184.ms",
    ]
    asked = " ".join(path for _, path, *_ in server.requests)
    assert "2016_200" not in asked
    assert "2017" not in asked
    assert found.n_others == 1


def test_patterns_of_ncedc_and_earthscope(s3):
    found = s3.find(
        "s3://ncedc-pds/continuous_waveforms/BK/2022/2022.25[45]/MERC.*.HN?.*", wanted()
    )
    assert keys(found) == [f"MERC.BK.HN{c}.00.D.2022.254" for c in "ENZ"]
    found = s3.find("s3://earthscope-geophysical-data/miniseed/UW/2025/*/RCM.*", wanted())
    assert keys(found) == ["RCM.UW.2025.001#2"]
    (state,) = found.files
    assert state.path == f"s3://earthscope-geophysical-data/{EARTHSCOPE}/RCM.UW.2025.001#2"


def test_two_stars_are_any_folders(s3):
    assert keys(s3.find("s3://own/**/*.sac", wanted())) == ["c.sac"]


def test_listings_of_many_pages_are_read_to_the_end(s3, server):
    assert len(s3.find("s3://many/a/", wanted()).files) == 1050
    assert len(server.requests) == 2


def test_of_a_folder_what_is_no_waveform_by_its_name_is_left_out(s3):
    found = s3.find("s3://own", wanted())
    assert keys(found) == ["a.mseed", "c.sac"]
    assert found.n_others == 1
    # A file that is named is taken.
    assert keys(s3.find("s3://own/sub/b.txt", wanted())) == ["b.txt"]


def test_the_state_of_an_object_has_its_tag(s3):
    (state,) = s3.find("s3://own/a.mseed", wanted()).files
    assert state.size == 70_000
    assert state.etag == hashlib.md5(b"A" * 70_000).hexdigest()
    assert state.modified_ns > parse_moment("2020-01-01")
    listed = next(s for s in s3.find("s3://own", wanted()).files if s.path == state.path)
    assert s3.is_unchanged(state, listed)


def test_an_object_is_fetched_in_pieces(s3, server, tmp_path, monkeypatch):
    monkeypatch.setattr("quake.inputs.object_store._CHUNK_BYTES", 30_000)
    fetched = s3.fetch("s3://own/a.mseed", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"A" * 70_000
    assert [r[3] for r in server.gets("a.mseed")] == [
        "bytes=0-29999",
        "bytes=30000-59999",
        "bytes=60000-69999",
    ]
    assert fetched.state.size == 70_000


def test_an_object_that_changes_meanwhile_is_told(s3, server, tmp_path, monkeypatch):
    monkeypatch.setattr("quake.inputs.object_store._CHUNK_BYTES", 30_000)
    server.put("changing", {"a.mseed": b"A" * 70_000})
    whole = s3._piece

    def piece(name, begin, end):
        server.client().put_object(Bucket="changing", Key="a.mseed", Body=b"B" * 70_000)
        return whole(name, begin, end)

    monkeypatch.setattr(s3, "_piece", piece)
    with pytest.raises(SchemeError, match="changed while it was read"):
        s3.fetch("s3://changing/a.mseed", tmp_path / "copy")


@pytest.mark.parametrize(
    ("uri", "fault"),
    [
        ("s3://own/none.mseed", "no such file or folder"),
        ("s3://own/*.none", "no file matches this pattern"),
        ("s3://nowhere-at-all/a.mseed", "no such file or folder|may not be read|cannot be read"),
    ],
)
def test_what_is_not_there_is_told(s3, uri, fault):
    with pytest.raises(SchemeError, match=fault) as raised:
        s3.find(uri, wanted())
    assert str(raised.value).startswith(f"{uri}: ")


def test_faults_that_pass_are_tried_again(s3, server, tmp_path):
    server.faults += [503, 500]
    assert s3.fetch("s3://own/a.mseed", tmp_path / "copy").state.size == 70_000


def test_an_object_of_no_day_of_any_station_is_refused(s3, monkeypatch):
    monkeypatch.setattr("quake.inputs.object_store.MOST_BYTES", 1000)
    with pytest.raises(SchemeError, match="70000 bytes, more than 1000"):
        s3.find("s3://own/a.mseed", wanted())
    found = s3.find("s3://own/", wanted())
    assert keys(found) == ["c.sac"]
    (problem,) = found.problems
    assert problem.failed


def test_settings_of_fsspec_say_who_asks(server, monkeypatch):
    import fsspec

    monkeypatch.setitem(fsspec.config.conf, "s3", {"key": "tester", "secret": "secret"})
    S3().find("s3://own/a.mseed", wanted())
    assert all(is_signed for _, _, is_signed, _ in server.requests)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(s3_module.S3, "package", "no_such_package")
    with pytest.raises(ParameterError, match=r"no_such_package.*pip install 'quake\[remote\]'"):
        S3().find("s3://own/a.mseed", wanted())


def test_copies_are_fetched_ahead_and_in_order(server, tmp_path):
    uris = [f"s3://scedc-pds/{SCEDC}/CIGMR__{c}___2016183.ms" for c in ("HHZ", "HHN", "HHE", "BHZ")]
    copies = Copies(str(tmp_path))
    server.delay_s = 0.2
    try:
        assert list(copies.ahead([*uris, "s3://own/none"], 3)) == [*uris, "s3://own/none"]
    finally:
        server.delay_s = 0.0
    server.requests.clear()
    for uri in uris:
        with copies(uri) as path:
            assert path.read_bytes() == b"c" * 100
    assert not server.requests


# --- web servers --------------------------------------------------------------------------


@contextmanager
def web_server(folder):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with told_by(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
        yield url


@contextmanager
def told_by(server):
    """Answer on this machine; yields the address."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(20)


@pytest.fixture
def web(tmp_path):
    folder = tmp_path / "web"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.mseed").write_bytes(b"A" * 1000)
    (folder / "b.txt").write_bytes(b"B")
    (folder / "sub" / "c.mseed").write_bytes(b"C")
    with web_server(folder) as url:
        yield url


def test_a_file_of_a_web_server(web, tmp_path):
    scheme = Web()
    (state,) = scheme.find(f"{web}/a.mseed", wanted()).files
    assert (state.path, state.size) == (f"{web}/a.mseed", 1000)
    assert state.modified_ns > parse_moment("2020-01-01")
    fetched = scheme.fetch(state.path, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"A" * 1000
    assert scheme.is_unchanged(fetched.state, state)


def test_pages_that_list_files_are_folders(web):
    assert keys(Web().find(f"{web}/", wanted())) == ["a.mseed", "c.mseed"]
    assert keys(Web().find(f"{web}/*.mseed", wanted())) == ["a.mseed"]


def test_a_file_that_a_web_server_does_not_have(web):
    with pytest.raises(SchemeError, match="no such file"):
        Web().find(f"{web}/none.mseed", wanted())


def refusal(scheme, uri):
    with pytest.raises(SchemeError) as found:
        scheme.find(uri, wanted())
    return str(found.value)


@pytest.mark.parametrize("name", ["x.mseed", "", "*.mseed"])
def test_a_web_server_that_cannot_be_reached_is_told(name):
    with socket.socket() as unheard:  # bound, and not listening: it refuses connections
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}/{name}"
        with pytest.raises(SchemeError, match=f"{re.escape(url)}: the server cannot be reached"):
            Web().find(url, wanted())


def test_a_web_server_that_hangs_up_is_not_reached():
    class Silent(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(1000)

    with told_by(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Silent)) as url:
        assert "the server cannot be reached" in refusal(Web(), f"{url}/x.mseed")


@pytest.mark.parametrize(("status", "text"), [(503, "answers 503"), (404, "no such file or fol")])
def test_what_a_web_server_answers_is_told(status, text):
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            self.send_error(status)

        do_HEAD = do_GET  # noqa: N815

    with told_by(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        assert text in refusal(Web(), f"{url}/x.mseed")


# --- Google -------------------------------------------------------------------------------


@pytest.fixture
def google(monkeypatch):
    pytest.importorskip("gcsfs")
    files = {f"data/2021/{n}.mseed": bytes([n]) * 50_000 for n in range(5)}
    with gcs_server.serving({"own": {**files, "data/readme.txt": b"about them"}}) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


def test_a_bucket_of_google(google, tmp_path, monkeypatch):
    monkeypatch.setattr("quake.inputs.object_store._CHUNK_BYTES", 30_000)
    scheme = GoogleStorage()
    found = scheme.find("gs://own/data/", wanted())
    assert keys(found) == [f"{n}.mseed" for n in range(5)]  # of two pages
    assert found.n_others == 1
    assert keys(scheme.find("gs://own/data/2021/[12]*", wanted())) == ["1.mseed", "2.mseed"]
    state = found.files[3]
    fetched = scheme.fetch(state.path, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == bytes([3]) * 50_000
    assert scheme.is_unchanged(fetched.state, state)
    assert state.modified_ns == parse_moment("2024-05-06T07:08:09")
    assert {signature for _, _, signature in google.requests} == {None}


def test_what_is_not_in_a_bucket_of_google_is_told(google):
    with pytest.raises(SchemeError, match="no such file or folder"):
        GoogleStorage().find("gs://own/data/none.mseed", wanted())
