"""Label tables: rows become spans, faults are named, nothing is dropped in silence."""

import re
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet
from strategies import START_NS

from quake.datasets import tables
from quake.errors import LabelError

HEADER = "path,start,end,label,event_id,p_time,network,station,source\n"
ROW = "a.mseed,2021-03-04T05:06:00Z,2021-03-04T05:07:00Z,eq,ev1,2021-03-04T05:06:10,XX,STA,pnw\n"


def read_label_table(path):
    return tables.read_label_table(path).spans


@pytest.fixture
def table(tmp_path):
    """Write a table with a header and rows; gives its path."""

    def write(rows, header=HEADER, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_text(header + rows, encoding=encoding)
        return path

    return write


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


def test_cells_without_a_column_are_an_error_with_the_line(table):
    with pytest.raises(LabelError, match="line 3: has more cells than the header"):
        read_label_table(table(ROW + ROW.replace("a.mseed", "a, b.mseed")))


def test_trailing_commas_of_a_spreadsheet_are_nothing(table):
    assert len(read_label_table(table(ROW.strip() + ",,\n"))) == 1


@pytest.mark.parametrize("text", ["", "nan", "NaN"])
def test_a_signal_to_noise_ratio_may_be_unknown(table, text):
    header = HEADER.strip() + ",snr_db\n"
    (span,) = read_label_table(table(ROW.strip() + f",{text}\n", header=header))
    assert span.snr_db is None


def test_the_labels_may_be_in_another_column(table):
    path = table("a,2021-03-04,2021-03-05,vt\n", header="path,start,end,subtype\n")
    (span,) = tables.read_label_table(path, label_column="subtype", label_map={"VT": "eq"}).spans
    assert span.label == "earthquake"
    with pytest.raises(LabelError, match="no column kind; found path, start, end, subtype"):
        tables.read_label_table(path, label_column="kind")


def test_all_rows_may_be_of_one_label(table):
    path = table("a,2021-03-04,2021-03-05\n", header="path,start,end\n")
    (span,) = tables.read_label_table(path, label_column="=px").spans
    assert span.label == "explosion"
    with pytest.raises(LabelError, match="no column label"):
        tables.read_label_table(path)


def test_of_several_rules_the_one_with_the_name_of_the_table_counts(table):
    path = table(ROW)
    (span,) = tables.read_label_table(path, label_column="trace_category,labels:label").spans
    assert span.label == "earthquake"


# --- repetitions and contradictions -----------------------------------------------------------


def test_a_row_that_repeats_another_is_left_out_by_name(table):
    collection = tables.read_label_table(table(ROW + ROW.replace("a.", "b.") + ROW))
    assert [span.row for span in collection.spans] == [2, 3]
    (exclusion,) = collection.excluded
    assert re.search(r"labels\.csv, line 4 \(as .*labels\.csv, line 2\)$", exclusion.what)
    assert exclusion.reason == "repeats an earlier row"


def test_one_stretch_with_two_labels_is_an_error_with_both_lines(table):
    with pytest.raises(LabelError, match=r"line 2 \(earthquake\) and .*line 3 \(noise\)"):
        read_label_table(table(ROW + ROW.replace(",eq,", ",no,")))


# --- split ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("train", "train"),
        ("dev", "validation"),
        ("val", "validation"),
        ("Test", "test"),
        ("", None),
    ],
)
def test_the_part_of_a_row_is_read(table, text, part):
    header = HEADER.strip() + ",split\n"
    (span,) = read_label_table(table(ROW.strip() + f",{text}\n", header=header))
    assert span.split == part


def test_an_unknown_part_is_an_error_with_its_line(table):
    header = HEADER.strip() + ",split\n"
    with pytest.raises(LabelError, match="line 2: split 'later' is none of train"):
        read_label_table(table(ROW.strip() + ",later\n", header=header))


# --- soft labels ------------------------------------------------------------------------------

SOFT_HEADER = HEADER.strip() + ",soft_earthquake,soft_px,soft_noise\n"


def soft_row(cells):
    return ROW.strip() + f",{cells}\n"


