"""Labels: classes and their order, and the rows of a label table."""

from collections import Counter

import pytest
from strategies import START_NS

from quake.data.labels import LabelSet, canonical_label, choose_classes, read_label_table
from quake.errors import LabelError

HEADER = "path,start,end,label,event_id,p_time,network,station,source\n"
ROW = "a.mseed,2021-03-04T05:06:00Z,2021-03-04T05:07:00Z,eq,ev1,2021-03-04T05:06:10,XX,STA,pnw\n"


@pytest.fixture
def table(tmp_path):
    """Write a table with a header and rows; gives its path."""

    def write(rows, header=HEADER, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_text(header + rows, encoding=encoding)
        return path

    return write


# --- names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("eq", "earthquake"),
        (" EQ ", "earthquake"),
        ("su", "surface_event"),
        ("no", "noise"),
        ("px", "explosion"),
        ("Surface-Event", "surface_event"),
        ("quarry  blast", "explosion"),
        ("snow avalanche", "surface_event"),
        ("Volcanic Tremor", "volcanic_tremor"),
    ],
)
def test_aliases_and_spellings_are_resolved(text, label):
    assert canonical_label(text) == label


def test_the_index_of_a_class_is_its_place():
    labels = LabelSet(("earthquake", "surface_event", "noise"))
    assert [labels.index(name) for name in ("earthquake", "su", "noise")] == [0, 1, 2]


def test_an_unknown_class_is_an_error_that_suggests_the_nearest():
    with pytest.raises(LabelError, match="did you mean 'earthquake'"):
        LabelSet(("earthquake", "noise")).index("earthqake")


@pytest.mark.parametrize("names", [(), ("noise",), ("noise", "noise")])
def test_fewer_than_two_different_classes_are_refused(names):
    with pytest.raises(LabelError, match="two or more different classes"):
        LabelSet(names)


# --- tables -------------------------------------------------------------------------------


def test_a_row_is_read(table, tmp_path):
    (span,) = read_label_table(table(ROW))
    assert span.path == tmp_path / "a.mseed"
    assert (span.start_ns, span.end_ns) == (START_NS, START_NS + 60 * 10**9)
    assert (span.label, span.group, span.station, span.source) == (
        "earthquake",
        "ev1",
        "XX.STA",
        "pnw",
    )
    assert span.p_ns == START_NS + 10 * 10**9
    assert span.row == 2


def test_an_absolute_path_is_kept(table, tmp_path):
    (span,) = read_label_table(table(ROW.replace("a.mseed", "/data/a.mseed")))
    assert str(span.path) == "/data/a.mseed"


def test_four_columns_are_enough(table):
    (span,) = read_label_table(
        table("a.mseed,2021-03-04,2021-03-05,no\n", header="path,start,end,label\n")
    )
    assert (span.group, span.source, span.p_ns) == ("a.mseed", "labels", None)


def test_other_columns_are_ignored(table):
    header = "comment,path,start,end,label\n"
    assert len(read_label_table(table('"x, y",a,2021-03-04,2021-03-05,no\n', header))) == 1


def test_a_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_header(table):
    assert len(read_label_table(table(ROW, encoding="utf-8-sig"))) == 1


def test_missing_columns_are_named_with_those_found(table):
    with pytest.raises(LabelError, match=r"no column end, label; found path, start; expected"):
        read_label_table(table("a,b\n", header="path,start\n"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("2021-03-04T05:07:00Z", "2021-03-04T05:06:00Z"), "before it starts"),
        (("2021-03-04T05:07:00Z", "later"), "'later' is not a time"),
        (("a.mseed", ""), "path is empty"),
        ((",eq,", ", ,"), "label is empty"),
        (("05:06:10", "05:66:10"), "is not a time"),
    ],
)
def test_a_row_that_makes_no_sense_is_named_by_its_line(table, change, reason):
    with pytest.raises(LabelError, match=rf"1 of 3 rows cannot be used: line 3: .*{reason}"):
        read_label_table(table(ROW + ROW.replace(*change) + ROW))


def test_of_many_bad_rows_the_first_five_are_shown_and_the_others_counted(table):
    with pytest.raises(LabelError, match=r"line 6: .*; and 2 more$"):
        read_label_table(table(7 * ROW.replace("a.mseed", "")))


def test_a_table_without_rows_is_an_error(table):
    with pytest.raises(LabelError, match="no rows"):
        read_label_table(table(""))


def test_an_empty_file_is_an_error(table):
    with pytest.raises(LabelError, match="found nothing"):
        read_label_table(table("", header=""))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(LabelError, match=r"none\.csv: cannot be read"):
        read_label_table(tmp_path / "none.csv")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00p", b"path,start,end,label\n\xff,,,\n"])
def test_a_table_that_is_not_text_is_an_error(tmp_path, content):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(LabelError, match="cannot be read as a CSV table"):
        read_label_table(path)


# --- choosing classes ---------------------------------------------------------------------


@pytest.fixture
def spans(table):
    rows = [ROW.replace(",eq,", f",{label},") for label in ("su", "no", "eq", "eq", "px")]
    return read_label_table(table("".join(rows)))


def test_without_a_choice_all_classes_are_taken_with_noise_last(spans):
    labels, kept, left_out = choose_classes(spans)
    assert labels.names == ("earthquake", "explosion", "surface_event", "noise")
    assert kept == spans
    assert not left_out


def test_chosen_classes_keep_the_order_given(spans):
    labels, kept, _ = choose_classes(spans, ["no", "eq"])
    assert labels.names == ("noise", "earthquake")
    assert [span.label for span in kept] == ["noise", "earthquake", "earthquake"]


def test_rows_of_other_classes_are_counted(spans):
    *_, left_out = choose_classes(spans, ["eq", "no"])
    assert left_out == Counter(surface_event=1, explosion=1)


def test_a_class_without_rows_is_an_error_that_tells_what_there_is(spans):
    with pytest.raises(LabelError, match=r"earthquake \(2\).*did you mean 'explosion'"):
        choose_classes(spans, ["eq", "explosoin"])
