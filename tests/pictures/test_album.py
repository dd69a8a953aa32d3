"""Files of an album: their names, when there is one, and what becomes of failures."""

import logging
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import START_NS, noise, segment

from quake.events import EventOptions
from quake.files import write_whole
from quake.output.windows import windows_as_bytes
from quake.pictures import traces as traces_module
from quake.pictures.album import Album, ends_of
from quake.pictures.picture_file import picture_name
from quake.pictures.traces import read_traces
from quake.store.station_work import PictureJob, PictureOpener
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S
from quake.windows.grid import WindowGrid
from quake.windows.station_days import station_days

GRID = WindowGrid(60 * NS_PER_S, 30 * NS_PER_S)
CODES = st.text(st.characters(codec=None), max_size=8)


@pytest.fixture
def album(tmp_path, card):
    options = EventOptions({"earthquake": 0.5, "surface_event": 0.5}, min_stations=3)
    return Album(str(tmp_path / "pictures"), card, (0.5, 0.5, 0.5), options)


@pytest.fixture
def source(array_source):
    return array_source(noise(12_000))


@pytest.fixture
def day(source):
    (day,) = station_days(source.spans(), GRID)
    return day


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@given(*[CODES] * 4)
def test_a_name_never_leaves_its_folder_nor_hides(network, station, location, band):
    name = picture_name(ChannelSetId(network, station, location, band), "2020-05-02")
    assert Path("folder", name).resolve().parent == Path("folder").resolve()
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith(".")
    assert len(name.split(".")) == 6


@given(first=st.tuples(*[CODES] * 4), second=st.tuples(*[CODES] * 4))
def test_two_channel_sets_have_two_names(first, second):
    names = [picture_name(ChannelSetId(*codes), "2020-05-02") for codes in (first, second)]
    assert (names[0] == names[1]) == (first == second)


def test_a_day_is_drawn_into_a_file_of_its_name(album, source, day, record):
    assert album.draw(source, day, [record(), record(30)])
    assert names_in(album.folder) == ["XX.STA..HH.2021-03-04.png"]
    assert album.path_of(day).read_bytes()[:4] == b"\x89PNG"


def test_what_draws_can_be_sent_to_another_process(album, day, record, tmp_path):
    windows = tmp_path / "windows.csv"
    content = windows_as_bytes("csv", [record(), record(30)], album.card.labels.names, 1)
    windows.write_bytes(content)
    opener, job = pickle.loads(
        pickle.dumps((PictureOpener(album), PictureJob(day, "a", str(windows))))
    )
    assert opener()(job) is None
    assert album.has(day, "a")


def test_a_day_without_windows_has_no_picture(album, source, day):
    assert not album.draw(source, day, [])
    assert not Path(album.folder).exists()


def test_a_picture_is_known_by_its_inputs_and_settings(album, source, day, record):
    assert not album.has(day, "a")
    album.draw(source, day, [record()], "a")
    assert album.has(day, "a")
    assert not album.has(day, "b")
    assert not replace(album, settings="another model").has(day, "a")
    assert not replace(album, thresholds=(0.1, 0.5, 0.5)).has(day, "a")
    album.path_of(day).write_bytes(b"no picture")
    assert not album.has(day, "a")


def test_what_cannot_be_drawn_is_a_warning(album, source, day, record, monkeypatch, caplog):
    def fail(*arguments):
        raise MemoryError("no room")

    monkeypatch.setattr(source, "read", fail)
    with caplog.at_level(logging.WARNING):
        assert not album.draw(source, day, [record()])
    (said,) = caplog.messages
    assert said == "XX.STA..HH? on 2021-03-04: no picture of it (MemoryError: no room)"
    assert not Path(album.folder).exists()


def test_what_cannot_be_written_is_an_error_and_leaves_nothing(album, source, day, record):
    album.path_of(day).mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        album.draw(source, day, [record()])
    assert names_in(album.folder) == [album.path_of(day).name]


def test_a_picture_replaces_what_a_link_stands_for_and_not_its_target(tmp_path):
    target, link = tmp_path / "target", tmp_path / "a.png"
    target.write_text("mine")
    link.symlink_to(target)
    write_whole(link, b"picture")
    assert target.read_text() == "mine"
    assert link.read_bytes() == b"picture"
    assert names_in(tmp_path) == ["a.png", "target"]


def test_a_picture_is_as_long_as_windows_and_data_are(array_source, record):
    source = array_source(noise(300))
    (day,) = station_days(source.spans(), GRID)
    assert ends_of(day, [record()]) == (START_NS, START_NS + 3 * NS_PER_S)
    source = array_source(noise(30_000))
    (day,) = station_days(source.spans(), GRID)
    assert ends_of(day, [record(30), record(90)]) == (
        START_NS + 30 * NS_PER_S,
        START_NS + 150 * NS_PER_S,
    )


def test_blocks_give_what_the_whole_gives(array_source, monkeypatch):
    source = array_source(noise(60_000, n_rows=2), components="ZE")
    ((key, spans),) = source.spans().items()
    ends = START_NS, START_NS + 600 * NS_PER_S
    whole = read_traces(source, spans, key, *ends, 20.0, 100)
    monkeypatch.setattr(traces_module, "_BLOCK_SAMPLES", 7000)
    blocks = read_traces(source, spans, key, *ends, 20.0, 100)
    for component in "ZNE":
        one, other = whole.traces[component], blocks.traces[component]
        np.testing.assert_array_equal(other.envelope.low, one.envelope.low)
        np.testing.assert_array_equal(other.envelope.high, one.envelope.high)
        assert other.gaps == one.gaps
    np.testing.assert_allclose(blocks.spectrogram.decibels(), whole.spectrogram.decibels())


def test_headers_that_lie_about_rates_cost_no_memory_and_no_time():
    class Lying:
        """Has rates from a thousandth of a hertz to a gigahertz; counts how often it is read."""

        problems = ()
        n_reads = 0

        def read(self, spans, channel_set, start_ns, end_ns):
            self.n_reads += 1
            return [segment(np.arange(20), START_NS, rate_hz) for rate_hz in (0.001, 50.0, 1e9)]

    key = ChannelSetId("XX", "STA", "", "HH")
    end_ns = START_NS + 86_400 * NS_PER_S
    spans = [Span(key, "Z", START_NS, end_ns, rate, "") for rate in (0.001, 50.0, 1e9)]
    source = Lying()
    found = read_traces(source, spans, key, START_NS, end_ns, 20.0, 100)
    assert source.n_reads <= 1440
    assert found.spectrogram.power.size < 100_000
