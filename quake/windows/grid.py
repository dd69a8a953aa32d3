"""Windows: where they lie on the grid, what recordings they belong to, what is known of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quake.errors import ParameterError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S

MIN_COVERAGE = 0.25
"""Share of a window that a component must show to be used: 15 s of a minute."""


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
        Of the recording; the lowest one where components differ. 0 where there is no data at all.
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

    def starts(
        self,
        start_ns: int,
        end_ns: int,
        tolerance_ns: int = 0,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> list[int]:
        """Starts of the windows of one recording: grid, plus one flush with either end.

        With these every sample lies in one window at least. A recording shorter than a window gets
        one window, which begins with it.

        Parameters
        ----------
        start_ns, end_ns : int
            The recording, end exclusive.
        tolerance_ns : int
            By how much a window may stand out at either end; half a sampling interval, because
            sampling instants need not lie on the grid.
        since_ns, until_ns : int, optional
            Of these, only those that start at or after the one and before the other.
        """
        last_ns = end_ns - self.window_ns  # a window that starts later reaches beyond the end
        lowest = start_ns - tolerance_ns if since_ns is None else since_ns
        highest = end_ns if until_ns is None else until_ns
        if last_ns < start_ns - tolerance_ns:
            return [start_ns] if lowest <= start_ns < highest else []
        # Multiples of the step from start - tolerance to last + tolerance. The lower bound is
        # rounded up; integers do that by rounding its negative down, without becoming floats.
        first = -((tolerance_ns - start_ns) // self.hop_ns)
        final = (last_ns + tolerance_ns) // self.hop_ns
        flush = self._flush(start_ns, last_ns, tolerance_ns, first, final)
        # The whole recording decides what is flush; only then is the part that was asked for taken,
        # so that a day has the same windows as in a longer run.
        chosen = range(
            max(first, -(-lowest // self.hop_ns)), min(final, (highest - 1) // self.hop_ns) + 1
        )
        return sorted(
            [s for s in flush if lowest <= s < highest] + [k * self.hop_ns for k in chosen]
        )

    def _flush(
        self, start_ns: int, last_ns: int, tolerance_ns: int, first: int, final: int
    ) -> list[int]:
        """Starts off the grid: at either end of a recording, where the grid leaves samples out."""
        if first > final:  # a recording so short that no multiple of the step fits
            # Two windows that differ by a rounding error would say the same thing twice.
            return [start_ns] if last_ns <= start_ns + tolerance_ns else [start_ns, last_ns]
        flush = []
        if first * self.hop_ns > start_ns + tolerance_ns:
            flush.append(start_ns)
        if final * self.hop_ns < last_ns - tolerance_ns:
            flush.append(last_ns)
        return flush


@dataclass(frozen=True)
class Recording:
    """A stretch of time in which a channel set has no gap as long as a window."""

    start_ns: int
    end_ns: int
    tolerance_ns: int


def recordings(spans: Iterable[Span], window_ns: int) -> list[Recording]:
    """Divide the spans of a channel set at gaps of a window's length or more."""
    found: list[Recording] = []
    for span in sorted(spans, key=lambda s: s.start_ns):
        # Samples need not lie on the grid of the windows, so an end is known to half a sample. Of
        # several rates the slowest is the least sure.
        tolerance_ns = round(NS_PER_S / span.sampling_rate_hz / 2)
        if found and span.start_ns - found[-1].end_ns < window_ns:
            last = found[-1]
            found[-1] = Recording(
                last.start_ns,
                max(last.end_ns, span.end_ns),  # a span may lie within one that began before it
                max(last.tolerance_ns, tolerance_ns),
            )
        else:
            found.append(Recording(span.start_ns, span.end_ns, tolerance_ns))
    return found
