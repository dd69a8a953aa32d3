"""miniSEED 3: read as miniSEED 2 is, with times in nanoseconds and longer codes."""

import gzip
import struct

import numpy as np
import pytest
from pymseed import MS3Record
from strategies import ID, START_NS, noise, stream, trace, write, write_3

from quake.errors import WaveformError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers import file_index, waveform_file
from quake.waveforms.readers.waveform_file import (
    contents_of,
    is_waveform_file,
    read_segments,
    scan,
    scan_with_index,
)
from quake.waveforms.times import NS_PER_S

ENCODINGS = {
    "STEIM1": np.int32,
    "STEIM2": np.int32,
    "INT32": np.int32,
    "FLOAT32": np.float32,
    "FLOAT64": np.float64,
}


@pytest.fixture
def counts():
    return noise(6000, n_rows=1)[0].astype(np.int32)


@pytest.mark.parametrize("reclen", [256, 512, 4096])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_samples_are_those_that_were_written(tmp_path, encoding, reclen):
    samples = noise(3000, n_rows=1)[0].astype(ENCODINGS[encoding])
    path = write_3(tmp_path / "a", trace(samples), encoding, reclen)
    assert is_waveform_file(path)
    (span,), problems = scan(path)
    (segment,), faults = read_segments(path, ID)
    assert (span.id, span.code, span.start_ns) == (ID, "Z", START_NS)
    assert span.end_ns == START_NS + 30 * NS_PER_S
    assert (problems, faults) == ([], [])
    np.testing.assert_array_equal(segment.samples, samples)


def test_both_versions_of_the_same_records_give_the_same(tmp_path, counts):
    rows = stream([counts, counts + 1], "ZN")
    paths = write(tmp_path / "2", rows), write_3(tmp_path / "3", rows)
    two, three = (
        [
            (s.code, s.start_ns, s.sampling_rate_hz, s.samples.tobytes())
            for s in read_segments(path, ID, START_NS + NS_PER_S, START_NS + 9 * NS_PER_S)[0]
        ]
        for path in paths
    )
    assert two == three


def test_times_have_nanoseconds(tmp_path, counts):
    start_ns = START_NS + 123_456_789
    path = write_3(tmp_path / "a", trace(counts, start_ns=start_ns))
    (span,), _ = scan(path)
    (segment,), _ = read_segments(path, ID)
    assert (span.start_ns, segment.start_ns) == (start_ns, start_ns)
    assert span.end_ns == start_ns + 60 * NS_PER_S


def test_a_rate_given_as_a_period_is_a_rate(tmp_path, counts):
    """Below 1 Hz the number is the step in seconds, below zero."""
    path = write_3(tmp_path / "a", trace(counts, rate_hz=0.1))
    assert scan(path)[0][0].sampling_rate_hz == pytest.approx(0.1, rel=1e-12)


def test_gaps_divide(tmp_path, counts):
    parts = [trace(counts[:3000]), trace(counts[3000:], start_ns=START_NS + 31 * NS_PER_S)]
    spans, _ = scan(write_3(tmp_path / "a", parts))
    assert [span.start_ns - START_NS for span in spans] == [0, 31 * NS_PER_S]


@pytest.mark.parametrize(
    ("codes", "key", "code"),
    [
        (("XX", "STA", "00", "BH1"), ChannelSetId("XX", "STA", "00", "BH"), "1"),
        (
            ("XX2025", "STATION8", "LOC", "HHZ"),
            ChannelSetId("XX2025", "STATION8", "LOC", "HH"),
            "Z",
        ),
        (("XX", "S-A", "", "H_GNSS_Z"), ChannelSetId("XX", "S-A", "", "H_GNSS_"), "Z"),
    ],
)
def test_longer_codes_are_kept(tmp_path, counts, codes, key, code):
    one = trace(counts)
    one.stats.network, one.stats.station, one.stats.location, one.stats.channel = codes
    path = write_3(tmp_path / "a", one)
    (span,), problems = scan(path)
    assert (span.id, span.code, problems) == (key, code, [])
    for bounds in ((None, None), (START_NS, START_NS + 60 * NS_PER_S)):
        (segment,), _ = read_segments(path, key, *bounds)
        np.testing.assert_array_equal(segment.samples, counts)


