"""Records of a SeedLink server arrive whole, once and in order, whatever happens on the way."""

import logging
import os
import signal
import socket
import threading
import time
from collections import defaultdict
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seedlink_server import PACKET_BYTES, PATIENCE_S, Record, SeedLinkServer, records_of
from strategies import noise, trace

from quake.errors import ParameterError, WaveformError
from quake.live.seedlink import SeedLinkFeed, Stream, _Packet, _read_header, parse_address
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.times import NS_PER_S, parse_time

RECORD = Path(__file__).resolve().parents[2] / "examples" / "BK.MHC.mseed"
START_NS = parse_time("2021-03-04T05:06:00Z")
RECONNECT_S = 0.02
LOGGER = "quake.live.seedlink"
CODES = st.text("ABCXYZ019", min_size=2, max_size=5)


@pytest.fixture(scope="module")
def real():
    """Three components of BK.MHC, 237 records."""
    return obspy.read(str(RECORD), format="MSEED")


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not [t.name for t in threading.enumerate() if t.name.startswith(("quake", "seedlink"))]


@pytest.fixture
def logged(caplog):
    """Messages of the feed, by level."""
    caplog.set_level(logging.DEBUG, LOGGER)
    return lambda level: [
        r.getMessage() for r in caplog.records if r.name == LOGGER and r.levelname == level
    ]


def small(*, station="STA", channel="HHZ", location="", start_s=0.0, n_samples=600, seed=0):
    """Integers at 100 Hz, about two records in Steim2."""
    samples = noise(n_samples, seed, 1)[0].astype(np.int32)
    start_ns = START_NS + round(start_s * NS_PER_S)
    return obspy.Stream([trace(samples, channel, start_ns, station=station, location=location)])


def many(n_seconds=120, **kwargs):
    return small(n_samples=100 * n_seconds, **kwargs)


def later(stream, seconds=3600.0):
    """What comes after everything else."""
    moved = stream.copy()
    for one in moved:
        one.stats.starttime += seconds
    return moved


def feed_of(server, streams="XX.STA..HH?", begin_ns=START_NS, **options):
    options = {"reconnect_s": RECONNECT_S, **options}
    return SeedLinkFeed(parse_address(server.url(streams)), begin_ns, **options)


def arrived(feed, n_records):
    """Read until so many records are there, and not one more."""
    found = []
    until_s = time.monotonic() + PATIENCE_S
    while len(found) < n_records:
        assert time.monotonic() < until_s, f"{len(found)} of {n_records} records"
        found += feed.read(1.0)
    assert len(found) == n_records
    return found


def joined(arrivals):
    """Samples and the first time of each channel, as they came; without a gap or a step back."""
    by_channel = defaultdict(list)
    for arrival in arrivals:
        by_channel[f"{arrival.id}"[:-1] + arrival.segment.code].append(arrival.segment)
    found = {}
    for name, segments in by_channel.items():
        for one, following in pairwise(segments):
            assert abs(following.start_ns - one.end_ns) < 1000, name
        found[name] = (segments[0].start_ns, np.concatenate([s.samples for s in segments]))
    return found


def assert_whole(arrivals, stream):
    """All samples of a stream have come, bit for bit, once, in order."""
    found = joined(arrivals)
    assert sorted(found) == sorted(t.id for t in stream)
    for one in stream:
        start_ns, samples = found[one.id]
        assert start_ns == one.stats.starttime.ns
        assert samples.dtype == one.data.dtype
        assert samples.tobytes() == one.data.tobytes()


# --- addresses ----------------------------------------------------------------------------


def test_an_address_has_host_port_and_streams():
    address = parse_address("seedlink://localhost:18001/GE.*.*.BH?,IU.ANMO.00.BHZ")
    assert (address.host, address.port) == ("localhost", 18001)
    assert address.streams == (Stream("GE", "*", "*", "BH?"), Stream("IU", "ANMO", "00", "BHZ"))
    assert str(address) == "seedlink://localhost:18001"


def test_the_port_is_18000_unless_it_is_given():
    assert parse_address("seedlink://geofon.gfz.de/GE.STU..BH?").port == 18000
    address = parse_address("SEEDLINK://[::1]/GE.STU..BH?")
    assert (address.host, str(address)) == ("::1", "seedlink://[::1]:18000")


