"""A stretch of a recording: filtered and resampled once, and then cut into windows that overlap.

A window depends on its own samples alone, so that its answer is the same wherever its file begins
and however the recording was cut into files. `quake.windows.filtering` says how that goes with
filtering but once. Quality is counted for all windows together, from sums along the recording.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from quake.data.preprocessing import Preprocessing
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.joining import true_runs
from quake.waveforms.segments import ChannelSet, Segment
from quake.windows.filtering import RecordingFilter, ratio, recording_filter
from quake.windows.grid import Window
from quake.windows.timeline import PLATEAU_SAMPLES, Counts, Mask, Timeline, index_at, timelines

Samples = NDArray[np.float64]

# Plateaus at the extreme value, in all this long, are saturation; quiet integer data repeat their
# extremes too, but have few distinct values.
_PLATEAUS_TOTAL_SAMPLES = 8
_CLIPPED_MIN_DISTINCT = 100

# 1e15 squared still fits float32's 3e38; tiny ones (m/s of a quiet site) keep all digits too.
_LARGEST, _SMALLEST = 1e15, 1e-15

# Far below all that is recorded, and a number of float32 still.
_NEARLY_ZERO = 1e-30


class Stretch:
    """The components of a channel set between two times, ready to be cut.

    Parameters
    ----------
    channel_set : ChannelSet
        Joined segments.
    origin_ns, end_ns : int
        ns since the epoch; no window begins before the origin or ends after the end. Samples are
        placed on a grid that begins at the origin: a whole minute keeps all usual rates on it.
    preprocessing : Preprocessing
        Rate, length and band of the model.
    """

    def __init__(
        self, channel_set: ChannelSet, origin_ns: int, end_ns: int, preprocessing: Preprocessing
    ) -> None:
        self.channel_set = channel_set
        self.origin_ns = origin_ns
        self.preprocessing = preprocessing
        self._tracks = {
            component: self._prepare(channel_set.segments.get(component, []), end_ns)
            for component in COMPONENTS
        }

    def windows(
        self,
        starts_ns: Sequence[int],
        min_coverage: float,
        rotations: Sequence[NDArray[np.float64] | None] | None = None,
    ) -> list[Window]:
        """Cut windows and judge them.

        Parameters
        ----------
        starts_ns : starts of the windows, ns since the epoch
        min_coverage : float
            A component with data in less than this share of a window is not used.
        rotations : one a window, optional
            Each of shape (3, 3), or None; by default that of the channel set for all.

        Returns
        -------
        list of Window
            Their samples are rows of one array.
        """
        p = self.preprocessing
        starts = [(start - self.origin_ns) for start in starts_ns]
        samples = np.zeros((len(starts), len(COMPONENTS), p.n_samples))
        filled = np.zeros(samples.shape, np.bool_)
        parts: list[dict[str, _Quality]] = [{} for _ in starts]
        for row, component in enumerate(COMPONENTS):
            tracks = self._tracks[component]
            for track in tracks:
                track.cut(starts, samples[:, row], filled[:, row])
            if tracks:
                for part, counted in zip(
                    parts, _qualities(component, tracks, starts, p), strict=True
                ):
                    if counted.rates_hz:
                        part[component] = counted
        chosen = rotations or [self.channel_set.rotation] * len(starts)
        judged = [
            _judge(part, samples[i], filled[i], p, min_coverage, rotation)
            for i, (part, rotation) in enumerate(zip(parts, chosen, strict=True))
        ]
        rows = samples.astype(np.float32) if self._fits_float32 else _to_float32(samples)
        _mark_shown(rows, filled)
        return [
            Window(
                id=self.channel_set.id,
                start_ns=start_ns,
                end_ns=start_ns + p.window_ns,
                samples=row,
                status=verdict.status,
                coverage=verdict.coverage,
                components=verdict.components,
                sampling_rate_hz=verdict.sampling_rate_hz,
                flags=verdict.flags,
            )
            for start_ns, row, verdict in zip(starts_ns, rows, judged, strict=True)
        ]

    @cached_property
    def _fits_float32(self) -> bool:
        """Whether no window can leave float32's range; a few digits of room for what is added."""
        largest = max(
            (track.largest for tracks in self._tracks.values() for track in tracks), default=0.0
        )
        return largest == 0 or _SMALLEST * 1e6 < largest < _LARGEST / 1e3

    def _prepare(self, segments: list[Segment], end_ns: int) -> list[_Track]:
        p = self.preprocessing
        filters = {
            rate: recording_filter(rate, p.sampling_rate_hz, p.band_hz[0])
            for rate in {segment.sampling_rate_hz for segment in segments}
        }
        pads = {rate: found.reach for rate, found in filters.items()}
        return [
            _Track(line, filters[line.sampling_rate_hz], p)
            for line in timelines(segments, self.origin_ns, end_ns, pads)
        ]


