"""Draw an explanation: a window, what the model saw, and what spoke for a class.

Time runs alike in all panels on the left, frequency alike in the map and in the bars beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quake.explain.explanation import Change, Explanation
from quake.explain.window_choice import ChosenWindow
from quake.model_file.card import ModelCard
from quake.pictures.canvas import INK, as_png, plain, sheet
from quake.pictures.palette import class_colours
from quake.pictures.panels import (
    SMALL,
    draw_component,
    draw_times,
    name_panel,
    note,
    quiet_axes,
    say,
)
from quake.pictures.time_axis import label_time, ticks
from quake.pictures.traces import Traces, open_traces
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.times import NS_PER_S, format_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_WIDTH_PX, _HEIGHT_PX = 1180, 1120
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 78, 24, 62, 52
_BESIDE_PX = 300
_BAR_PX = 10

_HEIGHTS = (1, 1, 1, 1.15, 1.15, 1.15, 1.5, 0.95)
_WAVES, _SPECTROGRAMS, _MAP, _TIMES = slice(0, 3), slice(3, 6), 6, 7

_FOR, _AGAINST = "#0072B2", "#D55E00"
_MOST_TICKS = 7

_DB = 20.0
"""Decibels a decade of magnitude."""

_LEAST_RANGE_DB = 10.0
_ROOM = 0.3  # for the name of the panel, above the bars
_LEAST_EVIDENCE = 0.5  # ends of an axis are not nearer to zero, so that small changes look small


def draw_explanation(chosen: ChosenWindow, explanation: Explanation, card: ModelCard) -> bytes:
    """Draw what a model saw in a window, and what of it spoke for a class.

    Parameters
    ----------
    chosen : ChosenWindow
    explanation : Explanation
    card : ModelCard

    Returns
    -------
    bytes
        PNG; the same bytes for the same window and model.
    """
    with sheet(_WIDTH_PX, _HEIGHT_PX) as figure:
        left, beside = _panels(figure)
        _title(figure, chosen, explanation)
        _draw_waves(left[_WAVES], beside[_WAVES], chosen, explanation, card)
        _draw_spectrograms(figure, left[_SPECTROGRAMS], chosen, explanation)
        _draw_probabilities(beside[_SPECTROGRAMS], chosen, card)
        _draw_map(figure, left[_MAP], explanation)
        _draw_bands(beside[_MAP], left[_MAP], explanation)
        _draw_stretches(left[_TIMES], explanation)
        _draw_legend(beside[_TIMES], explanation)
        start_ns, end_ns = chosen.window.start_ns, chosen.window.end_ns
        for axes in left[:-1]:
            draw_times(axes, ticks(start_ns, end_ns, _MOST_TICKS)[0])
        label_time(left[-1], start_ns, end_ns, _MOST_TICKS)
        left[-1].tick_params(labelbottom=True)
        return as_png(figure)


def _panels(figure: Figure) -> tuple[list[Axes], list[Axes]]:
    """Panels with time from left to right, and what is beside each."""
    grid = figure.add_gridspec(
        len(_HEIGHTS),
        2,
        height_ratios=_HEIGHTS,
        width_ratios=(_WIDTH_PX - _LEFT_PX - _BESIDE_PX - 90, _BESIDE_PX - _RIGHT_PX),
        left=_LEFT_PX / _WIDTH_PX,
        right=1 - _RIGHT_PX / _WIDTH_PX,
        top=1 - _TOP_PX / _HEIGHT_PX,
        bottom=_BOTTOM_PX / _HEIGHT_PX,
        hspace=0.13,
        wspace=0.29,
    )
    panels = [[figure.add_subplot(grid[row, i]) for row in range(len(_HEIGHTS))] for i in (0, 1)]
    for axes in (*panels[0], *panels[1]):
        quiet_axes(axes)
    return panels[0], panels[1]


def _title(figure: Figure, chosen: ChosenWindow, explanation: Explanation) -> None:
    record = chosen.record
    start = format_time(chosen.window.start_ns)[:-1].rstrip("0").rstrip(".").replace("T", " ")
    flags = f"   {' '.join(record.flags)}" if record.flags else ""
    x = _LEFT_PX / _WIDTH_PX
    figure.text(x, 1 - 10 / _HEIGHT_PX, plain(f"{record.id}   {start} UTC"), va="top", fontsize=13)
    figure.text(
        x,
        1 - 34 / _HEIGHT_PX,
        plain(
            f"what spoke for {_words(explanation.name)}, probability "
            f"{explanation.probability:.3f}{flags}"
        ),
        va="top",
        fontsize=10.5,
    )


def _draw_waves(
    panels: Sequence[Axes],
    beside: Sequence[Axes],
    chosen: ChosenWindow,
    explanation: Explanation,
    card: ModelCard,
) -> None:
    traces = _traces(chosen, card, round(panels[0].get_window_extent().width))
    limits = _limits(explanation.components.values())
    for component, axes, bar in zip(COMPONENTS, panels, beside, strict=True):
        draw_component(axes, traces.traces[component])
        _frame_bars(bar, limits)
        bar.set(ylim=(0, 1), yticks=[])
        change = explanation.components.get(component)
        if change is None:
            say(bar, "not used")
            continue
        _bars(bar, [0.25], [0.5], [change.evidence])
        note(bar, f"{change.evidence:+.2f}   p {change.probability:.3f} without {component}")
    beside[-1].tick_params(axis="x", labelbottom=True)
    beside[0].set_title("each component hidden", fontsize=SMALL + 1, pad=4)


def _traces(chosen: ChosenWindow, card: ModelCard, n_columns: int) -> Traces:
    rates_hz = {
        component: sorted({segment.sampling_rate_hz for segment in segments})
        for component, segments in chosen.recorded.segments.items()
    }
    start_ns, end_ns = chosen.window.start_ns, chosen.window.end_ns
    traces = open_traces(start_ns, end_ns, rates_hz, card.preprocessing.band_hz[1], n_columns)
    traces.add(chosen.recorded, start_ns, end_ns)
    return traces


def _draw_spectrograms(
    figure: Figure, panels: Sequence[Axes], chosen: ChosenWindow, explanation: Explanation
) -> None:
    decibels = _DB * explanation.spectrogram
    seen = decibels[decibels != 0]
    low, high = np.percentile(seen, (3, 99)) if len(seen) else (-1.0, 1.0)
    high = max(float(high), float(low) + _LEAST_RANGE_DB)
    images = []
    for axes, component, rows in zip(panels, COMPONENTS, decibels, strict=True):
        axes.set_xlim(0, _length_s(chosen))
        name_panel(axes, f"{component}, as the model saw it")
        if component not in explanation.components:
            say(axes, "nothing: zeros")
            axes.set_yticks([])
            continue
        image = _image(axes, np.where(rows == 0, np.nan, rows), explanation)
        image.set_clim(float(low), high)
        images.append(image)
        axes.set_ylabel("frequency (Hz)", fontsize=SMALL)
    _colour_bar(figure, panels, images, "dB re mean of the row")


def _colour_bar(
    figure: Figure, panels: Sequence[Axes], images: Sequence[AxesImage], label: str
) -> None:
    if not images:
        return
    top, bottom = panels[0].get_position(), panels[-1].get_position()
    place = (top.x1 + 7 / _WIDTH_PX, bottom.y0, _BAR_PX / _WIDTH_PX, top.y1 - bottom.y0)
    bar = figure.add_axes(place)
    scale = figure.colorbar(images[0], cax=bar)
    scale.outline.set_linewidth(0.6)
    bar.tick_params(labelsize=SMALL, width=0.6, length=3)
    bar.set_ylabel(label, fontsize=SMALL)


def _image(axes: Axes, values: NDArray[np.floating], explanation: Explanation) -> AxesImage:
    """Rows by frequency and columns by time; each is centred where its pixel is."""
    rows, columns = explanation.frequencies_hz, explanation.seconds
    half_hz, half_s = _half_step(rows), _half_step(columns)
    image = axes.imshow(
        values,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(
            columns[0] - half_s,
            columns[-1] + half_s,
            rows[0] - half_hz,
            rows[-1] + half_hz,
        ),
        cmap="viridis",
    )
    axes.set_ylim(rows[0] - half_hz, rows[-1] + half_hz)
    axes.set_facecolor("#DDDDDD")
    return image


def _half_step(axis: NDArray[np.float64]) -> float:
    return float(axis[1] - axis[0]) / 2 if len(axis) > 1 else 0.5


def _draw_map(figure: Figure, axes: Axes, explanation: Explanation) -> None:
    image = _image(axes, explanation.map_on_grid(), explanation)
    image.set_cmap("cividis")
    image.set_clim(0, 1)
    axes.set_xlim(0, _end_s(explanation))
    axes.set_ylabel("frequency (Hz)", fontsize=SMALL)
    n_rows, n_columns = explanation.map.cells.shape
    name_panel(axes, f"class map, all components ({n_rows} by {n_columns} cells)")
    _colour_bar(figure, [axes], [image], "evidence, of its maximum")
    if not explanation.map.cells.any():
        say(axes, f"no part speaks for {_words(explanation.name)}")


def _draw_bands(axes: Axes, map_axes: Axes, explanation: Explanation) -> None:
    bands = explanation.bands
    _frame_bars(axes, _limits(bands))
    heights = [0.86 * (band.high - band.low) for band in bands]
    bottoms = [band.low + 0.07 * (band.high - band.low) for band in bands]
    _bars(axes, bottoms, heights, [band.evidence for band in bands])
    axes.set_ylim(map_axes.get_ylim())
    axes.set_title("each band made quiet", fontsize=SMALL + 1, pad=3)
    axes.tick_params(axis="x", labelbottom=True)


def _draw_stretches(axes: Axes, explanation: Explanation) -> None:
    changes = explanation.times
    low, high = _limits(changes)
    starts = [change.low for change in changes]
    widths = [change.high - change.low for change in changes]
    evidence = [change.evidence for change in changes]
    colours = [_FOR if value >= 0 else _AGAINST for value in evidence]
    axes.bar(starts, evidence, widths, align="edge", color=colours, edgecolor="white")
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set(xlim=(0, _end_s(explanation)), ylim=(low, high + _ROOM * (high - low)))
    axes.set_ylabel("log-odds", fontsize=SMALL)
    name_panel(axes, "each stretch made quiet")


def _draw_legend(axes: Axes, explanation: Explanation) -> None:
    """What the colours of bars mean."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    name = _words(explanation.name)
    lines = ((0.66, _FOR, f"spoke for {name}"), (0.4, _AGAINST, "spoke against it"))
    for y, colour, text in lines:
        axes.broken_barh([(0.0, 0.07)], (y - 0.05, 0.1), facecolor=colour)
        axes.text(0.1, y, plain(text), fontsize=SMALL + 0.5, va="center")
    axes.text(
        0.0,
        0.22,
        "bars: how much lower the log-odds\n(natural logarithm) are without it",
        fontsize=SMALL,
        va="top",
    )


