"""Recognise the files of an archive that has moved.

An archive may be mounted today and in a bucket tomorrow. A file is the one of before if its name,
its size and all of its bytes are the same; then what was made of that one stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from quake.inputs.scheme import parts_of
from quake.store.entries import FileEntry
from quake.store.journal import Journal
from quake.waveforms.file_state import content_of, is_uri, state_of


@dataclass(frozen=True)
class Archive:
    """Files of a journal that a run does not name, by name and size."""

    files: Mapping[tuple[str, int], list[FileEntry]]

    @classmethod
    def of(cls, journal: Journal, named: Collection[str]) -> Self:
        """Take the files of a journal, but for URIs that are named.

        Where no URI is named, only those that are elsewhere: on this machine, a file that has
        another path is another file.
        """
        found: dict[tuple[str, int], list[FileEntry]] = {}
        files = journal.files
        far = (files.newest_at(place) for place in files.places_elsewhere().tolist())
        for entry in files.entries() if named else far:
            if entry is not None and entry.spans and entry.state.path not in named:
                key = lasting_name(entry.state.path), entry.state.size
                found.setdefault(key, []).append(entry)
        return cls(found)


def recognised(entry: FileEntry, before: Archive) -> FileEntry:
    """An entry that says which file of before it is, if it is one."""
    if entry.same_as is not None or not entry.spans:
        return entry
    candidates = before.files.get((lasting_name(entry.state.path), entry.state.size), ())
    for other in candidates:
        if not is_uri(other.state.path) and not is_uri(entry.state.path):
            continue
        content = entry.content or _content(entry)
        if content and content == (other.content or _content(other)):
            return replace(entry, content=content, same_as=other.identity)
    return entry


def lasting_name(path: str) -> str:
    """What stays of a name when an archive moves: that of the file, or a server's channels and day.

    Examples
    --------
    >>> lasting_name("/srv/2016/CIGMR__HHZ___2016183.ms")
    'CIGMR__HHZ___2016183.ms'
    >>> lasting_name("fdsn://NODE/UW.RCM..HH?/2025-01-01")
    'UW.RCM..HH?/2025-01-01'
    """
    if is_uri(path) and parts_of(path)[0] == "fdsn":
        return parts_of(path)[2]
    return path.rpartition("/")[2]


def _content(entry: FileEntry) -> str:
    """Digest of a file of this machine; empty if it is not there as it was."""
    path = entry.state.path
    if is_uri(path) or state_of(path) != entry.state:
        return ""
    with suppress(OSError):
        return content_of(Path(path))
    return ""
