"""Assembly: which segments belong to which component, what joins, and what is read for it."""

import ast
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import ID, any_pieces, segment

from quake.waveforms.assembly import assemble, margin_ns, read_channel_set
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.joining import join_segments
from quake.waveforms.segments import Span
from quake.waveforms.sources import ArraySource
from quake.waveforms.times import NS_PER_S

QUAKE = Path(__file__).resolve().parents[2] / "quake"
STEP_NS = NS_PER_S // 100


def at(index, values, code="Z", rate_hz=100.0):
    return segment(values, index * STEP_NS, rate_hz, code)


def span(start_s, end_s, code="Z", rate_hz=100.0, source="a"):
    return Span(ID, code, start_s * NS_PER_S, end_s * NS_PER_S, rate_hz, source)


def described(channel_set):
    return {
        component: [(s.start_ns // STEP_NS, s.samples.tolist()) for s in segments]
        for component, segments in channel_set.segments.items()
    }


class Recorded:
    """A source that tells what it was asked."""

    problems = ()

    def __init__(self, segments):
        self.segments, self.asked = segments, []

    def read(self, spans, channel_set, start_ns, end_ns):
        self.asked.append((list(spans), channel_set, start_ns, end_ns))
        return self.segments


# --- components ---------------------------------------------------------------------------


def test_all_three_components_are_there_in_order_even_without_samples():
    found = assemble(ID, [at(0, [1, 2], "E")])
    assert found.id == ID
    assert tuple(found.segments) == COMPONENTS
    assert described(found) == {"Z": [], "N": [], "E": [(0, [1, 2])]}


def test_1_is_north_2_is_east_and_3_is_up():
    found = assemble(ID, [at(0, [1], "1"), at(0, [2], "2"), at(0, [3], "3")])
    assert described(found) == {"Z": [(0, [3])], "N": [(0, [1])], "E": [(0, [2])]}


def test_codes_that_are_no_component_are_left_out():
    assert described(assemble(ID, [at(0, [1], "H"), at(0, [2], "")])) == {"Z": [], "N": [], "E": []}


def test_a_true_component_stands_where_its_alias_was_recorded_too():
    found = assemble(ID, [at(0, [1, 1], "N"), at(1, [7, 7], "1")])
    assert described(found)["N"] == [(0, [1, 1])]


def test_a_station_that_changed_from_an_alias_to_the_true_name_has_both():
    found = assemble(ID, [at(0, [1, 1], "1"), at(2, [2, 2], "N")])
    assert described(found)["N"] == [(0, [1, 1, 2, 2])]


def test_the_mapping_that_is_given_stands_whatever_the_segments_have():
    found = assemble(ID, [at(0, [1], "1"), at(0, [2], "2")], {"2": "N"})
    assert described(found) == {"Z": [], "N": [(0, [2])], "E": []}


# --- joining ------------------------------------------------------------------------------


def test_what_is_disputed_is_cut_out_and_said():
    found = assemble(ID, [at(0, [1, 2, 3, 4]), at(2, [3, 9, 5]), at(0, [1, 1, 1], "N")])
    assert described(found)["Z"] == [(0, [1, 2, 3]), (4, [5])]
    assert found.disputed == {"Z": [(3 * STEP_NS, 4 * STEP_NS)]}


def test_where_nothing_is_disputed_nothing_is_said():
    assert assemble(ID, [at(0, [1, 2]), at(1, [2, 3])]).disputed == {}


def test_an_iterator_of_segments_is_used_up_once():
    assert described(assemble(ID, iter([at(0, [1]), at(1, [2])])))["Z"] == [(0, [1, 2])]


@given(any_pieces(), st.randoms())
def test_each_component_is_what_joining_its_segments_gives_in_any_order(pieces, shuffler):
    segments = [
        segment(piece.samples + n, piece.start_ns, piece.sampling_rate_hz, code)
        for n, code in enumerate(COMPONENTS)
        for piece in pieces
    ]
    shuffled = list(segments)
    random.Random(shuffler.random()).shuffle(shuffled)
    found = assemble(ID, shuffled)
    for component in COMPONENTS:
        alone = join_segments(s for s in segments if s.code == component)
        assert [(s.start_ns, s.sampling_rate_hz) for s in found.segments[component]] == [
            (s.start_ns, s.sampling_rate_hz) for s in alone
        ]
        for one, other in zip(found.segments[component], alone, strict=True):
            np.testing.assert_array_equal(one.samples, other.samples)


# --- reading ------------------------------------------------------------------------------


def test_only_spans_that_reach_into_the_times_are_read():
    spans = [span(0, 10), span(10, 20), span(20, 30), span(30, 40)]
    source = Recorded([at(0, [1])])
    read_channel_set(source, spans, ID, 12 * NS_PER_S, 30 * NS_PER_S)
    assert source.asked == [(spans[1:3], ID, 12 * NS_PER_S, 30 * NS_PER_S)]


def test_where_there_is_nothing_the_source_is_not_asked():
    source = Recorded([at(0, [1])])
    found = read_channel_set(source, [span(0, 10)], ID, 10 * NS_PER_S, 20 * NS_PER_S)
    assert source.asked == []
    assert described(found) == {"Z": [], "N": [], "E": []}


def test_spans_of_other_times_say_what_a_code_stands_for():
    # N was recorded at the time of 1 once, so 1 is left out everywhere.
    spans = [span(0, 10, "N"), span(0, 10, "1"), span(20, 30, "1")]
    source = Recorded([at(2000, [7], "1")])
    found = read_channel_set(source, spans, ID, 20 * NS_PER_S, 30 * NS_PER_S)
    assert described(found)["N"] == []


def test_a_mapping_of_a_larger_part_is_taken_as_it_is():
    source = Recorded([at(0, [7], "1")])
    found = read_channel_set(source, [span(0, 10, "1")], ID, 0, NS_PER_S, {"1": "E"})
    assert described(found)["E"] == [(0, [7])]


def test_an_array_is_read_whole():
    rows = np.arange(6.0).reshape(3, 2)
    source = ArraySource(rows, 100.0)
    ((key, spans),) = source.spans().items()
    found = read_channel_set(source, spans, key, 0, NS_PER_S)
    assert described(found) == {"Z": [(0, [0, 1])], "N": [(0, [2, 3])], "E": [(0, [4, 5])]}


@pytest.mark.parametrize(
    ("spans", "margin_s"),
    [
        ([span(0, 10)], 0.02),
        ([span(0, 10), span(0, 10, "N", 20.0)], 0.1),
        ([span(0, 10), span(0, 10, "H", 1.0)], 0.02),
        ([], 0),
    ],
    ids=["two_samples", "of_the_slowest", "of_components_alone", "nothing"],
)
def test_the_margin_is_two_samples_of_the_slowest_component(spans, margin_s):
    mapping = {"Z": "Z", "N": "N"}
    assert margin_ns(spans, mapping) == round(margin_s * NS_PER_S)


# --- one place ----------------------------------------------------------------------------


def test_nothing_else_in_the_library_joins_segments():
    callers = {
        path.relative_to(QUAKE).as_posix()
        for path in QUAKE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "join_segments"
    }
    assert callers == {"waveforms/assembly.py"}
