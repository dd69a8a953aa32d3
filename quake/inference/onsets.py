"""Find what arrives in windows that speak of an event.

The time is divided into cells of half a minute, counted from the epoch. In a cell that a window
with an event touches, the onset network says where a P or an S arrives. Each is measured in a
stretch of samples around the cell that has the same length always, so that what is found does not
depend on where files, blocks and days begin.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from quake.classes import NOISE
from quake.events.emergent import envelope_pick
from quake.events.measure import Measurement, measure
from quake.events.onset import Onset
from quake.events.pairs import paired_s
from quake.events.picks import P_FROM, S_FROM, find_picks
from quake.events.uncertainty import EMERGENT_S, uncertainty_s
from quake.inference.classifier import Classifier
from quake.inference.config import PredictConfig
from quake.inference.onset_network import PREPROCESSING, RATE_HZ, OnsetNetwork, bundled_network
from quake.inference.phase_traces import BEFORE_S, CELL_S, PhaseTraces
from quake.inference.records import WindowRecord
from quake.waveforms.assembly import read_channel_set
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import ChannelSet, component_map
from quake.waveforms.sources import FileSource, Source, select
from quake.waveforms.times import NS_PER_S, format_time, parse_time
from quake.windows.cutting import Stretch
from quake.windows.grid import Window
from quake.windows.missing import within
from quake.windows.station_days import StationDay, station_days

if TYPE_CHECKING:
    from quake.stations.orientation import Orientations

LOOK_FROM = 0.3
"""Probability that a window shows no noise from which on one looks for onsets in it."""

_EMERGENT_FROM = 0.5

# A window with a P as probable as that has no emergent onset.
_SHARP_FROM = 0.3

# More probable ones share a record: each is shown without the others.
_NEIGHBOUR_FROM = 0.5

CELL_NS = CELL_S * NS_PER_S

# Around a cell, for measurements: noise before an onset at its beginning, a minute after one at its
# end. With the windows of a day it reaches no further than its spans do, see
# `quake.windows.station_days`.
_BEFORE_CELL_NS, _AFTER_CELL_NS = 45 * NS_PER_S, 60 * NS_PER_S

# As training rows have it: the onset is 15 s after the start.
_BEFORE_ONSET_S = 15.0

# What of a window is shown if another onset is near.
_SHOWN_BEFORE_S, _SHOWN_LEAST_S, _BEFORE_NEXT_S = 5.0, 16.0, 0.5

# Picks closer together are of one event, see `quake.events.build`.
_APART_S = 1.5

_GAP = "gap"

# Cells whose samples are in memory at a time: twenty minutes.
_CELLS_AT_A_TIME = 40


class OnsetFinder:
    """Finds onsets in station-days whose windows have been classified.

    Parameters
    ----------
    classifier : Classifier
    source : Source
        Of the samples.
    config : PredictConfig, optional
    orientations : Orientations, optional
    network : OnsetNetwork, optional
        The one that comes with the package by default.
    """

    def __init__(
        self,
        classifier: Classifier,
        source: Source,
        config: PredictConfig | None = None,
        orientations: Orientations | None = None,
        network: OnsetNetwork | None = None,
    ) -> None:
        self.classifier = classifier
        self.source = source
        self.config = config or PredictConfig()
        self.orientations = orientations
        self._preprocessing = classifier.card.preprocessing
        cell_s = (_BEFORE_CELL_NS + CELL_NS + _AFTER_CELL_NS) / NS_PER_S
        self._around = replace(self._preprocessing, window_s=cell_s)
        self._network = network or bundled_network()

    def find(self, day: StationDay, records: Sequence[WindowRecord]) -> list[Onset]:
        """Find the onsets of a station-day.

        Parameters
        ----------
        day : StationDay
        records : sequence of WindowRecord
            Its windows.

        Returns
        -------
        list of Onset
            By time; at midnight, some that the next day finds too, see `quake.events.onset.unique`.
        """
        looks = [_Look.of(record) for record in records if event_probability(record) >= LOOK_FROM]
        cells: dict[int, list[_Look]] = defaultdict(list)
        for look in looks:
            for number in range(look.start_ns // CELL_NS, -(-look.end_ns // CELL_NS)):
                cells[number].append(look)
        found: list[_Found] = []
        for numbers in _runs(sorted(cells)):
            found += self._in_cells(day, numbers, cells)
        return self._classified(found)

    def _in_cells(
        self, day: StationDay, numbers: Sequence[int], cells: Mapping[int, list[_Look]]
    ) -> Iterator[_Found]:
        """What arrives in cells that follow one another."""
        channel_set, mapping = self._read(day, numbers)
        traces = PhaseTraces(self._network, partial(self._network_windows, channel_set, mapping))
        traces.prepare(numbers)
        per_cell = {
            n: self._in_cell(channel_set, mapping, n, cells[n], traces.around(n)) for n in numbers
        }
        seen: list[int] = []
        for found in per_cell.values():
            seen += [f.time_ns for f in found if f.p >= _SHARP_FROM]
            yield from found
        for look in _first_of(numbers, cells):
            if look.probability >= _EMERGENT_FROM and not any(
                look.start_ns <= time_ns < look.end_ns for time_ns in seen
            ):
                yield from self._emergent(channel_set, mapping, look)

    def _in_cell(
        self,
        channel_set: ChannelSet,
        mapping: Mapping[str, str],
        number: int,
        looks: Sequence[_Look],
        phases: NDArray[np.float64],
    ) -> list[_Found]:
        """What arrives in a cell, by the probabilities of P and S around it."""
        picks = find_picks(phases, RATE_HZ)
        begin_ns = number * CELL_NS - round(BEFORE_S * NS_PER_S)
        times_ns = [begin_ns + round(pick.sample * NS_PER_S / RATE_HZ) for pick in picks]
        neighbours = [
            t for t, pick in zip(times_ns, picks, strict=True) if pick.p >= _NEIGHBOUR_FROM
        ]
        later_p = [
            t
            for t, pick in zip(times_ns, picks, strict=True)
            if pick.p >= max(_NEIGHBOUR_FROM, pick.s)
        ]
        followed = paired_s(times_ns, np.array([(pick.p, pick.s) for pick in picks]))
        here = [i for i, time_ns in enumerate(times_ns) if time_ns // CELL_NS == number]
        if not here:
            return []
        origin_ns = number * CELL_NS - _BEFORE_CELL_NS
        samples = self._samples(channel_set, mapping, origin_ns)
        rate_hz = self._preprocessing.sampling_rate_hz
        found = []
        for i in here:
            pick, time_ns = picks[i], times_ns[i]
            window = None
            if pick.p >= P_FROM:
                shown = _shown(time_ns, neighbours)
                window = self._cut(within(channel_set, *shown), mapping, time_ns)
            index = round((time_ns - origin_ns) * rate_hz / NS_PER_S)
            next_ns = _next_of(time_ns, later_p)
            next_index = next_ns and int((next_ns - origin_ns) * rate_hz / NS_PER_S)
            found.append(
                _Found(
                    id=channel_set.id,
                    time_ns=time_ns,
                    uncertainty_s=uncertainty_s(max(pick.p, pick.s)),
                    p=pick.p,
                    s=pick.s,
                    s_after=followed[i],
                    measured=measure(samples, index, rate_hz, next_index),
                    window=window,
                    looks=tuple(looks),
                )
            )
        return found

    def _emergent(
        self, channel_set: ChannelSet, mapping: Mapping[str, str], look: _Look
    ) -> Iterator[_Found]:
        """The onset of the envelope in a window in which nothing sharp was found."""
        origin_ns = look.start_ns // CELL_NS * CELL_NS - _BEFORE_CELL_NS
        samples = self._samples(channel_set, mapping, origin_ns)
        rate_hz = self._preprocessing.sampling_rate_hz
        first = round((look.start_ns - origin_ns) * rate_hz / NS_PER_S)
        stop = round((look.end_ns - origin_ns) * rate_hz / NS_PER_S)
        index = envelope_pick(samples, first, stop, rate_hz)
        if index is None:
            return
        time_ns = origin_ns + round(index * NS_PER_S / rate_hz)
        yield _Found(
            id=channel_set.id,
            time_ns=time_ns,
            uncertainty_s=EMERGENT_S,
            p=1.0,
            s=0.0,
            s_after=0.0,
            measured=measure(samples, index, rate_hz),
            window=self._cut(channel_set, mapping, time_ns),
            looks=(look,),
            is_emergent=True,
        )

    def _read(
        self, day: StationDay, numbers: Sequence[int]
    ) -> tuple[ChannelSet, Mapping[str, str]]:
        begin_ns = numbers[0] * CELL_NS - _BEFORE_CELL_NS - CELL_NS
        end_ns = (numbers[-1] + 1) * CELL_NS + _AFTER_CELL_NS + CELL_NS
        mapping = component_map(day.spans)
        return read_channel_set(self.source, day.spans, day.id, begin_ns, end_ns, mapping), mapping

    def _network_windows(
        self,
        channel_set: ChannelSet,
        mapping: Mapping[str, str],
        number: int,
        starts_ns: Sequence[int],
    ) -> NDArray[np.float32]:
        """Windows of the onset network that begin in a cell, (B, 3, N)."""
        origin_ns = number * CELL_NS
        stretch = Stretch(channel_set, origin_ns, origin_ns + 2 * CELL_NS, PREPROCESSING)
        rotations = None
        if self.orientations is not None:
            rotations = [
                self.orientations.rotation(channel_set.id, mapping, start) for start in starts_ns
            ]
        windows = stretch.windows(starts_ns, 0.0, rotations)
        return np.stack([window.samples for window in windows])

    def _samples(
        self, channel_set: ChannelSet, mapping: Mapping[str, str], origin_ns: int
    ) -> NDArray[np.float64]:
        """Samples around a cell, (3, N), as the network would see them."""
        window = self._window(channel_set, mapping, origin_ns, self._around.window_ns, around=True)
        return window.samples.astype(np.float64)

    def _cut(self, channel_set: ChannelSet, mapping: Mapping[str, str], time_ns: int) -> Window:
        """The window in which an onset is where it is in training."""
        start_ns = time_ns - round(_BEFORE_ONSET_S * NS_PER_S)
        return self._window(channel_set, mapping, start_ns, self._preprocessing.window_ns)

    def _window(
        self,
        channel_set: ChannelSet,
        mapping: Mapping[str, str],
        start_ns: int,
        length_ns: int,
        *,
        around: bool = False,
    ) -> Window:
        preprocessing = self._around if around else self._preprocessing
        rotations = None
        if self.orientations is not None:
            rotations = [self.orientations.rotation(channel_set.id, mapping, start_ns)]
        stretch = Stretch(channel_set, start_ns, start_ns + length_ns, preprocessing)
        least = 0.0 if around else self.config.min_coverage
        (window,) = stretch.windows([start_ns], least, rotations)
        return window

    def _classified(self, found: Sequence[_Found]) -> list[Onset]:
        """Run the network on the windows of candidates; those it cannot be run on are left out."""
        usable = [f for f in found if f.window is not None and f.window.status == "usable"]
        size = self.config.batch_size or self.classifier.engine.batch_size
        scores: dict[int, NDArray[np.float64]] = {}
        for first in range(0, len(usable), size):
            some = usable[first : first + size]
            windows = np.stack([f.window.samples for f in some if f.window is not None])
            for f, row in zip(some, self.classifier.probabilities(windows), strict=True):
                scores[id(f)] = row
        onsets = [
            self._onset(f, scores.get(id(f))) for f in found if id(f) in scores or f.s >= S_FROM
        ]
        return sorted(onsets, key=lambda onset: (onset.time_ns, onset.is_emergent))

    def _onset(self, found: _Found, scores: NDArray[np.float64] | None) -> Onset:
        names = self.classifier.card.labels.names
        measured, window = found.measured, found.window
        return Onset(
            id=str(found.id),
            time=format_time(found.time_ns),
            uncertainty_s=round(found.uncertainty_s, 3),
            p=round(found.p, 4) if scores is not None else 0.0,
            s=round(found.s, 4),
            s_after=round(found.s_after, 4),
            probabilities=(
                {} if scores is None else dict(zip(names, scores.round(6).tolist(), strict=True))
            ),
            snr_db=round(measured.snr_db, 2),
            peak_amplitude=float(f"{measured.peak_amplitude:.6g}"),
            peak_component=measured.peak_component,
            dominant_frequency_hz=round(measured.dominant_frequency_hz, 2),
            duration_s=round(measured.duration_s, 2),
            is_cut=measured.is_cut,
            components=window.components if window is not None else "",
            flags=_flags(found),
            windows=tuple(look.start for look in found.looks),
            model=self.classifier.hash,
            network=self._network.hash,
            is_emergent=found.is_emergent,
        )


@dataclass(frozen=True)
class _Look:
    """A window of the grid that speaks of an event."""

    start: str
    start_ns: int
    end_ns: int
    probability: float
    has_gap: bool

    @classmethod
    def of(cls, record: WindowRecord) -> _Look:
        return cls(
            record.start,
            parse_time(record.start),
            parse_time(record.end),
            event_probability(record),
            _GAP in record.flags,
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """A candidate that is kept, before it is classified."""

    id: ChannelSetId
    time_ns: int
    uncertainty_s: float
    p: float
    s: float
    s_after: float
    measured: Measurement
    window: Window | None
    looks: tuple[_Look, ...]
    is_emergent: bool = False


def _flags(found: _Found) -> tuple[str, ...]:
    """Flags of the window around an onset; a gap is one of the record, not of what was hidden."""
    if found.window is None:
        return ()
    has_gap = any(
        look.has_gap for look in found.looks if look.start_ns <= found.time_ns < look.end_ns
    )
    return tuple(flag for flag in found.window.flags if flag != _GAP or has_gap)


def _next_of(time_ns: int, neighbours: Sequence[int]) -> int | None:
    """Half a second before the next P, which belongs to another event; None without one."""
    apart_ns, before_ns = round(_APART_S * NS_PER_S), round(_BEFORE_NEXT_S * NS_PER_S)
    later = [other - before_ns for other in neighbours if other - time_ns >= apart_ns]
    return min(later, default=None)


def event_probability(record: WindowRecord) -> float:
    """Probability that a window shows something else than noise; 0 where it was not scored."""
    if not record.probabilities:
        return 0.0
    if NOISE in record.probabilities:
        return 1 - record.probabilities[NOISE]
    return max(record.probabilities.values())


def find_onsets(
    classifier: Classifier,
    waveforms: str | Path | Iterable[str | Path],
    config: PredictConfig | None = None,
    orientations: Orientations | None = None,
) -> Iterator[Onset]:
    """Classify the windows of files, and find the onsets in them.

    Parameters
    ----------
    classifier : Classifier
    waveforms : path or paths
    config : PredictConfig, optional
    orientations : Orientations, optional

    Yields
    ------
    Onset
        Of one channel set and day after the other.
    """
    config = config or PredictConfig()
    source = FileSource([waveforms] if isinstance(waveforms, str | Path) else waveforms)
    chosen, _ = select(source.spans(), config.channels)
    finder = OnsetFinder(classifier, source, config, orientations)
    for day in station_days(chosen, config.grid(classifier.card)):
        records = list(classifier.predict_days([day], source, config, orientations))
        yield from finder.find(day, records)


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Divide cells into runs of neighbours, of a bounded length."""
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        cells = [number for _, number in run]
        for first in range(0, len(cells), _CELLS_AT_A_TIME):
            yield cells[first : first + _CELLS_AT_A_TIME]


def _first_of(numbers: Sequence[int], cells: Mapping[int, list[_Look]]) -> Iterator[_Look]:
    """Windows whose first cell is one of these."""
    for number in numbers:
        for look in cells[number]:
            if look.start_ns // CELL_NS == number:
                yield look


def _shown(time_ns: int, neighbours: Iterable[int]) -> tuple[int, int]:
    """What of the window of an onset is shown, so that the class is that of this event."""
    near_s = sorted((other - time_ns) / NS_PER_S for other in neighbours)
    before = any(-_BEFORE_ONSET_S < s < -1.0 for s in near_s)
    from_s = -_SHOWN_BEFORE_S if before else -_BEFORE_ONSET_S
    following = [s for s in near_s if s > 1.0]
    to_s = 1e6
    if following:
        to_s = max(following[0] - _BEFORE_NEXT_S, from_s + _SHOWN_LEAST_S)
    return time_ns + round(from_s * NS_PER_S), time_ns + round(to_s * NS_PER_S)
