"""Read waveforms on demand from files, an ObsPy stream or an array.

A source says from headers alone what it holds, so that a day or a decade can be read piece by
piece. What is wrong with one file is a `Problem`, and the others go on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from quake.errors import ParameterError, WaveformError
from quake.waveforms.copied import Copier, contents_of, in_place, index_of, read_segments
from quake.waveforms.file_state import is_uri
from quake.waveforms.ids import ALIASES, ChannelSetId
from quake.waveforms.joining import Dispute, disputes
from quake.waveforms.leap_seconds import is_leap_second
from quake.waveforms.readers.file_index import FileIndex
from quake.waveforms.readers.waveform_file import (
    Contents,
    Remark,
    segments_from_stream,
    spans_from_stream,
)
from quake.waveforms.segments import Segment, Span, component_map, duration_ns
from quake.waveforms.times import NS_PER_S, format_time, parse_time

if TYPE_CHECKING:
    from obspy import Stream

# Shorter ones come with clocks that are set, and with records that were cut.
_LONG_DISPUTE_S = 1.0


@dataclass(frozen=True)
class Problem:
    """Something wrong with an input that does not stop the others.

    Attributes
    ----------
    source : str
        Path or name of the input.
    message : str
        One line: what was found, what was expected, what to do.
    failed : bool
        Whether data were lost; False for what was left out on purpose.
    is_dispute : bool
        Whether it is about files that contradict each other.
    """

    source: str
    message: str
    failed: bool = True
    is_dispute: bool = False


class Source(Protocol):
    """Where waveforms come from."""

    @property
    def problems(self) -> list[Problem]:
        """What could not be used so far."""

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """What there is, by channel set."""

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        """Segments of a channel set between two times; `spans` are those that reach into them."""


class FileSource:
    """miniSEED and SAC files.

    Parameters
    ----------
    paths : files, or URIs that `copier` knows
    names : mapping of path to the name shown in messages, for files that stand for something
        else (standard input)
    on_file : callable
        Called with the number of files scanned so far.
    copier : Copier
        Brings files here that are elsewhere, for as long as they are read.

    Attributes
    ----------
    remarks : dict of path to tuple of Remark
        What is in a file that is no fault, as far as it was scanned.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        names: dict[str, str] | None = None,
        on_file: Callable[[int], None] = lambda done: None,
        copier: Copier = in_place,
    ) -> None:
        self.paths = [_normal(path) for path in paths]
        self.copier = copier
        self.names = names or {}
        self.on_file = on_file
        self.problems: list[Problem] = []
        self.remarks: dict[str, tuple[Remark, ...]] = {}
        self._indexes: dict[str, FileIndex] = {}
        self._reported: set[tuple[str, str]] = set()

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """Scan the headers of all files; files that cannot be read become problems."""
        found: dict[ChannelSetId, list[Span]] = defaultdict(list)
        for done, path in enumerate(self.paths, start=1):
            try:
                contents = contents_of(path, self.copier)
            except WaveformError as error:
                contents = Contents([], [str(error)])
            if contents.index is not None:
                self._indexes[path] = contents.index
            for fault in contents.problems:
                self._report(path, fault)
            if contents.remarks:
                self.remarks[path] = contents.remarks
            for span in contents.spans:
                found[span.id].append(span)
            self.on_file(done)
        return dict(found)

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        """Read from the files that the spans came from."""
        segments: list[Segment] = []
        for path in sorted({span.source for span in spans}):
            try:
                pieces, faults = read_segments(
                    path,
                    channel_set,
                    start_ns,
                    end_ns,
                    index=self._indexes.get(path),
                    copier=self.copier,
                )
            except WaveformError as error:
                pieces, faults = [], [str(error)]
            segments += pieces
            for fault in faults:
                self._report(path, fault)
        self._report_disputes(channel_set, segments)
        return segments

    def _report_disputes(self, channel_set: ChannelSetId, segments: Sequence[Segment]) -> None:
        """Name the files that contradict each other; of what is shorter the flag tells."""
        found: dict[tuple[str, ...], list[Dispute]] = defaultdict(list)
        for dispute in disputes(segments):
            if dispute.disputed_s >= _LONG_DISPUTE_S:
                found[dispute.sources].append(dispute)
        for sources, several in sorted(found.items()):
            key = str(channel_set), " ".join(sources)
            if key not in self._reported:
                self._reported.add(key)
                names = [self.names.get(source, source) for source in sources]
                is_leap = all(is_leap_second(d.start_ns, d.disputed_s) for d in several)
                message = (_leap if is_leap else _disputed)(names, channel_set, several)
                self.problems.append(Problem(names[0], message, not is_leap, is_dispute=True))

    def _report(self, path: str, message: str) -> None:
        """Add a problem once, under the name that the user knows."""
        if (path, message) in self._reported:
            return
        self._reported.add((path, message))
        name = self.names.get(path, path)
        self.problems.append(Problem(name, message.replace(path, name)))


