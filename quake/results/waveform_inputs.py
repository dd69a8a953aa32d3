"""Open what may be given as waveforms: ObsPy streams, files, folders, patterns."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Union

from quake.inputs.walk import Inputs
from quake.waveforms.sources import FileSource, Source, StreamSource

if TYPE_CHECKING:
    from obspy import Stream, Trace

Waveforms = Union["Stream", "Trace", str, Path, Iterable[str | Path]]
"""An ObsPy stream or trace; a file, a folder, a pattern with ``*``; or several of these."""


def waveform_source(waveforms: Waveforms) -> Source:
    """Open waveforms as a source; inputs that are not there become its problems.

    Folders are walked and patterns resolved as `quake predict` does.
    """
    if hasattr(waveforms, "traces"):
        return StreamSource(waveforms)
    if hasattr(waveforms, "stats"):
        return StreamSource([waveforms])
    names = [waveforms] if isinstance(waveforms, str | os.PathLike) else waveforms
    inputs = Inputs()
    for name in names:
        inputs.add_argument(str(name))
    source = FileSource(inputs.files)
    source.problems += inputs.problems
    return source
