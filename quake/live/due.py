"""Tell which windows of a growing recording are complete."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from quake.waveforms.ids import COMPONENTS
from quake.waveforms.segments import component_map
from quake.windows.grid import Recording, WindowGrid
from quake.windows.station_days import StationDay


@dataclass(frozen=True)
class Arrivals:
    """How far a channel set has come.

    Attributes
    ----------
    reach_ns : mapping of component to time
        Up to where each component, Z, N or E, has arrived; ns since the epoch.
    wait_ns : int
        A component that is so far behind another one is not waited for.
    has_ended : bool
        Nothing has come for so long that its end is taken for the end of a recording.
    """

    reach_ns: Mapping[str, int]
    wait_ns: int
    has_ended: bool = False

    def are_complete_to(self, time_ns: int) -> bool:
        """Whether nothing before a time is worth waiting for."""
        if not self.reach_ns:
            return False
        furthest_ns = max(self.reach_ns.values())
        if furthest_ns >= time_ns + self.wait_ns or (self.has_ended and furthest_ns >= time_ns):
            return True
        # A component that has never come may be the next to do so.
        return len(self.reach_ns) == len(COMPONENTS) and min(self.reach_ns.values()) >= time_ns


def arrivals(day: StationDay, wait_ns: int, *, has_ended: bool = False) -> Arrivals:
    """See from its spans how far a channel set has come."""
    mapping = component_map(day.spans)
    reach_ns: dict[str, int] = {}
    for span in day.spans:
        if span.code in mapping:
            component = mapping[span.code]
            reach_ns[component] = max(reach_ns.get(component, span.end_ns), span.end_ns)
    return Arrivals(reach_ns, wait_ns, has_ended)


def due_windows(
    day: StationDay, grid: WindowGrid, arrived: Arrivals, scored: Collection[int]
) -> Iterator[tuple[Recording, list[int]]]:
    """Windows that can be scored now and have not been.

    A window flush with the end of a recording is due when the recording has ended: when another one
    has begun, or nothing has come for long. One flush with its beginning is left out where windows
    that were scored reach into it: what looks like a beginning is where reading began again.

    Parameters
    ----------
    day : StationDay
    grid : WindowGrid
    arrived : Arrivals
    scored : starts of windows, ns since the epoch, also those of the day before

    Yields
    ------
    recording : Recording
    starts_ns : list of int
    """
    recordings = list(day.recordings(grid.window_ns))
    last = recordings[-1] if recordings else None
    for recording, starts in day.windows(grid):
        has_ended = arrived.has_ended or recording != last
        due = [
            start
            for start in starts
            if start not in scored
            and _is_complete(start, recording, grid, arrived, has_ended=has_ended)
            and not _continues(start, recording, grid, scored)
        ]
        if due:
            yield recording, due


def _is_complete(
    start_ns: int, recording: Recording, grid: WindowGrid, arrived: Arrivals, *, has_ended: bool
) -> bool:
    end_ns = start_ns + grid.window_ns
    if has_ended:
        return True
    is_on_grid = start_ns % grid.hop_ns == 0
    if end_ns > recording.end_ns + recording.tolerance_ns or not (
        is_on_grid or start_ns == recording.start_ns
    ):
        return False
    return arrived.are_complete_to(end_ns - recording.tolerance_ns)


def _continues(
    start_ns: int, recording: Recording, grid: WindowGrid, scored: Collection[int]
) -> bool:
    """Whether a window off the grid, at a beginning, follows on one that was scored."""
    if start_ns != recording.start_ns or start_ns % grid.hop_ns == 0:
        return False
    return any(start_ns - grid.window_ns <= other <= start_ns for other in scored)