def test_location_two_dashes_is_the_empty_one():
    (stream,) = parse_address("seedlink://host/GE.STU.--.BH?, GE.STU..BH?").streams
    assert stream == Stream("GE", "STU", "", "BH?")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("geofon.gfz.de/GE.STU..BHZ", "does not begin with seedlink://"),
        ("http://geofon.gfz.de/GE.STU..BHZ", "does not begin with seedlink://"),
        ("seedlink://geofon.gfz.de", "names no streams"),
        ("seedlink://geofon.gfz.de/", "names no streams"),
        ("seedlink:///GE.STU..BHZ", "'' is no host and port"),
        ("seedlink://host:99999/GE.STU..BHZ", "'host:99999' is no host and port"),
        ("seedlink://host:0/GE.STU..BHZ", "'host:0' is no host and port"),
        ("seedlink://me@host/GE.STU..BHZ", "'me@host' is no host and port"),
        ("seedlink://a host/GE.STU..BHZ", "'a host' is no host and port"),
        ("seedlink://host/GE.STU", "'GE.STU' is not network.station.location.channel"),
        ("seedlink://host/GE.STU..BHZ,", "'' is not network.station.location.channel"),
        ("seedlink://host/GE.STU..BH", "'BH' in 'GE.STU..BH' is no channel code"),
        ("seedlink://host/GE.STU.000.BHZ", "'000' in 'GE.STU.000.BHZ' is no location code"),
        ("seedlink://host/GE.ST U..BHZ", "'ST U' in 'GE.ST U..BHZ' is no station code"),
        ("seedlink://host/G[E].STU..BHZ", "'G[E]' in 'G[E].STU..BHZ' is no network code"),
        ("seedlink://host/GE.STU\r..BHZ", "is no station code"),
    ],
)
def test_a_wrong_address_is_refused_with_an_example(url, found):
    with pytest.raises(ParameterError) as error:
        parse_address(url)
    assert found in str(error.value)
    assert "seedlink://geofon.gfz.de:18000/GE.STU..BH?,IU.ANMO.00.BHZ" in str(error.value)


@pytest.mark.parametrize(
    ("location", "channel", "selector"),
    [
        ("00", "BHZ", "00BHZ"),
        ("1?", "BH?", "1?BH?"),
        ("", "BH?", "BH?"),
        ("??", "BH?", "BH?"),
        ("*", "*", "???"),
        ("*", "BH*", "BH?"),
        ("10", "*Z", "10??Z"),
        ("10", "B*Z", "10B?Z"),
        ("1*", "*H*", "???"),
        ("10", "BHZ*", "10BHZ"),
    ],
)
def test_a_selector_has_question_marks_for_stars(location, channel, selector):
    assert Stream("GE", "STU", location, channel).selector == selector


def test_an_empty_location_matches_itself_and_two_blanks():
    names = ["", "0", "00", "10"]
    matched = {
        pattern: [x for x in names if Stream("A", "B", pattern, "BHZ").matches("A", "B", x, "BHZ")]
        for pattern in ("", "00", "?0", "??", "*")
    }
    assert matched == {"": [""], "00": ["00"], "?0": ["00", "10"], "??": names, "*": names}


@given(st.lists(st.tuples(CODES, CODES, st.sampled_from(["", "00"]), st.just("BH?")), min_size=1))
def test_an_address_says_what_it_was_made_from(parts):
    streams = tuple(dict.fromkeys(Stream(*part) for part in parts))
    assert parse_address(f"seedlink://h/{','.join(map(str, streams))}").streams == streams


# --- data ---------------------------------------------------------------------------------


def test_all_samples_of_a_real_record_arrive_bit_for_bit(real):
    start_ns = real[0].stats.starttime.ns
    with SeedLinkServer(real) as server, feed_of(server, "BK.MHC..BH?", start_ns) as feed:
        arrivals = arrived(feed, 237)
    assert {arrival.id for arrival in arrivals} == {ChannelSetId("BK", "MHC", "", "BH")}
    assert_whole(arrivals, real)


def test_integers_in_steim2_arrive_bit_for_bit():
    stream = many()
    with SeedLinkServer(stream) as server, feed_of(server) as feed:
        assert_whole(arrived(feed, len(records_of(stream))), stream)


