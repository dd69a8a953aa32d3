"""Put channel sets together: say which segment is of which component, and join them.

Whatever reads waveforms asks this module, so that all of `quake` agrees on which code stands for
which component, and on what two pieces that overlap leave of each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.joining import disputed_intervals, join_segments
from quake.waveforms.segments import ChannelSet, Segment, Span, component_map
from quake.waveforms.sources import Source
from quake.waveforms.times import NS_PER_S

# Windows are cut at the samples nearest to their ends, and a clock may be off by half a sample.
_MARGIN_SAMPLES = 2


def assemble(
    id: ChannelSetId, segments: Iterable[Segment], mapping: Mapping[str, str] | None = None
) -> ChannelSet:
    """Put a channel set together.

    Parameters
    ----------
    id : ChannelSetId
    segments : iterable of Segment
        In any order; they may touch and overlap.
    mapping : mapping of code to "Z", "N" or "E", optional
        As `component_map` makes it of all that is known of the channel set; segments with other
        codes are left out. By default, that of these segments.

    Returns
    -------
    ChannelSet
        Z, N, E in this order, each joined, without segments where there are none; and where pieces
        contradicted each other.
    """
    segments = list(segments)
    if mapping is None:
        mapping = component_map(segments)
    by_component = {
        component: [s for s in segments if mapping.get(s.code) == component]
        for component in COMPONENTS
    }
    return ChannelSet(
        id,
        {component: join_segments(some) for component, some in by_component.items()},
        disputed={
            component: intervals
            for component, some in by_component.items()
            if (intervals := disputed_intervals(some))
        },
    )


def read_channel_set(
    source: Source,
    spans: Iterable[Span],
    id: ChannelSetId,
    start_ns: int,
    end_ns: int,
    mapping: Mapping[str, str] | None = None,
) -> ChannelSet:
    """Read what a channel set recorded between two times, and put it together.

    Parameters
    ----------
    source : Source
    spans : iterable of Span
        Of the channel set. Those of other times count for the mapping alone: a code stands for the
        same component in every part that is read.
    id : ChannelSetId
    start_ns, end_ns : int
        ns since the epoch; see `margin_ns` for what windows need beyond them.
    mapping : mapping of code to "Z", "N" or "E", optional
        By default, that of the spans.

    Returns
    -------
    ChannelSet
    """
    spans = list(spans)
    here = [span for span in spans if span.start_ns < end_ns and span.end_ns > start_ns]
    segments = source.read(here, id, start_ns, end_ns) if here else []
    return assemble(id, segments, component_map(spans) if mapping is None else mapping)


def margin_ns(spans: Sequence[Span], mapping: Mapping[str, str]) -> int:
    """How far beyond the ends of a window samples are needed, ns: two of the slowest component."""
    rates_hz = [span.sampling_rate_hz for span in spans if span.code in mapping]
    return round(_MARGIN_SAMPLES * NS_PER_S / min(rates_hz)) if rates_hz else 0
