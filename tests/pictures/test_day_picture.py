"""What is in the panels of a station-day: curves, gaps, events and words, at the right times."""

import numpy as np
import pytest
from strategies import START_NS, noise, sine

from quake.pictures.canvas import sheet
from quake.pictures.day_picture import PANEL_PX, WIDTH_PX, DayText, draw_day, draw_day_on
from quake.pictures.palette import STATUS_COLOURS, class_colours
from quake.pictures.picture_file import note_of
from quake.pictures.traces import read_traces
from quake.pictures.window_runs import WindowRun
from quake.waveforms.times import NS_PER_S, format_time

END_NS = START_NS + 600 * NS_PER_S
THRESHOLDS = {"earthquake": 0.5, "surface_event": 0.6, "noise": 0.5}
TEXT = DayText("XX.STA..HH?", "2021-03-04", THRESHOLDS, ("earthquake", "surface_event"))


def iso(second):
    return format_time(START_NS + round(second * NS_PER_S))


def event(start_s, end_s, label="earthquake"):
    return WindowRun(label, iso(start_s), iso(end_s), 1)


@pytest.fixture
def traces_of(array_source):
    def make(rows, rate_hz=100.0, components="ZNE", end_ns=END_NS):
        source = array_source(rows, rate_hz, components)
        ((key, spans),) = source.spans().items()
        return read_traces(source, spans, key, START_NS, end_ns, 20.0, PANEL_PX)

    return make


@pytest.fixture
def panels(traces_of):
    """Draw, and give the panels by their names, and all words."""

    def draw(rows, records, events=(), text=TEXT, rate_hz=100.0, components="ZNE", end_ns=END_NS):
        traces = traces_of(rows, rate_hz, components, end_ns)
        with sheet(WIDTH_PX, 900) as figure:
            draw_day_on(figure, traces, records, events, text)
            names = ("events", "Z", "N", "E", "spectrogram", "probabilities", "statuses")
            found = dict(zip(names, figure.axes, strict=False))
            words = {
                name: " ".join(t.get_text() for t in axes.texts) for name, axes in found.items()
            }
            words["title"] = " ".join(t.get_text() for t in figure.texts)
            return found, words

    return draw


def bars(axes, label):
    """First and last second of what is drawn under a name."""
    (drawn,) = [c for c in axes.collections if c.get_label() == label]
    ends = [path.get_extents() for path in drawn.get_paths()]
    return [(round(e.x0, 6), round(e.x1, 6)) for e in ends]


def curve(axes, label):
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return line


def test_curves_have_exactly_the_probabilities_of_the_windows(panels, record):
    shares = [0.123456, 0.9, 0.5, 0.000001]
    records = [record(30 * i, share, 0.05) for i, share in enumerate(shares)]
    found, _ = panels(noise(60_000), records)
    line = curve(found["probabilities"], "earthquake")
    assert line.get_ydata().tolist() == shares
    assert line.get_xdata().tolist() == [30, 60, 90, 120]
    assert line.get_color() == class_colours(["earthquake"])["earthquake"]
    rest = curve(found["probabilities"], "noise").get_ydata()
    assert rest.tolist() == [r.probabilities["noise"] for r in records]


def test_each_threshold_is_a_dashed_line_of_the_colour_of_its_class(panels, record):
    found, _ = panels(noise(60_000), [record()])
    dashed = {
        (line.get_color(), line.get_ydata()[0])
        for line in found["probabilities"].lines
        if line.is_dashed() and len(line.get_ydata())
    }
    colours = class_colours(tuple(THRESHOLDS))
    assert {(colours[name], value) for name, value in THRESHOLDS.items()} <= dashed