def test_records_arrive_while_they_are_recorded():
    stream = many()
    records = records_of(stream)
    with SeedLinkServer() as server:
        server.append(records[:1])
        with feed_of(server) as feed:
            arrivals = arrived(feed, 1)
            for record in records[1:20]:
                server.append([record])
                arrivals += arrived(feed, 1)
    n_samples = sum(len(a.segment.samples) for a in arrivals)
    assert_whole(arrivals, stream.trim(endtime=stream[0].stats.starttime + (n_samples - 1) / 100))


def test_nothing_comes_of_what_was_before_unless_it_is_asked_for():
    old, new = small(), later(small())
    with SeedLinkServer(old) as server, feed_of(server, begin_ns=None) as feed:
        assert feed.read(0) == []
        server.append(new)
        assert_whole(arrived(feed, len(records_of(new))), new)


def test_channels_are_selected():
    stream = small() + small(channel="HHN") + small(channel="HNZ") + small(channel="LOG")
    with SeedLinkServer(stream) as server:
        with feed_of(server, "XX.STA..HH?") as feed:
            assert_whole(arrived(feed, len(records_of(stream[:2]))), stream[:2])
        with feed_of(server, "XX.STA..H*Z") as feed:
            chosen = stream.select(channel="H?Z")
            assert_whole(arrived(feed, len(records_of(chosen))), chosen)
        assert server.n_sent == [len(records_of(stream[:2])), len(records_of(chosen))]


@pytest.mark.parametrize(
    ("location", "wanted"),
    [("--", [""]), ("00", ["00"]), ("?0", ["00", "10"]), ("*", ["", "00", "10"])],
)
def test_locations_are_selected_also_the_empty_one(location, wanted):
    whole = {code: small(location=code) for code in ("", "00", "10")}
    server = SeedLinkServer(sum(whole.values(), obspy.Stream()))
    chosen = sum((whole[code] for code in wanted), obspy.Stream())
    with server, feed_of(server, f"XX.STA.{location}.HHZ") as feed:
        assert_whole(arrived(feed, len(records_of(chosen))), chosen)
        server.append(later(whole["00"] + whole["10"] + whole[""]))
        more = later(chosen)
        assert_whole(arrived(feed, len(records_of(more))), more)


def test_data_since_a_time_are_asked_for():
    stream = many()
    begin = stream[0].stats.starttime + 60.25
    wanted = [r for r in records_of(stream) if Record.read(r).end >= begin - 0.25]
    with SeedLinkServer(stream) as server, feed_of(server, begin_ns=begin.ns) as feed:
        arrivals = arrived(feed, len(wanted))
        assert "TIME 2021,3,4,5,7,0" in server.connections[0].commands
    assert arrivals[0].segment.start_ns <= begin.ns < arrivals[0].segment.end_ns + NS_PER_S
    assert arrivals[-1].segment.end_ns == (stream[0].stats.endtime + 0.01).ns


def test_each_station_has_its_own_beginning():
    one, two, three = (small(station=name) for name in ("ONE", "TWO", "THREE"))
    new = sum((later(s, 7200) for s in (one, two, three)), obspy.Stream())
    begin_ns = {"XX.ONE": START_NS, "XX.TWO": START_NS + 3600 * NS_PER_S}
    server = SeedLinkServer(one + two + three + later(two))
    with server, feed_of(server, "XX.ONE..HHZ,XX.TWO..HHZ,XX.THREE..HHZ", begin_ns) as feed:
        first = arrived(feed, len(records_of(one)) + len(records_of(later(two))))
        server.append(new)
        second = arrived(feed, len(records_of(new)))
    assert_whole(first, one + later(two))
    assert_whole(second, new)


def test_a_pattern_of_stations_is_looked_up():
    ge, other = small(station="STAA") + small(station="STAB"), small(station="OTHER")
    with SeedLinkServer(ge + other) as server, feed_of(server, "X?.STA*.*.HH?") as feed:
        assert_whole(arrived(feed, len(records_of(ge))), ge)
        assert "STATION OTHER XX" not in server.connections[0].commands


