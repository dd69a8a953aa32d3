"""Feed on a SeedLink server: keep records until their windows are complete."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Self

from quake.inputs.selection import Selection
from quake.live.seedlink import ReceivedSamples, SeedLinkFeed
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Segment, Span
from quake.waveforms.sources import Problem, Source
from quake.waveforms.times import NS_PER_S
from quake.windows.station_days import StationDay

_SOURCE = "seedlink"


class SeedLinkArrivals:
    """Samples of a SeedLink server, kept in memory while windows need them; as a context.

    Parameters
    ----------
    feed : SeedLinkFeed
    selection : Selection
        What of it is wanted.
    """

    def __init__(self, feed: SeedLinkFeed, selection: Selection) -> None:
        self._feed = feed
        self.selection = selection
        self._segments: dict[ChannelSetId, list[Segment]] = defaultdict(list)
        self._spans: dict[ChannelSetId, list[Span]] = defaultdict(list)

    def __enter__(self) -> Self:
        """Connect."""
        self._feed.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._feed.__exit__(None, None, None)

    @property
    def source(self) -> Source:
        """The samples that are in memory."""
        return _Memory(self._segments, self._spans)

    def wait(self, timeout_s: float) -> dict[ChannelSetId, int]:
        """Channel sets with news and the time from which on there are any, see `Feed`."""
        news: dict[ChannelSetId, int] = {}
        for arrival in self._feed.read(timeout_s):
            if self._add(arrival):
                start_ns = arrival.segment.start_ns
                news[arrival.id] = min(news.get(arrival.id, start_ns), start_ns)
        return news

    def spans(self, channel_set: ChannelSetId) -> list[Span]:
        """All that has arrived, also what is not in memory any more."""
        return list(self._spans.get(channel_set, ()))

    def digest(self, day: StationDay, window_ns: int, *, has_failed: bool) -> str:
        """None: there are no files."""
        return ""

    def forget(self, channel_set: ChannelSetId, before_ns: int) -> None:
        """Drop samples before a time, and spans that ended a day before it."""
        segments = self._segments[channel_set]
        segments[:] = [segment for segment in segments if segment.end_ns > before_ns]
        spans = self._spans[channel_set]
        spans[:] = [span for span in spans if span.end_ns > before_ns - 86_400 * NS_PER_S]

    def _add(self, arrival: ReceivedSamples) -> bool:
        segment = arrival.segment
        span = Span(
            arrival.id,
            segment.code,
            segment.start_ns,
            segment.end_ns,
            segment.sampling_rate_hz,
            _SOURCE,
        )
        if not self.selection.matches(span):
            return False
        if not self.selection.overlaps(span.start_ns, span.end_ns):
            return False
        self._segments[arrival.id].append(segment)
        _extend(self._spans[arrival.id], span)
        return True


class _Memory:
    """Samples in memory, as a `Source`."""

    def __init__(
        self, segments: dict[ChannelSetId, list[Segment]], spans: dict[ChannelSetId, list[Span]]
    ) -> None:
        self._segments, self._spans = segments, spans
        self.problems: list[Problem] = []

    def spans(self) -> dict[ChannelSetId, list[Span]]:
        """What has arrived."""
        return {key: list(spans) for key, spans in self._spans.items()}

    def read(
        self, spans: Sequence[Span], channel_set: ChannelSetId, start_ns: int, end_ns: int
    ) -> list[Segment]:
        """What of it lies between two times, as whole records."""
        return [
            segment
            for segment in self._segments.get(channel_set, ())
            if segment.start_ns < end_ns and segment.end_ns > start_ns
        ]


def _extend(spans: list[Span], new: Span) -> None:
    """Add a span, joined to the last one of its component where it follows on it."""
    tolerance_ns = NS_PER_S / new.sampling_rate_hz / 2
    for index in range(len(spans) - 1, -1, -1):
        span = spans[index]
        if (span.code, span.sampling_rate_hz) != (new.code, new.sampling_rate_hz):
            continue
        if abs(new.start_ns - span.end_ns) <= tolerance_ns:
            spans[index] = Span(
                span.id, span.code, span.start_ns, new.end_ns, span.sampling_rate_hz, span.source
            )
            return
        break
    spans.append(new)
