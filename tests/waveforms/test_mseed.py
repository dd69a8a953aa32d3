"""miniSEED from memory: the samples and times that ObsPy's reader gives of the same bytes."""

import io
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from obspy import Stream, read
from strategies import ID, START_NS, cut_trace, noise, stream, trace, write

from quake.waveforms.joining import join_segments
from quake.waveforms.readers.mseed import Selection, read_records, trace_from_obspy
from quake.waveforms.segments import Segment
from quake.waveforms.times import NS_PER_S

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

ENCODINGS = {
    "STEIM1": np.int32,
    "STEIM2": np.int32,
    "INT32": np.int32,
    "INT16": np.int16,
    "FLOAT32": np.float32,
    "FLOAT64": np.float64,
}


@pytest.fixture
def counts():
    return noise(6000, n_rows=1)[0].astype(np.int32)


@pytest.fixture
def written(tmp_path):
    """Write traces and return the bytes."""

    def make(traces, **kwargs):
        options = {"reclen": 512, **kwargs}
        return np.fromfile(write(tmp_path / "written", traces, **options), np.int8)

    return make


def read_with_obspy(data):
    """Traces of ObsPy's reader, which goes from record to record in the order of the buffer."""
    return [trace_from_obspy(found) for found in read(io.BytesIO(data.tobytes()), "MSEED")]


def joined(traces):
    """By channel what is left when pieces are joined, as whoever reads files does it."""
    segments = {}
    for found in traces:
        if found.samples and found.samples[0].dtype.kind in "if" and found.sampling_rate_hz > 0:
            samples = np.concatenate(found.samples)
            args = found.channel.code, found.start_ns, found.sampling_rate_hz, samples
            segments.setdefault(found.channel.name, []).append(Segment(*args))
    return {
        name: [
            (piece.start_ns, piece.sampling_rate_hz, piece.samples.tobytes())
            for piece in join_segments(some)
        ]
        for name, some in segments.items()
    }


def assert_same(data):
    """Both readers give the same samples at the same times."""
    assert joined(read_records(data)[0]) == joined(read_with_obspy(data))


# --- good bytes ---------------------------------------------------------------------------


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_read_as_obspy_reads_it(written, encoding, byteorder):
    rows = noise(3000).astype(ENCODINGS[encoding])
    assert_same(written(stream(rows), encoding=encoding, byteorder=byteorder))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_samples_are_those_that_were_written(written, encoding):
    samples = noise(3000, n_rows=1)[0].astype(ENCODINGS[encoding])
    data = written(trace(samples), encoding=encoding)
    (found,), complaints = read_records(data)
    assert complaints == []
    np.testing.assert_array_equal(np.concatenate(found.samples), samples)
    assert found.last_ns == START_NS + 2999 * NS_PER_S // 100


