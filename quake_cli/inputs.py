"""Find the waveform files that a command line names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from quake.errors import ParameterError
from quake.inputs.selection import Selection
from quake.inputs.walk import Inputs, files_from

__all__ = ["STDIN", "Inputs", "collect"]

STDIN = "standard input"


def collect(
    arguments: Sequence[str],
    spool: Path,
    *,
    sds: Sequence[str] = (),
    files_from: str | None = None,
    null: bool = False,
    selection: Selection | None = None,
) -> Inputs:
    """Resolve what the user named, in that order.

    Parameters
    ----------
    arguments : files, folders, patterns, ``-``
    spool : Path
        Folder for copies of what can be read only once: standard input and named pipes.
    sds : roots of SDS archives
    files_from : file with one name a line, or ``-``
    null : bool
        The names in it are divided by NUL.
    selection : Selection, optional
        What of the SDS archives is wanted; the other inputs are taken as they are.

    Raises
    ------
    ParameterError
        If standard input is to be two things, or the list of names cannot be read.
    """
    _check(arguments, files_from, null)
    found = Inputs(spool=spool)
    for argument in dict.fromkeys(arguments):
        if argument == "-":
            _add_stdin(found)
        else:
            found.add_argument(argument)
    if files_from is not None:
        _add_list(found, files_from, null)
    for root in dict.fromkeys(sds):
        found.add_sds(root, selection)
    return found


def _check(arguments: Sequence[str], list_name: str | None, null: bool) -> None:
    if list_name == "-" and "-" in arguments:
        raise ParameterError(
            "- as INPUT and --files-from -: standard input can be one of them only; "
            "put the names or the waveforms into a file"
        )
    if null and list_name is None:
        raise ParameterError("--null: says how the names of --files-from are divided; give both")


def _add_stdin(found: Inputs) -> None:
    fault = _fault_of_stdin("miniSEED or SAC")
    if fault:
        found.fail(STDIN, fault)
    else:
        found.add_stream(sys.stdin.buffer, STDIN)


def _add_list(found: Inputs, name: str, null: bool) -> None:
    if name == "-":
        fault = _fault_of_stdin("names of files")
        if fault:
            raise ParameterError(f"--files-from -: {STDIN} {fault}")
        _add_names(found, sys.stdin.buffer, STDIN, null)
        return
    try:
        with Path(name).open("rb") as stream:
            _add_names(found, stream, name, null)
    except OSError as error:
        raise ParameterError(
            f"--files-from {name}: cannot be read ({error.strerror or error}); check the path"
        ) from error


def _add_names(found: Inputs, stream: BinaryIO, source: str, null: bool) -> None:
    found.add_names(files_from(stream, null=null), source)


def _fault_of_stdin(expected: str) -> str:
    if sys.stdin is None:
        return f"is closed; pipe {expected} into it"
    if sys.stdin.isatty():
        return f"is a terminal; pipe {expected} into it"
    return ""
