"""Labelled data as the field has them: catalogues, columns and tables a little different."""

import csv
import io

import h5py
import numpy as np
import pytest
from archives import around_midnight, write_sds
from strategies import START_NS, noise, stream, write

from quake.datasets.catalogue import read_catalogue
from quake.datasets.collection import merge
from quake.datasets.labelled_archive import read_archive
from quake.datasets.labels import choose_classes
from quake.datasets.opening import form_of, open_collection
from quake.datasets.seisbench import read_seisbench
from quake.datasets.tables import read_label_table
from quake.errors import LabelError
from quake.waveforms.readers.waveform_file import scan
from quake.waveforms.times import NS_PER_S

QUAKEML = """<?xml version="1.0" encoding="UTF-8"?>
<q:quakeml xmlns="http://quakeml.org/xmlns/bed/1.2" xmlns:q="http://quakeml.org/xmlns/quakeml/1.2">
<eventParameters publicID="smi:local/x">{}</eventParameters></q:quakeml>"""

EVENT = """<event publicID="smi:local/e{n}"><type>{kind}</type><pick publicID="smi:local/p{n}">
<time><value>2024-02-03T0{n}:24:30Z</value></time><waveformID networkCode="XX" stationCode="STA"/>
<phaseHint>P</phaseHint>{more}</pick></event>"""


@pytest.fixture
def quakeml(tmp_path):
    def write_events(*kinds, more=""):
        events = [EVENT.format(n=n, kind=kind, more=more) for n, kind in enumerate(kinds)]
        path = tmp_path / "events.xml"
        path.write_text(QUAKEML.format("".join(events)))
        return path

    return write_events


def test_an_event_type_outside_of_the_standard_is_named_and_still_disturbs(quakeml):
    catalogue = read_catalogue(quakeml("earthquake", "Seltsames?", "earthquake"))
    assert [event.event_id for event in catalogue.events] == ["smi:local/e0", "smi:local/e2"]
    (exclusion,) = catalogue.excluded
    assert exclusion.what.endswith("event smi:local/e1")
    assert exclusion.reason.startswith("its type 'Seltsames?' is none of QuakeML")
    assert [event.event_id for event in catalogue.others] == ["smi:local/e1"]


def test_a_type_that_is_a_known_label_is_used_whatever_the_standard_says(quakeml):
    catalogue = read_catalogue(quakeml("earthquake", "eq", "su"))
    assert [event.label for event in catalogue.events] == [
        "earthquake",
        "earthquake",
        "surface_event",
    ]
    assert list(catalogue.excluded) == []


def test_ordinary_types_are_read_as_before(quakeml):
    catalogue = read_catalogue(quakeml("earthquake", "quarry blast", "not existing"))
    assert catalogue.events[0].label == "earthquake"
    assert len(catalogue.events) == 2
    assert len(catalogue.excluded) == 1


# --- SeisBench ----------------------------------------------------------------------------


@pytest.fixture
def seisbench(tmp_path):
    def write_set(**columns):
        folder = tmp_path / "set"
        folder.mkdir()
        names = [f"t{n}" for n in range(4)]
        rows = {
            "trace_name": names,
            "trace_category": ["earthquake_local"] * 2 + ["noise"] * 2,
            "trace_start_time": [f"2021-03-04T05:0{n}:07Z" for n in range(4)],
            **columns,
        }
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(rows)
        writer.writerows(zip(*rows.values(), strict=True))
        (folder / "metadata.csv").write_text(text.getvalue())
        with h5py.File(folder / "waveforms.hdf5", "w") as file:
            for name in names:
                file[f"data/{name}"] = np.zeros((3, 3000), np.float32)
            file["data_format/dimension_order"] = "CW"
            file["data_format/component_order"] = "ZNE"
            file["data_format/sampling_rate"] = 100
        return folder

    return write_set


def p_samples(folder):
    spans = read_seisbench(folder).spans
    return [s.p_ns and round((s.p_ns - s.start_ns) / NS_PER_S * 100) for s in spans]


def test_arrivals_by_hand_count_before_those_of_a_picker(seisbench):
    folder = seisbench(
        trace_p_arrival_sample_manual=[1500, "", "", ""],
        trace_P_arrival_sample_PhaseNet=[1400, 1510, 1510, 1510],
        trace_p_arrival_sample_uncertainty=[3, 3, 3, 3],
    )
    assert p_samples(folder) == [1500, 1510, None, None]


def test_a_column_of_doubts_is_no_arrival(seisbench):
    assert p_samples(seisbench(trace_P_arrival_sample_probability=[0.9] * 4)) == [None] * 4


# --- label tables -------------------------------------------------------------------------

