"""Read a part of a source as a classifier sees it."""

from __future__ import annotations

from collections.abc import Iterable

from quake.waveforms.ids import COMPONENTS, ChannelSetId
from quake.waveforms.joining import join_segments
from quake.waveforms.segments import ChannelSet, Span, component_map
from quake.waveforms.sources import Source
from quake.waveforms.times import NS_PER_S

# As the classifier reads: windows are cut at the samples nearest to their ends.
_MARGIN_SAMPLES = 2


def read_excerpt(
    source: Source, spans: Iterable[Span], id: ChannelSetId, start_ns: int, end_ns: int
) -> ChannelSet:
    """Read samples of a channel set between two times.

    Parameters
    ----------
    source : Source
    spans : iterable of Span
        Of the channel set; those that are of other times say which of two codes of a component is
        taken, as they do when it is classified.
    id : ChannelSetId
    start_ns, end_ns : int
        ns since the epoch; one or two samples beyond them are read too.

    Returns
    -------
    ChannelSet
        With Z, N, E in this order, without segments where there are none.
    """
    own = [span for span in spans if span.id == id]
    mapping = component_map(own)
    rates_hz = [span.sampling_rate_hz for span in own if span.code in mapping]
    margin_ns = round(_MARGIN_SAMPLES * NS_PER_S / min(rates_hz)) if rates_hz else 0
    begin_ns, stop_ns = start_ns - margin_ns, end_ns + margin_ns
    here = [s for s in own if s.start_ns < stop_ns and s.end_ns > begin_ns]
    segments = source.read(here, id, begin_ns, stop_ns) if here else []
    return ChannelSet(
        id,
        {
            component: join_segments(s for s in segments if mapping.get(s.code) == component)
            for component in COMPONENTS
        },
    )
