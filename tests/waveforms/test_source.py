"""Sources: what files, streams and arrays hold, and what is said of those that hold nothing."""

import numpy as np
import pytest
from strategies import ID, START_NS, noise, stream, write

from quake.errors import ParameterError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.sources import ArraySource, FileSource, StreamSource, select
from quake.waveforms.times import NS_PER_S

HN = ChannelSetId("XX", "STA", "", "HN")
OTHER = ChannelSetId("XX", "OTHER", "", "HH")


@pytest.fixture
def day(tmp_path):
    """Two files of one channel set, a minute each."""
    rows = noise(12_000)
    early = write(tmp_path / "early", stream(rows[:, :6000]))
    late = write(tmp_path / "late", stream(rows[:, 6000:], start_ns=START_NS + 60 * NS_PER_S))
    return early, late


def read_all(source, key=ID):
    spans = source.spans()[key]
    return source.read(spans, key, min(s.start_ns for s in spans), max(s.end_ns for s in spans))


# --- files --------------------------------------------------------------------------------


def test_files_of_one_channel_set_are_put_together(day):
    assert len(FileSource(day).spans()[ID]) == 6


def test_a_bad_file_is_a_problem_and_the_others_go_on(day, tmp_path):
    source = FileSource([day[0], tmp_path / "missing", day[1]])
    assert len(source.spans()[ID]) == 6
    (problem,) = source.problems
    assert problem.source == str(tmp_path / "missing")
    assert "no such file" in problem.message
    assert problem.failed


def test_only_files_of_spans_are_read(day):
    source = FileSource(day)
    spans = [s for s in source.spans()[ID] if s.source == str(day[1])]
    day[0].unlink()
    assert source.read(spans, ID, START_NS, START_NS + 120 * NS_PER_S)
    assert source.problems == []


def test_a_file_that_vanishes_is_reported_once_however_often_it_is_read(day):
    source = FileSource(day)
    spans = source.spans()[ID]
    day[0].unlink()
    for _ in range(3):
        source.read(spans, ID, START_NS, START_NS + 60 * NS_PER_S)
    assert len(source.problems) == 1


def test_a_file_that_stands_for_something_else_is_shown_by_that_name(tmp_path):
    empty = tmp_path / "tmp123"
    empty.touch()
    source = FileSource([empty], names={str(empty): "standard input"})
    source.spans()
    assert source.problems[0].source == "standard input"
    assert source.problems[0].message.startswith("standard input: empty file")


def test_the_number_of_files_scanned_is_told(day):
    told = []
    FileSource(day, on_file=told.append).spans()
    assert told == [1, 2]


def test_no_files_hold_nothing():
    assert FileSource([]).spans() == {}


# --- streams and arrays -------------------------------------------------------------------


def test_a_stream_gives_what_its_file_gives(tmp_path):
    whole = stream(noise(3000))
    from_file = read_all(FileSource([write(tmp_path / "a", whole)]))
    from_stream = read_all(StreamSource(whole))
    in_order = (sorted(found, key=lambda s: s.code) for found in (from_file, from_stream))
    for a, b in zip(*in_order, strict=True):
        assert (a.code, a.start_ns, a.sampling_rate_hz) == (b.code, b.start_ns, b.sampling_rate_hz)
        np.testing.assert_array_equal(a.samples, b.samples)


def test_rows_of_an_array_are_the_components_named():
    rows = noise(500)
    source = ArraySource(rows, 50.0, "2021-03-04T05:06:00Z", "Z12")
    segments = read_all(source, source.id)
    assert [s.code for s in segments] == ["Z", "1", "2"]
    assert {s.start_ns for s in segments} == {START_NS}
    np.testing.assert_array_equal([s.samples for s in segments], rows)


@pytest.mark.parametrize("shape", [(500,), (2, 500), (3, 0), (1, 3, 500)])
def test_an_array_whose_rows_are_not_the_components_is_refused(shape):
    with pytest.raises(ParameterError, match="one row a component of 'ZNE'"):
        ArraySource(np.zeros(shape), 50.0)


@pytest.mark.parametrize("rate_hz", [0, -1, float("nan"), float("inf")])
def test_an_array_without_a_rate_is_refused(rate_hz):
    with pytest.raises(ParameterError, match="sampling_rate_hz must be positive"):
        ArraySource(np.zeros((3, 10)), rate_hz)


# --- selection ----------------------------------------------------------------------------


def spans_of(key, codes, source="file"):
    return [Span(key, code, 0, NS_PER_S, 100.0, source) for code in codes]


FOUND = {key: spans_of(key, "ZNE") for key in (OTHER, ID, HN)}


def test_all_channel_sets_are_taken_in_the_order_of_their_names():
    assert [str(key) for key in select(FOUND)[0]] == ["XX.OTHER..HH?", "XX.STA..HH?", "XX.STA..HN?"]


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["HH?"], {ID, OTHER}),
        (["HN*"], {HN}),
        (["XX.STA..*"], {ID, HN}),
        (["XX.STA..HH?"], {ID}),
        (["*.OTHER.*", "HN?"], {OTHER, HN}),
        (["BH?"], set()),
        (["hh?"], set()),
    ],
)
def test_patterns_choose_channel_sets(patterns, kept):
    assert set(select(FOUND, patterns)[0]) == kept


def test_a_pattern_that_names_a_component_takes_that_one_alone():
    kept, _ = select(FOUND, ["XX.STA..HHZ"])
    assert [span.code for span in kept[ID]] == ["Z"]


def test_a_channel_set_without_a_usable_component_is_left_out_and_said():
    hydrophone = ChannelSetId("XX", "STA", "", "HD")
    kept, (problem,) = select({hydrophone: spans_of(hydrophone, "H", "deep.mseed")})
    assert kept == {}
    assert "deep.mseed, XX.STA..HD?: component H" in problem.message
    assert not problem.failed


def test_a_component_that_doubles_another_is_said_and_kept_for_when_the_other_is_missing():
    kept, (problem,) = select({ID: spans_of(ID, "ZNE1")})
    assert [span.code for span in kept[ID]] == ["Z", "N", "E", "1"]
    assert "component 1" in problem.message