def _draw_probabilities(panels: Sequence[Axes], chosen: ChosenWindow, card: ModelCard) -> None:
    """A bar a class, with its threshold, beside the spectrograms."""
    first, *others = panels
    for axes in others:
        axes.set_axis_off()
    thresholds = dict(zip(card.labels.names, card.calibration.thresholds, strict=True))
    colours = class_colours(card.labels.names)
    ranked = sorted(chosen.record.probabilities.items(), key=lambda item: -item[1])
    top, bottom = panels[0].get_position(), panels[-1].get_position()
    first.set_position((top.x0, bottom.y0, top.width, top.y1 - bottom.y0))
    first.set_axis_off()
    n_slots = max(len(ranked), 5)
    first.set(xlim=(0, 1), ylim=(n_slots + 0.9, -0.35))
    first.text(0, 0.3, _decision(chosen), fontsize=12, fontweight="bold", va="center")
    for place, (name, probability) in enumerate(ranked, start=1):
        first.text(
            0, place + 0.1, f"{_words(name)}  {probability:.3f}", fontsize=SMALL + 1, va="center"
        )
        first.broken_barh([(0, 1)], (place + 0.35, 0.25), facecolor="#EEEEEE")
        first.broken_barh([(0, probability)], (place + 0.35, 0.25), facecolor=colours[name])
        first.vlines(thresholds[name], place + 0.3, place + 0.65, color=INK, linewidth=1)


