"""Make the sheet that pictures are drawn on, and its PNG.

Matplotlib is loaded when something is drawn. No window is opened, nothing is kept between two
pictures, and settings that a user made for other programs change nothing here.
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 100

INK = "#333333"
"""Of axes and texts."""

# What matplotlibrc may set and a picture shows.
_FAMILIES = (
    "axes.",
    "date.",
    "figure.",
    "font.",
    "grid.",
    "hatch.",
    "image.",
    "legend.",
    "lines.",
    "mathtext.",
    "patch.",
    "path.",
    "savefig.",
    "text.",
    "xaxis.",
    "xtick.",
    "yaxis.",
    "ytick.",
)
_OWN = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "font.family": ["DejaVu Sans"],  # comes with Matplotlib: the same everywhere
    "hatch.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

_lock = threading.Lock()


@contextmanager
def sheet(width_px: int, height_px: int) -> Iterator[Figure]:
    """Open a figure to draw on; one at a time.

    Parameters
    ----------
    width_px, height_px : int
    """
    with _lock, _settings():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(width_px / DPI, height_px / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        yield figure


def as_png(figure: Figure, notes: Mapping[str, str] | None = None) -> bytes:
    """Encode a figure; the same bytes for the same drawing.

    Parameters
    ----------
    figure : Figure
        Of `sheet`, which must still be open.
    notes : mapping of keyword to text, optional
        Latin-1, kept in the file.
    """
    picture = io.BytesIO()
    # Matplotlib would write its version there.
    metadata: dict[str, Any] = {"Software": None, **(notes or {})}
    figure.savefig(picture, format="png", dpi=DPI, metadata=metadata)
    return picture.getvalue()


def plain(text: str) -> str:
    r"""Write a text so that it is drawn as it is: no formulas, no signs that the font lacks.

    Examples
    --------
    >>> plain("5 $"), plain("A\u7000B") == "A" + chr(92) + "u7000B"
    ('5 \\$', True)
    """
    known = _signs()
    shown = (
        sign if ord(sign) in known else sign.encode("unicode_escape").decode("ascii")
        for sign in text
    )
    return "".join(shown).replace("$", "\\$")


@lru_cache(maxsize=1)
def _signs() -> frozenset[int]:
    """Code points that the font can draw."""
    with _quiet():
        from matplotlib.font_manager import findfont
        from matplotlib.ft2font import FT2Font

        return frozenset(FT2Font(findfont("DejaVu Sans")).get_charmap()) | {ord("\n")}


@contextmanager
def _settings() -> Iterator[None]:
    """Draw as Matplotlib does by itself, whatever the user has set for other programs."""
    with _quiet():
        import matplotlib

        values: Any = {
            name: matplotlib.rcParamsDefault[name]
            for name in matplotlib.rcParamsDefault
            if name.startswith(_FAMILIES)
        }
        values.update(_OWN)
        with matplotlib.rc_context(values):
            yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Matplotlib from telling about its caches on standard error."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