def test_a_long_list_of_stations_comes_in_several_packets():
    stream = sum((small(station=f"S{n:03d}", n_samples=50) for n in range(60)), obspy.Stream())
    with SeedLinkServer(stream) as server, feed_of(server, "XX.S*..HHZ") as feed:
        assert_whole(arrived(feed, 60), stream)


def test_a_station_that_has_begun_since_is_found_on_the_next_connection():
    first, second = small(station="STAA"), small(station="STAB")
    with SeedLinkServer(first) as server, feed_of(server, "XX.STA?..HHZ") as feed:
        arrived(feed, len(records_of(first)))
        server.append(second)
        server.drop_connections()
        assert_whole(arrived(feed, len(records_of(second))), second)


def test_records_without_samples_are_left_out_silently(logged):
    text = obspy.Stream([trace(np.frombuffer(b"clock locked", "S1"), "LOG")])
    stream = small()
    server = SeedLinkServer(text)
    server.append(stream)
    with server, feed_of(server, "XX.STA..*") as feed:
        assert_whole(arrived(feed, len(records_of(stream))), stream)
    assert logged("WARNING") == []


# --- connections --------------------------------------------------------------------------


@pytest.mark.parametrize("n_packets", [0, 1, 17, 70])
def test_a_connection_that_drops_is_taken_up_with_nothing_lost_nor_doubled(n_packets, logged):
    stream = many() + many(channel="HHN", seed=1)
    n_records = len(records_of(stream))
    with SeedLinkServer(stream, first_sequence=0xFFFFF0) as server:
        server.drop_after(n_packets)
        with feed_of(server) as feed:
            assert_whole(arrived(feed, n_records), stream)
            assert len(server.connections) == 2
            sentinel = later(small())
            server.append(sentinel)
            assert_whole(arrived(feed, len(records_of(sentinel))), sentinel)
            assert feed.n_reconnections == 1
    broke, again = logged("WARNING")
    assert "the connection broke" in broke
    assert "connected again after" in again


def test_each_station_is_taken_up_where_it_was(logged):
    stream = many(station="ONE") + many(station="TWO", seed=1) + many(station="NEW", seed=2)
    records = records_of(stream)
    with SeedLinkServer() as server:
        server.append(records[:9])
        with feed_of(server, "XX.ONE..HHZ,XX.TWO..HHZ,XX.NEW..HHZ") as feed:
            arrivals = arrived(feed, 9)
            for begin in range(9, len(records), 30):
                server.drop_connections(reset=begin % 2 == 0)
                server.append(records[begin : begin + 30])
                arrivals += arrived(feed, len(records[begin : begin + 30]))
    assert_whole(arrivals, stream)


def test_after_the_last_number_the_first_one_is_asked_for():
    records = records_of(many())
    with SeedLinkServer(first_sequence=0xFFFFFF) as server:
        server.append(records[:1])
        with feed_of(server) as feed:
            arrived(feed, 1)
            server.drop_connections()
            server.wait_until(lambda: len(server.connections) == 2)
            server.wait_until(lambda: "END" in server.connections[1].commands)
            assert "DATA 000000" in server.connections[1].commands
            server.append(records[1:])
            arrived(feed, len(records) - 1)


def test_a_server_that_restarts_is_taken_up(logged):
    records = records_of(many())
    with SeedLinkServer() as server:
        server.append(records[:20])
        with feed_of(server) as feed:
            arrivals = arrived(feed, 20)
            server.stop()
            server.append(records[20:])
            server.start()
            arrivals += arrived(feed, len(records) - 20)
    assert_whole(arrivals, many())
    assert len(logged("WARNING")) == 2


def test_what_the_server_has_forgotten_is_a_gap():
    records = records_of(many())
    with SeedLinkServer(depth=10) as server:
        server.append(records[:10])
        with feed_of(server) as feed:
            arrived(feed, 10)
            server.stop()
            server.append(records[10:])
            server.start()
            assert len(arrived(feed, 10)) == 10
            server.append(later(small()))
            arrived(feed, len(records_of(small())))


