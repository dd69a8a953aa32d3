"""Hold labelled stretches of records, and cut windows out of them as prediction does.

Each row is decoded once and kept, in memory or in a cache on disk, so that no epoch but the first
reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quake.data.preprocessing import Preprocessing
from quake.datasets.labels import LabelledSpan
from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.segments import ChannelSet, Segment
from quake.waveforms.times import NS_PER_S
from quake.windows.cutting import cut
from quake.windows.grid import MIN_COVERAGE
from quake.windows.missing import NOTHING, DataLoss, inflict, within

# Of an event, so much must show in the window of its row, or it is moved to so long before it.
_SHOWN_AFTER_ONSET_NS = 12 * NS_PER_S
_BEFORE_ONSET_NS = 15 * NS_PER_S


@dataclass(frozen=True, eq=False)
class Example:
    """One labelled stretch of a record.

    Attributes
    ----------
    samples : float32 array of shape (3, N)
        Z, N, E at the model's rate; missing components are zeros.
    components : str
        Those that were recorded.
    target : int
        Index of the class.
    onset : int or None
        Index of the sample at which the event begins; None for noise.
    span : LabelledSpan
    recorded : ChannelSet, optional
        The same as it was read: all windows are cut out of it. Where there is none, `samples` are
        the record.
    start_ns : int
        Time of the first of `samples`, ns since the epoch.
    """

    samples: NDArray[np.float32]
    components: str
    target: int
    onset: int | None
    span: LabelledSpan
    recorded: ChannelSet | None = None
    start_ns: int = 0

    def row_start_ns(self, preprocessing: Preprocessing) -> int:
        """Start of the window that stands for the row, ns since the epoch.

        The row's own start; of a row that is longer than a window and whose event would not show,
        fifteen seconds before its onset.
        """
        first_ns = self.start_ns
        if self.recorded is not None:
            first_ns = max(self.span.start_ns, first_ns)
        if self.onset is None:
            return first_ns
        onset_ns = self.start_ns + round(self.onset * NS_PER_S / preprocessing.sampling_rate_hz)
        if onset_ns + _SHOWN_AFTER_ONSET_NS <= first_ns + preprocessing.window_ns:
            return first_ns
        latest_ns = max(self.span.end_ns - preprocessing.window_ns, first_ns)
        return min(max(onset_ns - _BEFORE_ONSET_NS, first_ns), latest_ns)

    def cut(
        self, start_ns: int, preprocessing: Preprocessing, loss: DataLoss = NOTHING, *, row: bool
    ) -> NDArray[np.float32]:
        """Cut a window out of the record, as `quake predict` would.

        Parameters
        ----------
        start_ns : int
            Start of the window, ns since the epoch.
        preprocessing : Preprocessing
        loss : DataLoss
            What is missing of it.
        row : bool
            Whether the record is cut to the labelled row first.

        Returns
        -------
        array of shape (3, N); zeros where there is nothing.
        """
        recorded = self.recorded or as_channel_set(self.samples, preprocessing, self.start_ns)
        if row and self.recorded is not None:
            recorded = within(recorded, self.span.start_ns, self.span.end_ns)
        return cut_with_loss(recorded, start_ns, preprocessing, loss)


def as_channel_set(
    samples: NDArray[np.float32], preprocessing: Preprocessing, start_ns: int = 0
) -> ChannelSet:
    """Make a record of samples (3, N) at the model's rate; components of zeros are none."""
    segments = {
        component: [Segment(component, start_ns, preprocessing.sampling_rate_hz, row)]
        for component, row in zip(COMPONENTS, samples, strict=True)
        if row.any()
    }
    return ChannelSet(ChannelSetId("", "", "", ""), segments)


def cut_with_loss(
    channel_set: ChannelSet, start_ns: int, preprocessing: Preprocessing, loss: DataLoss
) -> NDArray[np.float32]:
    """Inflict a loss on a record and cut a window, (3, N)."""
    damaged = inflict(channel_set, loss, start_ns)
    lenient = replace(preprocessing, accepts_missing_components=True)
    return cut(damaged, start_ns, lenient, MIN_COVERAGE).samples
