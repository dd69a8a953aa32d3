"""A folder per class: each file is a stretch, SAC components come together, events are one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets.decoding import decode
from quake.datasets.opening import open_collection
from quake.errors import LabelError

RATE_HZ = 50.0
START = UTCDateTime(2021, 3, 4, 5, 6)


def trace(component="Z", station="STA", start=START, seconds=60, sac=None):
    samples = np.random.default_rng(ord(component)).normal(size=int(seconds * RATE_HZ))
    header = {
        "network": "XX",
        "station": station,
        "channel": f"HH{component}",
        "starttime": start,
        "sampling_rate": RATE_HZ,
    }
    made = Trace(samples.astype(np.float32), header)
    if sac is not None:
        made.stats.sac = sac
    return made


@pytest.fixture
def root(tmp_path):
    """Three components in one miniSEED file, three SAC files, and a noise file."""
    (tmp_path / "EQ" / "day").mkdir(parents=True)
    (tmp_path / "noise").mkdir()
    three = Stream([trace(c) for c in "ZNE"])
    three.write(str(tmp_path / "EQ" / "day" / "a.mseed"), format="MSEED")
    later = START + 3600
    for c in "ZNE":
        sac = {"a": 12.5, "b": 0.0}
        path = tmp_path / "EQ" / f"b.{c}.sac"
        trace(c, "STB", later, sac=sac).write(str(path), format="SAC")
    trace("Z", "STA", START + 7200).write(str(tmp_path / "noise" / "n.mseed"), format="MSEED")
    return tmp_path


def spans_of(root):
    return {(s.label, s.station, s.start_ns): s for s in open_collection(root).spans}


def test_folders_name_the_classes_with_aliases(root):
    labels = sorted(span.label for span in open_collection(root).spans)
    assert labels == ["earthquake", "earthquake", "noise"]


def test_sac_files_of_one_channel_set_are_one_stretch_with_its_p(root):
    span = spans_of(root)["earthquake", "XX.STB", (START + 3600).ns]
    assert span.p_ns == (START + 3612.5).ns
    stretch = span.reader.read(span, 0)
    assert sorted(stretch.channel_set.segments) == ["E", "N", "Z"]
    for component, segments in stretch.channel_set.segments.items():
        np.testing.assert_allclose(segments[0].samples, trace(component).data)


def test_a_file_is_a_stretch_from_its_beginning_to_its_end(root):
    span = spans_of(root)["earthquake", "XX.STA", START.ns]
    assert span.end_ns == (START + 60).ns
    assert span.p_ns is None


def test_what_overlaps_in_time_in_a_class_is_one_event(root):
    trace("Z", "STC", START + 30).write(str(root / "EQ" / "c.mseed"), format="MSEED")
    found = spans_of(root)
    first = found["earthquake", "XX.STA", START.ns].group
    assert found["earthquake", "XX.STC", (START + 30).ns].group == first
    assert found["earthquake", "XX.STB", (START + 3600).ns].group != first


def test_other_files_are_left_out_by_name(root):
    (root / "noise" / "README.txt").write_text("about these")
    (exclusion,) = open_collection(root).excluded
    assert exclusion.what.endswith("noise/README.txt")
    assert exclusion.reason == "neither miniSEED nor SAC"


def test_files_of_other_components_are_left_out_by_name(root):
    trace("Q", "STD").write(str(root / "noise" / "q.mseed"), format="MSEED")
    (exclusion,) = open_collection(root).excluded
    assert "component Q is none of" in exclusion.reason


def test_two_spellings_of_one_label_are_one_class_with_its_own_events(root):
    (root / "earthquakes").mkdir()
    trace("Z", "STC", START + 9000).write(str(root / "earthquakes" / "c.mseed"), format="MSEED")
    found = [s for s in open_collection(root).spans if s.label == "earthquake"]
    assert len({span.group for span in found}) == len(found) == 3


def test_names_of_folders_are_mapped(root):
    (root / "EQ").rename(root / "vt")
    labels = {s.label for s in open_collection(root, label_map={"VT": "eq"}).spans}
    assert labels == {"earthquake", "noise"}


def test_one_stretch_in_two_classes_is_an_error_with_both_files(root):
    shutil.copy(root / "EQ" / "day" / "a.mseed", root / "noise" / "copy.mseed")
    with pytest.raises(LabelError, match=r"a\.mseed \(earthquake\) and .*copy\.mseed \(noise\)"):
        open_collection(root)


def test_a_copy_in_the_same_class_is_no_second_stretch(root):
    shutil.copy(root / "noise" / "n.mseed", root / "noise" / "copy.mseed")
    assert len([s for s in open_collection(root).spans if s.label == "noise"]) == 1


def test_files_outside_of_the_classes_and_empty_classes_are_left_out_by_name(root):
    (root / "explosion").mkdir()
    shutil.copy(root / "noise" / "n.mseed", root / "loose.mseed")
    found = {Path(e.what).name: e.reason for e in open_collection(root).excluded}
    assert found == {
        "loose.mseed": "lies in no folder of a class",
        "explosion": "has no waveform that can be used",
    }


def test_years_are_no_classes_but_an_archive_without_its_catalogue(root):
    for number, name in enumerate(("EQ", "noise")):
        (root / name).rename(root / str(2020 + number))
    with pytest.raises(LabelError, match="archive together with a catalogue"):
        open_collection(root)


def test_a_record_of_any_length_is_decoded_whole(root):
    spans = [s for s in open_collection(root).spans if s.label == "noise"]
    (example,), _ = decode(spans, LabelSet(("earthquake", "noise")), Preprocessing())
    assert example.samples.shape == (3, 3000)


def test_a_folder_that_is_none_of_the_forms_is_refused_with_what_is_known(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabelError, match=r"expected a label table .* sub-folder for each class"):
        open_collection(tmp_path)
