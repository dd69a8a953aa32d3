"""Say what a scheme of URIs has to be able to do to be an input.

A scheme says which files a URI stands for, without fetching them, and fetches one at a time. What
it fetches is untrusted: as many bytes as were announced, or as any waveform file has, and no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from quake.errors import WaveformError
from quake.inputs.selection import Selection
from quake.waveforms.file_state import FileState
from quake.waveforms.sources import Problem

MOST_BYTES = 4 << 30
"""Of one file: a station-day of 10 kHz has less. More is refused, whatever a server says."""


class SchemeError(WaveformError):
    """A server cannot be reached, or answers something else than what was asked for."""


@dataclass(frozen=True)
class Wanted:
    """What of a source is wanted.

    Attributes
    ----------
    selection : Selection
    margin_days : int
        Days before and after the selected ones, whose samples windows and filters may reach.
    """

    selection: Selection = field(default_factory=Selection)
    margin_days: int = 0


@dataclass
class Found:
    """Files that a URI stands for.

    Attributes
    ----------
    files : list of FileState
        As they are now; their paths are URIs.
    n_unselected, n_others : int
        Files that are not selected, and that are no waveforms by their names.
    problems : list of Problem
        What could not be listed.
    """

    files: list[FileState] = field(default_factory=list)
    n_unselected: int = 0
    n_others: int = 0
    problems: list[Problem] = field(default_factory=list)


class Fetched(NamedTuple):
    """A file that was fetched.

    Attributes
    ----------
    state : FileState
    content : str
        Digest of its bytes, as `quake.waveforms.file_state.content_of` makes it.
    has_data : bool
        False if the server says that there is nothing, which is no fault.
    """

    state: FileState
    content: str
    has_data: bool = True


class Scheme(Protocol):
    """Where files are that are not on this machine."""

    @property
    def at_once(self) -> int:
        """How many files may be fetched at a time, of all processes together.

        1 also keeps workers from fetching what the main process can fetch.
        """

    def find(self, uri: str, wanted: Wanted) -> Found:
        """Say which files a URI of the user stands for.

        Raises
        ------
        SchemeError
            If nobody can say.
        ParameterError
            If the URI makes no sense, or something is not installed that it needs.
        """

    def fetch(self, uri: str, path: Path) -> Fetched:
        """Copy one file to this machine.

        Raises
        ------
        SchemeError
            If it cannot be had, or is not what was expected.
        OSError
            If it cannot be written.
        """

    def is_unchanged(self, known: FileState, listed: FileState) -> bool:
        """Whether a file is still what it was when it was fetched."""

    def describe(self, uri: str, wanted: Wanted, path: Path) -> bool:
        """Write StationXML of what a URI stands for; False where there is none.

        Raises
        ------
        SchemeError
            If it cannot be had.
        """


def parts_of(uri: str) -> tuple[str, str, str]:
    """Scheme, host and path of a URI; the path keeps ``#``, ``?`` and ``*``, as object names do.

    Examples
    --------
    >>> parts_of("s3://scedc-pds/continuous_waveforms/2016/2016_183/CI*")
    ('s3', 'scedc-pds', 'continuous_waveforms/2016/2016_183/CI*')
    """
    scheme, _, rest = uri.partition("://")
    host, _, path = rest.partition("/")
    return scheme.lower(), host, path
