"""Find the matrix that turns recorded components into true Z, N, E."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from quake.errors import WaveformError
from quake.untrusted import refuse_document_type
from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.times import parse_time

if TYPE_CHECKING:
    from obspy import Inventory

_FAR_PAST, _FAR_FUTURE = -(2**63), 2**63

_SHOWN_LETTERS = 300


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

    Not with ObsPy, which makes objects of all else in it too: of the inventory of a large network
    it takes a minute, and a gigabyte.

    Raises
    ------
    WaveformError
        If the file is missing or no StationXML.
    """
    epochs: dict[tuple[ChannelSetId, str], list[Epoch]] = {}
    with _xml(Path(path)) as file:
        for network, station, channel in _channels(file):
            epoch = _epoch(channel)
            if epoch is not None:
                codes = channel.get("code", "").strip(), channel.get("locationCode", "").strip()
                key = ChannelSetId(network, station, codes[1], codes[0][:-1])
                epochs.setdefault((key, codes[0][-1:]), []).append(epoch)
    return Orientations(epochs)


def _channels(file: BinaryIO) -> Iterator[tuple[str, str, Element]]:
    """Network code, station code and element of each channel.

    Raises
    ------
    ValueError
        If it is another kind of XML.
    """
    codes = {"Network": "", "Station": ""}
    parents: list[Element] = []
    for event, element in ElementTree.iterparse(file, ("start", "end")):  # nosec B314
        name = element.tag.rpartition("}")[2]
        if event == "start":
            if not parents and name != "FDSNStationXML":
                raise ValueError(f"its first element is {name[:40]!r}")
            parents.append(element)
            if name in codes:
                codes[name] = element.get("code", "").strip()
            continue
        parents.pop()
        if name == "Channel":
            yield codes["Network"], codes["Station"], element
        if name in ("Channel", "Station", "Network") and parents:
            parents[-1].remove(element)


def _epoch(channel: Element) -> Epoch | None:
    """Orientation of a channel, and how long it lasted; None if it is not told."""
    angles = [_number(channel, name) for name in ("Azimuth", "Dip")]
    if None in angles:
        return None
    start, end = channel.get("startDate"), channel.get("endDate")
    azimuth_deg, dip_deg = (angle for angle in angles if angle is not None)
    return Epoch(
        parse_time(start) if start else _FAR_PAST,
        parse_time(end) if end else _FAR_FUTURE,
        azimuth_deg,
        dip_deg,
    )


def _number(channel: Element, name: str) -> float | None:
    for child in channel:
        if child.tag.rpartition("}")[2] == name:
            return float(child.text or "nan")
    return None


@contextmanager
def _xml(path: Path) -> Iterator[BinaryIO]:
    """Open XML; what goes wrong in the block is a WaveformError."""
    try:
        refuse_document_type(path)
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise WaveformError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # ObsPy raises many kinds for malformed XML
        reason = (str(error).strip() or repr(error)).splitlines()[0][:_SHOWN_LETTERS]
        raise WaveformError(
            f"{path}: no StationXML ({reason}); get the inventory again, level=channel"
        ) from error


def read_stationxml(path: str | Path) -> Inventory:
    """Read a StationXML file.

    Raises
    ------
    WaveformError
        If the file is missing or no StationXML.
    """
    from obspy import read_inventory

    with _xml(Path(path)) as file:
        return read_inventory(file, format="STATIONXML")
