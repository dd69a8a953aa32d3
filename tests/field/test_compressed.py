"""Compressed records are read as what is in them, wherever they come from, in bounded memory."""

import bz2
import gzip
import io
import json
import lzma
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from field_records import samples
from strategies import noise, stream, trace, write

from quake.errors import WaveformError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers import compressed
from quake.waveforms.readers.waveform_file import contents_of, is_waveform_file, read_segments


def zipped(content, *names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("record",):
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("day/a.mseed")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
}


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain.mseed"
    path.write_bytes(samples(15_000))
    return path


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_compressed_file_is_read_as_what_is_in_it(predict, plain, tmp_path, suffix):
    packed = tmp_path / f"a.mseed.{suffix}"
    packed.write_bytes(PACKERS[suffix](plain.read_bytes()))
    run = predict(packed)
    assert (run.status, run.errors) == (0, [])
    assert run.out == predict(plain).out


def test_the_content_counts_not_the_name(predict, plain, tmp_path):
    (tmp_path / "odd.mseed").write_bytes(gzip.compress(plain.read_bytes()))
    assert predict("odd.mseed").out == predict(plain).out


@pytest.mark.parametrize("suffix", PACKERS)
def test_standard_input_may_be_compressed(predict, plain, suffix):
    run = predict("-", stdin=PACKERS[suffix](plain.read_bytes()))
    assert (run.status, run.out) == (0, predict(plain).out)


@pytest.mark.parametrize("name", ["2020.035.mseed.gz", "day.gz", "BHZ.XZ", "a.bz2"])
def test_compressed_files_of_folders_are_found(predict, plain, tmp_path, name):
    suffix = name.rpartition(".")[2].lower()
    folder = tmp_path / "arch"
    folder.mkdir()
    (folder / name).write_bytes(PACKERS[suffix](plain.read_bytes()))
    (folder / "README.gz").write_bytes(gzip.compress(b"nothing of use"))
    run = predict(folder)
    assert (run.status, run.out) == (0, predict(plain).out)
    assert "1 other file left out" in run.summary


