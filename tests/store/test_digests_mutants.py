"""Digests: lengths, bounds and failures that no other test would notice."""

import numpy as np
import pytest
from strategies import ID, noise, trace, write

from quake.store import digests
from quake.store.digests import digest_of_inputs, heads_of
from quake.store.entries import FileEntry, FileState
from quake.store.headers import scan_file
from quake.waveforms.readers.waveform_file import scan_with_index
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S
from quake.windows.station_days import DAY_NS, StationDay

WINDOW_NS = 60 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S


def file_span(path, start_ns, end_ns):
    return Span(ID, "Z", start_ns, end_ns, 100.0, path)


TODAY = file_span("today", 0, DAY_NS)


def digest(*spans, window_ns=WINDOW_NS, head="head", size=512, **options):
    entries = {
        s.source: FileEntry(FileState(s.source, size, 7), (s,), (), ((ID, head),)) for s in spans
    }
    return digest_of_inputs(StationDay(ID, 0, spans), entries, window_ns, **options)


def mseed(path, start_ns, samples=None, rate_hz=1.0):
    """A file, its spans and its index."""
    samples = noise(60, n_rows=1)[0].astype(np.int32) if samples is None else samples
    write(path, trace(samples, start_ns=start_ns, rate_hz=rate_hz), reclen=512)
    spans, _, index = scan_with_index(path)
    return str(path), spans, index


def head(*arguments):
    ((_, found),) = heads_of(*mseed(*arguments))
    return found


# --- inputs -------------------------------------------------------------------------------


def test_digests_have_sixteen_bytes_and_heads_eight(tmp_path):
    assert len(digest(TODAY)) == 32
    assert len(head(tmp_path / "a.mseed", 0)) == 16


def test_nothing_has_failed_unless_it_is_said():
    tomorrow = file_span("tomorrow", DAY_NS, 2 * DAY_NS)
    spans = (TODAY, tomorrow)
    assert digest(*spans) == digest(*spans, has_failed=False)
    assert digest(*spans) != digest(*spans, has_failed=True)


@pytest.mark.parametrize(
    ("window_s", "counts"), [(200, False), (250, False), (300, False), (301, True)]
)
def test_the_size_of_tomorrows_file_counts_where_two_windows_are_longer_than_a_head(
    window_s, counts
):
    spans = (TODAY, file_span("tomorrow", DAY_NS, 2 * DAY_NS))
    entries = {
        s.source: FileEntry(FileState(s.source, 512, 7), (s,), (), ((ID, "h"),)) for s in spans
    }
    grown = {
        **entries,
        "tomorrow": FileEntry(FileState("tomorrow", 1024, 7), spans[1:], (), ((ID, "h"),)),
    }
    day = StationDay(ID, 0, spans)
    before, after = (digest_of_inputs(day, e, window_s * NS_PER_S) for e in (entries, grown))
    assert (before != after) is counts


def test_two_windows_before_the_day_count_and_no_more():
    def begins(seconds):
        return digest(file_span("early", -seconds * NS_PER_S, 10), TODAY)

    assert begins(121) == begins(120) == begins(4000)
    assert len({begins(120), begins(119), begins(60), begins(1)}) == 4


def test_two_windows_after_the_day_count_and_no_more():
    def ends(seconds):
        return digest(file_span("late", 5, DAY_NS + seconds * NS_PER_S), TODAY)

    assert ends(121) == ends(120) == ends(4000)
    assert len({ends(120), ends(119), ends(60), ends(1)}) == 4


# --- heads --------------------------------------------------------------------------------


def test_the_earliest_span_says_where_a_channel_set_begins(tmp_path):
    path, spans, index = mseed(tmp_path / "a.mseed", 0)
    noon = file_span(path, DAY_NS // 2, DAY_NS // 2 + NS_PER_S)
    assert heads_of(path, [*spans, noon], index) == heads_of(path, spans, index) != ()


@pytest.mark.parametrize(("begin_s", "n_heads"), [(0, 1), (599, 1), (600, 0), (601, 0)])
def test_what_begins_ten_minutes_after_midnight_has_no_head(tmp_path, begin_s, n_heads):
    assert len(heads_of(*mseed(tmp_path / "a.mseed", begin_s * NS_PER_S))) == n_heads


def test_a_file_that_cannot_be_read_any_more_has_no_head(tmp_path):
    path, spans, index = mseed(tmp_path / "a.mseed", 0)
    (tmp_path / "a.mseed").unlink()
    assert heads_of(path, spans, index) == ()


def test_samples_at_another_time_or_rate_are_another_head(tmp_path):
    samples = np.arange(60, dtype=np.int32)
    first = head(tmp_path / "a.mseed", 0, samples)
    assert head(tmp_path / "b.mseed", 0, samples) == first
    assert head(tmp_path / "c.mseed", NS_PER_S, samples) != first
    assert head(tmp_path / "d.mseed", 0, samples, 2.0) != first


def test_what_the_decoder_complains_of_is_part_of_a_head(tmp_path, monkeypatch):
    file = mseed(tmp_path / "a.mseed", 0)
    fine = heads_of(*file)
    read = digests.read_segments
    monkeypatch.setattr(
        digests, "read_segments", lambda *a, **k: (read(*a, **k)[0], ["a block is damaged"])
    )
    assert heads_of(*file) != fine


def test_the_entry_of_a_scanned_file_has_these_heads(tmp_path):
    path, spans, index = mseed(tmp_path / "a.mseed", 0)
    assert scan_file(path).heads == heads_of(path, spans, index)
