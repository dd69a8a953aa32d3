"""Find out what an archive of miniSEED and SAC files recorded when.

Only headers are read at first; `ArchiveReader` reads the samples of a span, from as many files as
it takes.
"""

from __future__ import annotations

import logging
import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from quake.datasets.collection import Exclusion, ReadSpan
from quake.datasets.labels import LabelledSpan
from quake.errors import WaveformError
from quake.waveforms import intervals
from quake.waveforms.assembly import assemble
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval
from quake.waveforms.readers.waveform_file import is_waveform_file, read_segments, scan
from quake.waveforms.segments import Segment, Span, component_map
from quake.waveforms.times import NS_PER_S

logger = logging.getLogger(__name__)

# Files this near a span are read with it, so that windows may reach beyond it, over midnight too.
_REACH_NS = 900 * NS_PER_S

_MARGIN_NS = NS_PER_S


@dataclass(frozen=True)
class ArchiveReader:
    """Reads spans of one channel set from the files that are near them.

    Attributes
    ----------
    channel_set : ChannelSetId
    files : tuple of Path
        Those that reach to within 15 minutes of the span.
    """

    channel_set: ChannelSetId
    files: tuple[Path, ...]

    def read(self, span: LabelledSpan, margin_ns: int) -> ReadSpan:
        """Read a span and up to `margin_ns` (at most 15 minutes) on either side.

        Raises
        ------
        WaveformError
            If a file cannot be read, or there is nothing in the span.
        """
        start_ns, end_ns = span.start_ns - margin_ns, span.end_ns + margin_ns
        segments: list[Segment] = []
        for path in self.files:
            pieces, problems = read_segments(
                path, self.channel_set, start_ns - _MARGIN_NS, end_ns + _MARGIN_NS
            )
            segments += pieces
            for problem in problems:
                _warn_once(problem)
        channel_set = assemble(self.channel_set, segments)
        read = [segment for joined in channel_set.segments.values() for segment in joined]
        if not any(s.start_ns < span.end_ns and s.end_ns > span.start_ns for s in read):
            raise WaveformError(f"{span.record}: nothing was recorded in it; was a file removed?")
        return ReadSpan(
            channel_set,
            max(start_ns, min(s.start_ns for s in read)),
            min(end_ns, max(s.end_ns for s in read)),
        )

    def fingerprint(self, span: LabelledSpan) -> str:
        """What changes when the waveform would: the files, their sizes, their times."""
        parts = [str(self.channel_set)]
        for path in self.files:
            try:
                status = path.stat()
            except OSError:
                parts.append(f"{path}:missing")
            else:
                parts.append(f"{path.resolve()}:{status.st_size}:{status.st_mtime_ns}")
        return "|".join(parts)


@cache
def _warn_once(problem: str) -> None:
    """Log what is wrong with a file; many spans are read from it."""
    logger.warning("%s", problem)


@dataclass
class Holdings:
    """What one channel set recorded, and in which files.

    Attributes
    ----------
    id : ChannelSetId
    spans : list of Span
    mapping : mapping of code to "Z", "N" or "E"
        Empty if no code is any of these.
    covered : mapping of component to intervals
        When each was recorded, ns since the epoch.
    """

    id: ChannelSetId
    spans: list[Span]
    mapping: Mapping[str, str] = field(init=False)
    covered: Mapping[str, list[Interval]] = field(init=False)

    def __post_init__(self) -> None:
        """Order the pieces in time and join them by component."""
        self.spans.sort(key=lambda span: span.start_ns)
        self.mapping = component_map(self.spans)
        # Clocks of consecutive files jitter by less than that, whatever the rate.
        touch_ns = round(1.5 * NS_PER_S / min(span.sampling_rate_hz for span in self.spans))
        self.covered = {
            component: intervals.union(self._times(component), touch_ns)
            for component in sorted(set(self.mapping.values()))
        }
        self._starts = [span.start_ns for span in self.spans]
        self._longest_ns = max(span.end_ns - span.start_ns for span in self.spans)
        self._readers: dict[tuple[str, ...], ArchiveReader] = {}

    def _times(self, component: str) -> list[Interval]:
        return [(s.start_ns, s.end_ns) for s in self.spans if self.mapping.get(s.code) == component]

    def components_at(self, time_ns: int) -> int:
        """How many components were recorded at a time."""
        return sum(intervals.contains(covered, time_ns) for covered in self.covered.values())

    def recorded_ns(self, start_ns: int, end_ns: int) -> int:
        """Time recorded between two times, summed over the components."""
        return sum(
            end - start
            for covered in self.covered.values()
            for start, end in intervals.clip(covered, start_ns, end_ns)
        )

    def complete(self) -> list[Interval]:
        """When all components were recorded."""
        first, *others = self.covered.values()
        for other in others:
            first = intervals.common(first, other)
        return first

    def reader(self, start_ns: int, end_ns: int) -> ArchiveReader:
        """Reader of the files around a span; spans with the same files share it."""
        low = bisect_left(self._starts, start_ns - _REACH_NS - self._longest_ns)
        high = bisect_left(self._starts, end_ns + _REACH_NS)
        files = {
            span.source
            for span in self.spans[low:high]
            if span.end_ns > start_ns - _REACH_NS and span.code in self.mapping
        }
        sources = tuple(sorted(files))
        if sources not in self._readers:
            self._readers[sources] = ArchiveReader(self.id, tuple(map(Path, sources)))
        return self._readers[sources]


