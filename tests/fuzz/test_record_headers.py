"""Where records are, and which are left out: those that lie, and no others."""

import re
import struct

import numpy as np
import pytest
from attacks import ATTACKS, changed, example, record
from fuzz_mutator import sealed
from fuzz_seeds import version_3
from hypothesis import example as for_example
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import noise, stream, write

from quake.waveforms.readers.record_headers import (
    _heads_2,
    _heads_3,
    _quick,
    _walked,
    beside_records,
    find_records,
    header_starts,
)

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
    return find_records(as_array(data)).faults


def places(records):
    return list(zip(records.starts.tolist(), records.sizes.tolist(), strict=True))


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
    records = find_records(data)
    assert records.faults == []
    assert places(records) == [(at, size) for at in range(0, len(data), size)]
    assert records.runs == [(0, len(data))]


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
    records, end = find_records(data), 0
    for at, size in places(records):
        assert at >= end
        end = at + size
        assert end <= len(data)
        head = data[at : at + 512].tobytes()
        order = ">" if 1900 <= struct.unpack_from(">H", head, 20)[0] <= 2100 else "<"
        (n_samples,) = struct.unpack_from(f"{order}H", head, 30)
        assert n_samples <= 7 / 4 * size
    assert len(records.faults) <= len(headers)
    assert sum(end - begin for begin, end in records.runs) == records.n_bytes


@given(st.lists(HEADERS, min_size=1, max_size=4), st.booleans())
@settings(max_examples=200, deadline=None)
def test_the_quick_look_finds_what_the_long_one_finds(headers, is_last):
    data = as_array(b"".join(record(**numbers) for numbers in headers))
    quick = _quick(data, _heads_2(data.view(np.uint8).reshape(-1, 128)), is_last)
    if quick is not None:
        assert_same(quick, _walked(data, is_last))


