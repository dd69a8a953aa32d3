"""Lay out a map of stations and how many events each had.

Equidistant along meridians and along the middle parallel: near enough for a network, and no
coastlines, which would have to come from somewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quake.stations.travel_times import KM_PER_DEGREE, Site

WIDTH = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 40
_LEAST_SPAN_DEG, _MOST_HEIGHT, _LEAST_HEIGHT = 0.02, 420, 120
_MOST_RADIUS, _LEAST_RADIUS = 13.0, 3.0
_STEPS = (1.0, 2.0, 5.0)

# Of more stations, only those with the most events have their names beside them.
_MOST_NAMES = 40


@dataclass(frozen=True)
class SitePlace:
    """A station: place, radius that grows with the root of the events, name and text."""

    x: float
    y: float
    radius: float
    name: str
    text: str
    is_named: bool
    has_events: bool


@dataclass(frozen=True)
class SiteMap:
    """A drawing of stations.

    Attributes
    ----------
    height : float
    places : sequence of SitePlace
        Those with the most events last, so that they lie above.
    meridians, parallels : sequence of (place, text)
    scale_px, scale_text
        Length of the bar that says what a distance is.
    n_without : int
        Stations with results whose place is not known.
    """

    height: float
    places: Sequence[SitePlace]
    meridians: Sequence[tuple[float, str]]
    parallels: Sequence[tuple[float, str]]
    scale_px: float
    scale_text: str
    n_without: int
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP

    @property
    def bottom(self) -> float:
        """Lower edge of the frame."""
        return self.height - _BOTTOM


def make_site_map(
    sites: Mapping[str, Site], counts: Mapping[str, int], shown: Sequence[str]
) -> SiteMap | None:
    """Place the stations of a store.

    Parameters
    ----------
    sites : mapping of ``NETWORK.STATION`` to Site
    counts : mapping of ``NETWORK.STATION`` to int
        Events, of those that had any.
    shown : ``NETWORK.STATION`` of all that have results

    Returns
    -------
    SiteMap or None
        None if nobody knows where any of them is.
    """
    known = [name for name in shown if name in sites]
    if not known:
        return None
    east = _unwrapped([sites[name].longitude_deg for name in known])
    north = [sites[name].latitude_deg for name in known]
    frame = _Frame.around(east, north)
    most = max((counts.get(name, 0) for name in known), default=0)
    ranked = sorted(known, key=lambda name: (-counts.get(name, 0), name))
    named = set(ranked[:_MOST_NAMES])
    where = dict(zip(known, zip(east, north, strict=True), strict=True))
    places = []
    for name in reversed(ranked):
        number = counts.get(name, 0)
        places.append(
            SitePlace(
                frame.x(where[name][0]),
                frame.y(where[name][1]),
                max(_MOST_RADIUS * math.sqrt(number / most), _LEAST_RADIUS)
                if number
                else _LEAST_RADIUS,
                name,
                f"{name}: {number:,} event{'' if number == 1 else 's'}",
                name in named,
                number > 0,
            )
        )
    scale_px, scale_text = frame.scale()
    return SiteMap(
        frame.height,
        places,
        [(frame.x(deg), _degrees((deg + 180) % 360 - 180, "E", "W")) for deg in frame.meridians()],
        [(frame.y(deg), _degrees(deg, "N", "S")) for deg in frame.parallels()],
        scale_px,
        scale_text,
        len(shown) - len(known),
    )


@dataclass(frozen=True)
class _Frame:
    west: float
    south: float
    span_deg: float  # of longitude
    height_deg: float
    px_per_deg: float  # of latitude
    squeeze: float  # a degree of longitude over one of latitude

    @classmethod
    def around(cls, east: Sequence[float], north: Sequence[float]) -> _Frame:
        squeeze = max(math.cos(math.radians((min(north) + max(north)) / 2)), 0.05)
        wide = max((max(east) - min(east)) * squeeze * 1.25, _LEAST_SPAN_DEG)
        high = max((max(north) - min(north)) * 1.25, _LEAST_SPAN_DEG)
        room = WIDTH - _LEFT - _RIGHT
        most_px = _MOST_HEIGHT - _TOP - _BOTTOM
        least_px = _LEAST_HEIGHT - _TOP - _BOTTOM
        px_per_deg = min(room / wide, most_px / high)
        height_px = min(max(high * px_per_deg, least_px), most_px)
        height_deg, span_deg = height_px / px_per_deg, room / px_per_deg / squeeze
        middle_east, middle_north = (min(east) + max(east)) / 2, (min(north) + max(north)) / 2
        west, south = middle_east - span_deg / 2, middle_north - height_deg / 2
        return cls(west, south, span_deg, height_deg, px_per_deg, squeeze)

    @property
    def height(self) -> float:
        return _TOP + self.height_deg * self.px_per_deg + _BOTTOM

    def x(self, longitude_deg: float) -> float:
        return _LEFT + (longitude_deg - self.west) * self.squeeze * self.px_per_deg

    def y(self, latitude_deg: float) -> float:
        return self.height - _BOTTOM - (latitude_deg - self.south) * self.px_per_deg

    def meridians(self) -> list[float]:
        return _multiples(self.west, self.west + self.span_deg, 4)

    def parallels(self) -> list[float]:
        return _multiples(self.south, self.south + self.height_deg, 4)

    def scale(self) -> tuple[float, str]:
        px_per_km = self.px_per_deg / KM_PER_DEGREE
        km = max(
            s * 10.0**p for p in range(-3, 5) for s in _STEPS if s * 10.0**p * px_per_km <= 100
        )
        return km * px_per_km, f"{km:g} km" if km >= 1 else f"{1000 * km:g} m"


def _multiples(low: float, high: float, most: int) -> list[float]:
    """Round values between two others."""
    steps = (s * 10.0**p for p in range(-4, 3) for s in _STEPS)
    step = next(step for step in steps if (high - low) / step <= most)
    first = math.ceil(low / step)
    return [round(i * step, 6) for i in range(first, math.floor(high / step) + 1)]


def _unwrapped(east: Sequence[float]) -> list[float]:
    """Longitudes without the jump at 180 degrees, if they are nearer together across it."""
    shifted = [deg % 360 for deg in east]
    near = max(east) - min(east) <= max(shifted) - min(shifted)
    return list(east) if near else shifted


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):g}°{positive if value > 0 else negative if value < 0 else ''}"
