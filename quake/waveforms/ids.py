"""Codes of channels: what names a channel set, and which component a code stands for."""

from __future__ import annotations

from dataclasses import dataclass

COMPONENTS = ("Z", "N", "E")
"""Component order of every array in `quake`."""


# SEED names orthogonal components of arbitrary orientation 1, 2 (and 3 for the third one).
ALIASES = {"Z": "Z", "N": "N", "E": "E", "1": "N", "2": "E", "3": "Z"}


@dataclass(frozen=True, order=True)
class ChannelSetId:
    """Network, station, location, and band and instrument code: what may form one window."""

    network: str
    station: str
    location: str
    band_instrument: str

    def __str__(self) -> str:
        """As in ``IU.ANMO.00.BH?``."""
        return f"{self.network}.{self.station}.{self.location}.{self.band_instrument}?"


def split_channel(channel: str) -> tuple[str, str]:
    """Split a channel code into band and instrument code, and component.

    >>> split_channel("BHZ")
    ('BH', 'Z')
    """
    return channel[:-1], channel[-1:].upper()
