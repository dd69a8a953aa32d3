"""One bit flipped in each kilobyte of a real record: what was not hit keeps its answer."""

import random

import numpy as np
import pytest
from attacks import changed, example
from fuzz_targets import stub_classifier

from quake.waveforms.readers.mseed import read_records
from quake.waveforms.readers.waveform_file import read_segments, scan
from quake.waveforms.times import NS_PER_S, parse_time

RECORD_BYTES = 512
MARGIN_NS = NS_PER_S  # around a record; more than a sample, less than a window


@pytest.fixture(scope="module")
def classifier():
    return stub_classifier()


@pytest.fixture
def predict(classifier, tmp_path):
    """Windows by channel set and start, and problems."""

    def run(data):
        path = tmp_path / "record.mseed"
        path.write_bytes(data)
        prediction = classifier.predict(path)
        windows = {(record.id, record.start): record for record in prediction}
        return windows, prediction.problems

    return run


def flipped(data, at, bit):
    data = bytearray(data)
    data[at] ^= 1 << bit
    return bytes(data)


def times_of_record(data, at):
    """First and last time of the record that a byte is in, ns."""
    begin = at // RECORD_BYTES * RECORD_BYTES
    whole = np.frombuffer(data[begin : begin + RECORD_BYTES], np.int8)
    (found,), _ = read_records(whole, headonly=True)
    return found.start_ns, found.last_ns


def is_hit(window, first_ns, last_ns):
    begin_ns, end_ns = parse_time(window.start), parse_time(window.end)
    return begin_ns - MARGIN_NS <= last_ns and first_ns <= end_ns + MARGIN_NS


def test_a_bit_among_the_samples_changes_the_windows_of_its_record_alone(predict):
    data, draw = example(), random.Random(0)
    intact, _ = predict(data)
    n_kept = 0
    for kilobyte in range(0, len(data) - 1024, 1024):
        at = kilobyte + 512 * draw.randrange(2) + draw.randrange(64, 512)
        windows, _ = predict(flipped(data, at, draw.randrange(8)))
        times = times_of_record(data, at)
        untouched = {key for key, window in intact.items() if not is_hit(window, *times)}
        n_kept += len(untouched)
        assert windows.keys() == intact.keys()
        assert {key: windows[key] for key in untouched} == {key: intact[key] for key in untouched}
    assert n_kept > 50


def test_a_bit_in_a_header_gives_windows_or_a_problem(predict):
    data, draw = example(), random.Random(1)
    for kilobyte in range(0, len(data) - 1024, 1024):
        at = kilobyte + 512 * draw.randrange(2) + draw.randrange(64)
        windows, problems = predict(flipped(data, at, draw.randrange(8)))
        assert windows or problems


def test_every_bit_of_a_blockette_leaves_the_other_records_readable(tmp_path):
    data = example()[: 4 * RECORD_BYTES]
    path = tmp_path / "a.mseed"
    for bit in range(64):
        path.write_bytes(flipped(data, 48 + RECORD_BYTES + bit // 8, bit % 8))
        spans, problems = scan(path)
        segments, others = read_segments(path, spans[0].id)
        n_samples = sum(len(segment.samples) for segment in segments)
        # The second record is lost, or all are there; what is lost is told of.
        assert n_samples >= sum(n_samples_of(data)) - n_samples_of(data)[1]
        assert problems or others or n_samples == sum(n_samples_of(data))


def n_samples_of(data):
    return [
        int.from_bytes(data[at + 30 : at + 32], "big") for at in range(0, len(data), RECORD_BYTES)
    ]


@pytest.mark.parametrize("numbers", [{"EXPONENT": 12}, {"N_SAMPLES": 65535}, {"ENCODING": 99}])
def test_a_record_that_cannot_be_is_left_out_and_named(tmp_path, numbers):
    data, path = example(), tmp_path / "a.mseed"
    path.write_bytes(data[:512] + changed(data[512:1024], **numbers) + data[1024:])
    spans, problems = scan(path)
    assert any("the record at offset 512 " in problem for problem in problems)
    assert any("512 of 121344 bytes could not be read" in problem for problem in problems)
    segments, _ = read_segments(path, spans[0].id)
    lost = n_samples_of(data)[1]
    assert sum(len(s.samples) for s in segments) == sum(n_samples_of(data)) - lost


def test_samples_that_cannot_be_decoded_cost_their_record_alone(tmp_path):
    data, path = bytearray(example()), tmp_path / "a.mseed"
    # Steim 2 has no differences of this kind: nibble 2, and 0 in the first bits of the word.
    data[512 + 64 : 512 + 68] = (0b10 << 24).to_bytes(4, "big")
    data[512 + 64 + 12 : 512 + 64 + 16] = bytes(4)
    data[512 + 52] = 11
    path.write_bytes(data)
    spans, _ = scan(path)
    segments, problems = read_segments(path, spans[0].id)
    assert sum(len(s.samples) for s in segments) == sum(n_samples_of(data)) - n_samples_of(data)[1]
    assert any("the record at offset 512 cannot be decoded" in problem for problem in problems)


def test_damage_of_the_first_bytes_costs_the_first_record_alone(tmp_path):
    path = tmp_path / "a.mseed"
    path.write_bytes(b"\xff" * 100 + example()[100:])
    spans, problems = scan(path)
    assert {span.code for span in spans} == {"Z", "N", "E"}
    assert any("512 of 121344 bytes could not be read" in problem for problem in problems)
