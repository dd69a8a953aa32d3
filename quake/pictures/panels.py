"""Draw lines, spectrograms and gaps in one pair of axes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quake.pictures.canvas import DPI, INK, plain
from quake.pictures.spectrogram import Spectrogram
from quake.pictures.traces import Trace, Traces
from quake.waveforms.intervals import Interval
from quake.waveforms.times import NS_PER_S

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

SMALL = 8.5

# Words in the corners of a panel: above the marks of onsets, and so far from the frame.
_ON_TOP, _INSET_PT = 5, 4.0

# Room that a letter of a sentence in a panel takes, at most in the mean.
_LETTER_PX = 8.5

GAP = "#E8D5E3"
"""Colour of what was not recorded."""

_COLOUR_MAP = "viridis"

# Of the decibels of a picture, these shares are below and above the ends of its colours.
_DARKEST, _BRIGHTEST = 3.0, 99.0
_LEAST_RANGE_DB, _MOST_RANGE_DB, _MOST_ABOVE_DB = 20.0, 80.0, 60.0

# Waveforms are drawn up to three times what 99 % of their points stay below, if more than twice as
# much is cut off: noise is seen beside an event, and both beside a spike.
_USUAL_SHARE, _TIMES_USUAL, _WORTH_CUTTING = 99.0, 3.0, 2.0

# Of the axis of frequency, which is logarithmic.
_ROWS_A_DECADE = 80
_LOWEST_HZ = 0.5

# Colours tell what is here: microseisms below are louder than all that one looks for.
_COLOURED_FROM_HZ = 1.0
_FREQUENCIES_HZ = tuple(d * 10.0**power for power in range(-3, 4) for d in (1, 2, 5))

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
    notes = []
    if moves:
        axes.yaxis.set_major_locator(MaxNLocator(4, prune="both"))
        low, high, cut = wave_limits(counts - offset)
        axes.set_ylim(low, high)
        if cut:
            notes.append(f"largest {EngFormatter(sep='', places=0)(cut)}")
    else:
        axes.set_ylim(middle - (abs(middle) or 1), middle + (abs(middle) or 1))
        axes.set_yticks([middle])
    if offset:
        digits = f"{offset:+,.0f}" if abs(offset) >= 1000 else f"{offset:+.6g}"
        notes.insert(0, f"{digits} {unit}")
    if notes:
        note(axes, ", ".join(notes), "bottom")


def wave_limits(counts: Floats) -> tuple[float, float, float]:
    """Ends of the axis of a waveform.

    Parameters
    ----------
    counts : array of shape (N,)
        NaN where there is nothing.

    Returns
    -------
    low, high : float
    cut : float
        Largest distance from the middle if it lies beyond the ends; else 0.

    Examples
    --------
    >>> wave_limits(np.array([-1.0, 1.0] * 99 + [9.0, -90.0]))
    (-3.0, 3.0, 90.0)
    """
    finite = counts[np.isfinite(counts)]
    middle = float(np.median(finite))
    away = np.abs(finite - middle)
    usual = _TIMES_USUAL * float(np.percentile(away, _USUAL_SHARE))
    if 0 < _WORTH_CUTTING * usual < away.max():
        return middle - usual, middle + usual, float(away.max())
    low, high = float(finite.min()), float(finite.max())
    margin = 0.08 * (high - low)
    return low - margin, high + margin, 0.0


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
    _write(axes, text, (1, 1 if where == "top" else 0), fontsize=SMALL)


def name_panel(axes: Axes, text: str) -> None:
    """Write what a panel shows into its left-hand corner."""
    _write(axes, text, (0, 1), fontsize=SMALL + 1, fontweight="bold")


def _write(axes: Axes, text: str, corner: tuple[int, int], **style: Any) -> None:
    """Write into a corner, over the marks of onsets, and clear of the frame."""
    x, y = corner
    axes.annotate(
        plain(text),
        corner,
        xycoords="axes fraction",
        xytext=((-1) ** x * _INSET_PT, (-1) ** y * _INSET_PT),
        textcoords="offset points",
        ha="right" if x else "left",
        va="top" if y else "bottom",
        zorder=_ON_TOP,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 1.5},
        **style,
    )


def say(axes: Axes, text: str) -> None:
    """Write why there is nothing else in a panel, in as many lines as it takes."""
    width_px = axes.get_window_extent().width / axes.figure.dpi * DPI
    axes.text(
        0.5,
        0.5,
        plain(textwrap.fill(text, max(int(width_px / _LETTER_PX), 1))),
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
    decibels = spectrogram.decibels()
    if not np.isfinite(decibels).any():
        say(axes, "no spectrogram: nothing moves, or too few samples without a gap")
        axes.set_yticks([])
        bar.set_axis_off()
        return
    low_hz, top_hz = spectrogram.row_hz / 2, spectrogram.top_hz
    if top_hz > 4 * _LOWEST_HZ:
        low_hz = max(low_hz, _LOWEST_HZ)
    rows = log_rows(spectrogram.frequencies_hz, low_hz, top_hz)
    low, high = colour_range(decibels, spectrogram.frequencies_hz)
    length_s = (spectrogram.end_ns - spectrogram.start_ns) / NS_PER_S
    image = axes.imshow(
        decibels[rows],
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(0, length_s, np.log10(low_hz), np.log10(top_hz)),
        cmap=_COLOUR_MAP,
        vmin=low,
        vmax=high,
    )
    shown = [f for f in _FREQUENCIES_HZ if low_hz <= f <= top_hz]
    axes.set_yticks(np.log10(shown), [f"{f:g}" for f in shown])
    axes.set_ylabel("frequency (Hz)", fontsize=SMALL)
    scale = axes.figure.colorbar(image, cax=bar)
    scale.outline.set_linewidth(0.6)
    bar.tick_params(labelsize=SMALL, width=0.6, length=3)
    bar.set_ylabel(f"dB re 1 {unit}", fontsize=SMALL)


def log_rows(
    frequencies_hz: Floats, low_hz: float, top_hz: float, n_rows: int | None = None
) -> NDArray[np.intp]:
    """Rows of an axis of frequency that is logarithmic: the nearest of evenly spaced ones.

    Parameters
    ----------
    frequencies_hz : array of shape (F,)
        Multiples of the first.
    low_hz, top_hz : float
        Ends of the axis.
    n_rows : int, optional
        By default 80 for each decade.

    Returns
    -------
    array of int, from the lowest to the highest
    """
    n_rows = n_rows or max(round(_ROWS_A_DECADE * np.log10(top_hz / low_hz)), 1)
    ends = np.linspace(np.log10(low_hz), np.log10(top_hz), n_rows + 1)
    middles_hz = 10 ** ((ends[1:] + ends[:-1]) / 2)
    nearest = np.rint(middles_hz / frequencies_hz[0]).astype(np.intp) - 1
    return np.asarray(np.clip(nearest, 0, len(frequencies_hz) - 1))


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
        facecolor=GAP,
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


def colour_range(decibels: Floats, frequencies_hz: Floats) -> tuple[float, float]:
    """Ends of the colours: what is usual is seen beside spikes and beside bands without power.

    Parameters
    ----------
    decibels : array of shape (F, T)
        Not all of it NaN.
    frequencies_hz : array of shape (F,)
    """
    chosen = decibels[frequencies_hz >= _COLOURED_FROM_HZ]
    finite = chosen[np.isfinite(chosen)]
    if not len(finite):
        finite = decibels[np.isfinite(decibels)]
    shares = np.percentile(finite, [_DARKEST, 50.0, _BRIGHTEST])
    low, usual, high = (float(share) for share in shares)
    high = min(high, usual + _MOST_ABOVE_DB)
    return min(max(low, high - _MOST_RANGE_DB), high - _LEAST_RANGE_DB), high
