"""Labels: classes and their order."""

from collections import Counter
from dataclasses import replace

import pytest

from quake.data.labels import LabelSet, canonical_label, choose_classes
from quake.data.tables import read_label_table
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


# --- choosing classes ---------------------------------------------------------------------


@pytest.fixture
def spans(table):
    rows = [
        ROW.replace(",eq,", f",{label},").replace("a.mseed", f"{number}.mseed")
        for number, label in enumerate(("su", "no", "eq", "eq", "px"))
    ]
    return list(read_label_table(table("".join(rows))).spans)


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


def test_a_label_that_may_be_misspelt_is_told_of_with_the_nearest(spans, caplog):
    rows = [replace(span, label="earthqauke") for span in spans[:2]] + spans
    labels, *_ = choose_classes(rows)
    assert "earthqauke" in labels.names
    assert "2 rows are labelled 'earthqauke'; did you mean 'earthquake'?" in caplog.text


def test_classes_of_ones_own_are_nothing_to_tell_of(spans, caplog):
    choose_classes([replace(spans[0], label="volcanic_tremor"), *spans])
    assert not caplog.text
