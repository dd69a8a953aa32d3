"""Draw a day as lines of the same length, with its events in the colours of their classes.

Paper on a drum turned once an hour, and a pen wrote the day line below line. Observatories read
days like that to this day: what is unusual is seen at a glance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quake.errors import ParameterError
from quake.pictures.band import Band
from quake.pictures.canvas import DPI, INK, as_png, plain, sheet
from quake.pictures.day_picture import DayText
from quake.pictures.event_mark import EventMark
from quake.pictures.layout import Layout
from quake.pictures.palette import class_colours
from quake.pictures.panels import GAP, SMALL, say
from quake.pictures.traces import Trace, Traces, read_traces
from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.intervals import clip
from quake.waveforms.segments import Span, component_map
from quake.waveforms.sources import Source
from quake.waveforms.times import NS_PER_S, format_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

MINUTES = (15, 30, 60)
"""Lengths that a line may have."""

# The space between lines is so many times what the first share of the columns stays below; more
# where the second share is far above it, so that events are seen beside noise and in sequences.
_USUAL_SHARE, _LARGE_SHARE, _SPACE, _EXPONENT, _MOST_LARGER = 97.0, 99.5, 2.6, 0.3, 2.0

# Nothing goes further from its line than so many spaces: an earthquake would blacken the page.
_MOST_SPACES = 1.6

_LINE_INKS = (INK, "#7A7A7A")
_ONSET_PX = 6

# A day whose last sample lies on midnight has no line for it.
_END_SLACK_NS = NS_PER_S

# Space between lines, narrow and wide.
_LINE_PX = {15: (12, 15), 30: (16, 24), 60: (22, 34)}
_MOST_LINE_PX, _FEW_LINES_PX = 70, 520

_LEFT_PX, _RIGHT_PX, _BOTTOM_PX = 52, 12, 40
_TOP_PX, _TOP_NARROW_PX = 62, 92


@dataclass(frozen=True)
class Drum:
    """How a day is divided into lines.

    Attributes
    ----------
    start_ns : int
        Of the first line, ns since the epoch; a whole number of lines after midnight.
    n_lines : int
    minutes : int
        Length of a line.
    """

    start_ns: int
    n_lines: int
    minutes: int

    @classmethod
    def of(cls, start_ns: int, end_ns: int, minutes: int) -> Drum:
        """Lines that hold all between two times.

        Raises
        ------
        ParameterError
            If the lines have a length that a day is not divided by as usual.

        Examples
        --------
        >>> Drum.of(3_700 * NS_PER_S, 10_000 * NS_PER_S, 60)
        Drum(start_ns=3600000000000, n_lines=2, minutes=60)
        """
        if minutes not in MINUTES:
            raise ParameterError(
                f"lines of {minutes} minutes: expected one of {', '.join(map(str, MINUTES))}"
            )
        line_ns = minutes * 60 * NS_PER_S
        first = start_ns // line_ns
        last = max(-(-(end_ns - _END_SLACK_NS) // line_ns), first + 1)
        return cls(first * line_ns, last - first, minutes)

    @property
    def line_ns(self) -> int:
        """Length of a line, ns."""
        return self.minutes * 60 * NS_PER_S

    @property
    def end_ns(self) -> int:
        """End of the last line, ns since the epoch."""
        return self.start_ns + self.n_lines * self.line_ns

    def parts(self, start_ns: int, end_ns: int) -> Iterator[tuple[int, float, float]]:
        """Line and minutes on it from which and to which a time reaches."""
        start_ns, end_ns = max(start_ns, self.start_ns), min(end_ns, self.end_ns)
        minute_ns = 60 * NS_PER_S
        while start_ns < end_ns:
            line = (start_ns - self.start_ns) // self.line_ns
            from_ns = self.start_ns + line * self.line_ns
            until_ns = min(end_ns, from_ns + self.line_ns)
            yield line, (start_ns - from_ns) / minute_ns, (until_ns - from_ns) / minute_ns
            start_ns = until_ns


def read_lines(
    source: Source,
    spans: Sequence[Span],
    id: ChannelSetId,
    drum: Drum,
    layout: Layout,
    band: Band | None = None,
) -> Traces:
    """Read the vertical component, or the first that there is.

    Parameters
    ----------
    source : Source
    spans : of the channel set
    id : ChannelSetId
    drum : Drum
    layout : Layout
    band : Band, optional
        What is drawn; all without it.
    """
    mapping = component_map(spans)
    there = {mapping[span.code] for span in spans if span.code in mapping}
    shown = next((component for component in COMPONENTS if component in there), "")
    own = [span for span in spans if mapping.get(span.code) == shown]
    line_s = drum.line_ns / NS_PER_S
    lowest_hz = min((span.sampling_rate_hz for span in own), default=1.0)
    n_columns = max(min(_panel_px(layout) * layout.scale, int(line_s * lowest_hz / 2)), 1)
    ends = drum.start_ns, drum.end_ns
    return read_traces(source, own, id, *ends, None, n_columns * drum.n_lines, band)


def draw_helicorder(
    traces: Traces,
    drum: Drum,
    text: DayText,
    marks: Sequence[EventMark] | None = None,
    notes: Mapping[str, str] | None = None,
) -> bytes:
    """Draw a day.

    Parameters
    ----------
    traces : Traces
        From the first to the last line of the drum, with as many columns for each as the layout
        has.
    drum : Drum
    text : DayText
    marks : sequence of EventMark, optional
    notes : mapping of keyword to text, optional
        Kept in the file.

    Returns
    -------
    bytes
        PNG; the same bytes for the same day.
    """
    layout = text.layout
    height_px = _top_px(layout) + _BOTTOM_PX + drum.n_lines * line_px(drum, layout)
    with sheet(layout.width, height_px, layout.scale) as figure:
        draw_helicorder_on(figure, traces, drum, text, marks)
        return as_png(figure, notes)


def draw_helicorder_on(
    figure: Figure,
    traces: Traces,
    drum: Drum,
    text: DayText,
    marks: Sequence[EventMark] | None = None,
) -> None:
    """Draw a day on a figure of `quake.pictures.canvas.sheet`."""
    layout, height_px = text.layout, figure.get_figheight() * DPI
    box = (_LEFT_PX / layout.width, _BOTTOM_PX / height_px, _panel_px(layout) / layout.width)
    axes = figure.add_axes((*box, 1 - (_top_px(layout) + _BOTTOM_PX) / height_px))
    axes.set(xlim=(0, drum.minutes), ylim=(drum.n_lines - 0.3, -0.7))
    _label(axes, drum)
    trace = traces.traces.get(traces.shown)
    own = list(marks or ())
    scale = 0.0
    if trace is None:
        say(axes, "no component was recorded")
    else:
        scale = _draw_lines(axes, trace, drum, own, text)
        _draw_gaps(axes, trace, drum)
    _draw_onsets(axes, drum, own, text)
    _write_title(figure, traces, trace, drum, text)
    _write_legend(figure, own if marks is not None else None, text, trace, scale)


def _panel_px(layout: Layout) -> int:
    return layout.width - _LEFT_PX - _RIGHT_PX


def _top_px(layout: Layout) -> int:
    return _TOP_NARROW_PX if layout.is_narrow else _TOP_PX


def line_px(drum: Drum, layout: Layout) -> int:
    """Space between two lines: that of paper for a day, more where there are few of them."""
    narrow, wide = _LINE_PX[drum.minutes]
    least = narrow if layout.is_narrow else wide
    return max(least, min(_MOST_LINE_PX, _FEW_LINES_PX // drum.n_lines))


def _label(axes: Axes, drum: Drum) -> None:
    """Times at the beginnings of lines, minutes below."""
    step = max(1, round(60 / drum.minutes)) if drum.n_lines > 12 else 1
    first = -(drum.start_ns // drum.line_ns) % step
    lines = range(first, drum.n_lines, step)
    names = [format_time(drum.start_ns + line * drum.line_ns)[11:16] for line in lines]
    axes.set_yticks(list(lines), names)
    narrow = axes.get_window_extent().width / axes.figure.dpi * DPI < 600
    step_min = drum.minutes / (4 if narrow else 12) if drum.minutes > 15 else (5 if narrow else 1)
    axes.set_xticks(np.arange(0, drum.minutes + 0.1, step_min))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.tick_params(labelsize=SMALL, width=0.6, length=3)
    axes.grid(axis="x", color="black", alpha=0.12, linewidth=0.6)
    axes.set_xlabel("minutes", fontsize=SMALL, labelpad=1)
    for side in ("left", "right"):
        axes.spines[side].set_visible(False)


def _draw_lines(
    axes: Axes, trace: Trace, drum: Drum, marks: Sequence[EventMark], text: DayText
) -> float:
    """Lines in two greys, and over them events in the colours of their classes; counts a space."""
    low, high = (
        side.reshape(drum.n_lines, -1) for side in (trace.envelope.low, trace.envelope.high)
    )
    middle = _middles(low, high)
    space = _space(low - middle, high - middle)
    step = drum.minutes / low.shape[1]
    minutes = np.asarray((np.arange(low.shape[1]) + 0.5) * step, np.float64)
    down, up = (_on_lines(side - middle, space) for side in (low, high))
    for line in range(drum.n_lines):
        _draw_line(axes, minutes, down[line], up[line], _LINE_INKS[line % 2], 0.5)
    colours = class_colours(tuple(text.thresholds))
    for mark in marks:
        for line, first, last in drum.parts(mark.onset_ns, mark.end_ns):
            part = slice(int(first / step), int(last / step) + 1)
            row = down[line, part], up[line, part]
            _draw_line(axes, minutes[part], *row, colours[mark.label], 0.9, 3)
    return space


def _middles(low: Floats, high: Floats) -> Floats:
    """Median of each line, shape (lines, 1): unfiltered lines have offsets and drifts."""
    both = np.concatenate([low, high], axis=1)
    return np.array(
        [[np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0] for row in both]
    )


def _space(low: Floats, high: Floats) -> float:
    """Counts from line to line."""
    away = np.fmax(np.abs(low), np.abs(high))
    away = away[np.isfinite(away)]
    if not len(away):
        return 0.0
    usual, large = (float(v) for v in np.percentile(away, [_USUAL_SHARE, _LARGE_SHARE]))
    more = (large / usual) ** _EXPONENT if usual else 1.0
    return _SPACE * usual * min(more, _MOST_LARGER)


def _on_lines(counts: Floats, space: float) -> Floats:
    """Places of counts on the page, where a line below is one more; shape (lines, columns)."""
    places = np.clip(counts / (space or 1), -_MOST_SPACES, _MOST_SPACES)
    return np.asarray(np.arange(len(counts))[:, None] - places)


def _draw_line(
    axes: Axes,
    minutes: Floats,
    low: Floats,
    high: Floats,
    colour: str,
    width: float,
    zorder: int = 2,
) -> None:
    points = np.stack([low, high], axis=1).ravel()
    style: dict[str, Any] = {"solid_joinstyle": "bevel", "linewidth": width, "zorder": zorder}
    axes.plot(np.repeat(minutes, 2), points, color=colour, **style)


def _draw_gaps(axes: Axes, trace: Trace, drum: Drum) -> None:
    """Shade what is missing."""
    for start_ns, end_ns in clip(trace.gaps, drum.start_ns, drum.end_ns):
        for line, first, last in drum.parts(start_ns, end_ns):
            width = max(last - first, drum.minutes / 1000)
            axes.broken_barh(
                [(first, width)], (line - 0.5, 1), facecolor=GAP, zorder=1, label="gap"
            )


def _draw_onsets(axes: Axes, drum: Drum, marks: Sequence[EventMark], text: DayText) -> None:
    """A triangle above the line where an event begins, its tip at the onset."""
    colours = class_colours(tuple(text.thresholds))
    for name in text.event_classes:
        places = [
            (first, line - 0.46)
            for mark in marks
            if mark.label == name
            for line, first, _ in drum.parts(mark.onset_ns, mark.onset_ns + 1)
        ]
        if places:
            x, y = zip(*places, strict=True)
            style: dict[str, Any] = {"markersize": _ONSET_PX, "markeredgecolor": "white"}
            axes.plot(
                x,
                y,
                "v",
                color=colours[name],
                label=name,
                zorder=4,
                markeredgewidth=0.4,
                clip_on=False,
                **style,
            )


def _write_title(
    figure: Figure, traces: Traces, trace: Trace | None, drum: Drum, text: DayText
) -> None:
    height_px, narrow = figure.get_figheight() * DPI, text.layout.is_narrow
    code = f" {' '.join(sorted(trace.channels))}" if trace is not None else ""
    title = plain(f"{text.id}{code}   {text.date}")
    figure.text(
        _LEFT_PX / text.layout.width if not narrow else 0.02,
        1 - 8 / height_px,
        title,
        va="top",
        fontsize=10.5 if narrow else 13,
        fontweight="bold",
    )
    shown = "unfiltered" if traces.band is None else traces.band.name(traces.rate_hz)
    below = f"{shown}, {drum.minutes} minutes a line, UTC"
    place = (0.02, 30, "left") if narrow else (1 - 12 / text.layout.width, 12, "right")
    figure.text(
        place[0],
        1 - place[1] / height_px,
        below,
        va="top",
        ha=place[2],
        fontsize=SMALL + (not narrow),
    )


def _write_legend(
    figure: Figure,
    marks: Sequence[EventMark] | None,
    text: DayText,
    trace: Trace | None,
    space: float,
) -> None:
    """Classes with the number of their events, and how many counts lie from line to line."""
    from matplotlib.lines import Line2D

    colours = class_colours(tuple(text.thresholds))
    counts = Counter(mark.label for mark in marks or ())
    handles = [
        Line2D(
            [],
            [],
            color=colours[name],
            marker="v",
            markersize=_ONSET_PX,
            linewidth=1.5,
            label=plain(f"{name.replace('_', ' ')} ({counts[name]})"),
        )
        for name in text.event_classes
        if marks is not None
    ]
    if trace is not None and space:
        label = f"line to line {_rounded(space):,g} {trace.unit}"
        handles.append(Line2D([], [], color="none", label=label))
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(
            0.02 if text.layout.is_narrow else _LEFT_PX / text.layout.width,
            1 - (46 if text.layout.is_narrow else 32) / (figure.get_figheight() * DPI),
        ),
        ncols=2 if text.layout.is_narrow else max(len(handles), 1),
        frameon=False,
        fontsize=SMALL,
        borderaxespad=0,
        handlelength=1.6,
        columnspacing=1.2,
    )


def _rounded(value: float) -> float:
    """Three digits."""
    digits = 2 - math.floor(math.log10(value))
    return round(value, digits)