def test_compressed_sac_files_of_folders_are_found(predict, tmp_path):
    folder = tmp_path / "arch"
    folder.mkdir()
    for code, row in zip("ZNE", noise(6000).astype(np.float32), strict=True):
        file = write(folder / f"{code}.sac", trace(row, f"HH{code}"), format="SAC")
        (folder / f"{code}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    run = predict(folder)
    assert run.status == 0
    assert {record["components"] for record in run.records} == {"ZNE"}


def test_a_compressed_day_of_an_sds_archive_is_found_and_done_once(quake, tmp_path):
    name = "XX.STA..HHZ.D.2021.063"
    folder = tmp_path / "sds" / "2021" / "XX" / "STA" / "HHZ.D"
    folder.mkdir(parents=True)
    (folder / f"{name}.gz").write_bytes(gzip.compress(samples(15_000)))
    store = ("--output", "store/", "--summary-json", "sum.json")
    for done in ("done", "done before"):
        run = quake("predict", "--sds", "sds", "--start", "2021-03-04", *store)
        assert (run.status, run.errors) == (0, [])
        assert json.loads((tmp_path / "sum.json").read_text())["station_days"][done] == 1


@pytest.mark.parametrize(
    ("name", "pack", "text"),
    [
        ("days.tar", tarred, "a tar archive, where one file was expected; unpack it (tar xf)"),
        ("days.tar.gz", lambda c: gzip.compress(tarred(c)), "a tar archive"),
        ("days.tgz", lambda c: gzip.compress(tarred(c)), "a tar archive"),
        ("days.zip", lambda c: zipped(c, "a", "b"), "a zip archive of 2 files"),
        ("a.mseed.zst", lambda c: b"\x28\xb5\x2f\xfd" + c, "packed with zstd"),
        ("a.mseed.Z", lambda c: b"\x1f\x9d" + c, "packed with compress"),
    ],
)
def test_what_has_to_be_unpacked_by_hand_is_named(predict, plain, tmp_path, name, pack, text):
    folder = tmp_path / "arch"
    folder.mkdir()
    (folder / name).write_bytes(pack(plain.read_bytes()))
    alone = predict(folder / name)
    assert alone.status == 3
    assert text in alone.errors[0]
    assert name in alone.errors[0]
    (folder / "good.mseed").write_bytes(plain.read_bytes())
    beside = predict(folder)
    assert beside.status == 0
    assert [text in line and name in line for line in beside.warnings] == [True]


@pytest.mark.parametrize("suffix", PACKERS)
def test_half_a_download_is_a_fault_that_is_named(predict, plain, tmp_path, suffix):
    content = PACKERS[suffix](plain.read_bytes())
    folder = tmp_path / "arch"
    folder.mkdir()
    (folder / f"a.mseed.{suffix}").write_bytes(content[: len(content) // 2])
    (folder / "good.mseed").write_bytes(plain.read_bytes())
    run = predict(folder)
    assert run.status == 1
    (error,) = run.errors
    assert f"a.mseed.{suffix}: damaged " in error
    assert "fetch it again" in error


def test_nothing_is_left_in_the_temporary_folder(predict, plain, tmp_path):
    packed = tmp_path / "a.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    place = tmp_path / "tmp"
    place.mkdir()
    assert predict(packed, TMPDIR=str(place)).status == 0
    assert list(place.iterdir()) == []


# --- in the library -----------------------------------------------------------------------


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "a.mseed.gz"
    path.write_bytes(gzip.compress(samples()))
    return path


def test_what_grows_without_bound_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(compressed, "_ALWAYS_BYTES", 1 << 20)
    path = tmp_path / "bomb.mseed.gz"
    path.write_bytes(gzip.compress(samples() + bytes(64 << 20)))
    with pytest.raises(WaveformError, match="unpacks to more than 200 times its size"):
        contents_of(path)


def test_a_full_temporary_folder_is_named(packed, monkeypatch):
    class Full:
        def __getattr__(self, name):
            return getattr(self.file, name)

        def __init__(self, **options):
            self.file = tempfile.SpooledTemporaryFile()  # noqa: SIM115

        def write(self, chunk):
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(WaveformError, match=r"cannot be unpacked into .*No space left.*TMPDIR"):
        contents_of(packed)


def test_a_file_that_is_replaced_is_unpacked_anew(packed):
    key = ChannelSetId("XX", "STA", "", "HH")
    before, _ = read_segments(packed, key)
    packed.write_bytes(gzip.compress(samples(seed=7)))
    after, _ = read_segments(packed, key)
    assert not np.array_equal(before[0].samples, after[0].samples)


def test_an_index_fits_the_file_when_it_is_unpacked_again(packed):
    key = ChannelSetId("XX", "STA", "", "HH")
    index = contents_of(packed).index
    whole, _ = read_segments(packed, key)
    compressed._CACHE.forget()
    again, _ = read_segments(packed, key, index=index)
    assert np.array_equal(whole[0].samples, again[0].samples)


def test_only_so_many_files_are_kept(tmp_path):
    for number in range(compressed._KEPT + 5):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(gzip.compress(samples(500)))
        contents_of(path)
    assert len(compressed._CACHE._kept) == compressed._KEPT


def test_memory_does_not_grow_with_the_file(tmp_path):
    """A hundred megabytes are not held at once."""
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = tmp_path / "large.mseed.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        record = stream(noise(6000).astype(np.int32))
        buffer = io.BytesIO()
        record.write(buffer, format="MSEED", reclen=512)
        for _ in range(2000):  # 120 MB
            file.write(buffer.getvalue())
    assert is_waveform_file(path)
    with path.open("rb") as file, compressed.unpacked(path, file, "gzip") as plain:
        assert Path(f"/proc/self/fd/{plain.fileno()}").stat().st_size > 80e6
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 30e6