def test_a_server_that_refuses_after_a_restart_is_asked_again(logged):
    stream = small()
    with SeedLinkServer(stream) as server, feed_of(server) as feed:
        arrived(feed, len(records_of(stream)))
        server.refuse("XX.STA")
        server.drop_connections()
        server.wait_until(lambda: len(server.connections) > 3)
        server.refused.clear()
        server.append(later(stream))
        assert_whole(arrived(feed, len(records_of(stream))), later(stream))
    broke, refused, again = logged("WARNING")
    assert "the connection broke" in broke
    assert "has no XX.STA..HH?" in refused
    assert "connected again" in again


def test_silence_is_a_reason_to_connect_again_and_told_of_once(logged, monkeypatch):
    monkeypatch.setattr("quake.live.seedlink._TICK_S", 0.1)
    stream = small()
    with SeedLinkServer(stream) as server, feed_of(server, silence_s=0.0) as feed:
        arrived(feed, len(records_of(stream)))
        server.wait_until(lambda: len(server.connections) > 3)
        assert len(logged("WARNING")) == 2
        assert "nothing came for 0 s" in logged("WARNING")[0]
        server.append(later(stream))
        assert_whole(arrived(feed, len(records_of(stream))), later(stream))


# --- refusals -----------------------------------------------------------------------------


def test_a_station_that_is_refused_is_named_and_the_others_go_on(logged):
    stream = small()
    with SeedLinkServer(stream) as server, feed_of(server, "XX.STA..HHZ,XX.NONE..HHZ") as feed:
        assert_whole(arrived(feed, len(records_of(stream))), stream)
        server.drop_connections()
        server.append(later(stream))
        arrived(feed, len(records_of(stream)))
    refusals = [m for m in logged("WARNING") if "refuses" in m]
    assert refusals == [f"{feed.address}: refuses XX.NONE..HHZ; going on without"]


def test_a_selector_that_is_refused_is_named_and_the_others_go_on(logged):
    stream = small() + small(channel="HNZ")
    with SeedLinkServer(stream) as server:
        server.refuse("HNZ")
        with feed_of(server, "XX.STA..HHZ,XX.STA..HNZ") as feed:
            assert_whole(arrived(feed, len(records_of(stream[:1]))), stream[:1])
    (warning,) = logged("WARNING")
    assert "refuses XX.STA..HNZ" in warning


def test_streams_that_are_all_refused_are_an_error():
    with SeedLinkServer(small()) as server:
        server.refuse("HNZ")
        feed = feed_of(server, "XX.ONE..HHZ,XX.TWO..HHZ,XX.STA..HNZ")
        with pytest.raises(WaveformError, match=r"has no XX.ONE..HHZ, XX.TWO..HHZ, XX.STA..HNZ"):
            feed.__enter__()


def test_a_pattern_that_fits_no_station_is_an_error():
    with SeedLinkServer(small()) as server:
        feed = feed_of(server, "GE.*..HHZ")
        with pytest.raises(WaveformError, match=r"has no GE.\*..HHZ"):
            feed.__enter__()


@pytest.mark.parametrize("info", ["id", "none"])
def test_a_server_that_does_not_list_its_stations_takes_no_patterns(info):
    with SeedLinkServer(small(), info=info) as server:
        with pytest.raises(WaveformError, match=r"does not list its stations.*name each station"):
            feed_of(server, "XX.ST?..HHZ").__enter__()
        with feed_of(server, "XX.STA..HHZ") as feed:
            arrived(feed, len(records_of(small())))


def test_a_server_that_gives_nothing_of_the_past_gives_what_is_new(logged):
    with SeedLinkServer(small(), has_past=False) as server, feed_of(server) as feed:
        server.append(later(small()))
        assert_whole(arrived(feed, len(records_of(small()))), later(small()))
    (warning,) = logged("WARNING")
    assert "XX.STA: gives nothing of the past" in warning


def test_a_server_that_is_not_there_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    feed = SeedLinkFeed(parse_address(f"seedlink://127.0.0.1:{port}/XX.STA..HHZ"))
    with pytest.raises(WaveformError, match=f"127.0.0.1:{port}: refuses the connection.*the port"):
        feed.__enter__()


def test_a_host_that_is_not_known_is_an_error(monkeypatch):
    def unknown(*_):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    feed = SeedLinkFeed(parse_address("seedlink://no.such.host/XX.STA..HHZ"))
    with pytest.raises(WaveformError, match=r"no.such.host:18000: the host cannot be found"):
        feed.__enter__()


