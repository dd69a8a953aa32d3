"""Turn the samples of an event into lines of small numbers and a spectrogram, for a page.

A page draws the lines itself, so that hundreds of events fit into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quake.pictures.band import Band
from quake.pictures.excerpt import read_excerpt
from quake.pictures.indexed_png import N_COLOURS, indexed_png
from quake.pictures.panels import colour_range, log_rows, wave_limits
from quake.pictures.spectrogram import Spectrogram
from quake.pictures.traces import Trace, open_traces
from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.segments import Span, component_map
from quake.waveforms.sources import Source
from quake.waveforms.times import NS_PER_S

Floats = NDArray[np.float64]

HEIGHT = 100
"""Lines lie between 0, the upper edge, and that."""

_COLUMNS, _SPECTROGRAM_COLUMNS, _SPECTROGRAM_ROWS = 300, 150, 48
_LOWEST_HZ, _HIGHEST_HZ = 0.5, 20.0


@dataclass(frozen=True)
class ViewLine:
    """A component.

    Attributes
    ----------
    name : str
        Channel codes, as in ``BHZ``.
    high, low : sequence of int or None
        Places of the largest and the smallest sample of each column, 0 to `HEIGHT`, downwards;
        None where there is no sample.
    reach : str
        What the distance from the middle to an edge stands for, as in ``1.2k counts``.
    """

    name: str
    high: Sequence[int | None]
    low: Sequence[int | None]
    reach: str


@dataclass(frozen=True)
class EventView:
    """An event at one channel set.

    Attributes
    ----------
    start_ns, end_ns : int
        Of all lines, ns since the epoch.
    band : str
        What of the waveforms is shown.
    lines : sequence of ViewLine
        Of the components that were recorded, Z N E.
    spectrogram : bytes
        PNG of the first of them; empty where there is none.
    frequencies_hz : (lowest, highest)
        Ends of its axis, which is logarithmic.
    """

    start_ns: int
    end_ns: int
    band: str
    lines: Sequence[ViewLine]
    spectrogram: bytes
    frequencies_hz: tuple[float, float]


def view_event(
    source: Source,
    spans: Sequence[Span],
    id: ChannelSetId,
    start_ns: int,
    end_ns: int,
    band: Band | None = None,
    components: Sequence[str] = COMPONENTS,
) -> EventView:
    """Read what is shown of an event.

    Parameters
    ----------
    source : Source
    spans : of the channel set
    id : ChannelSetId
    start_ns, end_ns : int
        ns since the epoch.
    band : Band, optional
        What of the waveforms is shown; by default 1 to 20 Hz.
    components : sequence of str
        Those that are wanted.

    Raises
    ------
    WaveformError
        If a file cannot be read.
    """
    band = band or Band()
    mapping = component_map(spans)
    own = [s for s in spans if s.id == id and mapping.get(s.code) in components]
    rates_hz = {
        component: sorted({s.sampling_rate_hz for s in own if mapping[s.code] == component})
        for component in components
    }
    lowest_hz = min((s.sampling_rate_hz for s in own), default=1.0)
    n_samples = int((end_ns - start_ns) / NS_PER_S * lowest_hz)
    columns = max(min(_COLUMNS, n_samples // 2), 1)
    traces = open_traces(start_ns, end_ns, rates_hz, _HIGHEST_HZ, columns, band)
    if traces.spectrogram is not None:
        top_hz = traces.spectrogram.top_hz
        rate_hz = max(rates_hz[traces.shown])
        traces.spectrogram = Spectrogram(start_ns, end_ns, top_hz, rate_hz, _SPECTROGRAM_COLUMNS)
    reach_ns = round(band.reach_s * NS_PER_S)
    excerpt = read_excerpt(source, own, id, start_ns - reach_ns, end_ns + reach_ns)
    traces.add(excerpt, start_ns, end_ns)
    recorded = [trace for trace in traces.traces.values() if not trace.envelope.is_empty]
    lines = [_line(trace) for trace in recorded]
    picture, ends = _spectrogram(traces.spectrogram)
    return EventView(start_ns, end_ns, band.name(traces.rate_hz or 1.0), lines, picture, ends)


def _line(trace: Trace) -> ViewLine:
    low, high = trace.envelope.low, trace.envelope.high
    bottom, top, _ = wave_limits(np.concatenate([low, high]))
    height = (top - bottom) or 1.0
    return ViewLine(
        " ".join(sorted(trace.channels)),
        _places((top - high) / height),
        _places((top - low) / height),
        f"{short(height / 2)} {trace.unit}",
    )


def _places(shares: Floats) -> list[int | None]:
    places = np.clip(np.rint(HEIGHT * shares), 0, HEIGHT)
    return [None if np.isnan(place) else int(place) for place in places]


def short(value: float) -> str:
    """Write a number with two or three digits, and a letter for thousands.

    Examples
    --------
    >>> short(1234), short(0.00012), short(52)
    ('1.2k', '0.00012', '52')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{short(value / size)}{letter}"
    return f"{value:.3g}" if value >= 100 else f"{value:.2g}"


def _spectrogram(spectrogram: Spectrogram | None) -> tuple[bytes, tuple[float, float]]:
    if spectrogram is None or not len(spectrogram.frequencies_hz):
        return b"", (0.0, 0.0)
    decibels = spectrogram.decibels()
    if not np.isfinite(decibels).any():
        return b"", (0.0, 0.0)
    low_hz = max(spectrogram.row_hz / 2, _LOWEST_HZ)
    if low_hz >= spectrogram.top_hz:
        return b"", (0.0, 0.0)
    rows = log_rows(spectrogram.frequencies_hz, low_hz, spectrogram.top_hz, _SPECTROGRAM_ROWS)
    low, high = colour_range(decibels, spectrogram.frequencies_hz)
    shares = np.nan_to_num((decibels[rows][::-1] - low) / (high - low))
    levels = np.clip(np.rint(shares * (N_COLOURS - 1)), 0, N_COLOURS - 1).astype(np.uint8)
    return indexed_png(levels), (low_hz, spectrogram.top_hz)
