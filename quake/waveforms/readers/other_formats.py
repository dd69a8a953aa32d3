"""Read formats beside miniSEED and SAC, and write the same samples as miniSEED.

ObsPy reads them, each by the reader of that format alone: what it would try by itself includes a
pickle, which would run code from the file. Codes are made sense of where the format tells which
component is which; where it does not, the file is refused, with the command that converts it.
"""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from quake.errors import ParameterError, WaveformError
from quake.untrusted import refuse_special
from quake.waveforms.readers.mseed import caught_warnings, first_line
from quake.waveforms.readers.waveform_file import is_waveform_file

if TYPE_CHECKING:
    from obspy import Trace

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"

# Waveforms of a file larger than that are not read at once.
_MOST_BYTES = 2 << 30
_MOST_TIMES = 200  # what unpacks to more was made to fill disks

_ACCELEROMETER_HZ = 80.0  # band code H from here on, B below (SEED manual, appendix A)
_NIED = {"NS": "N", "EW": "E", "UD": "Z"}
_KIKNET = re.compile(r"[A-Z]{3}H\d\d")

_ENCODINGS = {
    "i": (np.int32, "INT32"),
    "f4": (np.float32, "FLOAT32"),
    "f8": (np.float64, "FLOAT64"),
}


@dataclass(frozen=True)
class OtherFormat:
    """A format that is read on demand.

    Attributes
    ----------
    name : str
        As ObsPy calls it.
    module, is_format, read : str
        Where ObsPy has it.
    named : callable
        Gives a trace network, station, location and channel; None where nobody knows them.
    suffixes : tuple of str
        Where other files look like it, it is told by its name, too.
    """

    name: str
    module: str
    is_format: str
    read: str
    named: Callable[[Trace], None] | None
    suffixes: tuple[str, ...] = ()

    def is_of(self, path: Path) -> bool:
        """Whether a file has this format."""
        if self.suffixes and path.suffix.lower() not in self.suffixes:
            return False
        try:
            with caught_warnings():
                return bool(
                    getattr(importlib.import_module(self.module), self.is_format)(str(path))
                )
        except Exception:  # whatever a test makes of a file of another kind
            return False

    def traces(self, path: Path) -> Iterator[Trace]:
        """Read a file."""
        with caught_warnings():
            found = getattr(importlib.import_module(self.module), self.read)(str(path))
        yield from found


def _as_they_are(trace: Trace) -> None:
    """The header has codes; SEISAN's have blanks within, as in ``S  Z``."""
    trace.stats.channel = "".join(trace.stats.channel.split())


def _of_nied(trace: Trace) -> None:
    """K-NET and KiK-net: NS2 is N of the surface, UD1 is Z of the borehole.

    Station codes have six characters, miniSEED has five: of KiK-net the H goes, and the location
    is 01 in the borehole and 02 above; of K-NET the last two become the location.
    """
    stats = trace.stats
    code, place = stats.channel[:2], stats.channel[2:]
    if code not in _NIED:
        raise WaveformError(f"component {stats.channel!r}, one of NS, EW, UD was expected")
    band = "H" if stats.sampling_rate >= _ACCELEROMETER_HZ else "B"
    stats.channel = f"{band}N{_NIED[code]}"
    station = stats.station
    if _KIKNET.fullmatch(station):
        stats.station, stats.location = station[:3] + station[4:], f"0{place or 2}"
    elif len(station) > 5:
        stats.station, stats.location = station[:-2], station[-2:]


FORMATS = (
    OtherFormat("GSE2", "obspy.io.gse2.core", "_is_gse2", "_read_gse2", _as_they_are),
    OtherFormat("GSE1", "obspy.io.gse2.core", "_is_gse1", "_read_gse1", _as_they_are),
    OtherFormat("KNET", "obspy.io.nied.knet", "_is_knet_ascii", "_read_knet_ascii", _of_nied),
    OtherFormat("SEISAN", "obspy.io.seisan.core", "_is_seisan", "_read_seisan", _as_they_are),
    OtherFormat("GCF", "obspy.io.gcf.core", "_is_gcf", "_read_gcf", _as_they_are, (".gcf",)),
    OtherFormat("SEG2", "obspy.io.seg2.seg2", "_is_seg2", "_read_seg2", None),
    OtherFormat("SEGY", "obspy.io.segy.core", "_is_segy", "_read_segy", None, (".sgy", ".segy")),
    OtherFormat("WIN", "obspy.io.win.core", "_is_win", "_read_win", None),
)


def other_format(path: Path) -> str:
    """Name of the format of a file that is neither miniSEED nor SAC; empty if it is none of these.

    ``ZIP`` is an archive of several files, ``ASDF`` the adaptable seismic data format.
    """
    try:
        refuse_special(path)
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return ""
    if head == _HDF5:
        return "ASDF" if _is_asdf(path) else ""
    if head.startswith(_ZIP):
        return "ZIP"
    return next((one.name for one in FORMATS if one.is_of(path)), "")


def advice_on(path: Path) -> str:
    """What to do with a file of another format; empty if it has none that is known."""
    name = other_format(path)
    if not name:
        return ""
    one = next((one for one in FORMATS if one.name == name), None)
    if one is not None and one.named is None:
        return f"{name}, which does not tell components: {_conversion(path, name)}"
    return f"{name}, which is read with --read-any"


