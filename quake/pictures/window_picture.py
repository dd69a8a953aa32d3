"""Draw one window: its samples, and what was said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quake.inference.records import WindowRecord
from quake.model_file.card import ModelCard
from quake.pictures.canvas import DPI, INK, as_png, plain, sheet
from quake.pictures.palette import class_colours
from quake.pictures.panels import SMALL, draw_component, draw_spectrogram_of
from quake.pictures.time_axis import label_time
from quake.pictures.traces import Traces, open_traces
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.segments import ChannelSet
from quake.waveforms.times import format_time, parse_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT_PX = 470
_LEFT_PX, _UNIT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 70, 15, 200, 42, 46
_BAR_PX = 10


def draw_window(
    channel_set: ChannelSet, record: WindowRecord, card: ModelCard, *, width_px: int = 720
) -> bytes:
    """Draw the components of one window, a spectrogram, and the probabilities beside them.

    Parameters
    ----------
    channel_set : ChannelSet
        Samples of the window, as `quake.pictures.excerpt.read_excerpt` reads them.
    record : WindowRecord
    card : ModelCard
        Its thresholds are drawn; those of the run may have been others.
    width_px : int
        480 or more.

    Returns
    -------
    bytes
        PNG, `width_px` wide; the same bytes for the same window.
    """
    start_ns, end_ns = parse_time(record.start), parse_time(record.end)
    traces = _traces(channel_set, start_ns, end_ns, card.preprocessing.band_hz[1], width_px)
    with sheet(width_px, _HEIGHT_PX) as figure:
        _draw(figure, traces, record, card)
        return as_png(figure)


def _traces(
    channel_set: ChannelSet, start_ns: int, end_ns: int, top_hz: float, width_px: int
) -> Traces:
    rates_hz = {
        component: sorted({segment.sampling_rate_hz for segment in segments})
        for component, segments in channel_set.segments.items()
    }
    n_columns = max(width_px - _LEFT_PX - _RIGHT_PX, 1)
    traces = open_traces(start_ns, end_ns, rates_hz, top_hz, n_columns)
    traces.add(channel_set, start_ns, end_ns)
    return traces


def _draw(figure: Figure, traces: Traces, record: WindowRecord, card: ModelCard) -> None:
    width_px = round(figure.get_figwidth() * DPI)
    left, right = _LEFT_PX / width_px, 1 - _RIGHT_PX / width_px
    grid = figure.add_gridspec(
        4,
        1,
        height_ratios=(1, 1, 1, 1.7),
        left=left,
        right=right,
        top=1 - _TOP_PX / _HEIGHT_PX,
        bottom=_BOTTOM_PX / _HEIGHT_PX,
        hspace=0.1,
    )
    panels = [figure.add_subplot(grid[row]) for row in range(4)]
    for component, axes in zip(COMPONENTS, panels, strict=False):
        draw_component(axes, traces.traces[component])
    below = panels[-1]
    box = below.get_position()
    bar = figure.add_axes((right + 8 / width_px, box.y0, _BAR_PX / width_px, box.height))
    draw_spectrogram_of(below, bar, traces)
    label_time(below, traces.start_ns, traces.end_ns, 6)
    below.tick_params(labelbottom=True)
    below.xaxis.label.set_fontsize(SMALL)
    for axes in panels:  # where the numbers of all panels have room
        axes.yaxis.set_label_coords((_UNIT_PX / width_px - left) / (right - left), 0.5)
    top = panels[0].get_position().y1
    middle = panels[2].get_position().y0
    beside = figure.add_axes(
        (right + 16 / width_px, middle, 1 - right - 24 / width_px, top - middle)
    )
    _draw_probabilities(beside, record, card)
    figure.text(left, 1 - 8 / _HEIGHT_PX, plain(_title(record)), va="top", fontsize=11)


def _title(record: WindowRecord) -> str:
    start = format_time(parse_time(record.start))
    seconds = start[:19] if start[19:] == ".000000Z" else start[:-1]
    return f"{record.id}   {seconds.replace('T', ' ')} UTC"


def _draw_probabilities(axes: Axes, record: WindowRecord, card: ModelCard) -> None:
    """The decision; a bar for each class, longest first, with its threshold; flags."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(1, 0))
    said = (record.label or "") if record.status == "ok" else record.status
    axes.text(0, 0, _words(said), fontsize=12, fontweight="bold", va="top")
    thresholds = dict(zip(card.labels.names, card.calibration.thresholds, strict=True))
    colours = class_colours(card.labels.names)
    ranked = sorted(record.probabilities.items(), key=lambda item: -item[1])
    height = min(0.75 / max(len(ranked), 1), 0.2)
    for place, (name, probability) in enumerate(ranked):
        top = 0.14 + place * height
        text = f"{_words(name)}  {probability:.3f}"
        axes.text(0, top + 0.35 * height, text, fontsize=SMALL + 0.5, va="center")
        bar = (top + 0.6 * height, 0.25 * height)
        axes.broken_barh([(0, 1)], bar, facecolor="#EEEEEE")
        axes.broken_barh([(0, probability)], bar, facecolor=colours.get(name, INK))
        if name in thresholds:
            ends = top + 0.55 * height, top + 0.9 * height
            axes.vlines(thresholds[name], *ends, color=INK, linewidth=1)
    axes.text(0, 1, plain("\n".join(record.flags)), fontsize=SMALL, va="bottom")


def _words(name: str) -> str:
    return plain(name.replace("_", " "))
