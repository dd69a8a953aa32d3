"""Open what may be given as waveforms: ObsPy streams, files, folders, patterns."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Union

from quake.errors import ParameterError
from quake.inputs.copies import copies_in
from quake.inputs.naming import collect
from quake.waveforms.sources import FileSource, Source, StreamSource

if TYPE_CHECKING:
    from obspy import Stream, Trace

Waveforms = Union["Stream", "Trace", str, Path, Iterable[str | Path]]
"""An ObsPy stream or trace; a file, a folder, a pattern with ``*``, a URI; or several of these."""

_EXPECTED = "an ObsPy stream or trace, a path, a folder, a pattern, or a list of paths"
_MOST_SHOWN = 300  # letters of a message with a value of any length


def waveform_source(waveforms: Waveforms) -> Source:
    """Open waveforms as a source; inputs that are not there become its problems.

    Folders are walked, and patterns and URIs resolved, as `quake predict` does. Of a data centre,
    one day is named, as in ``fdsn://EARTHSCOPE/UW.RCM..HH?/2025-01-01``.

    Raises
    ------
    ParameterError
        If it is none of these, or nothing was named.
    """
    if hasattr(waveforms, "traces"):
        return StreamSource(waveforms)
    if hasattr(waveforms, "stats"):
        return StreamSource([waveforms])
    inputs = collect(_names(waveforms))
    source = FileSource(inputs.sources, copier=copies_in(None))
    source.problems += inputs.problems
    return source


def _names(waveforms: object) -> list[str]:
    """Names of files, folders, patterns and URIs."""
    if isinstance(waveforms, str | os.PathLike):
        return [str(waveforms)]
    if isinstance(waveforms, bytes) or not isinstance(waveforms, Iterable):
        raise ParameterError(_expected(waveforms))
    names = list(waveforms)
    if not names:
        raise ParameterError(f"no waveforms were given; {_EXPECTED} was expected")
    for name in names:
        if not isinstance(name, str | os.PathLike):
            raise ParameterError(_expected(name, "a list with "))
    return [str(name) for name in names]


def _expected(found: object, before: str = "") -> str:
    return f"waveforms: {_EXPECTED} was expected, got {before}{found!r}"[:_MOST_SHOWN]