def test_the_spectrogram_of_a_sine_peaks_at_its_frequency(panels, record):
    found, words = panels(np.stack([1000 * sine(5.0, 60_000, 100.0)] * 3), [record()])
    (image,) = found["spectrogram"].images
    _, _, low_hz, high_hz = image.get_extent()
    decibels = np.asarray(image.get_array())
    row_hz = (high_hz - low_hz) / len(decibels)
    peaks_hz = low_hz + (decibels.argmax(axis=0) + 0.5) * row_hz
    assert abs(peaks_hz - 5.0).max() <= row_hz / 2 + 1e-9
    assert words["spectrogram"] == "HHZ"


def test_noise_is_seen_beside_a_spike(panels, record):
    rows = noise(60_000)
    rows[:, 30_000] = 1e12
    (image,) = panels(rows, [record()])[0]["spectrogram"].images
    low, high = image.get_clim()
    assert low < np.nanmedian(np.asarray(image.get_array())) < high < low + 80.001


def test_gaps_are_shaded_where_they_are_in_all_panels(panels, record):
    rows = noise(60_000)
    rows[0, 20_000:30_000] = np.nan
    found, _ = panels(rows, [record()])
    width_s = 600 / PANEL_PX
    for name in ("events", "Z", "spectrogram", "probabilities", "statuses"):
        ((first, last),) = bars(found[name], "gap")
        assert first == pytest.approx(200, abs=width_s), name
        assert last == pytest.approx(300, abs=width_s), name
    for name in ("N", "E"):
        assert not [c for c in found[name].collections if c.get_label() == "gap"]


def test_waveforms_reach_their_extremes_and_break_at_gaps(panels, record):
    rows = np.zeros((3, 60_000), np.int32)
    rows[:, ::2] = 1
    rows[1, 31_234], rows[1, 31_237] = 9000, -7000
    found, _ = panels(rows, [record()])
    counts = found["N"].lines[0].get_ydata()
    assert (np.nanmin(counts), np.nanmax(counts)) == (-7000, 9000)
    assert found["N"].get_ylabel() == "counts"
    rows = noise(60_000)
    rows[1, 20_000:30_000] = np.nan
    found, _ = panels(rows, [record()])
    line = found["N"].lines[0]
    assert not np.isfinite(
        line.get_ydata()[(line.get_xdata() > 201) & (line.get_xdata() < 299)]
    ).any()
    assert found["N"].get_ylabel() == "file units"


def test_events_are_bars_in_the_row_of_their_class(panels, record):
    events = [event(60, 150), event(300, 420), event(90, 180, "surface_event")]
    found, words = panels(noise(60_000), [record()], events)
    assert bars(found["events"], "earthquake") == [(60, 150), (300, 420)]
    assert bars(found["events"], "surface_event") == [(90, 180)]
    rows = [label.get_text() for label in found["events"].get_yticklabels()]
    assert rows == ["earthquake (2)", "surface event (1)"]
    assert words["events"] == ""


def test_events_end_with_the_picture_and_short_ones_can_be_seen(panels, record):
    found, _ = panels(noise(60_000), [record()], [event(-60, 30), event(570, 700)])
    assert bars(found["events"], "earthquake") == [(0, 30), (570, 600)]
    found, _ = panels(noise(60_000), [record()], [event(100, 100.001)])
    ((first, last),) = bars(found["events"], "earthquake")
    assert last - first == pytest.approx(2 * 600 / PANEL_PX)


def test_no_events_are_said_to_be_none(panels, record):
    assert panels(noise(60_000), [record()])[1]["events"] == "no events"


def test_statuses_are_cells_in_their_colours(panels, record, unscored):
    records = [record(0), unscored(30), record(60, status="uncertain"), unscored(90, "rejected")]
    found, _ = panels(noise(60_000), records)
    assert bars(found["statuses"], "ok") == [(0, 45)]
    assert bars(found["statuses"], "no_data") == [(45, 75)]
    assert bars(found["statuses"], "uncertain") == [(75, 105)]
    assert bars(found["statuses"], "rejected") == [(105, 150)]
    drawn = {c.get_label(): c for c in found["statuses"].collections}
    assert drawn["no_data"].get_hatch()
    assert drawn["uncertain"].get_hatch() != drawn["no_data"].get_hatch()
    assert STATUS_COLOURS.keys() <= drawn.keys()