def cut(
    channel_set: ChannelSet, start_ns: int, preprocessing: Preprocessing, min_coverage: float
) -> Window:
    """Cut one window and judge it.

    Parameters
    ----------
    channel_set : ChannelSet
        Joined segments.
    start_ns : int
        Start of the window, ns since the epoch.
    preprocessing : Preprocessing
        Rate, length and band of the model.
    min_coverage : float
        A component with data in less than this share of the window is not used.
    """
    stretch = Stretch(channel_set, start_ns, start_ns + preprocessing.window_ns, preprocessing)
    (window,) = stretch.windows([start_ns], min_coverage)
    return window


class _Track:
    """One component of one sampling rate: the timeline, and what the filter made of it."""

    def __init__(
        self, timeline: Timeline, filter_: RecordingFilter, preprocessing: Preprocessing
    ) -> None:
        self.timeline = timeline
        self.preprocessing = preprocessing
        self._filter = filter_
        self._n_raw = round(preprocessing.window_s * timeline.sampling_rate_hz)

    @property
    def rate_hz(self) -> float:
        return self.timeline.sampling_rate_hz

    @property
    def _is_far_too_slow(self) -> bool:
        return _far_too_slow(self.rate_hz, self.preprocessing)

    @cached_property
    def largest(self) -> float:
        """Largest absolute value that the filter left."""
        if self._is_far_too_slow:
            return 0.0
        filtered = self._filtered
        return float(max(filtered.max(initial=0.0), -filtered.min(initial=0.0)))

    def bounds(self, starts: Sequence[int]) -> tuple[Counts, Counts]:
        """First and stop index of the samples of windows that begin that many ns after the origin.

        A sample belongs to a window if its time, rounded to the axis, does.
        """
        n = len(self.timeline.valid)
        # Each start is rounded by itself: steps between windows need not be whole samples.
        first = np.array([index_at(start, 0, self.rate_hz) for start in starts], np.int64)
        return np.clip(first, 0, n), np.clip(first + self._n_raw, 0, n)

    def cut(self, starts: Sequence[int], samples: Samples, filled: Mask) -> None:
        """Write the windows where nothing is written yet.

        Parameters
        ----------
        starts : ns after the origin, one a window
        samples, filled : arrays of shape (windows, N)
        """
        if self._is_far_too_slow or not self.timeline.valid.any():
            return  # of 0.003 Hz, a sample would become millions, which nobody looks at
        n_samples = samples.shape[1]
        firsts = [index_at(start, 0, self.preprocessing.sampling_rate_hz) for start in starts]
        rows = sliding_window_view(_extended(self._filtered, firsts, n_samples), n_samples)[firsts]
        self._forget_surroundings(rows, firsts)
        # Nearly all windows are whole, and then no mask has to be made of where samples are.
        if self._is_whole and max(firsts) + n_samples <= len(self._filtered):
            samples[:], filled[:] = rows, True
            return
        # Of two rates of one component the higher one has been written before, and stands.
        there = self._shown(firsts, n_samples)
        np.logical_and(there, ~filled, out=there)
        np.copyto(samples, rows, where=there)
        filled |= there

    @cached_property
    def _filtered(self) -> Samples:
        return self._filter.apply(self.timeline.samples)

    @cached_property
    def _is_whole(self) -> bool:
        return bool(self.timeline.valid.all())

    def _shown(self, firsts: Sequence[int], n_samples: int) -> Mask:
        """Which outputs of windows are shown, shape (windows, N).

        A gap that is bridged needs samples on both sides of it within the window: at its edge
        nobody could tell it from a longer one.
        """
        valid = _extended(self._valid_outputs, firsts, n_samples)
        windows = sliding_window_view(valid, n_samples)[firsts]
        if self.timeline.bridged is self.timeline.valid:
            return windows
        bridged = _extended(self._bridged_outputs, firsts, n_samples)
        # Running "or" from both sides: there was a sample before, and there will be one.
        begun = np.logical_or.accumulate(windows, axis=1)
        unfinished = np.logical_or.accumulate(windows[:, ::-1], axis=1)[:, ::-1]
        return np.asarray(begun & unfinished & sliding_window_view(bridged, n_samples)[firsts])

    @cached_property
    def _valid_outputs(self) -> Mask:
        return self._there(self.timeline.valid)

    @cached_property
    def _bridged_outputs(self) -> Mask:
        return self._there(self.timeline.bridged)

    def _there(self, valid: Mask) -> Mask:
        """Which outputs have a sample of the recording before the next output's."""
        up, down = self._filter.up_down
        n = len(self._filtered)
        # An output stands for the inputs from its own instant up to that of the next output. At a
        # whole multiple of the model's rate these are rows of equal length; at other rates, the
        # nearest input, and as many behind it as fit before the next output.
        if up == 1 and self.rate_hz == down * self.preprocessing.sampling_rate_hz:
            padded = np.zeros(n * down, np.bool_)
            padded[: len(valid)] = valid
            return np.asarray(np.logical_or.reduce([padded[i::down] for i in range(down)]))
        index = self._filter.input_index(np.arange(n))
        there = valid[np.minimum(index, len(valid) - 1)]
        ratio_of_rates = self.rate_hz / self.preprocessing.sampling_rate_hz
        for offset in range(1, int(ratio_of_rates - 1e-9) + 1):
            there |= valid[np.minimum(index + offset, len(valid) - 1)]
        return there

    def _forget_surroundings(self, rows: Samples, firsts: Sequence[int]) -> None:
        """Make windows, in place, what the filter would have made of each by itself.

        A window by itself is continued by its own odd reflection, 2 x[0] - x[k] at k samples before
        its first one; the filter saw what was recorded there instead. The filter is linear, so
        the two results differ by its response to the difference of the two continuations, called
        ``bend`` here. It acts on outputs within reach of either end, and nowhere else.
        """
        reach, n_outputs = self._filter.reach, rows.shape[1]
        # Indices into the padded samples: the origin is `reach` samples after their beginning.
        left = self._filter.input_index(np.asarray(firsts, np.int64)) + reach
        right = left + self._n_raw - 1
        x = self.timeline.samples
        missing = int(right.max()) + reach + 1 - len(x)
        if missing > 0:
            x = np.concatenate([x, np.zeros(missing)])
        stretches = sliding_window_view(x, reach)
        # A window shorter than the reach is reflected as far as it goes; its last sample goes on.
        inner = np.minimum(np.arange(1, reach + 1), self._n_raw - 1)
        # Column k is k + 1 samples outside; what lies before a window is therefore turned around.
        bend = 2 * x[left][:, None] - x[left[:, None] + inner] - stretches[left - reach][:, ::-1]
        effect = self._filter.end_effects(bend, n_outputs)
        rows[:, : effect.shape[1]] += effect
        bend = 2 * x[right][:, None] - x[right[:, None] - inner] - stretches[right + 1]
        effect = self._filter.end_effects(bend, n_outputs, at_end=True)
        rows[:, n_outputs - effect.shape[1] :] += effect[:, ::-1]


