"""Files in pieces: what comes out is what comes out of the whole."""

import os
import random
from itertools import chain, pairwise

import numpy as np
import pytest
from obspy import Stream
from strategies import ID, START_NS, cut_trace, noise, stream, trace, write

from quake.errors import WaveformError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers import file_index
from quake.waveforms.readers import waveform_file as readers
from quake.waveforms.readers.mseed import Selection
from quake.waveforms.readers.waveform_file import read_segments, scan, scan_with_index
from quake.waveforms.sources import FileSource
from quake.waveforms.times import NS_PER_S

HN = ChannelSetId("XX", "STA", "", "HN")
PIECE = 4096


@pytest.fixture
def counts():
    return noise(12_000).astype(np.int32)


@pytest.fixture
def records(tmp_path):
    """Records of traces, a list of bytes."""

    def make(traces, reclen=512, **kwargs):
        whole = write(tmp_path / "part", traces, reclen=reclen, **kwargs).read_bytes()
        return [whole[at : at + reclen] for at in range(0, len(whole), reclen)]

    return make


@pytest.fixture
def divided(monkeypatch):
    """Call something with small pieces, and ranges of no more than a few of them."""

    def call(function, *args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr(file_index, "PIECE_BYTES", PIECE)
            patch.setattr(readers, "PIECE_BYTES", PIECE)
            patch.setattr(file_index, "_RANGE_BYTES", 3 * PIECE)
            return function(*args, **kwargs)

    return call


@pytest.fixture
def file(tmp_path):
    def make(parts):
        path = tmp_path / "file"
        path.write_bytes(b"".join(parts))
        return path

    return make


def interleaved(*channels):
    """Records of several channels in the order of time."""
    placed = [(n / len(some), part) for some in channels for n, part in enumerate(some)]
    return [part for _, part in sorted(placed, key=lambda pair: pair[0])]


def outcome(read, *args, **kwargs):
    """All that was read, or that nothing could be."""
    try:
        segments, _ = read(*args, **kwargs)
    except WaveformError:
        return "refused"
    return [
        (s.code, s.start_ns, s.sampling_rate_hz, s.samples.dtype.str, s.samples.tobytes())
        for s in segments
    ]


def assert_as_whole(path, divided):
    """Scanning and reading in pieces give what they give of the whole."""
    spans, problems = scan(path)
    in_pieces, problems_in_pieces, index = divided(scan_with_index, path)
    assert in_pieces == spans
    assert problems_in_pieces == problems
    for key in {span.id for span in spans}:
        for bounds in BOUNDS:
            expected = outcome(read_segments, path, key, *bounds)
            assert outcome(read_segments, path, key, *bounds, index=index) == expected
            assert outcome(divided, read_segments, path, key, *bounds) == expected
    return index


BOUNDS = [
    (None, None),
    (START_NS + 30 * NS_PER_S, START_NS + 50 * NS_PER_S),
    (START_NS + 100 * NS_PER_S, None),
    (None, START_NS + 7 * NS_PER_S),
    (START_NS + 1000 * NS_PER_S, START_NS + 1001 * NS_PER_S),
]


# --- good files ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["multiplexed", "channel after channel"])
@pytest.mark.parametrize("reclen", [256, 512, 4096])
def test_a_file_in_pieces_is_read_as_a_whole(records, file, divided, counts, order, reclen):
    channels = [records(trace(row, f"HH{c}"), reclen) for row, c in zip(counts, "ZNE", strict=True)]
    channels.append(records(trace(counts[0], "HNZ"), reclen))
    parts = interleaved(*channels) if order == "multiplexed" else [*chain(*channels)]
    index = assert_as_whole(file(parts), divided)
    assert len(index.pieces) > 5


def test_gaps_and_overlaps_at_any_place_are_those_of_the_whole(records, file, divided, counts):
    pieces = cut_trace(trace(counts[0]), range(100, 12_000, 307))
    for number, piece in enumerate(pieces):
        piece.stats.starttime += (0, 0.004, 0.006, -0.004, -0.02, 1.0)[number % 6]
    assert_as_whole(file(records(Stream(pieces), 256)), divided)


def test_records_of_several_sizes_are_divided_and_nothing_is_missed(records, file, divided, counts):
    parts = [
        part
        for n, piece in enumerate(cut_trace(trace(counts[0]), range(1000, 12_000, 1000)))
        for part in records(piece, (256, 1024, 512, 4096)[n % 4])
    ]
    index = assert_as_whole(file(parts), divided)
    assert len(index.pieces) > 5
    assert scan(file(parts))[1] == []


@pytest.mark.parametrize("encoding", ["FLOAT32", "FLOAT64", "INT16", "STEIM1", "STEIM2"])
def test_any_encoding_is_divided(records, file, divided, counts, encoding):
    dtype = {"FLOAT32": np.float32, "FLOAT64": np.float64, "INT16": np.int16}.get(encoding, int)
    rows = counts.astype(np.int32 if dtype is int else dtype)
    assert_as_whole(file(records(stream(rows), 512, encoding=encoding)), divided)


def test_samples_that_look_like_the_header_of_a_record_divide_nothing(
    records, file, divided, counts
):
    header = np.frombuffer((b"000001D " + b"\0" * 120) * 400, ">i4").astype(np.int32)
    parts = records(trace(header), 4096, encoding="INT32", byteorder=">")
    assert_as_whole(file(parts + records(trace(counts[0], "HHN"), 4096)), divided)


def test_a_sac_file_is_not_divided(tmp_path, divided, counts):
    path = write(tmp_path / "a.sac", trace(counts[0].astype(np.float32)), format="SAC")
    (span,), problems, index = divided(scan_with_index, path)
    assert (span.id, problems, index) == (ID, [], None)
    (segment,), _ = divided(read_segments, path, ID)
    np.testing.assert_array_equal(segment.samples, counts[0])


# --- damaged files ------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [1, 100, 212, 300, 511, 600])
def test_a_truncated_last_record_is_reported_once(records, file, divided, counts, lost):
    path = file([b"".join(records(trace(counts[0])))[:-lost]])
    index = assert_as_whole(path, divided)
    assert len(index.pieces) > 3
    assert sum("truncated or damaged" in p for p in scan(path)[1]) == 1


@pytest.mark.parametrize("size", [128, 512, 1024, 20 * 128])
def test_garbage_between_records_is_skipped_and_reported_once(records, file, divided, counts, size):
    parts = records(trace(counts[0]))
    parts.insert(20, random.Random(0).randbytes(size))
    path = file(parts)
    index = assert_as_whole(path, divided)
    assert len(index.pieces) > 3
    (problem,) = scan(path)[1]
    assert f"damaged, {size} of" in problem


@pytest.mark.parametrize("content", [b"000002" + b" " * 506, b"\0" * 512])
def test_empty_records_are_passed_over(records, file, divided, counts, content):
    parts = records(trace(counts[0]))
    parts[20:20] = [content] * 5
    assert len(assert_as_whole(file(parts), divided).pieces) > 3


def test_after_bytes_that_end_the_reading_the_file_is_one_piece(records, file, divided, counts):
    parts = records(trace(counts[0]))
    parts.insert(20, b"lost" * 25)  # records no longer begin where they are looked for
    index = assert_as_whole(file(parts), divided)
    assert index.pieces[-1].end == sum(map(len, parts))


@pytest.mark.parametrize("seed", range(10))
def test_damage_anywhere_gives_what_the_whole_gives(records, file, divided, counts, seed):
    rng = random.Random(seed)
    parts = records(stream(counts[:, :6000]), 512)
    damaged = bytearray(b"".join(parts))
    for _ in range(5):  # within samples: a header that points beyond its piece is found elsewhere
        damaged[512 * rng.randrange(len(parts)) + rng.randrange(64, 512)] = rng.randrange(256)
    assert_as_whole(file([damaged]), divided)


# --- reading with an index ----------------------------------------------------------------


def test_only_pieces_that_are_wanted_are_read(records, file, divided, counts):
    path = file(
        [part for c in "ZNE" for part in records(trace(counts[0], f"HH{c}"))]
        + records(trace(counts[0], "HNZ"))
    )
    _, _, index = divided(scan_with_index, path)
    size = path.stat().st_size
    bounds = START_NS + 30 * NS_PER_S, START_NS + 31 * NS_PER_S

    def n_bytes(key, *bounds):
        return sum(end - begin for begin, end in index.ranges(Selection(key, *bounds)))

    assert n_bytes(ID) < size
    assert n_bytes(ID, *bounds) <= 6 * PIECE
    assert n_bytes(HN, *bounds) <= 2 * PIECE
    assert n_bytes(ChannelSetId("XX", "STA", "", "BH")) == 0
    assert n_bytes(ID, START_NS + 500 * NS_PER_S, None) == 0
    assert n_bytes(ID, None, START_NS - NS_PER_S) == 0


def test_no_range_is_longer_than_memory_allows(records, file, divided, counts, monkeypatch):
    _, _, index = divided(scan_with_index, file(records(trace(counts[0]))))
    monkeypatch.setattr(file_index, "_RANGE_BYTES", 2 * PIECE)
    ranges = index.ranges(Selection(ID))
    assert max(end - begin for begin, end in ranges) <= 2 * PIECE
    assert ranges[0][0] == 0
    assert all(a[1] == b[0] for a, b in pairwise(ranges))


def test_a_file_that_was_written_anew_is_scanned_again(records, file, divided, counts):
    path = file(records(trace(counts[0])))
    _, _, index = divided(scan_with_index, path)
    file(records(trace(counts[1, 3000:], start_ns=START_NS + 30 * NS_PER_S)))
    os.utime(path, ns=(0, 0))
    (segment,), _ = divided(read_segments, path, ID, index=index)
    np.testing.assert_array_equal(segment.samples, counts[1, 3000:])


def test_blocks_of_a_source_hold_every_sample_once_and_read_little(
    records, file, divided, counts, monkeypatch
):
    path = file(
        interleaved(*(records(trace(r, f"HH{c}")) for r, c in zip(counts, "ZNE", strict=True)))
    )
    source = FileSource([path])
    spans = divided(source.spans)[ID]
    read = []
    whole = file_index._bytes
    monkeypatch.setattr(
        file_index, "_bytes", lambda f, at, memory: read.append(len(memory)) or whole(f, at, memory)
    )
    parts = {"Z": [], "N": [], "E": []}
    for block in range(12):
        start_ns = START_NS + 10 * block * NS_PER_S
        for segment in source.read(spans, ID, start_ns, start_ns + 10 * NS_PER_S - 10_000_000):
            parts[segment.code].append(segment.samples)
    for row, code in zip(counts, "ZNE", strict=True):
        np.testing.assert_array_equal(np.concatenate(parts[code]), row)
    assert sum(read) < 5 * path.stat().st_size  # and not 12 times