def test_a_host_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setattr("quake.live.seedlink._ANSWER_S", 0.0)
    monkeypatch.setattr("quake.live.seedlink._TICK_S", 0.05)
    with SeedLinkServer(small()) as server:
        server.greeting = ""
        with pytest.raises(WaveformError, match=r"does not answer \(no answer to HELLO\)"):
            feed_of(server).__enter__()


def test_a_server_that_hangs_up_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hanging_up = threading.Thread(target=lambda: listener.accept()[0].close())
        hanging_up.start()
        port = listener.getsockname()[1]
        feed = SeedLinkFeed(parse_address(f"seedlink://127.0.0.1:{port}/XX.STA..HHZ"))
        with pytest.raises(WaveformError, match=r"the connection failed \(.*check the address"):
            feed.__enter__()
        hanging_up.join()


def test_a_list_of_stations_that_cannot_be_read_is_an_error(monkeypatch):
    monkeypatch.setattr("seedlink_server._xml", lambda *_: b"<seedlink")
    with (
        SeedLinkServer(small()) as server,
        pytest.raises(WaveformError, match="the list of stations cannot be read"),
    ):
        feed_of(server, "XX.*..HHZ").__enter__()


def test_something_else_than_a_seedlink_server_is_an_error():
    with SeedLinkServer(small()) as server:
        server.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"
        with pytest.raises(WaveformError, match=r"is no SeedLink server, it says 'HTTP/1.1 400"):
            feed_of(server).__enter__()


# --- damaged packets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: p[:8] + bytes(x ^ 0x5A for x in p[8:]), id="a record of nonsense"),
        pytest.param(lambda p: p[:8] + p[8:16] + b"\xff\x87" + p[18:], id="a name of nonsense"),
        pytest.param(lambda p: p[:28] + b"\xff\xff" + p[30:], id="a year of nonsense"),
        pytest.param(lambda p: p[:32] + b"\x40" + p[33:], id="an hour of nonsense"),
        pytest.param(lambda p: p[:38] + b"\xff\xff" + p[40:], id="a number of samples of nonsense"),
        pytest.param(lambda p: p[:62] + b"\x0c" + p[63:], id="a record of 4096 bytes"),
        pytest.param(lambda p: p[:28] + b"\x08\x30" + p[30:], id="a year in the future"),
        pytest.param(lambda p: p[:150] + bytes(x ^ 0x5A for x in p[150:]), id="other samples"),
        pytest.param(lambda p: b"XY" + p[2:], id="no signature"),
        pytest.param(lambda p: p[:400], id="too short"),
        pytest.param(lambda p: p[:12], id="hardly anything"),
        pytest.param(lambda p: p[:16] + b"FOREI" + p[21:], id="of a station not asked for"),
    ],
)
def test_a_damaged_packet_is_left_out_with_one_warning(change, logged):
    stream = many(n_seconds=60)
    records = records_of(stream)
    with SeedLinkServer() as server:
        server.append(records[:5])
        server.corrupt_next(lambda packet: packet)
        for _ in range(2):
            server.corrupt_next(change)
        with feed_of(server) as feed:
            arrivals = arrived(feed, 3)
            server.append(records[5:])
            arrivals += arrived(feed, len(records) - 5)
    starts = [arrival.segment.start_ns for arrival in arrivals]
    expected = [Record.read(r).start.ns for r in records]
    assert starts == [expected[0], *expected[3:]]
    (warning,) = logged("WARNING")
    assert "was left out" in warning


def test_bytes_too_many_are_left_out(logged):
    stream = many(n_seconds=60)
    with SeedLinkServer(stream) as server:
        server.corrupt_next(lambda packet: packet + b"and something else")
        with feed_of(server) as feed:
            assert_whole(arrived(feed, len(records_of(stream))), stream)
    assert len(logged("WARNING")) == 1


def test_there_is_one_warning_for_each_station(logged):
    stream = many(station="ONE", n_seconds=60) + many(station="TWO", n_seconds=60)

    def damaged(packet):
        return packet[:150] + bytes(x ^ 0x5A for x in packet[150:])

    with SeedLinkServer() as server:
        for _ in range(6):
            server.corrupt_next(damaged)
        server.append(records_of(stream))
        with feed_of(server, "XX.ONE..HHZ,XX.TWO..HHZ") as feed:
            arrived(feed, len(records_of(stream)) - 6)
    assert 1 <= len(logged("WARNING")) <= 2
    assert len(set(logged("WARNING"))) == len(logged("WARNING"))


