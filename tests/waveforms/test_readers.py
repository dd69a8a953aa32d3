"""Readers: good files give their samples, bad ones a WaveformError that names them."""

import os
import pickle
import random
import struct

import numpy as np
import pytest
from strategies import ID, START_NS, noise, stream, trace, write

from quake.errors import WaveformError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.waveform_file import (
    contents_of,
    read_segments,
    scan,
    segments_from_stream,
    spans_from_stream,
)
from quake.waveforms.times import NS_PER_S


@pytest.fixture
def counts():
    return noise(6000, n_rows=1)[0].astype(np.int32)


@pytest.fixture
def floats():
    return noise(6000, n_rows=1)[0].astype(np.float32)


@pytest.fixture
def path(tmp_path, counts):
    """A miniSEED file of a minute, records of 512 bytes."""
    return write(tmp_path / "good.mseed", trace(counts), reclen=512)


def samples(path, channel_set=ID, **bounds):
    segments, _ = read_segments(path, channel_set, **bounds)
    return np.concatenate([s.samples for s in sorted(segments, key=lambda s: s.start_ns)])


def error_of(path):
    with pytest.raises(WaveformError) as error:
        scan(path)
    text = str(error.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    return text


# --- good files ---------------------------------------------------------------------------


def test_headers_of_a_file_are_its_spans(path):
    (span,), problems = scan(path)
    assert (span.id, span.code, span.sampling_rate_hz) == (ID, "Z", 100)
    assert (span.start_ns, span.end_ns) == (START_NS, START_NS + 60 * NS_PER_S)
    assert span.source == str(path)
    assert problems == []


@pytest.mark.parametrize("encoding", ["STEIM1", "STEIM2", "INT32"])
def test_miniseed_gives_its_samples(tmp_path, counts, encoding):
    written = write(tmp_path / "a.mseed", trace(counts), encoding=encoding)
    np.testing.assert_array_equal(samples(written), counts)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_sac_gives_its_samples_in_either_byte_order(tmp_path, floats, byteorder):
    written = write(tmp_path / "a.sac", trace(floats), format="SAC", byteorder=byteorder)
    (span,), problems = scan(written)
    assert (span.id, span.code, span.start_ns) == (ID, "Z", START_NS)
    np.testing.assert_array_equal(samples(written), floats)
    assert problems == []


@pytest.mark.parametrize("rate_hz", [40.0, 62.5, 75.0, 100.0, 125.0, 200.0, 500.0])
def test_a_good_sac_file_of_any_rate_has_no_problem(tmp_path, floats, rate_hz):
    written = write(tmp_path / "a.sac", trace(floats, rate_hz=rate_hz), format="SAC")
    (span,), problems = scan(written)
    assert span.sampling_rate_hz == pytest.approx(rate_hz, rel=1e-4)
    assert problems == []


def test_miniseed_and_sac_of_the_same_samples_give_the_same(tmp_path, floats):
    mseed = write(tmp_path / "a.mseed", trace(floats))
    sac = write(tmp_path / "a.sac", trace(floats), format="SAC")
    (a,), (b,) = read_segments(mseed, ID)[0], read_segments(sac, ID)[0]
    assert (a.code, a.start_ns, a.sampling_rate_hz) == (b.code, b.start_ns, b.sampling_rate_hz)
    np.testing.assert_array_equal(a.samples, b.samples)


@pytest.mark.parametrize(
    ("name", "waveform_format"),
    [("a.sac", "MSEED"), ("a.mseed", "SAC"), ("a.txt", "MSEED"), ("a", "SAC"), ("a.gz", "SAC")],
)
def test_the_format_is_found_from_the_content(tmp_path, floats, name, waveform_format):
    written = write(tmp_path / name, trace(floats), format=waveform_format)
    np.testing.assert_array_equal(samples(written), floats)


@pytest.mark.parametrize(
    "name", ["a[1].mseed", "[ab]*?.mseed", "станция é 駅.mseed", "with space", "-", "%d{0}.mseed"]
)
def test_a_file_may_have_any_name(tmp_path, counts, name):
    written = write(tmp_path / "plain", trace(counts)).rename(tmp_path / name)
    np.testing.assert_array_equal(samples(written), counts)


def test_hh_and_hn_never_mix(tmp_path, counts):
    mixed = stream([counts, counts], "ZN") + stream([counts + 5], "Z", "HN")
    written = write(tmp_path / "a.mseed", mixed)
    hn = ChannelSetId("XX", "STA", "", "HN")
    assert {s.id for s in scan(written)[0]} == {ID, hn}
    assert {s.code for s in read_segments(written, ID)[0]} == {"Z", "N"}
    np.testing.assert_array_equal(samples(written, hn), counts + 5)


def test_locations_never_mix(tmp_path, counts):
    mixed = stream([counts], "Z", location="00") + stream([counts], "Z", location="10")
    written = write(tmp_path / "a.mseed", mixed)
    assert sorted(s.id.location for s in scan(written)[0]) == ["00", "10"]


def test_reading_between_two_times_gives_these(path, counts):
    got = samples(path, start_ns=START_NS + 10 * NS_PER_S, end_ns=START_NS + 20 * NS_PER_S)
    np.testing.assert_array_equal(got, counts[1000:2001])  # ObsPy includes the end


def test_reading_where_there_is_nothing_gives_nothing(path):
    before = START_NS - 100 * NS_PER_S
    assert read_segments(path, ID, before, before + NS_PER_S)[0] == []


def test_masked_samples_of_a_stream_are_gaps(counts):
    masked = np.ma.masked_array(counts, np.arange(6000) // 1000 == 2)
    first, second = segments_from_stream(stream([masked], "Z"), ID)
    assert (first.start_ns, second.start_ns) == (START_NS, START_NS + 30 * NS_PER_S)
    np.testing.assert_array_equal(second.samples, counts[3000:])


# --- files that are none ------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    assert "no such file" in error_of(tmp_path / "none.mseed")


def test_a_folder_is_named(tmp_path):
    assert "is a folder" in error_of(tmp_path)


def test_an_empty_file_is_told_from_a_foreign_one(tmp_path):
    empty = tmp_path / "empty.mseed"
    empty.touch()
    assert "empty file (0 bytes)" in error_of(empty)


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 12,
        b"twelve bytes",
        b"time,value\n" * 100,
        b" " * 2000,
        b"\0" * 100_000,
        b"0" * 700,
        b"MS\x03" + b"\0" * 600,
        b"<?xml version='1.0'?><quakeml/>",
        b"\x89HDF\r\n\x1a\n" + b"\0" * 500,
        bytes(range(256)) * 10,
    ],
)
def test_what_is_neither_miniseed_nor_sac_is_refused(tmp_path, content):
    foreign = tmp_path / "foreign.mseed"
    foreign.write_bytes(content)
    error_of(foreign)


