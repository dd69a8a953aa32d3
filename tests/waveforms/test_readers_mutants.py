"""Readers: bounds, sentences and foreign channel sets that no other test would notice."""

import re
import struct

import numpy as np
import pytest
from obspy import Stream, UTCDateTime
from strategies import ID, START_NS, noise, stream, trace, write

from quake.errors import WaveformError
from quake.waveforms.readers import waveform_file as readers
from quake.waveforms.readers.waveform_file import (
    is_waveform_file,
    read_segments,
    sac_p_ns,
    scan,
    segments_from_stream,
    spans_from_stream,
)
from quake.waveforms.times import NS_PER_S

SAC_HEADER_BYTES = 632
SLOWEST_HZ, FASTEST_HZ = readers._SLOWEST_HZ, readers._FASTEST_HZ


@pytest.fixture
def counts():
    return noise(6000, n_rows=1)[0].astype(np.int32)


@pytest.fixture
def sac(tmp_path):
    """A second at 100 Hz; sample k has the value k."""
    return write(tmp_path / "a.sac", trace(np.arange(100, dtype=np.float32)), format="SAC")


def damage_blocks(path, n_records):
    """Spoil what Steim records say of their own last sample."""
    content = bytearray(path.read_bytes())
    for number in range(n_records):
        content[number * 512 + 72] ^= 0x55
    path.write_bytes(content)


def steim(path, counts, n_damaged):
    """Four records, some of which fail their own check when samples are read."""
    pieces = [trace(counts[50 * n :][:50], start_ns=START_NS + n * 10 * NS_PER_S) for n in range(4)]
    write(path, Stream(pieces), encoding="STEIM2", reclen=512)
    damage_blocks(path, n_damaged)
    return path


# --- sentences ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_damaged", "more"), [(1, ""), (2, " (and 1 more like it)"), (3, " (and 2 more like it)")]
)
def test_what_the_decoder_says_is_one_sentence_with_its_file(tmp_path, counts, n_damaged, more):
    path = steim(tmp_path / "a.mseed", counts, n_damaged)
    _, (problem,) = read_segments(path, ID)
    said = r"FDSN:XX_STA__H_H_Z: .*integrity check for Steim2 failed, Last sample=-?\d+, Xn=-?\d+"
    ends = f"{more}; check the file, or leave it out"
    assert re.fullmatch(f"{re.escape(str(path))}: {said}{re.escape(ends)}", problem)


def test_a_good_file_has_no_problems(tmp_path, counts):
    assert read_segments(steim(tmp_path / "a.mseed", counts, 0), ID)[1] == []


def test_bytes_that_could_not_be_read_are_said_with_what_to_do(tmp_path, counts):
    path = write(tmp_path / "a.mseed", trace(counts), reclen=512)
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    problem = scan(path)[1][-1]
    assert problem == (
        f"{path}: truncated or damaged, 412 of {len(content) - 100} bytes could not be read; the "
        "rest is used; fetch the file again"
    )


def test_each_trace_of_a_file_that_cannot_be_used_is_a_part_of_the_sentence(tmp_path, counts):
    traces = Stream([trace(counts, f"HH{c}", rate_hz=200_000) for c in "ZN"])
    path = write(tmp_path / "a.mseed", traces)
    with pytest.raises(WaveformError) as error:
        scan(path)
    fault = f"sampling rate 200000 Hz, one from {SLOWEST_HZ:g} to {FASTEST_HZ:g} Hz was expected"
    assert str(error.value) == (
        f"{path}, XX.STA..HHN: {fault}; the trace is left out; "
        f"{path}, XX.STA..HHZ: {fault}; the trace is left out"
    )


def test_what_was_raised_of_the_bytes_is_said_in_a_line(tmp_path, counts, monkeypatch):
    path = write(tmp_path / "a.mseed", trace(counts), reclen=512)

    def fail(_):
        raise ValueError("out of bounds\nat byte 7")

    monkeypatch.setattr(readers, "scan_records", fail)
    with pytest.raises(WaveformError) as error:
        scan(path)
    assert str(error.value) == (
        f"{path}: damaged MSEED data (out of bounds); check the file, or leave it out"
    )


def test_a_file_without_a_complete_record_is_said_to_be_one(tmp_path, counts):
    path = write(tmp_path / "a.mseed", trace(counts), reclen=512)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(WaveformError) as error:
        scan(path)
    expected = f"{path}: no complete record in it; check the file, or leave it out"
    assert str(error.value) == expected


# --- streams ------------------------------------------------------------------------------


def test_spans_of_a_stream_say_that_they_are_of_one(counts):
    assert [span.source for span in spans_from_stream(stream([counts], "Z"))] == ["stream"]


