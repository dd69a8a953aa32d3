"""Open what may be given as waveforms: ObsPy streams, files, folders, patterns."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Union

from quake.inputs.copies import copies_in
from quake.inputs.naming import collect
from quake.waveforms.sources import FileSource, Source, StreamSource

if TYPE_CHECKING:
    from obspy import Stream, Trace

Waveforms = Union["Stream", "Trace", str, Path, Iterable[str | Path]]
"""An ObsPy stream or trace; a file, a folder, a pattern with ``*``, a URI; or several of these."""


def waveform_source(waveforms: Waveforms) -> Source:
    """Open waveforms as a source; inputs that are not there become its problems.

    Folders are walked, and patterns and URIs resolved, as `quake predict` does. Of a data centre,
    one day is named, as in ``fdsn://EARTHSCOPE/UW.RCM..HH?/2025-01-01``.
    """
    if hasattr(waveforms, "traces"):
        return StreamSource(waveforms)
    if hasattr(waveforms, "stats"):
        return StreamSource([waveforms])
    names = [waveforms] if isinstance(waveforms, str | os.PathLike) else waveforms
    inputs = collect([str(name) for name in names])
    source = FileSource(inputs.sources, copier=copies_in(None))
    source.problems += inputs.problems
    return source
