"""Helicorders: which time lies on which line, what is coloured, and what is shaded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from strategies import START_NS, noise

from quake.errors import ParameterError
from quake.pictures.band import Band
from quake.pictures.canvas import sheet
from quake.pictures.day_picture import DayText
from quake.pictures.event_mark import EventMark
from quake.pictures.helicorder import (
    MINUTES,
    Drum,
    draw_helicorder,
    draw_helicorder_on,
    line_px,
    read_lines,
)
from quake.pictures.layout import NARROW, WIDE
from quake.pictures.palette import class_colours
from quake.waveforms.times import NS_PER_S

THRESHOLDS = {"earthquake": 0.5, "surface_event": 0.6, "noise": 0.5}
HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS


def text(layout=WIDE):
    return DayText("XX.STA..HH?", "2021-03-04", THRESHOLDS, ("earthquake", "surface_event"), layout)


@pytest.fixture
def drawn(array_source):
    """Draw an array, and give the axes and the drum."""

    def draw(rows, marks=None, minutes=15, layout=WIDE, components="ZNE", band=None):
        source = array_source(rows, 10.0, components)
        ((key, spans),) = source.spans().items()
        end_ns = START_NS + round(np.shape(rows)[1] / 10.0 * NS_PER_S)
        drum = Drum.of(START_NS, end_ns, minutes)
        traces = read_lines(source, spans, key, drum, layout, band)
        with sheet(layout.width, 800) as figure:
            draw_helicorder_on(figure, traces, drum, text(layout), marks)
            return figure.axes[0], drum, figure

    return draw


def mark(start_s, end_s, label="earthquake"):
    start_ns = START_NS + start_s * NS_PER_S
    return EventMark(label, start_ns, START_NS + end_s * NS_PER_S, None, 0.9)


@given(
    st.integers(0, 10 * DAY_NS),
    st.integers(0, DAY_NS),
    st.integers(0, HOUR_NS),
    st.sampled_from(MINUTES),
)
def test_the_parts_of_a_time_add_up_on_lines_that_begin_on_the_clock(
    start_ns, after_ns, length_ns, minutes
):
    drum = Drum.of(start_ns, start_ns + DAY_NS + 2 * HOUR_NS, minutes)
    assert drum.start_ns % drum.line_ns == 0
    from_ns = start_ns + after_ns
    parts = list(drum.parts(from_ns, from_ns + length_ns))
    assert sum(last - first for _, first, last in parts) == pytest.approx(length_ns / NS_PER_S / 60)
    assert all(0 <= first <= last <= minutes for _, first, last in parts)


def test_a_day_has_as_many_lines_as_fit_and_none_for_its_last_sample():
    assert [Drum.of(0, DAY_NS, minutes).n_lines for minutes in MINUTES] == [96, 48, 24]
    assert Drum.of(0, DAY_NS + NS_PER_S // 100, 60).n_lines == 24
    assert Drum.of(5, 6, 60) == Drum(0, 1, 60)


@pytest.mark.parametrize("minutes", [0, 10, 61, 1440])
def test_lines_of_other_lengths_are_refused(minutes):
    with pytest.raises(ParameterError, match="15, 30, 60"):
        Drum.of(0, DAY_NS, minutes)


def test_events_are_drawn_in_the_colour_of_their_class_on_the_lines_they_lie_on(drawn):
    rows = noise(18_000)  # half an hour from 06:07:08.9, on lines from 06:00
    axes, drum, _ = drawn(rows, [mark(60, 120), mark(1500, 1560, "surface_event")])
    since_min = (START_NS - drum.start_ns) / NS_PER_S / 60
    colours = class_colours(tuple(THRESHOLDS))
    for name, start_s, end_s in (("earthquake", 60, 120), ("surface_event", 1500, 1560)):
        lines = [
            line
            for line in axes.lines
            if to_hex(line.get_color()).upper() == colours[name] and len(line.get_xdata()) > 2
        ]
        finite = [line.get_xdata()[np.isfinite(line.get_ydata())] for line in lines]
        minutes = np.concatenate(finite)
        wanted = [(since_min + s / 60) % 15 for s in (start_s, end_s)]
        assert minutes.min() == pytest.approx(wanted[0], abs=0.05)
        assert minutes.max() == pytest.approx(wanted[1], abs=0.05)
    (triangles,) = [line for line in axes.lines if line.get_label() == "earthquake"]
    assert triangles.get_xdata()[0] == pytest.approx(since_min + 1)
    assert round(triangles.get_ydata()[0]) == 0


def test_the_legend_counts_events_and_is_silent_where_nobody_looked(drawn):
    (legend,) = drawn(noise(6_000), [mark(60, 70), mark(90, 95)])[2].legends
    words = [item.get_text() for item in legend.get_texts()]
    assert words[:2] == ["earthquake (2)", "surface event (0)"]
    assert words[2].startswith("line to line ")
    (legend,) = drawn(noise(6_000), None)[2].legends
    assert len(legend.get_texts()) == 1


def test_lines_never_go_further_than_their_neighbours(drawn):
    rows = noise(18_000)
    rows[:, 9_000:9_100] *= 1e6
    axes, _, _ = drawn(rows)
    for number, line in enumerate(line for line in axes.lines if len(line.get_xdata()) > 2):
        places = line.get_ydata()[np.isfinite(line.get_ydata())]
        assert abs(places - number).max() <= 1.6 + 1e-9


def test_what_is_missing_is_shaded(drawn):
    rows = noise(18_000)
    rows[0, 3_000:6_000] = np.nan  # from the 5th to the 10th minute
    axes, drum, _ = drawn(rows)
    since_min = (START_NS - drum.start_ns) / NS_PER_S / 60
    gaps = [c for c in axes.collections if c.get_label() == "gap"]
    ends = [path.get_extents() for gap in gaps for path in gap.get_paths()]
    first = [e.x0 for e in ends if e.x0 > 0]
    assert any(x == pytest.approx(since_min + 5, abs=0.05) for x in first)
    assert any(e.x1 == pytest.approx((since_min + 10) % 15, abs=0.05) for e in ends)


def test_the_first_component_that_there_is_is_shown(drawn):
    _, _, figure = drawn(noise(6_000)[:1], components="E")
    assert "HHE" in " ".join(t.get_text() for t in figure.texts)


def test_a_record_of_few_samples_is_an_unbroken_line(drawn, array_source):
    source = array_source(noise(2_000), 1.0)
    ((key, spans),) = source.spans().items()
    drum = Drum.of(START_NS, START_NS + 2_000 * NS_PER_S, 15)
    trace = read_lines(source, spans, key, drum, WIDE).traces["Z"]
    there = np.isfinite(trace.envelope.low)
    assert there[np.flatnonzero(there)[0] : np.flatnonzero(there)[-1] + 1].all()


@pytest.mark.parametrize(("layout", "width"), [(WIDE, 1400), (NARROW, 780)])
def test_the_same_day_gives_the_same_bytes_as_wide_as_wanted(array_source, layout, width):
    source = array_source(noise(6_000), 10.0)
    ((key, spans),) = source.spans().items()
    drum = Drum.of(START_NS, START_NS + 600 * NS_PER_S, 60)
    traces = read_lines(source, spans, key, drum, layout, Band())
    first, second = (draw_helicorder(traces, drum, text(layout), []) for _ in range(2))
    assert first == second
    assert int.from_bytes(first[16:20], "big") == width


def test_a_whole_day_is_no_longer_than_two_screens():
    assert 96 * line_px(Drum(0, 96, 15), WIDE) < 1500
    assert 24 * line_px(Drum(0, 24, 60), NARROW) < 1500