def test_an_empty_stream_is_said_to_be_empty():
    with pytest.raises(WaveformError) as error:
        spans_from_stream(Stream())
    assert str(error.value) == "stream: no trace can be used (it is empty)"


def test_each_trace_of_a_stream_that_cannot_be_used_is_named(counts):
    traces = Stream([trace(counts, "HHZ", rate_hz=1e6), trace(counts, "", station="AAA")])
    with pytest.raises(WaveformError) as error:
        spans_from_stream(traces)
    reasons = str(error.value).removeprefix("stream: no trace can be used (").removesuffix(")")
    assert [reason.rpartition(": ")[2] for reason in reasons.split("; ")] == [
        f"sampling rate 1e+06 Hz, one from {SLOWEST_HZ:g} to {FASTEST_HZ:g} Hz was expected",
        "no channel code, so its component is unknown",
    ]


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        (np.array([], np.int32), "no samples"),
        (np.frombuffer(b"a log of the recorder", "S1"), "text, not samples"),
    ],
)
def test_what_is_no_record_of_a_stream_is_said_to_be_none(samples, fault):
    with pytest.raises(WaveformError) as error:
        spans_from_stream(Stream([trace(samples)]))
    assert str(error.value) == f"stream: no trace can be used (XX.STA..HHZ: {fault})"


@pytest.mark.parametrize("rate_hz", [SLOWEST_HZ, FASTEST_HZ])
def test_the_slowest_and_the_fastest_rate_are_used(counts, rate_hz):
    (span,) = spans_from_stream(Stream([trace(counts, rate_hz=rate_hz)]))
    assert span.sampling_rate_hz == rate_hz


def test_one_sample_is_a_trace(counts):
    (span,) = spans_from_stream(Stream([trace(counts[:1])]))
    assert span.end_ns - span.start_ns == NS_PER_S // 100


def test_other_channel_sets_of_a_stream_are_left_out(counts):
    traces = Stream([trace(counts, "HHZ"), trace(counts, "HHZ", station="OTHER")])
    assert len(segments_from_stream(traces, ID)) == 1


def test_traces_that_cannot_be_used_are_left_out_of_a_stream(counts):
    traces = Stream([trace(counts, "HHZ"), trace(counts, "HHN", rate_hz=1e6)])
    assert [segment.code for segment in segments_from_stream(traces, ID)] == ["Z"]


# --- bounds -------------------------------------------------------------------------------


def cut(path, start_ms=None, end_ms=None):
    """Values of the samples from a time to another, and when the first of them is, in ms."""
    bounds = [None if ms is None else START_NS + round(ms * 1e6) for ms in (start_ms, end_ms)]
    segments, _ = read_segments(path, ID, *bounds)
    if not segments:
        return None
    (segment,) = segments
    values = segment.samples.tolist()
    return values[0], values[-1], (segment.start_ns - START_NS) / 1e6


def test_a_segment_begins_at_its_first_sample(sac):
    assert cut(sac) == (0, 99, 0)
    assert cut(sac, 200) == (20, 99, 200)
    assert cut(sac, 204, 396) == (20, 40, 200)


@pytest.mark.parametrize(("start_ms", "first"), [(4.9994, 0), (4.9997, 1), (5, 1), (15, 2)])
def test_the_nearer_sample_is_taken_of_times_to_the_microsecond(sac, start_ms, first):
    assert cut(sac, start_ms) == (first, 99, first * 10)


@pytest.mark.parametrize(
    "bounds", [(1000, None), (1000, 2000), (996, 1100), (2000, 3000), (None, -10), (-500, -10)]
)
def test_outside_of_a_trace_there_are_no_segments(sac, bounds):
    assert cut(sac, *bounds) is None


def test_bounds_beyond_a_trace_take_all_of_it(sac):
    assert cut(sac, -500, 5000) == (0, 99, 0)


# --- SAC ----------------------------------------------------------------------------------