def _extended(values: NDArray[Any], firsts: Sequence[int], n_samples: int) -> NDArray[Any]:
    """Zeros behind the end, if windows reach beyond it."""
    missing = max(firsts) + n_samples - len(values)
    return values if missing <= 0 else np.concatenate([values, np.zeros(missing, values.dtype)])


@dataclass(frozen=True)
class _Quality:
    """What is known of one component of one window."""

    coverage: float
    rates_hz: frozenset[float]
    dead: bool
    flags: tuple[str, ...]


def _qualities(
    component: str, tracks: Sequence[_Track], starts: Sequence[int], preprocessing: Preprocessing
) -> Iterator[_Quality]:
    """Count what is there of a component, window by window."""
    counted = [_Counts.of(track, starts, preprocessing) for track in tracks]
    for i in range(len(starts)):
        here = [counts for counts in counted if counts.recorded[i]]
        if len(here) == 1 and here[0].clean[i]:
            yield here[0].clean_part
            continue
        dead = bool(here) and all(counts.dead[i] for counts in here)
        flags = [
            f"{name}:{component}"
            for name, holds in (
                ("bad_values", any(counts.bad[i] for counts in here)),
                ("flat", not dead and any(counts.flat[i] for counts in here)),
                ("line", not dead and any(counts.line[i] for counts in here)),
                ("spike", any(counts.wild[i] for counts in here)),
                ("dead", dead),
                ("clipped", not dead and any(counts.is_clipped(i) for counts in here)),
            )
            if holds
        ]
        coverage = sum(float(counts.coverage[i]) for counts in here)
        rates = frozenset(counts.track.rate_hz for counts in here)
        yield _Quality(min(coverage, 1.0), rates, dead, tuple(flags))


