"""Decode labelled spans: rows of a label table go in, waveforms at the model's rate come out.

Each row is decoded once and kept in memory, so that no epoch but the first reads a file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quake.data.join import join_segments
from quake.data.labels import NOISE, LabelledSpan, LabelSet
from quake.data.preprocessing import Preprocessing
from quake.data.readers import read_segments, scan
from quake.data.waveform import COMPONENTS, NS_PER_S, ChannelSet, ChannelSetId, Span, component_map
from quake.data.windows import cut
from quake.errors import LabelError, WaveformError

logger = logging.getLogger(__name__)

_MIN_COVERAGE = 0.7
# Of the row and its margins, before empty ends are cut away.
_MIN_COVERAGE_OF_A_COMPONENT = 0.2


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
    """

    samples: NDArray[np.float32]
    components: str
    target: int
    onset: int | None
    span: LabelledSpan


def decode(
    spans: Sequence[LabelledSpan],
    labels: LabelSet,
    preprocessing: Preprocessing,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[list[Example], list[tuple[LabelledSpan, str]]]:
    """Decode all rows.

    Rows of events are decoded with up to a window's length of the record on either side, so that
    windows can be drawn at any shift; rows of noise only as far as they are labelled.

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
    examples: list[Example] = []
    excluded: list[tuple[LabelledSpan, str]] = []
    for done, span in enumerate(spans, start=1):
        try:
            examples.append(_decode_row(span, labels, preprocessing))
        except (WaveformError, LabelError) as error:
            excluded.append((span, str(error)))
        progress(done)
    if not examples:
        _, reason = excluded[0]
        raise LabelError(f"none of {len(spans)} rows can be used; the first one: {reason}")
    return examples, excluded


def _decode_row(span: LabelledSpan, labels: LabelSet, preprocessing: Preprocessing) -> Example:
    headers, _ = scan(span.path)
    channel_set_id, recorded = _fullest(headers, span)
    margin_ns = 0 if span.label == NOISE else preprocessing.window_ns
    # Where the record ends before the row, or the margin, does, so does the example.
    start_ns = max(span.start_ns - margin_ns, min(s.start_ns for s in recorded))
    end_ns = min(span.end_ns + margin_ns, max(s.end_ns for s in recorded))
    rate_hz = preprocessing.sampling_rate_hz
    n_samples = int((end_ns - start_ns) * rate_hz / NS_PER_S)
    if n_samples < preprocessing.nperseg:
        raise LabelError(
            f"{span.path}: {n_samples / rate_hz:.1f} s of data in the row, "
            f"{preprocessing.nperseg / rate_hz:.1f} s at least were expected"
        )
    segments, _ = read_segments(span.path, channel_set_id, start_ns - NS_PER_S, end_ns + NS_PER_S)
    mapping = component_map(headers_of(headers, channel_set_id))
    channel_set = ChannelSet(
        channel_set_id,
        {
            component: join_segments(s for s in segments if mapping.get(s.code) == component)
            for component in COMPONENTS
        },
    )
    window = cut(
        channel_set,
        start_ns,
        replace(preprocessing, window_s=n_samples / rate_hz, accepts_missing_components=True),
        _MIN_COVERAGE_OF_A_COMPONENT,
    )
    if window.status != "usable":
        raise LabelError(f"{span.path}, {channel_set_id}: {', '.join(window.flags)}")
    samples, first = _without_empty_ends(window.samples)
    if samples.shape[1] < preprocessing.nperseg or samples.any(axis=0).mean() < _MIN_COVERAGE:
        raise LabelError(f"{span.path}, {channel_set_id}: low_coverage, {', '.join(window.flags)}")
    onset = None
    if span.label != NOISE:
        onset_ns = span.p_ns if span.p_ns is not None else span.start_ns
        onset = round((onset_ns - start_ns) * rate_hz / NS_PER_S) - first
        onset = min(max(onset, 0), samples.shape[1] - 1)
    return Example(samples, window.components, labels.index(span.label), onset, span)


def _without_empty_ends(samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
    """Cut away what was not recorded at either end; also the index of the first sample kept."""
    there = np.flatnonzero(samples.any(axis=0))
    if not len(there):
        return samples[:, :0], 0
    return samples[:, there[0] : there[-1] + 1], int(there[0])


def headers_of(headers: Iterable[Span], channel_set_id: ChannelSetId) -> list[Span]:
    """Spans of one channel set."""
    return [header for header in headers if header.id == channel_set_id]


def _fullest(headers: list[Span], span: LabelledSpan) -> tuple[ChannelSetId, list[Span]]:
    """Choose the channel set with the most components within a row; the first of equals."""
    inside = [h for h in headers if h.start_ns < span.end_ns and h.end_ns > span.start_ns]
    if not inside:
        raise LabelError(
            f"{span.path}: no data between the row's start and end; check the table's times"
        )
    candidates = sorted({header.id for header in inside})
    best = max(
        candidates, key=lambda key: len(set(component_map(headers_of(inside, key)).values()))
    )
    if not component_map(headers_of(inside, best)):
        codes = ", ".join(sorted({header.code or "(none)" for header in inside}))
        raise LabelError(f"{span.path}: components {codes}, but Z, N, E, 1, 2 or 3 are needed")
    return best, headers_of(inside, best)
