"""Draw lines, spectrograms and gaps in one pair of axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quake.pictures.canvas import INK, plain
from quake.pictures.spectrogram import Spectrogram
from quake.pictures.traces import Trace, Traces
from quake.waveforms.intervals import Interval
from quake.waveforms.times import NS_PER_S

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

SMALL = 8.5

_GAP = "#E8D5E3"
_COLOUR_MAP = "viridis"

# Of the decibels of a picture, these shares are below and above the ends of its colours.
_DARKEST, _BRIGHTEST = 3.0, 99.0
_LEAST_RANGE_DB, _MOST_RANGE_DB, _MOST_ABOVE_DB = 20.0, 80.0, 60.0

# A mean that is so many times as large as what moves is taken away before drawing.
_LARGE_OFFSET = 2.0


def quiet_axes(axes: Axes) -> None:
    """Small labels, and none for time but below the last panel."""
    axes.tick_params(labelsize=SMALL, width=0.6, length=3)
    axes.tick_params(axis="x", labelbottom=False)


def draw_wave(axes: Axes, seconds: Floats, counts: Floats, unit: str) -> None:
    """Draw one component.

    Parameters
    ----------
    axes : Axes
    seconds, counts : array of shape (N,)
        Points of a line; NaN where it is broken.
    unit : str
        Of the samples.
    """
    from matplotlib.ticker import EngFormatter, MaxNLocator

    middle, moves = _middle(counts)
    offset = middle if abs(middle) > _LARGE_OFFSET * moves > 0 else 0.0
    axes.plot(seconds, counts - offset, color=INK, linewidth=0.6, solid_joinstyle="bevel")
    axes.set_ylabel(unit, fontsize=SMALL)
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    if moves:
        axes.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
        axes.margins(y=0.08)
    else:
        axes.set_ylim(middle - (abs(middle) or 1), middle + (abs(middle) or 1))
        axes.set_yticks([middle])
    if offset:
        digits = f"{offset:+,.0f}" if abs(offset) >= 1000 else f"{offset:+.6g}"
        note(axes, f"{digits} {unit}", "bottom")


def draw_times(axes: Axes, seconds: Iterable[float]) -> None:
    """Draw the times that are written below the last panel; cheaper than ticks of its own."""
    axes.set_xticks([])
    axes.vlines(
        list(seconds),
        0,
        1,
        transform=axes.get_xaxis_transform(),
        color="black",
        alpha=0.12,
        linewidth=0.6,
        zorder=1.2,
    )


def note(axes: Axes, text: str, where: str = "top") -> None:
    """Write a few words into the right-hand corner of a panel."""
    axes.text(
        0.997,
        0.95 if where == "top" else 0.05,
        plain(text),
        transform=axes.transAxes,
        ha="right",
        va=where,
        fontsize=SMALL,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )


def name_panel(axes: Axes, text: str) -> None:
    """Write what a panel shows into its left-hand corner."""
    axes.text(
        0.005,
        0.95,
        plain(text),
        transform=axes.transAxes,
        ha="left",
        va="top",
        fontsize=SMALL + 1,
        fontweight="bold",
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )


def say(axes: Axes, text: str) -> None:
    """Write why there is nothing else in a panel."""
    axes.text(
        0.5,
        0.5,
        plain(text),
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=SMALL + 1.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2},
    )


def draw_spectrogram(axes: Axes, bar: Axes, spectrogram: Spectrogram, unit: str) -> None:
    """Draw power by time and frequency, with the bar that explains its colours.

    Parameters
    ----------
    axes, bar : Axes
    spectrogram : Spectrogram
    unit : str
        Of the power.
    """
    from matplotlib.ticker import MaxNLocator

    decibels = spectrogram.decibels()
    if not np.isfinite(decibels).any():
        say(axes, "no spectrogram: nothing moves, or too few samples without a gap")
        axes.set_yticks([])
        bar.set_axis_off()
        return
    low, high = _range_of(decibels[np.isfinite(decibels)])
    row_hz = spectrogram.row_hz
    frequencies = spectrogram.frequencies_hz
    length_s = (spectrogram.end_ns - spectrogram.start_ns) / NS_PER_S
    image = axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0, length_s, frequencies[0] - row_hz / 2, frequencies[-1] + row_hz / 2),
        cmap=_COLOUR_MAP,
        vmin=low,
        vmax=high,
    )
    axes.set_ylim(0, spectrogram.top_hz)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("frequency (Hz)", fontsize=SMALL)
    scale = axes.figure.colorbar(image, cax=bar)
    scale.outline.set_linewidth(0.6)
    bar.tick_params(labelsize=SMALL, width=0.6, length=3)
    bar.set_ylabel(f"dB re 1 {unit}", fontsize=SMALL)


def shade(axes: Axes, gaps: Iterable[Interval], start_ns: int, end_ns: int) -> None:
    """Mark times of which there are no samples; short ones are drawn as wide as can be seen.

    Parameters
    ----------
    axes : Axes
    gaps : iterable of (start, end)
        ns since the epoch, in order.
    start_ns, end_ns : int
        Of the axis.
    """
    spans = [((a - start_ns) / NS_PER_S, (b - start_ns) / NS_PER_S) for a, b in gaps]
    if not spans:
        return
    least_s = (end_ns - start_ns) / NS_PER_S * 1.5 / max(axes.get_window_extent().width, 1)
    wide = _joined((a, max(b, a + least_s)) for a, b in spans)
    axes.broken_barh(
        [(a, b - a) for a, b in wide],
        (0, 1),
        transform=axes.get_xaxis_transform(),
        facecolor=_GAP,
        edgecolor="none",
        zorder=0.5,
        label="gap",
    )


def _joined(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans in order, those that overlap as one: there may be thousands of gaps."""
    found: list[tuple[float, float]] = []
    for first, last in spans:
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def draw_component(axes: Axes, trace: Trace) -> None:
    """Draw one component of a picture, with its gaps, or say that there is none."""
    quiet_axes(axes)
    axes.set_xlim(0, (trace.end_ns - trace.start_ns) / NS_PER_S)
    if not trace.is_recorded:
        axes.set_yticks([])
        name_panel(axes, trace.component)
        say(axes, "not recorded")
        return
    draw_wave(axes, *trace.points(), trace.unit)
    shade(axes, trace.gaps, trace.start_ns, trace.end_ns)
    name_panel(axes, " ".join(sorted(trace.channels)))


