"""miniSEED 3 wherever miniSEED 2 is read: files, pipes, packed files, stores, pictures, labels."""

import gzip

import numpy as np
import pytest
from strategies import noise, stream, write, write_3

from quake.datasets.file_reader import FILE_READER
from quake.datasets.opening import open_collection


@pytest.fixture
def rows():
    return stream(noise(15_000).astype(np.int32))


@pytest.fixture
def two(tmp_path, rows):
    return write(tmp_path / "two.mseed", rows)


@pytest.fixture
def three(tmp_path, rows):
    return write_3(tmp_path / "three.mseed3", rows)


def test_a_file_gives_the_windows_of_version_2(predict, two, three):
    expected, run = predict(two), predict(three)
    assert (run.status, run.errors, run.warnings) == (0, [], [])
    assert run.out == expected.out
    assert len(run.records) > 1


def test_a_pipe_and_a_packed_file_give_them_too(predict, tmp_path, two, three):
    expected = predict(two).out
    assert predict("-", stdin=three.read_bytes()).out == expected
    packed = tmp_path / "three.mseed.gz"
    packed.write_bytes(gzip.compress(three.read_bytes()))
    assert predict(packed).out == expected


def test_a_store_is_resumed(quake, tmp_path, three):
    first = quake("predict", three, "--output", "store/")
    again = quake("predict", three, "--output", "store/", "--resume")
    assert (first.status, again.status, again.errors) == (0, 0, [])
    assert "done before" in again.summary


def test_a_window_is_inspected(quake, tmp_path, three):
    run = quake("inspect", three, "--at", "2021-03-04T05:06:30Z", "--output", "window.png")
    assert (run.status, run.errors) == (0, [])
    assert (tmp_path / "window.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_them_is_a_channel_set_among_others(predict, tmp_path, rows):
    folder = tmp_path / "archive"
    folder.mkdir()
    write_3(folder / "a.mseed", rows)
    write(folder / "b.mseed", stream(noise(15_000, 1).astype(np.int32), station="B"))
    (folder / "readme.txt").write_text("no waveforms")
    run = predict(folder)
    assert run.status == 0
    assert sorted({record["id"] for record in run.records}) == ["XX.B..HH?", "XX.STA..HH?"]


@pytest.mark.parametrize("form", ["folders", "table"])
def test_labelled_records_are_read_for_training(tmp_path, form):
    """The same samples, whichever version the record has."""
    found = {}
    for writer in (write, write_3):
        root = tmp_path / writer.__name__
        for seed, name in enumerate(("earthquake", "noise")):
            (root / name).mkdir(parents=True)
            rows = stream(noise(15_000, seed).astype(np.int32), station=name[:4].upper())
            writer(root / name / "a.mseed", rows)
        (root / "labels.csv").write_text(
            "path,start,end,label\n"
            "earthquake/a.mseed,2021-03-04T05:06:00Z,2021-03-04T05:07:00Z,earthquake\n"
            "noise/a.mseed,2021-03-04T05:06:00Z,2021-03-04T05:07:00Z,noise\n"
        )
        collection = open_collection(root / "labels.csv" if form == "table" else root)
        found[writer] = [
            (span.label, component, [(s.start_ns, s.samples.tobytes()) for s in pieces])
            for span in collection.spans
            for component, pieces in FILE_READER.read(span, 0).channel_set.segments.items()
        ]
    assert found[write_3] == found[write]
    assert len(found[write]) == 6