def with_header(path, name, value):
    """Set a number in the header: `b` is its sixth one, `a` its ninth."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<f", content, 4 * {"b": 5, "a": 8}[name], value)
    path.write_bytes(content)


def test_the_arrival_in_a_sac_header_is_counted_from_its_reference(sac):
    with_header(sac, "b", 10.0)
    with_header(sac, "a", 12.5)
    # The first sample is 10 s behind the reference time, the arrival 12.5 s.
    assert sac_p_ns(sac) == START_NS + 12_500_000_000


def test_samples_of_a_sac_file_are_read_only_where_they_are_wanted(sac, monkeypatch):
    from obspy.io.sac import core

    wanted, read = [], core._read_sac

    def count(file, headonly=False, **options):
        wanted.append(headonly)
        return read(file, headonly=headonly, **options)

    monkeypatch.setattr(core, "_read_sac", count)
    scan(sac)
    sac_p_ns(sac)
    read_segments(sac, ID)
    assert wanted == [True, True, False]


def test_a_sac_file_without_an_arrival_has_none(sac):
    assert sac_p_ns(sac) is None


def test_other_files_have_no_arrival(tmp_path, counts):
    assert sac_p_ns(write(tmp_path / "a.mseed", trace(counts))) is None
    assert sac_p_ns(tmp_path / "missing.sac") is None


def test_an_arrival_that_is_damaged_is_none(sac):
    sac.write_bytes(sac.read_bytes()[: SAC_HEADER_BYTES - 100])
    assert sac_p_ns(sac) is None


def test_a_waveform_file_is_told_by_its_content(tmp_path, sac, counts):
    assert is_waveform_file(sac) is True
    assert is_waveform_file(str(write(tmp_path / "a", trace(counts)))) is True
    text = tmp_path / "a.mseed"
    text.write_text("no waveforms")
    assert is_waveform_file(text) is False
    text.write_bytes(b"")
    assert is_waveform_file(text) is False


def test_a_file_that_cannot_be_opened_is_no_matter_of_content(tmp_path):
    with pytest.raises(WaveformError) as error:
        is_waveform_file(tmp_path / "missing")
    assert str(error.value) == (
        f"{tmp_path / 'missing'}: cannot be read (No such file or directory); check its permissions"
    )


def test_a_name_that_no_file_can_have_is_said_to_be_none():
    with pytest.raises(WaveformError, match=r"cannot be read \(embedded null byte\)"):
        is_waveform_file("a\0b")


def test_an_error_without_a_text_of_the_system_is_said_as_it_is(sac, monkeypatch):
    def fail(_):
        raise OSError("the drive is gone")

    monkeypatch.setattr(readers, "refuse_special", fail)
    for read in (scan, is_waveform_file):
        with pytest.raises(WaveformError, match=r"cannot be read \(the drive is gone\)"):
            read(sac)


# --- what cannot be used ------------------------------------------------------------------


def fault_of(samples, **codes):
    """What is said of a stream of one trace; empty if it can be used."""
    found = trace(samples)
    found.stats.update(codes)
    try:
        spans_from_stream(Stream([found]))
    except WaveformError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("station", ["S\xc9T", "S\x1bT", "S\nT"])
def test_codes_that_no_station_has_are_said_to_be_such(counts, station):
    problem = fault_of(counts, station=station)
    assert (
        ": characters in its codes that are not printable ASCII, which no station has)" in problem
    )


def test_a_record_may_begin_with_the_first_nanosecond_that_is_known(counts):
    first = readers._EARLIEST_NS
    assert fault_of(counts, starttime=UTCDateTime(ns=first)) == ""
    problem = fault_of(counts, starttime=UTCDateTime(ns=first - NS_PER_S))
    assert "times before 1678 or after 2261" in problem


def test_a_record_ends_before_times_cannot_be_written_any_more(counts):
    length_ns = len(counts) * NS_PER_S // 100
    last = readers._LATEST_NS - length_ns
    assert fault_of(counts, starttime=UTCDateTime(ns=last - NS_PER_S)) == ""
    problem = fault_of(counts, starttime=UTCDateTime(ns=last))
    assert "times before 1678 or after 2261" in problem


def test_records_behind_blank_blocks_are_records(tmp_path, counts):
    path = write(tmp_path / "a.mseed", trace(counts), reclen=512)
    path.write_bytes(b" " * 384 + path.read_bytes())
    assert is_waveform_file(path)


def test_records_behind_a_damaged_one_are_records(tmp_path, counts):
    path = write(tmp_path / "a.mseed", trace(counts), reclen=512)
    path.write_bytes(b"garbage!" + path.read_bytes()[8:])
    assert is_waveform_file(path)


REST = b"STA  00HHZXX" + bytes(range(100))


@pytest.mark.parametrize(
    ("head", "is_seed"),
    [
        (b"000001D " + REST, True),
        (b"000123M " + REST, True),
        (b"     1R " + REST, True),
        (b"      Q " + REST, True),
        (bytes(6) + b"D " + REST, True),
        (b"00001\0V " + REST, True),
        (b" " * 256 + b"000001D " + REST, True),
        (b"000001X " + REST, False),
        (b"00001D  " + REST, False),
        (b"0000001D" + REST, False),
        (b"number D" + REST, False),
        (b"00 001D " + REST, False),
        (b" " * 300, False),
        (b"", False),
    ],
)
def test_a_record_of_seed_begins_with_a_number_and_a_letter(head, is_seed):
    assert readers._begins_like_seed(head) == is_seed