@dataclass(frozen=True)
class ArchiveIndex:
    """What an archive has.

    Attributes
    ----------
    stations : mapping of network and station (``XX.STA``) to list of Holdings
    excluded : sequence of Exclusion
        Files and channel sets that cannot be used.
    """

    stations: Mapping[str, list[Holdings]]
    excluded: Sequence[Exclusion]

    def find(self, station: str) -> str | None:
        """Name of a station in the archive; without a network (``.STA``) any one will do.

        Catalogues often do not tell the network. None if the archive does not have the station,
        or several networks have one of this name.
        """
        if station in self.stations or not station.startswith("."):
            return station if station in self.stations else None
        namesakes = [name for name in self.stations if name.endswith(station)]
        return namesakes[0] if len(namesakes) == 1 else None


def index_archive(
    root: Path, others: Iterable[Path | None], progress: Callable[[int], None]
) -> ArchiveIndex:
    """Scan the headers of all files below a folder.

    Parameters
    ----------
    root : folder
    others : files
        Known to be something else, and passed over.
    progress : callable
        Called with the number of files scanned so far.

    Raises
    ------
    WaveformError
        If there is no such folder, or no waveform file in it that can be used.
    """
    skipped = {os.path.realpath(path) for path in others if path is not None}
    found: dict[ChannelSetId, list[Span]] = defaultdict(list)
    excluded: list[Exclusion] = []
    paths = [path for path in files_below(root) if os.path.realpath(path) not in skipped]
    for done, path in enumerate(paths, start=1):
        try:
            if is_waveform_file(path):
                spans, problems = scan(path)
                excluded += [Exclusion(str(path), problem) for problem in problems]
                for span in spans:
                    found[span.id].append(span)
            else:
                excluded.append(Exclusion(str(path), "neither miniSEED nor SAC"))
        except WaveformError as error:
            excluded.append(Exclusion(str(path), str(error)))
        progress(done)
    stations: dict[str, list[Holdings]] = defaultdict(list)
    for key in sorted(found):
        holdings = Holdings(key, found[key])
        if holdings.mapping:
            stations[f"{key.network}.{key.station}"].append(holdings)
        else:
            codes = ", ".join(sorted({span.code for span in found[key]}))
            reason = f"component {codes} is none of Z, N, E, 1, 2, 3"
            excluded.append(Exclusion(f"{root}, {key}", reason))
    if not stations:
        raise WaveformError(
            f"{root}: no miniSEED or SAC file that can be used among {len(paths)} files"
            + "".join(f"; {e.what}: {e.reason}" for e in excluded[:3])
        )
    return ArchiveIndex(dict(stations), excluded)


def files_below(root: Path) -> Iterator[Path]:
    """All files below a folder in the order of their names; hidden ones are passed over."""
    if not root.is_dir():
        raise WaveformError(f"{root}: no such folder; check the path")

    def unreadable(error: OSError) -> None:
        raise WaveformError(f"{error.filename}: cannot be listed ({error.strerror})") from error

    visited = set()
    for parent, folders, files in os.walk(root, onerror=unreadable, followlinks=True):
        visited.add(os.path.realpath(parent))
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(parent, name)) not in visited
        )
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))
