"""The cache of decoded rows: what comes back, and when it is made anew."""

import errno
import json
import os
import shutil
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obspy import Stream, Trace, UTCDateTime
from strategies import channel_set, segment

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets import cache
from quake.datasets import rows as rows_module
from quake.datasets.decoding import decode as decode_rows
from quake.datasets.rows import Decoded
from quake.datasets.tables import read_label_table

P = Preprocessing(window_s=20.0)
LABELS = LabelSet(("earthquake", "noise"))


@pytest.fixture
def spans(tmp_path):
    rows = ["path,start,end,label,p_time"]
    for number in range(4):
        start = UTCDateTime(2020, 1, 1) + 3600 * number
        samples = np.random.default_rng(number).normal(size=3000 + 500 * number)
        header = {"network": "XX", "station": "S", "channel": "HHZ", "starttime": start}
        made = Stream([Trace(samples, {**header, "sampling_rate": 50.0})])
        made.write(str(tmp_path / f"{number}.mseed"), format="MSEED")
        label = ("eq", "no")[number % 2]
        rows.append(
            f"{number}.mseed,{start},{start + 60},{label},{start + 20 if not number % 2 else ''}"
        )
    rows.append(f"missing.mseed,{start},{start + 60},no,")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return read_label_table(tmp_path / "labels.csv").spans


@pytest.fixture
def reads(monkeypatch):
    """Paths of the files that are decoded."""
    seen, decode_row = [], rows_module._decode_row

    def counted(span, *rest):
        seen.append(span.path.name)
        return decode_row(span, *rest)

    monkeypatch.setattr(rows_module, "_decode_row", counted)
    return seen


def decode(spans, folder, preprocessing=P):
    return decode_rows(spans, LABELS, preprocessing, cache=folder)


def test_the_second_time_no_file_is_read_and_everything_is_the_same(spans, tmp_path, reads):
    plain, left_out = decode_rows(spans, LABELS, P)
    reads.clear()
    first, _ = decode(spans, tmp_path / "cache")
    assert len(reads) == 5
    second, again = decode(spans, tmp_path / "cache")
    assert len(reads) == 5
    assert [reason for _, reason in again] == [reason for _, reason in left_out]
    for a, b, c in zip(plain, first, second, strict=True):
        for other in (b, c):
            np.testing.assert_array_equal(a.samples, other.samples)
            assert (a.components, a.target, a.onset, a.span) == (
                other.components,
                other.target,
                other.onset,
                other.span,
            )


def test_records_come_back_as_they_were_read(spans, tmp_path):
    plain, _ = decode_rows(spans, LABELS, P)
    decode(spans, tmp_path / "cache")
    for a, b in zip(plain, decode(spans, tmp_path / "cache")[0], strict=True):
        assert a.start_ns == b.start_ns
        assert a.recorded.id == b.recorded.id
        assert a.recorded.segments.keys() >= b.recorded.segments.keys()
        for component, segments in a.recorded.segments.items():
            found = b.recorded.segments.get(component, [])
            for one, other in zip(segments, found, strict=True):
                assert (one.code, one.start_ns) == (other.code, other.start_ns)
                assert one.sampling_rate_hz == other.sampling_rate_hz
                assert one.samples.dtype.newbyteorder("=") == other.samples.dtype
                np.testing.assert_array_equal(one.samples, other.samples)
        np.testing.assert_array_equal(
            a.cut(a.start_ns, P, row=True), b.cut(b.start_ns, P, row=True)
        )


DTYPES = st.sampled_from([np.int16, np.int32, np.int64, np.float32, np.float64, ">i4", ">f8"])


