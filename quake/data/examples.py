"""Decode labelled spans: rows of a label table go in, waveforms at the model's rate come out.

Each row is decoded once and kept in memory, so that no epoch but the first reads a file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quake.data.file_reader import FILE_READER
from quake.data.labels import NOISE, LabelledSpan, LabelSet
from quake.data.preprocessing import Preprocessing
from quake.data.waveform import NS_PER_S
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
    *,
    cache: str | Path | None = None,
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
        Where decoded rows are kept and looked for, see `quake.data.cache`.

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

    def decode_all() -> Iterator[tuple[LabelledSpan, Example | None, str]]:
        for done, span in enumerate(spans, start=1):
            try:
                yield span, _decode_row(span, labels, preprocessing), ""
            except (WaveformError, LabelError) as error:
                yield span, None, str(error)
            progress(done)

    examples: list[Example] = []
    excluded: list[tuple[LabelledSpan, str]] = []
    if cache is not None:
        from quake.data.cache import through_cache

        examples, excluded = through_cache(cache, spans, labels, preprocessing, decode_all)
    else:
        for span, example, reason in decode_all():
            if example is None:
                excluded.append((span, reason))
            else:
                examples.append(example)
    if not examples:
        _, reason = excluded[0]
        raise LabelError(f"none of {len(spans)} rows can be used; the first one: {reason}")
    return examples, excluded


def _decode_row(span: LabelledSpan, labels: LabelSet, preprocessing: Preprocessing) -> Example:
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
