"""Cut windows: a channel set goes in, equally long windows with times and quality come out.

A window depends on its own samples alone. It is detrended, resampled and judged by itself, so
that its answer is the same wherever its file begins and however the record was cut into files.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.data.join import true_runs
from quake.data.preprocessing import Preprocessing
from quake.data.waveform import COMPONENTS, NS_PER_S, ChannelSet, ChannelSetId, Segment, Span
from quake.errors import ParameterError

# Far above what any digitiser (2^31 counts) or unit gives, far below the square root of the
# largest double: sums of squares stay finite.
ABSURD_AMPLITUDE = 1e20

# What double precision leaves of a constant after detrending and filtering, with room.
_ROUNDING = 1e-11

# A plateau at the extreme value, this long and this often, is a saturated digitiser or sensor;
# quiet integer data repeat their extremes too, but have few distinct values.
_PLATEAU_SAMPLES = 4
_PLATEAUS_TOTAL_SAMPLES = 8
_CLIPPED_MIN_DISTINCT = 100

# A digitiser that works never gives the same value for so long: this is what a gap was filled
# with, by a data centre or a telemetry system.
_FLAT_S = 3.0


@dataclass(frozen=True, eq=False)
class Window:
    """One window of one channel set.

    Attributes
    ----------
    id : ChannelSetId
    start_ns, end_ns : int
        ns since the epoch; the end is exclusive.
    samples : float32 array of shape (3, N)
        Z, N, E at the model's rate, detrended and high-passed, zero where there is no data.
    status : str
        "usable", "no_data" or "rejected".
    coverage : float
        Share of the window with data, of the worst component that is used (of the best one where
        none can be used).
    components : str
        The components that were really recorded and are used, in the order ZNE.
    sampling_rate_hz : float
        Of the record; the lowest one where components differ. 0 where there is no data at all.
    flags : tuple of str
        What is unusual, and for "no_data" and "rejected" the reason.
    """

    id: ChannelSetId
    start_ns: int
    end_ns: int
    samples: NDArray[np.float32]
    status: str
    coverage: float
    components: str
    sampling_rate_hz: float
    flags: tuple[str, ...]


@dataclass(frozen=True)
class WindowGrid:
    """Where windows lie: their length and their step, both in ns.

    Starts are multiples of the step, counted from the epoch.
    """

    window_ns: int
    hop_ns: int

    @classmethod
    def from_overlap(cls, window_s: float, overlap: float) -> WindowGrid:
        """Windows of `window_s` seconds that overlap by a share of their length.

        Raises
        ------
        ParameterError
            If the overlap is not at least 0 and below 1, or leaves a step under a millisecond.
        """
        if not 0 <= overlap < 1:
            raise ParameterError(f"overlap must be at least 0 and below 1, got {overlap:g}")
        window_ns = round(window_s * NS_PER_S)
        # Whole milliseconds: 60 s at an overlap of 1/3 would otherwise miss the round seconds.
        hop_ns = round(window_ns * (1 - overlap) / 1_000_000) * 1_000_000
        if hop_ns < 1:
            raise ParameterError(
                f"overlap {overlap} leaves a step of no length; take a smaller one"
            )
        return cls(window_ns, hop_ns)

    def starts(self, start_ns: int, end_ns: int, tolerance_ns: int = 0) -> list[int]:
        """Starts of the windows of one record: grid, plus one flush with either end.

        With these every sample lies in one window at least. A record shorter than a window gets
        one window, which begins with it.

        Parameters
        ----------
        start_ns, end_ns : int
            The record, end exclusive.
        tolerance_ns : int
            By how much a window may stand out at either end; half a sampling interval, because
            sampling instants need not lie on the grid.
        """
        last_ns = end_ns - self.window_ns
        if last_ns < start_ns - tolerance_ns:
            return [start_ns]
        first = -((tolerance_ns - start_ns) // self.hop_ns)
        final = (last_ns + tolerance_ns) // self.hop_ns
        grid = [k * self.hop_ns for k in range(first, final + 1)]
        if not grid:
            # Two windows that differ by a rounding error would say the same thing twice.
            return [start_ns] if last_ns <= start_ns + tolerance_ns else [start_ns, last_ns]
        if grid[0] > start_ns + tolerance_ns:
            grid.insert(0, start_ns)
        if grid[-1] < last_ns - tolerance_ns:
            grid.append(last_ns)
        return grid


@dataclass(frozen=True)
class Record:
    """A stretch of time in which a channel set has no gap as long as a window."""

    start_ns: int
    end_ns: int
    tolerance_ns: int


def records(spans: Iterable[Span], window_ns: int) -> list[Record]:
    """Divide the spans of a channel set at gaps of a window's length or more."""
    found: list[Record] = []
    for span in sorted(spans, key=lambda s: s.start_ns):
        tolerance_ns = round(NS_PER_S / span.sampling_rate_hz / 2)
        if found and span.start_ns - found[-1].end_ns < window_ns:
            last = found[-1]
            found[-1] = Record(
                last.start_ns,
                max(last.end_ns, span.end_ns),
                max(last.tolerance_ns, tolerance_ns),
            )
        else:
            found.append(Record(span.start_ns, span.end_ns, tolerance_ns))
    return found


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
    parts = {
        component: _cut_component(
            channel_set.segments.get(component, []), start_ns, preprocessing, component
        )
        for component in COMPONENTS
    }
    present = {c: part for c, part in parts.items() if part.rates_hz}
    flags = [flag for part in present.values() for flag in part.flags]
    used = _usable(present, preprocessing, min_coverage)
    status = "usable"
    if not used:
        status, reason = _why_unusable(present, preprocessing)
        flags.append(reason)
    elif len(used) < len(COMPONENTS) and not preprocessing.accepts_missing_components:
        status = "rejected"
        flags.append("missing_components")
    samples = np.zeros((len(COMPONENTS), preprocessing.n_samples), np.float64)
    for component in used:
        samples[COMPONENTS.index(component)] = parts[component].samples
    if channel_set.rotation is not None:
        samples, rotation_flags = _rotate(samples, channel_set.rotation, used)
        flags += rotation_flags
    return Window(
        id=channel_set.id,
        start_ns=start_ns,
        end_ns=start_ns + preprocessing.window_ns,
        samples=_to_float32(samples),
        status=status,
        coverage=_coverage(used or present, min if used else max),
        components="".join(used),
        sampling_rate_hz=min((min(p.rates_hz) for p in present.values()), default=0.0),
        flags=tuple(flags + _shared_flags(used, present, preprocessing)),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """One component of one window, at the model's rate, float64, shape (N,)."""

    samples: NDArray[np.float64]
    filled: NDArray[np.bool_]  # where there are data, shape (N,)
    coverage: float
    rates_hz: frozenset[float]
    dead: bool
    flags: tuple[str, ...]


def _cut_component(
    segments: list[Segment], start_ns: int, preprocessing: Preprocessing, component: str
) -> _Part:
    samples = np.zeros(preprocessing.n_samples)
    filled = np.zeros(preprocessing.n_samples, np.bool_)
    filled_to = 0
    coverage = 0.0
    rates_hz: set[float] = set()
    raw: list[NDArray[Any]] = []
    bad_values = flat = False
    pieces = list(_overlapping(segments, start_ns, preprocessing.window_ns))
    moving = any(_is_moving(segment.samples[first:stop]) for segment, first, stop in pieces)
    for segment, first, stop in pieces:
        piece = segment.samples[first:stop]
        rates_hz.add(segment.sampling_rate_hz)
        runs = _valid_runs(piece)
        bad_values |= sum(b - a for a, b in runs) < len(piece)
        if moving:
            n_valid = sum(b - a for a, b in runs)
            runs = without_flat(piece, runs, segment.sampling_rate_hz)
            flat |= sum(b - a for a, b in runs) < n_valid
        for a, b in runs:
            valid = piece[a:b]
            offset = _model_index(segment, first + a, start_ns, preprocessing.sampling_rate_hz)
            values = prepare(valid, segment.sampling_rate_hz, preprocessing)
            # On the model's coarser grid a piece may reach a sample into its neighbour.
            values = values[max(filled_to - offset, 0) : preprocessing.n_samples - offset]
            offset = max(offset, filled_to)
            samples[offset : offset + len(values)] = values
            filled[offset : offset + len(values)] = True
            filled_to = offset + len(values)
            coverage += len(valid) / (preprocessing.window_s * segment.sampling_rate_hz)
            raw.append(valid)
    # Of less than one column of the spectrogram nobody can tell.
    dead = bool(filled.sum() >= preprocessing.nperseg) and _is_dead(raw, samples)
    flags = [
        f"{name}:{component}"
        for name, holds in (
            ("bad_values", bad_values),
            ("flat", flat),
            ("dead", dead),
            ("clipped", not dead and _is_clipped(raw)),
        )
        if holds
    ]
    return _Part(samples, filled, min(coverage, 1.0), frozenset(rates_hz), dead, tuple(flags))


def _is_dead(raw: list[NDArray[Any]], prepared: NDArray[np.float64]) -> bool:
    """Whether nothing but rounding is left of a constant, or of a straight line."""
    largest = max(float(np.abs(values.astype(np.float64)).max()) for values in raw)
    return float(np.abs(prepared).max()) <= _ROUNDING * largest


def _overlapping(
    segments: list[Segment], start_ns: int, window_ns: int
) -> Iterator[tuple[Segment, int, int]]:
    """Yield the segments that reach into a window, with first and stop index of the samples.

    A sample belongs to a window if its time, rounded to the sampling grid that begins with the
    window, does: sampling instants need not lie on the window's.
    """
    # Segments are disjoint, so that their ends are in order as well; `join` saw to it.
    index = bisect_right(segments, start_ns, key=lambda s: s.end_ns)
    for position in range(max(index - 1, 0), len(segments)):
        segment = segments[position]
        if segment.start_ns >= start_ns + window_ns:
            return
        rate_hz = segment.sampling_rate_hz
        n_window = round(window_ns * rate_hz / NS_PER_S)
        begin = math.ceil((start_ns - segment.start_ns) * rate_hz / NS_PER_S - 0.5)
        first, stop = max(begin, 0), min(begin + n_window, len(segment.samples))
        if first < stop:
            yield segment, first, stop


def _model_index(segment: Segment, index: int, start_ns: int, model_rate_hz: float) -> int:
    """Index, at the model's rate and from the start of the window, of a sample of a segment."""
    elapsed_s = (segment.start_ns - start_ns) / NS_PER_S + index / segment.sampling_rate_hz
    return max(round(elapsed_s * model_rate_hz), 0)


def _valid_runs(samples: NDArray[Any]) -> list[tuple[int, int]]:
    """Runs of finite, possible values: NaN, Inf and absurd amplitudes are gaps."""
    if samples.dtype.kind in "iu":
        return [(0, len(samples))]
    with np.errstate(invalid="ignore"):
        valid = np.abs(samples) <= ABSURD_AMPLITUDE
    return [(0, len(samples))] if valid.all() else true_runs(valid)


def _is_moving(samples: NDArray[Any]) -> bool:
    return bool((samples != samples[0]).any())


def without_flat(
    samples: NDArray[Any], runs: Iterable[tuple[int, int]], sampling_rate_hz: float
) -> list[tuple[int, int]]:
    """Take stretches of one and the same value, three seconds or longer, out of runs.

    Parameters
    ----------
    samples : array of shape (n,)
    runs : (first, stop) of each run of valid samples
    sampling_rate_hz : float

    Returns
    -------
    list of (first, stop)
    """
    n_least = max(round(_FLAT_S * sampling_rate_hz), 2)
    return [
        (first + a, first + b)
        for first, stop in runs
        for a, b in _moving_runs(samples[first:stop], n_least)
    ]


def _moving_runs(samples: NDArray[Any], n_least: int) -> list[tuple[int, int]]:
    changes = np.flatnonzero(samples[1:] != samples[:-1]) + 1
    bounds = np.concatenate(([0], changes, [len(samples)]))
    flat = np.flatnonzero(np.diff(bounds) >= n_least)
    keep = np.ones(len(samples), np.bool_)
    for first in flat:
        keep[bounds[first] : bounds[first + 1]] = False
    return true_runs(keep)


def prepare(
    samples: NDArray[Any], sampling_rate_hz: float, preprocessing: Preprocessing
) -> NDArray[np.float64]:
    """Detrend a gap-free piece, bring it to the model's rate and cut off the low frequencies.

    Parameters
    ----------
    samples : array of shape (n,), finite
    sampling_rate_hz : float
        Of the samples.
    preprocessing : Preprocessing
        Gives the model's rate and the corner of the high-pass.

    Returns
    -------
    float64 array of shape (ceil(n * model_rate / rate),)
    """
    model_rate_hz = preprocessing.sampling_rate_hz
    resampled = resample(_detrend(samples.astype(np.float64)), sampling_rate_hz, model_rate_hz)
    return high_pass(resampled, model_rate_hz, preprocessing.band_hz[0])


def high_pass(
    samples: NDArray[np.float64], sampling_rate_hz: float, corner_hz: float
) -> NDArray[np.float64]:
    """Butterworth high-pass of order 4, forward and backward, so without a delay.

    Microseism and drift are often a thousand times stronger than what is looked for, and would
    leak into all rows of a spectrogram at each end of a piece.
    """
    from scipy.signal import sosfiltfilt  # seconds to import

    # Three periods of the corner are reflected (oddly) at the ends, to settle the filter.
    n_pad = min(round(3 * sampling_rate_hz / corner_hz), len(samples) - 1)
    filtered: NDArray[np.float64] = sosfiltfilt(
        _high_pass_sections(sampling_rate_hz, corner_hz), samples, padlen=n_pad
    )
    return filtered


@lru_cache(maxsize=8)
def _high_pass_sections(sampling_rate_hz: float, corner_hz: float) -> NDArray[np.float64]:
    from scipy.signal import butter

    sections: NDArray[np.float64] = butter(
        4, corner_hz, "highpass", fs=sampling_rate_hz, output="sos"
    )
    return sections


def _detrend(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Remove the straight line of least squares."""
    samples = samples - samples.mean()
    if len(samples) < 3:  # a line through two points leaves nothing
        return samples
    t = np.arange(len(samples)) - (len(samples) - 1) / 2
    result: NDArray[np.float64] = samples - t * ((t @ samples) / (t @ t))
    return result


def resample(
    samples: NDArray[np.float64], sampling_rate_hz: float, model_rate_hz: float
) -> NDArray[np.float64]:
    """Resample with an anti-alias filter (polyphase FIR, Kaiser window, linear phase).

    Rates whose ratio is no simple fraction (99.9987 Hz) are taken as the nearest one with terms
    under a thousand; over a window the error in time is far below a sample.
    """
    up, down = _ratio(sampling_rate_hz, model_rate_hz)
    if up == down:
        return samples
    from scipy.signal import resample_poly  # seconds to import, and often not needed

    resampled: NDArray[np.float64] = resample_poly(
        samples, up, down, window=_anti_alias_filter(up, down)
    )
    return resampled


@lru_cache(maxsize=64)
def _ratio(sampling_rate_hz: float, model_rate_hz: float) -> tuple[int, int]:
    from fractions import Fraction

    largest_term = max(1000, round(sampling_rate_hz / model_rate_hz))
    ratio = Fraction(model_rate_hz / sampling_rate_hz).limit_denominator(largest_term)
    if ratio == 0:
        raise ParameterError(f"cannot resample {sampling_rate_hz:g} Hz to {model_rate_hz:g} Hz")
    return ratio.numerator, ratio.denominator


@lru_cache(maxsize=64)
def _anti_alias_filter(up: int, down: int) -> NDArray[np.float64]:
    """Low-pass at 0.92 of the lower Nyquist frequency, 70 dB down where aliases would fall."""
    from scipy.signal import firwin

    largest = max(up, down)
    taps: NDArray[np.float64] = firwin(2 * 16 * largest + 1, 0.92 / largest, window=("kaiser", 7.0))
    return taps


def _is_clipped(pieces: list[NDArray[Any]]) -> bool:
    if not pieces:
        return False
    values = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
    at_extreme = (values == values.max()) | (values == values.min())
    if np.count_nonzero(at_extreme) < _PLATEAUS_TOTAL_SAMPLES:
        return False
    plateaus = [b - a for a, b in true_runs(at_extreme) if b - a >= _PLATEAU_SAMPLES]
    return (
        sum(plateaus) >= _PLATEAUS_TOTAL_SAMPLES and len(np.unique(values)) >= _CLIPPED_MIN_DISTINCT
    )


def _usable(
    present: dict[str, _Part], preprocessing: Preprocessing, min_coverage: float
) -> dict[str, _Part]:
    return {
        component: part
        for component, part in present.items()
        if not part.dead
        and part.coverage > 0
        and part.coverage >= min_coverage - 1e-9
        and not _far_too_slow(part, preprocessing)
    }


def _far_too_slow(part: _Part, preprocessing: Preprocessing) -> bool:
    return min(part.rates_hz) / 2 < preprocessing.band_hz[1] / 2


def _why_unusable(present: dict[str, _Part], preprocessing: Preprocessing) -> tuple[str, str]:
    """Status and reason of a window without a component that can be used."""
    if present and all(_far_too_slow(part, preprocessing) for part in present.values()):
        return "rejected", "sampling_rate_too_low"
    if present and all(part.dead for part in present.values()):
        return "no_data", "all_dead"
    return "no_data", "low_coverage"


def _coverage(parts: dict[str, _Part], choose: Any) -> float:
    return float(round(choose((part.coverage for part in parts.values()), default=0.0), 6))


def _shared_flags(
    used: dict[str, _Part], present: dict[str, _Part], preprocessing: Preprocessing
) -> list[str]:
    flags = []
    if any(part.coverage < 1 - 1e-9 for part in present.values()):
        flags.append("gap")
    rates_hz = {rate for part in used.values() for rate in part.rates_hz}
    if any(_ratio(rate, preprocessing.sampling_rate_hz) != (1, 1) for rate in rates_hz):
        flags.append("resampled")
    if any(rate / 2 < preprocessing.band_hz[1] for rate in rates_hz):
        flags.append("narrow_band")
    return flags


def _rotate(
    samples: NDArray[np.float64], rotation: NDArray[np.float64], used: dict[str, _Part]
) -> tuple[NDArray[np.float64], list[str]]:
    """Turn to true Z, N, E, which takes all three components at once."""
    if len(used) < len(COMPONENTS):
        return samples, ["not_rotated"] if used else []
    if np.allclose(rotation, np.eye(3), atol=1e-6):
        return samples, []
    # A gap of one component is a gap of all that it would be mixed into.
    complete = np.logical_and.reduce([part.filled for part in used.values()])
    return (rotation @ samples) * complete, ["rotated"]


def _to_float32(samples: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale each component into float32's range if it would leave it; the z-score undoes it."""
    largest = np.abs(samples).max(axis=1, keepdims=True)
    # 1e15 squared still fits float32's 3e38; tiny ones (m/s of a quiet site) keep all digits too.
    outside = (largest > 1e15) | ((largest > 0) & (largest < 1e-15))
    scale = np.where(outside, largest, 1.0)
    return (samples / scale).astype(np.float32)
