"""miniSEED through the binding: what ObsPy's own reader makes of the same bytes."""

import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from obspy import Stream
from strategies import ID, START_NS, cut_trace, noise, stream, trace, write

from quake.waveforms.readers import mseed
from quake.waveforms.readers.mseed import Selection, last_header, read_records, record_bytes
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


@pytest.fixture
def obspy_alone(monkeypatch):
    """Do as if the binding were not as expected."""

    def read(*args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr(mseed, "_binding", lambda: None)
            return read_records(*args, **kwargs)

    return read


@pytest.fixture
def no_fallback(monkeypatch):
    def refuse(*args):
        raise AssertionError("ObsPy's reader was called")

    monkeypatch.setattr(mseed, "_read_with_obspy", refuse)


def as_text(traces):
    """All of it but the time of the last record, which ObsPy does not tell."""
    return [
        (
            t.channel,
            t.start_ns,
            t.sampling_rate_hz,
            t.n_samples,
            t.n_records,
            t.record_bytes,
            # Nothing can be said of the type of no samples.
            [(s.dtype.str, s.tobytes()) for s in t.samples or [] if len(s)],
        )
        for t in traces
    ]


def outcome(read, data, options):
    """What a reader makes of some bytes, or what it stumbles over."""
    try:
        traces, complaints = read(data, **options)
    except Exception as error:
        return type(error), str(error)
    return as_text(traces), complaints


def assert_same(data, obspy_alone, selections=(None,)):
    """Both readers give the same of some bytes."""
    for options in [{"headonly": True}, *({"selection": s} for s in selections)]:
        assert outcome(read_records, data, options) == outcome(obspy_alone, data, options)


# --- good bytes ---------------------------------------------------------------------------


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_read_as_obspy_reads_it(written, obspy_alone, encoding, byteorder):
    rows = noise(3000).astype(ENCODINGS[encoding])
    data = written(stream(rows), encoding=encoding, byteorder=byteorder)
    assert_same(data, obspy_alone, [None, Selection(ID, START_NS + NS_PER_S, START_NS + NS_PER_S)])


@pytest.mark.usefixtures("no_fallback")
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_obspy_makes_no_objects_of_good_records(written, encoding):
    samples = noise(3000, n_rows=1)[0].astype(ENCODINGS[encoding])
    data = written(trace(samples), encoding=encoding)
    (found,), complaints = read_records(data)
    assert complaints == []
    np.testing.assert_array_equal(np.concatenate(found.samples), samples)
    assert found.n_records * found.record_bytes == len(data)
    assert found.last_ns == START_NS + 2999 * NS_PER_S // 100


def test_text_is_read_as_obspy_reads_it(written, obspy_alone, counts):
    log = trace(np.frombuffer(b"a" * 200, "S1"), "LOG", rate_hz=0.0)
    data = np.concatenate([written(trace(counts)), written(log)])
    assert_same(data, obspy_alone)


@pytest.mark.parametrize("shift_s", [0.0, 0.0049, 0.0051, -0.0049, -0.0051, 0.01, 1.0, -1.0, -30.0])
def test_gaps_and_overlaps_divide_as_obspy_divides_them(written, obspy_alone, counts, shift_s):
    first, second = cut_trace(trace(counts), [3000])
    second.stats.starttime += shift_s
    assert_same(written(Stream([first, second])), obspy_alone)


@pytest.mark.parametrize("rate_hz", [50.0, 100.001, 100.02, 1e-3, 0.0])
def test_other_rates_divide_as_obspy_divides_them(written, obspy_alone, counts, rate_hz):
    first, second = cut_trace(trace(counts), [3000])
    second.stats.sampling_rate = rate_hz
    assert_same(written(Stream([first, second])), obspy_alone)


def test_several_channel_sets_are_read_as_obspy_reads_them(written, obspy_alone, counts):
    mixed = stream([counts, counts + 1], "ZN") + stream([counts + 2], "Z", "HN", location="00")
    assert_same(written(mixed + stream([counts + 3], "E", station="B")), obspy_alone)


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


def test_cut_bytes_are_read_as_obspy_reads_them(written, obspy_alone, counts):
    data = written(trace(counts))
    for length in range(130, len(data), 377):
        assert_same(data[:length], obspy_alone)


def test_bytes_with_garbage_are_read_as_obspy_reads_them(written, obspy_alone, counts):
    data = written(stream([counts, counts], "ZN"))
    rng = random.Random(0)
    for size in (1, 100, 128, 512, 1000, 1024):
        at = 512 * rng.randrange(1, len(data) // 512)
        garbage = np.frombuffer(rng.randbytes(size), np.int8)
        assert_same(np.concatenate([data[:at], garbage, data[at:]]), obspy_alone)


def test_flipped_bits_are_read_as_obspy_reads_them(written, obspy_alone, counts):
    whole = written(stream([counts[:1000], counts[:1000]], "ZN"), reclen=256)
    rng = random.Random(1)
    for _ in range(150):
        data = whole.copy()
        # Headers more often than samples.
        at = 256 * rng.randrange(len(data) // 256) + rng.choice([rng.randrange(64), 100])
        data[at] ^= np.int8(1 << rng.randrange(7))
        assert_same(data, obspy_alone)


@pytest.mark.parametrize("head", [b"", b"short", b"\0" * 200, b" " * 200])
def test_what_is_no_data_record_is_left_to_obspy(obspy_alone, head):
    assert_same(np.frombuffer(head, np.int8), obspy_alone)


def test_complaints_name_the_place_in_the_file_and_not_in_the_buffer(written, counts):
    data = written(trace(counts))[:-300]
    _, (complaint,) = read_records(data, at=10_000)
    assert f"offset {10_000 + len(data) // 512 * 512}" in complaint


# --- the binding --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["readMSEEDBuffer", "lil_free", "ms_detect"])
def test_a_binding_that_lacks_something_is_not_used(written, counts, monkeypatch, name):
    from obspy.io.mseed import headers

    class Lacking:
        def __getattr__(self, item):
            if item == name:
                raise AttributeError(item)
            return getattr(library, item)

    library = headers.clibmseed.lib
    expected = as_text(read_records(written(trace(counts)))[0])
    with monkeypatch.context() as patch:
        patch.setattr(headers.clibmseed, "lib", Lacking())
        mseed._binding.cache_clear()
        assert mseed._binding() is None
    assert as_text(read_records(written(trace(counts)))[0]) == expected
    mseed._binding.cache_clear()
    assert mseed._binding() is not None


def test_threads_get_their_own_complaints(written, counts):
    good, cut = written(trace(counts)), written(trace(counts))[:-300]
    said = {}

    def read(name, data):
        said[name] = [read_records(data)[1] for _ in range(50)]

    threads = [
        threading.Thread(target=read, args=(n, d)) for n, d in [("good", good), ("cut", cut)]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said["good"] == [[]] * 50
    assert all(len(complaints) == 1 for complaints in said["cut"])


def test_other_threads_run_while_one_decodes(written):
    data = written(trace(noise(3_000_000, n_rows=1)[0].astype(np.int32)), reclen=4096)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (read_records(data), done.set()))
    started = time.perf_counter()
    thread.start()
    turns = 0
    while not done.is_set() and time.perf_counter() - started < 30:
        turns += 1
        time.sleep(0.0001)
    thread.join()
    assert turns > 5


# --- where records begin ------------------------------------------------------------------


@pytest.mark.parametrize("record_length", [256, 512, 4096])
def test_the_last_record_of_a_buffer_is_found(written, counts, record_length):
    data = written(trace(counts), reclen=record_length)
    for cut in (0, 1, 100, record_length - 128):
        assert last_header(data[: len(data) - cut]) == len(data) - record_length
    assert last_header(data[:record_length]) == 0


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b" " * 1000, bytes(range(256)) * 9])
def test_no_record_is_found_where_there_is_none(content):
    assert last_header(np.frombuffer(content, np.int8)) == 0


def test_records_of_two_sizes_are_counted(written, counts):
    data = np.concatenate([written(trace(counts), reclen=n) for n in (512, 4096, 256)])
    assert record_bytes(data) == (len(data), True)
    garbage = np.ones(384, np.int8)
    assert record_bytes(np.concatenate([data, garbage, data])) == (2 * len(data), True)
    assert record_bytes(data[:-1]) == (len(data) - 256, False)


# --- real records -------------------------------------------------------------------------


@pytest.mark.shared_data
@pytest.mark.skipif(
    not SHARED.is_dir(), reason="labelled waveforms not found: shared/data beside the checkout"
)
def test_real_records_are_read_as_obspy_reads_them(obspy_alone):
    for path in sorted(SHARED.rglob("*.mseed"))[::10]:
        data = np.fromfile(path, np.int8)
        assert_same(data, obspy_alone)


def test_an_interruption_while_libmseed_asks_for_memory_is_not_lost(tmp_path, monkeypatch):
    """What a handler raises in a callback goes no further than C; it has to wait for its end."""
    path = tmp_path / "a.mseed"
    stream(noise(2000, 0).astype(np.int32)).write(path, format="MSEED")
    data = np.fromfile(path, np.int8)
    real, calls, swallowed = np.empty, [], []

    def interrupted(*arguments, **options):
        calls.append(arguments)
        signal.raise_signal(signal.SIGINT)
        return real(*arguments, **options)

    monkeypatch.setattr(mseed.np, "empty", interrupted)
    monkeypatch.setattr(sys, "unraisablehook", swallowed.append)
    with pytest.raises(KeyboardInterrupt):
        read_records(data)
    assert calls
    assert not swallowed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