def test_soft_labels_are_read_by_class(table):
    (span,) = read_label_table(table(soft_row("0.7,0.1,0.2"), header=SOFT_HEADER))
    assert dict(span.soft) == pytest.approx({"earthquake": 0.7, "explosion": 0.1, "noise": 0.2})


def test_classes_without_a_soft_label_are_left_out(table):
    (span,) = read_label_table(table(soft_row("0.8,,0.2"), header=SOFT_HEADER))
    assert dict(span.soft) == pytest.approx({"earthquake": 0.8, "noise": 0.2})


def test_rows_may_have_no_soft_labels(table):
    rows = soft_row(",,") + soft_row("0,1,0").replace("a.mseed", "b.mseed")
    first, second = read_label_table(table(rows, header=SOFT_HEADER))
    assert first.soft == ()
    assert dict(second.soft) == {"earthquake": 0, "explosion": 1, "noise": 0}


def test_rounded_soft_labels_are_made_to_sum_to_one(table):
    (span,) = read_label_table(table(soft_row("0.333,0.333,0.333"), header=SOFT_HEADER))
    assert sum(p for _, p in span.soft) == pytest.approx(1, abs=1e-12)
    assert dict(span.soft)["noise"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("0.7,0.2,0.2", "soft labels sum to 1.100, 1 was expected"),
        ("0.5,,", "soft labels sum to 0.500"),
        ("1.5,-0.5,0", "probabilities from 0 to 1"),
        ("nan,0.5,0.5", "probabilities from 0 to 1"),
        ("inf,0,0", "probabilities from 0 to 1"),
        ("much,0,0", "'much' is not a number"),
    ],
)
def test_soft_labels_that_make_no_sense_are_named_by_their_line(table, cells, reason):
    with pytest.raises(LabelError, match=f"1 of 1 rows cannot be used: line 2: .*{reason}"):
        read_label_table(table(soft_row(cells), header=SOFT_HEADER))


def test_soft_labels_may_be_of_classes_of_ones_own_as_labels_may(table):
    header = HEADER.strip() + ",soft_ice_quake,soft_no\n"
    (span,) = read_label_table(table(soft_row("0.5,0.5"), header=header))
    assert dict(span.soft) == {"ice_quake": 0.5, "noise": 0.5}


def test_parquet_has_soft_labels_too(tmp_path):
    path = write_parquet(tmp_path / "l.parquet", soft_noise=[0.25], soft_earthquake=[0.75])
    (span,) = read_label_table(path)
    assert dict(span.soft) == {"noise": 0.25, "earthquake": 0.75}


# --- Parquet ----------------------------------------------------------------------------------


def write_parquet(path, **columns):
    start = datetime(2021, 3, 4, 5, 6, tzinfo=UTC)
    values = {
        "path": ["a.mseed"],
        "start": [start],
        "end": [start.replace(minute=7)],
        "label": ["eq"],
        **columns,
    }
    parquet.write_table(pa.table(values), path)
    return path


def test_parquet_with_timestamps_is_read(tmp_path):
    path = write_parquet(tmp_path / "labels.parquet", snr_db=[4.5], p_time=[None])
    (span,) = read_label_table(path)
    assert (span.start_ns, span.end_ns) == (START_NS, START_NS + 60 * 10**9)
    assert (span.label, span.snr_db, span.p_ns) == ("earthquake", 4.5, None)
    assert span.path == tmp_path / "a.mseed"


def test_a_number_that_is_none_is_no_number(tmp_path):
    (span,) = read_label_table(write_parquet(tmp_path / "l.parquet", snr_db=[float("nan")]))
    assert span.snr_db is None


def test_times_without_a_zone_are_utc(tmp_path):
    naive = datetime(2021, 3, 4, 5, 6)
    path = write_parquet(tmp_path / "l.parquet", start=[naive], end=["2021-03-04T05:07:00"])
    assert read_label_table(path)[0].start_ns == START_NS


def test_what_is_no_parquet_is_an_error(tmp_path):
    path = tmp_path / "labels.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(LabelError, match="cannot be read as a Parquet table"):
        read_label_table(path)


def test_parquet_without_a_column_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "labels.parquet"
    parquet.write_table(pa.table({"path": ["a"], "label": ["eq"]}), path)
    with pytest.raises(LabelError, match="no column start, end; found path, label"):
        read_label_table(path)
