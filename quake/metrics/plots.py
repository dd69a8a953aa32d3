"""Draw figures as PNG files: reports, curves and histories.

Colours are those of Okabe & Ito (2008), Color universal design, which people with any kind of
colour vision can tell apart; lines differ in style too. Matplotlib is loaded when a picture is
drawn, and never opens a window.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quake.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
_STYLES = ("-", "--", "-.", ":")
_GREY = "#999999"
_LOWEST_RATE = 1e-3  # left end of logarithmic axes of false alarms
_DPI = 130


def plot_confusion(
    path: str | Path, confusion: Sequence[Sequence[int]], names: Sequence[str], title: str = ""
) -> None:
    """Draw a confusion matrix: the truth in rows, counts and shares of each row in the cells.

    Parameters
    ----------
    path : path of a PNG file
    confusion : (K, K) counts
    names : the K classes
    title : str
    """
    counts = np.asarray(confusion, np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    k = len(names)
    figure, (axes,) = _figure(1.5 + 1.2 * k, 1.2 + 1.1 * k)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(k):
        for column in range(k):
            share = shares[row, column]
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}\n{100 * share:.1f} %",
                ha="center",
                va="center",
                color="white" if share > 0.5 else "black",
            )
    axes.set_xticks(range(k), names)
    axes.set_yticks(range(k), names, rotation=90, va="center")
    axes.set(xlabel="decided", ylabel="truth", title=title)
    _save(figure, path)


def plot_learning_curves(path: str | Path, epochs: Mapping[str, Sequence[float]]) -> None:
    """Draw what a training reported, epoch by epoch.

    Parameters
    ----------
    path : path of a PNG file
    epochs : mapping of column to one number an epoch
        As in metrics.csv; NaN where there is none. "epoch" counts from 0.
    """
    from matplotlib.ticker import MaxNLocator

    numbers = [int(e) + 1 for e in epochs.get("epoch", ())]
    if not numbers:
        numbers = list(range(1, 1 + max((len(v) for v in epochs.values()), default=0)))
    losses = [name for name in epochs if name.endswith("loss")]
    scores = [
        name for name in epochs if name.startswith(("validation_", "test_")) and name not in losses
    ]
    panels = [
        ("loss", losses, "linear"),
        ("validation", scores, "linear"),
        ("learning rate", [name for name in epochs if name == "learning_rate"], "log"),
    ]
    shown = [panel for panel in panels if panel[1]] or panels[:1]
    figure, all_axes = _figure(7, 1 + 2.3 * len(shown), rows=len(shown))
    for axes, (label, columns, scale) in zip(all_axes, shown, strict=True):
        for i, name in enumerate(columns):
            drawn = _short(name) if len(columns) > 1 else None
            axes.plot(numbers, epochs[name], label=drawn, marker=".", **_style(i))
        for number in _changes(epochs.get("backbone_frozen", ())):
            axes.axvline(numbers[number] - 0.5, color=_GREY, linewidth=1, linestyle=":")
        axes.set(ylabel=label, yscale=scale)
        if label == "validation":
            axes.set_ylim(top=1.0)
        axes.grid(alpha=0.3)
        if len(columns) > 1:
            axes.legend(loc="best", fontsize="small")
    all_axes[-1].set_xlabel("epoch")
    all_axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    _save(figure, path)


def _short(name: str) -> str:
    return name.replace("validation_", "").replace("_", " ") if "loss" not in name else name[:-5]


def _changes(values: Sequence[float]) -> list[int]:
    """Positions at which a column differs from the one before."""
    return [i for i in range(1, len(values)) if values[i] != values[i - 1]]


def plot_roc(path: str | Path, curves: Mapping[str, tuple[Any, Any]], title: str = "") -> None:
    """Draw receiver operating curves over a logarithmic axis of false alarms.

    Parameters
    ----------
    path : path of a PNG file
    curves : mapping of name to (false alarm rates, recalls), arrays of one length
    title : str
    """
    figure, (axes,) = _figure(6.5, 5)
    for i, (name, (rates, recalls)) in enumerate(curves.items()):
        axes.step(np.maximum(rates, _LOWEST_RATE), recalls, where="post", label=name, **_style(i))
    axes.axvline(0.01, color=_GREY, linewidth=1, label="1 % false alarms")
    axes.set(
        xscale="log",
        xlim=(_LOWEST_RATE, 1),
        ylim=(0, 1.005),
        xlabel="false alarms (share of the negative windows)",
        ylabel="recall (share of the positive windows)",
        title=title,
    )
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="lower right", fontsize="small")
    _save(figure, path)


def plot_precision_recall(
    path: str | Path, curves: Mapping[str, tuple[Any, Any]], title: str = ""
) -> None:
    """Draw precision over recall.

    Parameters
    ----------
    path : path of a PNG file
    curves : mapping of name to (recalls, precisions), arrays of one length
    title : str
    """
    figure, (axes,) = _figure(6.5, 5)
    for i, (name, (recalls, precisions)) in enumerate(curves.items()):
        axes.step(recalls, precisions, where="pre", label=name, **_style(i))
    axes.set(
        xlim=(0, 1.005),
        ylim=(0, 1.005),
        xlabel="recall (share of the positive windows)",
        ylabel="precision (share of the decided windows)",
        title=title,
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", fontsize="small")
    _save(figure, path)


def plot_reliability(
    path: str | Path, bins: Sequence[Mapping[str, float]], ece: float | None, title: str = ""
) -> None:
    """Draw a reliability diagram: how often the model is right when it is so sure.

    Parameters
    ----------
    path : path of a PNG file
    bins : as `quake.metrics.calibration.reliability` gives them
    ece : float or None
        Expected calibration error, for the legend.
    title : str
    """
    figure, (axes, below) = _figure(5.5, 6, rows=2, ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, label="perfectly calibrated")
    filled = [b for b in bins if b["rows"]]
    width = [b["high"] - b["low"] for b in filled]
    left = [b["low"] for b in filled]
    axes.bar(
        left,
        [b["accuracy"] for b in filled],
        width,
        align="edge",
        color=COLOURS[5],
        edgecolor="white",
        label="share that is right",
    )
    label = "mean confidence" + ("" if ece is None else f" (ECE {ece:.3f})")
    axes.plot(
        [b["confidence"] for b in filled],
        [b["accuracy"] for b in filled],
        "o",
        color=COLOURS[1],
        label=label,
    )
    lowest = math.floor(10 * min(left, default=0)) / 10
    axes.set(xlim=(lowest, 1), ylim=(0, 1), ylabel="share that is right", title=title)
    axes.legend(loc="upper left", fontsize="small")
    axes.grid(alpha=0.3)
    below.bar(left, [b["rows"] for b in filled], width, align="edge", color=COLOURS[0])
    below.set(xlim=(lowest, 1), xlabel="probability of the decided class", ylabel="windows")
    below.grid(alpha=0.3)
    _save(figure, path)


def plot_intervals(
    path: str | Path,
    groups: Mapping[str, Mapping[str, Sequence[float | None]]],
    xlabel: str,
    title: str = "",
    names: Sequence[str] | None = None,
) -> None:
    """Draw values with their 95 % intervals, one line for each of several kinds of rows.

    Parameters
    ----------
    path : path of a PNG file
    groups : mapping of line (a source) to mapping of name (a class) to [value, low, high]
        None where there is none.
    xlabel, title : str
    names : sequence of str, optional
        In the order of their colours; as they come by default.
    """
    present = list(dict.fromkeys(name for values in groups.values() for name in values))
    names = present if names is None else [name for name in names if name in present]
    figure, (axes,) = _figure(7.5, 1.5 + 0.25 * max(len(groups), 1) * max(len(names), 1) ** 0.5)
    spread = 0.6 / max(len(names), 1)
    for i, name in enumerate(names):
        for line, values in enumerate(groups.values()):
            value, low, high = (values.get(name) or (None, None, None))[:3]
            if value is None:
                continue
            ends = [[value - (value if low is None else low)], [(high or value) - value]]
            axes.errorbar(
                value,
                line + (i - (len(names) - 1) / 2) * spread,
                xerr=np.maximum(ends, 0),
                fmt="os^Dv*"[i % 6],
                color=COLOURS[i % len(COLOURS)],
                markersize=5,
                capsize=2,
            )
        # Named apart from the data: a class may be missing in each line.
        axes.plot([], [], "os^Dv*"[i % 6], color=COLOURS[i % len(COLOURS)], label=name)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.invert_yaxis()
    axes.set(xlabel=xlabel, title=title, xlim=(-0.02, 1.02))
    axes.grid(alpha=0.3, axis="x")
    if names:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small")
    _save(figure, path)


def _style(i: int) -> dict[str, Any]:
    return {"color": COLOURS[i % len(COLOURS)], "linestyle": _STYLES[i % len(_STYLES)]}


def _figure(
    width: float, height: float, rows: int = 1, ratios: Sequence[float] | None = None
) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Callable[..., Any] = figure.subplots
    grid = axes(rows, 1, squeeze=False, sharex=True, height_ratios=ratios)
    return figure, list(grid[:, 0])


def _save(figure: Figure, path: str | Path) -> None:
    """Write all at once: a full disk leaves no half of a picture."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=_DPI, metadata={"Software": None})
    write_whole(Path(path), picture.getvalue())
