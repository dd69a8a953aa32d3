"""Digests of inputs: what changes the windows of a station-day changes them, and little else."""

from dataclasses import replace

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime

from quake.store.digests import digest_of_inputs
from quake.store.entries import FileEntry, FileState
from quake.store.headers import scan_file
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.windows.station_days import DAY_NS, StationDay

ID = ChannelSetId("XX", "STA", "", "HH")
WINDOW_NS = 60 * 10**9
HALF_DAY_NS = DAY_NS // 2


def digest(*spans, window_ns=WINDOW_NS, has_failed=False, **changes):
    """Of the day from midnight on, with a file a span; changed as by path."""
    entries = {}
    for part in spans:
        size, head = changes.get(part.source, (512, "head"))
        entries[part.source] = FileEntry(
            FileState(part.source, size, 7), (part,), (), ((ID, head),)
        )
    day = StationDay(ID, 0, spans)
    return digest_of_inputs(day, entries, window_ns, has_failed=has_failed)


def file_span(path, start_ns, end_ns, code="Z"):
    return Span(ID, code, start_ns, end_ns, 100.0, path)


TODAY = file_span("today", 0, DAY_NS)
YESTERDAY = file_span("yesterday", -DAY_NS, 0)
TOMORROW = file_span("tomorrow", DAY_NS, DAY_NS + HALF_DAY_NS)


def test_the_digest_of_inputs_does_not_depend_on_their_order():
    assert digest(YESTERDAY, TODAY, TOMORROW) == digest(TOMORROW, TODAY, YESTERDAY)


def test_a_file_of_the_day_counts_with_its_state():
    assert digest(TODAY) != digest(TODAY, today=(513, "head"))
    assert digest(TODAY) != digest(replace(TODAY, source="elsewhere"))
    assert digest(TODAY) != digest(replace(TODAY, end_ns=DAY_NS - 1))
    assert digest(TODAY) != digest(replace(TODAY, code="N"))


def test_that_tomorrows_file_grows_does_not_count():
    grown = replace(TOMORROW, end_ns=2 * DAY_NS)
    assert digest(TODAY, TOMORROW) == digest(TODAY, grown, tomorrow=(1024, "head"))


def test_how_tomorrows_file_begins_counts():
    before = digest(TODAY, TOMORROW)
    assert before != digest(TODAY)
    assert before != digest(TODAY, TOMORROW, tomorrow=(512, "other"))
    assert before != digest(TODAY, replace(TOMORROW, end_ns=DAY_NS + WINDOW_NS))


def test_of_yesterdays_file_its_end_counts():
    before = digest(YESTERDAY, TODAY)
    assert before == digest(YESTERDAY, TODAY, yesterday=(1024, "other"))
    assert before != digest(replace(YESTERDAY, end_ns=-1), TODAY)
    over_midnight = replace(YESTERDAY, end_ns=5)
    assert digest(over_midnight, TODAY) != digest(over_midnight, TODAY, yesterday=(1024, "head"))


def test_where_something_has_failed_any_file_may_have_mended_it():
    before = digest(YESTERDAY, TODAY, TOMORROW, has_failed=True)
    for name in ("yesterday", "today", "tomorrow"):
        mended = {name: (513, "head")}
        assert digest(YESTERDAY, TODAY, TOMORROW, has_failed=True, **mended) != before


def test_windows_that_reach_behind_the_head_see_the_whole_file():
    long_ns = 400 * 10**9
    before = digest(TODAY, TOMORROW, window_ns=long_ns)
    assert before != digest(TODAY, TOMORROW, window_ns=long_ns, tomorrow=(1024, "head"))


MIDNIGHT = UTCDateTime("2021-03-05")
MINUTES = 25


def traces(station="STA", since=MIDNIGHT, minutes=MINUTES, seed=0):
    rng = np.random.default_rng(seed)
    header = {"network": "XX", "station": station, "sampling_rate": 20.0, "starttime": since}
    return [
        Trace(rng.normal(0, 1e3, minutes * 1200).astype("int32"), {**header, "channel": channel})
        for channel in ("HHZ", "HHN")
    ]


def heads(path, stream):
    Stream(stream).write(str(path), format="MSEED", reclen=512)
    return dict(scan_file(str(path)).heads)


def otherwise(stream, minute):
    """The same traces with other samples from a minute on."""
    for trace in stream:
        trace.data[minute * 1200 :] += 7
    return stream


@pytest.mark.parametrize(("minute", "counts"), [(0, True), (9, True), (11, False)])
def test_the_first_ten_minutes_of_a_channel_set_count(tmp_path, minute, counts):
    before = heads(tmp_path / "file", traces())
    assert before.keys() == {ID}
    assert (heads(tmp_path / "file", otherwise(traces(), minute)) != before) == counts


@pytest.mark.parametrize(("minutes", "counts"), [(5, True), (12, False)])
def test_a_file_that_grows_keeps_its_head_once_it_has_one(tmp_path, minutes, counts):
    cut = [t.slice(endtime=MIDNIGHT + 60 * minutes) for t in traces()]
    assert (heads(tmp_path / "cut", cut) != heads(tmp_path / "whole", traces())) == counts


def test_channel_sets_of_one_file_have_heads_of_their_own(tmp_path):
    before = heads(tmp_path / "file", [*traces("OTHER"), *traces()])
    after = heads(tmp_path / "file", [*traces("OTHER", seed=1), *traces()])
    other = replace(ID, station="OTHER")
    assert before.keys() == {ID, other}
    assert before[ID] == after[ID]
    assert before[other] != after[other]


def test_what_is_added_behind_and_belongs_to_the_beginning_counts(tmp_path):
    late = traces("STA", MIDNIGHT + 120)
    before = heads(tmp_path / "file", late)
    after = heads(tmp_path / "file", [*late, *traces("STA", MIDNIGHT, minutes=1)])
    assert before.keys() == after.keys() == {ID}
    assert before != after


def test_no_head_is_read_that_no_day_before_needs(tmp_path):
    assert heads(tmp_path / "noon", traces(since=MIDNIGHT + 43_200)) == {}
    traces()[0].write(str(tmp_path / "sac"), format="SAC")
    assert scan_file(str(tmp_path / "sac")).heads == ()
    assert scan_file(str(tmp_path / "missing")).heads == ()
