"""Orientation of sensors: StationXML in, the matrix that turns recorded into true Z, N, E out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quake.data.waveform import COMPONENTS, ChannelSetId
from quake.errors import WaveformError

if TYPE_CHECKING:
    from obspy import Inventory

_FAR_PAST, _FAR_FUTURE = -(2**63), 2**63


@dataclass(frozen=True)
class Epoch:
    """Azimuth and dip of one channel for a time; degrees from north, degrees down."""

    start_ns: int
    end_ns: int
    azimuth_deg: float
    dip_deg: float


class Orientations:
    """Orientations of channels, by channel set and component code.

    Parameters
    ----------
    epochs : mapping of (ChannelSetId, code) to list of Epoch
    """

    def __init__(self, epochs: Mapping[tuple[ChannelSetId, str], list[Epoch]]) -> None:
        self._epochs = epochs

    def rotation(
        self, channel_set: ChannelSetId, codes: Mapping[str, str], time_ns: int
    ) -> NDArray[np.float64] | None:
        """Matrix from recorded to true components at a time.

        Parameters
        ----------
        channel_set : ChannelSetId
        codes : mapping of code to "Z", "N" or "E", as `component_map` returns it
        time_ns : int

        Returns
        -------
        array of shape (3, 3) for samples in the order Z, N, E, or None if the orientation of a
        component is unknown or the three do not span space.
        """
        directions = np.full((3, 3), np.nan)
        for code, component in codes.items():
            for epoch in self._epochs.get((channel_set, code), []):
                if epoch.start_ns <= time_ns < epoch.end_ns:
                    directions[COMPONENTS.index(component)] = direction(
                        epoch.azimuth_deg, epoch.dip_deg
                    )
        if not np.isfinite(directions).all() or abs(np.linalg.det(directions)) < 0.1:
            return None
        inverse: NDArray[np.float64] = np.linalg.inv(directions)
        return inverse


def direction(azimuth_deg: float, dip_deg: float) -> NDArray[np.float64]:
    """Unit vector (Z up, N, E) of a sensor; SEED manual 2.4, blockette 52.

    Examples
    --------
    >>> direction(90.0, 0.0).round(6) + 0.0
    array([0., 0., 1.])
    >>> direction(0.0, -90.0).round(6) + 0.0
    array([1., 0., 0.])
    """
    azimuth, dip = np.radians([azimuth_deg, dip_deg])
    return np.array([-np.sin(dip), np.cos(dip) * np.cos(azimuth), np.cos(dip) * np.sin(azimuth)])


def read_orientations(path: str | Path) -> Orientations:
    """Read azimuth and dip of all channels of a StationXML file.

    Raises
    ------
    WaveformError
        If the file is missing or no StationXML.
    """
    inventory = read_stationxml(path)
    epochs: dict[tuple[ChannelSetId, str], list[Epoch]] = {}
    for network in inventory:
        for station in network:
            for channel in station:
                if channel.azimuth is None or channel.dip is None:
                    continue
                key = ChannelSetId(
                    network.code, station.code, channel.location_code, channel.code[:-1]
                )
                epochs.setdefault((key, channel.code[-1:]), []).append(
                    Epoch(
                        channel.start_date.ns if channel.start_date else _FAR_PAST,
                        channel.end_date.ns if channel.end_date else _FAR_FUTURE,
                        float(channel.azimuth),
                        float(channel.dip),
                    )
                )
    return Orientations(epochs)


def read_stationxml(path: str | Path) -> Inventory:
    """Read a StationXML file.

    Raises
    ------
    WaveformError
        If the file is missing or no StationXML.
    """
    from obspy import read_inventory

    path = Path(path)
    try:
        with path.open("rb") as file:
            return read_inventory(file, format="STATIONXML")
    except OSError as error:
        raise WaveformError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # lxml and ObsPy raise many kinds for malformed XML
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise WaveformError(
            f"{path}: no StationXML ({reason}); get the inventory again, level=channel"
        ) from error