@given(st.lists(st.tuples(st.sampled_from("ZNE"), DTYPES, st.integers(1, 40)), max_size=6))
def test_records_of_any_numbers_and_of_any_pieces_come_back(tmp_path_factory, pieces):
    rng = np.random.default_rng(len(pieces))
    segments = {}
    for number, (component, dtype, n) in enumerate(pieces):
        samples = (1000 * rng.standard_normal(n)).astype(dtype)
        one = segment(samples, number * 10**9, 12.5, component)
        segments.setdefault(component, []).append(one)
    record = channel_set(**segments)
    outcomes = [
        Decoded(np.ones((3, 5), np.float32), "Z", 3, record, 12_345),
        "cannot be read",
        Decoded(np.zeros((3, 2), np.float32), "ZNE", None),
    ]
    writer = cache.CacheWriter(tmp_path_factory.mktemp("cache") / ("0" * 24))
    assert all(writer.add(outcome) for outcome in outcomes)
    assert writer.finish()
    first, reason, last = cache.load(writer.folder, 3)
    assert reason == "cannot be read"
    assert (last.recorded, last.onset, last.start_ns) == (None, None, 0)
    assert (first.onset, first.start_ns, first.recorded.id) == (3, 12_345, record.id)
    assert {c: len(s) for c, s in first.recorded.segments.items()} == {
        c: len(s) for c, s in segments.items()
    }
    for component, some in segments.items():
        for one, other in zip(some, first.recorded.segments[component], strict=True):
            np.testing.assert_array_equal(one.samples, other.samples)
            assert (one.start_ns, one.sampling_rate_hz) == (other.start_ns, other.sampling_rate_hz)


def test_samples_are_mapped_and_not_read_into_memory(spans, tmp_path):
    found, _ = decode(spans, tmp_path / "cache")
    assert isinstance(found[0].samples, np.memmap)


def test_a_file_that_changed_is_decoded_again(spans, tmp_path, reads):
    decode(spans, tmp_path / "cache")
    shutil.copy(spans[1].path, spans[0].path)
    decode(spans, tmp_path / "cache")
    assert len(reads) == 10


def test_another_rate_is_another_entry_but_another_hop_is_not(spans, tmp_path, reads):
    decode(spans, tmp_path / "cache")
    decode(spans, tmp_path / "cache", Preprocessing(window_s=20.0, hop_samples=16))
    assert len(reads) == 5
    decode(spans, tmp_path / "cache", Preprocessing(window_s=20.0, sampling_rate_hz=40.0))
    assert len(reads) == 10


@pytest.mark.parametrize("damage", ["index", "truncated", "foreign", "no records", "short records"])
def test_a_damaged_entry_is_told_of_and_made_anew(spans, tmp_path, reads, caplog, damage):
    decode(spans, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    if damage == "index":
        (entry / "index.json").write_text("{")
    elif damage == "truncated":
        samples = entry / "samples.f32"
        samples.write_bytes(samples.read_bytes()[:-400])
    elif damage == "no records":
        (entry / "records.bin").unlink()
    elif damage == "short records":
        records = entry / "records.bin"
        records.write_bytes(records.read_bytes()[:-8])
    else:
        (entry / "index.json").write_text(json.dumps({"total": 0, "rows": []}))
    found, _ = decode(spans, tmp_path / "cache")
    assert len(found) == 4
    assert "cannot be used" in caplog.text
    decode(spans, tmp_path / "cache")
    assert len(reads) == 10


def test_a_full_disk_is_told_of_and_training_goes_on(spans, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(cache, "_SMALLEST_FREE_SHARE", 1.0)
    found, _ = decode(spans, tmp_path / "cache")
    assert len(found) == 4
    assert "decoded windows are not kept" in caplog.text
    assert list((tmp_path / "cache").iterdir()) == []


def same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
        assert (a.components, a.onset, a.span) == (b.components, b.onset, b.span)
    return True


@pytest.mark.parametrize("n_bytes", [0, 20_000, 36_000, 100_000, 150_000])
def test_a_disk_that_fills_up_on_the_way_loses_nothing(spans, tmp_path, monkeypatch, n_bytes):
    class FullDisk(cache.FileIO):
        def write(self, data):
            room = n_bytes - self.tell()
            if room <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:room])

    plain, left_out = decode_rows(spans, LABELS, P)
    monkeypatch.setattr(cache, "FileIO", FullDisk)
    found, excluded = decode(spans, tmp_path / "cache")
    assert same(found, plain)
    assert excluded == left_out
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_index_that_cannot_be_written_loses_nothing(spans, tmp_path, monkeypatch, caplog):
    plain, _ = decode_rows(spans, LABELS, P)

    def fail(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.Path, "write_text", fail)
    found, excluded = decode(spans, tmp_path / "cache")
    assert same(found, plain)
    assert len(excluded) == 1
    assert "No space left on device" in caplog.text