def _decision(chosen: ChosenWindow) -> str:
    label = _words(chosen.record.label or "")
    return label if chosen.record.status == "ok" else f"{label} ({chosen.record.status})"


def _frame_bars(axes: Axes, limits: tuple[float, float]) -> None:
    axes.set_xlim(limits)
    axes.axvline(0, color=INK, linewidth=0.6)


def _bars(
    axes: Axes, bottoms: Sequence[float], heights: Sequence[float], evidence: Sequence[float]
) -> None:
    for bottom, height, value in zip(bottoms, heights, evidence, strict=True):
        colour = _FOR if value >= 0 else _AGAINST
        axes.broken_barh([(min(value, 0), abs(value))], (bottom, height), facecolor=colour)


def _limits(changes: Iterable[Change]) -> tuple[float, float]:
    """Ends of an axis of evidence; zero is in it, and small changes look small."""
    evidence = [change.evidence for change in changes]
    high = max(_LEAST_EVIDENCE, *evidence)
    return 1.1 * min(-0.2 * high, *evidence), 1.1 * high


def _length_s(chosen: ChosenWindow) -> float:
    return (chosen.window.end_ns - chosen.window.start_ns) / NS_PER_S


def _end_s(explanation: Explanation) -> float:
    return explanation.times[-1].high


def _words(name: str) -> str:
    return plain(name.replace("_", " "))
