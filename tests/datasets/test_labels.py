"""Labels: classes and their order."""

from collections import Counter
from dataclasses import replace

import pytest

from quake.classes import LabelSet, canonical_label, nearest_known
from quake.datasets.labels import choose_classes
from quake.datasets.tables import read_label_table
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
        ("Earthquakes", "earthquake"),
        ("surface_events", "surface_event"),
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


def test_rows_of_a_misspelt_label_are_left_out_by_name(spans, caplog):
    rows = [replace(span, label="earthqauke", row=90 + i) for i, span in enumerate(spans[:2])]
    labels, kept, left_out = choose_classes([*rows, *spans])
    assert "earthqauke" not in labels.names
    assert kept == spans
    assert left_out == Counter(earthqauke=2)
    assert "2 rows are labelled 'earthqauke' and left out; did you mean 'earthquake'?" in (
        caplog.text
    )
    assert "rows 90 (" in caplog.text


def test_a_label_that_looks_misspelt_is_a_class_if_it_is_asked_for(spans):
    rows = [replace(spans[0], label="earthqauke"), *spans]
    labels, *_ = choose_classes(rows, ["earthqauke", "no"])
    assert labels.names == ("earthqauke", "noise")


@pytest.mark.parametrize(
    ("label", "near"),
    [
        ("earthqauke", "earthquake"),
        ("eartquake", "earthquake"),
        ("nosie", "noise"),
        ("explosoin", "explosion"),
        ("surfaceevent", "surface_event"),
        ("rockfal", "surface_event"),
        *((name, None) for name in ("volcanic_tremor", "non_earthquake", "microearthquake")),
        *((name, None) for name in ("surface_wave", "lp", "n", "earthquake_2020", "noise")),
        *((name, None) for name in ("collapse", "quarry_blast", "eq", "voice_of_god")),
    ],
)
def test_the_nearest_known_label_is_found(label, near):
    assert nearest_known(label) == near


def test_classes_of_ones_own_are_nothing_to_tell_of(spans, caplog):
    choose_classes([replace(spans[0], label="volcanic_tremor"), *spans])
    assert not caplog.text


def test_one_class_alone_is_an_error_that_tells_what_is_missing(spans):
    rows = [span for span in spans if span.label == "earthquake"]
    with pytest.raises(LabelError, match=r"one class only, 'earthquake'.*earthquake \(2\).*noise"):
        choose_classes(rows)


def test_no_rows_are_an_error():
    with pytest.raises(LabelError, match="no row"):
        choose_classes([], ["eq", "no"])


def test_every_event_type_of_quakeml_is_a_known_class_or_one_of_its_own():
    from obspy.core.event.header import EventType

    classes = {"earthquake", "explosion", "surface_event", "ice_quake"}
    of_their_own = [name for name in EventType if canonical_label(name) not in classes]
    assert set(of_their_own) == {
        "not existing",
        "not reported",
        "anthropogenic event",
        "collapse",
        "cavity collapse",
        "mine collapse",
        "building collapse",
        "crash",
        "plane crash",
        "train crash",
        "boat crash",
        "other event",
        "atmospheric event",
        "sonic boom",
        "sonic blast",
        "acoustic noise",
        "thunder",
        "hydroacoustic event",
        "meteorite",
        "volcanic eruption",
    }
    assert all(nearest_known(canonical_label(name)) is None for name in EventType)


def test_labels_of_ones_own_are_mapped_and_the_rest_resolved():
    mapping = {"VT": "eq", "long period": "LP"}
    texts = ("vt", "Long-Period", "no", "other")
    assert [canonical_label(text, mapping) for text in texts] == [
        "earthquake",
        "lp",
        "noise",
        "other",
    ]
