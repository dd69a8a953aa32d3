"""Tell what a user names as an input: arguments, lists and archives become `Inputs`.

`KINDS` is the table of what an argument can be, and `quake.inputs.schemes.SCHEMES` that of URIs.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

from quake.errors import ParameterError, WaveformError
from quake.inputs.scheme import Wanted
from quake.inputs.schemes import scheme_of
from quake.inputs.selection import Selection
from quake.inputs.walk import Inputs, files_from
from quake.waveforms.file_state import is_uri
from quake.waveforms.sources import Problem

STDIN = "standard input"

MARGIN_DAYS = 1
"""Of stores: windows of a day depend on the days beside it."""


@dataclass(frozen=True)
class Naming:
    """What is needed to find out what a name stands for.

    Attributes
    ----------
    found : Inputs
        Receives it.
    wanted : Wanted
    stdin : text file or None
        Standard input; None if it is closed.
    """

    found: Inputs
    wanted: Wanted
    stdin: IO[str] | None


@dataclass(frozen=True)
class Kind:
    """One thing that a name can be.

    Attributes
    ----------
    name : str
    is_meant : callable
        Whether a name is one of these.
    add : callable
        Adds what it stands for.
    """

    name: str
    is_meant: Callable[[str], bool]
    add: Callable[[Naming, str], None]


def _add_stdin(naming: Naming, name: str) -> None:
    fault = _fault_of_stdin(naming.stdin, "miniSEED or SAC")
    if fault or naming.stdin is None:
        naming.found.fail(STDIN, fault)
    else:
        naming.found.add_stream(naming.stdin.buffer, STDIN)  # type: ignore[attr-defined]


def _add_uri(naming: Naming, uri: str) -> None:
    """Add the files that a URI stands for; an unknown scheme is wrong usage, all else a problem."""
    scheme, found = scheme_of(uri), naming.found
    try:
        there = scheme.find(uri, naming.wanted)
    except ParameterError:
        raise
    except WaveformError as error:
        found.problems.append(Problem(uri, str(error)))
        return
    found.uris.append(uri)
    found.remote.update((state.path, state) for state in there.files)
    found.left_out += there.n_others
    found.problems += there.problems
    if not there.files and not there.problems:
        message = (
            f"{uri}: nothing of {naming.wanted.selection} in it"
            if there.n_unselected
            else f"{uri}: no waveform file ({there.n_others} other files); check the name"
        )
        found.problems.append(Problem(uri, message, failed=not there.n_unselected))


# The first kind that a name is.
KINDS = (
    Kind("standard input", lambda name: name == "-", _add_stdin),
    Kind("URI", is_uri, _add_uri),
    # A name with brackets is a name before it is a pattern.
    Kind(
        "pattern",
        lambda name: glob.has_magic(name) and not os.path.lexists(name),
        lambda naming, name: naming.found.add_matches(name),
    ),
    Kind(
        "file, folder or named pipe", lambda name: True, lambda naming, n: naming.found.add_name(n)
    ),
)

# In a list, names are taken as they are.
_KINDS_OF_LISTS = (KINDS[1], KINDS[3])


def collect(
    arguments: Sequence[str],
    spool: Path | None = None,
    *,
    sds: Sequence[str] = (),
    files_from: str | None = None,
    null: bool = False,
    selection: Selection | None = None,
    margin_days: int = 0,
    read_any: bool = False,
    found: Inputs | None = None,
    stdin: IO[str] | None = None,
) -> Inputs:
    """Resolve what the user named, in that order.

    Parameters
    ----------
    arguments : files, folders, patterns, URIs, ``-``
    spool : Path, optional
        Folder for copies of what can be read only once: standard input and named pipes, which are
        refused without one.
    sds : roots of SDS archives, folders or URIs
    files_from : file with one name a line, or ``-``
    null : bool
        The names in it are divided by NUL.
    selection : Selection, optional
        What of SDS archives and of URIs is wanted; the other inputs are taken as they are.
    margin_days : int
        Of URIs: days beside the selected ones that results depend on.
    read_any : bool
        Files of other formats are inputs, too.
    found : Inputs, optional
        What was found before, to be added to.
    stdin : text file, optional
        Standard input.

    Raises
    ------
    ParameterError
        If standard input is to be two things, the list of names cannot be read, or a URI has no
        scheme that is known, or one that needs what is not there.
    """
    _check(arguments, files_from, null)
    found = found or Inputs(spool=spool, read_any=read_any)
    naming = Naming(found, Wanted(selection or Selection(), margin_days), stdin)
    for argument in dict.fromkeys(arguments):
        _add(naming, KINDS, argument)
    if files_from is not None:
        _add_list(naming, files_from, null)
    for root in dict.fromkeys(sds):
        if is_uri(root):
            _add_uri(naming, f"{root.rstrip('/')}/")
        else:
            found.add_sds(root, selection)
    return found


def _add(naming: Naming, kinds: Sequence[Kind], name: str) -> None:
    next(kind for kind in kinds if kind.is_meant(name)).add(naming, name)


def _check(arguments: Sequence[str], list_name: str | None, null: bool) -> None:
    if list_name == "-" and "-" in arguments:
        raise ParameterError(
            "- as INPUT and --files-from -: standard input can be one of them only; "
            "put the names or the waveforms into a file"
        )
    if null and list_name is None:
        raise ParameterError("--null: says how the names of --files-from are divided; give both")


def _add_list(naming: Naming, name: str, null: bool) -> None:
    if name == "-":
        fault = _fault_of_stdin(naming.stdin, "names of files")
        if fault or naming.stdin is None:
            raise ParameterError(f"--files-from -: {STDIN} {fault}")
        _add_names(naming, naming.stdin.buffer, STDIN, null)  # type: ignore[attr-defined]
        return
    try:
        with Path(name).open("rb") as stream:
            _add_names(naming, stream, name, null)
    except OSError as error:
        raise ParameterError(
            f"--files-from {name}: cannot be read ({error.strerror or error}); check the path"
        ) from error


def _add_names(naming: Naming, stream: BinaryIO, source: str, null: bool) -> None:
    add = partial(_add, naming, _KINDS_OF_LISTS)
    naming.found.add_names(files_from(stream, null=null), source, add)


def _fault_of_stdin(stdin: IO[str] | None, expected: str) -> str:
    if stdin is None:
        return f"is closed; pipe {expected} into it"
    if stdin.isatty():
        return f"is a terminal; pipe {expected} into it"
    return ""
