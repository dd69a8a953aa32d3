"""Say how wide pictures are, and how much room each part has.

Pixels are as they are seen: on a phone's screen there are two of the picture for each of these.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Room for the parts of a picture, pixels.

    Attributes
    ----------
    width, left, panel : int
        Of the whole, before the panels, and of what has the axis of time.
    top, bottom : int
        Above and below the panels.
    wave, spectrogram, probability : int
        Heights of panels.
    most_ticks : int
        Times that are written below the last one.
    scale : int
        Pixels of the file for each of these, in both directions.
    """

    width: int
    left: int
    panel: int
    top: int
    bottom: int
    wave: int
    spectrogram: int
    probability: int
    most_ticks: int
    scale: int = 1

    @property
    def columns(self) -> int:
        """Columns of pixels that the file has for the axis of time."""
        return self.panel * self.scale

    @property
    def is_narrow(self) -> bool:
        """Whether there is no room beside the panels."""
        return self.width < 600


WIDE = Layout(1400, 118, 1130, 44, 76, 132, 190, 190, 13)
"""For desks and print."""

NARROW = Layout(390, 54, 288, 60, 138, 84, 120, 110, 4, scale=2)
"""For telephones: letters are as large as in the text beside it."""

LAYOUTS = {"wide": WIDE, "narrow": NARROW}
