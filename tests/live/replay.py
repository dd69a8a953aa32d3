"""A feed that replays records of 512 bytes as they were recorded, by a clock of its own."""

import heapq

from quake.inputs.selection import Selection
from quake.live.seedlink import ReceivedSamples, _decode
from quake.live.seedlink_feed import SeedLinkArrivals
from quake.waveforms.times import NS_PER_S


class Replay:
    """Stands in for `SeedLinkFeed`: each record comes some time after its last sample.

    `now_ns` is the time of the replay; `at_end` is called once when all has come.

    Parameters
    ----------
    records : list of bytes or ReceivedSamples
    delay_s : float
    step_s : float
        Of the clock, between two calls.
    delays_s : mapping of channel set to float, optional
        Other delays than `delay_s`.
    at_once : bool
        All comes after the last sample.
    begin_ns : int
        What was recorded before comes at this time.
    """

    def __init__(self, records, delay_s=1.0, step_s=1.0, delays_s=None, at_once=False, begin_ns=0):
        self.n_reconnections = 0
        self.at_end = lambda: None
        self.arrivals = [r if isinstance(r, ReceivedSamples) else _decode(r) for r in records]
        self._step_ns = round(step_s * NS_PER_S)
        self._queue = []
        last_ns = max(arrival.segment.end_ns for arrival in self.arrivals)
        for number, arrival in enumerate(self.arrivals):
            late_ns = round((delays_s or {}).get(str(arrival.id), delay_s) * NS_PER_S)
            at_ns = max(begin_ns, last_ns if at_once else arrival.segment.end_ns) + late_ns
            heapq.heappush(self._queue, (at_ns, number, arrival))
        self.now_ns = self._queue[0][0]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def read(self, timeout_s, *, joined=False):
        if not self._queue:
            self.at_end()
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