TABLE = "path,start,end,label,p_time\n" + "".join(
    f"{n}.mseed,2021-03-04T05:06:00Z,2021-03-04T05:07:00Z,{label},2021-03-04T05:06:10Z\n"
    for n, label in enumerate(["earthquake", "noise"])
)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: text.replace("path,start", "Path,START").replace("p_time", "P_Time"),
        lambda text: text.replace("path,start", " path , start "),
        lambda text: text.replace("\n0", "\n,,,,\n0") + ",,,,\n\n",
    ],
    ids=["semicolons", "tabs", "capitals", "blanks", "blank rows"],
)
def test_tables_of_spreadsheets_are_read(tmp_path, change):
    plain, other = tmp_path / "labels.csv", tmp_path / "other" / "labels.csv"
    other.parent.mkdir()
    plain.write_text(TABLE)
    other.write_text(change(TABLE))
    for one, two in zip(read_label_table(plain).spans, read_label_table(other).spans, strict=True):
        assert (one.label, one.start_ns, one.p_ns) == (two.label, two.start_ns, two.p_ns)
        assert one.path.name == two.path.name


def test_lines_are_counted_with_the_blank_ones(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(TABLE.replace("\n0", "\n\n,,,,\n0").replace("noise", ""))
    with pytest.raises(LabelError, match="line 5: label is empty"):
        read_label_table(table)


# --- forms mixed --------------------------------------------------------------------------


def test_one_class_folder_beside_an_archive_is_no_archive(tmp_path, quakeml):
    classes = tmp_path / "classes"
    (classes / "noise").mkdir(parents=True)
    write(classes / "noise" / "a.mseed", stream(noise(6000).astype(np.int32)))
    stretch = around_midnight("STA", "2024-02-03", minutes=60)
    write_sds(tmp_path / "sds", [stretch])
    assert form_of(classes, True) == "class folders"
    assert form_of(tmp_path / "sds", True) == "archive"
    catalogue = quakeml("earthquake")
    together = merge(
        [open_collection(path, catalogue=catalogue) for path in (classes, tmp_path / "sds")]
    )
    assert "noise" in {span.label for span in together.spans}
    assert "earthquake" in {span.label for span in together.spans}
    assert len(together.spans) > len(read_archive(tmp_path / "sds", catalogue).spans)


def test_the_same_rows_in_two_forms_give_the_same_classes(tmp_path):
    """A table and a folder per class, with names of classes as people write them."""
    classes = tmp_path / "classes"
    rows = ["path,start,end,label"]
    for number, (folder, label) in enumerate(
        [("eq", "Earthquake"), ("noise", "no"), ("surface event", "su"), ("explosion", "px")]
    ):
        (classes / folder).mkdir(parents=True)
        path = classes / folder / f"{number}.mseed"
        write(path, stream(noise(6000, seed=number).astype(np.int32), station=f"S{number}"))
        rows.append(f"{path},2021-03-04T05:06:00Z,2021-03-04T05:07:00Z,{label}")
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(rows) + "\n")
    of_table, of_folders = open_collection(table), open_collection(classes)
    found = [choose_classes(c.spans) for c in (of_table, of_folders)]
    found.append(choose_classes(merge([of_folders, of_table]).spans))
    assert {labels.names for labels, _, _ in found} == {found[0][0].names}
    assert len(found[0][0].names) == 4
    assert found[0][0].names[-1] == "noise"
    kept = [
        sorted((span.label, span.start_ns, span.end_ns, str(span.path)) for span in spans)
        for _, spans, _ in found[:2]
    ]
    assert [row[0] for row in kept[0]] == [row[0] for row in kept[1]]
    assert [row[3] for row in kept[0]] == [row[3] for row in kept[1]]


# --- locations ----------------------------------------------------------------------------


def test_dashes_are_the_empty_location(tmp_path):
    path = tmp_path / "a.mseed"
    buffer = io.BytesIO()
    for number, location in enumerate(("", "--")):
        rows = noise(3000, seed=number).astype(np.int32)
        start_ns = START_NS + number * 30 * NS_PER_S
        stream(rows, location=location, start_ns=start_ns).write(buffer, format="MSEED")
    path.write_bytes(buffer.getvalue())
    spans, problems = scan(path)
    assert problems == []
    assert {str(span.id) for span in spans} == {"XX.STA..HH?"}


def test_half_of_the_records_with_dashes_is_one_channel_set(predict, tmp_path):
    for number, location in enumerate(("", "--")):
        rows = noise(6000, seed=number).astype(np.int32)
        start_ns = START_NS + number * 60 * NS_PER_S
        write(tmp_path / f"{number}.mseed", stream(rows, location=location, start_ns=start_ns))
    run = predict("0.mseed", "1.mseed")
    assert run.status == 0
    assert {record["coverage"] for record in run.records} == {1.0}
