"""Find waveform files: from names, folders, patterns, archives and lists of names.

What is wrong with one of them is a `Problem`, and the others go on. Files are not read, except
for the first bytes of those in folders whose names do not say what they are.
"""

from __future__ import annotations

import glob
import os
import shutil
import stat
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from quake.errors import ParameterError, WaveformError
from quake.inputs.sds import LAYOUT, Listing, SdsTally, list_folder, parse_name, sds_files
from quake.inputs.selection import Selection
from quake.waveforms.file_state import FileState
from quake.waveforms.readers.compressed import may_hold_several, plain_name
from quake.waveforms.readers.other_formats import other_format
from quake.waveforms.readers.waveform_file import is_waveform_file, packed_fault
from quake.waveforms.sources import Problem

# Files of a folder that are so named and cannot be read are failures; others are no waveforms.
_WAVEFORM_SUFFIXES = {".mseed", ".miniseed", ".ms", ".ms3", ".mseed3", ".sac", ".seed"}

# A folder with this file is a store of results, which are no inputs.
_STORE_FILE = ("_quake", "run.json")

# Names that are compressed together, and names at hand of the folders that were added to last:
# a list may be in the order of days, in which folders take turns.
_PACKED = 64
_AT_HAND = 50_000

_CHUNK_BYTES = 1 << 16
_SHOWN_CHARACTERS = 200


