"""Compute when the first P wave of an event arrives at a station.

The model of the Earth is iasp91 (Kennett and Engdahl, 1991, Geophysical Journal International
105, 429-465), through ObsPy's TauP, which stops here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from quake.errors import WaveformError
from quake.stations.orientation import read_stationxml

_EARTH_RADIUS_KM = 6371.0
KM_PER_DEGREE = np.pi * _EARTH_RADIUS_KM / 180
"""Length of a degree of a great circle on a sphere of the Earth's mean radius, 111.2 km."""

# Dense where the travel time curve bends: linear interpolation is good to 0.3 s.
_DISTANCES_DEG: tuple[float, ...] = (
    *(0.05 * i for i in range(10)),
    *(0.5 + 0.1 * i for i in range(25)),
    *(3.0 + 0.5 * i for i in range(14)),
    *(10.0 + i for i in range(20)),
    *(30.0 + 5 * i for i in range(31)),
)
_DEPTHS_KM: tuple[float, ...] = (
    *(0, 2, 5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 80, 100, 150, 200, 250, 300, 350, 400),
    *(450, 500, 550, 600, 660, 700, 800),
)


class Site(NamedTuple):
    """Where a station or an event is, degrees."""

    latitude_deg: float
    longitude_deg: float


def read_sites(path: str | Path) -> dict[str, Site]:
    """Read where the stations of a StationXML file are, by network and station (``XX.STA``).

    Raises
    ------
    WaveformError
        If the file is missing, no StationXML, or has no stations.
    """
    sites = {
        f"{network.code}.{station.code}": Site(float(station.latitude), float(station.longitude))
        for network in read_stationxml(path)
        for station in network
    }
    if not sites:
        raise WaveformError(f"{path}: no stations in it; get the inventory again, level=station")
    return sites


def distance_deg(first: Site, second: Site) -> float:
    """Angle between two places on a sphere, degrees (haversine formula).

    Examples
    --------
    >>> round(distance_deg(Site(0, 179), Site(0, -179)), 6)
    2.0
    """
    lat1, lon1, lat2, lon2 = np.radians([*first, *second])
    a = np.sin((lat2 - lat1) / 2) ** 2
    a += np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return float(np.degrees(2 * np.arcsin(min(np.sqrt(a), 1.0))))


class TravelTimes:
    """First arrivals of P, interpolated between those of a grid that is computed as needed."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[int, int], float] = {}

    def p_s(self, distance_deg: float, depth_km: float) -> float:
        """Seconds from the origin to the first P (P, Pn, Pg, Pdiff or PKP).

        Parameters
        ----------
        distance_deg : float
            0 to 180.
        depth_km : float
            Of the event; those in the air are taken at the surface.
        """
        i, x = _cell(_DISTANCES_DEG, distance_deg)
        j, y = _cell(_DEPTHS_KM, depth_km)
        near = (1 - y) * self._node(i, j) + y * self._node(i, j + 1)
        far = (1 - y) * self._node(i + 1, j) + y * self._node(i + 1, j + 1)
        return (1 - x) * near + x * far

    def _node(self, i: int, j: int) -> float:
        if (i, j) not in self._nodes:
            arrivals = self._model.get_travel_times(
                source_depth_in_km=_DEPTHS_KM[j],
                distance_in_degree=_DISTANCES_DEG[i],
                phase_list=["ttp"],
            )
            self._nodes[i, j] = min(float(arrival.time) for arrival in arrivals)
        return self._nodes[i, j]

    @cached_property
    def _model(self) -> Any:
        from obspy.taup import TauPyModel

        return TauPyModel("iasp91")


def _cell(nodes: Sequence[float], value: float) -> tuple[int, float]:
    """Index of the node below a value, and how far it is to the next one, 0 to 1."""
    value = min(max(value, nodes[0]), nodes[-1])
    i = min(bisect_right(nodes, value) - 1, len(nodes) - 2)
    return i, (value - nodes[i]) / (nodes[i + 1] - nodes[i])
