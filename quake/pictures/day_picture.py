"""Draw a station-day: samples, windows and events.

Waveforms, a spectrogram and the probabilities lie above each other on one axis of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quake.classes import NOISE
from quake.inference.records import WindowRecord
from quake.pictures.canvas import DPI, INK, as_png, plain, sheet
from quake.pictures.curves import cells, points_of
from quake.pictures.event_mark import EventMark
from quake.pictures.layout import WIDE, Layout
from quake.pictures.palette import STATUS_COLOURS, STATUS_HATCHES, class_colours
from quake.pictures.panels import (
    GAP,
    SMALL,
    draw_component,
    draw_spectrogram_of,
    draw_times,
    note,
    quiet_axes,
    say,
    shade,
)
from quake.pictures.time_axis import label_time
from quake.pictures.traces import Traces
from quake.pictures.window_runs import WindowRun
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.times import NS_PER_S, parse_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_EVENTS_PX, _ROW_PX, _NARROW_ROW_PX = 10, 18, 34  # and for each class
_STATUS_PX = 24
_SPACE_PX = 9
_BAR_PX = 12

# From the panels to what is written upright: room for numbers such as -1.25k.
_UNIT_PX = 64

# Of so few events in so short a time, onsets are lines through all waveforms, which would hide what
# they mark in longer ones, and their probabilities are written.
_MOST_LINES, _LONGEST_WITH_LINES_S, _MOST_WORDS = 12, 900.0, 5

# Else they are marks at the upper edge, of this share of a panel's height.
_MARK = 0.12

# The more there are, the thinner they are, down to a hair: together they cover this share.
_MARKED_SHARE = 0.25

_DASH = 5.0
_LINES = ("-", (0, (7, 1)), (0, (7, 1, 2, 1)), (0, (2, 1)))

# Up to so many windows, each is a dot too.
_MOST_DOTS = 120

# Flags that say of a component what its line does not show.
_OF_COMPONENTS = ("dead", "flat", "line", "spike", "clipped", "bad_values")


# Flags that say why a window has no probabilities.
_REASONS = ("low_coverage", "all_dead", "sampling_rate_too_low", "missing_components")


@dataclass(frozen=True)
class DayText:
    """What a picture is of, and the classes in it.

    Attributes
    ----------
    id : str
        Channel set.
    date : str
        UTC.
    thresholds : mapping of class to threshold
        In the order of the model.
    event_classes : classes that make events
    layout : Layout
    """

    id: str
    date: str
    thresholds: Mapping[str, float]
    event_classes: Sequence[str]
    layout: Layout = WIDE


def draw_day(
    traces: Traces,
    records: Sequence[WindowRecord],
    runs: Sequence[WindowRun],
    text: DayText,
    notes: Mapping[str, str] | None = None,
    marks: Sequence[EventMark] | None = None,
) -> bytes:
    """Draw a station-day.

    Parameters
    ----------
    traces : Traces
        Of as many columns as the layout has.
    records : sequence of WindowRecord
        In the order of time.
    runs : sequence of WindowRun
        Where windows speak of events.
    text : DayText
    notes : mapping of keyword to text, optional
        Kept in the file.
    marks : sequence of EventMark, optional
        The events; None where nobody has looked for their onsets.

    Returns
    -------
    bytes
        PNG; the same bytes for the same day.
    """
    with sheet(text.layout.width, _height_px(text), text.layout.scale) as figure:
        draw_day_on(figure, traces, records, runs, text, marks)
        return as_png(figure, notes)


def draw_day_on(
    figure: Figure,
    traces: Traces,
    records: Sequence[WindowRecord],
    runs: Sequence[WindowRun],
    text: DayText,
    marks: Sequence[EventMark] | None = None,
) -> None:
    """Draw a station-day on a figure of `quake.pictures.canvas.sheet`."""
    layout = text.layout
    above, *waves, spectrogram, below, strip = _panels(figure, text)
    _draw_events(above, runs, marks, traces, text)
    for component, axes in zip(COMPONENTS, waves, strict=True):
        draw_component(axes, traces.traces[component])
        _tell_flags(axes, component, records)
    box = spectrogram.get_position()
    bar_box = (box.x1 + 6 / layout.width, box.y0, _BAR_PX / layout.width, box.height)
    bar = figure.add_axes(bar_box)
    draw_spectrogram_of(spectrogram, bar, traces)
    if layout.is_narrow:
        bar.set_ylabel("")
        bar.set_title("dB", fontsize=SMALL, pad=3)
    _draw_probabilities(below, records, traces, text)
    _draw_statuses(strip, records, traces, layout)
    for axes in (above, below, strip):
        shade(axes, traces.gaps(), traces.start_ns, traces.end_ns)
    label_time(strip, traces.start_ns, traces.end_ns, layout.most_ticks)
    strip.tick_params(labelbottom=True)
    for axes in (above, *waves, spectrogram, below):
        axes.set_xlim(strip.get_xlim())
        draw_times(axes, strip.get_xticks())
        axes.yaxis.set_label_coords(-_UNIT_PX / layout.panel, 0.5)
        if layout.is_narrow:
            axes.set_ylabel("")
    for axes in (*waves, spectrogram):
        _mark_onsets(axes, marks or (), traces, text)
    _write_title(figure, records, traces, text)


def _height_px(text: DayText) -> int:
    heights = _heights_px(text)
    return sum(heights) + _SPACE_PX * (len(heights) - 1) + text.layout.top + text.layout.bottom


def _heights_px(text: DayText) -> list[int]:
    """Heights of the panels, from the top."""
    layout = text.layout
    row_px = _NARROW_ROW_PX if layout.is_narrow else _ROW_PX
    events_px = _EVENTS_PX + row_px * max(len(text.event_classes), 1)
    waves_px = [layout.wave] * 3
    return [events_px, *waves_px, layout.spectrogram, layout.probability, _STATUS_PX]


def _panels(figure: Figure, text: DayText) -> list[Axes]:
    height_px, layout = _height_px(text), text.layout
    panels, top_px = [], height_px - layout.top
    for panel_px in _heights_px(text):
        box = (
            layout.left / layout.width,
            (top_px - panel_px) / height_px,
            layout.panel / layout.width,
            panel_px / height_px,
        )
        panels.append(figure.add_axes(box))
        top_px -= panel_px + _SPACE_PX
    return panels


def _write_title(
    figure: Figure, records: Sequence[WindowRecord], traces: Traces, text: DayText
) -> None:
    layout, height_px = text.layout, figure.get_figheight() * DPI
    left, right = layout.left / layout.width, (layout.left + layout.panel) / layout.width
    bold: dict[str, Any] = {
        "va": "top",
        "fontsize": 11 if layout.is_narrow else 13,
        "fontweight": "bold",
    }
    shown = "unfiltered" if traces.band is None else traces.band.name(traces.rate_hz)
    model = ", ".join(sorted({record.model for record in records}))
    said = f"{len(records):,} window{'' if len(records) == 1 else 's'}   model {model}"
    title = plain(f"{text.id}   {text.date}")
    if layout.is_narrow:
        figure.text(0.02, 1 - 8 / height_px, title, **bold)
        below = plain(f"{shown}   {said}")
        figure.text(0.02, 1 - 32 / height_px, below, va="top", fontsize=SMALL)
        return
    figure.text(left, 1 - 12 / height_px, title, **bold)
    beside = plain(f"waveforms {shown}   {said}")
    figure.text(right, 1 - 12 / height_px, beside, va="top", ha="right", fontsize=SMALL + 1)


def _seconds(time_ns: int, traces: Traces) -> float:
    """Where a time lies on the axis, cut off at its ends."""
    inside_ns = min(max(time_ns, traces.start_ns), traces.end_ns)
    return (inside_ns - traces.start_ns) / NS_PER_S


def _draw_events(
    axes: Axes,
    runs: Sequence[WindowRun],
    marks: Sequence[EventMark] | None,
    traces: Traces,
    text: DayText,
) -> None:
    """A row a class: pale bars where windows speak of it, full ones of events."""
    quiet_axes(axes)
    axes.tick_params(axis="both", length=0)
    names = list(text.event_classes)
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    _name_rows(axes, names, Counter(e.label for e in (runs if marks is None else marks)), text)
    colours = class_colours(tuple(text.thresholds))
    for row, name in enumerate(names):
        of_windows = [(parse_time(r.start), parse_time(r.end)) for r in runs if r.label == name]
        if marks is None:
            place = (row + 0.04, 0.36) if text.layout.is_narrow else (row - 0.32, 0.64)
            _draw_bars(axes, of_windows, place, traces, colours[name], name)
            continue
        full, pale = ((row - 0.36, 0.44), (row + 0.12, 0.2))
        if text.layout.is_narrow:
            full, pale = ((row + 0.02, 0.28), (row + 0.32, 0.1))
        _draw_bars(axes, of_windows, pale, traces, colours[name], f"windows of {name}", 0.4)
        of_events = [(m.onset_ns, m.end_ns) for m in marks if m.label == name]
        _draw_bars(axes, of_events, full, traces, colours[name], name)
    if marks and len(marks) <= _MOST_WORDS and not text.layout.is_narrow:
        _write_probabilities(axes, marks, names, traces)
    if not (runs or marks):
        say(axes, "no events")


def _name_rows(axes: Axes, names: Sequence[str], counts: Counter[str], text: DayText) -> None:
    """Names of classes and how many there are: beside the panel, or in it where it is narrow."""
    colours = class_colours(tuple(text.thresholds))
    labels = [plain(f"{name.replace('_', ' ')} ({counts[name]})") for name in names]
    above = 0.24 if text.layout.is_narrow else 0.0
    axes.set_yticks([row - above for row in range(len(names))], labels)
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_color(colours[name])
        if text.layout.is_narrow:
            tick.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5})
            tick.set_zorder(5)
    if text.layout.is_narrow:
        axes.tick_params(axis="y", pad=-4)
        for tick in axes.get_yticklabels():
            tick.set_horizontalalignment("left")


def _draw_bars(
    axes: Axes,
    times_ns: Sequence[tuple[int, int]],
    place: tuple[float, float],
    traces: Traces,
    colour: str,
    label: str,
    alpha: float = 1.0,
) -> None:
    """Bars from time to time, none so short that it is not seen."""
    least_s = 2 * (traces.end_ns - traces.start_ns) / NS_PER_S / WIDE.panel
    ends = [(_seconds(a, traces), _seconds(b, traces)) for a, b in times_ns]
    bars = [(first, max(last - first, least_s)) for first, last in ends]
    if bars:
        axes.broken_barh(bars, place, facecolor=colour, label=label, alpha=alpha)


def _write_probabilities(
    axes: Axes, marks: Sequence[EventMark], names: Sequence[str], traces: Traces
) -> None:
    length_s = (traces.end_ns - traces.start_ns) / NS_PER_S
    for mark in marks:
        onset_s, end_s = _seconds(mark.onset_ns, traces), _seconds(mark.end_ns, traces)
        parts = [f"{mark.probability:.2f}"]
        if mark.s_ns is not None:
            parts.append(f"S-P {(mark.s_ns - mark.onset_ns) / NS_PER_S:.1f} s")
        is_late = end_s > 0.85 * length_s
        axes.annotate(
            ", ".join(parts),
            (onset_s if is_late else end_s, names.index(mark.label)),
            xytext=(-4 if is_late else 4, 0),
            textcoords="offset points",
            ha="right" if is_late else "left",
            va="center",
            fontsize=SMALL,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )


def _mark_onsets(axes: Axes, marks: Sequence[EventMark], traces: Traces, text: DayText) -> None:
    """Onsets in the colours of their classes: P dashed, S dotted; of many events short marks."""
    colours = class_colours(tuple(text.thresholds))
    length_s = (traces.end_ns - traces.start_ns) / NS_PER_S
    few = len(marks) <= _MOST_LINES and length_s <= _LONGEST_WITH_LINES_S
    width_pt = _MARKED_SHARE * 72 / DPI * text.layout.panel / max(len(marks), 1)
    for name in text.event_classes:
        own = [m for m in marks if m.label == name]
        style: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "zorder": 4}
        style |= {"color": colours[name], "linewidth": min(max(width_pt, 0.4), 1.2)}
        onsets_s = [_seconds(m.onset_ns, traces) for m in own]
        low = 0 if few else 1 - _MARK
        dashes = (0, (5, 2)) if few else "-"
        axes.vlines(onsets_s, low, 1, linestyle=dashes, label=f"onsets of {name}", **style)
        if few:
            s_s = [_seconds(m.s_ns, traces) for m in own if m.s_ns is not None]
            axes.vlines(s_s, 0, 1, linestyle=(0, (1, 2)), label=f"S of {name}", **style)


def _tell_flags(axes: Axes, component: str, records: Sequence[WindowRecord]) -> None:
    """Say in how many windows a component is dead, clipped or otherwise bad."""
    counts = Counter(
        name
        for record in records
        for name, _, of in (flag.partition(":") for flag in record.flags)
        if of == component and name in _OF_COMPONENTS
    )
    if counts:
        parts = (f"{name.replace('_', ' ')} in {counts[name]:,}" for name in sorted(counts))
        note(axes, f"{', '.join(parts)} of {len(records):,} windows")


def _draw_probabilities(
    axes: Axes, records: Sequence[WindowRecord], traces: Traces, text: DayText
) -> None:
    """A curve a class, at the middles of windows, with its threshold."""
    quiet_axes(axes)
    axes.set(ylim=(-0.05, 1.05), yticks=(0, 0.25, 0.5, 0.75, 1))
    axes.set_ylabel("probability", fontsize=SMALL)
    colours = class_colours(tuple(text.thresholds))
    styles = _styles(list(text.thresholds))
    dot = "." if len(records) <= _MOST_DOTS * text.layout.panel / WIDE.panel else ""
    for place, (name, threshold) in enumerate(text.thresholds.items()):
        seconds, values, alone = points_of(records, name, traces.start_ns)
        axes.plot(
            seconds,
            values,
            color=colours[name],
            linewidth=0.9 if name == NOISE else 1.4,
            linestyle=styles[name],
            marker=dot,
            markersize=5,
            label=plain(name.replace("_", " ")),
            zorder=2 if name == NOISE else 3,
        )
        axes.plot(seconds[alone], values[alone], ".", color=colours[name], markersize=5)
        axes.axhline(
            threshold,
            color=colours[name],
            linewidth=1.0,
            linestyle=_dashes(threshold, place, list(text.thresholds.values())),
            zorder=1.5,
        )
    if not any(record.probabilities for record in records):
        say(axes, f"no probabilities: {_reasons(records)}")
    axes.plot([], [], color=INK, linewidth=1, linestyle=(0, (4, 3)), label="thresholds")
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.03)}
    below: dict[str, Any] = {"loc": "upper left", "ncols": 2, "columnspacing": 1.0}
    below["bbox_to_anchor"] = (0, 0, 1, -(_SPACE_PX + _STATUS_PX + 38) / text.layout.probability)
    axes.legend(
        **(below if text.layout.is_narrow else beside),
        frameon=False,
        fontsize=SMALL + 0.5,
        handlelength=1.8,
        borderaxespad=0.3,
    )


def _styles(names: Sequence[str]) -> dict[str, Any]:
    """Nearly unbroken lines, each broken in another way: a help where there are no colours."""
    others = [name for name in names if name != NOISE]
    return {NOISE: "-", **{n: _LINES[i % len(_LINES)] for i, n in enumerate(others)}}


def _dashes(
    threshold: float, place: int, thresholds: Sequence[float]
) -> tuple[float, tuple[float, float]]:
    """Dashes of a threshold; those of equal ones lie between each other."""
    equal = [i for i, other in enumerate(thresholds) if other == threshold]
    period = 2 * _DASH * len(equal)
    return -2 * _DASH * equal.index(place) % period, (_DASH, period - _DASH)


def _reasons(records: Sequence[WindowRecord]) -> str:
    """Why there are no probabilities, with the number of windows."""
    counts = Counter(
        next((flag for flag in record.flags if flag in _REASONS), record.status)
        for record in records
    )
    return ", ".join(f"{name.replace('_', ' ')} ({n:,})" for name, n in counts.most_common())


def _draw_statuses(
    axes: Axes, records: Sequence[WindowRecord], traces: Traces, layout: Layout
) -> None:
    """A strip that says of each time what became of its windows."""
    from matplotlib.patches import Patch

    quiet_axes(axes)
    axes.set(ylim=(0, 1), yticks=[])
    if not layout.is_narrow:
        axes.set_ylabel("status", fontsize=SMALL, rotation=0, ha="right", va="center")
    counts = Counter(record.status for record in records)
    found = cells(records, traces.start_ns, traces.end_ns)
    legend = [Patch(facecolor=GAP, edgecolor=INK, linewidth=0.5, label="gap")]
    for status, colour in STATUS_COLOURS.items():
        style: dict[str, Any] = {
            "facecolor": colour,
            "hatch": STATUS_HATCHES[status],
            "edgecolor": "#777777" if STATUS_HATCHES[status] else colour,
            "linewidth": 0.0,
        }
        bars = [(a, b - a) for a, b, of in found if of == status]
        if bars:
            axes.broken_barh(bars, (0, 1), label=status, **style)
        text = f"{status.replace('_', ' ')} ({counts[status]:,})"
        legend.append(Patch(**{**style, "edgecolor": INK, "linewidth": 0.5}, label=text))
    axes.legend(
        handles=legend,
        loc="lower right",
        bbox_to_anchor=(1, -(layout.bottom - 2) / _STATUS_PX),
        ncols=3 if layout.is_narrow else len(legend),
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0,
        handlelength=1.4 if layout.is_narrow else 2.2,
        columnspacing=1.4,
    )