def test_rows_are_not_held_in_memory_while_they_are_written(spans, tmp_path):
    made = []

    def decode_all():
        for _ in spans:
            samples = np.ones((3, 50), np.float32)
            made.append(weakref.ref(samples))
            yield Decoded(samples, "ZNE", None)
            del samples
            assert sum(ref() is not None for ref in made) <= 1

    found = cache.through_cache(tmp_path, spans, P, decode_all)
    assert [outcome.samples.sum() for outcome in found] == 5 * [150]


def test_an_interruption_leaves_nothing_half_written(spans, tmp_path):
    def interrupt(done):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decode_rows(spans, LABELS, P, interrupt, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_rows_of_another_class_are_the_same_samples(spans, tmp_path, reads):
    decode(spans, tmp_path / "cache")
    exploded = [replace(s, label="explosion") if s.label != "noise" else s for s in spans]
    labels = LabelSet(("noise", "earthquake", "explosion"))
    found, _ = decode_rows(exploded, labels, P, cache=tmp_path / "cache")
    assert len(reads) == 5
    assert [example.target for example in found] == [2, 0, 2, 0]


def test_a_class_that_was_not_known_is_not_remembered_as_unknown(spans, tmp_path):
    mixed = [replace(spans[0], label="tremor"), *spans[1:]]
    found, excluded = decode(mixed, tmp_path / "cache")
    assert (len(found), len(excluded)) == (3, 2)
    labels = LabelSet(("earthquake", "noise", "tremor"))
    found, excluded = decode_rows(mixed, labels, P, cache=tmp_path / "cache")
    assert (len(found), len(excluded)) == (4, 1)


def test_two_processes_at_once_write_one_entry(spans, tmp_path, monkeypatch):
    plain, _ = decode_rows(spans, LABELS, P)
    finish = cache.CacheWriter.finish
    others = []

    def another_is_quicker(self):
        if not others:
            others.append("on its way")
            others.append(decode(spans, tmp_path / "cache")[0])
        return finish(self)

    monkeypatch.setattr(cache.CacheWriter, "finish", another_is_quicker)
    assert same(decode(spans, tmp_path / "cache")[0], plain)
    assert same(others[1], plain)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_was_used_longest_ago_makes_room(spans, tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    rates = (50.0, 40.0, 25.0)
    keys = []
    for age, rate_hz in enumerate(rates):
        settings = Preprocessing(window_s=20.0, sampling_rate_hz=rate_hz, band_hz=(1.0, 10.0))
        decode(spans, folder, settings)
        keys.append(cache.cache_key(spans, settings))
        os.utime(folder / keys[-1] / "index.json", (1000 - age, 1000 - age))
    (folder / "mine").mkdir()
    (folder / "mine" / "samples.f32").write_text("not of a cache")
    half = folder / f".{keys[0]}.abc"
    half.mkdir()
    (half / "samples.f32").write_text("left behind")
    os.utime(half / "samples.f32", (0, 0))
    samples, records = (folder / keys[0] / name for name in ("samples.f32", "records.bin"))
    size = samples.stat().st_size + records.stat().st_size
    monkeypatch.setattr(cache, "_MOST_BYTES", 2 * size)
    decode(spans, folder)
    newest = cache.cache_key(spans, P)
    assert {path.name for path in folder.iterdir()} == {newest, keys[0], "mine"}


def test_an_entry_larger_than_all_room_is_kept(spans, tmp_path, monkeypatch, reads):
    monkeypatch.setattr(cache, "_MOST_BYTES", 1)
    decode(spans, tmp_path / "cache")
    decode(spans, tmp_path / "cache")
    assert len(reads) == 5


def test_a_folder_that_cannot_be_made_is_told_of(spans, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    found, _ = decode(spans, tmp_path / "file")
    assert len(found) == 4
    assert "give --cache another folder" in caplog.text
