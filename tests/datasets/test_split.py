"""Splitting: what belongs together never parts."""

import sys
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quake.datasets.labels import LabelledSpan
from quake.datasets.split import split_by_event
from quake.errors import LabelError, ParameterError
from quake.waveforms.times import NS_PER_S

MARGIN_S = 60.0


def row(i, *, label="earthquake", group=None, path=None, station="", source="pnw", start_s=0.0):
    start_ns = round(start_s * NS_PER_S)
    return LabelledSpan(
        row=i + 2,
        path=Path(path or f"{i}.mseed"),
        start_ns=start_ns,
        end_ns=start_ns + 30 * NS_PER_S,
        label=label,
        group=group or f"event {i}",
        station=station,
        source=source,
        p_ns=None,
    )


def independent(n, **kwargs):
    return [row(i, **kwargs) for i in range(n)]


def side_of(split):
    """Part of each row by its index; a row on two sides or on none is an error here."""
    sides = {}
    for name in ("train", "validation", "test"):
        for i in getattr(split, name):
            assert i not in sides
            sides[i] = name
    return sides


def belong_together(a, b):
    return (
        a.group == b.group
        or a.path == b.path
        or (
            a.station == b.station != ""
            and a.start_ns - MARGIN_S * NS_PER_S < b.end_ns
            and b.start_ns - MARGIN_S * NS_PER_S < a.end_ns
        )
    )


@st.composite
def tables(draw):
    """Rows of which some share an event, a file or a time with an earlier one."""
    spans = []
    for i in range(draw(st.integers(20, 40))):
        kind = {
            "label": draw(st.sampled_from(["earthquake", "noise"])),
            "source": draw(st.sampled_from(["one", "two"])),
            "station": draw(st.sampled_from(["", "XX.A"])),
            "start_s": 1000.0 * i,
        }
        link = draw(st.sampled_from(["", "", "", "event", "file", "time"])) if spans else ""
        other = spans[draw(st.integers(0, i - 1))] if link else None
        if link == "event":
            kind["group"] = other.group
        elif link == "file":
            kind["path"] = str(other.path)
        elif link == "time":
            kind["station"] = other.station
            kind["start_s"] = other.start_ns / NS_PER_S + draw(st.integers(-100, 100))
        spans.append(row(i, **kind))
    return spans


def split_or_skip(spans, **kwargs):
    try:
        return split_by_event(spans, margin_s=MARGIN_S, **kwargs)
    except LabelError:  # everything hangs together: said, and tested below
        assume(False)


@given(tables(), st.integers(0, 5))
@settings(deadline=None)
def test_no_event_file_or_moment_at_a_station_is_on_two_sides(spans, seed):
    sides = side_of(split_or_skip(spans, seed=seed))
    for i, j in combinations(range(len(spans)), 2):
        if belong_together(spans[i], spans[j]):
            assert sides[i] == sides[j]


@given(tables())
@settings(deadline=None)
def test_every_row_is_on_one_side(spans):
    assert sorted(side_of(split_or_skip(spans))) == list(range(len(spans)))


@given(tables())
@settings(deadline=None)
def test_all_rows_of_a_held_out_source_are_tested_on(spans):
    assume(any(span.source == "two" for span in spans))
    split = split_or_skip(spans, hold_out=[("source", "two")])
    assert {i for i, span in enumerate(spans) if span.source == "two"} <= set(split.test)


def test_the_shares_are_those_asked_for():
    split = split_by_event(independent(100), validation=0.2, test=0.1)
    assert [len(split.train), len(split.validation), len(split.test)] == [70, 20, 10]


