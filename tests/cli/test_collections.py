"""Labelled data on the command line: what options mean, and what is said of what is left out."""

from pathlib import Path

import pytest
from strategies import START_NS, noise, stream, write

from quake.errors import LabelError, ParameterError
from quake.waveforms.times import format_time
from quake_cli.labelled_data import collect
from quake_cli.messages import Messages

HEADER = "path,start,end,label,event_id,split\n"


@pytest.fixture
def table(tmp_path):
    """Write a label table of (path, label, event, split); gives its path."""

    def make(name, *rows):
        lines = [
            f"{path},{format_time(START_NS)},{format_time(START_NS + 60 * 10**9)},{label},{event},"
            f"{split}\n"
            for path, label, event, split in rows
        ]
        (tmp_path / name).write_text(HEADER + "".join(lines))
        return tmp_path / name

    return make


@pytest.fixture
def opened():
    """Call `collect`; gives the collection and the lines shown."""

    def call(*data, catalogue=None, label_column=None, label_map=None, **kwargs):
        messages, lines = Messages(), []
        messages.show_line = lines.append
        found = collect(
            list(map(Path, data)),
            catalogue=catalogue,
            label_column=label_column,
            label_map=label_map,
            messages=messages,
            **kwargs,
        )
        return found, lines

    return call


def labels_of(collection):
    return [span.label for span in collection.spans]


def test_tables_are_taken_together_and_their_events_kept_apart(table, opened):
    one = table("one.csv", ("a", "eq", "e1", ""), ("b", "no", "e2", ""))
    two = table("two.csv", ("c", "eq", "e1", ""))
    found, lines = opened(one, two)
    assert found.name == "one.csv, two.csv"
    assert [(s.path.name, s.source) for s in found.spans] == [
        ("a", "one"),
        ("b", "one"),
        ("c", "two"),
    ]
    assert len({span.group for span in found.spans}) == 3
    assert lines == []


def test_a_row_of_two_tables_counts_once_and_is_named(table, opened):
    one = table("one.csv", ("a", "eq", "e1", ""))
    two = table("two.csv", ("a", "eq", "e1", ""), ("b", "no", "e1", ""))
    found, lines = opened(one, two)
    assert labels_of(found) == ["earthquake", "noise"]
    assert lines == [
        "quake: warning: not used: two.csv, row 2 (as one.csv, row 2): repeats an earlier row"
    ]


def test_a_row_of_two_tables_with_two_labels_is_an_error(table, opened):
    one, two = table("one.csv", ("a", "eq", "e", "")), table("two.csv", ("a", "no", "e", ""))
    with pytest.raises(LabelError, match=r"one\.csv, row 2 \(earthquake\) and two\.csv, row 2"):
        opened(one, two)


def test_what_is_left_out_is_named_at_first_and_then_counted(table, opened):
    found, lines = opened(table("t.csv", *8 * [("a", "eq", "e", "")]))
    assert len(found.spans) == 1
    assert len(lines) == 6
    assert lines[0].endswith("t.csv, line 2): repeats an earlier row")
    assert lines[-1].endswith("not used: 7 in all: 7 x repeats an earlier row")


def test_damaged_files_are_counted_by_what_is_wrong_and_not_by_their_names(opened, tmp_path):
    (tmp_path / "classes" / "noise").mkdir(parents=True)
    good = write(tmp_path / "classes" / "noise" / "a.mseed", stream(noise(6000)))
    for number in range(7):
        damaged = tmp_path / "classes" / "noise" / f"{number}.mseed"
        damaged.write_bytes(good.read_bytes()[:100])
    found, lines = opened(tmp_path / "classes")
    assert len(found.spans) == 1
    assert lines[0].count("0.mseed") == 1
    assert "7 in all: 7 x " in lines[-1]


def test_labels_are_mapped_by_options_and_files(table, opened, tmp_path):
    (tmp_path / "map.csv").write_text("lp, volcanic tremor\n\n")
    path = table("t.csv", ("a", "VT", "1", ""), ("b", "LP", "2", ""), ("c", "a=b", "3", ""))
    found, _ = opened(path, label_map=["vt=eq", f"@{tmp_path / 'map.csv'}", "a=b=noise"])
    assert labels_of(found) == ["earthquake", "volcanic_tremor", "noise"]


@pytest.mark.parametrize("text", ["px", "=px", "px=", "@missing.csv", "@bad.csv"])
def test_a_mapping_that_makes_no_sense_is_refused(table, opened, tmp_path, monkeypatch, text):
    (tmp_path / "bad.csv").write_text("a,b\nc\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match="--label-map"):
        opened(table("t.csv", ("a", "eq", "1", "")), label_map=[text])


def test_two_meanings_of_one_label_are_refused(table, opened):
    with pytest.raises(ParameterError, match="vt is eq and no"):
        opened(table("t.csv", ("a", "eq", "1", "")), label_map=["vt=eq", "vt=no"])


def test_options_that_no_data_has_a_use_for_are_refused(table, opened, tmp_path):
    path = table("t.csv", ("a", "eq", "1", ""))
    with pytest.raises(ParameterError, match="--catalogue belongs to an archive"):
        opened(path, catalogue=Path("events.xml"))
    with pytest.raises(ParameterError, match="--inventory belongs to an archive"):
        opened(path, inventory=Path("stations.xml"))
    (tmp_path / "classes" / "noise").mkdir(parents=True)
    write(tmp_path / "classes" / "noise" / "a.mseed", stream(noise(6000)))
    with pytest.raises(ParameterError, match="--label-column belongs to a label table"):
        opened(tmp_path / "classes", label_column="kind")


def test_a_table_and_a_folder_per_class_go_together(table, opened, tmp_path):
    (tmp_path / "classes" / "px").mkdir(parents=True)
    write(tmp_path / "classes" / "px" / "a.mseed", stream(noise(6000)))
    found, _ = opened(table("t.csv", ("a", "eq", "1", "")), tmp_path / "classes")
    assert labels_of(found) == ["earthquake", "explosion"]
    assert [span.source for span in found.spans] == ["t", "classes"]


def test_the_split_of_the_data_is_ignored_where_that_is_asked_for(table, opened):
    path = table("t.csv", ("a", "eq", "1", "train"), ("b", "no", "2", "test"))
    assert [s.split for s in opened(path)[0].spans] == ["train", "test"]
    assert [s.split for s in opened(path, ignore_split=True)[0].spans] == [None, None]