@given(st.lists(st.integers(0, 700), min_size=1, max_size=4), st.integers(0, 9000), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_quick_look_finds_what_the_long_one_finds_of_version_3(gaps, n_bytes, is_last):
    parts = version_3(example()[:2048])
    data = as_array((parts + b"".join(bytes(gap) + parts for gap in gaps))[:n_bytes])
    quick = _quick(data, _heads_3(data), is_last)
    if quick is not None:
        assert_same(quick, _walked(data, is_last))


def assert_same(quick, walked):
    assert places(quick) == places(walked)
    assert quick[2:-1] == walked[2:-1]


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ({"N_SAMPLES": 115}, "claims 115 samples, more than 456 bytes can hold"),
        ({"YEAR": 1899}, "has no date from 1900 to 2100"),
        ({"EXPONENT": 6}, "claims 64 bytes"),
        ({"EXPONENT": 21}, "claims 2097152 bytes"),
        ({"EXPONENT": 10}, "claims 1024 bytes, where the next one begins after 512"),
        ({"ENCODING": 19}, "has the encoding 19, which is unknown"),
        ({"FOLLOWING": 48}, r"cannot be read \(.*next blockette \(48\) is within current"),
        ({"FOLLOWING": 600}, r"cannot be read \(.*next blockette \(600\).* beyond record length"),
        ({"BLOCKETTE_AT": 1020}, "has a blockette at byte 1020, outside of it"),
        ({"DATA_AT": 512}, "of 512 bytes has its samples at byte 512"),
        ({"KIND": 999}, r"cannot be read \(.*Unknown blockette length for type 999"),
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
    records = find_records(as_array(old + example()[512:1024]))
    assert places(records) == [(0, 512), (512, 512)]
    assert not records.tell_length
    assert faults(old) == []
    assert faults(old[:384]) == ["the record at offset 0 does not tell its length; it is left out"]


def test_the_last_record_of_a_piece_may_go_on_in_the_next_one():
    old = record(BLOCKETTE_AT=0, N_BLOCKETTES=0, N_SAMPLES=100)
    for data in (example()[:1000], example()[:512] + old, example()[:512] + old[:100]):
        records = find_records(as_array(data), is_last=False)
        assert (places(records), records.end, records.faults) == ([(0, 512)], 512, [])


def test_a_cut_last_record_is_none_and_no_fault():
    records = find_records(as_array(example()[:1000]))
    assert (places(records), records.faults, records.end) == ([(0, 512)], [], 1000)


@pytest.mark.parametrize("n_bytes", [1, 63, 100, 300])
def test_records_behind_a_cut_one_are_found_wherever_they_begin(n_bytes):
    data = example()[:1536] + example()[1536 : 1536 + n_bytes] + example()[2048:4096]
    expected = [(0, 512), (512, 512), (1024, 512)]
    expected += [(1536 + n_bytes + 512 * n, 512) for n in range(4)]
    assert places(find_records(as_array(data))) == expected


def test_samples_that_look_like_a_header_divide_no_record():
    """The header in the samples is of a record that cannot be."""
    data = bytearray(record(EXPONENT=10, ENCODING=3, N_SAMPLES=200) + bytes(512) + record())
    data[300:348] = record(YEAR=1700)[:48]
    assert places(find_records(as_array(data))) == [(0, 1024), (1024, 512)]


def test_a_copy_of_a_header_among_samples_divides_no_record():
    """It begins at no block, and the record ends where the next one begins."""
    data = bytearray(example()[:1536])
    data[512 + 100 : 512 + 164] = record()[:64]
    assert places(find_records(as_array(data))) == [(0, 512), (512, 512), (1024, 512)]


def test_the_bytes_that_were_given_are_not_changed():
    data = as_array(record(N_SAMPLES=65535))
    before = data.tobytes()
    assert len(find_records(data).starts) == 0
    assert data.tobytes() == before
    assert header_starts(data).tolist() == [0]


def test_a_blockette_that_is_cut_is_named():
    (fault,) = faults(ATTACKS["blockette_500_is_cut"][1]())
    assert "Blockette 500 extends beyond record size" in fault


@pytest.mark.parametrize(("n_bytes", "n_bytes_3"), [(0, 0), (1, 1), (47, 39)])
def test_nothing_is_found_in_less_than_a_header(n_bytes, n_bytes_3):
    for data in (example()[:n_bytes], version_3(example()[:512])[:n_bytes_3]):
        assert len(header_starts(as_array(data))) == 0
        assert len(find_records(as_array(data)).starts) == 0


# --- version 3 ----------------------------------------------------------------------------


def changed_3(data, at, layout, number):
    """A record with another number, and its checksum."""
    data = bytearray(data)
    struct.pack_into(layout, data, at, number)
    return sealed(data)


def records_3(n):
    """Records of miniSEED 3, a list of bytes."""
    return [version_3(example()[at : at + 512]) for at in range(0, 512 * n, 512)]


def test_records_of_both_versions_in_one_file_are_found():
    parts = [example()[:1024], *records_3(3), example()[1024:2048]]
    records = find_records(as_array(b"".join(parts)))
    sizes = [512, 512, *map(len, parts[1:4]), 512, 512]
    assert records.sizes.tolist() == sizes
    assert records.starts.tolist() == [sum(sizes[:n]) for n in range(len(sizes))]
    assert records.faults == []


@pytest.mark.parametrize(
    ("at", "layout", "number", "fault"),
    [
        (24, "<I", 2**31, r"claims 2147483648 samples, more than \d+ bytes can hold"),
        (24, "<I", 115, r"claims 115 samples, more than 456 bytes can hold"),
        (15, "B", 19, "has the encoding 19, which is unknown"),
        (36, "<I", 700, "claims .* bytes, where the next one begins after"),
        (33, "B", 255, "cannot be read|claims .* bytes"),
        (16, "<d", float("nan"), "cannot be read"),
    ],
)
def test_a_record_of_version_3_that_lies_costs_itself_alone(at, layout, number, fault):
    first, second, third = records_3(3)
    liar = changed_3(second, at, layout, number)
    records = find_records(as_array(first + liar + third))
    ends = len(first), len(first) + len(second)
    assert places(records) == [(0, ends[0]), (ends[1], len(third))]
    (found,) = records.faults
    assert re.match(f"the record at offset {ends[0]} ({fault})", found)


def test_zeros_between_records_are_no_damage():
    parts = records_3(2)
    data = as_array(parts[0] + bytes(1024) + parts[1])
    records = find_records(data)
    assert len(records.runs) == 2
    n_headers, n_bytes = beside_records(data, records)
    assert n_headers == 0
    assert 1024 - 256 <= n_bytes <= 1024