@dataclass(frozen=True, eq=False)
class _Counts:
    """Of one track, an array of shape (windows,) each."""

    track: _Track
    first: Counts
    stop: Counts
    recorded: Counts
    bad: Counts
    flat: Counts
    line: Counts
    wild: Counts
    plateau: Counts
    coverage: Samples
    dead: Mask
    clean: Mask
    clean_part: _Quality

    @classmethod
    def of(cls, track: _Track, starts: Sequence[int], preprocessing: Preprocessing) -> _Counts:
        line = track.timeline
        first, stop = track.bounds(starts)
        names = ("recorded", "valid", "bad", "flat", "line", "wild", "plateau")
        recorded, valid, bad, flat, straight, wild, plateau = (
            line.count(name, first, stop) for name in names
        )
        # Every mask has its running sum, so that a window costs two look-ups however long it is.
        # A window in which nothing but flat stretches is left is dead, not full of gaps.
        filled = flat + straight
        all_flat = (valid == 0) & (filled > 0)
        counted = np.where(all_flat, filled, valid)
        n_nominal = preprocessing.window_s * line.sampling_rate_hz
        n_column = preprocessing.nperseg * line.sampling_rate_hz / preprocessing.sampling_rate_hz
        # Of less than one column of the spectrogram nobody can tell.
        dead = all_flat | ((counted >= n_column - 1) & ~line.is_moving(first, stop))
        coverage = np.minimum(counted / n_nominal, 1.0)
        return cls(
            track=track,
            first=first,
            stop=stop,
            recorded=recorded,
            bad=bad,
            flat=flat,
            line=straight,
            wild=wild,
            plateau=plateau,
            coverage=coverage,
            dead=dead,
            clean=(coverage == 1.0) & (bad + filled + wild + plateau == 0) & ~dead,
            clean_part=_Quality(1.0, frozenset({line.sampling_rate_hz}), False, ()),
        )

    def is_clipped(self, i: int) -> bool:
        """Whether a window's extremes are plateaus; looked at only where there are plateaus."""
        if self.plateau[i] < _PLATEAUS_TOTAL_SAMPLES:
            return False
        inside = slice(self.first[i], self.stop[i])
        line = self.track.timeline
        return _is_clipped(line.unpadded[inside][line.valid[inside]])


def _is_clipped(values: Samples) -> bool:
    at_extreme = (values == values.max()) | (values == values.min())
    if np.count_nonzero(at_extreme) < _PLATEAUS_TOTAL_SAMPLES:
        return False
    plateaus = [b - a for a, b in true_runs(at_extreme) if b - a >= PLATEAU_SAMPLES]
    return (
        sum(plateaus) >= _PLATEAUS_TOTAL_SAMPLES and len(np.unique(values)) >= _CLIPPED_MIN_DISTINCT
    )


@dataclass(frozen=True)
class _Verdict:
    status: str
    coverage: float
    components: str
    sampling_rate_hz: float
    flags: tuple[str, ...]


