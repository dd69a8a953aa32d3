"""Formats beside miniSEED and SAC: ObsPy's own examples of each, and what is told of the others."""

import io
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import obspy
import pytest
from strategies import noise, stream, write

from quake.errors import WaveformError
from quake.inputs.copies import Copies
from quake.waveforms import copied
from quake.waveforms.readers.other_formats import advice_on, other_format, write_as_mseed

EXAMPLES = Path(obspy.__file__).parent / "io"
GSE2 = "gse2/tests/data/sta2.gse2"
KNET = "nied/tests/data/test.knet"
SEG2 = "seg2/tests/data/20180307_031245000.0.seg2"
SEGY = "segy/tests/data/one_trace_year_11.sgy"
WIN = "win/tests/data/10030302.00"


def example(name):
    path = EXAMPLES / name
    if not path.exists():
        pytest.skip(f"this ObsPy came without its example {name}")
    return path


def converted(path):
    data = io.BytesIO()
    write_as_mseed(path, data)
    data.seek(0)
    return obspy.read(data, format="MSEED")


@pytest.mark.parametrize(
    ("name", "kind", "codes"),
    [
        (GSE2, "GSE2", ["AB.ABCDE..HHZ"]),
        ("gse2/tests/data/acc.gse", "GSE1", [".GRB1..BZ"]),
        (
            "seisan/tests/data/2005-07-23-1452-04S.CER___030",
            "SEISAN",
            [".CER..BHZ", ".CER..BHN", ".CER..BHE"],
        ),
        ("gcf/tests/data/20160603_1910n.gcf", "GCF", [".6018..HHN"]),
    ],
)
def test_samples_and_times_are_those_of_the_file(name, kind, codes):
    path = example(name)
    assert other_format(path) == kind
    found, expected = converted(path), obspy.read(path, format=kind)
    assert [trace.id for trace in found] == codes
    for one, other in zip(found, expected, strict=True):
        assert one.stats.sampling_rate == pytest.approx(other.stats.sampling_rate, rel=1e-6)
        assert abs(one.stats.starttime - other.stats.starttime) < 1e-4
        np.testing.assert_array_equal(one.data, other.data)


def knet(folder, station="AKT013", direction="E-W", rate="100Hz"):
    text = example(KNET).read_text()
    text = text.replace("AKT013", station).replace("E-W", direction).replace("100Hz", rate)
    path = folder / f"{station}.{direction}"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("station", "direction", "rate", "codes"),
    [
        ("AKT013", "E-W", "100Hz", "BO.AKT0.13.HNE"),
        ("AKT013", "U-D", "100Hz", "BO.AKT0.13.HNZ"),
        ("AKT013", "N-S", "50Hz", "BO.AKT0.13.BNN"),
        # KiK-net numbers its components: 1 to 3 in the borehole, 4 to 6 above it.
        ("AKTH04", "1", "100Hz", "BO.AKT04.01.HNN"),
        ("AKTH04", "6", "100Hz", "BO.AKT04.02.HNZ"),
    ],
)
def test_components_of_knet_and_kiknet(tmp_path, station, direction, rate, codes):
    (trace,) = converted(knet(tmp_path, station, direction, rate))
    assert trace.id == codes
    # 03:12:39 in Japan, less the 15 s that its recorders add.
    assert str(trace.stats.starttime) == "1996-08-10T18:12:24.000000Z"


def test_a_zip_archive_of_several_files(tmp_path):
    rows = noise(3000).astype(np.int32)
    write(tmp_path / "a.mseed", stream(rows[:1], codes="Z"))
    write(tmp_path / "b.sac", stream(rows[1:2].astype(np.float32), codes="N"), format="SAC")
    path = tmp_path / "event.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "a.mseed", "data/a.mseed")
        archive.write(tmp_path / "b.sac", "data/b.sac")
        archive.writestr("data/readme.txt", "about them")
    found = converted(path)
    assert sorted(trace.stats.channel for trace in found) == ["HHN", "HHZ"]
    np.testing.assert_array_equal(found.select(channel="HHZ")[0].data, rows[0])