def test_each_class_of_each_source_has_its_share():
    spans = [
        row(i, label=("earthquake", "noise")[i % 2], source=("a", "b")[i // 2 % 2])
        for i in range(160)
    ]
    split = split_by_event(spans, validation=0.25, test=0.25)
    for part in (split.validation, split.test):
        kinds = [(spans[i].label, spans[i].source) for i in part]
        assert {kinds.count(kind) for kind in set(kinds)} == {10}


def test_without_a_test_share_nothing_is_tested_on():
    assert split_by_event(independent(40), test=0).test == ()


def test_the_same_seed_gives_the_same_split():
    spans = independent(60)
    assert split_by_event(spans, seed=3) == split_by_event(spans, seed=3)


def test_another_seed_gives_another_split():
    spans = independent(60)
    assert split_by_event(spans, seed=3) != split_by_event(spans, seed=4)


def test_a_chain_of_rows_that_nearly_touch_stays_together():
    chain = [row(i, station="XX.A", start_s=80.0 * i) for i in range(20)]
    spans = chain + [row(100 + i) for i in range(40)]
    sides = side_of(split_by_event(spans))
    assert len({sides[i] for i in range(20)}) == 1


def test_a_long_row_holds_together_all_that_lie_in_it():
    long = row(0, station="XX.A")
    long = LabelledSpan(**{**vars(long), "end_ns": 10_000 * NS_PER_S})
    inside = [row(i, station="XX.A", start_s=400.0 * i) for i in range(1, 20)]
    sides = side_of(split_by_event([long, *inside, *(row(100 + i) for i in range(40))]))
    assert len({sides[i] for i in range(20)}) == 1


def test_rows_at_the_same_time_at_two_stations_may_part():
    spans = [row(i, station=f"XX.S{i}") for i in range(40)]
    assert len(set(side_of(split_by_event(spans)).values())) == 3


def test_rows_without_a_station_do_not_count_as_one_station():
    spans = [row(i, station=".") for i in range(40)]
    assert len(set(side_of(split_by_event(spans)).values())) == 3


@pytest.mark.parametrize(
    ("validation", "test"), [(0, 0.1), (1, 0), (0.5, 0.5), (-0.1, 0.1), (0.1, -0.1)]
)
def test_shares_that_make_no_sense_are_refused(validation, test):
    with pytest.raises(ParameterError, match="validation and test shares"):
        split_by_event(independent(20), validation=validation, test=test)


def test_holding_out_an_unknown_source_is_an_error_that_lists_the_sources():
    with pytest.raises(ParameterError, match="cannot hold out other: the sources are pnw"):
        split_by_event(independent(20), hold_out=[("source", "other")])


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_events_are_an_error(n):
    with pytest.raises(LabelError, match=f"{n} independent events are too few"):
        split_by_event(independent(n))


def test_a_single_file_cannot_be_split():
    with pytest.raises(LabelError, match="1 independent events are too few"):
        split_by_event([row(i, path="all.mseed") for i in range(50)])


def test_holding_out_everything_leaves_nothing_to_train_on():
    with pytest.raises(LabelError, match="too few"):
        split_by_event(independent(20), hold_out=[("source", "pnw")])


# --- what the rows say themselves -----------------------------------------------------------


def labelled(spans, parts):
    return [replace(s, split=part) for s, part in zip(spans, parts, strict=True)]


def test_the_split_of_the_rows_holds():
    rows = labelled(independent(4), ["train", "test", "validation", "train"])
    split = split_by_event(rows, margin_s=60)
    assert (split.train, split.validation, split.test) == ((0, 3), (2,), (1,))


def test_an_event_on_two_sides_is_refused_with_the_rows():
    rows = labelled(independent(4), ["train", "test", "validation", "train"])
    rows[1] = replace(rows[1], group=rows[0].group)
    expected = (
        rf"2 of 0\.mseed \(train\) and row 3 of 1\.mseed \(test\): the same event {rows[0].group}"
    )
    with pytest.raises(LabelError, match=expected):
        split_by_event(rows, margin_s=60)


def test_a_record_on_two_sides_is_refused():
    rows = labelled(independent(4), ["train", "test", "validation", "train"])
    rows[2] = replace(rows[2], path=rows[0].path)
    with pytest.raises(LabelError, match="the same record"):
        split_by_event(rows, margin_s=60)


def test_moments_that_overlap_at_one_station_on_two_sides_are_refused():
    rows = labelled(independent(4), ["train", "test", "validation", "train"])
    rows[1] = replace(rows[1], station="XX.A", start_ns=rows[0].start_ns, end_ns=rows[0].end_ns)
    rows[0] = replace(rows[0], station="XX.A")
    with pytest.raises(LabelError, match=r"the same moment at station XX\.A"):
        split_by_event(rows, margin_s=60)


def test_moments_nearer_than_a_window_at_one_station_on_two_sides_are_refused():
    rows = labelled(independent(3, station="XX.A"), ["train", "train", "validation"])
    rows = [
        replace(r, start_ns=r.start_ns + i * t, end_ns=r.end_ns + i * t)
        for i, (r, t) in enumerate(zip(rows, 3 * [50 * NS_PER_S], strict=True))
    ]
    with pytest.raises(LabelError, match=r"1 times: .*: 20 s apart at station XX\.A"):
        split_by_event(rows, margin_s=60)
    assert split_by_event(rows, margin_s=10).validation == (2,)


def test_only_pairs_on_two_sides_are_named_and_the_others_counted():
    rows = labelled(independent(20, group="one"), 10 * ["train", "validation"])
    with pytest.raises(LabelError, match=r"10 times: (row .*; ){5}and 5 more; put such rows"):
        split_by_event(rows, margin_s=60)


@given(tables(), st.data())
@settings(deadline=None)
def test_a_given_split_is_refused_exactly_if_a_tied_pair_is_on_two_sides(spans, data):
    parts = [data.draw(st.sampled_from(["train", "validation"])) for _ in spans]
    assume(set(parts) == {"train", "validation"})
    torn = any(
        parts[i] != parts[j] and belong_together(spans[i], spans[j])
        for i, j in combinations(range(len(spans)), 2)
    )
    if torn:
        with pytest.raises(LabelError, match="on two sides"):
            split_by_event(labelled(spans, parts), margin_s=MARGIN_S)
    else:
        split_by_event(labelled(spans, parts), margin_s=MARGIN_S)


def test_some_rows_with_a_split_and_some_without_are_refused():
    rows = labelled(independent(4), ["train", None, "validation", "train"])
    with pytest.raises(LabelError, match="1 of 4 rows have no split"):
        split_by_event(rows, margin_s=60)


def test_a_station_is_held_out():
    rows = [row(i, station=f"XX.{'AB'[i % 2]}", start_s=1000 * i) for i in range(40)]
    split = split_by_event(rows, margin_s=60, hold_out=[("station", "XX.B")], test=0)
    assert split.test == tuple(range(1, 40, 2))


def test_work_grows_with_the_rows_and_not_with_their_square():
    def lines(n):
        rows = [
            row(i, station=f"XX.{i % 50}", group=f"event {i // 3}", start_s=9.0 * i)
            for i in range(n)
        ]
        counted = Counter()

        def trace(frame, event, argument):
            counted[event] += 1
            return trace

        sys.settrace(trace)
        try:
            split_by_event(rows, margin_s=60)
        finally:
            sys.settrace(None)
        return counted["line"]

    few, many = lines(1_000), lines(8_000)
    assert many < 12 * few  # 8 if it grows as the rows do, 64 if as their square
