"""Name the files of pictures safely, and read their notes."""

from __future__ import annotations

import re
from pathlib import Path

from quake.waveforms.ids import ChannelSetId

# All else is written as %XX: codes come from files, and must not name another folder. The dot
# divides the codes, so it is no part of one.
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")

# A file whose name begins with a dot is hidden.
_NO_NETWORK = "_"

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = 65_536


def picture_name(channel_set: ChannelSetId, date: str) -> str:
    """Name of the picture of a station-day.

    Parameters
    ----------
    channel_set : ChannelSetId
    date : str
        UTC, as in ``2020-05-02``.

    Examples
    --------
    >>> picture_name(ChannelSetId("IU", "ANMO", "00", "BH"), "2020-05-02")
    'IU.ANMO.00.BH.2020-05-02.png'
    >>> picture_name(ChannelSetId("", "../x", "", "BH"), "2020-05-02")
    '_.%2E%2E%2Fx..BH.2020-05-02.png'
    """
    key = channel_set
    network = _escaped(key.network).replace(_NO_NETWORK, "%5F") or _NO_NETWORK
    codes = [network, *map(_escaped, (key.station, key.location, key.band_instrument))]
    return f"{'.'.join(codes)}.{date}.png"


def note_of(path: Path, keyword: str) -> str | None:
    """Read a text that a PNG file has; None if it has none, or is no such file.

    Parameters
    ----------
    path : Path
    keyword : str
        Of `quake.pictures.canvas.as_png`.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if not head.startswith(_SIGNATURE):
        return None
    at = len(_SIGNATURE)
    while at + 8 <= len(head):
        length, kind = int.from_bytes(head[at : at + 4], "big"), head[at + 4 : at + 8]
        name, _, text = head[at + 8 : at + 8 + length].partition(b"\0")
        if kind == b"tEXt" and name == keyword.encode():
            return text.decode("latin-1")
        at += 12 + length  # four bytes of length, kind and checksum each
    return None


def _escaped(code: str) -> str:
    def percent(found: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))

    return _UNSAFE.sub(percent, code)