def _judge(
    present: Mapping[str, _Quality],
    samples: Samples,
    filled: Mask,
    preprocessing: Preprocessing,
    min_coverage: float,
    rotation: NDArray[np.float64] | None,
) -> _Verdict:
    """Say what a window is good for; its samples, (3, N), are emptied and turned in place."""
    flags = [flag for part in present.values() for flag in part.flags]
    used = _usable(present, preprocessing, min_coverage)
    status = "usable"
    if not used:
        status, reason = _why_unusable(present, preprocessing)
        flags.append(reason)
    elif len(used) < len(COMPONENTS) and not preprocessing.accepts_missing_components:
        status = "rejected"
        flags.append("missing_components")
    for row, component in enumerate(COMPONENTS):
        if component not in used:
            samples[row] = 0.0
    if rotation is not None:
        flags += _rotate(samples, filled, rotation, len(used))
    return _Verdict(
        status=status,
        coverage=_coverage(used or present, min if used else max),
        components="".join(used),
        sampling_rate_hz=min((min(p.rates_hz) for p in present.values()), default=0.0),
        flags=tuple(flags + _shared_flags(used, present, preprocessing)),
    )


def _usable(
    present: Mapping[str, _Quality], preprocessing: Preprocessing, min_coverage: float
) -> dict[str, _Quality]:
    return {
        component: part
        for component, part in present.items()
        if not part.dead
        and part.coverage > 0
        and part.coverage >= min_coverage - 1e-9
        and not _far_too_slow(min(part.rates_hz), preprocessing)
    }


def _far_too_slow(rate_hz: float, preprocessing: Preprocessing) -> bool:
    """Whether half of the model's band, or more, lies above the Nyquist frequency."""
    return rate_hz / 2 < preprocessing.band_hz[1] / 2


def _why_unusable(present: Mapping[str, _Quality], preprocessing: Preprocessing) -> tuple[str, str]:
    """Status and reason of a window without a component that can be used."""
    if present and all(
        _far_too_slow(min(part.rates_hz), preprocessing) for part in present.values()
    ):
        return "rejected", "sampling_rate_too_low"
    if present and all(part.dead for part in present.values()):
        return "no_data", "all_dead"
    return "no_data", "low_coverage"


def _coverage(parts: Mapping[str, _Quality], choose: Any) -> float:
    return float(round(choose((part.coverage for part in parts.values()), default=0.0), 6))


def _shared_flags(
    used: Mapping[str, _Quality], present: Mapping[str, _Quality], preprocessing: Preprocessing
) -> list[str]:
    flags = []
    if any(part.coverage < 1 - 1e-9 for part in present.values()):
        flags.append("gap")
    rates_hz = {rate for part in used.values() for rate in part.rates_hz}
    if any(ratio(rate, preprocessing.sampling_rate_hz) != (1, 1) for rate in rates_hz):
        flags.append("resampled")
    if any(rate / 2 < preprocessing.band_hz[1] for rate in rates_hz):
        flags.append("narrow_band")
    return flags


def _rotate(samples: Samples, filled: Mask, rotation: Samples, n_used: int) -> list[str]:
    """Turn to true Z, N, E, in place, which takes all three components at once."""
    if n_used < len(COMPONENTS):
        return ["not_rotated"] if n_used else []
    if np.allclose(rotation, np.eye(3), atol=1e-6):
        return []
    # Each true component is a sum of all three: a gap of one would be mixed into the others as if
    # zeros had been recorded, so it is a gap of all.
    filled[:] = filled.all(axis=0)
    samples[:] = (rotation @ samples) * filled
    return ["rotated"]


def _mark_shown(rows: NDArray[np.float32], filled: Mask) -> None:
    """Keep samples that are there from being exactly zero, which means missing, in place.

    The first sample of a window is zero up to rounding, as its reflection is odd.
    """
    exact = rows == 0
    if exact.any():
        exact &= filled & rows.any(axis=-1, keepdims=True)
        rows[exact] = _NEARLY_ZERO


def _to_float32(samples: Samples) -> NDArray[np.float32]:
    """Scale components, where needed, into float32's range; the z-score undoes it."""
    largest = np.abs(samples).max(axis=-1, keepdims=True)
    outside = (largest > _LARGEST) | ((largest > 0) & (largest < _SMALLEST))
    if outside.any():
        samples = samples / np.where(outside, largest, 1.0)
    return samples.astype(np.float32)
