"""Read what tasks need from a source, block by block in bounded memory, and cut their windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from quake.data.preprocessing import Preprocessing
from quake.waveforms.assembly import margin_ns, read_channel_set
from quake.waveforms.segments import ChannelSet, component_map
from quake.waveforms.sources import Source
from quake.windows.blocks import blocks, stretches
from quake.windows.cutting import Stretch
from quake.windows.grid import MIN_COVERAGE, Window
from quake.windows.tasks import Task

if TYPE_CHECKING:
    import numpy as np

    from quake.stations.orientation import Orientations

# Enough to share what is done for many at once, few enough to stay in the processor's caches.
_WINDOWS_AT_A_TIME = 32


class TaskCutter:
    """Reads what the windows of a task need, and cuts them.

    Parameters
    ----------
    source : Source
    preprocessing : Preprocessing
        Rate, length and band of the model.
    min_coverage : float
        A component with data in less than this share of a window is not used.
    orientations : Orientations, optional
        Components are then turned to true Z, N, E.
    """

    def __init__(
        self,
        source: Source,
        preprocessing: Preprocessing,
        min_coverage: float = MIN_COVERAGE,
        orientations: Orientations | None = None,
    ) -> None:
        self.source = source
        self.preprocessing = preprocessing
        self.min_coverage = min_coverage
        self.orientations = orientations

    def windows(self, task: Task) -> Iterator[Window]:
        """Cut the windows of one task, in the order of their starts."""
        window_ns, recording = self.preprocessing.window_ns, task.recording
        spans = [
            s for s in task.spans if s.start_ns < recording.end_ns and s.end_ns > recording.start_ns
        ]
        mapping = component_map(spans)
        rates_hz = sorted({span.sampling_rate_hz for span in spans if span.code in mapping})
        margin = margin_ns(spans, mapping)
        for starts in blocks(task.starts_ns, max(rates_hz), window_ns):
            begin_ns, end_ns = starts[0] - margin, starts[-1] + window_ns + margin
            block = read_channel_set(self.source, spans, task.id, begin_ns, end_ns, mapping)
            yield from self._cut(block, mapping, starts, rates_hz)
            del block  # or two of them would be in memory while one is read

    def _cut(
        self,
        block: ChannelSet,
        mapping: Mapping[str, str],
        starts_ns: Sequence[int],
        rates_hz: Sequence[float],
    ) -> Iterator[Window]:
        """Cut the windows of a block, of which all samples are there."""
        window_ns = self.preprocessing.window_ns
        for origin_ns, several in stretches(
            starts_ns, rates_hz, self.preprocessing.sampling_rate_hz
        ):
            stretch = Stretch(block, origin_ns, several[-1] + window_ns, self.preprocessing)
            for first in range(0, len(several), _WINDOWS_AT_A_TIME):
                some = several[first : first + _WINDOWS_AT_A_TIME]
                rotations = self._rotations(block, mapping, some)
                cut = stretch.windows(some, self.min_coverage, rotations)
                for window, rotation in zip(cut, rotations or [None] * len(cut), strict=True):
                    is_unturned = self.orientations is not None and rotation is None
                    yield _flagged(window, block, is_unturned)

    def _rotations(
        self, block: ChannelSet, mapping: Mapping[str, str], starts_ns: Sequence[int]
    ) -> list[NDArray[np.float64] | None] | None:
        if self.orientations is None:
            return None
        return [self.orientations.rotation(block.id, mapping, start) for start in starts_ns]


def _flagged(window: Window, block: ChannelSet, is_unturned: bool) -> Window:
    """Flag what is not turned, and components that files contradict each other about."""
    flags = ["not_rotated"] if is_unturned else []
    flags += [
        f"disputed:{component}"
        for component, intervals in block.disputed.items()
        if any(a < window.end_ns and b > window.start_ns for a, b in intervals)
    ]
    return replace(window, flags=(*window.flags, *flags)) if flags else window
