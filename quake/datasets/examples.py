"""Decode labelled spans: rows of a label table go in, waveforms at the model's rate come out.

Each row is decoded once and kept, in memory or in a cache on disk, so that no epoch but the first
reads a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quake.classes import NOISE, LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets.file_reader import FILE_READER
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError, WaveformError
from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.segments import ChannelSet, Segment
from quake.waveforms.times import NS_PER_S, format_time
from quake.windows.cutting import cut
from quake.windows.grid import MIN_COVERAGE
from quake.windows.missing import NOTHING, Loss, inflict, within

_MIN_COVERAGE = 0.7
# Of the row and its margins, before empty ends are cut away.
_MIN_COVERAGE_OF_A_COMPONENT = 0.2
# Of an event, so much must show in the window of its row, or it is moved to so long before it.
_SHOWN_AFTER_ONSET_NS = 12 * NS_PER_S
_BEFORE_ONSET_NS = 15 * NS_PER_S
# Records are often cut at the arrival, with a clock or a rounding of their own.
_ONSET_SLACK_NS = NS_PER_S


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
    record : ChannelSet, optional
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
    record: ChannelSet | None = None
    start_ns: int = 0

    def row_start_ns(self, preprocessing: Preprocessing) -> int:
        """Start of the window that stands for the row, ns since the epoch.

        The row's own start; of a row that is longer than a window and whose event would not show,
        fifteen seconds before its onset.
        """
        first_ns = self.start_ns
        if self.record is not None:
            first_ns = max(self.span.start_ns, first_ns)
        if self.onset is None:
            return first_ns
        onset_ns = self.start_ns + round(self.onset * NS_PER_S / preprocessing.sampling_rate_hz)
        if onset_ns + _SHOWN_AFTER_ONSET_NS <= first_ns + preprocessing.window_ns:
            return first_ns
        latest_ns = max(self.span.end_ns - preprocessing.window_ns, first_ns)
        return min(max(onset_ns - _BEFORE_ONSET_NS, first_ns), latest_ns)

    def cut(
        self, start_ns: int, preprocessing: Preprocessing, loss: Loss = NOTHING, *, row: bool
    ) -> NDArray[np.float32]:
        """Cut a window out of the record, as `quake predict` would.

        Parameters
        ----------
        start_ns : int
            Start of the window, ns since the epoch.
        preprocessing : Preprocessing
        loss : Loss
            What is missing of it.
        row : bool
            Whether the record is cut to the labelled row first.

        Returns
        -------
        array of shape (3, N); zeros where there is nothing.
        """
        record = self.record or as_record(self.samples, preprocessing, self.start_ns)
        if row and self.record is not None:
            record = within(record, self.span.start_ns, self.span.end_ns)
        return cut_with_loss(record, start_ns, preprocessing, loss)


def as_record(
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
    record: ChannelSet, start_ns: int, preprocessing: Preprocessing, loss: Loss
) -> NDArray[np.float32]:
    """Inflict a loss on a record and cut a window, (3, N)."""
    damaged = inflict(record, loss, start_ns)
    lenient = replace(preprocessing, accepts_missing_components=True)
    return cut(damaged, start_ns, lenient, MIN_COVERAGE).samples


class Decoded(NamedTuple):
    """What an `Example` has that does not depend on the classes."""

    samples: NDArray[np.float32]
    components: str
    onset: int | None
    record: ChannelSet | None = None
    start_ns: int = 0


Outcome = Decoded | str
"""What became of a row: its waveform, or the reason why there is none."""


def decode(
    spans: Sequence[LabelledSpan],
    labels: LabelSet,
    preprocessing: Preprocessing,
    progress: Callable[[int], None] = lambda done: None,
    *,
    cache: str | Path | None = None,
    workers: int = 0,
) -> tuple[list[Example], list[tuple[LabelledSpan, str]]]:
    """Decode all rows.

    Rows of events are decoded with up to a window's length of the record on either side, so that
    windows can be drawn at any shift; rows of noise only as far as they are labelled.

    Parameters
    ----------
    spans : rows
    labels : LabelSet
    preprocessing : Preprocessing
    progress : callable of the number of rows done
    cache : folder, optional
        Where decoded rows are kept and looked for, see `quake.datasets.cache`.
    workers : int
        Processes that decode; 0 decodes in this one. They are spawned, so a script that asks for
        them needs the ``if __name__ == "__main__":`` of `multiprocessing`.

    Returns
    -------
    examples : list of Example
    excluded : list of (LabelledSpan, str)
        Rows that cannot be used, and why.

    Raises
    ------
    LabelError
        If no row can be used.
    """
    known, excluded = _of_known_classes(spans, labels)

    def decode_all() -> Iterator[Outcome]:
        for done, outcome in enumerate(_outcomes(known, preprocessing, workers), start=1):
            yield outcome
            progress(len(excluded) + done)

    if cache is None:
        outcomes = list(decode_all())
    else:
        from quake.datasets.cache import through_cache

        outcomes = through_cache(cache, known, preprocessing, decode_all)
    examples: list[Example] = []
    unusable = []
    for span, outcome in zip(known, outcomes, strict=True):
        if isinstance(outcome, str):
            unusable.append((span, outcome))
        else:
            target = labels.index(span.label)
            examples.append(
                Example(
                    outcome.samples,
                    outcome.components,
                    target,
                    outcome.onset,
                    span,
                    outcome.record,
                    outcome.start_ns,
                )
            )
    excluded += unusable
    if not examples:
        first = f"; the first one: {excluded[0][1]}" if excluded else ""
        raise LabelError(f"none of {len(spans)} rows can be used{first}")
    return examples, excluded


def _of_known_classes(
    spans: Sequence[LabelledSpan], labels: LabelSet
) -> tuple[list[LabelledSpan], list[tuple[LabelledSpan, str]]]:
    known, unknown = [], []
    for span in spans:
        try:
            labels.index(span.label)
        except LabelError as error:
            unknown.append((span, str(error)))
        else:
            known.append(span)
    return known, unknown


def _outcomes(
    spans: Sequence[LabelledSpan], preprocessing: Preprocessing, workers: int
) -> Iterable[Outcome]:
    """Decode rows in their order."""
    if workers > 0 and len(spans) > 1:
        from quake.datasets.workers import decode_in_processes

        return decode_in_processes(spans, preprocessing, workers)
    return (outcome_of(span, preprocessing) for span in spans)


def outcome_of(span: LabelledSpan, preprocessing: Preprocessing) -> Outcome:
    """Decode a row, or say why it cannot be."""
    try:
        return _decode_row(span, preprocessing)
    except (WaveformError, LabelError) as error:
        return str(error)


def _decode_row(span: LabelledSpan, preprocessing: Preprocessing) -> Decoded:
    margin_ns = 0 if span.label == NOISE else preprocessing.window_ns
    reader = span.reader or FILE_READER
    channel_set, start_ns, end_ns = reader.read(span, margin_ns)
    what = f"{span.path}, {channel_set.id}"
    rate_hz = preprocessing.sampling_rate_hz
    n_samples = int((end_ns - start_ns) * rate_hz / NS_PER_S)
    if n_samples < preprocessing.nperseg:
        raise LabelError(
            f"{what}: {n_samples / rate_hz:.1f} s of data in the row, "
            f"{preprocessing.nperseg / rate_hz:.1f} s at least were expected"
        )
    onset_ns = _onset_ns(span, what, start_ns, end_ns)
    window = cut(
        channel_set,
        start_ns,
        replace(preprocessing, window_s=n_samples / rate_hz, accepts_missing_components=True),
        _MIN_COVERAGE_OF_A_COMPONENT,
    )
    if window.status != "usable":
        raise LabelError(f"{what}: {', '.join(window.flags)}")
    samples, first = _without_empty_ends(window.samples)
    if samples.shape[1] < preprocessing.nperseg or samples.any(axis=0).mean() < _MIN_COVERAGE:
        raise LabelError(f"{what}: low_coverage, {', '.join(window.flags)}")
    onset = None
    if onset_ns is not None:
        onset = round((onset_ns - start_ns) * rate_hz / NS_PER_S) - first
        onset = min(max(onset, 0), samples.shape[1] - 1)
    first_ns = start_ns + round(first * NS_PER_S / rate_hz)
    record = within(channel_set, start_ns, end_ns)
    return Decoded(samples, window.components, onset, record, first_ns)


def _onset_ns(span: LabelledSpan, what: str, start_ns: int, end_ns: int) -> int | None:
    """When the event begins; None for noise."""
    if span.label == NOISE:
        return None
    if span.p_ns is None:
        return span.start_ns
    if not start_ns - _ONSET_SLACK_NS <= span.p_ns < end_ns + _ONSET_SLACK_NS:
        raise LabelError(
            f"{what}: the arrival at {format_time(span.p_ns)} is outside of the record, which is "
            f"there from {format_time(start_ns)} to {format_time(end_ns)}; check p_time"
        )
    return span.p_ns


def _without_empty_ends(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Cut away what was not recorded at either end; also the index of the first sample kept."""
    there = np.flatnonzero(samples.any(axis=0))
    if not len(there):
        return samples[:, :0], 0
    return samples[:, there[0] : there[-1] + 1], int(there[0])