class PathList:
    """Paths of files, each once, in the order in which they were added.

    Names are kept folder by folder, and compressed where others have followed: of three million
    files of an archive they take some twenty megabytes, as paths they would take two gigabytes.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[str, _Names]] = []
        self._seen: dict[str, _Names] = {}
        self._unpacked: OrderedDict[str, set[str]] = OrderedDict()
        self._real_folder = lru_cache(1024)(os.path.realpath)
        self._n_at_hand = self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Path]:
        for folder, names in self._runs:
            for name in names:
                yield Path(folder, name)

    def add(self, path: str | Path, *, is_link: bool | None = None) -> bool:
        """Add a file, unless it is there already by whatever name; say whether it was added.

        Parameters
        ----------
        path : path
        is_link : bool, optional
            Whether its last part is a link, if that is known.
        """
        folder, name = os.path.split(path)
        if os.path.islink(path) if is_link is None else is_link:  # noqa: PTH114 - millions of them
            real_folder, real_name = os.path.split(os.path.realpath(path))
        else:
            real_folder, real_name = self._real_folder(folder), name
        seen = self._seen_in(real_folder)
        if real_name in seen:
            return False
        seen.add(real_name)
        self._n_at_hand += 1
        self._seen[real_folder].add(real_name)
        if not self._runs or self._runs[-1][0] != folder:
            if self._runs:
                self._runs[-1][1].pack()
            self._runs.append((folder, _Names()))
        self._runs[-1][1].add(name)
        self._length += 1
        return True

    def _seen_in(self, folder: str) -> set[str]:
        """Names of a folder that are there already; those of the last folders are at hand."""
        if folder not in self._unpacked:
            while self._n_at_hand > _AT_HAND:
                before, names = self._unpacked.popitem(last=False)
                self._seen[before].pack()
                self._n_at_hand -= len(names)
            self._unpacked[folder] = set(self._seen.setdefault(folder, _Names()))
            self._n_at_hand += len(self._unpacked[folder])
        return self._unpacked[folder]


class _Names:
    """Names of files of one folder, which can be packed."""

    __slots__ = ("_loose", "_packed")

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._loose: list[str] = []

    def add(self, name: str) -> None:
        self._loose.append(name)

    def pack(self) -> None:
        """Compress, where there are enough; no file system has names with a NUL."""
        if len(self._loose) >= _PACKED:
            text = "\0".join(self._loose).encode("utf-8", "surrogateescape")
            self._packed.append(zlib.compress(text, 1))
            self._loose = []

    def __iter__(self) -> Iterator[str]:
        for packed in self._packed:
            yield from zlib.decompress(packed).decode("utf-8", "surrogateescape").split("\0")
        yield from self._loose


@dataclass
class Inputs:
    """What was found.

    Attributes
    ----------
    files : PathList
        To be read, each once.
    names : dict of path to str
        What to call files that stand for something else.
    problems : list of Problem
        Inputs that gave no file.
    left_out : int
        Files of folders that are hidden or no waveforms.
    spool : Path or None
        Folder for copies of what can be read only once, as named pipes; None refuses these.
    remote : dict of URI to FileState
        Files that are elsewhere, as they were when they were listed.
    uris : list of str
        What the user named that they are from.
    read_any : bool
        Take files of other formats out of folders, too, see `readers.other_formats`.
    """

    files: PathList = field(default_factory=PathList)
    remote: dict[str, FileState] = field(default_factory=dict)
    uris: list[str] = field(default_factory=list)
    read_any: bool = False
    names: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    left_out: int = 0
    spool: Path | None = None
    _walked: set[str] = field(default_factory=set, repr=False)

    @property
    def sources(self) -> Iterator[str]:
        """Paths of files, and URIs of those that are elsewhere."""
        yield from map(str, self.files)
        yield from self.remote

    @property
    def n_sources(self) -> int:
        """How many there are."""
        return len(self.files) + len(self.remote)

    def is_newer(self, source: str, since_ns: int) -> bool:
        """Whether a file was modified since; yes of what a server makes when it is asked for it."""
        state = self.remote.get(source)
        if state is None:
            return Path(source).stat().st_mtime_ns >= since_ns
        return state.modified_ns >= since_ns or not state.modified_ns

    def add(self, path: str | Path) -> None:
        """Add a file unless it is there already, by whatever name."""
        self.files.add(path)

    def fail(self, source: str | Path, message: str) -> None:
        """Note an input that cannot be used."""
        shown = str(source) or "''"
        self.problems.append(Problem(shown, f"{shown}: {message}"))

    def add_argument(self, argument: str) -> None:
        """Add what a name stands for, or all that match it if it is a pattern."""
        # A name with brackets is a name before it is a pattern.
        if not os.path.lexists(argument) and glob.has_magic(argument):
            self.add_matches(argument)
        else:
            self.add_name(argument)

    def add_name(self, name: str | Path) -> None:
        """Add a file, the files of a folder, or a copy of what a named pipe gives."""
        try:
            mode = os.stat(name).st_mode  # noqa: PTH116 - a name may have a NUL
        except (OSError, ValueError) as error:
            self.fail(*_not_there(str(name), error))
            return
        if stat.S_ISDIR(mode):
            self.add_folder(name)
        elif stat.S_ISFIFO(mode):
            self._add_pipe(Path(name))
        else:
            self.add(Path(name))

    def add_names(
        self, names: Iterable[str], source: str, add: Callable[[str], None] | None = None
    ) -> None:
        """Add each name of a list.

        Parameters
        ----------
        names : of files and folders, as `files_from` gives them
        source : str
            What to call the list in messages.
        add : callable, optional
            Adds one name; `add_name` by default.
        """
        is_empty = True
        for name in names:
            is_empty = False
            (add or self.add_name)(name)
        if is_empty:
            self.problems.append(Problem(source, f"{source}: names no input", failed=False))

    def add_folder(self, folder: str | Path) -> None:
        """Add the waveform files below a folder.

        Names are taken in sorted order, and links to folders are followed, each folder once.
        Hidden files and folders are left out, and so are stores of results.
        """
        n_problems, n_left_out = len(self.problems), self.left_out
        is_empty = True
        for place, listing in self._walk(Path(folder)):
            if listing is None or self._add_files_of(place, listing):
                is_empty = False
        if is_empty and len(self.problems) == n_problems:
            self.fail(
                folder,
                f"no miniSEED or SAC file in this folder ({self.left_out - n_left_out} other "
                "files); check the path",
            )

    def add_sds(self, root: str | Path, selection: Selection | None = None) -> None:
        """Add the files of an SDS archive that can hold something of a selection.

        Parameters
        ----------
        root : folder
            That of the years.
        selection : Selection, optional
            All by default.
        """
        tally, is_empty = SdsTally(), True
        if not os.path.isdir(root):  # noqa: PTH112 - no error where a folder above is closed
            fault = "is no folder" if os.path.lexists(root) else "no such folder"
            self.fail(root, f"{fault}; {_expected_root(root)}")
            return
        for path in sds_files(root, selection, tally):
            self.files.add(path)
            is_empty = False
        self.left_out += tally.left_out
        self.problems += tally.problems
        if is_empty and tally.n_unselected:
            of = "" if str(selection).startswith(("from", "until")) else "of "
            message = f"{root}: nothing {of}{selection} in this archive"
            if selection is not None and (selection.start_ns, selection.end_ns) != (None, None):
                message += "; days are those that the names of its files tell"
            self.problems.append(Problem(str(root), message, failed=False))
        elif is_empty and not tally.problems:
            self.fail(
                root,
                f"no waveform file of an SDS archive ({tally.left_out} other files); "
                f"{_expected_root(root)}",
            )

    def add_stream(self, stream: BinaryIO, name: str) -> None:
        """Copy a stream to a file, because formats are told by looking twice.

        Parameters
        ----------
        stream : binary file
        name : str
            What to call it in messages.
        """
        if self.spool is None:
            self.fail(name, "can be read only once, a file was expected; copy it to one")
            return
        path = self.spool / f"stream-{len(self.names)}"
        try:
            with path.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
        except OSError as error:
            self.fail(name, f"cannot be read ({error.strerror or error})")
            return
        self.names[str(path)] = name
        self.add(path)

    def add_matches(self, pattern: str) -> None:
        """Add all that matches a pattern."""
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - keeps ./ and absolute names
        if not matches:
            self.fail(pattern, "no file matches this pattern; check it")
        for match in matches:
            self.add_name(match)

    def _add_pipe(self, path: Path) -> None:
        try:
            with path.open("rb") as stream:
                self.add_stream(stream, str(path))
        except OSError as error:
            self.fail(path, f"cannot be read ({error.strerror or error}); check its permissions")

    def _walk(self, folder: Path) -> Iterator[tuple[str, Listing | None]]:
        """Yield folders and what is in them, None if they were walked before."""
        waiting = [(str(folder), os.path.realpath(folder))]
        while waiting:
            place, real = waiting.pop()
            if real in self._walked:  # a link can lead back, or two to one folder
                yield place, None
                continue
            self._walked.add(real)
            listing = list_folder(place, self.problems)
            if _is_store(place, listing):
                continue
            yield place, listing
            for name in reversed(listing.folders):
                if not name.startswith("."):
                    below = os.path.join(place, name)  # noqa: PTH118 - millions of names
                    is_link = name in listing.links
                    waiting.append((below, _real(real, name, below if is_link else None)))

    def _add_files_of(self, folder: str, listing: Listing) -> int:
        """Add the waveform files of one folder, and say how many there are."""
        n_waveforms = 0
        self.left_out += listing.n_others
        for name in listing.files:
            path = os.path.join(folder, name)  # noqa: PTH118 - millions of names
            if self._is_waveform(path, name):
                self.files.add(path, is_link=name in listing.links)
                n_waveforms += 1
        return n_waveforms

    def _is_waveform(self, path: str, name: str) -> bool:
        """Whether a file of a folder is one; those that are not are counted."""
        found = _says_waveform(plain_name(name))
        if found is None:
            try:
                found = is_waveform_file(path) or (self.read_any and bool(other_format(Path(path))))
            except WaveformError as error:
                self.problems.append(Problem(path, str(error)))
                return False
        self.left_out += not found
        if not found and not name.startswith(".") and may_hold_several(name):
            fault = packed_fault(path)
            self.problems += [Problem(path, fault, failed=False)] if fault else []
        return found


def files_from(stream: BinaryIO, *, null: bool = False) -> Iterator[str]:
    r"""Read a list of names.

    Parameters
    ----------
    stream : binary file
    null : bool
        Names end with NUL; otherwise with a line break, LF or CRLF.

    Yields
    ------
    str
        One name after the other, without the empty ones. Bytes that are no UTF-8 survive as
        surrogates, as in `os.fsdecode`.

    Raises
    ------
    ParameterError
        If the list is written in UTF-16, as some shells of Windows do.

    Examples
    --------
    >>> import io
    >>> list(files_from(io.BytesIO(b"a.mseed\r\n\nb c.mseed")))
    ['a.mseed', 'b c.mseed']
    """
    for number, line in enumerate(_parts(stream) if null else stream):
        if not null:
            if number == 0:
                line = _without_mark(line)
            line = line.removesuffix(b"\n").removesuffix(b"\r")
        if line:
            yield os.fsdecode(line)


def _parts(stream: BinaryIO) -> Iterator[bytes]:
    """Divide a stream at NUL, without reading it as a whole."""
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *parts, rest = (rest + chunk).split(b"\0")
        yield from parts
    yield rest


def _without_mark(line: bytes) -> bytes:
    """The first line without the mark that editors put before UTF-8."""
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ParameterError(
            "the list of names is UTF-16; UTF-8 was expected: write it with another encoding"
        )
    return line.removeprefix(b"\xef\xbb\xbf")


def _not_there(name: str, error: OSError | ValueError) -> tuple[str, str]:
    """Name, shortened where it is no name, and what is wrong with it."""
    if "\0" in name:
        advice = "a name has no NUL; if the list is divided by NUL, say so with --null"
        return _shortened(name), advice
    if "\n" in name and len(name) > _SHOWN_CHARACTERS:
        advice = "no such file or folder; if the list has one name a line, leave out --null"
        return _shortened(name), advice
    if os.path.islink(name):  # noqa: PTH114
        return name, "a link to nothing; mend or remove it"
    if isinstance(error, PermissionError):
        return name, f"cannot be read ({error.strerror}); check its permissions"
    return name, "no such file or folder; check the path"


def _shortened(name: str) -> str:
    return name if len(name) <= _SHOWN_CHARACTERS else name[:_SHOWN_CHARACTERS] + "..."


def _expected_root(root: str | Path) -> str:
    """What an archive looks like, and what to do with a folder that is none."""
    name = Path(root).resolve().name
    if len(name) == 4 and name.isdecimal():
        return f"--sds takes the folder of the years, with files {LAYOUT}: the one above {name}"
    return (
        f"--sds takes the folder of the years, with files {LAYOUT}; "
        "name a folder of another layout as INPUT"
    )


def _says_waveform(name: str) -> bool | None:
    """Whether a file holds waveforms, as far as its name tells."""
    if name.startswith("."):
        return False
    found = parse_name(name)
    if found is not None:
        return found.is_waveform
    return True if os.path.splitext(name)[1].lower() in _WAVEFORM_SUFFIXES else None  # noqa: PTH122


def _is_store(folder: str, listing: Listing) -> bool:
    return _STORE_FILE[0] in listing.folders and Path(folder, *_STORE_FILE).is_file()


def _real(real_parent: str, name: str, link: str | None) -> str:
    """Real path of a folder in a folder, of which only links have to be asked for."""
    return os.path.realpath(link) if link else os.path.join(real_parent, name)  # noqa: PTH118