def test_no_damage_is_an_exception_or_harms_what_follows():
    numbers = count(1)

    def damaged(packet, flips, length):
        changed = bytearray(packet)
        for at, mask in flips:
            changed[at] ^= mask
        return bytes(changed[:length])

    with SeedLinkServer(small()) as server, feed_of(server, begin_ns=None) as feed:

        @settings(deadline=None, max_examples=150)
        @given(
            st.lists(st.tuples(st.integers(0, PACKET_BYTES - 1), st.integers(1, 255)), max_size=8),
            st.integers(0, PACKET_BYTES),
        )
        def check(flips, length):
            server.corrupt_next(lambda packet: damaged(packet, flips, length))
            good = [small(start_s=10 * next(numbers), n_samples=90) for _ in range(3)]
            for one in good:
                server.append(one)
            starts_ns = {one[0].stats.starttime.ns for one in good[1:]}
            until_s = time.monotonic() + PATIENCE_S
            while starts_ns and time.monotonic() < until_s:
                starts_ns -= {arrival.segment.start_ns for arrival in feed.read(1.0)}
            assert not starts_ns

        check()


@pytest.mark.parametrize("encoding", ["STEIM1", "STEIM2", "INT32", "INT16", "FLOAT32", "FLOAT64"])
def test_records_that_wait_are_decoded_together_as_by_themselves(encoding, monkeypatch):
    """With a gap, and a channel whose clock runs away."""
    kind = {"INT16": np.int16, "FLOAT32": np.float32, "FLOAT64": np.float64}
    stream = many(n_seconds=30) + many(n_seconds=30, start_s=95.5) + many(30, channel="HHN")
    for one in stream:
        one.data = (one.data % 1000).astype(kind.get(encoding, np.int32))
    records = records_of(stream, encoding=encoding)
    packets = [_Packet(n, _read_header(record), record) for n, record in enumerate(records)]
    feed = SeedLinkFeed(parse_address("seedlink://host/XX.STA..HH?"))
    together = feed._arrivals(packets)
    singly = [found for packet in packets for found in feed._arrivals([packet])]
    monkeypatch.setattr("quake.live.seedlink._decode", None)
    assert feed._arrivals(packets)[0].segment.start_ns == START_NS  # none by itself

    def told(arrivals):
        return sorted(
            (
                a.segment.code,
                a.segment.start_ns,
                a.segment.sampling_rate_hz,
                a.segment.samples.tobytes(),
            )
            for a in arrivals
        )

    assert told(together) == told(singly)
    assert len(together) == len(records)


def test_times_of_a_clock_that_runs_away_are_those_of_its_records():
    """Each record is 1 ms later than the samples before it say, within the tolerance."""
    records = []
    for n in range(60):
        records += records_of(small(n_samples=100, start_s=n * 1.001, seed=n))
    packets = [_Packet(n, _read_header(record), record) for n, record in enumerate(records)]
    feed = SeedLinkFeed(parse_address("seedlink://host/XX.STA..HH?"))
    starts_ns = [a.segment.start_ns for a in feed._arrivals(packets)]
    expected = [Record.read(record).start.ns for record in records]
    assert starts_ns == pytest.approx(expected, abs=5_000_000)


# --- ends ---------------------------------------------------------------------------------


def ended(action):
    """Whether something ends, in another thread."""
    thread = threading.Thread(target=action)
    thread.start()
    thread.join(PATIENCE_S)
    return not thread.is_alive()


def test_closing_ends_an_idle_feed():
    with SeedLinkServer(small()) as server:
        feed = feed_of(server, begin_ns=None)
        with feed:
            assert feed.read(0) == []
            assert ended(feed.close)
        assert feed.read(0) == []


def test_closing_ends_a_feed_while_data_flow(monkeypatch):
    monkeypatch.setattr("quake.live.seedlink._MOST_WAITING", 10)
    with SeedLinkServer(many()) as server:
        feed = feed_of(server)
        with feed:
            server.wait_until(lambda: server.n_sent == [len(records_of(many()))])
            assert feed.read(PATIENCE_S)
            assert ended(feed.close)


