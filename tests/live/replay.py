"""A feed that replays a record as it was recorded, by a clock of its own, in records of 512 bytes."""

import heapq

from quake.inputs.selection import Selection
from quake.live.seedlink import Arrival, _decode
from quake.live.seedlink_feed import SeedLinkArrivals

NS = 10**9


class Replay:
    """Stands in for `SeedLinkFeed`: each record comes some time after its last sample.

    `now_ns` is the time of the replay, in steps of one second.
    """

    def __init__(self, records, delay_s=1.0, step_s=1.0, delays_s=None):
        self.n_reconnections = 0
        self._step_ns = round(step_s * NS)
        self._queue = []
        for number, record in enumerate(records):
            arrival = record if isinstance(record, Arrival) else _decode(record)
            late_s = (delays_s or {}).get(str(arrival.id), delay_s)
            at_ns = arrival.segment.end_ns + round(late_s * NS)
            heapq.heappush(self._queue, (at_ns, number, arrival))
        self.now_ns = self._queue[0][0]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    @property
    def is_over(self):
        return not self._queue

    def read(self, timeout_s):
        if self.is_over:
            return []
        self.now_ns += self._step_ns
        found = []
        while self._queue and self._queue[0][0] <= self.now_ns:
            found.append(heapq.heappop(self._queue)[2])
        return found


def replayed(records, **options):
    """The feed, and what keeps its samples as of a server."""
    feed = Replay(records, **options)
    return feed, SeedLinkArrivals(feed, Selection())