def write_as_mseed(path: Path, target: BinaryIO) -> None:
    """Write what is in a file of another format as miniSEED.

    Parameters
    ----------
    path : Path
    target : binary file

    Raises
    ------
    WaveformError
        If it cannot be read, or nobody can say which component is which.
    ParameterError
        If a package is missing that its format needs.
    """
    name = other_format(path)
    if path.stat().st_size > _MOST_BYTES:
        raise WaveformError(f"{path}: {name} of more than {_MOST_BYTES} bytes; convert it in parts")
    try:
        if name == "ZIP":
            _write_zip(path, target)
        else:
            for trace in _asdf_traces(path) if name == "ASDF" else _traces(path, name):
                _write(trace, target)
    except (WaveformError, ParameterError, OSError):
        raise
    except Exception as error:  # ObsPy's readers raise whatever they made of the bytes
        raise WaveformError(
            f"{path}: damaged {name} data ({first_line(error)}); check the file, or leave it out"
        ) from error


def _traces(path: Path, name: str) -> Iterator[Trace]:
    one = next((one for one in FORMATS if one.name == name), None)
    if one is None:
        raise WaveformError(f"{path}: none of {', '.join(known())}; convert it to miniSEED")
    if one.named is None:
        raise WaveformError(f"{path}: {advice_on(path)}")
    for trace in one.traces(path):
        try:
            one.named(trace)
        except WaveformError as error:
            raise WaveformError(f"{path}: {error}") from error
        yield trace


def known() -> list[str]:
    """Names of the formats that are read on demand."""
    return [one.name for one in FORMATS if one.named is not None] + ["ASDF", "ZIP"]


def _conversion(path: Path, name: str) -> str:
    """The command that converts a file whose traces have no codes."""
    code = (
        f"import obspy; s = obspy.read({str(path)!r}, {name!r}); "
        "[t.stats.update({'network': 'XX', 'station': f'S{n:03}', 'channel': 'HHZ'}) "
        f"for n, t in enumerate(s)]; s.write({str(path.with_suffix('.mseed'))!r})"
    )
    return f"convert it, with the codes that are right: python -c {shlex.quote(code)}"


def _write(trace: Trace, target: BinaryIO) -> None:
    """Write a trace without loss."""
    if not len(trace.data):
        return
    for piece in trace.split() if np.ma.is_masked(trace.data) else [trace]:
        data = np.ma.getdata(piece.data)
        kind = data.dtype.kind if data.dtype.kind in "iu" else f"f{data.dtype.itemsize}"
        dtype, encoding = _ENCODINGS.get("i" if kind in "iu" else kind, (np.float64, "FLOAT64"))
        if kind in "iu" and abs(data.astype(np.float64)).max() >= 2**31:
            dtype, encoding = np.float64, "FLOAT64"
        piece.data = np.ascontiguousarray(data, dtype)
        piece.stats.pop("mseed", None)
        with caught_warnings():
            piece.write(target, format="MSEED", encoding=encoding)


# ASDF --------------------------------------------------------------------------------------------


def _is_asdf(path: Path) -> bool:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("file_format", b"")
    except OSError:
        return False
    return bytes(found).strip(b"\0") == b"ASDF" if isinstance(found, bytes) else found == "ASDF"


def _asdf_traces(path: Path) -> Iterator[Trace]:
    """Read the raw recordings, or the only kind of waveforms that there is."""
    try:
        import pyasdf
    except ImportError as error:
        raise ParameterError(
            f"{path}: ASDF needs the package pyasdf, which is not installed ({error}); "
            "pip install 'quake[asdf]'"
        ) from error
    with caught_warnings(), pyasdf.ASDFDataSet(str(path), mode="r", mpi=False) as data:
        tags = sorted(data.waveform_tags)
        tag = "raw_recording" if "raw_recording" in tags else (tags[0] if len(tags) == 1 else "")
        if not tag:
            raise WaveformError(
                f"{path}: waveforms of {len(tags)} kinds ({', '.join(tags[:5])}), none of them "
                "raw_recording; write the one that is meant as miniSEED"
            )
        for station in data.waveforms:
            if tag in station.get_waveform_tags():
                yield from station[tag]


# Zip ---------------------------------------------------------------------------------------------


def _write_zip(path: Path, target: BinaryIO) -> None:
    """Write all waveforms of an archive, one file after the other."""
    most_bytes = max(_MOST_TIMES * path.stat().st_size, _MOST_BYTES)
    n_bytes = n_waveforms = 0
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory(prefix="quake-") as folder:
        for member in archive.infolist():
            if member.is_dir():
                continue
            part = Path(folder, "part")
            with archive.open(member) as packed, part.open("wb") as file:
                n_bytes += _copy_at_most(packed, file, most_bytes - n_bytes, path)  # type: ignore[arg-type]
            n_waveforms += _append(part, target)
    if not n_waveforms:
        raise WaveformError(f"{path}: a zip archive without miniSEED or SAC; unpack it, and look")


def _copy_at_most(packed: BinaryIO, file: BinaryIO, most_bytes: int, path: Path) -> int:
    n_bytes = 0
    while chunk := packed.read(1 << 20):
        n_bytes += len(chunk)
        if n_bytes > most_bytes:
            raise WaveformError(
                f"{path}: unpacks to more than {_MOST_TIMES} times its size, as no waveforms do; "
                "unpack it by hand if it is right"
            )
        file.write(chunk)
    return n_bytes


def _append(part: Path, target: BinaryIO) -> bool:
    """Add a file to others if it has waveforms; say whether it has."""
    if not is_waveform_file(part):
        return False
    traces: Any = _sac(part)
    if traces is None:
        with part.open("rb") as file:
            shutil.copyfileobj(file, target)
    else:
        for trace in traces:
            _write(trace, target)
    return True


def _sac(path: Path) -> Any:
    """Traces of a SAC file; None if it is miniSEED."""
    from obspy.io.sac.core import _is_sac, _read_sac

    with path.open("rb") as file:
        if not _is_sac(file):
            return None
        file.seek(0)
        return _read_sac(file)