@pytest.mark.parametrize("content", [b"twelve bytes", b"time,value\n" * 100])
def test_a_foreign_file_is_shown_with_its_first_bytes(tmp_path, content):
    foreign = tmp_path / "foreign.mseed"
    foreign.write_bytes(content)
    text = error_of(foreign)
    assert "neither miniSEED nor SAC" in text
    assert repr(content[:8]) in text


class Malicious:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    proof = tmp_path / "proof"
    harmful = tmp_path / "harmful.mseed"
    harmful.write_bytes(pickle.dumps(Malicious(proof)))
    error_of(harmful)
    assert not proof.exists()
    pickle.loads(harmful.read_bytes())  # the file would have done it
    assert proof.exists()


def test_a_pickled_stream_is_refused(tmp_path, counts):
    assert "neither" in error_of(write(tmp_path / "a.mseed", trace(counts), format="PICKLE"))


@pytest.mark.parametrize("waveform_format", ["GSE2", "SLIST", "WAV"])
def test_other_formats_of_obspy_are_refused(tmp_path, counts, waveform_format):
    written = write(tmp_path / "a", trace(counts), format=waveform_format)
    assert "neither miniSEED nor SAC" in error_of(written)


# --- damaged files ------------------------------------------------------------------------


def test_of_a_truncated_miniseed_file_the_rest_is_used_and_the_loss_reported(path, counts):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 100])
    (span,), (problem,) = scan(path)
    got = samples(path)
    assert "truncated or damaged, " in problem
    assert str(path) in problem
    assert 2000 < len(got) < 4000
    np.testing.assert_array_equal(got, counts[: len(got)])
    assert span.end_ns == START_NS + len(got) * NS_PER_S // 100


