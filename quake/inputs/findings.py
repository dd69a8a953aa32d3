"""Keep what headers say that a user should know; of millions of files, little is kept."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from quake.inputs.sds import miscoded, misnamed
from quake.waveforms.ids import ALIASES, ChannelSetId
from quake.waveforms.readers.waveform_file import Remark
from quake.waveforms.segments import Span
from quake.waveforms.sources import matches_channel
from quake.waveforms.times import NS_PER_S

_DAY_NS = 86_400 * NS_PER_S

# Where clocks begin to count: Unix and GPS.
_EPOCHS_NS = (0, 3657 * _DAY_NS)

_NAMED = 2  # files of a channel set that are known by name


class Findings:
    """What is in files beside samples, and what is odd about them.

    Attributes
    ----------
    channel_sets : dict of ChannelSetId to set of str
        What there is, with the codes of its components.
    misnamed : dict of path to (first, last)
        Files whose names tell another day; start and end of what is in them, ns since the epoch.
    miscoded : dict of path to str
        Files whose names tell other codes; a channel that is in them.
    early, late : dict of path to int
        Files of a clock that was never set; of days that are still to come. Time, ns since the
        epoch.
    nameless : list of str
        Files without a station.
    calibrations : dict of path to int
        Files with records of a calibration, and how many.
    text_channels, empty_channels : set of str
        Channels without samples.
    n_control_headers : int
    n_without_data : int
        Days of channel sets of which servers say that they have no data.
    drifts_s : dict of channel to float
        How far a clock drifted in all.
    """

    def __init__(self) -> None:
        self.channel_sets: dict[ChannelSetId, set[str]] = defaultdict(set)
        self.misnamed: dict[str, tuple[int, int]] = {}
        self.miscoded: dict[str, str] = {}
        self.early: dict[str, int] = {}
        self.late: dict[str, int] = {}
        self.nameless: list[str] = []
        self.calibrations: dict[str, int] = {}
        self.text_channels: set[str] = set()
        self.empty_channels: set[str] = set()
        self.n_control_headers = 0
        self.n_without_data = 0
        self.drifts_s: dict[str, float] = defaultdict(float)
        self._n_files: Counter[ChannelSetId] = Counter()
        self._names: dict[ChannelSetId, list[str]] = defaultdict(list)
        self._tomorrow_ns = time.time_ns() + _DAY_NS

    @classmethod
    def of(
        cls, found: Mapping[ChannelSetId, Sequence[Span]], remarks: Mapping[str, Sequence[Remark]]
    ) -> Findings:
        """Gather what is known of files that have been scanned.

        Parameters
        ----------
        found : spans by channel set
        remarks : by path
        """
        by_file: dict[str, list[Span]] = {path: [] for path in remarks}
        for spans in found.values():
            for span in spans:
                by_file.setdefault(span.source, []).append(span)
        findings = cls()
        for path in sorted(by_file):
            findings.add_file(path, by_file[path], remarks.get(path, ()))
        return findings

    def add_file(self, path: str, spans: Sequence[Span], remarks: Iterable[Remark] = ()) -> None:
        """Take note of one file."""
        for span in spans:
            self.channel_sets[span.id].add(span.code)
        for key in {span.id for span in spans}:
            self._n_files[key] += 1
            self._names[key] = sorted([*self._names[key], path])[:_NAMED]
        self.misnamed.update({name: (first, last) for name, first, last in misnamed(spans)})
        self.miscoded.update(miscoded(spans))
        self._look_at_clock(path, spans)
        for remark in remarks:
            self._add_remark(path, remark)

    def files_of(self, channel_set: ChannelSetId) -> tuple[list[str], int]:
        """The first files of a channel set, by name, and how many more there are."""
        names = self._names.get(channel_set, [])
        return names, self._n_files[channel_set] - len(names)

    def has_match(self, pattern: str) -> bool:
        """Whether a channel that can be used matches a pattern."""
        return any(
            code in ALIASES and matches_channel(key, code, [pattern])
            for key, codes in self.channel_sets.items()
            for code in codes
        )

    def _look_at_clock(self, path: str, spans: Sequence[Span]) -> None:
        for span in spans:
            if any(first <= span.start_ns < first + _DAY_NS for first in _EPOCHS_NS):
                self.early[path] = span.start_ns
            if span.end_ns > self._tomorrow_ns:
                self.late[path] = span.end_ns

    def _add_remark(self, path: str, remark: Remark) -> None:
        match remark.kind:
            case "no_station":
                self.nameless.append(path)
            case "calibration":
                self.calibrations[path] = int(remark.value)
            case "text":
                self.text_channels.add(remark.name)
            case "empty":
                self.empty_channels.add(remark.name)
            case "control":
                self.n_control_headers += int(remark.value)
            case "no_data":
                self.n_without_data += 1
            case "drift":
                self.drifts_s[remark.name] += remark.value
