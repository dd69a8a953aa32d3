"""Read a part of a source as a classifier sees it."""

from __future__ import annotations

from collections.abc import Iterable

from quake.waveforms.assembly import margin_ns, read_channel_set
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import ChannelSet, Span, component_map
from quake.waveforms.sources import Source


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
    margin = margin_ns(own, mapping)
    return read_channel_set(source, own, id, start_ns - margin, end_ns + margin, mapping)
