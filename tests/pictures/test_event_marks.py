"""Marks of events, what of a waveform is cut off, narrow pictures, and events for a page."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.image import imread
from strategies import START_NS, noise, sine

from quake.events import EventOptions, Onset
from quake.pictures.band import Band
from quake.pictures.canvas import sheet
from quake.pictures.day_picture import DayText, draw_day, draw_day_on
from quake.pictures.event_mark import EventMark, marks_of
from quake.pictures.event_view import HEIGHT, short, view_event
from quake.pictures.indexed_png import N_COLOURS, indexed_png
from quake.pictures.layout import NARROW, WIDE
from quake.pictures.panels import log_rows, say, wave_limits
from quake.pictures.traces import read_traces
from quake.pictures.window_runs import WindowRun
from quake.waveforms.segments import NS_PER_S
from quake.waveforms.times import format_time

END_NS = START_NS + 600 * NS_PER_S
THRESHOLDS = {"earthquake": 0.5, "surface_event": 0.6, "noise": 0.5}


def mark(onset_s, end_s, label="earthquake", s_after=None):
    onset_ns, end_ns = (START_NS + round(s * NS_PER_S) for s in (onset_s, end_s))
    s_ns = None if s_after is None else onset_ns + round(s_after * NS_PER_S)
    return EventMark(label, onset_ns, end_ns, s_ns, 0.93)


@pytest.fixture
def panels(array_source, record):
    """Draw ten minutes, and give the panels by their names, and all words."""

    def draw(marks, runs=(), layout=WIDE, n_samples=60_000):
        source = array_source(noise(n_samples), 100.0)
        ((key, spans),) = source.spans().items()
        end_ns = START_NS + round(n_samples / 100 * NS_PER_S)
        ends = START_NS, end_ns
        traces = read_traces(source, spans, key, *ends, 20.0, layout.columns, Band())
        text = DayText(str(key), "2021-03-04", THRESHOLDS, ("earthquake", "surface_event"), layout)
        with sheet(layout.width, 900, layout.scale) as figure:
            draw_day_on(figure, traces, [record()], runs, text, marks)
            names = ("events", "Z", "N", "E", "spectrogram", "probabilities", "statuses")
            return dict(zip(names, figure.axes, strict=False)), figure

    return draw


def spans_of(axes, label):
    (drawn,) = [c for c in axes.collections if c.get_label() == label]
    ends = [path.get_extents() for path in drawn.get_paths()]
    return [(round(e.x0, 3), round(e.x1, 3)) for e in ends]


def test_events_are_full_bars_and_windows_pale_ones(panels):
    run = WindowRun("earthquake", format_time(START_NS), format_time(START_NS + 90 * NS_PER_S), 3)
    found, _ = panels([mark(20, 45), mark(200, 260)], [run])
    assert spans_of(found["events"], "earthquake") == [(20, 45), (200, 260)]
    assert spans_of(found["events"], "windows of earthquake") == [(0, 90)]
    rows = [label.get_text() for label in found["events"].get_yticklabels()]
    assert rows == ["earthquake (2)", "surface event (0)"]


def test_where_nobody_looked_for_onsets_bars_are_windows(panels):
    run = WindowRun("earthquake", format_time(START_NS), format_time(START_NS + 90 * NS_PER_S), 3)
    found, _ = panels(None, [run])
    assert spans_of(found["events"], "earthquake") == [(0, 90)]


def lines_of(axes, label):
    (drawn,) = [c for c in axes.collections if c.get_label() == label]
    return [tuple(segment[:, 0].tolist()) + tuple(segment[:, 1].tolist())
            for segment in drawn.get_segments()]  # fmt: skip


@pytest.mark.parametrize("layout", [WIDE, NARROW])
def test_words_in_corners_are_over_the_marks_and_within_the_frame(panels, layout):
    found, figure = panels([mark(s, s + 1) for s in range(1, 600, 3)], layout=layout)
    figure.canvas.draw()
    for name in ("Z", "N", "E", "spectrogram"):
        (drawn,) = [c for c in found[name].collections if c.get_label() == "onsets of earthquake"]
        word = found[name].texts[-1]
        assert word.get_text() in ("HHZ", "HHN", "HHE")
        assert word.get_zorder() > drawn.get_zorder()
        frame, paper = found[name].get_window_extent(), word.get_bbox_patch().get_window_extent()
        assert frame.x0 < paper.x0 < paper.x1 < frame.x1
        assert frame.y0 < paper.y0 < paper.y1 < frame.y1


@pytest.mark.parametrize(("scale", "panel_px"), [(1, 1130), (1, 334), (2, 288), (1, 214)])
def test_what_is_said_in_a_panel_stays_in_it(scale, panel_px):
    with sheet(1300, 200, scale) as figure:
        axes = figure.add_axes((0.05, 0.2, panel_px / 1300, 0.6))
        say(axes, "no spectrogram: nothing moves, or too few samples without a gap")
        figure.canvas.draw()
        frame, paper = axes.get_window_extent(), axes.texts[0].get_window_extent()
    assert frame.x0 < paper.x0 < paper.x1 < frame.x1
    assert frame.y0 < paper.y0 < paper.y1 < frame.y1


@pytest.mark.parametrize(
    ("layout", "n_marks", "width_pt"),
    # A quarter of 1130 and of 288 pixels, 0.72 points each, over the number of marks.
    [(WIDE, 20, 1.2), (WIDE, 200, 1.017), (NARROW, 100, 0.5184), (NARROW, 200, 0.4)],
)
def test_the_more_marks_the_thinner(panels, layout, n_marks, width_pt):
    found, _ = panels([mark(2 * n, 2 * n + 1) for n in range(n_marks)], layout=layout)
    (drawn,) = [c for c in found["Z"].collections if c.get_label() == "onsets of earthquake"]
    assert drawn.get_linewidth() == pytest.approx([width_pt])


def test_a_few_onsets_are_lines_through_waveforms_with_their_s(panels):
    found, _ = panels([mark(20, 45, s_after=4.5), mark(200, 260, "surface_event")])
    for name in ("Z", "N", "E", "spectrogram"):
        assert lines_of(found[name], "onsets of earthquake") == [(20.0, 20.0, 0.0, 1.0)]
        assert lines_of(found[name], "S of earthquake") == [(24.5, 24.5, 0.0, 1.0)]
        assert lines_of(found[name], "onsets of surface_event") == [(200.0, 200.0, 0.0, 1.0)]
    words = [text.get_text() for text in found["events"].texts]
    assert words == ["0.93, S-P 4.5 s", "0.93"]


@pytest.mark.parametrize(("n_marks", "n_samples"), [(13, 60_000), (1, 120_000)])
def test_many_onsets_and_those_of_long_pictures_are_short_marks(panels, n_marks, n_samples):
    found, _ = panels([mark(40 * i, 40 * i + 9) for i in range(n_marks)], n_samples=n_samples)
    lines = lines_of(found["Z"], "onsets of earthquake")
    assert len(lines) == n_marks
    assert {line[2:] for line in lines} == {(0.88, 1.0)}


def test_a_narrow_picture_is_drawn_twice_as_fine_and_keeps_its_words_inside(panels, record):
    _, figure = panels([mark(20, 45)], layout=NARROW)
    figure.canvas.draw()
    width = figure.bbox.width
    texts = [t for axes in figure.axes for t in (*axes.get_yticklabels(), *axes.get_xticklabels())]
    texts += [t for t in figure.texts if t.get_text()]
    boxes = [t.get_window_extent() for t in texts if t.get_visible() and t.get_text()]
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= width
    assert figure.dpi == 200


@pytest.mark.parametrize(("layout", "width"), [(WIDE, 1400), (NARROW, 780)])
def test_a_layout_gives_the_width_of_the_file(array_source, record, layout, width):
    source = array_source(noise(6_000), 100.0)
    ((key, spans),) = source.spans().items()
    traces = read_traces(source, spans, key, START_NS, END_NS, 20.0, layout.columns, Band())
    text = DayText(str(key), "2021-03-04", THRESHOLDS, ("earthquake",), layout)
    picture = draw_day(traces, [record()], [], text)
    assert int.from_bytes(picture[16:20], "big") == width


def test_blocks_give_the_same_waveform_as_one_piece(array_source, monkeypatch):
    source = array_source(noise(40_000), 100.0)
    ((key, spans),) = source.spans().items()
    ends = START_NS, START_NS + 400 * NS_PER_S

    def low():
        return read_traces(source, spans, key, *ends, 20.0, 800, Band()).traces["Z"].envelope.low

    whole = low()
    monkeypatch.setattr("quake.pictures.traces._BLOCK_SAMPLES", 6_000)
    assert low() == pytest.approx(whole, abs=0.01 * np.nanstd(whole))


def test_marks_are_the_events_of_the_channel_set_whatever_stations_must_agree():
    onset = Onset(
        id="XX.STA..HH?",
        time=format_time(START_NS),
        uncertainty_s=0.1,
        p=0.9,
        s=0.0,
        s_after=0.0,
        probabilities={"earthquake": 0.9, "noise": 0.1},
        snr_db=12.0,
        peak_amplitude=1.0,
        peak_component="Z",
        dominant_frequency_hz=5.0,
        duration_s=10.0,
        is_cut=False,
        components="ZNE",
        flags=(),
        windows=(),
        model="0123456789ab",
        network="ba9876543210",
    )
    options = EventOptions({"earthquake": 0.5}, min_stations=3)
    (found,) = marks_of([onset], options)
    assert found == EventMark(
        "earthquake", START_NS, START_NS + 10 * NS_PER_S, None, found.probability
    )
    assert found.probability > 0.9


@settings(max_examples=60)
@given(arrays(np.float64, st.integers(2, 400), elements=st.floats(-1e9, 1e9)))
def test_the_limits_of_a_waveform_hold_nearly_all_of_it_or_say_how_large_it_is(counts):
    low, high, cut = wave_limits(counts)
    inside = np.mean((counts >= low) & (counts <= high))
    assert inside >= 0.98
    assert cut == 0 or cut == pytest.approx(abs(counts - np.median(counts)).max())
    assert (inside == 1) == (cut == 0)


def test_rows_of_the_frequency_axis_are_the_nearest_ones():
    frequencies = np.arange(1, 51) * 0.4
    rows = log_rows(frequencies, 0.5, 20.0, 4)
    edges = np.geomspace(0.5, 20.0, 5)
    middles = np.sqrt(edges[1:] * edges[:-1])
    assert [abs(frequencies - m).argmin() for m in middles] == rows.tolist()


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)),
              elements=st.integers(0, N_COLOURS - 1)))  # fmt: skip
def test_small_pictures_are_read_back_by_others(levels):
    found = imread(io.BytesIO(indexed_png(levels)), format="png")
    assert found.shape[:2] == levels.shape
    lightness = found[..., :3].sum(axis=-1)
    darkest, brightest = (
        np.argwhere(levels == levels.min())[0],
        np.argwhere(levels == levels.max())[0],
    )
    assert lightness[tuple(darkest)] <= lightness[tuple(brightest)]
    assert len(np.unique(found.reshape(-1, found.shape[-1]), axis=0)) == len(np.unique(levels))


def test_a_view_of_an_event_has_its_components_and_the_peak_of_its_spectrogram(array_source):
    rows = np.stack([1000 * sine(5.0, 6_000, 100.0)] * 3)
    rows[:, :3_000] *= 0.01
    source = array_source(rows, 100.0)
    ((key, spans),) = source.spans().items()
    view = view_event(source, spans, key, START_NS, START_NS + 60 * NS_PER_S)
    assert [line.name for line in view.lines] == ["HHZ", "HHN", "HHE"]
    line = view.lines[0]
    heights = [low - high for low, high in zip(line.low, line.high, strict=True)]
    assert max(heights[:130]) <= 3
    assert min(heights[170:290]) >= 0.75 * HEIGHT
    assert view.band == "1 to 20 Hz"
    picture = imread(io.BytesIO(view.spectrogram), format="png")
    lightness = picture[..., :3].sum(axis=-1)[:, 110]
    low_hz, top_hz = view.frequencies_hz
    place = 1 - (lightness.argmax() + 0.5) / len(lightness)
    assert low_hz * (top_hz / low_hz) ** place == pytest.approx(5.0, rel=0.15)


def test_a_view_beyond_the_record_has_holes_and_one_of_nothing_is_empty(array_source):
    source = array_source(noise(6_000), 100.0)
    ((key, spans),) = source.spans().items()
    view = view_event(source, spans, key, START_NS - 30 * NS_PER_S, START_NS + 30 * NS_PER_S)
    assert view.lines[0].high[0] is None
    assert view.lines[0].high[-1] is not None
    later = view_event(source, spans, key, END_NS, END_NS + 30 * NS_PER_S, components="Z")
    assert list(later.lines) == []
    assert later.spectrogram == b""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12.34, "12"), (123.4, "123"), (999_400, "999k"), (1.5e6, "1.5M"), (2e11, "200G")],
)
def test_numbers_are_short(value, text):
    assert short(value) == text
