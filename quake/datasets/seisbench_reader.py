"""Read single traces from the waveform files of SeisBench data sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quake.datasets.collection import ReadSpan
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError, WaveformError
from quake.waveforms.assembly import assemble
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Segment

if TYPE_CHECKING:
    import h5py

# Data sets have up to some hundred chunks; each open file holds memory and a descriptor.
_MAX_OPEN_FILES = 32

_open_files: dict[str, tuple[tuple[int, int, int], h5py.File]] = {}


@dataclass(frozen=True)
class SeisBenchReader:
    """Reads traces of a SeisBench data set that have these properties in common.

    All else is in the span: `path` is the HDF5 file, `record` ends with the name of the trace.

    Attributes
    ----------
    dimension_order : "CW" or "WC"
    component_order : str
        One letter a row.
    sampling_rate_hz : float
    location, band_instrument : str
        Empty where the metadata do not tell.
    """

    dimension_order: str
    component_order: str
    sampling_rate_hz: float
    location: str = ""
    band_instrument: str = ""

    def read(self, span: LabelledSpan, margin_ns: int) -> ReadSpan:
        """Read the whole trace; there is nothing on either side of it.

        Components that are zero throughout were padded, and are taken as missing.

        Raises
        ------
        WaveformError
            If the file or the trace cannot be read, or is zero.
        """
        network, _, station = span.station.partition(".")
        key = ChannelSetId(network, station, self.location, self.band_instrument)
        rows = _read_trace(span.path, _trace_name(span))
        if self.dimension_order == "WC":
            rows = rows.T
        segments = [
            Segment(code, span.start_ns, self.sampling_rate_hz, row)
            for code, row in zip(self.component_order, rows, strict=True)
            if row.any()
        ]
        channel_set = assemble(key, segments)
        if not any(channel_set.segments.values()):
            raise WaveformError(
                f"{span.record}: components {self.component_order} have nothing but zeros in "
                "Z, N, E, 1, 2 and 3; leave the trace out"
            )
        return ReadSpan(channel_set, span.start_ns, span.end_ns)

    def fingerprint(self, span: LabelledSpan) -> str:
        """What changes when the waveform would: file, size, modification time, trace, layout."""
        try:
            status = span.path.stat()
        except OSError:
            return f"{span.record}|missing"
        file = f"{span.path.resolve()}:{status.st_size}:{status.st_mtime_ns}"
        return f"{file}|{_trace_name(span)}|{self}"


@dataclass(frozen=True)
class DataFormat:
    """What a waveform file says of all its traces; see the page on the format."""

    dimension_order: str
    component_order: str
    sampling_rate_hz: float | None

    @classmethod
    def of(cls, path: Path, file: h5py.File) -> DataFormat:
        """Read it from an open file.

        Raises
        ------
        WaveformError
            If the order of the axes makes no sense.
        """
        stored = file.get("data_format", {})
        values = {key: _plain(stored[key][()]) for key in stored}
        # As SeisBench assumes it where it is not said.
        order = "".join(values.get("dimension_order", "CW")).upper().replace("N", "")
        if sorted(order) != ["C", "W"]:
            raise WaveformError(
                f"{path}: dimension_order is {values['dimension_order']!r}, CW or WC was expected"
            )
        rate = values.get("sampling_rate")
        return cls(
            order,
            component_letters(values.get("component_order", "")),
            None if rate is None else float(rate),
        )


def _plain(value: Any) -> Any:
    """Text and tuples of text instead of what HDF5 makes of them."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray):
        return tuple(_plain(item) for item in value.tolist())
    return value


def component_letters(order: str | Sequence[str]) -> str:
    """One letter a component, also of channel codes: ("BHZ", "BHN") is ZN."""
    return "".join(name[-1:] for name in order).upper()


class Shapes:
    """Shapes of traces, without reading them."""

    def __init__(self, file: h5py.File) -> None:
        self._data = file["data"]
        self._blocks: dict[str, tuple[int, ...]] = {}

    def of(self, name: str) -> tuple[int, ...]:
        """Shape of a trace.

        Raises
        ------
        LabelError
            If the file does not have it.
        """
        block, dollar, location = name.partition("$")
        if not dollar:
            return self._shape(block)
        if block not in self._blocks:
            self._blocks[block] = self._shape(block)
        return _sliced(self._blocks[block], _parse_location(location))

    def _shape(self, name: str) -> tuple[int, ...]:
        try:
            shape: tuple[int, ...] = self._data[name].shape
        except (KeyError, ValueError, AttributeError):
            raise LabelError("the waveform file does not have this trace") from None
        return shape


def _sliced(shape: tuple[int, ...], location: Sequence[int | slice]) -> tuple[int, ...]:
    """Shape of ``array[location]`` for an array of this shape."""
    if len(location) > len(shape):
        raise LabelError(f"its location has {len(location)} parts, its block {len(shape)} axes")
    lengths: list[int] = []
    for n_items, part in zip(shape, location, strict=False):
        if isinstance(part, slice):
            lengths.append(len(range(*part.indices(n_items))))
        elif not -n_items <= part < n_items:
            raise LabelError(f"its block has {n_items} traces, none at {part}")
    return (*lengths, *shape[len(location) :])


def _parse_location(text: str) -> tuple[int | slice, ...]:
    """Read the part of a trace's name that says where in a block it is.

    >>> _parse_location("3,:3,:6000")
    (3, slice(None, 3, None), slice(None, 6000, None))
    """
    try:
        return tuple(
            slice(*(int(n) if n.strip() else None for n in part.split(":")))
            if ":" in part
            else int(part)
            for part in text.split(",")
        )
    except (ValueError, TypeError):
        raise LabelError(f"its location {text!r} is not of the kind 3,:3,:6000") from None


def _trace_name(span: LabelledSpan) -> str:
    return span.record.removeprefix(f"{span.path}:")


def _read_trace(path: Path, name: str) -> NDArray[Any]:
    """Read the samples of one trace, shape as stored."""
    block, dollar, location = name.partition("$")
    try:
        dataset = open_waveforms(path)["data"][block]
        samples: NDArray[Any] = dataset[_parse_location(location) if dollar else ...]
    except (KeyError, ValueError, IndexError, OSError, LabelError) as error:
        raise WaveformError(
            f"{path}: trace {name} cannot be read ({error}); check the data set"
        ) from error
    return samples


def open_waveforms(path: Path) -> h5py.File:
    """Open a waveform file once in each process.

    A handle that a parent process opened is not used: HDF5 does not survive a fork. Handles are
    dropped, not closed: another thread may be reading, and the last reference closes them.
    """
    import h5py

    try:
        status = path.stat()
        state = (os.getpid(), status.st_size, status.st_mtime_ns)
        known = _open_files.get(str(path))
        if known and known[0] == state:
            return known[1]
        # A file that is only read needs no lock, and network file systems often have none.
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise WaveformError(
            f"{path}: cannot be read as HDF5 ({str(error).splitlines()[0]}); get the file again"
        ) from error
    while len(_open_files) >= _MAX_OPEN_FILES:
        _open_files.pop(next(iter(_open_files)), None)
    _open_files[str(path)] = (state, file)
    return file
