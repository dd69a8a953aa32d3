"""Find the waveform files that a command line names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from quake.inputs import naming
from quake.inputs.naming import STDIN
from quake.inputs.selection import Selection
from quake.inputs.walk import Inputs

__all__ = ["STDIN", "Inputs", "collect"]


def collect(
    arguments: Sequence[str],
    spool: Path,
    *,
    sds: Sequence[str] = (),
    files_from: str | None = None,
    null: bool = False,
    selection: Selection | None = None,
    margin_days: int = 0,
    read_any: bool = False,
) -> Inputs:
    """Resolve what the user named, see `quake.inputs.naming.collect`."""
    return naming.collect(
        arguments,
        spool,
        sds=sds,
        files_from=files_from,
        null=null,
        selection=selection,
        margin_days=margin_days,
        read_any=read_any,
        stdin=sys.stdin,
    )