def _normal(path: str | Path) -> str:
    return str(path) if is_uri(str(path)) else str(Path(path))


def _leap(names: Sequence[str], channel_set: ChannelSetId, several: Sequence[Dispute]) -> str:
    """Say that a second was counted twice, which is no fault."""
    start = format_time(min(dispute.start_ns for dispute in several))
    return (
        f"{' and '.join(names)}, {channel_set}: two seconds of samples have the time {start}, as "
        "around a leap second; that second counts as a gap"
    )


def _disputed(names: Sequence[str], channel_set: ChannelSetId, several: Sequence[Dispute]) -> str:
    """Say that files contradict each other, or one itself, and what can be done."""
    who, codes = f"{' and '.join(names)}, {channel_set}", ", ".join(sorted(d.code for d in several))
    start = format_time(min(dispute.start_ns for dispute in several))
    at = f"first at {start}, components {codes}; what is disputed counts as a gap"
    if names[1:]:
        return (
            f"{who}: contradict each other, as raw and corrected copies do ({at}); name one of "
            "them, or move the other away"
        )
    return (
        f"{who}: contradicts itself, as a file with records of two versions does ({at}); keep the "
        "records of one version, or fetch the file again"
    )


class SpanSource(FileSource):
    """Files of one channel set that were scanned before.

    Parameters
    ----------
    channel_set : ChannelSetId
    spans : what was found in them
    indexes : dict of path to FileIndex
        Those that are missing are added when they are needed.
    copier : Copier
        As of `FileSource`.
    """

    def __init__(
        self,
        channel_set: ChannelSetId,
        spans: Sequence[Span],
        indexes: dict[str, FileIndex],
        copier: Copier = in_place,
    ) -> None:
        super().__init__(sorted({span.source for span in spans}), copier=copier)
        self._found = {channel_set: list(spans)}
        self._indexes = indexes

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """As they were given."""
        return self._found

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        """Read; a file is scanned the first time, to find in it what is asked for."""
        for span in spans:
            self._index(span.source)
        return super().read(spans, channel_set, start_ns, end_ns)

    def _index(self, path: str) -> None:
        if path not in self._indexes:
            try:
                index = index_of(path, self.copier)
            except WaveformError:
                return  # reading it says so
            if index is not None:
                self._indexes[path] = index


class BoundedSource:
    """A source of which nothing outside of two times is there.

    Parameters
    ----------
    source : Source
    start_ns, end_ns : int, optional
        ns since the epoch, the end exclusive; None is no bound.
    """

    def __init__(
        self, source: Source, start_ns: int | None = None, end_ns: int | None = None
    ) -> None:
        self.source = source
        self.start_ns, self.end_ns = start_ns, end_ns

    @property
    def problems(self) -> list[Problem]:
        """Those of the source."""
        return self.source.problems

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """What there is between the bounds."""
        return clipped(self.source.spans(), self.start_ns, self.end_ns)

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        """Read between the bounds."""
        if self.start_ns is not None:
            start_ns = max(start_ns, self.start_ns)
        if self.end_ns is not None and spans:
            # The sample nearest to a bound is read, and this one is exclusive.
            half_ns = round(NS_PER_S / max(span.sampling_rate_hz for span in spans) / 2)
            end_ns = min(end_ns, self.end_ns - half_ns - 1)
        return self.source.read(spans, channel_set, start_ns, end_ns)


def clipped(
    found: Mapping[ChannelSetId, Sequence[Span]], start_ns: int | None, end_ns: int | None
) -> dict[ChannelSetId, list[Span]]:
    """Cut spans off at two times; None is no bound."""
    low = -math.inf if start_ns is None else start_ns
    high = math.inf if end_ns is None else end_ns
    kept = {
        key: [
            replace(s, start_ns=int(max(s.start_ns, low)), end_ns=int(min(s.end_ns, high)))
            for s in spans
            if max(s.start_ns, low) < min(s.end_ns, high)
        ]
        for key, spans in found.items()
    }
    return {key: spans for key, spans in kept.items() if spans}