def test_a_rejected_day_says_why_there_are_no_probabilities(panels, unscored):
    records = [unscored(30 * i, "rejected", "sampling_rate_too_low") for i in range(3)]
    found, words = panels(noise(600), records, rate_hz=1.0)
    assert words["probabilities"] == "no probabilities: sampling rate too low (3)"
    assert not np.isfinite(curve(found["probabilities"], "earthquake").get_ydata()).any()


def test_missing_and_dead_components_are_said_to_be_so(panels, record):
    rows = np.stack([noise(60_000)[0], np.full(60_000, 7.0)])
    flags = ("dead:N",)
    _, words = panels(rows, [record(flags=flags), record(30)], components="ZN")
    assert words["E"] == "E not recorded"
    assert words["N"] == "HHN dead in 1 of 2 windows"


def test_the_spectrogram_is_of_the_first_component_that_is_there(panels, record):
    _, words = panels(noise(60_000, n_rows=2), [record()], components="12")
    assert words["spectrogram"] == "HH1"
    assert words["N"] == "HH1"
    assert words["Z"] == "Z not recorded"


def test_a_record_of_three_seconds_fills_its_picture(panels, unscored):
    end_ns = START_NS + 3 * NS_PER_S
    found, words = panels(noise(300), [unscored(0, "no_data", "low_coverage")], end_ns=end_ns)
    assert found["Z"].get_xlim() == (0, 3)
    assert np.isfinite(found["Z"].lines[0].get_ydata()).sum() == 300
    assert "1 window " in words["title"]


def test_one_sample_has_a_picture_too(traces_of, unscored):
    traces = traces_of(noise(1), end_ns=START_NS + NS_PER_S // 100)
    assert draw_day(traces, [unscored()], [], TEXT).startswith(b"\x89PNG")


def test_a_large_offset_is_taken_away_and_told(panels, record):
    found, words = panels(noise(60_000).astype(np.int32) + 10_000_000, [record()])
    assert abs(np.nanmedian(found["Z"].lines[0].get_ydata())) < 3000
    assert words["Z"].split()[0].startswith("+10,00")


@pytest.mark.parametrize("code", ["$x^{$", "\u7000\n\x07\udc80 $ %s {x:g} A&<B> \\frac{a}"])
def test_any_code_and_class_is_drawn_as_it_is(traces_of, record, code):
    names = {code: 0.5, f"{code}2": 0.5}
    text = DayText(code, "2021-03-04", names, tuple(names))
    shares = dict.fromkeys(names, 0.5)
    records = [record(id=code, label=code, probabilities=shares, flags=(f"dead:{code}",))]
    with_words = draw_day(traces_of(noise(600)), records, [event(0, 60, code)], text)
    assert with_words.startswith(b"\x89PNG")


def test_the_same_day_gives_the_same_bytes_and_no_time_of_writing(traces_of, record, tmp_path):
    traces, records = traces_of(noise(6000)), [record(), record(30)]
    first = draw_day(traces, records, [event(0, 60)], TEXT, {"quake-inputs": "abc"})
    assert draw_day(traces, records, [event(0, 60)], TEXT, {"quake-inputs": "abc"}) == first
    path = tmp_path / "a.png"
    path.write_bytes(first)
    assert note_of(path, "quake-inputs") == "abc"
    assert first.count(b"tEXt") == 1
    assert b"tIME" not in first


def test_settings_of_the_user_change_nothing_and_stay(traces_of, record):
    import matplotlib

    traces, records = traces_of(noise(600)), [record()]
    usual = draw_day(traces, records, [], TEXT)
    mine = {"axes.facecolor": "black", "lines.linewidth": 9, "font.size": 20, "text.usetex": True}
    with matplotlib.rc_context(mine):
        before = dict(matplotlib.rcParams)
        assert draw_day(traces, records, [], TEXT) == usual
        assert dict(matplotlib.rcParams) == before