def test_a_zip_archive_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("quake.waveforms.readers.other_formats._MOST_BYTES", 1 << 20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.mseed", bytes(300 << 20))
    with pytest.raises(WaveformError, match="unpacks to more than 200 times its size"):
        converted(path)


def test_a_zip_archive_without_waveforms_is_told(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "no waveforms")
        archive.writestr("b.txt", "nor here")
    with pytest.raises(WaveformError, match="a zip archive without miniSEED or SAC"):
        converted(path)


@pytest.fixture
def asdf(tmp_path):
    pyasdf = pytest.importorskip("pyasdf")

    def write_asdf(**tags):
        path = tmp_path / "a.h5"
        with pyasdf.ASDFDataSet(str(path), mode="w", mpi=False, compression=None) as data:
            for tag, rows in tags.items():
                data.add_waveforms(stream(rows.astype(np.int32)), tag=tag)
        return path

    return write_asdf


@pytest.mark.filterwarnings("ignore")
def test_asdf(asdf):
    rows = noise(3000)
    path = asdf(raw_recording=rows, processed=rows / 2)
    assert other_format(path) == "ASDF"
    found = converted(path)
    assert sorted(trace.id for trace in found) == [f"XX.STA..HH{c}" for c in "ENZ"]
    np.testing.assert_array_equal(
        found.select(channel="HHZ")[0].data, rows[0].astype(np.int32), strict=True
    )


@pytest.mark.filterwarnings("ignore")
def test_asdf_of_several_kinds_of_waveforms_is_refused(asdf):
    with pytest.raises(WaveformError, match="2 kinds \\(one, two\\), none of them raw_recording"):
        converted(asdf(one=noise(3000), two=noise(3000)))


def test_other_hdf5_files_are_none(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = 1
    assert other_format(tmp_path / "a.h5") == ""


# --- what is told of those that do not tell components ------------------------------------


@pytest.mark.parametrize(("name", "kind"), [(SEG2, "SEG2"), (SEGY, "SEGY"), (WIN, "WIN")])
@pytest.mark.filterwarnings("ignore")
def test_the_command_that_converts_it_does(tmp_path, name, kind):
    path = tmp_path / example(name).name
    path.write_bytes(example(name).read_bytes())
    with pytest.raises(WaveformError, match=f"{kind}, which does not tell components") as raised:
        converted(path)
    command = str(raised.value).partition("with the codes that are right: ")[2]
    program, *arguments = shlex.split(command)
    assert program == "python"
    subprocess.run([sys.executable, "-W", "ignore", *arguments], check=True, cwd=tmp_path)
    found = obspy.read(path.with_suffix(".mseed"))
    assert {trace.stats.channel for trace in found} == {"HHZ"}


def test_a_file_of_a_known_format_is_told_how_to_be_read(tmp_path):
    path = example(GSE2)
    with pytest.raises(WaveformError, match="GSE2, which is read with --read-any"):
        copied.contents_of(str(path))
    text = tmp_path / "a.txt"
    text.write_text("nothing of the kind")
    assert advice_on(text) == ""
    with pytest.raises(WaveformError, match="neither miniSEED nor SAC"):
        copied.contents_of(str(text))


def test_damage_is_told():
    path = example("gse2/tests/data/broken_head.gse2")
    with pytest.raises(WaveformError, match=r"damaged GSE2 data.*leave it out"):
        converted(path)


def test_a_pickle_is_no_format(tmp_path):
    path = tmp_path / "a.pickle"
    obspy.read(example(GSE2)).write(str(path), format="PICKLE")
    assert other_format(path) == ""


# --- copies -------------------------------------------------------------------------------


def test_what_is_read_on_demand_is_named_as_the_file(tmp_path):
    path = str(example(GSE2))
    copies = Copies(str(tmp_path), read_any=True)
    contents = copied.contents_of(path, copies)
    (span,) = contents.spans
    assert span.source == path
    (segment,) = copied.read_segments(path, span.id, index=contents.index, copier=copies)[0]
    assert segment.source == path
    np.testing.assert_array_equal(segment.samples, obspy.read(path)[0].data)
    assert len(list(tmp_path.glob("*.data"))) == 1


def test_a_file_that_has_changed_is_converted_again(tmp_path):
    path = tmp_path / "a.gse2"
    path.write_bytes(example(GSE2).read_bytes())
    copies = Copies(str(tmp_path), read_any=True)
    copied.contents_of(str(path), copies)
    path.write_bytes(example("gse2/tests/data/loc_RNON20040609200559.z").read_bytes())
    (span,) = copied.contents_of(str(path), copies).spans
    assert span.id.station == "RNON"