class StreamSource:
    """An ObsPy stream in memory."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.problems: list[Problem] = []

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """Describe the traces.

        Raises
        ------
        WaveformError
            If none can be used.
        """
        found: dict[ChannelSetId, list[Span]] = defaultdict(list)
        for span in spans_from_stream(self.stream):
            found[span.id].append(span)
        return dict(found)

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        """All segments of the channel set: they are in memory anyway."""
        return segments_from_stream(self.stream, channel_set)


class ArraySource:
    """An array of shape (C, N) in memory.

    Parameters
    ----------
    waveforms : array of shape (C, N)
    sampling_rate_hz : float
    start : str
        ISO 8601 time of the first sample.
    components : str
        One letter a row: Z, N, E, 1, 2.
    channel_set : ChannelSetId

    Raises
    ------
    ParameterError
        If shape, components or rate do not fit together.
    """

    def __init__(
        self,
        waveforms: NDArray[Any],
        sampling_rate_hz: float,
        start: str = "1970-01-01T00:00:00Z",
        components: str = "ZNE",
        channel_set: ChannelSetId | None = None,
    ) -> None:
        waveforms = np.asarray(waveforms)
        if waveforms.ndim != 2 or len(waveforms) != len(components) or not waveforms.shape[1]:
            raise ParameterError(
                f"waveforms have shape (C, N), one row a component of {components!r}, "
                f"got {waveforms.shape}"
            )
        if not (np.isfinite(sampling_rate_hz) and sampling_rate_hz > 0):
            raise ParameterError(f"sampling_rate_hz must be positive, got {sampling_rate_hz}")
        self.id = channel_set or ChannelSetId("", "", "", "")
        self.problems: list[Problem] = []
        start_ns = parse_time(start)
        self._segments = [
            Segment(code, start_ns, float(sampling_rate_hz), row)
            for code, row in zip(components, waveforms, strict=True)
        ]

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """One span a component."""
        return {
            self.id: [
                Span(
                    self.id,
                    s.code,
                    s.start_ns,
                    s.start_ns + duration_ns(len(s.samples), s.sampling_rate_hz),
                    s.sampling_rate_hz,
                    "array",
                )
                for s in self._segments
            ]
        }

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        """All of it: it is in memory anyway."""
        return self._segments


def select(
    found: dict[ChannelSetId, list[Span]], channels: Sequence[str] = ()
) -> tuple[dict[ChannelSetId, list[Span]], list[Problem]]:
    """Keep channel sets that match a pattern and have a component that can be used.

    Parameters
    ----------
    found : as `Source.spans` returns it
    channels : patterns with ``*`` and ``?``
        Matched with the id (``IU.ANMO.00.BH?``) and with the codes alone (``BH?``, ``HHZ``); a
        pattern that names a component selects that component alone. None selects all.

    Returns
    -------
    kept : dict, in the order of the ids
    left_out : list of Problem
        Channel sets without a component Z, N, E, 1, 2 or 3.
    """
    kept: dict[ChannelSetId, list[Span]] = {}
    left_out: list[Problem] = []
    for key in sorted(found):
        spans = [s for s in found[key] if not channels or matches_channel(key, s.code, channels)]
        usable = [span for span in spans if span.code in ALIASES]
        if usable:
            kept[key] = usable
        unused = {span.code for span in spans} - set(component_map(spans))
        for codes, reason in (
            (unused - ALIASES.keys(), "is none of Z, N, E, 1, 2, 3"),
            (unused & ALIASES.keys(), "doubles one of Z, N, E"),
        ):
            if codes:
                left_out.append(_left_out(key, spans, codes, reason, bool(usable)))
    return kept, left_out


def _left_out(
    key: ChannelSetId, spans: Sequence[Span], codes: set[str], reason: str, others: bool
) -> Problem:
    what = "left out" if others else "nothing of it can be used"
    if "doubles" in reason:
        what = "left out where both were recorded"
    source = next(span.source for span in spans if span.code in codes)
    names = ", ".join(sorted(code or "(none)" for code in codes))
    message = f"{source}, {key}: component {names} {reason}; {what}"
    return Problem(source, message, failed=False)


def matches_channel(channel_set: ChannelSetId, code: str, patterns: Sequence[str]) -> bool:
    """Whether a component matches one of the patterns of `select`."""
    key = channel_set
    channel = key.band_instrument + code
    whole = f"{key.network}.{key.station}.{key.location}.{channel}"
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in (whole, channel))
