"""Decode one row of labelled data: its waveform at the model's rate, or why there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quake.classes import NOISE
from quake.data.preprocessing import Preprocessing
from quake.datasets.file_reader import FILE_READER
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError, WaveformError
from quake.waveforms.segments import ChannelSet
from quake.waveforms.times import NS_PER_S, format_time
from quake.windows.cutting import cut
from quake.windows.missing import within

_MIN_COVERAGE = 0.7


# Of the row and its margins, before empty ends are cut away.
_MIN_COVERAGE_OF_A_COMPONENT = 0.2


# Records are often cut at the arrival, with a clock or a rounding of their own.
_ONSET_SLACK_NS = NS_PER_S


class Decoded(NamedTuple):
    """What an `Example` has that does not depend on the classes."""

    samples: NDArray[np.float32]
    components: str
    onset: int | None
    recorded: ChannelSet | None = None
    start_ns: int = 0


Outcome = Decoded | str
"""What became of a row: its waveform, or the reason why there is none."""


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
    recorded = within(channel_set, start_ns, end_ns)
    return Decoded(samples, window.components, onset, recorded, first_ns)


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