@pytest.mark.parametrize("order", ["23", "32", "232", "323"])
def test_records_of_both_versions_in_one_file_are_one_trace(tmp_path, counts, order):
    writers, n = {"2": write, "3": write_3}, len(counts) // len(order)
    parts = []
    for number, version in enumerate(order):
        start_ns = START_NS + number * n * NS_PER_S // 100
        part = trace(counts[number * n :][:n], start_ns=start_ns)
        parts.append(writers[version](tmp_path / "part", part, reclen=512).read_bytes())
    path = tmp_path / "a"
    path.write_bytes(b"".join(parts))
    segments, problems = read_segments(path, ID)
    assert sum(len(s.samples) for s in segments) == len(counts)
    assert contents_of(path).problems == problems == []


def test_a_file_in_pieces_is_read_as_a_whole(tmp_path, monkeypatch, counts):
    rows = stream([counts, counts + 1, counts + 2])
    path = write_3(tmp_path / "a", rows)
    spans, problems = scan(path)
    for module in (file_index, waveform_file):
        monkeypatch.setattr(module, "PIECE_BYTES", 4096)
    found, found_problems, index = scan_with_index(path)
    assert (found, found_problems) == (spans, problems)
    assert len(index.pieces) > 3
    for row, code in zip((counts, counts + 1, counts + 2), "ZNE", strict=True):
        bounds = START_NS + 20 * NS_PER_S, START_NS + 30 * NS_PER_S
        segments, _ = read_segments(path, ID, *bounds, index=index)
        (segment,) = (s for s in segments if s.code == code)
        np.testing.assert_array_equal(segment.samples, row[2000:3001])


def test_a_compressed_file_is_read(tmp_path, counts):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(write_3(tmp_path / "a", trace(counts)).read_bytes()))
    assert is_waveform_file(path)
    (segment,), _ = read_segments(path, ID)
    np.testing.assert_array_equal(segment.samples, counts)


def test_a_changed_bit_costs_its_record_and_is_told(tmp_path, counts):
    path = write_3(tmp_path / "a", trace(counts))
    content = bytearray(path.read_bytes())
    second = content.index(b"MS\x03", 1)
    content[second + 100] ^= 1
    path.write_bytes(content)
    spans, (problem,) = scan(path)
    segments, (complaint,) = read_segments(path, ID)
    lost = int.from_bytes(content[second + 24 : second + 28], "little")
    assert len(spans) == 2
    assert sum(len(s.samples) for s in segments) == len(counts) - lost
    for text in (problem, complaint):
        assert f"the record at offset {second} cannot be decoded" in text
        assert "CRC is invalid" in text


@pytest.mark.parametrize("rate_hz", [1e-300, 1e300, -1e-300, 0.0])
def test_a_rate_that_no_clock_has_costs_its_record(tmp_path, counts, rate_hz):
    path = write_3(tmp_path / "a", trace(counts))
    content = bytearray(path.read_bytes())
    second, third = (content.index(b"MS\x03", at) for at in (1, content.index(b"MS\x03", 1) + 1))
    content[second + 16 : second + 24] = struct.pack("<d", rate_hz)
    path.write_bytes(content)
    record = MS3Record.parse(bytes(content[second:third]), validate_crc=False, unpack_data=True)
    (packed,) = record.generate()
    path.write_bytes(content[:second] + packed + content[third:])
    spans, problems = scan(path)
    segments, _ = read_segments(path, ID)
    assert len(spans) == 2
    assert problems
    assert sum(len(s.samples) for s in segments) == len(counts) - record.samplecnt


@pytest.mark.parametrize("n_bytes", [39, 100, 2000])
def test_a_cut_file_is_used_as_far_as_it_goes(tmp_path, counts, n_bytes):
    path = write_3(tmp_path / "a", trace(counts))
    whole = path.read_bytes()
    path.write_bytes(whole[:-n_bytes])
    (span,), (problem,) = scan(path)
    assert "truncated or damaged" in problem
    (segment,), _ = read_segments(path, ID)
    np.testing.assert_array_equal(segment.samples, counts[: len(segment.samples)])
    assert span.end_ns == segment.end_ns


def test_an_identifier_that_is_none_of_fdsn_is_named(tmp_path, counts):
    path = write_3(tmp_path / "a", trace(counts), identifier="LOCAL:some/thing/Z")
    with pytest.raises(WaveformError) as error:
        scan(path)
    assert str(error.value) == (
        f"{path}, LOCAL:some/thing/Z: its identifier is none of FDSN, as in FDSN:XX_STA__H_H_Z; "
        "the trace is left out"
    )