def test_closing_ends_a_feed_that_waits_to_connect_again():
    server = SeedLinkServer(small())
    with server, feed_of(server, reconnect_s=3600.0) as feed:
        arrived(feed, len(records_of(small())))
        server.stop()
        assert ended(feed.close)


def test_a_feed_that_was_never_entered_can_be_closed():
    SeedLinkFeed(parse_address("seedlink://host/XX.STA..HHZ")).close()


def test_a_slow_reader_gets_everything(monkeypatch):
    monkeypatch.setattr("quake.live.seedlink._MOST_WAITING", 3)
    stream = many()
    with SeedLinkServer(stream) as server, feed_of(server) as feed:
        assert_whole(arrived(feed, len(records_of(stream))), stream)


def test_a_signal_ends_reading():
    def interrupt(*_):
        raise KeyboardInterrupt

    def read(feed):
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)).start()
        feed.read(3600.0)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with SeedLinkServer(small()) as server, feed_of(server, begin_ns=None) as feed:
            with pytest.raises(KeyboardInterrupt):
                read(feed)
            assert ended(feed.close)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_mistake_in_the_thread_reaches_the_reader(monkeypatch):
    with SeedLinkServer(small()) as server, feed_of(server, begin_ns=None) as feed:

        def mistaken(_):
            raise ZeroDivisionError

        monkeypatch.setattr(feed, "_note", mistaken)
        server.append(later(small()))
        with pytest.raises(ZeroDivisionError):
            arrived(feed, 1000)


# --- the server of these tests ------------------------------------------------------------


def test_the_client_of_obspy_understands_the_server_of_these_tests(real):
    from obspy.clients.seedlink.basic_client import Client

    begin = real[0].stats.starttime
    with SeedLinkServer(real) as server:
        client = Client("127.0.0.1", server.port, timeout=PATIENCE_S)
        assert client.get_info(level="channel") == [("BK", "MHC", "", f"BH{c}") for c in "ENZ"]
        found = client.get_waveforms("BK", "MHC", "", "BHZ", begin + 10, begin + 30)
    expected = real.select(channel="BHZ").slice(begin + 10, found[0].stats.endtime)
    assert found[0].stats.endtime > begin + 29
    np.testing.assert_array_equal(found[0].data, expected[0].data)


def test_the_server_of_these_tests_speaks_the_protocol_by_hand(real):
    records = records_of(real)
    with SeedLinkServer(real, first_sequence=0xABC) as server, connected(server) as ask:
        assert ask("HELLO").endswith(b"A server for tests\r\n")
        assert ask("CAPABILITIES EXTREPLY") == b"OK\r\n"
        assert ask("CAT") == b"BK MHC   MHC\r\nEND"
        assert ask("NONSENSE") == b"ERROR\r\n"
        assert ask("STATION XYZ BK") == b"ERROR\r\n"
        assert ask("DATA") == b"ERROR\r\n"
        assert ask("STATION MHC BK") == b"OK\r\n"
        assert ask("SELECT --BHZ") == b"ERROR\r\n"
        assert ask("SELECT ??BHZ.D") == b"OK\r\n"
        assert ask("FETCH ABE") == b"OK\r\n"
        sent = ask("END", 520 * 79 + 3)
        assert sent.endswith(b"END")
        number, record = next(
            (n, r) for n, r in enumerate(records, 0xABC) if n >= 0xABE and r[15:18] == b"BHZ"
        )
        assert sent[:520] == f"SL{number:06X}".encode("ascii") + record
        assert ask("BYE") == b""


class connected:  # noqa: N801
    """Ask a server by hand: a command in, the answer out."""

    def __init__(self, server):
        self.port = server.port

    def __enter__(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        return self.ask

    def __exit__(self, *exception):
        self.socket.close()

    def ask(self, command, n_bytes=0):
        self.socket.sendall(f"{command}\r\n".encode("ascii"))
        answer = self.socket.recv(4096)
        while len(answer) < n_bytes and not answer.endswith(b"END"):
            answer += self.socket.recv(65536)
        return answer
