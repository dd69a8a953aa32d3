"""The cache of decoded rows: what comes back, and when it is made anew."""

import json
import shutil

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime

from quake.data import cache, examples
from quake.data.labels import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.data.tables import read_label_table

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
    seen, decode_row = [], examples._decode_row

    def counted(span, *rest):
        seen.append(span.path.name)
        return decode_row(span, *rest)

    monkeypatch.setattr(examples, "_decode_row", counted)
    return seen


def decode(spans, folder, preprocessing=P):
    return examples.decode(spans, LABELS, preprocessing, cache=folder)


def test_the_second_time_no_file_is_read_and_everything_is_the_same(spans, tmp_path, reads):
    plain, left_out = examples.decode(spans, LABELS, P)
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


@pytest.mark.parametrize("damage", ["index", "truncated", "foreign"])
def test_a_damaged_entry_is_told_of_and_made_anew(spans, tmp_path, reads, caplog, damage):
    decode(spans, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    if damage == "index":
        (entry / "index.json").write_text("{")
    elif damage == "truncated":
        samples = entry / "samples.f32"
        samples.write_bytes(samples.read_bytes()[:-400])
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


def test_a_folder_that_cannot_be_made_is_told_of(spans, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    found, _ = decode(spans, tmp_path / "file")
    assert len(found) == 4
    assert "give --cache another folder" in caplog.text