def draw_spectrogram_of(axes: Axes, bar: Axes, traces: Traces) -> None:
    """Draw the spectrogram of a picture, or say that there is none."""
    quiet_axes(axes)
    axes.set_xlim(0, (traces.end_ns - traces.start_ns) / NS_PER_S)
    if traces.spectrogram is None:
        axes.set_yticks([])
        bar.set_axis_off()
        say(axes, "no component was recorded")
        return
    trace = traces.traces[traces.shown]
    draw_spectrogram(axes, bar, traces.spectrogram, trace.power_unit)
    shade(axes, trace.gaps, traces.start_ns, traces.end_ns)
    name_panel(axes, " ".join(sorted(trace.channels)))


def _middle(counts: Floats) -> tuple[float, float]:
    """Median of what is finite, and how far it reaches from the smallest to the largest."""
    finite = counts[np.isfinite(counts)]
    return (float(np.median(finite)), float(np.ptp(finite))) if len(finite) else (0.0, 0.0)


def _range_of(decibels: Floats) -> tuple[float, float]:
    """Ends of the colours: what is usual is seen beside spikes and beside bands without power."""
    shares = np.percentile(decibels, [_DARKEST, 50.0, _BRIGHTEST])
    low, usual, high = (float(share) for share in shares)
    high = min(high, usual + _MOST_ABOVE_DB)
    return min(max(low, high - _MOST_RANGE_DB), high - _LEAST_RANGE_DB), high