def test_text_is_told_from_samples(written, counts):
    log = trace(np.frombuffer(b"a" * 200, "S1"), "LOG", rate_hz=0.0)
    data = np.concatenate([written(trace(counts)), written(log)])
    for headonly in (True, False):
        traces, complaints = read_records(data, headonly=headonly)
        assert [(t.channel.code, t.is_text, t.n_records) for t in traces] == [
            ("Z", False, len(written(trace(counts))) // 512),
            ("G", True, 1),
        ]
        assert complaints == []


@pytest.mark.parametrize("shift_s", [0.0, 0.0049, 0.0051, -0.0049, -0.0051, 0.01, 1.0, -1.0, -30.0])
def test_gaps_and_overlaps_divide_as_obspy_divides_them(written, counts, shift_s):
    first, second = cut_trace(trace(counts), [3000])
    second.stats.starttime += shift_s
    data = written(Stream([first, second]))
    assert_same(data)
    assert len(read_records(data)[0]) == len(read_with_obspy(data))


@pytest.mark.parametrize("rate_hz", [50.0, 100.001, 100.02, 1e-3, 0.0])
def test_other_rates_divide_as_obspy_divides_them(written, counts, rate_hz):
    first, second = cut_trace(trace(counts), [3000])
    second.stats.sampling_rate = rate_hz
    data = written(Stream([first, second]))
    rates = [t.sampling_rate_hz for t in read_with_obspy(data) if t.sampling_rate_hz]
    assert {t.sampling_rate_hz for t in read_records(data)[0]} - {0.0} == set(rates)


def test_several_channel_sets_are_read_as_obspy_reads_them(written, counts):
    mixed = stream([counts, counts + 1], "ZN") + stream([counts + 2], "Z", "HN", location="00")
    assert_same(written(mixed + stream([counts + 3], "E", station="B")))


def test_records_in_any_order_are_one_trace(written, counts):
    data = written(trace(counts)).reshape(-1, 512)
    shuffled = data[np.random.default_rng(0).permutation(len(data))].ravel()
    (found,), complaints = read_records(shuffled)
    np.testing.assert_array_equal(np.concatenate(found.samples), counts)
    assert complaints == []


def test_versions_of_the_same_records_are_traces_of_their_own(written, counts):
    raw, checked = (written(trace(counts + n)) for n in (0, 1))
    checked[6::512] = ord("Q")
    traces, _ = read_records(np.concatenate([raw, checked]))
    assert [t.channel.publication for t in traces] == [2, 3]


def test_traces_of_two_sample_types_are_read(written, counts):
    first, second = cut_trace(trace(counts), [3000])
    second.data = second.data.astype(np.float32)
    data = np.concatenate([written(first), written(second)])
    traces, complaints = read_records(data)
    assert complaints == []
    assert [t.kind for t in traces] == ["i", "f"]
    assert np.concatenate([s for t in traces for s in t.samples]).tolist() == counts.tolist()


# --- selections ---------------------------------------------------------------------------


def test_only_records_of_the_channel_set_are_decoded(written, counts):
    data = written(stream([counts, counts], "ZN") + stream([counts], "Z", "HN"))
    traces, _ = read_records(data, selection=Selection(ID))
    assert {t.channel.name for t in traces} == {"XX.STA..HHZ", "XX.STA..HHN"}


def test_only_records_that_reach_into_the_bounds_are_decoded(written, counts):
    data = written(trace(counts))
    bounds = START_NS + 20 * NS_PER_S, START_NS + 30 * NS_PER_S
    (found,), _ = read_records(data, selection=Selection(ID, *bounds))
    assert 1000 <= found.n_samples < 2000
    assert found.start_ns <= bounds[0] <= bounds[1] <= found.last_ns


@pytest.mark.parametrize("letter", [b"*", b"?", b"[", b"\\", b"-", b"\xff"])
def test_a_code_with_an_odd_letter_is_selected_too(written, counts, letter):
    data = bytearray(written(trace(counts)).tobytes())
    for at in range(0, len(data), 512):
        data[at + 10 : at + 11] = letter  # STA: the A
    data = np.frombuffer(bytes(data), np.int8)
    traces, _ = read_records(data)
    key = traces[0].channel.id
    selected, _ = read_records(data, selection=Selection(key))
    assert sum(t.n_samples for t in selected if t.channel.id == key) == len(counts)


# --- damaged bytes ------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::obspy.io.mseed.InternalMSEEDWarning")
def test_cut_bytes_are_read_as_obspy_reads_them(written, counts):
    data = written(trace(counts))
    for length in range(512, len(data), 377):
        assert_same(data[:length])


@pytest.mark.parametrize("size", [1, 100, 128, 512, 1000, 1024])
def test_garbage_between_records_costs_none(written, counts, size):
    data = written(stream([counts, counts], "ZN"))
    rng = random.Random(size)
    at = 512 * rng.randrange(1, len(data) // 512)
    garbage = np.frombuffer(rng.randbytes(size), np.int8)
    with_garbage = np.concatenate([data[:at], garbage, data[at:]])
    assert joined(read_records(with_garbage)[0]) == joined(read_records(data)[0])


def test_flipped_bits_cost_no_more_than_their_record(written, counts):
    """Of another bit in its time or its codes, its samples are somewhere else."""
    whole = written(stream([counts[:1000], counts[:1000]], "ZN"), reclen=256)
    rng = random.Random(1)
    n_samples = [
        int.from_bytes(whole[at + 30 : at + 32], "big") for at in range(0, len(whole), 256)
    ]
    for _ in range(150):
        data = whole.copy()
        # Headers more often than samples.
        number = rng.randrange(len(data) // 256)
        data[256 * number + rng.choice([rng.randrange(64), 100])] ^= np.int8(1 << rng.randrange(7))
        traces, _ = read_records(data)
        kept = sum(t.n_samples for t in traces)
        assert kept >= sum(n_samples) - n_samples[number]


@pytest.mark.parametrize("applied", [0, 2])
@pytest.mark.parametrize("reclen", [512, 4096])
def test_a_fraction_of_a_whole_second_is_a_second(written, counts, applied, reclen):
    """As some digitisers write it; with a correction of 0.5 s that was applied, or was not."""
    data = written(trace(counts), reclen=reclen)
    data[28:30] = np.frombuffer((10_000).to_bytes(2, "big"), np.int8)
    data[36] |= applied
    data[40:44] = np.frombuffer((5000).to_bytes(4, "big"), np.int8)
    traces, (complaint,) = read_records(data)
    assert complaint == "times with a fraction of a second and more, which is added to them"
    assert START_NS + (1.0 if applied else 1.5) * NS_PER_S in [t.start_ns for t in traces]
    assert sum(t.n_samples for t in traces) == len(counts)


@pytest.mark.parametrize("head", [b"", b"short", b"\0" * 200, b" " * 200])
def test_what_is_no_data_record_gives_nothing(head):
    assert read_records(np.frombuffer(head, np.int8)) == ([], [])


def test_a_record_that_cannot_be_decoded_costs_itself_alone(written, counts):
    data = written(trace(counts), encoding="STEIM2")
    data[512 + 64 : 512 + 68] = np.frombuffer((0b10 << 24).to_bytes(4, "big"), np.int8)
    data[512 + 76 : 512 + 80] = 0
    (first, second), complaints = read_records(data)
    lost = int.from_bytes(data[512 + 30 : 512 + 32], "big")
    assert first.n_samples + second.n_samples == len(counts) - lost
    (complaint,) = complaints
    assert complaint.startswith("the record at offset 512 cannot be decoded (FDSN:XX_STA__H_H_Z: ")


def test_complaints_name_the_place_in_the_file_and_not_in_the_buffer(written, counts):
    data = written(trace(counts))
    data[1024 + 54] = 6  # its length
    _, (complaint,) = read_records(data, at=10_000)
    assert complaint == "the record at offset 11024 claims 64 bytes; it is left out"


# --- threads ------------------------------------------------------------------------------


def test_threads_get_their_own_complaints(written, counts):
    good, bad = written(trace(counts)), written(trace(counts), encoding="STEIM2")
    bad[72::512] ^= 0x55  # what each record says of its last sample
    said = {}

    def read(name, data):
        said[name] = [read_records(data)[1] for _ in range(50)]

    threads = [
        threading.Thread(target=read, args=(n, d)) for n, d in [("good", good), ("bad", bad)]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said["good"] == [[]] * 50
    assert all(len(complaints) == len(bad) // 512 for complaints in said["bad"])


def test_other_threads_run_while_one_decodes(written):
    data = written(trace(noise(12_000_000, n_rows=1)[0].astype(np.int32)), reclen=4096)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (read_records(data), done.set()))
    started = time.perf_counter()
    thread.start()
    turns = 0
    while not done.is_set() and time.perf_counter() - started < 30:
        turns += 1
        time.sleep(0.0001)
    thread.join()
    assert turns > 3  # one or two if nobody else could run; hundreds where cores are idle


# --- real records -------------------------------------------------------------------------


@pytest.mark.shared_data
@pytest.mark.skipif(
    not SHARED.is_dir(), reason="labelled waveforms not found: shared/data beside the checkout"
)
def test_real_records_are_read_as_obspy_reads_them():
    for path in sorted(SHARED.rglob("*.mseed"))[::10]:
        data = np.fromfile(path, np.int8)
        assert_same(data)


def test_an_interruption_while_libmseed_decodes_is_not_lost(written):
    """No handler runs within libmseed; it has to run after it, and what it raises to arrive."""
    data = written(trace(noise(3_000_000, n_rows=1)[0].astype(np.int32)), reclen=4096)

    def read_on():
        started = time.perf_counter()
        while time.perf_counter() - started < 30:
            read_records(data)

    timer = threading.Timer(0.02, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        read_on()
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
