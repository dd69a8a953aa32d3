"""Choose colours of classes and statuses that all people can tell apart.

The colours are those of Okabe & Ito (2008), Color universal design. Those of the usual classes also
differ in lightness, for prints in grey.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

GREY = "#999999"
"""Of `noise`: what nobody looks for stays in the background."""

_KNOWN = {
    "noise": GREY,
    "earthquake": "#0072B2",
    "surface_event": "#D55E00",
    "explosion": "#009E73",
}

_OTHERS = ("#CC79A7", "#E69F00", "#56B4E9", "#000000")

STATUS_COLOURS: Mapping[str, str] = {
    "ok": "#56B4E9",
    "uncertain": "#F0E442",
    "no_data": "#FFFFFF",
    "rejected": "#000000",
}
"""Far apart in lightness too: 160, 215, 255 and 0 of 255."""

STATUS_HATCHES: Mapping[str, str] = {
    "ok": "",
    "uncertain": "////",
    "no_data": "xxxx",
    "rejected": "",
}


def class_colours(names: Sequence[str]) -> dict[str, str]:
    """Give each class a colour.

    A class has the same colour in all pictures, whatever the model knows beside it, as long as no
    other class of the model asks for the same one first. Of more than eight classes some share one.

    Parameters
    ----------
    names : classes

    Returns
    -------
    dict of class to colour, as in ``#0072B2``

    Examples
    --------
    >>> class_colours(["earthquake", "noise"])
    {'earthquake': '#0072B2', 'noise': '#999999'}
    """
    colours = {name: _KNOWN[name] for name in names if name in _KNOWN}
    free = list(_OTHERS)
    for name in sorted(set(names) - colours.keys()):
        wished = _OTHERS[zlib.crc32(name.encode("utf-8", "surrogatepass")) % len(_OTHERS)]
        free = free or list(_OTHERS)
        colours[name] = wished if wished in free else free[0]
        free.remove(colours[name])
    return {name: colours[name] for name in names}