def test_garbage_in_the_middle_is_reported_and_what_comes_before_is_used(path, counts):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 512 * 512
    content[middle : middle + 512] = random.Random(0).randbytes(512)
    path.write_bytes(content)
    _, problems = scan(path)
    got = samples(path)
    assert problems
    assert len(got) > 2000
    np.testing.assert_array_equal(got[:2000], counts[:2000])


def test_a_truncated_sac_file_is_an_error(tmp_path, floats):
    written = write(tmp_path / "a.sac", trace(floats), format="SAC")
    written.write_bytes(written.read_bytes()[:-1000])
    error_of(written)


@pytest.mark.parametrize("delta_s", [1e30, 1e6, 1e-7, 1e-30])
def test_a_sampling_rate_no_instrument_has_is_refused(tmp_path, floats, delta_s):
    written = write(tmp_path / "a.sac", trace(floats), format="SAC", byteorder="<")
    written.write_bytes(struct.pack("<f", delta_s) + written.read_bytes()[4:])
    assert "sampling rate" in error_of(written)


def test_a_log_channel_beside_the_waveforms_is_left_out_and_remarked(tmp_path, path):
    log = write(tmp_path / "log", trace(np.frombuffer(b"a" * 200, "S1"), "LOG", rate_hz=0.0))
    path.write_bytes(path.read_bytes() + log.read_bytes())
    contents = contents_of(path)
    assert [s.code for s in contents.spans] == ["Z"]
    assert contents.problems == []
    assert [(r.kind, r.name) for r in contents.remarks] == [("text", "XX.STA..LOG")]


def test_a_file_that_vanishes_between_scanning_and_reading_is_an_error(path):
    scan(path)
    path.unlink()
    with pytest.raises(WaveformError, match="no such file"):
        read_segments(path, ID)


def survives(path):
    """Scan and read a file; whether it could be used."""
    try:
        spans, _ = scan(path)
        for span in spans:
            segments, _ = read_segments(path, span.id)
            assert all(s.sampling_rate_hz > 0 for s in segments)
    except WaveformError:
        return False
    return True


@pytest.fixture(params=["MSEED", "SAC"])
def small(request, tmp_path):
    """A small file of either format."""
    options = {"reclen": 256} if request.param == "MSEED" else {}
    wave = noise(300, n_rows=1)[0].astype(np.float32)
    return write(tmp_path / "small", trace(wave), format=request.param, **options)


def test_a_file_cut_anywhere_is_used_or_refused(small):
    whole = small.read_bytes()
    for length in range(0, len(whole), 31):
        small.write_bytes(whole[:length])
        survives(small)
    small.write_bytes(whole)
    assert survives(small)


def test_a_file_with_a_flipped_bit_is_used_or_refused(small):
    whole = small.read_bytes()
    rng = random.Random(0)
    # Headers are at the beginning; a few bits of the samples are enough.
    positions = [rng.randrange(8 * 64) for _ in range(120)] + [
        rng.randrange(8 * len(whole)) for _ in range(60)
    ]
    for position in positions:
        content = bytearray(whole)
        content[position // 8] ^= 1 << position % 8
        small.write_bytes(content)
        survives(small)


def test_a_file_with_random_bytes_in_its_headers_is_used_or_refused(small):
    whole = small.read_bytes()
    rng = random.Random(1)
    for _ in range(120):
        content = bytearray(whole)
        begin = rng.randrange(300)
        content[begin : begin + 8] = rng.randbytes(8)
        small.write_bytes(content)
        survives(small)


# --- streams ------------------------------------------------------------------------------


def test_an_empty_stream_is_an_error():
    with pytest.raises(WaveformError, match="it is empty"):
        spans_from_stream(stream([], ""))


def test_a_stream_without_a_channel_code_is_an_error(counts):
    with pytest.raises(WaveformError, match="no channel code"):
        spans_from_stream(stream([counts], [""], ""))
