"""Find inputs: files, folders, globs and ``-`` go in, paths of waveform files come out."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from quake.data.readers import is_waveform_file
from quake.data.source import Problem
from quake.errors import WaveformError

STDIN = "standard input"

# Files of a folder that are so named and cannot be read are failures; others are no waveforms.
_WAVEFORM_SUFFIXES = {".mseed", ".miniseed", ".ms", ".sac", ".seed"}


@dataclass
class Inputs:
    """What was found.

    Attributes
    ----------
    files : list of Path
        To be read, each once.
    names : dict of path to str
        What to call files that stand for something else.
    problems : list of Problem
        Inputs that gave no file.
    left_out : int
        Files of folders that are hidden or no waveforms.
    """

    files: list[Path] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    left_out: int = 0
    _seen: set[str] = field(default_factory=set, repr=False)

    def add(self, path: Path) -> None:
        """Add a file unless it is there already, by whatever name."""
        real = os.path.realpath(path)
        if real not in self._seen:
            self._seen.add(real)
            self.files.append(path)

    def fail(self, source: str | Path, message: str) -> None:
        """Note an input that cannot be used."""
        self.problems.append(Problem(str(source), f"{source}: {message}"))


def collect(arguments: Sequence[str], spool: Path) -> Inputs:
    """Resolve what the user named, in that order.

    Parameters
    ----------
    arguments : files, folders, patterns, ``-``
    spool : Path
        Folder for copies of what can be read only once: standard input and named pipes.
    """
    found = Inputs()
    for argument in arguments:
        if argument == "-":
            _add_stdin(found, spool)
        elif os.path.lexists(argument):  # a name with brackets is a name before it is a pattern
            _add_path(found, Path(argument), spool)
        elif glob.has_magic(argument):
            _add_matches(found, argument, spool)
        else:
            found.fail(argument, "no such file or folder; check the path")
    return found


def _add_path(found: Inputs, path: Path, spool: Path) -> None:
    if path.is_dir():
        _add_folder(found, path)
    elif path.is_fifo():
        with path.open("rb") as stream:
            _add_stream(found, stream, str(path), spool)
    elif not path.exists():
        found.fail(path, "a link to nothing; mend or remove it")
    else:
        found.add(path)


def _add_matches(found: Inputs, pattern: str, spool: Path) -> None:
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - keeps ./ and absolute names
    if not matches:
        found.fail(pattern, "no file matches this pattern; check it")
    for match in matches:
        _add_path(found, Path(match), spool)


def _add_folder(found: Inputs, folder: Path) -> None:
    n_problems, n_left_out, n_waveforms = len(found.problems), found.left_out, 0
    for path in _walk(found, folder):
        if path.name.startswith(".") or not path.is_file():
            found.left_out += 1
        elif path.suffix.lower() in _WAVEFORM_SUFFIXES or _is_waveform(found, path):
            found.add(path)
            n_waveforms += 1
    if not n_waveforms and len(found.problems) == n_problems:
        found.fail(
            folder,
            f"no miniSEED or SAC file in this folder ({found.left_out - n_left_out} other files); "
            "check the path",
        )


def _walk(found: Inputs, folder: Path) -> Iterator[Path]:
    """Yield all files below a folder in the order of their names; links to folders are followed."""

    def unreadable(error: OSError) -> None:
        found.fail(error.filename, f"cannot be listed ({error.strerror}); check its permissions")

    visited = set()
    for parent, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        visited.add(os.path.realpath(parent))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and os.path.realpath(Path(parent, name)) not in visited  # a link can lead back
        )
        yield from (Path(parent, name) for name in sorted(files))


def _is_waveform(found: Inputs, path: Path) -> bool:
    try:
        is_one = is_waveform_file(path)
    except WaveformError as error:
        found.problems.append(Problem(str(path), str(error)))
        return False
    found.left_out += not is_one
    return is_one


def _add_stdin(found: Inputs, spool: Path) -> None:
    if STDIN in found.names.values():
        return
    if sys.stdin is None:
        found.fail(STDIN, "is closed; pipe miniSEED or SAC into it")
    elif sys.stdin.isatty():
        found.fail(STDIN, "is a terminal; pipe miniSEED or SAC into it")
    else:
        _add_stream(found, sys.stdin.buffer, STDIN, spool)


def _add_stream(found: Inputs, stream: BinaryIO, name: str, spool: Path) -> None:
    """Copy a stream to a file, because formats are told by looking twice."""
    path = spool / f"stream-{len(found.names)}"
    try:
        with path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
    except OSError as error:
        found.fail(name, f"cannot be read ({error.strerror or error})")
        return
    found.names[str(path)] = name
    found.add(path)
