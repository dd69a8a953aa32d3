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
from quake.pictures.palette import STATUS_COLOURS, STATUS_HATCHES, class_colours
from quake.pictures.panels import (
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

WIDTH_PX = 1400
PANEL_PX = 1130
"""Width of what has the axis of time."""

_LEFT_PX, _TOP_PX, _BOTTOM_PX = 118, 44, 76
_EVENTS_PX, _ROW_PX = 10, 18  # and for each class
_WAVE_PX, _SPECTROGRAM_PX, _PROBABILITY_PX, _STATUS_PX = 132, 190, 190, 24
_SPACE_PX = 9
_BAR_PX = 12

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
    """

    id: str
    date: str
    thresholds: Mapping[str, float]
    event_classes: Sequence[str]


def draw_day(
    traces: Traces,
    records: Sequence[WindowRecord],
    events: Sequence[WindowRun],
    text: DayText,
    notes: Mapping[str, str] | None = None,
) -> bytes:
    """Draw a station-day.

    Parameters
    ----------
    traces : Traces
        Of `PANEL_PX` columns.
    records : sequence of WindowRecord
        In the order of time.
    events : sequence of WindowRun
    text : DayText
    notes : mapping of keyword to text, optional
        Kept in the file.

    Returns
    -------
    bytes
        PNG, `WIDTH_PX` wide; the same bytes for the same day.
    """
    with sheet(WIDTH_PX, _height_px(text)) as figure:
        draw_day_on(figure, traces, records, events, text)
        return as_png(figure, notes)


def draw_day_on(
    figure: Figure,
    traces: Traces,
    records: Sequence[WindowRecord],
    events: Sequence[WindowRun],
    text: DayText,
) -> None:
    """Draw a station-day on a figure of `quake.pictures.canvas.sheet`."""
    above, *waves, spectrogram, below, strip = _panels(figure, text)
    _draw_events(above, events, traces, text)
    for component, axes in zip(COMPONENTS, waves, strict=True):
        draw_component(axes, traces.traces[component])
        _tell_flags(axes, component, records)
    box = spectrogram.get_position()
    bar = figure.add_axes((box.x1 + 10 / WIDTH_PX, box.y0, _BAR_PX / WIDTH_PX, box.height))
    draw_spectrogram_of(spectrogram, bar, traces)
    _draw_probabilities(below, records, traces, text)
    _draw_statuses(strip, records, traces)
    for axes in (above, below, strip):
        shade(axes, traces.gaps(), traces.start_ns, traces.end_ns)
    label_time(strip, traces.start_ns, traces.end_ns, 13)
    strip.tick_params(labelbottom=True)
    for axes in (above, *waves, spectrogram, below):
        axes.set_xlim(strip.get_xlim())
        draw_times(axes, strip.get_xticks())
        axes.yaxis.set_label_coords(-68 / PANEL_PX, 0.5)
    _write_title(figure, records, text)


def _height_px(text: DayText) -> int:
    heights = _heights_px(text)
    return sum(heights) + _SPACE_PX * (len(heights) - 1) + _TOP_PX + _BOTTOM_PX


def _heights_px(text: DayText) -> list[int]:
    """Heights of the panels, from the top."""
    events_px = _EVENTS_PX + _ROW_PX * max(len(text.event_classes), 1)
    return [events_px, *[_WAVE_PX] * 3, _SPECTROGRAM_PX, _PROBABILITY_PX, _STATUS_PX]


def _panels(figure: Figure, text: DayText) -> list[Axes]:
    height_px = _height_px(text)
    panels, top_px = [], height_px - _TOP_PX
    for panel_px in _heights_px(text):
        box = (
            _LEFT_PX / WIDTH_PX,
            (top_px - panel_px) / height_px,
            PANEL_PX / WIDTH_PX,
            panel_px / height_px,
        )
        panels.append(figure.add_axes(box))
        top_px -= panel_px + _SPACE_PX
    return panels


def _write_title(figure: Figure, records: Sequence[WindowRecord], text: DayText) -> None:
    y = 1 - 12 / (figure.get_figheight() * DPI)
    left, right = _LEFT_PX / WIDTH_PX, (_LEFT_PX + PANEL_PX) / WIDTH_PX
    figure.text(
        left, y, plain(f"{text.id}   {text.date}"), va="top", fontsize=13, fontweight="bold"
    )
    model = ", ".join(sorted({record.model for record in records}))
    said = f"{len(records):,} window{'' if len(records) == 1 else 's'}   model {model}"
    figure.text(right, y, plain(said), va="top", ha="right", fontsize=SMALL + 1)


def _seconds(time: str, traces: Traces) -> float:
    """Where a time lies on the axis, cut off at its ends."""
    inside_ns = min(max(parse_time(time), traces.start_ns), traces.end_ns)
    return (inside_ns - traces.start_ns) / NS_PER_S


def _draw_events(axes: Axes, events: Sequence[WindowRun], traces: Traces, text: DayText) -> None:
    """Bars of events, a row each class; the name of the row says how many there are."""
    quiet_axes(axes)
    axes.tick_params(axis="both", length=0)
    names = list(text.event_classes)
    axes.set_ylim(max(len(names), 1) - 0.4, -0.6)
    colours = class_colours(tuple(text.thresholds))
    counts = Counter(event.label for event in events)
    labels = [plain(f"{name.replace('_', ' ')} ({counts[name]})") for name in names]
    axes.set_yticks(range(len(names)), labels)
    least_s = 2 * (traces.end_ns - traces.start_ns) / NS_PER_S / PANEL_PX
    for row, name in enumerate(names):
        axes.get_yticklabels()[row].set_color(colours[name])
        bars = [
            (_seconds(e.start, traces), max(_length_s(e, traces), least_s))
            for e in events
            if e.label == name
        ]
        if bars:
            axes.broken_barh(bars, (row - 0.32, 0.64), facecolor=colours[name], label=name)
    if not events:
        say(axes, "no events")


def _length_s(event: WindowRun, traces: Traces) -> float:
    return _seconds(event.end, traces) - _seconds(event.start, traces)


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
    dot = "." if len(records) <= _MOST_DOTS else ""
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
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.0, 1.03),
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


def _draw_statuses(axes: Axes, records: Sequence[WindowRecord], traces: Traces) -> None:
    """A strip that says of each time what became of its windows."""
    from matplotlib.patches import Patch

    quiet_axes(axes)
    axes.set(ylim=(0, 1), yticks=[])
    axes.set_ylabel("status", fontsize=SMALL, rotation=0, ha="right", va="center")
    counts = Counter(record.status for record in records)
    found = cells(records, traces.start_ns, traces.end_ns)
    legend = [Patch(facecolor="#E8D5E3", edgecolor=INK, linewidth=0.5, label="gap")]
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
        bbox_to_anchor=(1, -3.1),
        ncols=len(legend),
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0,
        handlelength=2.2,
        columnspacing=1.4,
    )
