"""Which records are left out before libmseed sees them: those that lie, and no others."""

import re
import struct

import numpy as np
import pytest
from attacks import ATTACKS, changed, example, record
from hypothesis import example as for_example
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import noise, stream, write

from quake.waveforms.readers import record_headers
from quake.waveforms.readers.record_headers import header_starts, walk, without_impossible

DTYPES = {
    "STEIM1": np.int32,
    "STEIM2": np.int32,
    "INT16": np.int16,
    "INT32": np.int32,
    "FLOAT32": np.float32,
    "FLOAT64": np.float64,
}


def as_array(data):
    return np.frombuffer(bytes(data), np.int8)


def faults(data):
    return without_impossible(as_array(data))[1]


@given(
    st.sampled_from(sorted(DTYPES)),
    st.sampled_from("<>"),
    st.sampled_from([256, 512, 1024, 4096, 65536]),
    st.integers(1, 2000),
    st.sampled_from([1.0, 99.99, 100.0, 250.0, 0.1]),
)
@settings(max_examples=40, deadline=None)
def test_records_as_they_should_be_stay(tmp_path_factory, encoding, order, size, n, rate_hz):
    path = tmp_path_factory.mktemp("good") / "a.mseed"
    rows = stream((noise(n) % 100).astype(DTYPES[encoding]), rate_hz=rate_hz)
    data = as_array(write(path, rows, encoding=encoding, byteorder=order, reclen=size).read_bytes())
    same, found = without_impossible(data)
    assert found == []
    assert same is data


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "YEAR": st.integers(0, 65535),
        "N_SAMPLES": st.integers(0, 65535),
        "DATA_AT": st.sampled_from([0, 47, 48, 56, 64, 511, 512, 65535]),
        "BLOCKETTE_AT": st.sampled_from([0, 47, 48, 49, 500, 508, 65535]),
        "KIND": st.sampled_from([0, 100, 200, 500, 1000, 1001, 2000]),
        "FOLLOWING": st.integers(0, 520),
        "ENCODING": st.integers(0, 255),
        "EXPONENT": st.integers(0, 255),
    },
)


@given(st.lists(HEADERS, min_size=1, max_size=6))
@for_example([{"EXPONENT": 31}, {}])
@for_example([{}, {"N_SAMPLES": 65535, "ENCODING": 5}])
@settings(max_examples=200, deadline=None)
def test_of_what_stays_nothing_reaches_beyond_the_end(headers):
    data = as_array(b"".join(record(**numbers) for numbers in headers))
    kept, found = without_impossible(data)
    for at, size, fault in walk(kept):
        # Where the next record is left out, an old one ends nowhere; libmseed stops there.
        assert fault in ("", "does not tell its length")
        if fault:
            continue
        head = kept[at : at + 512].tobytes()
        order = ">" if 1900 <= struct.unpack_from(">H", head, 20)[0] <= 2100 else "<"
        (n_samples,) = struct.unpack_from(f"{order}H", head, 30)
        assert n_samples <= 7 / 4 * size
        assert at + size <= len(kept) or at == header_starts(kept)[-1]
    assert len(found) <= len(headers)


@given(st.lists(HEADERS, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_the_quick_look_overlooks_nothing_that_the_long_one_sees(headers):
    data = as_array(b"".join(record(**numbers) for numbers in headers))
    if without_impossible(data)[0] is data:
        assert [found.fault for found in walk(data)] == [""] * len(list(walk(data)))


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ({"N_SAMPLES": 115}, "claims 115 samples, more than 512 bytes can hold"),
        ({"YEAR": 1899}, "has no date from 1900 to 2100"),
        ({"EXPONENT": 6}, r"claims 2\^6 bytes"),
        ({"EXPONENT": 21}, r"claims 2\^21 bytes"),
        ({"EXPONENT": 10}, "claims 1024 bytes, where the next one begins after 512"),
        ({"ENCODING": 19}, "has the encoding 19, which is unknown"),
        ({"FOLLOWING": 48}, "has a blockette at byte 48, within what goes before it"),
        ({"FOLLOWING": 600}, "has a blockette of type"),
        ({"BLOCKETTE_AT": 1020}, "has a blockette at byte 1020, outside of it"),
        ({"DATA_AT": 512}, "of 512 bytes has its samples at byte 512"),
        ({"KIND": 999}, "has a blockette of type 999 and unknown length"),
    ],
)
def test_what_is_wrong_is_said(numbers, fault):
    # 114 values of four bytes fill the record.
    (found,) = faults(changed(example()[:1024], **numbers))
    assert re.match(f"the record at offset 0 {fault}", found)


def test_as_many_samples_as_there_is_room_for_stay():
    assert faults(record(ENCODING=10, N_SAMPLES=456)) == []  # Steim 1: a byte each, from byte 56
    assert faults(record(ENCODING=10, N_SAMPLES=457)) != []
    assert faults(record(ENCODING=11, N_SAMPLES=798)) == []  # Steim 2: seven in four bytes
    assert faults(record(ENCODING=11, N_SAMPLES=799)) != []
    assert faults(record(ENCODING=5, N_SAMPLES=57)) == []
    assert faults(record(ENCODING=5, N_SAMPLES=58)) != []


def test_a_record_without_a_length_ends_where_the_next_one_begins():
    old = record(BLOCKETTE_AT=0, N_BLOCKETTES=0, N_SAMPLES=100)
    assert [(at, size) for at, size, _ in walk(as_array(old + example()[512:1024]))] == [
        (0, 512),
        (512, 512),
    ]
    assert faults(old) == []
    assert faults(old[:384]) == ["the record at offset 0 does not tell its length; it is left out"]


def test_a_cut_last_record_is_left_to_libmseed():
    assert faults(example()[:1000]) == []


def test_the_bytes_that_were_given_are_not_changed():
    data = as_array(record(N_SAMPLES=65535))
    before = data.tobytes()
    kept, _ = without_impossible(data)
    assert data.tobytes() == before
    assert len(header_starts(data)) == 1
    assert len(header_starts(kept)) == 0


@pytest.mark.parametrize("name", ["two_lengths", "blockette_of_nothing", "blockette_500_is_cut"])
def test_what_ended_the_process_never_reaches_libmseed(name):
    (fault,) = faults(ATTACKS[name][1]())
    assert "blockette" in fault


def test_nothing_is_looked_for_in_less_than_a_block():
    for n_bytes in (0, 1, 127):
        assert len(record_headers.header_starts(as_array(example()[:n_bytes]))) == 0
